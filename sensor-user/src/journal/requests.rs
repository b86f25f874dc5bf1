//! What the journal says of the authority's requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Beneficiary, RequestType, request::Capacity};

/// A step of a request. No field has room for an address, a name or an answer; the events are
/// counted, not named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// What is done, or was.
    pub step: RequestStep,
    /// Its type, where the signature of a pinned key stands.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RequestType>,
    /// Its reference, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Who signed it, where the signature of a pinned key stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Serial of its envelope, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// The commission of the agent who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commission: Option<String>,
    /// For whose security.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneficiary: Option<Beneficiary>,
    /// In which capacity the actor acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Events that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Records that were disclosed; 0 is a nil answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Categories of the data that was disclosed: items of R. 10-15 CPCE, or the three of
    /// L. 2321-3 ¶1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// SHA-256 of the export file, hexadecimal: what was disclosed is proved by who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Stable code of a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same may have been disclosed before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
    /// Index of the entry that announced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// Steps of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStep {
    /// It is not accepted.
    Refused,
    /// It is accepted, and waits for two persons.
    Submitted,
    /// One of them approves.
    Approved,
    /// One of them refuses it.
    Declined,
    /// Its time was over.
    Lapsed,
    /// Its answer is made.
    Begun,
    /// Its answer was handed over.
    Disclosed,
    /// Nothing was handed over.
    NotDisclosed,
    /// Whether its answer was handed over cannot be told.
    Unknown,
    /// What an earlier entry announced was not kept: the agent died.
    Lost,
    /// A subscriber was informed.
    NoticeSent,
    /// A subscriber cannot be informed.
    NoticeImpossible,
    /// Its answer is not in the export directory any more: the code says why.
    ExportRemoved,
}

impl RequestEntry {
    /// Of a step, with nothing else.
    #[must_use]
    pub const fn of(step: RequestStep) -> Self {
        Self {
            step,
            kind: None,
            reference: None,
            issuer: None,
            serial: None,
            commission: None,
            beneficiary: None,
            capacity: None,
            events: None,
            records: None,
            categories: Vec::new(),
            digest: None,
            code: None,
            repeat: false,
            of: None,
        }
    }
}

/// What a journal says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPast {
    /// Index of the last entry about it.
    pub index: u64,
    /// The step that it tells.
    pub step: String,
    /// Answers that were, or may have been, handed over.
    pub handovers: u32,
}

impl RequestPast {
    /// Takes an entry.
    pub(super) fn note(
        requests: &mut BTreeMap<String, Self>,
        reference: &str,
        index: u64,
        step: &str,
    ) {
        // Nothing is kept of what is refused, and another one may have its reference; a file that goes
        // changes nothing of its request.
        if matches!(step, "refused" | "export_removed") {
            return;
        }
        let past = requests.entry(reference.to_owned()).or_insert(Self {
            index,
            step: String::new(),
            handovers: 0,
        });
        past.index = index;
        step.clone_into(&mut past.step);
        past.handovers += u32::from(matches!(step, "disclosed" | "unknown"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Action;

    #[test]
    fn an_entry_is_flat_and_says_only_what_there_is() {
        let entry = RequestEntry {
            kind: Some(RequestType::B),
            reference: Some("REQ-1".into()),
            repeat: true,
            ..RequestEntry::of(RequestStep::Begun)
        };
        let action = Action::Request(Box::new(entry));
        let text = serde_json::to_string(&action).expect("JSON");
        assert_eq!(
            text,
            r#"{"action":"request","step":"begun","type":"request-b","reference":"REQ-1","repeat":true}"#
        );
        assert_eq!(serde_json::from_str::<Action>(&text).expect("JSON"), action);
    }

    #[test]
    fn the_last_step_counts_and_every_handover() {
        let mut past = BTreeMap::new();
        for (index, step) in [
            "submitted",
            "begun",
            "unknown",
            "begun",
            "disclosed",
            "export_removed",
            "refused",
        ]
        .into_iter()
        .enumerate()
        {
            RequestPast::note(&mut past, "r", index as u64, step);
        }
        let of = &past["r"];
        assert_eq!(
            (of.index, of.step.as_str(), of.handovers),
            (4, "disclosed", 2)
        );
    }
}
