//! What a server says became of what it was sent (TAXII 2.1 §4.3, status resource).

use serde::Deserialize;

/// The part of a status resource that decides. Counts are in words only: servers exist that leave
/// them null.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub id: String,
    status: String,
    #[serde(default)]
    failure_count: Option<u64>,
    #[serde(default)]
    failures: Option<Vec<Detail>>,
}

/// One object of it. Its message is not read: it may repeat what was sent.
#[derive(Debug, Deserialize)]
struct Detail {
    id: String,
}

/// What failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failures {
    /// Objects with these ids, maybe none.
    Of(Vec<String>),
    /// Some: the server does not say which.
    Unnamed,
}

impl Status {
    /// Whether the server is not done yet.
    pub fn is_pending(&self) -> bool {
        self.status == "pending"
    }

    /// What failed, when it is done.
    pub fn failures(self) -> Failures {
        let named = self.failures.unwrap_or_default();
        let count = self.failure_count.unwrap_or(0);
        if u64::try_from(named.len()).is_ok_and(|named| named < count) {
            return Failures::Unnamed;
        }
        Failures::Of(named.into_iter().map(|detail| detail.id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Status {
        serde_json::from_str(text).expect("a status resource")
    }

    #[test]
    fn a_status_is_read_however_little_it_says() {
        let pending = r#"{"id":"1","status":"pending","total_count":null,"failure_count":null}"#;
        assert!(read(pending).is_pending());
        for (text, failures) in [
            (r#"{"status":"complete"}"#, Failures::Of(Vec::new())),
            (
                r#"{"status":"complete","failure_count":1}"#,
                Failures::Unnamed,
            ),
            (
                r#"{"status":"complete","failure_count":1,
                    "failures":[{"id":"sighting--1","version":"x","message":"no"}]}"#,
                Failures::Of(vec!["sighting--1".into()]),
            ),
            (
                r#"{"status":"complete","failure_count":2,"failures":[{"id":"sighting--1"}]}"#,
                Failures::Unnamed,
            ),
        ] {
            let status = read(text);
            assert!(!status.is_pending());
            assert_eq!(status.failures(), failures, "{text}");
        }
    }
}
