//! What the outbox needs of the store.

use jiff::Timestamp;

use super::{Reason, View};

/// A delivery that is lent to a worker for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Where it stands in the queue.
    pub place: Place,
    /// How often it was tried.
    pub attempts: u32,
    /// What the time to its acknowledgement is counted from: of a first revision the event's first
    /// packet, of a later one when something of the event began to wait for this sink.
    pub since: Timestamp,
    /// What is told.
    pub view: View,
}

/// An event in the store and a revision of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The event.
    pub seq: i64,
    /// The revision.
    pub rev: u32,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The recipient has it: out of the queue, unless there is a later revision by now.
    Acknowledged(Place),
    /// To be tried again from then on.
    Due(Place, Timestamp),
    /// A dead letter.
    Dead(Place, Reason),
}

/// The queue of one sink, as the store keeps it.
pub trait Queue: Send {
    /// What went wrong.
    type Error: std::fmt::Display + Send;

    /// Up to `most` deliveries that are due, the oldest first; nobody else is lent them before
    /// `until`.
    ///
    /// # Errors
    /// Of the store.
    fn lease(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Leased>, Self::Error>;

    /// Notes what became of them, whole or not at all.
    ///
    /// # Errors
    /// Of the store; they are lent out again later.
    fn settle(&mut self, settled: &[Settled]) -> Result<(), Self::Error>;

    /// Ids of events that were destroyed before their time and may stand in what the sink holds on
    /// this machine.
    ///
    /// # Errors
    /// Of the store.
    fn withdrawn(&mut self) -> Result<Vec<String>, Self::Error>;

    /// Notes that the sink no longer holds them.
    ///
    /// # Errors
    /// Of the store.
    fn set_forgotten(&mut self, ids: &[String]) -> Result<(), Self::Error>;

    /// Journals what was delivered and what became a dead letter since the last time.
    ///
    /// # Errors
    /// Of the journal: nothing more is delivered before it is written.
    fn journal(&mut self, delivered: u64, dead: u64) -> Result<(), Self::Error>;
}
