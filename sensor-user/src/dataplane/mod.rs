//! The data path seen from the agent: the only part that imports aya.
//!
//! A generation is a set of maps sized to its image and, per interface, an instance of the program
//! bound to them; it becomes live by a link update per interface. Counters, flow tables and the
//! ring are shared by all instances and outlive generations.

mod attach;
#[cfg(feature = "bench")]
pub mod bench;
mod build;
mod canary;
mod edit;
mod encode;
mod error;
mod filter;
mod flows;
mod generation;
mod install;
mod lane;
mod link_state;
mod load;
mod migrate;
mod offline;
mod pins;
mod probe;
mod table;
mod tap;

pub use attach::{Attachment, Mode};
pub use error::Error;
pub use generation::{DataPlane, InterfaceSlot, Setup};
pub use install::{Prepared, Way};
pub use lane::{Budgets, LaneCounts, Lent};
pub use link_state::exists;
pub use load::{Sizes, Variant};
pub use migrate::Remains;
pub use offline::{Offline, RunError, Verdict};
pub use probe::{Features, probe};
pub use tap::{Counts, Limit, Tap, grace_period};
