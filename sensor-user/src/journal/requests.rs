//! What the journal says of the authority's requests.

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
    /// SHA-256 of the signed text of its envelope, hexadecimal: what was submitted, and what whoever
    /// approves it approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
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
    /// SHA-256 of the manifest that is kept for oversight, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// SHA-256 of the public key that the answer is encrypted to (its text, `age1…`), hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// What the line of costs says: see [`Tariffed`].
    #[serde(flatten)]
    pub cost: Tariffed,
    /// Stable code of a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The like of it by the same user that came before and were not journalled one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsaid: Option<u64>,
    /// The same may have been disclosed before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
    /// Index of the entry that announced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// What the ledger of costs says of an answer, so that the ledger can be held against the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariffed {
    /// Code in the tariff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff_code: Option<String>,
    /// Version of the tariff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff_version: Option<String>,
    /// Events that were answered for: those that were still held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
}

/// Steps of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Somebody who may not, or who has done so already, approves or refuses it, or says what became of a
    /// notice; or the request is not known. Nothing changed.
    DecisionRefused,
    /// Something was submitted and could not be taken in or judged: no fault of who asks.
    Failed,
    /// A subscriber was informed.
    NoticeSent,
    /// A subscriber cannot be informed.
    NoticeImpossible,
    /// Its answer is not in the export directory any more: the code says why.
    ExportRemoved,
}

impl RequestStep {
    /// Whether the store of requests keeps what this step tells: an entry of such a step that the
    /// store does not know is what a dead agent left, or the store is an older one.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        match self {
            Self::Submitted
            | Self::Approved
            | Self::Declined
            | Self::Lapsed
            | Self::Begun
            | Self::Disclosed
            | Self::NotDisclosed
            | Self::Unknown
            | Self::NoticeSent
            | Self::NoticeImpossible => true,
            Self::Refused
            | Self::Lost
            | Self::DecisionRefused
            | Self::Failed
            | Self::ExportRemoved => false,
        }
    }

    /// Whether an answer was, or may have been, handed over.
    #[must_use]
    pub const fn is_handover(self) -> bool {
        matches!(self, Self::Disclosed | Self::Unknown)
    }
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
            envelope: None,
            events: None,
            records: None,
            categories: Vec::new(),
            digest: None,
            manifest: None,
            recipient: None,
            cost: Tariffed {
                tariff_code: None,
                tariff_version: None,
                quantity: None,
            },
            code: None,
            unsaid: None,
            repeat: false,
            of: None,
        }
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
}
