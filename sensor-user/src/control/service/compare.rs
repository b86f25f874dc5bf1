//! A file of markers for the operator's own use against the catalogue: the operator's, or an
//! issuer's.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{
    Error, Set,
    admission::Admission,
    grounds::{Orders, Sorted, each_row_of},
    internal,
    tally::{Cap, Tally},
};
use crate::{
    db::{Named, Put},
    markers::Intake,
    model::{Brought, Held, Marker, MarkerId, Moment, OrderNumber, Standing},
};

/// What a file of the operator's own markers changes of the catalogue.
#[derive(Default)]
pub(super) struct Comparison {
    /// Markers of the file, by place, that are not held so, or not with this standing.
    pub put: Vec<u32>,
    /// Markers that the file has not, and that an order goes on with.
    pub inherited: Vec<Held>,
    /// Ids that the file has not.
    pub remove: Vec<String>,
    /// Markers that are gone or other.
    pub removed: u64,
    /// No marker of the operator's own stays as it is.
    pub nothing_stays: bool,
    /// Standings of the file's markers, by place; what is not noted is accepted.
    pub standings: BTreeMap<usize, Standing>,
    /// Whether the end of a marker of the file is the cap, by place.
    pub capped: Vec<bool>,
    /// Markers of the file, and those beside it, that orders are about, too: brought by one, or
    /// named.
    pub ordered: HashSet<MarkerId>,
    /// Markers brought by an order that are the operator's own from now on, too.
    pub adopted: Vec<Named>,
    /// Markers of orders and of other issuers that the file has not.
    pub others: Tally,
    /// A marker of the file has the id of an order's or another issuer's marker, with another
    /// pattern.
    pub clash: Option<MarkerId>,
}

/// By what a file is held against the catalogue.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// The end of what has none.
    pub cap: Cap,
    /// What may be in force.
    pub admission: Admission,
    /// Whose file it is: an issuer's, or the operator's own.
    pub issuer: Option<&'a str>,
}

impl Comparison {
    fn note(&mut self, at: u32, standing: Standing) {
        if standing != Standing::Accepted {
            self.standings.insert(at as usize, standing);
        }
    }

    /// A marker of the catalogue that is not in the file. Those for the operator's own use that
    /// somebody else brought stay with all their rows, `beside`.
    fn miss(&mut self, held: Held, orders: &Orders, rules: Rules<'_>, beside: &mut Sorted) {
        let admission = rules.admission;
        let own = held.source == OrderNumber::OWN;
        if !own || held.issuer() != rules.issuer {
            self.others.add(Put::held(&held), orders, admission);
            if own {
                let now = rules.cap.now();
                each_row_of(&held, orders, |row| drop(beside.take(row, orders, now)));
                if orders.naming(&held.marker.id).next().is_some() {
                    self.ordered.insert(held.marker.id);
                }
            }
            return;
        }
        self.removed += 1;
        match orders.heir(&held.marker.id) {
            Some(order) => {
                let held = inherited(held, order, orders);
                self.others.add(Put::held(&held), orders, admission);
                self.inherited.push(held);
            }
            None => self.remove.push(held.marker.id.to_string()),
        }
    }
}

/// A marker of an order that is the operator's own from now on, too: what the order says of it
/// stands on the order's ground.
pub(super) fn adoption(held: &Held) -> Named {
    Named {
        brought: Some(Brought::of(held)),
        ..Named::only(held.marker.id.clone(), held.source)
    }
}

/// A marker that is an order's alone from now on.
pub(super) fn inherited(mut held: Held, order: OrderNumber, orders: &Orders) -> Held {
    (held.source, held.signed) = (order, None);
    if let Some(brought) = orders.brought(&held.marker.id, order) {
        brought.restore(&mut held.marker);
        (held.capped, held.over) = (false, brought.over);
    } else if std::mem::take(&mut held.capped) {
        held.marker.until = None;
        held.over = false;
    }
    held
}

/// Whether a marker is held as it is, of the same issuer, with a standing that has the same effect.
pub(super) fn holds(
    held: &Held,
    marker: &Marker,
    (standing, capped, modified): (&Standing, bool, Option<Moment>),
    (issuer, now): (Option<&str>, Timestamp),
) -> bool {
    held.source == OrderNumber::OWN
        && held.issuer() == issuer
        && held.modified == modified
        && (!held.over || marker.is_over(now))
        && held.capped == capped
        && held.marker == *marker
        && (held.standing == *standing
            || (held.standing == Standing::Released && *standing == Standing::Accepted))
}

/// Whether a file may not use the id of a marker that is held with another pattern: an order
/// exploits it, or another issuer brought it.
pub(super) fn clashes(held: &Held, marker: &Marker, orders: &Orders, issuer: Option<&str>) -> bool {
    let another = || held.source == OrderNumber::OWN && held.issuer() != issuer;
    let ordered = || orders.of(held.source, &held.marker.id).next().is_some();
    held.marker.pattern != marker.pattern && (another() || ordered())
}

/// Walks file and catalogue in the order of ids: of the catalogue, only the rows of what others
/// brought are held in memory. `judge` tells the standing of a marker, given what is held under its
/// id. Markers without an end are given one.
pub(super) fn compare(
    set: &mut Set,
    intake: &mut Intake,
    rules: Rules<'_>,
    judge: &dyn Fn(&Marker, Option<&Held>) -> Standing,
) -> Result<(Comparison, Sorted), Error> {
    let (cap, issuer) = (rules.cap, rules.issuer);
    let mut beside = Sorted::new(rules.admission);
    let versions: Vec<Option<Moment>> = match intake.has_versions() {
        true => (0..intake.markers.len())
            .map(|at| intake.version(at))
            .collect(),
        false => Vec::new(),
    };
    let markers = intake.markers.as_mut_slice();
    let count = u32::try_from(markers.len())
        .map_err(|_| Error::Invalid("more markers than 2^32".into()))?;
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_unstable_by_key(|at| &markers[*at as usize].id);
    let mut order = order.into_iter().peekable();
    let mut found = Comparison {
        capped: vec![false; markers.len()],
        ..Comparison::default()
    };
    let mut stays = 0_u64;
    let orders = &set.orders;
    let come = |found: &mut Comparison, markers: &mut [Marker], at: u32| {
        let marker = &mut markers[at as usize];
        found.capped[at as usize] = cap.apply(marker, None);
        found.put.push(at);
        found.note(at, judge(marker, None));
        if orders.heir(&marker.id).is_some() {
            found.ordered.insert(marker.id.clone());
        }
    };
    set.catalog
        .each_marker(|held| {
            let id = &held.marker.id;
            while let Some(new) = order.next_if(|at| markers[*at as usize].id < *id) {
                come(&mut found, markers, new);
            }
            let Some(at) = order.next_if(|at| markers[*at as usize].id == *id) else {
                found.miss(held, orders, rules, &mut beside);
                return;
            };
            let marker = &mut markers[at as usize];
            let capped = cap.apply(marker, Some(&held));
            let standing = judge(marker, Some(&held));
            if orders.of(held.source, id).next().is_some() {
                found.ordered.insert(id.clone());
            }
            if clashes(&held, marker, orders, issuer) {
                found.clash = Some(id.clone());
            }
            if held.source == OrderNumber::OWN {
                stays += u64::from(held.issuer() == issuer);
            } else {
                found.adopted.push(adoption(&held));
            }
            let modified = versions.get(at as usize).copied().flatten();
            let by = (issuer, cap.now());
            if !holds(&held, marker, (&standing, capped, modified), by) {
                found.put.push(at);
                found.removed += u64::from(held.source == OrderNumber::OWN);
            }
            found.capped[at as usize] = capped;
            found.note(at, standing);
        })
        .map_err(internal)?;
    for new in order {
        come(&mut found, markers, new);
    }
    found.nothing_stays = stays == 0;
    if found.nothing_stays {
        found.remove.clear();
    }
    Ok((found, beside))
}
