//! Proving a journal: offline from its files, or line by line from anywhere.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Announced, Destructions, Fault, Hash, Head, LONGEST_LINE, Report, RequestEntry, RequestsPast,
    merkle::{self, Frontier},
    rhythm::Rhythm,
};
use crate::{
    crypto::{hex, sha256, unhex},
    model::request::JournalRow,
};

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
    /// An earlier entry.
    #[serde(default)]
    of: Option<u64>,
    /// Of a start.
    #[serde(default)]
    heartbeat: Option<u64>,
    /// Of a configuration.
    #[serde(borrow, default)]
    digest: Option<Cow<'a, str>>,
}

/// A state that the journal must continue.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    head: Head,
    /// What it says when it does not.
    fault: Fault,
}

/// The index of a line, where it is an entry.
pub(super) fn index_of(line: &[u8]) -> Option<u64> {
    serde_json::from_slice(line)
        .map(|link: Link| link.index)
        .ok()
}

/// Takes the lines of a journal one by one, from the first on, and says whether they are one.
#[derive(Clone, Debug)]
pub struct Verifier {
    tree: Frontier,
    /// Root of `tree`, kept: it is compared once and returned once for each line.
    root: Hash,
    anchor: Option<Anchor>,
    rhythm: Rhythm,
    /// A size to note the root at, and that root.
    watched: Option<(u64, Option<Hash>)>,
    /// The highest accepted serial of each issuer of envelopes.
    accepted: BTreeMap<String, u64>,
    /// What was announced from the watched size on.
    announced: Announced,
    /// What is said of the authority's requests.
    requests: RequestsPast,
    /// What the last run destroyed.
    destructions: Destructions,
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
            anchor: against.map(|(size, root)| Anchor {
                head: Head { size, root },
                fault: Fault::Rewritten { size },
            }),
            rhythm: Rhythm::default(),
            watched: None,
            accepted: BTreeMap::new(),
            announced: Announced::default(),
            requests: RequestsPast::default(),
            destructions: Destructions::default(),
        }
    }

    /// One for a state that a fault of its own is told of.
    pub(super) fn anchored(head: Head, fault: Fault) -> Self {
        let anchor = Some(Anchor { head, fault });
        Self {
            anchor,
            ..Self::new(None)
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

    /// Changes of the catalogue that were announced from the watched size on; all where none was.
    pub(super) const fn announced(&self) -> Announced {
        self.announced
    }

    /// What is said of the authority's requests.
    pub(super) fn requests(&mut self) -> RequestsPast {
        std::mem::take(&mut self.requests)
    }

    /// What the last run destroyed.
    pub(super) fn destructions(&mut self) -> Destructions {
        std::mem::take(&mut self.destructions)
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
        if self.watched.is_none_or(|(size, _)| link.index >= size) {
            self.announced.take(link.index, &link.action, link.of);
        }
        let (index, time) = (link.index, link.time);
        self.destructions.take(index, &link.action, link.of, text);
        self.rhythm.entry(index, time, &link.action, link.heartbeat);
        if let ("envelope_accepted", Some(issuer), Some(serial)) =
            (&*link.action, &link.issuer, link.serial)
        {
            let highest = self.accepted.entry(issuer.to_string()).or_default();
            *highest = serial.max(*highest);
        }
        match &*link.action {
            // One that this version does not know says nothing to it.
            "request" => {
                if let Ok(entry) = serde_json::from_str::<RequestEntry>(text) {
                    self.requests.note(index, time, &entry);
                }
            }
            "requests_configured" => {
                self.requests.configured = link.digest.map(Cow::into_owned);
            }
            "restore_accepted" => {
                /// The part of it that matters to requests.
                #[derive(serde::Deserialize)]
                struct Restore {
                    journal: bool,
                }
                let restore = serde_json::from_str::<Restore>(text);
                self.requests.restored |= restore.is_ok_and(|restore| restore.journal);
            }
            _ => {}
        }
        self.push(merkle::leaf_hash(line))
    }

    /// Takes the next row of a listing, which may hide its entry.
    ///
    /// # Errors
    /// As [`Verifier::line`]; [`Fault::NotAnEntry`] also for a leaf hash that is none, or not that of
    /// the entry.
    pub fn row(&mut self, row: &JournalRow) -> Result<(), Fault> {
        let leaf = unhex(&row.leaf).ok().and_then(|leaf| leaf.try_into().ok());
        let leaf: Hash = leaf.ok_or(Fault::NotAnEntry)?;
        match &row.entry {
            Some(entry) if merkle::leaf_hash(entry.get().as_bytes()) != leaf => {
                Err(Fault::NotAnEntry)
            }
            Some(entry) => self.line(entry.get().as_bytes()),
            None if row.index != self.tree.size() => Err(Fault::Index {
                expected: self.tree.size(),
                found: row.index,
            }),
            None => self.push(leaf),
        }
    }

    fn push(&mut self, leaf: Hash) -> Result<(), Fault> {
        self.tree.push(leaf);
        self.root = self.tree.root();
        if let Some((size, root)) = &mut self.watched
            && *size == self.tree.size()
        {
            *root = Some(self.root);
        }
        match self.anchor {
            Some(Anchor { head, fault })
                if head.size == self.tree.size() && head.root != self.root =>
            {
                Err(fault)
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
        match self.anchor {
            Some(Anchor { head, .. }) if head.size > found => Err(Fault::CutOff {
                size: head.size,
                found,
            }),
            Some(Anchor { head, fault }) if head.size == 0 && head.root != sha256(&[]) => {
                Err(fault)
            }
            _ => Ok(self.head()),
        }
    }

    /// The last entry of a run that did not say that it stops.
    pub(super) fn unsaid_stop(&self) -> Option<u64> {
        self.rhythm.unsaid_stop()
    }

    /// What can be said of the lines taken so far; nothing of signatures.
    #[must_use]
    pub fn report(&self) -> Report {
        let (silences, silent) = self.rhythm.clone().silences();
        let (steps_back, back) = self.rhythm.steps_back();
        Report {
            head: self.head(),
            signed: None,
            end: self.rhythm.end(),
            silences,
            silent,
            steps_back,
            back,
        }
    }

    /// The tree of the lines taken so far.
    pub(super) fn into_tree(self) -> Frontier {
        self.tree
    }
}
