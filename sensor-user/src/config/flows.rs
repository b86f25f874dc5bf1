//! The flow tables.

use std::time::Duration;

use serde::Deserialize;

use super::units;

/// The flow tables and their draining.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flows {
    /// Entries of each of the two kernel flow tables.
    pub table_entries: u32,
    /// Bytes of the ring of records: a power of two, a multiple of 4096.
    pub ring_bytes: u32,
    /// How often the tables are flipped and drained.
    #[serde(deserialize_with = "units::duration")]
    pub drain_interval: Duration,
    /// A flow without packets for this long is closed.
    #[serde(deserialize_with = "units::duration")]
    pub idle_timeout: Duration,
    /// A flow that lasts longer is closed and opened anew.
    #[serde(deserialize_with = "units::duration")]
    pub active_timeout: Duration,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            table_entries: 65_536,
            ring_bytes: 1 << 20,
            drain_interval: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(60),
            active_timeout: Duration::from_secs(30 * 60),
        }
    }
}
