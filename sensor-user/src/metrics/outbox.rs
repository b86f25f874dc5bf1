//! Series of the sinks.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Seconds from first packet to a recipient's acknowledgement: a network and a disk of somebody
/// else's lie in between, or a night in which nobody answered.
const LATENCY_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3_600.0, 86_400.0,
];

/// What a scrape reads of a sink's queue.
#[derive(Debug, Default)]
pub struct SinkSnapshot {
    /// Name of the sink.
    pub name: String,
    /// Deliveries that wait.
    pub pending: u64,
    /// Dead letters.
    pub dead: u64,
    /// Seconds since the oldest that waits was stored; 0 when none does.
    pub oldest_unsent: u64,
    /// Whether nothing can be delivered.
    pub down: bool,
}

/// Series of the sinks.
pub(super) struct Outbox {
    deliveries: IntCounterVec,
    latency: HistogramVec,
    pending: IntGaugeVec,
    dead: IntGaugeVec,
    oldest: IntGaugeVec,
    up: IntGaugeVec,
}

impl Outbox {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges = |name: &str, help: &str| {
            let vec = IntGaugeVec::new(Opts::new(name, help), &["sink"]).expect("a constant name");
            registry
                .register(Box::new(vec.clone()))
                .expect("registered once");
            vec
        };
        let deliveries = IntCounterVec::new(
            Opts::new(
                "marker_sensor_deliveries_total",
                "Attempts to deliver a revision of an event, by sink and outcome.",
            ),
            &["sink", "outcome"],
        )
        .expect("a constant name");
        let latency = HistogramVec::new(
            HistogramOpts::new(
                "marker_sensor_delivery_latency_seconds",
                "Time from the first packet of an event to a recipient's acknowledgement; of a later revision, since it waits.",
            )
            .buckets(LATENCY_BUCKETS.to_vec()),
            &["sink"],
        )
        .expect("a constant name");
        registry
            .register(Box::new(deliveries.clone()))
            .expect("registered once");
        registry
            .register(Box::new(latency.clone()))
            .expect("registered once");
        Self {
            deliveries,
            latency,
            pending: gauges(
                "marker_sensor_deliveries_pending",
                "Events of which a revision waits to be delivered, by sink.",
            ),
            dead: gauges(
                "marker_sensor_dead_letters",
                "Events of which a revision was refused for good, by sink.",
            ),
            oldest: gauges(
                "marker_sensor_oldest_unsent_seconds",
                "Age of the oldest event that waits to be delivered, by sink; 0 when none does.",
            ),
            up: gauges(
                "marker_sensor_sink_up",
                "0 while nothing can be delivered to the sink.",
            ),
        }
    }

    pub(super) fn delivered(&self, sink: &str, outcome: &str) {
        self.deliveries.with_label_values(&[sink, outcome]).inc();
    }

    pub(super) fn acknowledged_after(&self, sink: &str, seconds: f64) {
        self.latency
            .with_label_values(&[sink])
            .observe(seconds.max(0.0));
    }

    pub(super) fn set(&self, sinks: &[SinkSnapshot]) {
        for sink in sinks {
            let name = [sink.name.as_str()];
            for (vec, value) in [
                (&self.pending, sink.pending),
                (&self.dead, sink.dead),
                (&self.oldest, sink.oldest_unsent),
                (&self.up, u64::from(!sink.down)),
            ] {
                vec.with_label_values(&name).set(value.cast_signed());
            }
        }
    }
}
