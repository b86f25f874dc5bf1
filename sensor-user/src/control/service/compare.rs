//! A file of the operator's own markers against the catalogue.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{
    Error, Set,
    admission::Admission,
    grounds::Orders,
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
    /// Markers of the file that orders are about, too: brought by one, or named.
    pub ordered: HashSet<MarkerId>,
    /// Markers brought by an order that are the operator's own from now on, too.
    pub adopted: Vec<Named>,
    /// Markers of orders that the file has not.
    pub others: Tally,
    /// A marker of the file has the id of an order's marker with another pattern.
    pub clash: Option<MarkerId>,
}

impl Comparison {
    fn note(&mut self, at: u32, standing: Standing) {
        if standing != Standing::Accepted {
            self.standings.insert(at as usize, standing);
        }
    }

    /// A marker of the catalogue that is not in the file.
    fn miss(&mut self, held: Held, orders: &Orders, admission: Admission) {
        if held.source != OrderNumber::OWN {
            self.others.add(Put::held(&held), orders, admission);
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
    held.source = order;
    if let Some(brought) = orders.brought(&held.marker.id, order) {
        brought.restore(&mut held.marker);
        (held.capped, held.over) = (false, brought.over);
    } else if std::mem::take(&mut held.capped) {
        held.marker.until = None;
        held.over = false;
    }
    held
}

/// Whether a marker is held as it is, with a standing that has the same effect.
pub(super) fn holds(
    held: &Held,
    marker: &Marker,
    (standing, capped, modified): (&Standing, bool, Option<Moment>),
    now: Timestamp,
) -> bool {
    held.source == OrderNumber::OWN
        && held.modified == modified
        && (!held.over || marker.is_over(now))
        && held.capped == capped
        && held.marker == *marker
        && (held.standing == *standing
            || (held.standing == Standing::Released && *standing == Standing::Accepted))
}

/// Walks file and catalogue in the order of ids: nothing of the catalogue is held in memory.
/// `judge` tells the standing of a marker, given what is held under its id. Markers without an end
/// are given one.
pub(super) fn compare(
    set: &mut Set,
    intake: &mut Intake,
    (cap, admission): (Cap, Admission),
    judge: &dyn Fn(&Marker, Option<&Held>) -> Standing,
) -> Result<Comparison, Error> {
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
                found.miss(held, orders, admission);
                return;
            };
            let marker = &mut markers[at as usize];
            let capped = cap.apply(marker, Some(&held));
            let standing = judge(marker, Some(&held));
            if orders.of(held.source, id).next().is_some() {
                found.ordered.insert(id.clone());
                if held.marker.pattern != marker.pattern {
                    found.clash = Some(id.clone());
                }
            }
            if held.source == OrderNumber::OWN {
                stays += 1;
            } else {
                found.adopted.push(adoption(&held));
            }
            let modified = versions.get(at as usize).copied().flatten();
            if !holds(&held, marker, (&standing, capped, modified), cap.now()) {
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
    Ok(found)
}
