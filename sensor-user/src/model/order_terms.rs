//! What the authority says of an order when it sends one.

use jiff::{SpanFieldwise, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{MarkerId, Pap, Tlp};

/// The terms of a request to exploit markers (L. 33-14 CPCE ¶2). The authority states the duration
/// and, where relevant, what it knows of the threat (R. 9-12-3). Fields stand in the order of their
/// names, as canonical JSON has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderTerms {
    /// How long the markers are exploited, ISO 8601 (`P30D`, `P3M`), counted in UTC.
    #[serde(with = "iso8601")]
    pub duration: SpanFieldwise,
    /// Markers already held that the order names, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<MarkerId>,
    /// Least restrictive PAP that its markers may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pap: Option<Pap>,
    /// The authority's reference of the order.
    pub reference: String,
    /// First instant at which its markers may match.
    pub start: Timestamp,
    /// The authority's reference of the threat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_reference: Option<String>,
    /// Least restrictive TLP that its markers may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlp: Option<Tlp>,
}

impl OrderTerms {
    /// Longest reference, bytes.
    pub const LONGEST_REFERENCE: usize = 128;
    /// Most markers that one order names.
    pub const MOST_MARKERS: usize = 10_000;

    /// First instant at which its markers no longer match; `None` when the duration is not longer
    /// than nothing, or ends after the calendar.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        let start = self.start.to_zoned(TimeZone::UTC);
        let end = start.checked_add(self.duration.0).ok()?.timestamp();
        (end > self.start).then_some(end)
    }

    /// What is wrong with the terms, in words; no value of theirs is repeated.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        if !is_reference(&self.reference)
            || !self.threat_reference.as_deref().is_none_or(is_reference)
        {
            return Some("a reference is 1 to 128 printable ASCII characters");
        }
        if self.markers.len() > Self::MOST_MARKERS {
            return Some("an order names at most 10000 markers");
        }
        if self.end().is_none() {
            return Some("the duration must be longer than nothing");
        }
        None
    }
}

/// Whether a text can stand as a reference in journal and API: printable ASCII, of bounded length.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    (1..=OrderTerms::LONGEST_REFERENCE).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
}

/// A duration as text.
mod iso8601 {
    use jiff::{Span, SpanFieldwise};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        span: &SpanFieldwise,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        span.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SpanFieldwise, D::Error> {
        Span::deserialize(deserializer).map(SpanFieldwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(duration: &str) -> OrderTerms {
        let json = format!(
            r#"{{"duration":"{duration}","reference":"ORD-1","start":"2027-01-31T00:00:00Z"}}"#
        );
        serde_json::from_str(&json).expect("terms")
    }

    #[test]
    fn a_duration_may_count_months() {
        let end = |duration| terms(duration).end().map(|end| end.to_string());
        assert_eq!(end("P30D").as_deref(), Some("2027-03-02T00:00:00Z"));
        assert_eq!(end("P1M").as_deref(), Some("2027-02-28T00:00:00Z"));
        assert_eq!(end("PT36H").as_deref(), Some("2027-02-01T12:00:00Z"));
        for bad in ["PT0S", "-P1D", "P9999Y"] {
            assert_eq!(end(bad), None, "{bad}");
            assert!(terms(bad).fault().is_some());
        }
        assert_eq!(terms("P1D").fault(), None);
    }

    #[test]
    fn references_are_plain_text() {
        assert!(is_reference("ANSSI/2027 no. 17"));
        for bad in ["", " a", "a\n", "é", &"a".repeat(129)] {
            assert!(!is_reference(bad), "{bad}");
        }
    }
}
