//! The vocabulary: types that every part speaks. No I/O, no async; imports nobody.

pub mod actor;
pub mod brought;
pub mod canary;
#[macro_use]
pub mod closed_list;
pub mod declaration;
pub mod destroyed;
pub mod event;
pub mod event_row;
pub mod handling;
pub mod image;
pub mod marker;
pub mod moment;
pub mod name;
pub mod observed;
pub mod order;
pub mod order_terms;
pub mod pattern;
pub mod recipient;
pub mod request;
pub mod request_kind;
pub mod retention;
pub mod spool;
pub mod vantage;

pub use actor::{Actor, Role};
pub use brought::Brought;
pub use closed_list::{Field, Item};
pub use destroyed::Destroyed;
pub use event::{Event, MatchedIn, State, SubscriberSide};
pub use event_row::EventRow;
pub use handling::MarkerHandling;
pub use image::{Collision, Difference, Image, ImagePattern, ImageRow, RowKey};
pub use marker::{Direction, Held, Marker, MarkerId, Pap, Standing, Tlp};
pub use moment::{ClockMark, Moment};
pub use name::Name;
pub use observed::Observed;
pub use order::{Order, OrderNumber, OrderState};
pub use order_terms::OrderTerms;
pub use pattern::{Ja3, Ja4, Pattern, PatternId, PatternKind, Protocol};
pub use recipient::Recipient;
pub use request_kind::RequestKind;
pub use retention::Retention;
pub use spool::Spool;
pub use vantage::Vantage;
