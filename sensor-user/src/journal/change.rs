//! What the journal says of markers and orders that change.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A change of the marker set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkersChange {
    /// Markers that are new.
    pub added: u64,
    /// Markers that go.
    pub removed: u64,
    /// Markers in the set afterwards.
    pub total: u64,
    /// Of these, held back because of what they would match.
    #[serde(default)]
    pub quarantined: u64,
    /// Patterns in force afterwards.
    pub patterns: u64,
    /// Digest of the image, hexadecimal.
    pub digest: String,
    /// The signed envelope that they come with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<EnvelopeMark>,
}

/// Which signed envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeMark {
    /// Who made it.
    pub issuer: String,
    /// Its serial.
    pub serial: u64,
    /// Reference of its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// An order and what it changes of the marker set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChange {
    /// The authority's reference.
    pub reference: String,
    /// Who issued it.
    pub issuer: String,
    /// First instant of exploitation.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Markers already held that it names.
    pub named: u64,
    /// What an order is called from now on that was submitted by hand under this reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed: Option<String>,
    /// What changes.
    #[serde(flatten)]
    pub change: MarkersChange,
}
