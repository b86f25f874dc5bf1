//! The tamper-evident log of every change, disclosure, refusal and destruction (invariant 8).
//!
//! One JSON line per entry, in segment files that only grow. The lines are the leaves of a Merkle
//! tree (RFC 6962 §2.1), and each line carries the root of the tree before it, so the files prove
//! themselves: whoever edits, moves or removes a line must rewrite every later one. Against that,
//! and against cutting off the end, an earlier size and root kept elsewhere is enough: [`checkpoint`]
//! signs them, [`offline`] holds a copy against them. Heartbeats show that somebody is there ([`rhythm`]).

mod announced;
mod audience;
mod change;
pub mod checkpoint;
mod commitment;
mod destructions;
pub mod entry;
mod error;
mod fault;
mod listing;
pub mod log;
pub mod merkle;
mod offline;
mod overseers;
mod proof;
mod reader;
mod request_past;
pub mod requests;
mod rhythm;
mod scan;
mod segments;
mod signer;
#[cfg(test)]
mod tests;
pub mod verify;

pub use announced::Announced;
pub use audience::{audience_of, hide, within};
pub use change::{EnvelopeMark, MarkersChange, OrderChange};
pub use checkpoint::{Checkpoint, Unsound};
pub use commitment::Salt;
pub use destructions::{Destructions, Erased};
pub use entry::{Action, Entry};
pub use error::Error;
pub use fault::{Fault, VerifyError};
pub use log::{Journal, Past, Receipt};
pub use merkle::Hash;
pub use offline::{Held, Report, verify_copy};
pub use overseers::Overseers;
pub use request_past::{INTERRUPTED, RequestPast, RequestsPast, VOID};
pub use requests::{RequestEntry, RequestStep, Tariffed};
pub use rhythm::{Silence, StepBack};
pub use scan::verify_dir;
pub use signer::{CHECKPOINT, Signer};
pub use verify::Verifier;

use crate::db::Mark;

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

impl From<Head> for Mark {
    fn from(Head { size, root }: Head) -> Self {
        Self { size, root }
    }
}

impl From<Mark> for Head {
    fn from(Mark { size, root }: Mark) -> Self {
        Self { size, root }
    }
}
