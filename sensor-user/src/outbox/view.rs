//! What a recipient is told of an event: the only form in which one leaves the agent.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::{
    config,
    crypto::{hex, hmac_sha256},
    model::{Event, MarkerHandling, MatchedIn, Recipient, SubscriberSide, Vantage},
};

/// Fields of an alert: ids, orders, times, counts and the PoP, nothing of a subscriber. The rest is
/// disclosed at the authority's request.
const ALERT: [&str; 16] = [
    "schema",
    "id",
    "rev",
    "state",
    "sensor",
    "markers",
    "orders",
    "pattern_kind",
    "matched_in",
    "first_seen",
    "last_seen",
    "packets",
    "bytes",
    "tlp",
    "pap",
    "test",
];

/// How much a sink is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// That there is an event.
    Alert,
    /// The event.
    Event,
}

impl Extent {
    /// What a sink is told: the authority's only alerts, unless a policy is recorded.
    #[must_use]
    pub fn of(sink: &config::Sink) -> Self {
        match sink.recipient {
            Recipient::Authority if sink.policy.is_none() => Self::Alert,
            Recipient::Authority | Recipient::Operator => Self::Event,
        }
    }

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Event => "event",
        }
    }
}

/// A revision of an event, for one recipient. What it may not know is blank here already, so that no
/// sink can tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The event, blank where the recipient may not know.
    pub event: Event,
    /// What is told.
    pub extent: Extent,
    /// First day (UTC) on which nobody may have it any more.
    pub expires: Date,
}

impl View {
    /// The event as a recipient is told it. `handling` is that of each of its markers, in their order;
    /// `alias_key` is the key of the month of its ids.
    #[must_use]
    pub fn new(
        mut event: Event,
        handling: &[MarkerHandling],
        alias_key: &[u8; 32],
        (recipient, extent): (Recipient, Extent),
        expires: Date,
    ) -> Self {
        let mut withheld = false;
        for (index, marker) in event.markers.iter_mut().enumerate() {
            // A marker of which nothing is known is told to nobody.
            let told = handling
                .get(index)
                .is_some_and(|handling| handling.may_be_told(recipient));
            if !told {
                withheld = true;
                let digest = hmac_sha256(alias_key, &[b"alias", marker.as_bytes()]);
                *marker = format!("alias-{}", hex(&digest[..8]));
            }
        }
        if withheld {
            blank_value(&mut event);
        }
        if extent == Extent::Alert {
            blank_flow(&mut event);
        }
        Self {
            event,
            extent,
            expires,
        }
    }

    /// What is told, as JSON: the event, or the fields of an alert.
    ///
    /// # Panics
    /// Never: an event is an object.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(&self.event) else {
            unreachable!("an event is an object");
        };
        if self.extent == Extent::Alert {
            fields.retain(|name, _| ALERT.contains(&name.as_str()));
        }
        fields
    }

    /// What recipients tell revisions apart by.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}", self.event.id, self.event.rev)
    }
}

/// Blanks the address that a marker is about: for an address marker the peer *is* the value.
fn blank_value(event: &mut Event) {
    let source = event.matched_in == MatchedIn::SrcIp;
    let destination = event.matched_in == MatchedIn::DstIp;
    let peer_is_source = event.subscriber_side == SubscriberSide::Dst;
    let peer_is_destination = event.subscriber_side == SubscriberSide::Src;
    // Neither side is known to be the peer of a name: both may be.
    let either = !event.matched_in.is_address() && !peer_is_source && !peer_is_destination;
    if source || peer_is_source || either {
        (event.src_ip, event.src_port) = (None, None);
    }
    if destination || peer_is_destination || either {
        (event.dst_ip, event.dst_port) = (None, None);
    }
}

/// Blanks everything that an alert does not tell.
fn blank_flow(event: &mut Event) {
    (event.src_ip, event.src_port) = (None, None);
    (event.dst_ip, event.dst_port) = (None, None);
    event.vantage = Vantage(0);
    event.proto = String::new();
    event.interface = String::new();
    event.vlan = Vec::new();
    event.subscriber_side = SubscriberSide::Unknown;
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Pap, PatternKind, State, Tlp, event::SCHEMA};

    pub(in crate::outbox) fn event(matched_in: MatchedIn, side: SubscriberSide) -> Event {
        let time = "2026-01-31T12:00:00.123456Z".parse().expect("a time");
        Event {
            schema: SCHEMA,
            id: "00ff".repeat(8),
            rev: 1,
            state: State::Open,
            sensor: "pop1".into(),
            vantage: Vantage(1 << 24 | 100),
            markers: vec!["first".into(), "second".into()],
            orders: Vec::new(),
            pattern_kind: PatternKind::Ip,
            matched_in,
            first_seen: time,
            last_seen: time,
            src_ip: Some([10, 0, 0, 1].into()),
            src_port: Some(40_000),
            dst_ip: Some([203, 0, 113, 5].into()),
            dst_port: Some(443),
            proto: "tcp".into(),
            packets: 1,
            bytes: 60,
            subscriber_side: side,
            interface: "access0".into(),
            vlan: vec![100],
            generation: 1,
            tlp: Tlp::Red,
            pap: Pap::Red,
            test: false,
        }
    }

    fn marked(tlp: Tlp, authority: bool) -> MarkerHandling {
        MarkerHandling {
            tlp,
            pap: Pap::Amber,
            authority,
        }
    }

    fn told(handling: &[MarkerHandling], to: (Recipient, Extent)) -> String {
        let event = event(MatchedIn::DstIp, SubscriberSide::Src);
        let expires = "2026-07-31".parse().expect("a day");
        let view = View::new(event, handling, &[7; 32], to, expires);
        Value::Object(view.fields()).to_string()
    }

    const OPERATOR: (Recipient, Extent) = (Recipient::Operator, Extent::Event);
    const AUTHORITY: (Recipient, Extent) = (Recipient::Authority, Extent::Event);

    #[test]
    fn an_alert_tells_nothing_of_a_subscriber() {
        let clear = [marked(Tlp::Clear, true), marked(Tlp::Clear, true)];
        let text = told(&clear, (Recipient::Authority, Extent::Alert));
        for part in [
            "10.0.0.1",
            "40000",
            "203.0.113.5",
            "443",
            "access0",
            "100",
            "tcp",
            "vantage",
        ] {
            assert!(!text.contains(part), "{part} in {text}");
        }
        assert!(text.contains("first") && text.contains("pop1"), "{text}");
    }

    #[test]
    fn what_a_marking_withholds_is_blank() {
        let green = marked(Tlp::Green, false);
        for (handling, to, blank) in [
            (marked(Tlp::Red, false), OPERATOR, true),
            (marked(Tlp::Red, true), OPERATOR, true),
            (marked(Tlp::AmberStrict, false), OPERATOR, false),
            (marked(Tlp::AmberStrict, false), AUTHORITY, true),
            (marked(Tlp::Red, true), AUTHORITY, false),
            (marked(Tlp::Red, false), AUTHORITY, true),
            (marked(Tlp::Amber, false), AUTHORITY, false),
        ] {
            let text = told(&[green, handling], to);
            assert!(text.contains("first"), "{text}");
            assert_eq!(
                !text.contains("second"),
                blank,
                "{handling:?} {to:?}: {text}"
            );
            assert_eq!(
                !text.contains("203.0.113.5"),
                blank,
                "{handling:?} {to:?}: {text}"
            );
            assert_eq!(!text.contains("443"), blank, "{handling:?} {to:?}: {text}");
            assert!(
                text.contains("10.0.0.1"),
                "the subscriber's side is the recipient's: {text}"
            );
            assert_eq!(text.contains("alias-"), blank);
        }
    }

    /// DESIGN §5: a blank peer address, whatever the marker looks at.
    #[test]
    fn of_a_name_the_peer_is_blank_and_the_subscriber_is_not() {
        use SubscriberSide::{Both, Dst, Src, Unknown};
        let red = [marked(Tlp::Red, false), marked(Tlp::Red, false)];
        for (side, src, dst) in [
            (Src, true, false),
            (Dst, false, true),
            (Both, false, false),
            (Unknown, false, false),
        ] {
            let event = event(MatchedIn::TlsSni, side);
            let expires = "2026-07-31".parse().expect("a day");
            let event = View::new(event, &red, &[7; 32], OPERATOR, expires).event;
            let told = (event.src_ip.is_some(), event.dst_ip.is_some());
            assert_eq!(told, (src, dst), "{side:?}");
        }
    }

    #[test]
    fn an_alias_is_the_same_for_a_month_and_means_nothing_later() {
        let red = [marked(Tlp::Red, false), marked(Tlp::Red, false)];
        let alias = |key: u8| {
            let event = event(MatchedIn::SrcIp, SubscriberSide::Both);
            let expires = "2026-07-31".parse().expect("a day");
            View::new(event, &red, &[key; 32], OPERATOR, expires)
                .event
                .markers
        };
        assert_eq!(alias(1), alias(1));
        assert_ne!(alias(1), alias(2));
        assert_ne!(alias(1)[0], alias(1)[1]);
    }

    #[test]
    fn a_marker_of_which_nothing_is_known_is_told_to_nobody() {
        let text = told(&[marked(Tlp::Clear, true)], OPERATOR);
        assert!(
            !text.contains("second") && !text.contains("203.0.113.5"),
            "{text}"
        );
    }
}
