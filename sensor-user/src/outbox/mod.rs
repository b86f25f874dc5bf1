//! What is told to whom: events on their way to sinks.

mod eve;
mod sink;
mod view;
mod web;
mod webhook;

pub use eve::Eve;
pub use sink::{Outcome, Reason, Sink};
pub use view::{Extent, View};
pub use web::Timeouts;
pub use webhook::Webhook;
