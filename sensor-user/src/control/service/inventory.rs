//! Reading the catalogue: as the agent starts, and by ids.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

use super::{
    Error, Set,
    admission::Admission,
    grounds::{Left, Orders, Sorted, Starts, each_row_of},
    internal,
    tally::Tally,
};
use crate::{
    db::{self, Put},
    journal::Action,
    model::{
        Held, Image, ImageRow, Moment, OrderNumber,
        request::{Failure, Refusal},
    },
};

/// What a list of ids names.
#[derive(Default)]
pub(super) struct NamedMarkers {
    /// Markers of the set.
    pub held: Vec<Held>,
    /// Their ids.
    pub ids: Vec<String>,
    /// Ids that are not in the set.
    pub unknown: Vec<String>,
    /// Their lines.
    unknown_lines: Vec<u64>,
}

impl NamedMarkers {
    /// Refusals with the lines of unknown ids, if there are any.
    pub(super) fn all_known(self) -> Result<Self, Error> {
        if self.unknown.is_empty() {
            return Ok(self);
        }
        let lines = self.unknown_lines.into_iter();
        Err(Error::Refused {
            total: self.unknown.len() as u64,
            codes: [("unknown_id".to_owned(), self.unknown.len() as u64)].into(),
            refusals: lines.take(Failure::MOST_REFUSALS).map(unknown_id).collect(),
        })
    }
}

/// The markers that a list of ids names.
pub(super) fn named(set: &mut Set, body: &[u8]) -> Result<NamedMarkers, Error> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::Invalid("the list of ids is not UTF-8".into()))?;
    let lines = (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mut named = NamedMarkers::default();
    let mut seen = HashSet::new();
    for (line, id) in lines {
        if !seen.insert(id) {
            continue;
        }
        match set.catalog.marker(id).map_err(internal)? {
            Some(held) => {
                named.held.push(held);
                named.ids.push(id.to_owned());
            }
            None => {
                named.unknown.push(id.to_owned());
                named.unknown_lines.push(line);
            }
        }
    }
    Ok(named)
}

/// The catalogue as the agent starts with it.
pub struct Inventory {
    /// Markers in force.
    pub image: Image,
    /// Markers that are over, or may not be in force: hits of their time may still be on their way.
    pub over: Image,
    /// Rows whose time is to come.
    pub starts: Starts,
    /// Markers in the set.
    pub tally: Tally,
    /// The orders.
    pub orders: Orders,
    /// Orders whose end was reached while no agent ran.
    pub ended: Vec<OrderNumber>,
}

impl Inventory {
    /// Reads the catalogue: nothing that `admission` bars is in force. A marker without an end, kept by a former version, is given one; what
    /// is over stays over from now on.
    ///
    /// # Errors
    /// The store's.
    pub fn read(
        catalog: &mut db::Catalog,
        now: Timestamp,
        longest: Duration,
        admission: Admission,
    ) -> Result<Self, db::Error> {
        let cap = now.saturating_add(longest).unwrap_or(Timestamp::MAX);
        catalog.cap(cap.into())?;
        let mut orders = Orders::new(catalog.orders()?, catalog.named()?);
        let mut tally = Tally::default();
        let (mut sorted, mut over, mut ended) = (Sorted::new(admission), Vec::new(), Vec::new());
        let mut barred = Vec::new();
        catalog.each_marker(|held| {
            tally.add(Put::held(&held), &orders, admission);
            each_row_of(&held, &orders, |row| match sorted.take(row, &orders, now) {
                None => {}
                Some(Left::Over(row)) => over.push(row),
                Some(Left::Barred(row)) => barred.push(row),
            });
        })?;
        let mut noted = over_rows(over.iter(), &orders, now);
        for (id, number) in &noted.brought {
            orders.set_brought_over(id, *number);
        }
        for number in passed(&orders, now) {
            if let Some(order) = orders.get_mut(number) {
                order.over = true;
            }
            ended.push(number);
        }
        noted.orders.clone_from(&ended);
        catalog.set_over(&noted)?;
        over.extend(barred);
        sorted.rows.extend(admission.canary());
        // What is stored was compiled before: two patterns of one id were refused then.
        let image = |rows| Image::new(rows).expect("the store holds no collision");
        Ok(Self {
            image: image(sorted.rows),
            over: image(over),
            starts: sorted.starts,
            tally,
            orders,
            ended,
        })
    }
}

impl Inventory {
    /// What the journal says of an order that has ended.
    #[must_use]
    pub fn order_ended(&self, number: OrderNumber) -> Action {
        let order = self.orders.get(number);
        Action::OrderEnded {
            reference: order.map_or_else(String::new, |order| order.reference.clone()),
        }
    }
}

/// Orders whose end has passed and is not noted yet.
pub(super) fn passed(orders: &Orders, now: Timestamp) -> Vec<OrderNumber> {
    let now = Moment::from(now);
    let passed = orders
        .iter()
        .filter(|order| order.lives() && order.end <= now);
    passed.map(|order| order.number).collect()
}

/// The markers of rows that are over by their own end, not by that of an order: by the one that they
/// are held with, or by the one that an order states beside it.
pub(super) fn over_rows<'a>(
    rows: impl Iterator<Item = &'a ImageRow>,
    orders: &Orders,
    now: Timestamp,
) -> db::Over {
    let now = Moment::from(now);
    let by_order = |row: &&ImageRow| orders.get(row.order).is_some_and(|order| order.end <= now);
    let mut over = db::Over::default();
    for row in rows.filter(|row| !by_order(row)) {
        let id = row.marker.id.clone();
        match orders.brought(&id, row.order) {
            Some(_) => over.brought.push((id, row.order)),
            None => over.markers.push(id),
        }
    }
    over.markers.dedup();
    over
}

fn unknown_id(line: u64) -> Refusal {
    Refusal {
        line: Some(line),
        item: None,
        object: None,
        field: "id".into(),
        code: "unknown_id".into(),
        reason: "no marker has this id".into(),
    }
}
