//! The tamper-evident log of every change, disclosure, refusal and destruction (invariant 8).
//!
//! One JSON line per entry, in segment files that only grow. The lines are the leaves of a Merkle
//! tree (RFC 6962 §2.1), and each line carries the root of the tree before it, so the files prove
//! themselves: whoever edits, moves or removes a line must rewrite every later one. Against that,
//! and against cutting off the end, an earlier size and root kept elsewhere is enough.

pub mod entry;
mod error;
pub mod log;
pub mod merkle;
mod reader;
pub mod requests;
mod segments;
#[cfg(test)]
mod tests;
pub mod verify;

pub use entry::{Action, Entry, EnvelopeMark, MarkersChange, OrderChange};
pub use error::Error;
pub use log::{Journal, Past, Receipt};
pub use merkle::Hash;
pub use requests::{RequestEntry, RequestPast, RequestStep};
pub use verify::{Fault, Verifier, VerifyError, verify_dir};

/// Longest line in bytes, newline included. It bounds what a reader holds in memory, and lets the
/// reserve of a segment be counted in entries.
pub const LONGEST_LINE: usize = 4096;

/// State of the whole journal, worth keeping elsewhere: it fixes everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}
