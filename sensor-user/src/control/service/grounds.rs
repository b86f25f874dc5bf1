//! On what grounds a marker is exploited: the operator's own, orders, and when.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use super::admission::Admission;
use crate::{
    db::{Named, Put},
    hits::References,
    markers::pattern_id,
    model::{
        Brought, Held, ImageRow, Marker, MarkerId, Moment, Order, OrderNumber, PatternId, RowKey,
        request::NotInForce,
    },
};

/// The orders, and who of the markers already held is named by them. Markers that an order brought
/// say so themselves.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    all: BTreeMap<OrderNumber, Order>,
    named: HashMap<MarkerId, Vec<Naming>>,
}

/// An order that names a marker.
#[derive(Clone, Debug)]
struct Naming {
    order: OrderNumber,
    /// What it says of it, where it brought it.
    brought: Option<Box<Brought>>,
}

/// Rows whose time is to come, by it.
pub type Starts = BTreeSet<(Moment, MarkerId, OrderNumber)>;

impl Orders {
    /// As the catalogue keeps them.
    #[must_use]
    pub fn new(orders: Vec<Order>, named: Vec<Named>) -> Self {
        let mut all = Self {
            all: orders.into_iter().map(|one| (one.number, one)).collect(),
            named: HashMap::new(),
        };
        for named in &named {
            all.name(named);
        }
        all
    }

    /// Notes that an order names a marker already held.
    pub(super) fn name(&mut self, named: &Named) {
        let all = self.named.entry(named.marker.clone()).or_default();
        if all.iter().all(|other| other.order != named.order) {
            all.push(Naming {
                order: named.order,
                brought: named.brought.clone().map(Box::new),
            });
        }
    }

    /// Forgets that orders name a marker.
    pub(super) fn unname(&mut self, id: &MarkerId) {
        self.named.remove(id);
    }

    pub(super) fn put(&mut self, order: Order) {
        self.all.insert(order.number, order);
    }

    pub(super) fn get(&self, number: OrderNumber) -> Option<&Order> {
        self.all.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: OrderNumber) -> Option<&mut Order> {
        self.all.get_mut(&number)
    }

    /// All of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.all.values()
    }

    /// The number of the next one.
    pub(super) fn next_number(&self) -> OrderNumber {
        let last = self.all.keys().next_back();
        OrderNumber(last.map_or(0, |last| last.0) + 1)
    }

    pub(super) fn by_reference(&self, reference: &str) -> Option<&Order> {
        self.all.values().find(|order| order.reference == reference)
    }

    /// What events call them.
    #[must_use]
    pub fn references(&self) -> References {
        let names = self.all.values();
        let names = names.map(|order| (order.number, order.reference.clone()));
        Arc::new(names.collect())
    }

    /// Markers already held that an order names.
    pub(super) fn named_by(&self, number: OrderNumber) -> impl Iterator<Item = &MarkerId> {
        let names = self.named.iter();
        names
            .filter(move |(_, all)| all.iter().any(|one| one.order == number))
            .map(|(id, _)| id)
    }

    /// Orders that name a marker, whoever brought it.
    pub(super) fn naming(&self, id: &MarkerId) -> impl Iterator<Item = OrderNumber> {
        self.namings(id).iter().map(|one| one.order)
    }

    fn namings(&self, id: &MarkerId) -> &[Naming] {
        self.named.get(id).map_or(&[], Vec::as_slice)
    }

    /// What an order says of a marker that it brought, where others hold it in their own words.
    pub(super) fn brought(&self, id: &MarkerId, number: OrderNumber) -> Option<&Brought> {
        let mut all = self.namings(id).iter();
        all.find(|one| one.order == number)?.brought.as_deref()
    }

    /// Notes that the end was reached which an order gave a marker.
    pub(super) fn set_brought_over(&mut self, id: &MarkerId, number: OrderNumber) {
        let all = self.named.get_mut(id).into_iter().flatten();
        for one in all.filter(|one| one.order == number) {
            if let Some(brought) = &mut one.brought {
                brought.over = true;
            }
        }
    }

    /// The order that goes on with a marker when the operator no longer uses it: best one that has
    /// it in the operator's words.
    pub(super) fn heir(&self, id: &MarkerId) -> Option<OrderNumber> {
        let living = |one: &&Naming| self.get(one.order).is_some_and(Order::lives);
        let heirs = self.namings(id).iter().filter(living);
        heirs
            .min_by_key(|one| one.brought.is_some())
            .map(|one| one.order)
    }

    /// Whether nobody uses a marker any more: orders brought it, and those have ended.
    pub(super) fn let_go(&self, held: &Held) -> bool {
        held.source != OrderNumber::OWN && self.of(held.source, &held.marker.id).next().is_none()
    }

    /// The orders that a marker is or will be exploited for.
    pub(super) fn of(&self, source: OrderNumber, id: &MarkerId) -> impl Iterator<Item = &Order> {
        let brought = (source != OrderNumber::OWN).then_some(source);
        let named = self.naming(id);
        let others = named.filter(move |number| Some(*number) != brought);
        brought
            .into_iter()
            .chain(others)
            .filter_map(|number| self.get(number))
            .filter(|order| order.lives())
    }
}

/// Visits the rows of a marker that may be in an image now or later, one for each of its grounds.
/// What is held back, or what the data path cannot look for, has none.
pub(super) fn each_row(put: Put<'_>, orders: &Orders, mut visit: impl FnMut(ImageRow)) {
    if put.standing.is_quarantined() || !put.marker.pattern.matchable() {
        return;
    }
    let held = put.marker;
    let id = pattern_id(&held.pattern);
    if put.source == OrderNumber::OWN {
        visit(ImageRow {
            id,
            order: OrderNumber::OWN,
            marker: held.clone(),
        });
    }
    for order in orders.of(put.source, &held.id) {
        let terms = match orders.brought(&held.id, order.number) {
            Some(brought) => brought.clone(),
            None => Brought {
                // The cap is the operator's own business: an order says itself how long.
                until: held.until.filter(|_| !put.capped),
                ..Brought::said(held)
            },
        };
        let (from, until) = (terms.from, terms.until);
        let marker = Marker {
            from: Some(from.map_or(order.start, |from| from.max(order.start))),
            until: Some(until.map_or(order.end, |until| until.min(order.end))),
            direction: terms.direction,
            tlp: held.tlp.max(terms.tlp).max(order.tlp),
            pap: held.pap.max(terms.pap).max(order.pap),
            ..held.clone()
        };
        visit(ImageRow {
            id,
            order: order.number,
            marker,
        });
    }
}

/// The same of a marker as it is held. One that is over has no row any more; when it was the cap
/// that ended it, orders go on, and so do those that say themselves how long.
pub(super) fn each_row_of(held: &Held, orders: &Orders, mut visit: impl FnMut(ImageRow)) {
    each_row(Put::held(held), orders, |row| {
        let over = match orders.brought(&row.marker.id, row.order) {
            Some(brought) => brought.over,
            None => held.over && !(held.capped && row.order != OrderNumber::OWN),
        };
        if !over {
            visit(row);
        }
    });
}

/// Why a marker is not in force at `now`; `None` when it is.
pub(super) fn not_in_force(
    held: &Held,
    orders: &Orders,
    now: Timestamp,
    admission: Admission,
) -> Option<NotInForce> {
    if !held.marker.pattern.matchable() {
        return Some(NotInForce::Kind);
    }
    if held.standing.is_quarantined() {
        return Some(NotInForce::Quarantined);
    }
    let (mut in_force, mut to_come, mut barred) = (false, false, None);
    each_row_of(held, orders, |row| {
        if row.marker.is_over(now) {
            return;
        }
        match admission.bars(&row, orders) {
            None => {
                to_come = true;
                in_force |= row.marker.in_force(now);
            }
            why => barred = barred.or(why),
        }
    });
    let brought = orders.get(held.source);
    match (in_force, to_come) {
        (true, _) => None,
        (false, true) => Some(NotInForce::NotYet),
        _ if barred.is_some() => barred,
        _ if brought.is_some_and(|order| order.withdrawn.is_some()) => Some(NotInForce::Withdrawn),
        _ => Some(NotInForce::Over),
    }
}

/// Rows by when they are in force.
#[derive(Debug)]
pub(super) struct Sorted {
    /// What may be in force at all.
    admission: Admission,
    /// Now.
    pub rows: Vec<ImageRow>,
    /// Later.
    pub starts: Starts,
}

impl Sorted {
    pub const fn new(admission: Admission) -> Self {
        Self {
            admission,
            rows: Vec::new(),
            starts: Starts::new(),
        }
    }

    /// Takes a row; gives it back when it has no place among those to come.
    pub fn take(&mut self, row: ImageRow, orders: &Orders, now: Timestamp) -> Option<Left> {
        if row.marker.is_over(now) {
            return Some(Left::Over(row));
        }
        if self.admission.bars(&row, orders).is_some() {
            return Some(Left::Barred(row));
        }
        match row.marker.from.filter(|from| Moment::from(now) < *from) {
            Some(from) => {
                self.starts.insert((from, row.marker.id, row.order));
            }
            None => self.rows.push(row),
        }
        None
    }
}

/// A row that is not and will not be in force.
pub(super) enum Left {
    /// Its time has passed.
    Over(ImageRow),
    /// It may not be in force.
    Barred(ImageRow),
}

/// What tells a row from others, with its own copy of the marker's id.
pub(super) type OwnedKey = (PatternId, MarkerId, OrderNumber);

/// Every row that markers may have in the image.
pub(super) fn keys(held: &[Held], orders: &Orders) -> Vec<OwnedKey> {
    let mut keys = Vec::new();
    for held in held {
        each_row(Put::held(held), orders, |row| {
            keys.push((row.id, row.marker.id, row.order));
        });
    }
    keys
}

/// Keys as an image takes them.
pub(super) fn borrowed(keys: &[OwnedKey]) -> Vec<RowKey<'_>> {
    keys.iter()
        .map(|(pattern, id, order)| (*pattern, id.as_str(), *order))
        .collect()
}

#[cfg(test)]
mod tests;
