//! Proving a journal: offline from its files, or line by line from anywhere.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Hash, Head, LONGEST_LINE, RequestPast,
    merkle::{self, Frontier},
    reader::{self, Lines},
};
use crate::crypto::{hex, sha256};

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
    /// The entries before this one are not those that were there when it was written.
    #[error("`root_before` does not fit: an entry before this one, or this one, was changed")]
    RootBefore,
    /// The journal is not a continuation of the checkpoint.
    #[error("the first {size} entries are not those of the checkpoint: they were rewritten")]
    Rewritten {
        /// Size of the checkpoint.
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
    /// The journal as a whole does not fit the checkpoint.
    #[error("{dir}: {fault}; keep the files as evidence and restore a good copy")]
    Whole {
        /// Directory of the journal.
        dir: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
}

impl VerifyError {
    /// For `map_err` on what is done to `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// What every entry has, whichever version wrote it: a journal with actions that this version does
/// not know still proves itself.
#[derive(Deserialize)]
#[expect(dead_code, reason = "some are read for their presence and type only")]
struct Link<'a> {
    index: u64,
    time: Timestamp,
    uid: u32,
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    root_before: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    /// Of an envelope.
    #[serde(borrow, default)]
    issuer: Option<Cow<'a, str>>,
    /// Of an envelope.
    #[serde(default)]
    serial: Option<u64>,
    /// Of an order or a request.
    #[serde(borrow, default)]
    reference: Option<Cow<'a, str>>,
    /// Of a request.
    #[serde(borrow, default)]
    step: Option<Cow<'a, str>>,
}

/// Takes the lines of a journal one by one, from the first on, and says whether they are one.
#[derive(Clone, Debug)]
pub struct Verifier {
    tree: Frontier,
    /// Root of `tree`, kept: it is compared once and returned once for each line.
    root: Hash,
    against: Option<(u64, Hash)>,
    /// A size to note the root at, and that root.
    watched: Option<(u64, Option<Hash>)>,
    /// The highest accepted serial of each issuer of envelopes.
    accepted: BTreeMap<String, u64>,
    /// What is said of each request.
    requests: BTreeMap<String, RequestPast>,
}

impl Verifier {
    /// A verifier before the first line. With `against`, size and root of an earlier state, the
    /// journal must continue that state.
    #[must_use]
    pub fn new(against: Option<(u64, Hash)>) -> Self {
        let tree = Frontier::default();
        Self {
            root: tree.root(),
            tree,
            against,
            watched: None,
            accepted: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    /// The same, noting the root of an earlier size.
    pub(super) fn watching(mut self, size: Option<u64>) -> Self {
        self.watched = size.map(|size| (size, (size == 0).then_some(self.root)));
        self
    }

    /// The root at the watched size; `None` when the journal is shorter.
    pub(super) fn watched(&self) -> Option<Hash> {
        self.watched.and_then(|(_, root)| root)
    }

    /// The highest accepted serial of each issuer of envelopes.
    pub(super) fn accepted(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.accepted)
    }

    /// What is said of each request, by its reference.
    pub(super) fn requests(&mut self) -> BTreeMap<String, RequestPast> {
        std::mem::take(&mut self.requests)
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    /// What is wrong with it; the verifier is then of no more use.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if line.len() >= LONGEST_LINE {
            return Err(Fault::TooLong);
        }
        let text = str::from_utf8(line).map_err(|_| Fault::NotAnEntry)?;
        if text.contains('\n') {
            return Err(Fault::NotAnEntry);
        }
        let link: Link = serde_json::from_str(text).map_err(|_| Fault::NotAnEntry)?;
        let expected = self.tree.size();
        if link.index != expected {
            let found = link.index;
            return Err(Fault::Index { expected, found });
        }
        if link.root_before != hex(&self.root) {
            return Err(Fault::RootBefore);
        }
        self.tree.push(merkle::leaf_hash(line));
        self.root = self.tree.root();
        if let Some((size, root)) = &mut self.watched
            && *size == self.tree.size()
        {
            *root = Some(self.root);
        }
        if let ("envelope_accepted", Some(issuer), Some(serial)) =
            (&*link.action, &link.issuer, link.serial)
        {
            let highest = self.accepted.entry(issuer.to_string()).or_default();
            *highest = serial.max(*highest);
        }
        if let ("request", Some(reference), Some(step)) =
            (&*link.action, &link.reference, &link.step)
        {
            RequestPast::note(&mut self.requests, reference, link.index, step);
        }
        match self.against {
            Some((size, root)) if size == self.tree.size() && root != self.root => {
                Err(Fault::Rewritten { size })
            }
            _ => Ok(()),
        }
    }

    /// Size and root of the lines taken so far.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head {
            size: self.tree.size(),
            root: self.root,
        }
    }

    /// Says that there are no more lines.
    ///
    /// # Errors
    /// [`Fault::CutOff`] when the checkpoint has more; [`Fault::Rewritten`] when it claims a root
    /// that no empty journal has.
    pub fn finish(self) -> Result<Head, Fault> {
        let found = self.tree.size();
        match self.against {
            Some((size, _)) if size > found => Err(Fault::CutOff { size, found }),
            Some((0, root)) if root != sha256(&[]) => Err(Fault::Rewritten { size: 0 }),
            _ => Ok(self.head()),
        }
    }

    /// The tree of the lines taken so far.
    pub(super) fn into_tree(self) -> Frontier {
        self.tree
    }
}

/// What a walk over all segments finds.
pub(super) struct Scan {
    /// It took every complete line.
    pub verifier: Verifier,
    /// First index of each segment.
    pub firsts: Vec<u64>,
    /// Bytes of complete lines in the last segment.
    pub complete: u64,
    /// Bytes after them.
    pub torn: u64,
}

/// Reads every segment.
pub(super) fn scan(dir: &Path, verifier: Verifier) -> Result<Scan, VerifyError> {
    let mut scan = Scan {
        verifier,
        firsts: reader::list(dir)?,
        complete: 0,
        torn: 0,
    };
    for (place, first) in scan.firsts.iter().enumerate() {
        let path = reader::path(dir, *first);
        let found = scan.verifier.tree.size();
        if *first != found {
            return Err(VerifyError::Gap { path, found });
        }
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next()? {
            if let Err(fault) = scan.verifier.line(line) {
                return Err(lines.fault(fault));
            }
        }
        (scan.complete, scan.torn) = (lines.complete(), lines.torn());
        if scan.torn > 0 && place + 1 < scan.firsts.len() {
            return Err(lines.fault(Fault::Torn));
        }
    }
    Ok(scan)
}

/// Proves the journal in a directory, reading only: also a copy of it, also while an agent writes.
/// An incomplete last line counts as not written: nobody has a receipt for it. With `against`,
/// size and root of an earlier state, rewritten history and a cut-off end are found as well.
///
/// # Errors
/// Which file and line is wrong, or cannot be read.
pub fn verify_dir(dir: &Path, against: Option<(u64, Hash)>) -> Result<Head, VerifyError> {
    let dir_fault = |fault| VerifyError::Whole {
        dir: dir.to_owned(),
        fault,
    };
    let verifier = Verifier::new(against);
    scan(dir, verifier)?.verifier.finish().map_err(dir_fault)
}
