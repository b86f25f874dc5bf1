//! What one pattern may cost and cover, and all of them together.

use std::{net::IpAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;

use super::{
    check::{Check, absolute, need, prefixes},
    units,
};

/// How long a marker without an end may be in force.
const LONGEST_MARKER: RangeInclusive<Duration> =
    Duration::from_secs(3_600)..=Duration::from_secs(3_650 * 86_400);
/// New flows of one pattern, a second or at once.
const NEW_FLOWS: RangeInclusive<u32> = 1..=1_000_000;
/// Kernel memory of the maps of a generation, bytes.
const MAP_MEMORY: RangeInclusive<u64> = 1 << 20..=1 << 40;
/// How long a pattern must be at its limit.
const AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);
/// How long an open breaker rests, when it closes by itself.
const REST: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);

/// What one pattern may cost and cover, and all of them together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Shortest IPv4 prefix that is loaded without review, bits.
    pub widest_ipv4: u8,
    /// Shortest IPv6 prefix that is loaded without review, bits.
    pub widest_ipv6: u8,
    /// The operator's own prefixes besides those of its subscribers, without host bits.
    pub own_prefixes: Vec<IpNet>,
    /// Public resolvers besides those that are known.
    pub resolvers: Vec<IpAddr>,
    /// How long a marker of the operator's own is in force when nobody says until when.
    #[serde(deserialize_with = "units::duration")]
    pub longest_marker: Duration,
    /// Files of MISP warninglists; what one of them has is not loaded without review.
    pub warninglists: Vec<PathBuf>,
    /// New flows that a pattern may announce a second, in the long run.
    pub new_flows_per_second: u32,
    /// New flows that a pattern may announce at once.
    pub new_flows_burst: u32,
    /// Who opens the circuit breaker of a pattern that floods.
    pub breaker: Breaker,
    /// A pattern at its limit for this long is opened.
    #[serde(deserialize_with = "units::duration")]
    pub breaker_after: Duration,
    /// A breaker that opened by itself closes after this; zero: only by hand.
    #[serde(deserialize_with = "units::duration")]
    pub breaker_rest: Duration,
    /// Kernel memory that the maps of one generation may take, bytes; while a set is replaced,
    /// there are two.
    #[serde(deserialize_with = "units::size")]
    pub map_memory: u64,
}

/// Who opens a circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaker {
    /// The agent, or an operator.
    #[default]
    Automatic,
    /// An operator only.
    Manual,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            widest_ipv4: 12,
            widest_ipv6: 24,
            own_prefixes: Vec::new(),
            resolvers: Vec::new(),
            longest_marker: Duration::from_secs(180 * 86_400),
            warninglists: Vec::new(),
            new_flows_per_second: 1_000,
            new_flows_burst: 4_000,
            breaker: Breaker::Automatic,
            breaker_after: Duration::from_secs(10),
            breaker_rest: Duration::from_secs(600),
            map_memory: 2 << 30,
        }
    }
}

impl Limits {
    /// What one field alone cannot tell.
    pub(super) fn check(&self) -> Check {
        need(
            (1..=32).contains(&self.widest_ipv4),
            "limits.widest-ipv4",
            "must be a prefix length from 1 to 32",
        )?;
        need(
            (1..=128).contains(&self.widest_ipv6),
            "limits.widest-ipv6",
            "must be a prefix length from 1 to 128",
        )?;
        prefixes("limits.own-prefixes", &self.own_prefixes)?;
        for (at, path) in self.warninglists.iter().enumerate() {
            absolute(&format!("limits.warninglists[{at}]"), path)?;
        }
        need(
            LONGEST_MARKER.contains(&self.longest_marker),
            "limits.longest-marker",
            "must be between 1h and 3650d",
        )?;
        need(
            NEW_FLOWS.contains(&self.new_flows_per_second),
            "limits.new-flows-per-second",
            "must be between 1 and 1000000",
        )?;
        need(
            NEW_FLOWS.contains(&self.new_flows_burst),
            "limits.new-flows-burst",
            "must be between 1 and 1000000",
        )?;
        need(
            AFTER.contains(&self.breaker_after),
            "limits.breaker-after",
            "must be between 1s and 1h",
        )?;
        need(
            self.breaker_rest.is_zero() || REST.contains(&self.breaker_rest),
            "limits.breaker-rest",
            "must be between 1s and 7d, or 0s to close it by hand only",
        )?;
        need(
            MAP_MEMORY.contains(&self.map_memory),
            "limits.map-memory",
            "must be between 1MiB and 1024GiB",
        )
    }
}
