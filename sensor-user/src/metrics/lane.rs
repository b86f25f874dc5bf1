//! Series of the inspection lane.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// What is read at a scrape: class, fate, count.
#[derive(Debug, Default)]
pub struct LaneSnapshot {
    /// Packets that bear names, in the kernel.
    pub kernel: Vec<(&'static str, &'static str, u64)>,
    /// Handshakes, heads and messages, in the agent.
    pub agent: Vec<(&'static str, &'static str, u64)>,
    /// Packets that the agent took.
    pub packets: Vec<(&'static str, &'static str, u64)>,
    /// Bytes that the agent holds.
    pub held: u64,
}

pub(super) struct Lane {
    kernel: IntCounterVec,
    agent: IntCounterVec,
    packets: IntCounterVec,
    held: IntGauge,
}

impl Lane {
    pub(super) fn new(registry: &Registry) -> Self {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels).expect("a constant name");
            registry
                .register(Box::new(vec.clone()))
                .expect("registered once");
            vec
        };
        let held = IntGauge::new(
            "marker_sensor_lane_held_bytes",
            "Bytes of packets that the inspection lane holds.",
        )
        .expect("a constant name");
        registry
            .register(Box::new(held.clone()))
            .expect("registered once");
        Self {
            kernel: counters(
                "marker_sensor_lane_packets_total",
                "Packets that bear names or hide them, by class and what the kernel made of them.",
                &["class", "fate"],
            ),
            agent: counters(
                "marker_sensor_lane_handshakes_total",
                "Handshakes, heads and messages that the agent was lent, by class and fate.",
                &["class", "fate"],
            ),
            packets: counters(
                "marker_sensor_lane_taken_packets_total",
                "Packets that the agent was lent, and of these such that belong to nothing that is looked at.",
                &["class", "what"],
            ),
            held,
        }
    }

    pub(super) fn set(&self, snapshot: &LaneSnapshot) {
        for (vec, counts) in [
            (&self.kernel, &snapshot.kernel),
            (&self.agent, &snapshot.agent),
            (&self.packets, &snapshot.packets),
        ] {
            vec.reset();
            for (class, fate, count) in counts {
                vec.with_label_values(&[class, fate]).inc_by(*count);
            }
        }
        self.held.set(snapshot.held.cast_signed());
    }
}
