//! Counting markers, and the end that one gets when nobody says until when.

use std::time::Duration;

use jiff::Timestamp;

use super::{admission::Admission, grounds::Orders};
use crate::{
    db::Put,
    model::{Held, Marker, Moment},
};

/// How many markers, and why some of them are not in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Markers.
    pub total: u64,
    /// Of these, held back.
    pub quarantined: u64,
    /// Of these, of kinds that this version does not match, and not held back.
    pub unmatched: u64,
    /// Of the others, such that regime or marking keep out of force.
    pub barred: u64,
}

impl Tally {
    pub(super) fn add(&mut self, put: Put<'_>, orders: &Orders, admission: Admission) {
        self.total += 1;
        if put.standing.is_quarantined() {
            self.quarantined += 1;
        } else if !put.marker.pattern.matchable() {
            self.unmatched += 1;
        } else if admission.forbids(put.marker, put.source, orders) {
            self.barred += 1;
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            quarantined: self.quarantined + other.quarantined,
            unmatched: self.unmatched + other.unmatched,
            barred: self.barred + other.barred,
        }
    }

    pub(super) fn less(self, other: Self) -> Self {
        Self {
            total: self.total - other.total,
            quarantined: self.quarantined - other.quarantined,
            unmatched: self.unmatched - other.unmatched,
            barred: self.barred - other.barred,
        }
    }

    pub(super) fn of<'a>(
        held: impl IntoIterator<Item = &'a Held>,
        orders: &Orders,
        admission: Admission,
    ) -> Self {
        let mut tally = Self::default();
        for held in held {
            tally.add(Put::held(held), orders, admission);
        }
        tally
    }
}

/// The end of a marker that has none of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cap {
    now: Timestamp,
    longest: Duration,
}

impl Cap {
    pub(super) const fn new(now: Timestamp, longest: Duration) -> Self {
        Self { now, longest }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// The end for one that has none; one that is held keeps what it has, while that is at least
    /// half of the cap: loading a file again does not write every row anew.
    fn end(&self, marker: &Marker, held: Option<&Held>) -> Moment {
        let half = Moment::from(
            self.now
                .saturating_add(self.longest / 2)
                .unwrap_or(self.now),
        );
        let kept = held
            .filter(|held| held.capped)
            .and_then(|held| held.marker.until);
        kept.filter(|until| *until >= half).unwrap_or_else(|| {
            let from = marker.from.map_or(self.now, Timestamp::from).max(self.now);
            let end = from.saturating_add(self.longest);
            end.unwrap_or(Timestamp::MAX).into()
        })
    }

    /// Gives the marker an end; whether it had none.
    pub(super) fn apply(&self, marker: &mut Marker, held: Option<&Held>) -> bool {
        let capped = marker.until.is_none();
        if capped {
            marker.until = Some(self.end(marker, held));
        }
        capped
    }
}
