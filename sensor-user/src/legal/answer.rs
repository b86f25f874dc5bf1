//! What the operator's subscriber system is asked for a type A request, and what it may answer.
//! Pure; nothing of an answer is kept.

use std::{fmt, net::IpAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Zeroize as _,
    model::{Event, SubscriberSide},
};

/// Longest answer, bytes.
pub const LONGEST: usize = 16 << 10;
/// Longest field of it, bytes.
const LONGEST_FIELD: usize = 1024;

/// What the subscriber system is told: who had this address then.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Question<'a> {
    /// Id of the event.
    pub event: &'a str,
    /// The subscriber's address.
    pub address: IpAddr,
    /// Its port, where several subscribers share an address.
    pub port: Option<u16>,
    /// When.
    pub time: Timestamp,
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(..)")
    }
}

/// The questions about an event: one for each side that is a subscriber's.
#[must_use]
pub fn questions(event: &Event) -> Vec<Question<'_>> {
    let question = |address: Option<IpAddr>, port| {
        Some(Question {
            event: &event.id,
            address: address?,
            port,
            time: event.first_seen,
        })
    };
    let source = || question(event.src_ip, event.src_port);
    let destination = || question(event.dst_ip, event.dst_port);
    let sides = match event.subscriber_side {
        SubscriberSide::Src => [source(), None],
        SubscriberSide::Dst => [None, destination()],
        SubscriberSide::Both => [source(), destination()],
        SubscriberSide::Unknown => [None, None],
    };
    sides.into_iter().flatten().collect()
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
    fn each_side_that_is_a_subscribers_is_asked_for() {
        let mut event = event();
        assert_eq!(questions(&event).len(), 1);
        assert_eq!(questions(&event)[0].port, Some(50_123));
        event.subscriber_side = SubscriberSide::Both;
        assert_eq!(questions(&event).len(), 2);
        event.subscriber_side = SubscriberSide::Unknown;
        assert!(questions(&event).is_empty());
    }
}
