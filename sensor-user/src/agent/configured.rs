//! From the configuration to the parts of the loop that consumes hits.

use crate::{
    config::Config,
    dataplane::Limit,
    hits::{EventContext, Floods, Timeouts},
    inspect::Budgets,
    lent::Lending,
    markers,
    model::canary::marker,
};

pub(super) fn context(config: &Config) -> EventContext {
    EventContext {
        sensor: config.sensor.clone(),
        canary: config
            .canary
            .interval
            .map(|_| markers::pattern_id(&marker().pattern)),
    }
}

pub(super) fn timeouts(config: &Config) -> Timeouts {
    Timeouts {
        idle: config.flows.idle_timeout,
        active: config.flows.active_timeout,
    }
}

/// What a pattern may spend on new flows.
pub(super) fn limit(config: &Config) -> Limit {
    Limit::per_second(
        config.limits.new_flows_per_second,
        config.limits.new_flows_burst,
    )
}

pub(super) fn floods(config: &Config) -> Floods {
    Floods::new(
        config.limits.new_flows_per_second,
        config.flows.drain_interval,
        config.limits.breaker_after,
    )
}

/// The inspection lane within its budgets.
pub(super) fn lending(config: &Config) -> Lending {
    let bytes = |size| usize::try_from(size).unwrap_or(usize::MAX);
    Lending::new(Budgets {
        per_flow: bytes(config.inspect.per_flow),
        total: bytes(config.inspect.memory),
        ..Budgets::default()
    })
}
