//! What is told to whom: events on their way to sinks.

mod sink;
mod view;

pub use sink::{Outcome, Reason, Sink};
pub use view::{Extent, View};
