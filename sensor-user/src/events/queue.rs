//! The queue of what sinks have still to take, with the events themselves.

use super::{Error, Store};
use crate::{
    crypto::hex,
    db::{Pending, Waiting},
    model::EventRow,
};

/// A sink of this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SinkId(i64);

/// A revision lent to a sink's worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The event as it is now; its revision is `rev`, or a later one by the time it is read.
    pub row: EventRow,
    /// The revision that is lent.
    pub rev: u32,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it first waited for this sink, milliseconds since the epoch.
    pub stored: i64,
}

/// A revision that is not tried any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Number of the event.
    pub seq: i64,
    /// Id of the event.
    pub id: String,
    /// Its revision.
    pub rev: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it is not tried any more: a code.
    pub reason: String,
}

impl Store {
    /// A sink by its name; none when no event ever went to it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn sink(&mut self, name: &str) -> Result<Option<SinkId>, Error> {
        Ok(self.db.sink(name)?.map(SinkId))
    }

    /// Lends the oldest revisions that are due at `now` (milliseconds since the epoch) and lent to
    /// nobody, until `until`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn lease(
        &mut self,
        sink: SinkId,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Leased>, Error> {
        let waiting = self.db.lease(sink.0, now, until, limit)?;
        let mut rows = self.events_of(&waiting)?.into_iter().peekable();
        let mut leased = Vec::with_capacity(waiting.len());
        for waiting in waiting {
            // What was destroyed meanwhile takes its place in the queue with it.
            let Some(row) = rows.next_if(|row| row.seq == waiting.seq) else {
                continue;
            };
            leased.push(Leased {
                row,
                rev: waiting.rev,
                attempts: waiting.attempts,
                stored: waiting.stored,
            });
        }
        Ok(leased)
    }

    fn events_of(&mut self, waiting: &[Waiting]) -> Result<Vec<EventRow>, Error> {
        let seqs: Vec<i64> = waiting.iter().map(|row| row.seq).collect();
        self.rows(&seqs)
    }

    /// Revisions (number and revision) that the sink has taken. One that has grown meanwhile stays
    /// and is lent again at once.
    ///
    /// # Errors
    /// [`Error`]; they are lent again when their time is over.
    pub fn acknowledge(&mut self, sink: SinkId, taken: &[(i64, u32)]) -> Result<(), Error> {
        Ok(self.db.acknowledge(sink.0, taken)?)
    }

    /// Revisions that the sink did not take, each with the time at which it is tried again
    /// (milliseconds since the epoch).
    ///
    /// # Errors
    /// [`Error`].
    pub fn retry(&mut self, sink: SinkId, again: &[(i64, u32, i64)]) -> Result<(), Error> {
        Ok(self.db.retry(sink.0, again)?)
    }

    /// Revisions that the sink will never take, each with a code that says why: dead letters.
    ///
    /// # Errors
    /// [`Error`].
    pub fn bury(&mut self, sink: SinkId, dead: &[(i64, u32, String)]) -> Result<(), Error> {
        Ok(self.db.bury(sink.0, dead)?)
    }

    /// Up to `limit` dead letters of a sink with numbers above `after`, lowest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn dead(&mut self, sink: SinkId, after: i64, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        let waiting = self.db.dead(sink.0, after, limit)?;
        let seqs: Vec<i64> = waiting.iter().map(|row| row.seq).collect();
        let ids = self.db.ids(&seqs)?;
        Ok(waiting
            .into_iter()
            .map(|row| DeadLetter {
                seq: row.seq,
                id: ids.get(&row.seq).map(|id| hex(id)).unwrap_or_default(),
                rev: row.rev,
                attempts: row.attempts,
                reason: row.dead.unwrap_or_default(),
            })
            .collect())
    }

    /// Has every dead letter of a sink tried again; how many.
    ///
    /// # Errors
    /// [`Error`].
    pub fn replay(&mut self, sink: SinkId) -> Result<u64, Error> {
        Ok(self.db.replay(sink.0)?)
    }

    /// What waits for a sink.
    ///
    /// # Errors
    /// [`Error`].
    pub fn pending(&mut self, sink: SinkId) -> Result<Pending, Error> {
        Ok(self.db.pending(sink.0)?)
    }
}
