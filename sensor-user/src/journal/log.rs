//! The journal itself: it alone makes receipts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{
    Action, Entry, Error, Fault, Hash, Head, LONGEST_LINE, RequestPast, Verifier, VerifyError,
    merkle::{self, Frontier},
    reader::{self, Lines},
    segments::{Segments, Sizes},
};
use crate::{
    crypto::hex,
    model::{
        Actor, Role,
        request::{JournalPage, JournalRow, Page},
    },
};

/// Proof that an entry is on disk. What changes something takes `&Receipt`; nothing but the
/// journal makes one:
///
/// ```compile_fail,E0451
/// let forged = sensor_user::journal::Receipt { index: 0 };
/// ```
#[derive(Debug)]
#[must_use = "an entry announces a change: pass its receipt on"]
pub struct Receipt {
    index: u64,
}

impl Receipt {
    /// Index of the entry.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
}

/// What an opened journal says of the time before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Whether it continues the state that was remembered elsewhere; true where none was.
    pub continues: bool,
    /// The highest accepted serial of each issuer of envelopes.
    pub accepted: BTreeMap<String, u64>,
    /// What it says of each request of the authority, by its reference.
    pub requests: BTreeMap<String, RequestPast>,
}

/// The journal. Calls from several threads wait for each other, and for the disk: asynchronous
/// code calls it where blocking is allowed.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tree: Frontier,
    /// Root of `tree`.
    root: Hash,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Memory(Vec<String>),
    Disk(Segments),
}

/// Where to read rows from, once the lock is let go.
enum Source {
    Memory(Vec<String>),
    Disk { dir: PathBuf, firsts: Vec<u64> },
}

impl Journal {
    /// Opens the journal in `dir`, made if missing, after proving all of it. An incomplete last
    /// line, which nobody has a receipt for, is cut off and journalled; nothing else is repaired.
    ///
    /// # Errors
    /// Another agent has it open, the files do not prove themselves, or the disk fails or is full.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_sized(dir, Sizes::AGENT)
    }

    /// The same, and says how the journal stands to `mark`, a state of it that is remembered
    /// elsewhere.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_since(dir: &Path, mark: Option<Head>) -> Result<(Self, Past), Error> {
        Self::open_past(dir, Sizes::AGENT, mark)
    }

    pub(super) fn open_sized(dir: &Path, sizes: Sizes) -> Result<Self, Error> {
        Self::open_past(dir, sizes, None).map(|(journal, _)| journal)
    }

    pub(super) fn open_past(
        dir: &Path,
        sizes: Sizes,
        mark: Option<Head>,
    ) -> Result<(Self, Past), Error> {
        let verifier = Verifier::new(None).watching(mark.map(|mark| mark.size));
        let (segments, mut scan) = Segments::open(dir, sizes, verifier)?;
        let past = Past {
            continues: mark.is_none_or(|mark| scan.verifier.watched() == Some(mark.root)),
            accepted: scan.verifier.accepted(),
            requests: scan.verifier.requests(),
        };
        let journal = Self::with(scan.verifier.into_tree(), Store::Disk(segments));
        if scan.torn > 0 {
            let agent = Actor {
                uid: rustix::process::getuid().as_raw(),
                role: Role::Agent,
            };
            let dropped_bytes = scan.torn;
            let recovered = Action::Recovered { dropped_bytes };
            let _: Receipt = journal.append_reserved(&agent, recovered)?;
        }
        Ok((journal, past))
    }

    /// A journal that ends with the process, for replay.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(Frontier::default(), Store::Memory(Vec::new()))
    }

    fn with(tree: Frontier, store: Store) -> Self {
        let root = tree.root();
        let state = Mutex::new(State { tree, root, store });
        Self { state }
    }

    /// Journals what `actor` is about to do; with the receipt, it is on disk.
    ///
    /// # Errors
    /// [`Error::Full`] before the reserve is touched; [`Error::Failed`] for good after a write
    /// failed. Without a receipt, nothing may change.
    pub fn append(&self, actor: &Actor, action: Action) -> Result<Receipt, Error> {
        self.lock().append(actor, action, false)
    }

    /// The same, into the space set aside: only for what must not wait for a full disk, namely
    /// detaching, what time does to a set that was journalled with its beginnings and ends, purging and stopping.
    ///
    /// # Errors
    /// As [`Journal::append`], but full only when the reserve is used up too.
    pub fn append_reserved(&self, actor: &Actor, action: Action) -> Result<Receipt, Error> {
        self.lock().append(actor, action, true)
    }

    /// Size and root now.
    #[must_use]
    pub fn head(&self) -> Head {
        self.lock().head()
    }

    /// At most `limit` entries (never more than [`Page::MOST`]) from index `from` on, with size and
    /// root of the whole journal.
    ///
    /// # Errors
    /// A segment cannot be read, or lost lines since the journal was opened.
    pub fn page(&self, from: u64, limit: u32) -> Result<JournalPage, Error> {
        let limit = u64::from(limit.min(Page::MOST));
        let (head, until, source) = {
            let state = self.lock();
            let head = state.head();
            let until = from.saturating_add(limit).min(head.size);
            (head, until, state.source(from, until))
        };
        let rows = match source {
            _ if from >= until => Vec::new(),
            Source::Memory(lines) => (from..)
                .zip(lines)
                .map(|(index, line)| row(index, line))
                .collect::<Option<_>>()
                .expect("the lines in memory are entries"),
            Source::Disk { dir, firsts } => read_rows(&dir, &firsts, from, until)?,
        };
        Ok(JournalPage {
            rows,
            size: head.size,
            root: hex(&head.root),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the journal")
    }
}

impl State {
    const fn head(&self) -> Head {
        Head {
            size: self.tree.size(),
            root: self.root,
        }
    }

    fn append(&mut self, actor: &Actor, action: Action, reserved: bool) -> Result<Receipt, Error> {
        let index = self.tree.size();
        let entry = Entry {
            index,
            time: Timestamp::now(),
            uid: actor.uid,
            role: actor.role,
            root_before: hex(&self.root),
            action,
        };
        let mut line = serde_json::to_string(&entry).expect("an entry is plain JSON");
        let bytes = line.len() + 1;
        if bytes > LONGEST_LINE {
            return Err(Error::TooLong { bytes });
        }
        let leaf = merkle::leaf_hash(line.as_bytes());
        match &mut self.store {
            Store::Memory(lines) => lines.push(line),
            Store::Disk(segments) => {
                line.push('\n');
                segments.append(index, line.as_bytes(), reserved)?;
            }
        }
        self.tree.push(leaf);
        self.root = self.tree.root();
        Ok(Receipt { index })
    }

    fn source(&self, from: u64, until: u64) -> Source {
        match &self.store {
            Store::Memory(lines) => {
                let lines = lines.iter().skip(from as usize);
                Source::Memory(
                    lines
                        .take((until.max(from) - from) as usize)
                        .cloned()
                        .collect(),
                )
            }
            Store::Disk(segments) => Source::Disk {
                dir: segments.dir().to_owned(),
                firsts: segments.firsts().to_vec(),
            },
        }
    }
}

/// A line as listed; `None` when it is not JSON.
fn row(index: u64, line: String) -> Option<JournalRow> {
    Some(JournalRow {
        index,
        leaf: hex(&merkle::leaf_hash(line.as_bytes())),
        entry: RawValue::from_string(line).ok()?,
    })
}

/// The entries `from..until`, which is not empty. A segment is at most some megabytes: it is read
/// from its start, so no index of lines is kept.
fn read_rows(dir: &Path, firsts: &[u64], from: u64, until: u64) -> Result<Vec<JournalRow>, Error> {
    let start = firsts
        .partition_point(|first| *first <= from)
        .saturating_sub(1);
    let mut rows = Vec::with_capacity((until - from) as usize);
    for first in firsts[start..].iter().take_while(|first| **first < until) {
        let mut lines = Lines::open(reader::path(dir, *first))?;
        for index in *first..until {
            let Some(line) = lines.next()? else { break };
            if index >= from {
                let line = String::from_utf8(line.to_vec()).ok();
                let row = line.and_then(|line| row(index, line));
                rows.push(row.ok_or_else(|| lines.fault(Fault::NotAnEntry))?);
            }
        }
    }
    let found = from + rows.len() as u64;
    if found < until {
        let (dir, size) = (dir.to_owned(), until);
        let fault = Fault::CutOff { size, found };
        return Err(VerifyError::Whole { dir, fault }.into());
    }
    Ok(rows)
}
