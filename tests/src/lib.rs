//! What the end-to-end tests of marker-sensor are built from.
//!
//! The judges are independent of what they judge: [`oracle`] shares no code with the XDP programs,
//! and is itself judged against tshark. The networks are namespaces that a test makes and that
//! disappear with it; no frame leaves them.
#![forbid(unsafe_code)]

pub mod bearers;
pub mod bench;
pub mod capture;
pub mod certificates;
pub mod command;
pub mod daemon;
pub mod differential;
pub mod fuzz;
pub mod identity;
pub mod internet;
pub mod issuer;
pub mod medallion;
pub mod nats;
pub mod need;
pub mod netns;
pub mod nginx;
pub mod offline;
pub mod oracle;
pub mod packet;
pub mod proxy;
pub mod python;
pub mod random;
pub mod router;
pub mod scripted;
pub mod sinks;
pub mod suricata;
pub mod told;
pub mod traffic;
pub mod tshark;
