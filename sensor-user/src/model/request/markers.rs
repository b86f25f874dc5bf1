//! Markers, as they are told of.

use serde::{Deserialize, Serialize};

use crate::model::Marker;

/// A marker as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerRow {
    /// The marker.
    #[serde(flatten)]
    pub marker: Marker,
    /// Id of its pattern, hexadecimal.
    pub pattern_id: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// Why not, when it is not.
    #[serde(default)]
    pub not_in_force: Option<NotInForce>,
    /// Why it is held back, as a code (`warninglist:` and the name of the list), or `released`.
    #[serde(default)]
    pub standing: Option<String>,
    /// Who approved its release (user id), when it waits for a second person.
    #[serde(default)]
    pub approved_by: Option<u32>,
    /// Who brought it; none when it is the operator's own.
    #[serde(default)]
    pub source: Option<MarkerSource>,
    /// References of the orders that it is or will be exploited for.
    #[serde(default)]
    pub orders: Vec<String>,
    /// Its end is `limits.longest-marker`, because none was given.
    #[serde(default)]
    pub capped: bool,
}

/// Who brought a marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerSource {
    /// Reference of the order; none when it came in an envelope for the operator's own use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// Serial of the envelope, when it came in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
}

/// Why a marker is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotInForce {
    /// This version does not match patterns of its kind.
    Kind,
    /// It is held back until somebody releases it.
    Quarantined,
    /// Its time is to come.
    NotYet,
    /// Its time has passed.
    Over,
    /// Its order was withdrawn.
    Withdrawn,
    /// The device is not declared as it is (L. 33-14 ¶1).
    Undeclared,
    /// Under regime 2023 only what the authority ordered in a signed envelope is exploited.
    Regime,
    /// PAP:RED, and the sensor is not dedicated and passive.
    PapRed,
}

impl NotInForce {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Quarantined => "quarantined",
            Self::NotYet => "not_yet",
            Self::Over => "over",
            Self::Withdrawn => "withdrawn",
            Self::Undeclared => "undeclared",
            Self::Regime => "regime",
            Self::PapRed => "pap_red",
        }
    }
}
