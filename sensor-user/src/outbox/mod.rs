//! What is told to whom: events on their way to sinks.

mod backoff;
mod progress;
mod queue;
mod sink;
mod view;
mod worker;

pub use progress::{Progress, Told};
pub use queue::{Leased, Place, Queue, Settled};
pub use sink::{Outcome, Reason, Sink};
pub use view::{Extent, View};
pub use worker::Worker;
