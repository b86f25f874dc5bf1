//! What can go wrong with the journal.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{LONGEST_LINE, VerifyError};
use crate::crypto;

/// Why the journal cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent writes it.
    #[error("the journal in {dir} is written by another agent: stop that one first")]
    Locked {
        /// Directory of the journal.
        dir: PathBuf,
    },
    /// No space; nothing was written.
    #[error("no space is left for the journal in {dir}: free some on its file system")]
    Full {
        /// Directory of the journal.
        dir: PathBuf,
    },
    /// A write or fsync failed earlier: what of it reached the disk is unknown, and a later
    /// success would say nothing about it.
    #[error(
        "the journal in {dir} takes no entry since a write failed: check the disk, then restart the agent"
    )]
    Failed {
        /// Directory of the journal.
        dir: PathBuf,
    },
    /// The key of the journal is of no use.
    #[error("journal key {path}: {reason}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// What to do about it.
        reason: String,
    },
    /// No random bytes; nothing was written.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// No such entry or state to prove.
    #[error(
        "the journal has {size} entries: ask for a proof about fewer, and of the earlier one first"
    )]
    NoProof {
        /// Entries.
        size: u64,
    },
    /// A file operation failed.
    #[error("journal file {path}: {source}; check the disk and the owner of the file")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// What is on disk is not what was written.
    #[error(transparent)]
    Corrupt(#[from] VerifyError),
    /// The entry is too long; nothing was written.
    #[error(
        "a journal entry of {bytes} bytes was refused: shorten the names to fit {LONGEST_LINE}"
    )]
    TooLong {
        /// Length with its newline.
        bytes: usize,
    },
}

impl Error {
    /// For `map_err` on what is done to `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// The same, but a lack of space is [`Error::Full`].
    pub(super) fn space(dir: &Path, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                dir: dir.to_owned(),
            },
            _ => Self::io(path)(source),
        }
    }
}
