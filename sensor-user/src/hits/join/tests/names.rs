//! Names and other values: confirmed on what the packet bore, or no event.

use sensor_common::{MATCHED_DNS, MATCHED_JA3};

use super::*;
use crate::{
    markers::canonical_id,
    model::{Name, Observed, Pattern},
};

const PORTS: (u16, u16) = (40_000, 53);

fn id(pattern: &str) -> PatternId {
    pattern_id(&pattern.parse().expect("a pattern"))
}

fn name(text: &str) -> Observed {
    Observed::Name(Name::of_text(text.as_bytes()).expect("a name"))
}

fn flow_key(pattern: &str) -> FlowKey {
    FlowKey {
        pattern: id(pattern).0,
        ..key(0, "10.0.0.1", "198.51.100.53", PORTS)
    }
}

fn flow(matched_in: u8, packets: u64) -> Flow {
    Flow {
        first: START,
        last: START,
        packets,
        bytes: packets * 80,
        generation: 1,
        matched_in,
        reserved: [0; 3],
    }
}

impl World {
    /// A record of a name whose packet bore these.
    fn named(&mut self, pattern: &str, bore: Option<&[Observed]>) -> Account {
        let record = Record {
            key: flow_key(pattern),
            time: START,
            sequence: 1,
            bytes: 60,
            cpu: 0,
            generation: 1,
            matched_in: MATCHED_DNS,
            reserved: 0,
            slot: 1,
        };
        let (indexes, subscribers) = (self.indexes.clone(), self.subscribers.clone());
        let around = Surroundings {
            indexes: &indexes,
            subscribers: &subscribers,
            clock: KernelClock::Replay,
        };
        self.joiner.record(&record, bore, around)
    }

    fn drained(&mut self, pattern: &str, packets: u64) -> Option<Account> {
        let (indexes, subscribers) = (self.indexes.clone(), self.subscribers.clone());
        let around = Surroundings {
            indexes: &indexes,
            subscribers: &subscribers,
            clock: KernelClock::Replay,
        };
        let flow = flow(MATCHED_DNS, packets);
        self.joiner.flow(&flow_key(pattern), &flow, around, false)
    }
}

#[test]
fn a_name_is_confirmed_on_what_its_packet_bore_and_a_collision_opens_nothing() {
    let pattern = "domain *.evil.example";
    let mut world = world(&format!("{pattern} id=n\n"));
    // Another name of the same hash: the record says the pattern, the packet another name.
    assert_eq!(
        world.named(pattern, Some(&[name("good.example")])),
        Account::Refuted
    );
    assert_eq!(world.named(pattern, Some(&[])), Account::Refuted);
    assert_eq!(world.named(pattern, None), Account::Unconfirmed);
    assert_eq!(world.drained(pattern, 3), Some(Account::UnconfirmedPackets));
    assert!(world.joiner.take_changes().is_empty());
    let bore = [name("good.example"), name("A.EVIL.example")];
    assert_eq!(world.named(pattern, Some(&bore)), Account::Events);
    assert_eq!(world.named(pattern, Some(&bore)), Account::Joined);
    // Not on the strength of the event that is open.
    assert_eq!(world.named(pattern, Some(&bore[..1])), Account::Refuted);
    assert_eq!(world.drained(pattern, 3), None);
    let changes = world.joiner.take_changes();
    let event = &changes[0].row.event;
    assert_eq!((event.packets, event.matched_in), (5, MatchedIn::Dns));
    assert_eq!(event.subscriber_side, SubscriberSide::Src);
    assert_eq!(event.markers, ["n"]);
}

#[test]
fn a_drained_flow_of_transit_is_not_called_unconfirmed() {
    let mut world = world("domain evil.example id=n\n");
    let transit = FlowKey {
        pattern: id("domain evil.example").0,
        ..key(0, "192.0.2.1", "198.51.100.53", PORTS)
    };
    let (indexes, subscribers) = (world.indexes.clone(), world.subscribers.clone());
    let around = Surroundings {
        indexes: &indexes,
        subscribers: &subscribers,
        clock: KernelClock::Replay,
    };
    let flow = flow(MATCHED_DNS, 3);
    assert_eq!(world.joiner.flow(&transit, &flow, around, false), None);
}

#[test]
fn what_the_lane_found_leads_to_every_pattern_that_covers_it() {
    let ja3 = "ja3 e7d705a3286e19ea42f587b344ee6865";
    let mut world = world(&format!(
        "domain a.evil.example id=a\ndomain *.evil.example id=b\ndomain evil.example id=c\n{ja3} id=j\n"
    ));
    let covering = |world: &World, value: &Observed| {
        let mut ids = world.indexes.covering(value, canonical_id);
        ids.sort_unstable();
        ids
    };
    let mut expected = [id("domain a.evil.example"), id("domain *.evil.example")];
    expected.sort_unstable();
    assert_eq!(covering(&world, &name("A.evil.example.")), expected);
    assert!(covering(&world, &name("xevil.example")).is_empty());
    let Ok(Pattern::Ja3(value)) = ja3.parse() else {
        panic!("a JA3");
    };
    let value = Observed::Ja3(value);
    assert_eq!(covering(&world, &value), [id(ja3)]);
    let (indexes, subscribers) = (world.indexes.clone(), world.subscribers.clone());
    let around = Surroundings {
        indexes: &indexes,
        subscribers: &subscribers,
        clock: KernelClock::Replay,
    };
    let (key, flow) = (flow_key(ja3), flow(MATCHED_JA3, 2));
    let mut find = |admitted: Result<(), Account>| {
        world
            .joiner
            .finding(&key, &flow, &value, around, || admitted)
    };
    assert_eq!(find(Err(Account::Limited)), Account::Limited);
    assert_eq!(find(Ok(())), Account::Events);
    assert_eq!(find(Err(Account::Limited)), Account::Joined, "it is open");
    let changes = world.joiner.take_changes();
    let event = &changes[0].row.event;
    assert_eq!((event.packets, event.matched_in), (4, MatchedIn::Ja3));
}

/// The kernel announces a flow once; a long one outlives its event.
#[test]
fn a_flow_that_was_confirmed_goes_on_after_its_event_is_closed() {
    let pattern = "domain evil.example";
    let mut world = world(&format!("{pattern} id=n\n"));
    assert_eq!(
        world.named(pattern, Some(&[name("evil.example")])),
        Account::Events
    );
    world.joiner.close_all();
    assert_eq!(world.drained(pattern, 2), Some(Account::EventsFromFlows));
    world.joiner.close_all();
    world.joiner.close_over(START + 60 * SECOND);
    assert_eq!(world.drained(pattern, 2), Some(Account::UnconfirmedPackets));
}
