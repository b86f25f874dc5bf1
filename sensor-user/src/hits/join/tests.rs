//! The joiner, driven by hand-made records and flows.

mod names;
mod restored;

use sensor_common::{Flow, Record};

use super::*;
use crate::{
    hits::{Index, Zone, event::address},
    markers::{pattern_id, read_text, rows},
    model::{Image, OrderNumber, Pap, Tlp},
};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_767_225_600 * SECOND;

struct World {
    indexes: Indexes,
    subscribers: Subscribers,
    joiner: Joiner,
}

fn world(markers: &str) -> World {
    let markers = read_text(markers).markers;
    let image = Image::new(rows(markers)).expect("no collision");
    let indexes = Indexes::of(Index::new(image));
    let mut subscribers = Subscribers::default();
    for (slot, name) in [(0, "in"), (1, "out")] {
        let zone = Zone {
            prefixes: vec!["10.0.0.0/8".parse().expect("a prefix")],
            realm: 0,
        };
        subscribers.insert(slot, name.into(), zone, []);
    }
    let timeouts = Timeouts {
        idle: Duration::from_secs(60),
        active: Duration::from_secs(1800),
    };
    let mut joiner = Joiner::new(EventContext::default(), timeouts);
    joiner.add_key("2026-01".into(), [7; 32]);
    World {
        indexes,
        subscribers,
        joiner,
    }
}

const fn around<'a>(indexes: &'a Indexes, subscribers: &'a Subscribers) -> Surroundings<'a> {
    Surroundings {
        indexes,
        subscribers,
        clock: KernelClock::Replay,
    }
}

impl World {
    fn record(&mut self, slot: u32, src: &str, dst: &str, ports: (u16, u16), time: u64) -> Account {
        let record = Record {
            key: key(slot, src, dst, ports),
            time,
            sequence: 1,
            bytes: 60,
            cpu: 0,
            generation: 1,
            matched_in: if dst.starts_with("203") { 2 } else { 1 },
            reserved: 0,
            slot: 0,
        };
        let around = around(&self.indexes, &self.subscribers);
        self.joiner.record(&record, None, around)
    }

    fn flow(&mut self, key: FlowKey, packets: u64, time: u64) -> bool {
        let flow = Flow {
            first: time,
            last: time,
            packets,
            bytes: packets * 100,
            generation: 1,
            matched_in: 2,
            reserved: [0; 3],
        };
        let around = around(&self.indexes, &self.subscribers);
        self.joiner.flow(&key, &flow, around, false).is_some()
    }
}

fn key(slot: u32, src: &str, dst: &str, ports: (u16, u16)) -> FlowKey {
    let side = |text: &str| address(text.parse().expect("an address"));
    FlowKey {
        pattern: pattern_id(&"ip 203.0.113.5".parse().expect("a pattern")).0,
        src: side(src).1,
        dst: side(dst).1,
        vantage: slot << 24,
        tunnel: 0,
        src_port: ports.0,
        dst_port: ports.1,
        proto: 6,
        family: 4,
        reserved: [0; 2],
    }
}

#[test]
fn the_two_directions_are_one_event_and_closing_is_a_revision() {
    let mut world = world("ip 203.0.113.5 id=c2\n");
    let ports = (40000, 443);
    assert_eq!(
        world.record(0, "10.0.0.1", "203.0.113.5", ports, START),
        Account::Events
    );
    assert_eq!(
        world.record(1, "203.0.113.5", "10.0.0.1", (443, 40000), START + SECOND),
        Account::Joined
    );
    assert!(!world.flow(
        key(0, "10.0.0.1", "203.0.113.5", ports),
        8,
        START + 2 * SECOND
    ));
    let changes = world.joiner.take_changes();
    assert_eq!(changes.len(), 1);
    let event = &changes[0].row.event;
    assert_eq!((event.rev, event.packets, event.bytes), (1, 10, 920));
    assert_eq!((event.state, event.interface.as_str()), (State::Open, "in"));
    world.joiner.close_over(START + 61 * SECOND);
    assert_eq!(world.joiner.take_changes(), []);
    world.joiner.close_over(START + 62 * SECOND);
    let closed = &world.joiner.take_changes()[0].row.event;
    assert_eq!(
        (closed.rev, closed.state, &closed.id),
        (2, State::Closed, &event.id)
    );
    assert_eq!(closed.last_seen.as_second(), 1_767_225_602);
}

#[test]
fn transit_refuted_and_expired_hits_open_nothing() {
    let mut world = world("ip 203.0.113.5 id=c2 until=2026-01-01T00:00:10Z\n");
    let ports = (1, 2);
    assert_eq!(
        world.record(0, "192.0.2.1", "203.0.113.5", ports, START),
        Account::Transit
    );
    assert_eq!(
        world.record(0, "10.0.0.1", "203.0.113.6", ports, START),
        Account::Refuted
    );
    let late = START + 10 * SECOND;
    assert_eq!(
        world.record(0, "10.0.0.1", "203.0.113.5", ports, late),
        Account::Expired
    );
    assert_eq!(world.joiner.take_changes(), []);
}

#[test]
fn a_full_store_refuses_new_events_by_name_and_open_ones_go_on() {
    let mut world = world("ip 203.0.113.5 id=c2\n");
    let hit =
        |world: &mut World, port| world.record(0, "10.0.0.1", "203.0.113.5", (port, 443), START);
    assert_eq!(hit(&mut world, 1), Account::Events);
    world.joiner.set_full(true);
    assert_eq!(hit(&mut world, 1), Account::Joined);
    assert_eq!(hit(&mut world, 2), Account::StoreFull);
    // What would have been nothing is not told as lost.
    let transit = world.record(0, "192.0.2.1", "203.0.113.5", (1, 2), START);
    assert_eq!(transit, Account::Transit);
    world.joiner.set_full(false);
    assert_eq!(hit(&mut world, 2), Account::Events);
    let changes = world.joiner.take_changes();
    let seqs: Vec<i64> = changes.iter().map(|change| change.row.seq).collect();
    assert_eq!(seqs, [1, 2]);
}

#[test]
fn a_marker_that_looks_at_one_side_is_not_named_for_the_other() {
    let mut one = world("ip 203.0.113.5 id=c2 direction=source\n");
    let ports = (5, 6);
    let out = |world: &mut World| world.record(0, "10.0.0.1", "203.0.113.5", ports, START);
    assert_eq!(out(&mut one), Account::Refuted);
    let back = one.record(0, "203.0.113.5", "10.0.0.1", ports, START);
    assert_eq!(back, Account::Events);
    let mut both = world("ip 203.0.113.5 id=a direction=source\nip 203.0.113.5 id=b\n");
    assert_eq!(out(&mut both), Account::Events);
    assert_eq!(both.joiner.take_changes()[0].row.event.markers, ["b"]);
}

#[test]
fn an_event_names_each_marker_once_and_the_orders_in_force() {
    let mut world = world("");
    let row = |order, id: &str, tail: &str| {
        let line = format!("ip 203.0.113.5 id={id} {tail}\n");
        let mut row = rows(read_text(&line).markers).remove(0);
        row.order = OrderNumber(order);
        row
    };
    let rows = vec![
        row(0, "c2", "tlp=GREEN pap=GREEN"),
        row(2, "c2", "tlp=RED pap=GREEN"),
        row(1, "c2", "until=2026-01-01T00:00:00Z"),
        row(3, "other", "tlp=GREEN pap=GREEN from=2026-01-01T00:00:10Z"),
    ];
    let references = [1, 2, 3].map(|number| (OrderNumber(number), format!("2026-{number}")));
    let image = Image::new(rows).expect("no collision");
    let index = Index::with_orders(image, std::sync::Arc::new(references.into()));
    world.indexes = Indexes::of(index);
    world.record(0, "10.0.0.1", "203.0.113.5", (5, 6), START);
    world.record(0, "10.0.0.1", "203.0.113.5", (7, 8), START + 10 * SECOND);
    let changes = world.joiner.take_changes();
    let [first, second] = [0, 1].map(|at| &changes[at].row.event);
    assert_eq!(
        (&first.markers[..], &first.orders[..]),
        (&["c2".to_owned()][..], &["2026-2".to_owned()][..])
    );
    assert_eq!((first.tlp, first.pap), (Tlp::Red, Pap::Green));
    assert_eq!(second.markers, ["c2", "other"]);
    let handling = |at: usize| changes[1].row.handling[at];
    // The strictest of the rows in force, whoever's they are.
    assert_eq!(handling(0).tlp, Tlp::Red);
    assert_eq!((handling(1).tlp, handling(1).authority), (Tlp::Green, true));
    assert!(handling(0).authority);
    assert_eq!((changes[0].row.seq, changes[1].row.seq), (1, 2));
    assert_eq!(second.orders, ["2026-2", "2026-3"]);
}

#[test]
fn a_flow_whose_record_was_lost_still_opens_its_event() {
    let mut world = world("ip 203.0.113.5 id=c2\n");
    assert!(world.flow(key(0, "10.0.0.1", "203.0.113.5", (5, 6)), 3, START));
    let changes = world.joiner.take_changes();
    assert_eq!((changes[0].row.event.packets, changes[0].opened), (3, true));
}

#[test]
fn a_long_flow_is_cut_at_the_active_timeout() {
    let mut world = world("ip 203.0.113.5 id=c2\n");
    let ports = (5, 6);
    for minute in 0..30 {
        world.record(
            0,
            "10.0.0.1",
            "203.0.113.5",
            ports,
            START + minute * 60 * SECOND,
        );
    }
    world.joiner.close_over(START + 1800 * SECOND);
    assert_eq!(world.joiner.take_changes()[0].row.event.packets, 30);
    assert_eq!(
        world.record(0, "10.0.0.1", "203.0.113.5", ports, START + 1801 * SECOND),
        Account::Events
    );
}
