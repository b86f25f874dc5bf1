//! The queue of what sinks have still to take, with the events themselves.

use super::{Error, Store};
use crate::{
    crypto::{hex, unhex},
    db::{Pending, Settlement, Waiting},
    model::EventRow,
};

/// Events that a sink is asked to forget at once.
const MOST_WITHDRAWN: u32 = 10_000;

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
    /// UTC day, counted from the epoch, from whose beginning it is gone.
    pub expires: i32,
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
                expires: self.options.retention.expires(row.event.first_seen),
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

    /// Notes what became of deliveries, whole or not at all.
    ///
    /// # Errors
    /// [`Error`]; they are lent again when their time is over.
    pub fn settle_deliveries(
        &mut self,
        sink: SinkId,
        settlement: Settlement<'_>,
    ) -> Result<(), Error> {
        Ok(self.db.settle_deliveries(sink.0, settlement)?)
    }

    /// When the authority said that it has the alert of an event, milliseconds since the epoch; none
    /// when it has not, or the event is gone.
    ///
    /// # Errors
    /// [`Error`].
    pub fn acknowledged(&mut self, seq: i64) -> Result<Option<i64>, Error> {
        Ok(self.db.acknowledged(seq)?)
    }

    /// Ids of events that a sink has still to forget in what it holds on this machine.
    ///
    /// # Errors
    /// [`Error`].
    pub fn withdrawn(&mut self, sink: &str) -> Result<Vec<String>, Error> {
        let ids = self.db.withdrawn(sink, MOST_WITHDRAWN)?;
        Ok(ids.iter().map(|id| hex(id)).collect())
    }

    /// What a sink has still to forget is to be forgotten under another name, too.
    ///
    /// # Errors
    /// [`Error`].
    pub fn withdraw_also(&mut self, sink: &str, other: &str) -> Result<(), Error> {
        let ids = self.db.withdrawn(sink, u32::MAX)?;
        Ok(self.db.withdraw(&[other.to_owned()], ids.into_iter())?)
    }

    /// What was still to be forgotten under a former name is to be forgotten by a sink.
    ///
    /// # Errors
    /// [`Error`]; then it is still under its former name.
    pub fn withdraw_instead(&mut self, former: &str, sink: &str) -> Result<(), Error> {
        let ids = self.db.withdrawn(former, u32::MAX)?;
        self.db.withdraw(&[sink.to_owned()], ids.iter().copied())?;
        let ids: Vec<Vec<u8>> = ids.into_iter().map(Vec::from).collect();
        Ok(self.db.set_forgotten(former, &ids)?)
    }

    /// A sink has forgotten these events.
    ///
    /// # Errors
    /// [`Error`]; it is asked again.
    pub fn set_forgotten(&mut self, sink: &str, ids: &[String]) -> Result<(), Error> {
        let bytes: Result<Vec<Vec<u8>>, _> = ids.iter().map(|id| unhex(id)).collect();
        Ok(self.db.set_forgotten(sink, &bytes?)?)
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
