//! What every sink does.

use std::future::Future;

use jiff::civil::Date;

use super::View;

/// What became of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The recipient has it.
    Acknowledged,
    /// Not now: to be tried again.
    Retry(Reason),
    /// Never like this: a dead letter until somebody replays it.
    Refused(Reason),
}

/// Why something was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For metrics and journal: one of few words, such as `unreachable`, `http_503`, `stream_too_long`.
    pub code: String,
    /// For people: names the URL or path; no value of an event.
    pub text: String,
}

/// A place where events go. At least once: a revision may come again, told apart by [`View::key`].
pub trait Sink: Send {
    /// Delivers; one outcome for each, in their order. Connects when it is not connected.
    fn deliver(&mut self, views: &[View]) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Destroys what it holds on this machine and nobody may have from `today` (UTC) on; how many
    /// events.
    ///
    /// # Errors
    /// Why it is there still.
    fn destroy_expired(&mut self, today: Date) -> impl Future<Output = Result<u64, Reason>> + Send {
        let _ = today;
        async { Ok(0) }
    }

    /// Destroys what it holds on this machine of these events; how many lines.
    ///
    /// # Errors
    /// Why it is there still.
    fn forget(&mut self, ids: &[String]) -> impl Future<Output = Result<u64, Reason>> + Send {
        let _ = ids;
        async { Ok(0) }
    }
}
