//! A change of some markers, one by one, and what a whole file leaves as it is.

use std::collections::HashSet;

use super::{
    Error, Set,
    admission::Admission,
    change::Plan,
    compare::Comparison,
    grounds::{Orders, Sorted, borrowed, each_row_of, keys},
    markers::collision,
    tally::Tally,
};
use crate::{
    dataplane::Way,
    db,
    journal::Action,
    model::{Held, MarkerId, OrderNumber},
};

/// Markers that a change touches, as they are held before and after it.
pub(super) struct Touched<'a> {
    pub before: &'a [Held],
    pub after: &'a [Held],
    /// The orders afterwards; none when they are as before.
    pub orders: Option<Orders>,
    /// What may come into force.
    pub admission: Admission,
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
        let admission = self.admission;
        let mut sorted = Sorted::new(admission);
        let known = self.orders.as_ref().unwrap_or(&set.orders);
        for held in self.after {
            each_row_of(held, known, |row| drop(sorted.take(row, known, now)));
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
                .plus(Tally::of(self.after, known, admission))
                .less(Tally::of(self.before, &set.orders, admission)),
            starts: sorted.starts,
            orders: self.orders,
            way: Way::OneByOne,
            action,
            envelope: None,
        })
    }
}

/// What stays beside a file: what others brought for the operator's own use, and the rows of orders
/// that the file is not about.
pub(super) fn others(set: &Set, found: &Comparison, mut sorted: Sorted) -> Sorted {
    let beside = |order: OrderNumber, id: &MarkerId| {
        order != OrderNumber::OWN && !found.ordered.contains(id)
    };
    let rows = set.image.all_rows();
    let rows = rows.filter(|row| beside(row.order, &row.marker.id));
    let starts = set.starts.iter();
    let starts = starts.filter(|(_, id, order)| beside(*order, id));
    sorted.rows.extend(rows.cloned());
    sorted.starts.extend(starts.cloned());
    sorted
}
