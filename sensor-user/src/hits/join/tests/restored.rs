//! Events that go on after a restart, and events whose grounds end.

use super::*;
use crate::model::ImageRow;

/// A pattern with a ground of the operator's own, and an order's that ends after ten seconds.
fn two_grounds(end: &[&str]) -> World {
    let mut markers = read_text("ip 203.0.113.5 id=c2\n").markers;
    let mut all = rows(markers.clone());
    if !end.is_empty() {
        markers[0].until = Some(end[0].parse::<Timestamp>().expect("a time").into());
        let order = |row| ImageRow {
            order: OrderNumber(1),
            ..row
        };
        all.extend(rows(markers).into_iter().map(order));
    }
    let references = std::sync::Arc::new([(OrderNumber(1), "ORD-1".to_owned())].into());
    let mut world = world("");
    let image = Image::new(all).expect("no collision");
    world.indexes = Indexes::of(Index::with_orders(image, references));
    world
}

#[test]
fn a_restored_event_goes_on_under_its_id() {
    let mut world = world("ip 203.0.113.5 id=c2\n");
    world.record(0, "10.0.0.1", "203.0.113.5", (5, 6), START);
    let change = world.joiner.take_changes().remove(0);
    let mut next = super::world("ip 203.0.113.5 id=c2\n");
    let around = around(&next.indexes, &next.subscribers);
    next.joiner.start_at(change.row.seq + 1);
    next.joiner.restore(&change.row, around);
    assert_eq!(
        next.record(1, "203.0.113.5", "10.0.0.1", (6, 5), START + SECOND),
        Account::Joined
    );
    let again = next.joiner.take_changes().remove(0);
    assert_eq!(
        (again.row.seq, again.row.event.id, again.row.event.packets),
        (1, change.row.event.id, 2)
    );
}

#[test]
fn of_two_restored_events_of_one_flow_the_earlier_is_closed() {
    let mut world = world("ip 203.0.113.5 id=c2\n");
    world.record(0, "10.0.0.1", "203.0.113.5", (5, 6), START);
    let change = world.joiner.take_changes().remove(0);
    let mut next = super::world("ip 203.0.113.5 id=c2\n");
    let around = around(&next.indexes, &next.subscribers);
    next.joiner.restore(&change.row, around);
    let mut second = change.row;
    second.seq = 2;
    next.joiner.restore(&second, around);
    let changes = next.joiner.take_changes();
    let told = |change: &Change| (change.row.seq, change.row.event.rev, change.row.event.state);
    let told: Vec<_> = changes.iter().map(told).collect();
    assert_eq!(told, [(1, 2, State::Closed)]);
    assert_eq!(next.joiner.open_count(), 1);
}

#[test]
fn a_restored_event_whose_marker_became_stricter_is_closed() {
    let mut world = world("ip 203.0.113.5 id=c2 tlp=GREEN\n");
    world.record(0, "10.0.0.1", "203.0.113.5", (5, 6), START);
    let row = world.joiner.take_changes().remove(0).row;
    for (tlp, open) in [("GREEN", 1), ("RED", 0)] {
        let mut next = super::world(&format!("ip 203.0.113.5 id=c2 tlp={tlp}\n"));
        let around = around(&next.indexes, &next.subscribers);
        next.joiner.restore(&row, around);
        let now = KernelClock::Replay.to_wall(START + SECOND);
        next.joiner.close_changed(around, now);
        assert_eq!(next.joiner.open_count(), open, "{tlp}");
    }
}

#[test]
fn a_restored_event_whose_order_is_over_is_closed() {
    let mut world = two_grounds(&["2026-01-01T00:00:10Z"]);
    world.record(0, "10.0.0.1", "203.0.113.5", (5, 6), START);
    let around = around(&world.indexes, &world.subscribers);
    let at = |time| KernelClock::Replay.to_wall(START + time * SECOND);
    world.joiner.close_changed(around, at(9));
    assert_eq!(world.joiner.open_count(), 1);
    world.joiner.close_changed(around, at(10));
    assert_eq!(world.joiner.open_count(), 0);
}

#[test]
fn what_is_seen_after_an_order_ended_is_another_event() {
    let ends = "2026-01-01T00:00:10Z";
    let ports = (5, 6);
    let mut world = two_grounds(&[ends]);
    let key = key(0, "10.0.0.1", "203.0.113.5", ports);
    world.record(0, "10.0.0.1", "203.0.113.5", ports, START);
    assert!(!world.flow(key, 2, START + 9 * SECOND));
    let before = world.joiner.take_changes().remove(0);
    assert_eq!(before.row.event.orders, ["ORD-1"]);
    // A restarted agent, too, whose image has the order no more and whose index of what is over has.
    let mut next = two_grounds(&[]);
    let live = crate::hits::Live::new(
        next.indexes.iter().next().expect("one").clone(),
        Subscribers::default(),
    );
    live.put_former(world.indexes.iter().next().expect("one").clone());
    next.indexes = live.indexes();
    let around = around(&next.indexes, &next.subscribers);
    next.joiner.start_at(before.row.seq + 1);
    next.joiner.restore(&before.row, around);
    assert!(!next.flow(key, 1, START + 9 * SECOND), "it was in its time");
    for world in [&mut world, &mut next] {
        assert!(world.flow(key, 4, START + 10 * SECOND));
        let changes = world.joiner.take_changes();
        let told = |state| {
            let mut of = changes.iter().filter(|one| one.row.event.state == state);
            let event = &of.next().expect("one").row.event;
            assert!(of.next().is_none());
            (event.orders.len(), event.packets)
        };
        assert_eq!(told(State::Open), (0, 4));
        assert_eq!(told(State::Closed).0, 1);
    }
}

#[test]
fn two_events_of_one_drained_flow_have_two_ids() {
    let mut world = two_grounds(&["2026-01-01T00:00:10Z"]);
    let ports = (5, 6);
    world.record(0, "10.0.0.1", "203.0.113.5", ports, START);
    // The order ends before the table is drained: its flow begins with the packet of the record.
    let flow = Flow {
        first: START,
        last: START + 10 * SECOND,
        packets: 3,
        bytes: 300,
        generation: 1,
        matched_in: 2,
        reserved: [0; 3],
    };
    let around = around(&world.indexes, &world.subscribers);
    let key = key(0, "10.0.0.1", "203.0.113.5", ports);
    assert!(world.joiner.flow(&key, &flow, around, false).is_some());
    let changes = world.joiner.take_changes();
    let ids: Vec<&str> = changes.iter().map(|one| &*one.row.event.id).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}
