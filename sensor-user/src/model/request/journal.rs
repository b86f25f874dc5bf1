//! Answers about the journal.

use serde::{Deserialize, Serialize};

/// A journal entry as listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalRow {
    /// Index of the entry, from 0.
    pub index: u64,
    /// Leaf hash (RFC 6962 §2.1), hexadecimal.
    pub leaf: String,
    /// The entry: a JSON object, byte for byte as hashed; absent when it is outside the reader's
    /// scopes: the leaf hash stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<serde_json::value::RawValue>>,
}

/// The journal's signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalCheckpoint {
    /// The note (C2SP tlog-checkpoint), to keep elsewhere.
    pub checkpoint: String,
    /// The key that verifies it, as C2SP signed-note writes it: to pin once.
    pub key: String,
}

/// What is to be proved of the journal as it was at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposition {
    /// That this entry stands in it (RFC 6962 §2.1.1).
    Includes {
        /// Index of the entry.
        index: u64,
        /// The size; now, when it is left out.
        size: Option<u64>,
    },
    /// That it continues what it was at an earlier size (RFC 6962 §2.1.2).
    Continues {
        /// The earlier size.
        from: u64,
        /// The size; now, when it is left out.
        size: Option<u64>,
    },
}

/// A proof; hashes are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalProof {
    /// Entries of the tree.
    pub size: u64,
    /// Its root.
    pub root: String,
    /// The earlier size, or the index of the entry.
    pub of: u64,
    /// The earlier root, or the leaf hash.
    pub hash: String,
    /// The path, as RFC 6962 orders it.
    pub proof: Vec<String>,
}

/// The journal's page and head.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalPage {
    /// Entries.
    pub rows: Vec<JournalRow>,
    /// Entries in the whole tree.
    pub size: u64,
    /// Root of the whole tree, hexadecimal.
    pub root: String,
}

/// The journal's commitment to an event, and the salt that opens it; hexadecimal. Both are gone with the
/// event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCommitment {
    /// As entries have it: HMAC-SHA-256 of the event's id under the salt.
    pub commitment: String,
    /// The salt.
    pub salt: String,
}
