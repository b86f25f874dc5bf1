//! Orders as they are submitted and listed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Changed, Format};
use crate::model::{Moment, OrderState, Pap, Tlp};

/// The first line of the body that submits an order: one JSON object. Behind its newline stands the
/// marker file, if the order brings markers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderManifest {
    /// The authority's reference: 1 to 128 printable characters of ASCII. One order a reference.
    pub reference: String,
    /// Who issues it, the same way.
    pub issuer: String,
    /// Reference of the elements about the threat (R. 9-12-3 CPCE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_reference: Option<String>,
    /// First instant of exploitation; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// How long from then on (R. 9-12-3 CPCE): ISO 8601 or words, such as `P30D` or `72h`.
    pub duration: String,
    /// Least marking of its markers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlp: Option<String>,
    /// Least marking of its markers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pap: Option<String>,
    /// Format of the marker file.
    #[serde(default)]
    pub format: Format,
    /// Ids of markers already held that are to be exploited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<String>,
}

/// An order as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// The authority's reference.
    pub reference: String,
    /// Who issued it.
    pub issuer: String,
    /// Reference of the elements about the threat.
    pub threat_reference: Option<String>,
    /// First instant at which its markers are exploited.
    pub start: Moment,
    /// First instant at which they no longer are.
    pub end: Moment,
    /// Least marking of its markers.
    pub tlp: Tlp,
    /// Least marking of its markers.
    pub pap: Pap,
    /// Where it stands.
    pub state: OrderState,
    /// When it was accepted.
    pub acknowledged: Moment,
    /// Index of the journal entry that accepts it.
    pub receipt: u64,
    /// Serial of the signed envelope that brought it; none when it was submitted by hand.
    pub serial: Option<u64>,
    /// When it was withdrawn before its end.
    pub withdrawn: Option<Moment>,
    /// Markers that it brought and that are still held.
    pub markers: u64,
    /// Markers already held that it names.
    pub named: u64,
}

/// Answer to an order that was accepted or withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChanged {
    /// The order.
    pub order: OrderRow,
    /// What it changed of the marker set.
    pub change: Changed,
}
