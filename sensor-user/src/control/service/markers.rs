//! Requests that change or list the marker set.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;

use super::{
    Error, Sensor, Set,
    change::{ACCEPTED, Plan},
    compare::{Comparison, compare, holds},
    grounds::{Orders, Sorted, borrowed, each_row, each_row_of, keys},
    internal,
    inventory::named,
    tally::{Cap, Tally},
};
use crate::{
    dataplane::Way,
    db::{self, Put},
    journal::Action,
    markers::{self, Intake},
    model::{
        Actor, Held, Image, ImageRow, Marker, OrderNumber, Standing,
        request::{Changed, Failure, Format, HeldBack, Stage},
    },
};

impl Sensor {
    pub(super) fn markers_load(
        &self,
        actor: &Actor,
        format: Format,
        body: Bytes,
    ) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let mut intake = self.read(format, &body)?;
        drop(body);
        self.work.enter(Stage::Checking, 0);
        let now = self.now();
        let cap = Cap::new(now, self.longest_marker);
        let found = compare(&mut set, &mut intake.markers, cap, &|marker, held| {
            self.standing(marker, held)
        })?;
        if let Some(id) = &found.clash {
            return Err(clash(id));
        }
        let markers = &intake.markers;
        let orders = adopted(&set.orders, &found.adopted);
        let known = orders.as_ref().unwrap_or(&set.orders);
        let put_of = |at: usize| Put {
            marker: &markers[at],
            standing: found.standings.get(&at).unwrap_or(ACCEPTED),
            source: OrderNumber::OWN,
            capped: found.capped[at],
        };
        let (mut sorted, mut tally) = (others(&set, &found), found.others);
        for at in 0..markers.len() {
            let put = put_of(at);
            tally.add(put.marker, put.standing);
            each_row(put, known, |row| drop(sorted.take(row, now)));
        }
        let mut put: Vec<Put<'_>> = found.put.iter().map(|at| put_of(*at as usize)).collect();
        let added = put.len() as u64;
        put.extend(found.inherited.iter().map(Put::held));
        let plan = Plan {
            image: Image::new(sorted.rows).map_err(collision)?,
            edit: db::Edit {
                clear_own: found.nothing_stays,
                remove: &found.remove,
                put: &put,
                named: &found.adopted,
                ..db::Edit::default()
            },
            added,
            removed: found.removed,
            tally,
            starts: sorted.starts,
            orders,
            way: Way::Together,
            action: Box::new(Action::MarkersLoaded),
        };
        let changed = self.carry_out(actor, &mut set, plan)?;
        let held_back = held_back(&found.standings, markers);
        Ok(told(changed, held_back, intake))
    }

    pub(super) fn markers_add(
        &self,
        actor: &Actor,
        format: Format,
        body: Bytes,
    ) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let mut intake = self.read(format, &body)?;
        self.work.enter(Stage::Checking, 0);
        let now = self.now();
        let cap = Cap::new(now, self.longest_marker);
        let mut markers = std::mem::take(&mut intake.markers);
        markers.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let (mut before, mut after): (Vec<Held>, Vec<Held>) = (Vec::new(), Vec::new());
        let mut adopts = Vec::new();
        for mut marker in markers {
            let held = set.catalog.marker(&marker.id).map_err(internal)?;
            let capped = cap.apply(&mut marker, held.as_ref());
            let standing = self.standing(&marker, held.as_ref());
            if let Some(held) = held {
                if holds(&held, &marker, &standing, capped, now) {
                    continue;
                }
                let ordered = set.orders.of(held.source, &marker.id).next().is_some();
                if ordered && held.marker.pattern != marker.pattern {
                    return Err(clash(&marker.id));
                }
                if held.source != OrderNumber::OWN {
                    adopts.push((marker.id.clone(), held.source));
                }
                before.push(held);
            }
            after.push(Held {
                marker,
                standing,
                source: OrderNumber::OWN,
                capped,
                over: false,
            });
        }
        let orders = adopted(&set.orders, &adopts);
        let put: Vec<Put<'_>> = after.iter().map(Put::held).collect();
        let edit = db::Edit {
            put: &put,
            named: &adopts,
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &before,
            after: &after,
            orders,
        };
        let plan = touched.plan(&set, now, edit, Box::new(Action::MarkersAdded))?;
        let changed = self.carry_out(actor, &mut set, plan)?;
        Ok(told(changed, held_back_of(&after), intake))
    }

    /// Removes markers. One that an order is about goes, too: removal is always allowed.
    pub(super) fn markers_remove(&self, actor: &Actor, body: &[u8]) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let (before, ids) = named(&mut set, body)?;
        let mut orders = set.orders.clone();
        for held in &before {
            orders.unname(&held.marker.id);
        }
        let edit = db::Edit {
            remove: &ids,
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &before,
            after: &[],
            orders: Some(orders),
        };
        let plan = touched.plan(&set, self.now(), edit, Box::new(Action::MarkersRemoved))?;
        self.carry_out(actor, &mut set, plan)
    }

    /// Lets quarantined markers come into force: an operator has looked at them.
    pub(super) fn markers_release(&self, actor: &Actor, body: &[u8]) -> Result<Changed, Error> {
        let mut set = self.set();
        let _underway = self.work.begin();
        let (mut before, _) = named(&mut set, body)?;
        before.retain(|held| held.standing.is_quarantined());
        let after: Vec<Held> = before
            .iter()
            .map(|held| Held {
                standing: Standing::Released,
                ..held.clone()
            })
            .collect();
        let put: Vec<Put<'_>> = after.iter().map(Put::held).collect();
        let edit = db::Edit {
            put: &put,
            ..db::Edit::default()
        };
        let touched = Touched {
            before: &before,
            after: &after,
            orders: None,
        };
        let plan = touched.plan(&set, self.now(), edit, Box::new(Action::MarkersReleased))?;
        let plan = Plan {
            added: 0,
            removed: 0,
            ..plan
        };
        self.carry_out(actor, &mut set, plan)
    }

    /// Whether something speaks against a marker, given what is held under its id: what was
    /// released for a pattern stays released.
    pub(super) fn standing(&self, marker: &Marker, held: Option<&Held>) -> Standing {
        let released = |held: &Held| {
            held.standing == Standing::Released && held.marker.pattern == marker.pattern
        };
        match self.hygiene.check(&marker.pattern) {
            None => Standing::Accepted,
            Some(_) if held.is_some_and(released) => Standing::Released,
            Some(concern) => Standing::Quarantined(concern),
        }
    }

    /// Reads a marker file, telling how far it has come.
    pub(super) fn read(&self, format: Format, body: &[u8]) -> Result<Intake, Error> {
        let limits = markers::Limits::default();
        self.work.enter(Stage::Reading, body.len() as u64);
        let progress = |read| self.work.advance(read);
        let intake = markers::read(format, &mut &body[..], &limits, &progress);
        if intake.fatal {
            return Err(Error::Refused {
                refusals: intake.refused,
                total: intake.refused_total,
            });
        }
        Ok(intake)
    }
}

/// Markers that a change touches, as they are held before and after it.
pub(super) struct Touched<'a> {
    pub before: &'a [Held],
    pub after: &'a [Held],
    /// The orders afterwards; none when they are as before.
    pub orders: Option<Orders>,
}

impl<'a> Touched<'a> {
    /// The plan of the change, one by one.
    pub fn plan(
        self,
        set: &Set,
        now: jiff::Timestamp,
        edit: db::Edit<'a>,
        action: Box<dyn FnOnce(crate::journal::MarkersChange) -> Action + 'a>,
    ) -> Result<Plan<'a>, Error> {
        let gone = keys(self.before, &set.orders);
        let mut sorted = Sorted::default();
        let known = self.orders.as_ref().unwrap_or(&set.orders);
        for held in self.after {
            each_row_of(held, known, |row| drop(sorted.take(row, now)));
        }
        let ids: HashSet<&str> = self.before.iter().map(|held| &*held.marker.id).collect();
        let kept = set.starts.iter().filter(|(_, id, _)| !ids.contains(&**id));
        sorted.starts.extend(kept.cloned());
        let image = set.image.with(&borrowed(&gone), sorted.rows);
        Ok(Plan {
            image: image.map_err(collision)?,
            edit,
            added: self.after.len() as u64,
            removed: self.before.len() as u64,
            tally: set
                .tally
                .plus(Tally::of(self.after))
                .less(Tally::of(self.before)),
            starts: sorted.starts,
            orders: self.orders,
            way: Way::OneByOne,
            action,
        })
    }
}

/// What stays beside a file of the operator's own: the rows of orders that the file is not about.
fn others(set: &Set, found: &Comparison) -> Sorted {
    let beside = |order: OrderNumber, id: &crate::model::MarkerId| {
        order != OrderNumber::OWN && !found.ordered.contains(id)
    };
    let rows = set.image.all_rows();
    let rows = rows.filter(|row| beside(row.order, &row.marker.id));
    let starts = set.starts.iter();
    let starts = starts.filter(|(_, id, order)| beside(*order, id));
    Sorted {
        rows: rows.cloned().collect::<Vec<ImageRow>>(),
        starts: starts.cloned().collect(),
    }
}

/// The orders with markers that they brought and that are the operator's own from now on, too.
fn adopted(orders: &Orders, adopted: &[db::Named]) -> Option<Orders> {
    (!adopted.is_empty()).then(|| {
        let mut orders = orders.clone();
        for (id, number) in adopted {
            orders.name(id.clone(), *number);
        }
        orders
    })
}

fn told(changed: Changed, held_back: Vec<HeldBack>, intake: Intake) -> Changed {
    Changed {
        duplicates: intake.duplicates,
        held_back,
        refused: intake.refused,
        refused_total: intake.refused_total,
        ..changed
    }
}

fn clash(id: &str) -> Error {
    Error::Conflict(format!(
        "marker {id} is exploited for an order, with another pattern; give the new one another id"
    ))
}

/// Those of these that are held back, with the reason.
pub(super) fn held_back_of(held: &[Held]) -> Vec<HeldBack> {
    let quarantined = held.iter().filter_map(|held| match &held.standing {
        Standing::Quarantined(code) => Some(told_back(&held.marker, code)),
        _ => None,
    });
    quarantined.take(Failure::MOST_REFUSALS).collect()
}

fn told_back(marker: &Marker, code: &str) -> HeldBack {
    HeldBack {
        id: marker.id.to_string(),
        code: markers::code_of(code).into(),
        reason: markers::reason_of(code).into_owned(),
    }
}

/// The first markers that are held back, with the reason.
fn held_back(standings: &BTreeMap<usize, Standing>, markers: &[Marker]) -> Vec<HeldBack> {
    let quarantined = standings
        .iter()
        .filter_map(|(at, standing)| match standing {
            Standing::Quarantined(code) => Some(told_back(&markers[*at], code)),
            _ => None,
        });
    quarantined.take(Failure::MOST_REFUSALS).collect()
}

pub(super) fn collision(error: crate::model::Collision) -> Error {
    Error::Conflict(error.to_string())
}
