//! What the operator's subscriber system is asked for a type A request, and what it may answer.
//! Pure; nothing of an answer is kept.

use std::{fmt, net::IpAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Zeroize as _,
    model::{Event, MatchedIn, SubscriberSide, Vantage},
};

/// Longest answer, bytes.
pub const LONGEST: usize = 16 << 10;
/// Longest field of it, bytes.
const LONGEST_FIELD: usize = 1024;

/// What the subscriber system is told: who had this address, there, then. Each field is one of the event,
/// so of the closed list of R. 10-15 CPCE, and one without which somebody else may be named: private
/// addresses overlap between vantages, and shared ones are told apart by port and protocol.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Question<'a> {
    /// Id of the event.
    pub event: &'a str,
    /// Which side of the event it is.
    pub side: SubscriberSide,
    /// The subscriber's address.
    pub address: IpAddr,
    /// Its port, where several subscribers share an address.
    pub port: Option<u16>,
    /// IP protocol: its keyword, or its number.
    pub proto: &'a str,
    /// Where the first packet was seen: interface slot and VLAN stack.
    pub vantage: Vantage,
    /// Its interface.
    pub interface: &'a str,
    /// Its VLAN ids, outermost first.
    pub vlan: &'a [u16],
    /// Time of the first packet.
    pub first_seen: Timestamp,
    /// Time of the last packet: whoever had the address at both had it all the time, or it changed hands.
    pub last_seen: Timestamp,
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(..)")
    }
}

/// The questions about an event: who is on the side that is a subscriber's. Where both sides are, only
/// the one that is not the marker's: L. 2321-3 ¶1 has those alerted whose systems are vulnerable, threatened or
/// attacked, and the marked address, or the server of the marked name, is what threatens them.
#[must_use]
pub fn questions(event: &Event) -> Vec<Question<'_>> {
    let side = match event.subscriber_side {
        SubscriberSide::Both => threatened(event),
        one => one,
    };
    let (address, port) = match side {
        SubscriberSide::Src => (event.src_ip, event.src_port),
        SubscriberSide::Dst => (event.dst_ip, event.dst_port),
        SubscriberSide::Both | SubscriberSide::Unknown => (None, None),
    };
    let question = |address| Question {
        event: &event.id,
        side,
        address,
        port,
        proto: &event.proto,
        vantage: event.vantage,
        interface: &event.interface,
        vlan: &event.vlan,
        first_seen: event.first_seen,
        last_seen: event.last_seen,
    };
    address.map(question).into_iter().collect()
}

/// The side that met the marker: the other one than a marked address; of names, whoever asked.
fn threatened(event: &Event) -> SubscriberSide {
    const DNS: u16 = 53;
    match event.matched_in {
        MatchedIn::SrcIp => SubscriberSide::Dst,
        // An answer repeats the question that is matched.
        MatchedIn::Dns if event.src_port == Some(DNS) => SubscriberSide::Dst,
        MatchedIn::DstIp
        | MatchedIn::Dns
        | MatchedIn::TlsSni
        | MatchedIn::QuicSni
        | MatchedIn::HttpHost
        | MatchedIn::HttpUrl
        | MatchedIn::Ja3
        | MatchedIn::Ja4 => SubscriberSide::Src,
    }
}

/// The three things that L. 2321-3 ¶1 names, and no other. Overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Identity of the subscriber.
    pub identity: Option<String>,
    /// Postal address.
    pub postal_address: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.identity.zeroize();
        self.postal_address.zeroize();
        self.email.zeroize();
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(..)")
    }
}

/// The answer is not what it may be. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the subscriber system answers something else than one JSON object of identity, postal_address and email"
)]
pub struct BadAnswer;

impl Answer {
    /// The names of its fields.
    pub const FIELDS: [&'static str; 3] = ["identity", "postal_address", "email"];

    /// Reads an answer: all three keys, text or null.
    ///
    /// # Errors
    /// [`BadAnswer`], for a fourth key, too.
    pub fn read(bytes: &[u8]) -> Result<Self, BadAnswer> {
        let answer: Self = serde_json::from_slice(bytes).map_err(|_| BadAnswer)?;
        let keys: std::collections::BTreeMap<String, serde::de::IgnoredAny> =
            serde_json::from_slice(bytes).map_err(|_| BadAnswer)?;
        let whole = Self::FIELDS.iter().all(|field| keys.contains_key(*field));
        let short = |text: &String| (1..=LONGEST_FIELD).contains(&text.len());
        let short = answer.fields().into_iter().flatten().all(short);
        if whole && short {
            Ok(answer)
        } else {
            Err(BadAnswer)
        }
    }

    /// Its fields, in the order of their names.
    #[must_use]
    pub const fn fields(&self) -> [Option<&String>; 3] {
        [
            self.identity.as_ref(),
            self.postal_address.as_ref(),
            self.email.as_ref(),
        ]
    }

    /// Whether the subscriber system knows nobody.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.fields().iter().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::event;

    #[test]
    fn an_answer_has_three_fields_and_no_fourth() {
        let read = |text: &str| Answer::read(text.as_bytes());
        let whole = r#"{"identity":"A","postal_address":null,"email":"a@example"}"#;
        assert_eq!(
            read(whole).expect("it reads").email.as_deref(),
            Some("a@example")
        );
        let blank = r#"{"identity":null,"postal_address":null,"email":null}"#;
        assert!(read(blank).expect("it reads").is_blank());
        for bad in [
            r#"{"identity":"A","postal_address":null,"email":null,"phone":"1"}"#,
            r#"{"identity":"A","email":null}"#,
            r#"{"identity":"A","identity":"B","postal_address":null,"email":null}"#,
            r#"{"identity":7,"postal_address":null,"email":null}"#,
            r#"{"identity":"","postal_address":null,"email":null}"#,
            "[]",
            "",
        ] {
            let error = read(bad).expect_err(bad);
            assert!(!error.to_string().contains("phone"));
        }
        let long = format!(
            "{{\"identity\":\"{}\",\"postal_address\":null,\"email\":null}}",
            "a".repeat(1025)
        );
        assert_eq!(read(&long), Err(BadAnswer));
        assert_eq!(format!("{:?}", read(whole)), "Ok(Answer(..))");
    }

    #[test]
    fn a_question_says_where_when_and_which_side_and_nothing_that_is_not_of_the_event() {
        let mut event = event();
        (event.vantage, event.vlan) = (Vantage(3 << 24 | 100 << 12), vec![100]);
        event.proto = "udp".into();
        let asked = serde_json::to_value(&questions(&event)[0]).expect("JSON");
        let whole = serde_json::to_value(&event).expect("JSON");
        for (key, value) in asked.as_object().expect("an object") {
            // Of the closed list, under its own name but where a side is chosen.
            let field = match key.as_str() {
                "event" => "id",
                "side" => "subscriber_side",
                "address" => "src_ip",
                "port" => "src_port",
                own => own,
            };
            assert!(Event::FIELDS.iter().any(|one| one.name == field), "{key}");
            assert_eq!(*value, whole[field], "{key}");
        }
        // Without any of these, somebody else with the same address might be named.
        for key in [
            "vantage",
            "interface",
            "vlan",
            "proto",
            "port",
            "first_seen",
            "last_seen",
        ] {
            assert!(asked.get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn the_side_of_a_subscriber_is_asked_for_and_never_the_markers_beside_it() {
        let mut event = event();
        let asked = |event: &Event| {
            let all = questions(event);
            all.iter()
                .map(|one| (one.side, one.port))
                .collect::<Vec<_>>()
        };
        let (source, destination) = (
            vec![(SubscriberSide::Src, event.src_port)],
            vec![(SubscriberSide::Dst, event.dst_port)],
        );
        event.subscriber_side = SubscriberSide::Src;
        assert_eq!(asked(&event), source);
        event.subscriber_side = SubscriberSide::Dst;
        assert_eq!(asked(&event), destination);
        event.subscriber_side = SubscriberSide::Both;
        for matched in MatchedIn::ALL {
            event.matched_in = matched;
            let expected = match matched {
                MatchedIn::SrcIp => &destination,
                _ => &source,
            };
            assert_eq!(asked(&event), *expected, "{matched:?}");
        }
        (event.matched_in, event.src_port) = (MatchedIn::Dns, Some(53));
        assert_eq!(asked(&event), destination, "the answer of a resolver");
        event.subscriber_side = SubscriberSide::Unknown;
        assert!(questions(&event).is_empty());
    }
}
