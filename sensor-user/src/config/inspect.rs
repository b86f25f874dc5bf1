//! The inspection lane.

use serde::Deserialize;

use super::{
    check::{Check, need},
    units,
};

/// What the inspection lane may hold: bytes of packets whose names the kernel cannot read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Inspect {
    /// Most bytes of one connection.
    #[serde(deserialize_with = "units::size")]
    pub per_flow: u64,
    /// Most bytes of all connections; each class (TLS, HTTP, QUIC, DNS over TCP) has a quarter of it.
    #[serde(deserialize_with = "units::size")]
    pub memory: u64,
    /// Most packets of one class that each CPU lends in a second; 0 for no limit. One core of the agent decides
    /// about 380,000 segments or 110,000 QUIC Initials a second from memory: every class at its default
    /// keeps less than half a core busy, for each CPU where packets come in.
    pub packets_per_second: u32,
}

impl Default for Inspect {
    fn default() -> Self {
        Self {
            per_flow: 16 << 10,
            memory: 32 << 20,
            packets_per_second: 20_000,
        }
    }
}

impl Inspect {
    pub(super) fn check(&self) -> Check {
        need(
            (4 << 10..=256 << 10).contains(&self.per_flow),
            "inspect.per-flow",
            "must be between 4KiB and 256KiB: a ClientHello has a few KiB",
        )?;
        need(
            (1 << 20..=4 << 30).contains(&self.memory),
            "inspect.memory",
            "must be between 1MiB and 4GiB",
        )
    }
}
