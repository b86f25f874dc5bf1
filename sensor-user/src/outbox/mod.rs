//! What is told to whom: events on their way to sinks.

mod nats;
mod sink;
pub mod stix;
mod taxii;
mod view;
mod web;

pub use nats::Nats;
pub use sink::{Outcome, Reason, Sink};
pub use taxii::Taxii;
pub use view::{Extent, View};
pub use web::Timeouts;
