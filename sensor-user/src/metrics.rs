//! The metrics page: the only file that imports prometheus. Labels name interfaces, outcomes and
//! terms; never a marker value, a subscriber or a name from traffic.

mod lane;
mod outbox;

use std::sync::{Mutex, PoisonError};

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::model::request::{Count, EventStatus};

pub use lane::LaneSnapshot;
pub use outbox::SinkSnapshot;

/// Seconds from first packet to stored event: the drain interval and an fsync lie in between.
const LATENCY_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Typed series.
pub struct Metrics {
    registry: Registry,
    packets: IntCounterVec,
    bytes: IntCounterVec,
    kernel_hits: IntCounterVec,
    agent_records: IntCounterVec,
    findings: IntCounterVec,
    lent: IntGaugeVec,
    flow_events: IntCounterVec,
    events: IntGaugeVec,
    store_bytes: IntGaugeVec,
    store_full: IntGauge,
    destroyed: IntCounterVec,
    undelivered: IntCounterVec,
    markers: IntGauge,
    quarantined: IntGauge,
    breakers: IntGaugeVec,
    patterns: IntGaugeVec,
    generation: IntGauge,
    attached: IntGaugeVec,
    journal: IntGauge,
    latency: Histogram,
    store_failures: prometheus::IntCounter,
    control_requests: IntCounterVec,
    outbox: outbox::Outbox,
    canary: IntCounterVec,
    lane: lane::Lane,
    scrape: Mutex<()>,
}

/// Everything that is read at a scrape rather than counted as it happens.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Interface, outcome, packets, bytes.
    pub traffic: Vec<(String, &'static str, u64, u64)>,
    /// Interface, attached or not.
    pub attached: Vec<(String, bool)>,
    /// Kernel term, count.
    pub kernel_hits: Vec<(&'static str, u64)>,
    /// Agent term, count.
    pub agent_records: Vec<(&'static str, u64)>,
    /// Term of the identity of findings, count.
    pub findings: Vec<(&'static str, u64)>,
    /// Term of the identity of lent packets, count.
    pub lent: Vec<(&'static str, u64)>,
    /// What drained flows told: name, count.
    pub flow_events: Vec<(&'static str, u64)>,
    /// Pattern kind, patterns in force.
    pub patterns: Vec<(&'static str, u64)>,
    /// Markers in the set.
    pub markers: u64,
    /// Of these, held back.
    pub quarantined: u64,
    /// Circuit breakers, by state.
    pub breakers: [(&'static str, u64); 2],
    /// Generation in force.
    pub generation: u32,
    /// The store of events.
    pub events: EventStatus,
    /// Entries of the journal.
    pub journal: u64,
    /// What came to the control socket: kind, count.
    pub door: Vec<(&'static str, u64)>,
    /// The sinks.
    pub sinks: Vec<SinkSnapshot>,
    /// The inspection lane.
    pub lane: LaneSnapshot,
}

impl Metrics {
    /// Registers every series.
    ///
    /// # Panics
    /// Never: names are constants, each registered once.
    #[must_use]
    pub fn new(version: &str, bpf_toolchain: &str, sensor: &str) -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels).expect("a constant name");
            registry
                .register(Box::new(vec.clone()))
                .expect("registered once");
            vec
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntGaugeVec::new(Opts::new(name, help), labels).expect("a constant name");
            registry
                .register(Box::new(vec.clone()))
                .expect("registered once");
            vec
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect("a constant name");
            registry
                .register(Box::new(gauge.clone()))
                .expect("registered once");
            gauge
        };
        let build = gauges(
            "marker_sensor_build_info",
            "What runs; the value is always 1.",
            &["version", "bpf_toolchain", "sensor"],
        );
        build
            .with_label_values(&[version, bpf_toolchain, sensor])
            .set(1);
        let latency = Histogram::with_opts(
            HistogramOpts::new(
                "marker_sensor_event_store_latency_seconds",
                "Time from the first packet of an event to the event in the store.",
            )
            .buckets(LATENCY_BUCKETS.to_vec()),
        )
        .expect("a constant name");
        registry
            .register(Box::new(latency.clone()))
            .expect("registered once");
        let store_failures = prometheus::IntCounter::new(
            "marker_sensor_store_failures_total",
            "Attempts to store a batch of events that failed; the batch is tried again.",
        )
        .expect("a constant name");
        registry
            .register(Box::new(store_failures.clone()))
            .expect("registered once");
        Self {
            packets: counters(
                "marker_sensor_packets_total",
                "Packets judged, by interface and outcome.",
                &["interface", "outcome"],
            ),
            bytes: counters(
                "marker_sensor_bytes_total",
                "Bytes judged (link header and IP length), by interface and outcome.",
                &["interface", "outcome"],
            ),
            kernel_hits: counters(
                "marker_sensor_kernel_hits_total",
                "Matches of a pattern and a packet in the kernel; hits is the sum of the other terms.",
                &["term"],
            ),
            agent_records: counters(
                "marker_sensor_agent_records_total",
                "Records from the kernel by what became of them; their sum is the kernel's term records.",
                &["term"],
            ),
            findings: counters(
                "marker_sensor_findings_total",
                "What the inspection lane found for a pattern, by what became of it.",
                &["term"],
            ),
            lent: gauges(
                "marker_sensor_lent_packets",
                "Packets lent to the inspection lane since the maps were made, by where they are; their sum is what the kernel has lent.",
                &["term"],
            ),
            flow_events: counters(
                "marker_sensor_flow_drain_total",
                "What drained flow tables told: packets, and events whose record was lost.",
                &["what"],
            ),
            events: gauges(
                "marker_sensor_events",
                "Events in the store, by state.",
                &["state"],
            ),
            store_bytes: gauges(
                "marker_sensor_store_bytes",
                "Bytes of the store of events and its keys, and the most that they may take.",
                &["what"],
            ),
            store_full: gauge(
                "marker_sensor_store_full",
                "1 when the store is at its cap and takes no new event.",
            ),
            destroyed: counters(
                "marker_sensor_events_destroyed_total",
                "Events destroyed since the store was made, by reason.",
                &["reason"],
            ),
            undelivered: counters(
                "marker_sensor_expired_undelivered_total",
                "Revisions of events destroyed before a sink took them, by sink.",
                &["sink"],
            ),
            markers: gauge("marker_sensor_markers", "Markers in the set."),
            quarantined: gauge(
                "marker_sensor_markers_quarantined",
                "Markers held back because of what they would match.",
            ),
            breakers: gauges(
                "marker_sensor_breakers",
                "Circuit breakers that are open, and patterns that flood and whose breaker is left to an operator.",
                &["state"],
            ),
            patterns: gauges(
                "marker_sensor_patterns",
                "Patterns in force, by kind.",
                &["kind"],
            ),
            generation: gauge("marker_sensor_generation", "Generation in force."),
            attached: gauges(
                "marker_sensor_interface_attached",
                "1 when the program is attached to the interface.",
                &["interface"],
            ),
            journal: gauge("marker_sensor_journal_entries", "Entries of the journal."),
            control_requests: counters(
                "marker_sensor_control_total",
                "What came to the control socket: requests, and of these denied, failed and so on.",
                &["what"],
            ),
            latency,
            store_failures,
            outbox: outbox::Outbox::new(&registry),
            canary: counters(
                "marker_sensor_canary_runs_total",
                "Runs of the self-test, by outcome: passed or failed.",
                &["outcome"],
            ),
            lane: lane::Lane::new(&registry),
            scrape: Mutex::new(()),
            registry,
        }
    }

    /// An event reached the store this long after its first packet, seconds.
    pub fn stored_after(&self, seconds: f64) {
        self.latency.observe(seconds.max(0.0));
    }

    /// A batch could not be stored.
    pub fn store_failed(&self) {
        self.store_failures.inc();
    }

    /// The self-test ran.
    pub fn canary(&self, passed: bool) {
        let outcome = if passed { "passed" } else { "failed" };
        self.canary.with_label_values(&[outcome]).inc();
    }

    /// An attempt to deliver to a sink ended so.
    pub fn delivered(&self, sink: &str, outcome: &str) {
        self.outbox.delivered(sink, outcome);
    }

    /// A recipient acknowledged an event this long after its first packet, seconds.
    pub fn acknowledged_after(&self, sink: &str, seconds: f64) {
        self.outbox.acknowledged_after(sink, seconds);
    }

    fn store(&self, events: &EventStatus) {
        let (stored, open) = (events.stored, events.open);
        for (vec, label, value) in [
            (&self.events, "open", open),
            (&self.events, "closed", stored.saturating_sub(open)),
            (&self.store_bytes, "used", events.bytes),
            (&self.store_bytes, "most", events.most_bytes),
        ] {
            vec.with_label_values(&[label]).set(value.cast_signed());
        }
        self.store_full.set(events.full.into());
        for (vec, counts) in [
            (&self.destroyed, &events.destroyed),
            (&self.undelivered, &events.expired_undelivered),
        ] {
            vec.reset();
            for Count { term, count } in counts {
                vec.with_label_values(&[term]).inc_by(*count);
            }
        }
    }

    /// The page, in the text exposition format.
    ///
    /// # Panics
    /// Never: every series has its help and type.
    pub fn page(&self, snapshot: &Snapshot) -> String {
        // Counts come from kernel maps and the store: set anew for each page, one page at a time.
        let _one = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        for vec in [
            &self.packets,
            &self.bytes,
            &self.kernel_hits,
            &self.agent_records,
        ] {
            vec.reset();
        }
        self.findings.reset();
        self.flow_events.reset();
        self.control_requests.reset();
        self.attached.reset();
        for (interface, outcome, packets, bytes) in &snapshot.traffic {
            let labels = [interface.as_str(), outcome];
            self.packets.with_label_values(&labels).inc_by(*packets);
            self.bytes.with_label_values(&labels).inc_by(*bytes);
        }
        for (interface, attached) in &snapshot.attached {
            self.attached
                .with_label_values(&[interface])
                .set(i64::from(*attached));
        }
        for (vec, counts) in [
            (&self.kernel_hits, &snapshot.kernel_hits),
            (&self.agent_records, &snapshot.agent_records),
            (&self.findings, &snapshot.findings),
            (&self.flow_events, &snapshot.flow_events),
            (&self.control_requests, &snapshot.door),
        ] {
            for (label, count) in counts {
                vec.with_label_values(&[label]).inc_by(*count);
            }
        }
        for (term, count) in &snapshot.lent {
            self.lent
                .with_label_values(&[term])
                .set(count.cast_signed());
        }
        for (kind, count) in &snapshot.patterns {
            self.patterns
                .with_label_values(&[kind])
                .set(count.cast_signed());
        }
        self.markers.set(snapshot.markers.cast_signed());
        self.quarantined.set(snapshot.quarantined.cast_signed());
        for (state, count) in &snapshot.breakers {
            self.breakers
                .with_label_values(&[state])
                .set(count.cast_signed());
        }
        self.generation.set(snapshot.generation.into());
        self.store(&snapshot.events);
        self.journal.set(snapshot.journal.cast_signed());
        self.outbox.set(&snapshot.sinks);
        self.lane.set(&snapshot.lane);
        let mut page = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut page)
            .expect("a vector takes any page");
        String::from_utf8(page).expect("the encoder writes UTF-8")
    }
}
