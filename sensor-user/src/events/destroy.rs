//! Destroying events: the key first, then the row, then what the files still hold.

use std::collections::{BTreeMap, HashSet};

use jiff::{Timestamp, civil::Date};

use super::{Error, Store};
use crate::{
    db, fault,
    model::{Destroyed, Retention, State, retention::day_of_date},
};

/// Events that are destroyed at once.
const STRETCH: u32 = 2_000;

/// A part of a destruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Whether there may be more to destroy.
    pub more: bool,
    /// Events that were destroyed.
    pub destroyed: u64,
    /// Of these, numbers of those that were open.
    pub open: HashSet<i64>,
}

/// Events that were destroyed, by reason; for each sink, revisions that it never took.
pub type Destructions = (BTreeMap<Destroyed, u64>, BTreeMap<String, u64>);

impl Store {
    /// Destroys events now: keys, then rows. An agent that dies in between leaves it to the next.
    ///
    /// # Errors
    /// [`Error`]; what is left is destroyed by the next call.
    pub fn destroy(&mut self, seqs: &[i64], reason: Destroyed) -> Result<u64, Error> {
        self.begin(seqs, reason, None)
    }

    /// The same because they are not useful, which the journal's entry of this index announced: it is
    /// kept that the announcement is not in vain.
    ///
    /// # Errors
    /// As [`Store::destroy`].
    pub fn destroy_announced(&mut self, seqs: &[i64], of: u64) -> Result<u64, Error> {
        self.begin(seqs, Destroyed::NotUseful, Some(of))
    }

    fn begin(
        &mut self,
        seqs: &[i64],
        reason: Destroyed,
        announced: Option<u64>,
    ) -> Result<u64, Error> {
        if seqs.is_empty() {
            return Ok(0);
        }
        if reason != Destroyed::Expired && !self.options.local_sinks.is_empty() {
            let ids = self.db.ids(seqs)?;
            self.db
                .withdraw(&self.options.local_sinks, ids.into_values())?;
        }
        self.db.doom(seqs, reason, announced)?;
        fault::crossing("event_doomed");
        self.finish()
    }

    /// Destroys what is doomed; how many events.
    pub(super) fn finish(&mut self) -> Result<u64, Error> {
        let mut destroyed = 0;
        loop {
            let doomed = self.db.doomed(STRETCH)?;
            if doomed.is_empty() {
                return Ok(destroyed);
            }
            self.keys.destroy(&doomed)?;
            fault::crossing("event_key_destroyed");
            destroyed += self.db.erase(&doomed)?;
            fault::crossing("event_erased");
        }
    }

    /// Destroys a part of the events whose time is over, by the UTC day of now.
    ///
    /// # Errors
    /// [`Error`].
    pub fn expire(&mut self, today: i32) -> Result<Stretch, Error> {
        let now = Timestamp::from_second(i64::from(today) * 86_400).unwrap_or(Timestamp::MIN);
        self.db.redate(today, Retention::MOST.expires(now))?;
        let due = self.db.due(today, STRETCH)?;
        self.stretch(&due, Destroyed::Expired)
    }

    /// Destroys a part of the events of markers that were false positives. One that other markers
    /// stand for, too, goes on without them; of a closed one, that is a new revision.
    ///
    /// # Errors
    /// [`Error`].
    pub fn destroy_markers(&mut self, markers: &HashSet<String>) -> Result<Stretch, Error> {
        for marker in markers {
            let rows = self.db.of_marker(marker, STRETCH)?;
            if rows.is_empty() {
                continue;
            }
            let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            let mut gone: HashSet<i64> = seqs.iter().copied().collect();
            let mut others = self.opened(rows)?;
            others.retain_mut(|row| {
                row.strike(|id| markers.contains(id));
                !row.event.markers.is_empty()
            });
            for row in &mut others {
                gone.remove(&row.seq);
                // The revisions of an open one are its owner's.
                row.event.rev += u32::from(row.event.state == State::Closed);
            }
            self.revise(&others)?;
            let gone: Vec<i64> = seqs.into_iter().filter(|seq| gone.contains(seq)).collect();
            let mut stretch = self.stretch(&gone, Destroyed::FalsePositive)?;
            stretch.more = true;
            return Ok(stretch);
        }
        Ok(Stretch::default())
    }

    /// Makes room when the store is over its cap: destroys a part of the oldest events that are
    /// closed and that every sink has taken. Whether it is full: over its cap, and nothing left to
    /// destroy.
    ///
    /// # Errors
    /// [`Error`].
    pub fn make_room(&mut self) -> Result<(Stretch, bool), Error> {
        if self.bytes()? <= self.options.most_bytes {
            return Ok((Stretch::default(), false));
        }
        let spare = self.db.spare(STRETCH)?;
        let full = spare.is_empty();
        Ok((self.stretch(&spare, Destroyed::Cap)?, full))
    }

    fn stretch(&mut self, seqs: &[i64], reason: Destroyed) -> Result<Stretch, Error> {
        let open = self.db.open_among(seqs)?;
        Ok(Stretch {
            more: !seqs.is_empty(),
            destroyed: self.destroy(seqs, reason)?,
            open,
        })
    }

    /// Ends a destruction: the keys of months without events go, free pages are given back, the
    /// write-ahead log is emptied. Whether nothing of it is left; a reader may hold it for a while.
    ///
    /// # Errors
    /// [`Error`].
    pub fn give_back(&mut self) -> Result<bool, Error> {
        Ok(self.db.give_back()?)
    }

    /// Destroys the keys of past months without events; `today` is the UTC day of now. The months
    /// (`YYYY-MM`) whose keys are left.
    ///
    /// # Errors
    /// [`Error`].
    pub fn destroy_months(&mut self, today: i32) -> Result<Vec<String>, Error> {
        let mut left = Vec::new();
        for month in self.keys.kept_months()? {
            let (first, end) = days_of(month);
            // Late records of the month before may still come: they need its key.
            if end + 1 < today && !self.db.any_between(first, end)? {
                self.keys.destroy_month(month)?;
            } else {
                left.push(format!("{:04}-{:02}", month / 12, month % 12 + 1));
            }
        }
        Ok(left)
    }

    /// Events that were destroyed, by reason, since the store was made; for each sink, revisions
    /// that it never took.
    ///
    /// # Errors
    /// [`Error`].
    pub fn destroyed(&mut self) -> Result<Destructions, Error> {
        let tallies = self.db.tallies()?;
        let destroyed = by_reason("destroyed", &tallies);
        let undelivered = tallies.iter().filter_map(|(name, count)| {
            let sink = name.strip_prefix("undelivered.")?;
            Some((sink.to_owned(), *count))
        });
        Ok((destroyed, undelivered.collect()))
    }

    /// Events that were destroyed and that the journal does not tell yet.
    ///
    /// # Errors
    /// [`Error`].
    pub fn owed(&mut self) -> Result<BTreeMap<Destroyed, u64>, Error> {
        Ok(by_reason("owed", &self.db.tallies()?))
    }

    /// The journal tells these; in the entry of this index where it is one that counts them by reason.
    ///
    /// # Errors
    /// [`Error`].
    pub fn settle(
        &mut self,
        told: &BTreeMap<Destroyed, u64>,
        entry: Option<u64>,
    ) -> Result<(), Error> {
        let names: Vec<(String, u64)> = told
            .iter()
            .map(|(reason, count)| (format!("owed.{}", reason.name()), *count))
            .collect();
        let told: Vec<(&str, u64)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        Ok(self.db.settle(&told, entry)?)
    }

    /// How far the journal was when the last destruction that it announced was begun, and the last
    /// count settled: sizes; `None` in a store that has not kept them yet.
    ///
    /// # Errors
    /// [`Error`].
    pub fn told(&mut self) -> Result<(Option<u64>, Option<u64>), Error> {
        let tallies = self.db.tallies()?;
        let mark = |name| tallies.get(name).copied();
        Ok((mark(db::ANNOUNCED), mark(db::TOLD)))
    }

    /// Keeps that a journal of this size leaves nothing to be settled.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keep_told(&mut self, size: u64) -> Result<(), Error> {
        Ok(self.db.keep_told(size)?)
    }
}

fn by_reason(
    prefix: &str,
    tallies: &std::collections::HashMap<String, u64>,
) -> BTreeMap<Destroyed, u64> {
    let count = |reason: Destroyed| {
        let name = format!("{prefix}.{}", reason.name());
        tallies.get(&name).map(|count| (reason, *count))
    };
    Destroyed::ALL
        .into_iter()
        .filter_map(count)
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The first UTC day of a month and that of the next.
fn days_of(month: u32) -> (i32, i32) {
    let first = |month: u32| {
        let year = i16::try_from(month / 12).unwrap_or(i16::MAX);
        let date = Date::new(year, (month % 12) as i8 + 1, 1).ok();
        date.and_then(day_of_date).unwrap_or(i32::MAX)
    };
    (first(month), first(month + 1))
}
