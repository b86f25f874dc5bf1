//! How long events are kept, and how many.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::{
    check::{Check, need},
    units,
};
use crate::model::Retention;

/// How long events are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Events {
    /// Calendar months or days; six months are the most that the law allows.
    #[serde(deserialize_with = "retention")]
    pub retention: Retention,
    /// Largest size of store and key file together, bytes.
    #[serde(deserialize_with = "units::size")]
    pub max_size: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            retention: Retention::MOST,
            max_size: 10 << 30,
        }
    }
}

impl Events {
    pub(super) fn check(&self) -> Check {
        need(
            self.retention.is_lawful(),
            "events.retention",
            format!(
                "must be between 1 day and 6 months (in days: {}): no event is kept longer than six \
                 months (L. 33-14 CPCE)",
                Retention::MOST_DAYS
            ),
        )?;
        need(
            (4 << 20..=1 << 42).contains(&self.max_size),
            "events.max-size",
            "must be between 4MiB and 4096GiB",
        )
    }
}

fn retention<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Retention, D::Error> {
    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = Retention;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time such as \"6 months\" or \"90 days\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Retention, E> {
            Retention::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_str(Text)
}
