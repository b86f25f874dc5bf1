//! The self-test.

use std::time::Duration;

use serde::Deserialize;

use super::{
    check::{Check, need},
    units,
};

/// The self-test: a packet of a documentation address through the live programs, up to the sinks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Canary {
    /// How often it runs by itself; it is off without. Its marker counts among the patterns in force.
    #[serde(deserialize_with = "units::some_duration")]
    pub interval: Option<Duration>,
}

impl Canary {
    pub(super) fn check(&self) -> Check {
        let day = Duration::from_secs(86_400);
        need(
            self.interval
                .is_none_or(|interval| (Duration::from_secs(10)..=day).contains(&interval)),
            "canary.interval",
            "must be between 10s and 1d",
        )
    }
}
