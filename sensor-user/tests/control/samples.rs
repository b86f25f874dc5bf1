//! Answers with every field filled in.

use jiff::Timestamp;
use sensor_user::{
    config::Config,
    legal::{self, Gate},
    model::{
        Direction, Event, Marker, MatchedIn, OrderState, Pap, Pattern, PatternKind, Recipient,
        State, SubscriberSide, Tlp, Vantage,
        declaration::{Declaration, DeclarationReport, Declared},
        request::{
            BreakerStatus, ClassCoverage, Count, Coverage, EventStatus, InterfaceStatus,
            JournalPage, JournalRow, JournalStatus, KindCount, MarkerRow, MarkerSource,
            MarkerStatus, OrderRow, OutcomeCount, Progress, SinkRow, Stage, Status,
        },
    },
};
use serde_json::value::RawValue;

pub fn row(id: &str, pattern: Pattern) -> MarkerRow {
    MarkerRow {
        marker: Marker {
            id: id.into(),
            pattern,
            from: None,
            until: None,
            direction: Direction::Either,
            tlp: Tlp::Amber,
            pap: Pap::Amber,
        },
        pattern_id: "00000000000000ff".into(),
        in_force: true,
        not_in_force: None,
        standing: None,
        approved_by: Some(1000),
        source: Some(MarkerSource {
            order: Some("2026/7".into()),
            issuer: "ANSSI".into(),
            serial: Some(12),
        }),
        orders: vec!["2026/7".into()],
        capped: true,
    }
}

pub fn order(reference: &str) -> OrderRow {
    let time: Timestamp = "2026-01-02T03:04:05Z".parse().expect("time");
    OrderRow {
        reference: reference.into(),
        issuer: "ANSSI".into(),
        threat_reference: Some("CERTFR-2026-1".into()),
        start: time.into(),
        end: time.into(),
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        state: OrderState::Over,
        acknowledged: time.into(),
        receipt: 7,
        serial: Some(12),
        withdrawn: Some(time.into()),
        markers: 2,
        named: 1,
    }
}

/// A sink with every field filled in.
pub fn sink() -> SinkRow {
    SinkRow {
        name: "soc".into(),
        kind: "webhook".into(),
        recipient: Recipient::Operator,
        told: "event".into(),
        retention: Some(86_400),
        down: true,
        pending: 3,
        dead: 1,
        oldest_unsent: Some("2026-01-02T03:04:05Z".parse().expect("time")),
        acknowledged: 5,
        retried: 2,
        code: Some("http_503".into()),
        reason: Some("https://soc.example/hook answers 503".into()),
    }
}

/// An event with every field filled in.
pub fn event(id: &str) -> Event {
    let time: Timestamp = "2026-01-02T03:04:05Z".parse().expect("time");
    Event {
        schema: 1,
        id: id.into(),
        rev: 1,
        state: State::Open,
        sensor: "pop1".into(),
        vantage: Vantage(100 << 12),
        markers: vec!["m1".into()],
        orders: vec![],
        pattern_kind: PatternKind::Ip,
        matched_in: MatchedIn::DstIp,
        first_seen: time,
        last_seen: time,
        src_ip: Some([10, 0, 0, 1].into()),
        src_port: Some(40_000),
        dst_ip: Some([203, 0, 113, 5].into()),
        dst_port: Some(443),
        proto: "tcp".into(),
        packets: 3,
        bytes: 180,
        subscriber_side: SubscriberSide::Src,
        interface: "eth0".into(),
        vlan: vec![100],
        generation: 1,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        test: false,
    }
}

pub fn declaration() -> DeclarationReport {
    let text = "sensor = \"pop1\"\n[legal]\nvalidation = \"V-1\"\n[[interface]]\n\
                name = \"eth0\"\nsubscribers = [\"198.51.100.0/24\"]\n\
                [[interface.vlan]]\ntags = [100]\n";
    let config = Config::parse("sensor.toml".as_ref(), text).expect("a configuration");
    let mut gate = Gate::new(legal::facts(&config, &[]), None);
    gate.record(Declaration {
        reference: "DEC-1".into(),
        date: jiff::civil::date(2027, 1, 31),
        digest: gate.digest().into(),
        recorded: Timestamp::now(),
        uid: 1000,
        receipt: 3,
    });
    gate.report()
}

pub fn journal() -> JournalPage {
    let entry = RawValue::from_string("{\"kind\":\"start\"}".into()).expect("JSON");
    JournalPage {
        rows: vec![JournalRow {
            index: 0,
            leaf: "cd".repeat(32),
            entry: Some(entry),
        }],
        size: 1,
        root: "ef".repeat(32),
    }
}

pub fn status() -> Status {
    let count = |term: &str, count| Count {
        term: term.into(),
        count,
    };
    Status {
        sensor: "pop1".into(),
        version: "0.1.0".into(),
        kernel: "6.18".into(),
        clock: "tai".into(),
        clock_trusted: true,
        clock_synchronised: Some(true),
        started: Timestamp::now(),
        interfaces: vec![InterfaceStatus {
            name: "eth0".into(),
            slot: 0,
            attached: true,
            mode: Some("native".into()),
            frags: true,
            notes: vec!["the peer's TSO is off".into()],
            outcomes: vec![
                OutcomeCount {
                    outcome: "miss".into(),
                    packets: 997,
                    bytes: 99_700,
                },
                OutcomeCount {
                    outcome: "hit".into(),
                    packets: 3,
                    bytes: 300,
                },
            ],
        }],
        markers: MarkerStatus {
            total: 2,
            quarantined: 0,
            unmatched: 0,
            barred: 0,
            not_yet: 0,
            over: 0,
            in_force: vec![KindCount {
                kind: PatternKind::Ip,
                count: 2,
            }],
            generation: 1,
            digest: "ab".repeat(32),
        },
        declared: Declared::Missing,
        change: Some(Progress {
            stage: Stage::Storing,
            done: 8_192,
            total: 1_000_000,
            since: Timestamp::now(),
        }),
        breakers: vec![BreakerStatus {
            pattern_id: "00000000000000ff".into(),
            marker: "noisy".into(),
            open: true,
            since: Some(Timestamp::now()),
            automatic: true,
            receipt: Some(7),
        }],
        events: EventStatus {
            stored: 1,
            open: 1,
            bytes: 40_960,
            most_bytes: 10 << 30,
            full: false,
            destroyed: Vec::new(),
            expired_undelivered: Vec::new(),
        },
        kernel_hits: vec![
            count("hits", 3),
            count("records", 1),
            count("aggregated", 2),
        ],
        agent_records: vec![count("records", 1), count("events", 0)],
        findings: vec![count("findings", 0), count("events", 0)],
        lent: vec![count("lent", 2), count("taken", 2)],
        journal: JournalStatus {
            size: 1,
            root: "ef".repeat(32),
        },
    }
}

pub fn coverage() -> Coverage {
    let count = |term: &str| Count {
        term: term.into(),
        count: 1,
    };
    Coverage {
        packets: 10,
        packets_judged: 9,
        packets_not_judged: vec![count("fragment")],
        classes: vec![ClassCoverage {
            class: "tls_hello".into(),
            looked_at: true,
            seen: 3,
            judged: 2,
            not_judged: vec![count("timed_out")],
            encrypted: 1,
        }],
        lost: vec![count("lost_at_restart")],
        unseen: vec!["names in answers".into()],
    }
}
