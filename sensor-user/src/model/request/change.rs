//! What a change of the marker set did, and what of its file was refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Failure;

/// Answer to a change of the marker set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Markers in the set now.
    pub markers: u64,
    /// Patterns in force now.
    pub patterns: u64,
    /// Generation in force now.
    pub generation: u32,
    /// Digest of the image in force now, hexadecimal.
    pub digest: String,
    /// Markers added by this request.
    pub added: u64,
    /// Markers removed by this request.
    pub removed: u64,
    /// Lines, indicators or attributes that say what another one of the file says.
    pub duplicates: u64,
    /// Versions of indicators or attributes that are older than what the file or the set has: left
    /// out.
    #[serde(default)]
    pub stale: u64,
    /// Objects of the file that are no markers and nothing that bears on one.
    #[serde(default)]
    pub ignored: u64,
    /// Markers of the set that are over or withdrawn: kept, not in force.
    pub expired: u64,
    /// Markers of the set whose time is to come: they come into force by themselves.
    pub not_yet: u64,
    /// Markers of the set whose kind this version does not match: kept, not in force.
    pub unmatched: u64,
    /// Markers of the set that may not be in force: the device is not declared as it is, or the
    /// regime or their marking forbids.
    #[serde(default)]
    pub barred: u64,
    /// Markers of the set that are held back: not in force until they are released.
    pub quarantined: u64,
    /// Those of this request, the first [`Failure::MOST_REFUSALS`].
    pub held_back: Vec<HeldBack>,
    /// Indicators of the file that are refused while the rest is loaded, the first
    /// [`Failure::MOST_REFUSALS`].
    pub refused: Vec<Refusal>,
    /// Refused indicators in all.
    pub refused_total: u64,
    /// The same by code: also those that are not listed.
    #[serde(default)]
    pub refused_codes: BTreeMap<String, u64>,
    /// Markers of this request whose release waits for a second person.
    #[serde(default)]
    pub awaiting: u64,
    /// Events that were destroyed, because their markers were false positives.
    #[serde(default)]
    pub destroyed: u64,
    /// Index of the journal entry.
    pub receipt: u64,
}

/// A marker that is held back because of what it would match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// Id of the marker.
    pub id: String,
    /// Stable reason code.
    pub code: String,
    /// One sentence; the value is not repeated.
    pub reason: String,
}

/// A refused line or object of a marker file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Line, from 1, in a file of lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Index in `objects[]`, or number of the attribute, from 0, in a structured file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u64>,
    /// Id of the STIX object, or UUID of the MISP attribute, at fault; or of the marker, when it was
    /// read well and may not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Field at fault: `pattern`, `id`, `until`, `tlp`, `pap`, the unknown key or the format's own.
    pub field: String,
    /// Stable reason code.
    pub code: String,
    /// One sentence; the value is not repeated.
    pub reason: String,
}

/// Where it stands, then what is wrong.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        if let Some(item) = self.item {
            write!(f, "[{item}] ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        write!(f, "{}: {} ({})", self.field, self.reason, self.code)
    }
}
