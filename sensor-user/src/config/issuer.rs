//! Keys of whoever may send signed envelopes.

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::ContentKind;

/// A pinned key of an issuer. Several with one name are several keys of one issuer, as while it
/// changes them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Issuer {
    /// `NAME+ID+BASE64`, as `sensorctl bundle keygen` prints it.
    pub key: String,
    /// First instant at which it counts.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// First instant at which it no longer counts.
    #[serde(default)]
    pub not_after: Option<Timestamp>,
    /// Whether it is the authority's (L. 33-14 ¶2), not that of somebody whom the operator trusts.
    #[serde(default = "yes")]
    pub authority: bool,
    /// What it signs: markers, or one type of request and nothing else.
    #[serde(default)]
    pub kind: ContentKind,
}

const fn yes() -> bool {
    true
}
