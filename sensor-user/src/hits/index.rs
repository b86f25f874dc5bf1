//! From pattern ids back to markers, and the exact confirmation of a match.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use jiff::Timestamp;

use super::Indexes;
use crate::model::{
    Image, ImageRow, MarkerHandling, MatchedIn, Observed, OrderNumber, Pap, Pattern, PatternId,
    PatternKind, Tlp, request,
};

/// The markers of an image, by pattern, and the orders behind them.
#[derive(Clone, Debug, Default)]
pub struct Index {
    image: Image,
    orders: References,
    /// Markers whose events are destroyed: no hit leads to them any more.
    struck: Struck,
}

/// Ids of markers.
pub(super) type Struck = Arc<HashSet<String>>;

/// References of orders, as events name them.
pub type References = Arc<BTreeMap<OrderNumber, String>>;

/// The markers that a hit leads back to.
#[derive(Debug)]
pub(super) struct Found {
    pub kind: PatternKind,
    pub markers: Vec<String>,
    /// Of each of them.
    pub handling: Vec<MarkerHandling>,
    pub orders: Vec<String>,
    pub tlp: Tlp,
    pub pap: Pap,
    /// When the first of their grounds ends.
    pub until: Option<Timestamp>,
}

/// One side of a packet, or what it bore, to confirm a pattern on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub src: (IpAddr, u16),
    pub dst: (IpAddr, u16),
    pub proto: u8,
    pub matched_in: MatchedIn,
    pub exact: Exact<'a>,
}

/// What a pattern that looks at no address is confirmed on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Exact<'a> {
    /// What the packet bore, in the place where the pattern matched.
    Values(&'a [Observed]),
    /// It was confirmed on an earlier packet of the flow.
    Earlier,
}

/// Why a match leads to no marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    /// The pattern is unknown, the exact value differs, or no marker looks at this side.
    Refuted,
    /// Its markers are all over.
    Expired,
}

impl Index {
    /// Whether a pattern is known and covers one of these values.
    fn confirms(&self, id: PatternId, values: &[Observed]) -> bool {
        let row = self.image.rows(id).first();
        row.is_some_and(|row| covers_value(&row.marker.pattern, Exact::Values(values)))
    }

    /// Of an image of the operator's own markers.
    #[must_use]
    pub fn new(image: Image) -> Self {
        Self::with_orders(image, References::default())
    }

    /// Of an image whose rows stand on these orders.
    #[must_use]
    pub fn with_orders(image: Image, orders: References) -> Self {
        Self {
            image,
            orders,
            struck: Struck::default(),
        }
    }

    pub(super) const fn image(&self) -> &Image {
        &self.image
    }

    /// The same without these markers, and those that it was without already.
    pub(super) fn without(&self, markers: &HashSet<String>) -> Self {
        Self {
            struck: Arc::new(self.struck.union(markers).cloned().collect()),
            ..self.clone()
        }
    }

    /// Confirms a match and names its markers in force at `time`, and the orders behind them.
    pub(super) fn find(
        &self,
        id: PatternId,
        sides: Sides<'_>,
        time: Timestamp,
    ) -> Result<Found, NotFound> {
        let rows = self.image.rows(id);
        let pattern = &rows.first().ok_or(NotFound::Refuted)?.marker.pattern;
        if !covers(pattern, sides) {
            return Err(NotFound::Refuted);
        }
        let looking = || {
            let struck = |row: &ImageRow| self.struck.contains(row.marker.id.as_str());
            let takes =
                move |row: &&ImageRow| row.marker.direction.takes(sides.matched_in) && !struck(row);
            rows.iter().filter(takes)
        };
        if looking().next().is_none() {
            return Err(NotFound::Refuted);
        }
        let in_force = || looking().filter(|row| row.marker.in_force(time));
        let (tlp, pap) = request::strictest(in_force().map(|row| &row.marker));
        let (markers, handling) = handled(in_force());
        if markers.is_empty() {
            return Err(NotFound::Expired);
        }
        let mut orders: Vec<String> = in_force()
            .filter_map(|row| self.orders.get(&row.order))
            .cloned()
            .collect();
        orders.sort_unstable();
        orders.dedup();
        let ends = in_force().filter_map(|row| row.marker.until);
        Ok(Found {
            until: ends.min().map(Timestamp::from),
            kind: pattern.kind(),
            markers,
            handling,
            orders,
            tlp,
            pap,
        })
    }
}

/// Each marker once, with its strictest handling. It stands in one row for each of its grounds, side
/// by side; every order is the authority's (L. 33-14 CPCE ¶2).
fn handled<'a>(rows: impl Iterator<Item = &'a ImageRow>) -> (Vec<String>, Vec<MarkerHandling>) {
    let (mut markers, mut handling) = (Vec::<String>::new(), Vec::<MarkerHandling>::new());
    for row in rows {
        let authority = row.order != OrderNumber::OWN;
        let (tlp, pap) = (row.marker.tlp, row.marker.pap);
        match (markers.last(), handling.last_mut()) {
            (Some(id), Some(known)) if *id == row.marker.id => {
                known.tlp = known.tlp.max(tlp);
                known.pap = known.pap.max(pap);
                known.authority |= authority;
            }
            _ => {
                markers.push(row.marker.id.to_string());
                handling.push(MarkerHandling {
                    tlp,
                    pap,
                    authority,
                });
            }
        }
    }
    (markers, handling)
}

impl Indexes {
    /// Confirms a match: by the index in force, and where that does not know it by those before it.
    pub(super) fn find(
        &self,
        id: PatternId,
        sides: Sides<'_>,
        time: Timestamp,
    ) -> Result<Found, NotFound> {
        let mut found = Err(NotFound::Refuted);
        for index in self.iter() {
            found = index.find(id, sides, time);
            if !matches!(found, Err(NotFound::Refuted)) {
                break;
            }
        }
        found
    }

    /// The patterns in force that cover a value, by their ids; `id_of` tells the id of a canonical form.
    /// Those of former sets are no candidates: nobody else has told that the packet was judged by one.
    pub fn covering(&self, value: &Observed, id_of: impl Fn(&str) -> PatternId) -> Vec<PatternId> {
        let mut ids = Vec::new();
        let among = self.iter().next().map(|index| index.image.label_counts());
        value.each_pattern(among.unwrap_or_default(), |pattern| {
            let id = id_of(pattern);
            let value = std::slice::from_ref(value);
            if self.iter().take(1).any(|index| index.confirms(id, value)) {
                ids.push(id);
            }
        });
        ids
    }

    /// Whether a pattern is known and covers one of these values.
    pub(super) fn confirm(&self, id: PatternId, values: &[Observed]) -> bool {
        self.iter().any(|index| index.confirms(id, values))
    }

    /// When the first ground of an event ends or ended that names these markers and orders; the
    /// beginning of time where one of them is known no more.
    pub(super) fn end_of(
        &self,
        id: PatternId,
        markers: &[String],
        orders: &[String],
    ) -> Option<Timestamp> {
        let mut known: HashSet<&str> = HashSet::new();
        let mut first = None;
        for index in self.iter() {
            for row in index.image.rows(id) {
                let order = index.orders.get(&row.order);
                let named = markers.iter().find(|marker| ***marker == *row.marker.id);
                let (Some(marker), true) = (named, order.is_none_or(|one| orders.contains(one)))
                else {
                    continue;
                };
                known.insert(marker);
                known.extend(order.map(String::as_str));
                let until = row.marker.until.map(Timestamp::from);
                first = [first, until].into_iter().flatten().min();
            }
        }
        let mut all = markers.iter().chain(orders);
        match all.all(|one| known.contains(one.as_str())) {
            true => first,
            false => Some(Timestamp::MIN),
        }
    }
}

fn covers(pattern: &Pattern, sides: Sides<'_>) -> bool {
    let (address, port) = match sides.matched_in {
        MatchedIn::SrcIp => sides.src,
        MatchedIn::DstIp => sides.dst,
        _ => return covers_value(pattern, sides.exact),
    };
    match pattern {
        Pattern::Ip(ip) => *ip == address,
        Pattern::Cidr(net) => net.contains(&address),
        Pattern::Endpoint {
            address: ip,
            protocol,
            port: wanted,
        } => *ip == address && *wanted == port && protocol.number() == sides.proto,
        Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_) => false,
    }
}

fn covers_value(pattern: &Pattern, exact: Exact<'_>) -> bool {
    match exact {
        Exact::Values(values) => values.iter().any(|value| value.is_covered_by(pattern)),
        Exact::Earlier => matches!(
            pattern,
            Pattern::Domain(_) | Pattern::Url(_) | Pattern::Ja3(_) | Pattern::Ja4(_)
        ),
    }
}
