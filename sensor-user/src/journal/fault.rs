//! What can be wrong with a journal's files.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{LONGEST_LINE, checkpoint::Unsound};

/// What is wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a JSON object with what every entry has.
    #[error("this is not a journal entry")]
    NotAnEntry,
    /// Longer than any entry.
    #[error("the line is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// No newline at the end of a segment that another one follows.
    #[error("the line is incomplete, though a later segment exists")]
    Torn,
    /// An entry was added, removed or moved here.
    #[error("entry {found} stands where entry {expected} belongs")]
    Index {
        /// Index due.
        expected: u64,
        /// Index found.
        found: u64,
    },
    /// Entries were removed here.
    #[error("the entries from {from} to {to} are missing")]
    Missing {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// The entries before this one are not those that were there when it was written.
    #[error("`root_before` does not fit: an entry before this one, or this one, was changed")]
    RootBefore,
    /// The journal is not a continuation of the checkpoint.
    #[error("the first {size} entries are not those of the checkpoint: they were rewritten")]
    Rewritten {
        /// Size of the checkpoint.
        size: u64,
    },
    /// The journal is not what its own key signed.
    #[error("the first {size} entries are not those that the key signed: they were rewritten")]
    Unsigned {
        /// Size of the journal's own checkpoint.
        size: u64,
    },
    /// Both checkpoints bear the key's signature and they do not agree.
    #[error(
        "the key signed other first {size} entries than these, and these too: the journal was forked"
    )]
    Forked {
        /// Size of the checkpoint held elsewhere.
        size: u64,
    },
    /// The journal is shorter than the checkpoint.
    #[error("{found} entries are left of the {size} of the checkpoint: the end was cut off")]
    CutOff {
        /// Size of the checkpoint.
        size: u64,
        /// Entries found.
        found: u64,
    },
}

/// Why a journal's files do not prove themselves.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("journal file {path}: {source}; check that it is there and who may read it")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// A `.log` file whose name is not twenty digits.
    #[error("{path} is not a name of a journal segment: move it elsewhere")]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A segment is missing, or has entries of another one.
    #[error(
        "{path} follows {found} entries, not as many as its name says: look for a lost segment"
    )]
    Gap {
        /// The file.
        path: PathBuf,
        /// Entries before it.
        found: u64,
    },
    /// A line is wrong.
    #[error("{path}, line {line}: {fault}; keep the files as evidence and restore a good copy")]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// The copy has no checkpoint to hold the key against.
    #[error("{path} is missing: nothing in this copy is signed; copy it too, or leave --key out")]
    NoCheckpoint {
        /// Where it should be.
        path: PathBuf,
    },
    /// The checkpoint does not count.
    #[error("{path}: {reason}; keep the files as evidence")]
    Checkpoint {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: Unsound,
    },
    /// The journal as a whole does not fit the checkpoint.
    #[error("{dir}: {fault}; keep the files as evidence and restore a good copy")]
    Whole {
        /// Directory of the journal.
        dir: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
}

impl Fault {
    /// Stable name of what was done to the journal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Index { .. } => "reordered",
            Self::Missing { .. } => "gap",
            Self::CutOff { .. } => "cut_off",
            Self::Forked { .. } => "forked",
            Self::NotAnEntry
            | Self::TooLong
            | Self::Torn
            | Self::RootBefore
            | Self::Rewritten { .. }
            | Self::Unsigned { .. } => "edited",
        }
    }
}

impl VerifyError {
    /// Stable name of what is wrong.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "unreadable",
            Self::Gap { .. } => "gap",
            Self::Name { .. } => "edited",
            Self::Line { fault, .. } | Self::Whole { fault, .. } => fault.code(),
            Self::NoCheckpoint { .. } => "unsigned",
            Self::Checkpoint { .. } => "checkpoint",
        }
    }

    /// For `map_err` on what is done to `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
