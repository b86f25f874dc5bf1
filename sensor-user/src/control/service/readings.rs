//! Readings of the journal by oversight: each is journalled, those that follow in a short time together.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::model::Actor;

/// At most one entry of a reader in this time: 8,640 a day, some 2 MB.
const WINDOW: Duration = Duration::from_secs(10);

/// Who read how much since the last entry that says so.
#[derive(Debug, Default)]
pub(super) struct Readings(BTreeMap<u32, Reading>);

#[derive(Debug)]
struct Reading {
    actor: Actor,
    told: Instant,
    /// Rows of readings that are not told of; none where all are.
    unsaid: Option<u64>,
}

impl Readings {
    /// Takes a reading; the rows that an entry tells of now, with those before it.
    pub fn take(&mut self, actor: &Actor, rows: u64, now: Instant) -> Option<u64> {
        let Some(reading) = self.0.get_mut(&actor.uid) else {
            let reading = Reading {
                actor: actor.clone(),
                told: now,
                unsaid: None,
            };
            self.0.insert(actor.uid, reading);
            return Some(rows);
        };
        let sum = reading.unsaid.unwrap_or_default() + rows;
        if now.duration_since(reading.told) < WINDOW {
            reading.unsaid = Some(sum);
            return None;
        }
        (reading.told, reading.unsaid) = (now, None);
        Some(sum)
    }

    /// Readings whose time to be told of has come, or all; who has nothing left to tell is forgotten.
    pub fn counted(&mut self, now: Instant, everybody: bool) -> Vec<(Actor, u64)> {
        let old = |reading: &Reading| everybody || now.duration_since(reading.told) >= WINDOW;
        let gone = self.0.extract_if(.., |_, reading| old(reading));
        gone.filter_map(|(_, reading)| Some((reading.actor, reading.unsaid?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    #[test]
    fn readings_one_after_the_other_are_told_of_together_and_none_is_forgotten() {
        let actor = |uid| Actor {
            uid,
            role: Role::Oversight,
        };
        let (mut readings, now) = (Readings::default(), Instant::now());
        assert_eq!(
            readings.take(&actor(7), 512, now),
            Some(512),
            "the first at once"
        );
        for _ in 0..1_000 {
            assert_eq!(readings.take(&actor(7), 1, now), None);
        }
        assert_eq!(
            readings.take(&actor(8), 3, now),
            Some(3),
            "of somebody else"
        );
        assert!(readings.counted(now, false).is_empty());
        let later = now + WINDOW;
        assert_eq!(readings.take(&actor(7), 24, later), Some(1_024));
        assert_eq!(readings.take(&actor(7), 5, later), None);
        let left = readings.counted(later, false);
        assert!(left.is_empty(), "8 has nothing left to tell");
        assert_eq!(readings.counted(later + WINDOW, false), [(actor(7), 5)]);
        assert!(readings.take(&actor(7), 0, later).is_some());
        assert!(readings.take(&actor(7), 0, later).is_none());
        assert_eq!(
            readings.counted(later, true),
            [(actor(7), 0)],
            "also of a stream"
        );
    }
}
