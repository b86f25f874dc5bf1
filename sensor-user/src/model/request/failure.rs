//! An error as answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// An error as answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// One sentence that says what to do.
    pub error: String,
    /// Refused lines, at most [`Failure::MOST_REFUSALS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
    /// Refused lines in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_total: u64,
    /// The same by code: also those that are not listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_codes: BTreeMap<String, u64>,
}

impl Failure {
    /// Most refusals listed in one answer; the total is always told.
    pub const MOST_REFUSALS: usize = 100;
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
