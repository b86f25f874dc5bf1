//! What is told to whom: events on their way to sinks.

mod backoff;
mod eve;
mod nats;
mod progress;
mod queue;
mod sink;
pub mod stix;
mod taxii;
mod view;
mod web;
mod webhook;
mod worker;

pub use eve::Eve;
pub use nats::Nats;
pub use progress::{Progress, Told};
pub use queue::{Leased, Place, Queue, Settled};
pub use sink::{Outcome, Reason, Sink};
pub use taxii::Taxii;
pub use view::{Extent, View};
pub use web::Timeouts;
pub use webhook::Webhook;
pub use worker::Worker;
