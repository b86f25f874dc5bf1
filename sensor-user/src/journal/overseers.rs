//! What the journal says of who oversees.

use serde::{Deserialize, Serialize};

use super::entry::is_zero;

/// Who gets in on oversight's socket, resolved with the host's users and groups: user ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overseers {
    /// Who sees everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<u32>,
    /// Who sees what is ARCEP's business.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arcep: Vec<u32>,
    /// Who sees what is the CNCTR's business.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cnctr: Vec<u32>,
    /// How many more there are than the lists have room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    /// SHA-256 of the whole table with the grants as they are configured, hexadecimal.
    pub digest: String,
}

impl Overseers {
    /// Most user ids in a list: an entry has one line.
    pub const MOST: usize = 64;
}
