//! Events as a sink is told them, for tests that drive a sink by itself.

use sensor_user::{
    model::{
        Event, MarkerHandling, MatchedIn, Pap, PatternKind, Recipient, State, SubscriberSide, Tlp,
        Vantage, event::SCHEMA,
    },
    outbox::{Extent, View},
};

/// Subscriber of the events here, and its port.
pub const SUBSCRIBER: (&str, &str) = ("10.11.12.13", "40123");
/// The peer, which is the value of both markers, and its port.
pub const PEER: (&str, &str) = ("203.0.113.77", "8443");
/// A marker without restriction, and one whose handling a test chooses.
pub const MARKERS: [&str; 2] = ["marker-clear", "marker-handled"];

/// An event; `number` tells events apart.
///
/// # Panics
/// Never: its values are well formed.
#[must_use]
pub fn event(number: u32, rev: u32) -> Event {
    let time = |text: &str| text.parse().expect("a time");
    let port = |text: &str| Some(text.parse().expect("a port"));
    let address = |text: &str| Some(text.parse().expect("an address"));
    Event {
        schema: SCHEMA,
        id: format!("{number:032x}"),
        rev,
        state: if rev == 1 { State::Open } else { State::Closed },
        sensor: "pop1".into(),
        vantage: Vantage(1 << 24),
        markers: MARKERS.map(Into::into).into(),
        orders: vec!["order-1".into()],
        pattern_kind: PatternKind::Ip,
        matched_in: MatchedIn::DstIp,
        first_seen: time("2026-01-31T12:00:00.123456Z"),
        last_seen: time(&format!("2026-01-31T12:00:0{rev}.5Z")),
        src_ip: address(SUBSCRIBER.0),
        src_port: port(SUBSCRIBER.1),
        dst_ip: address(PEER.0),
        dst_port: port(PEER.1),
        proto: "tcp".into(),
        packets: u64::from(7 * rev),
        bytes: 4_200,
        subscriber_side: SubscriberSide::Src,
        interface: "access0".into(),
        vlan: vec![100],
        generation: 1,
        tlp: Tlp::Clear,
        pap: Pap::Amber,
        test: false,
    }
}

/// What a recipient is told of an event whose second marker is handled so.
#[must_use]
pub fn view(number: u32, handling: MarkerHandling, to: (Recipient, Extent)) -> View {
    view_until(event(number, 1), handling, to, "2099-07-31")
}

/// The same of this event, with the first day on which nobody may have it.
///
/// # Panics
/// When `expires` is no day.
#[must_use]
pub fn view_until(
    mut event: Event,
    handling: MarkerHandling,
    to: (Recipient, Extent),
    expires: &str,
) -> View {
    (event.tlp, event.pap) = (handling.tlp, handling.pap);
    let handling = match event.markers.len() {
        1 => vec![handling],
        _ => vec![handled(Tlp::Clear, false), handling],
    };
    let expires = expires.parse().expect("a day");
    View::new(event, &handling, &[7; 32], to, expires)
}

/// Revision `rev` of an event, for the operator, nothing withheld.
#[must_use]
pub fn revision(number: u32, rev: u32) -> View {
    let to = (Recipient::Operator, Extent::Event);
    view_until(
        event(number, rev),
        handled(Tlp::Clear, false),
        to,
        "2099-07-31",
    )
}

/// Of a marker that the authority issued, or somebody else.
#[must_use]
pub const fn handled(tlp: Tlp, authority: bool) -> MarkerHandling {
    MarkerHandling {
        tlp,
        pap: Pap::Amber,
        authority,
    }
}

/// First revisions of events for the operator, nothing withheld.
#[must_use]
pub fn views(numbers: std::ops::Range<u32>) -> Vec<View> {
    numbers.map(|number| revision(number, 1)).collect()
}

/// A case of handling: to whom, how, and what may not be among the bytes that arrive.
pub type Withheld = (MarkerHandling, (Recipient, Extent), Vec<&'static str>);

/// What each recipient may not be told of an event with an address marker of TLP:RED or AMBER+STRICT.
#[must_use]
pub fn withheld() -> Vec<Withheld> {
    let operator = (Recipient::Operator, Extent::Event);
    let alert = (Recipient::Authority, Extent::Alert);
    let wider = (Recipient::Authority, Extent::Event);
    let value = vec![MARKERS[1], PEER.0, PEER.1];
    let flow = vec![SUBSCRIBER.0, SUBSCRIBER.1, PEER.0, PEER.1, "access0"];
    let all = [&value[..1], &flow[..]].concat();
    vec![
        (handled(Tlp::Red, false), operator, value.clone()),
        (handled(Tlp::Red, true), operator, value.clone()),
        (handled(Tlp::AmberStrict, true), operator, vec![]),
        (handled(Tlp::Red, false), alert, all.clone()),
        (handled(Tlp::AmberStrict, false), alert, all),
        (handled(Tlp::Red, true), alert, flow.clone()),
        (handled(Tlp::AmberStrict, true), alert, flow),
        (handled(Tlp::Red, false), wider, value.clone()),
        (handled(Tlp::AmberStrict, false), wider, value),
        (handled(Tlp::Red, true), wider, vec![]),
    ]
}

/// Checks that of what may be withheld those words are in a text that are not blank in it, and no
/// others.
///
/// # Panics
/// When it is otherwise.
pub fn check(text: &str, case: &Withheld) {
    let (handling, to, blank) = case;
    assert!(text.contains(MARKERS[0]), "{text}");
    for word in [MARKERS[1], PEER.0, PEER.1, SUBSCRIBER.0, SUBSCRIBER.1] {
        assert_eq!(
            !text.contains(word),
            blank.contains(&word),
            "{handling:?} {to:?}: {word} in {text}"
        );
    }
}
