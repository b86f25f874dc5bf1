//! The journal itself: it alone makes receipts.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use tokio::sync::watch;

use super::{
    Action, Announced, Destructions, Entry, Error, Hash, Head, LONGEST_LINE, RequestsPast,
    Verifier,
    merkle::{self, Frontier},
    segments::{Segments, Sizes},
    signer::{self, Signer},
};
use crate::{
    clock,
    crypto::{self, VerifierKey, hex},
    model::{Actor, ClockMark, Role},
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

/// Random bytes of an entry.
const NONCE: usize = 16;

/// What an opened journal says of the time before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Whether it continues the state that was remembered elsewhere; true where none was.
    pub continues: bool,
    /// The highest accepted serial of each issuer of envelopes.
    pub accepted: BTreeMap<String, u64>,
    /// Changes of the catalogue that were announced since that state.
    pub announced: Announced,
    /// The last entry of a run that did not say that it stops.
    pub unsaid_stop: Option<u64>,
    /// What it says of the authority's requests.
    pub requests: RequestsPast,
    /// What it says of destructions since the last start.
    pub destructions: Destructions,
}

/// The journal. Calls from several threads wait for each other, and for the disk: asynchronous
/// code calls it where blocking is allowed.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
    /// What readers need, apart from the state: that waits for the disk at each entry, and who reads waits
    /// for nobody who writes.
    shown: RwLock<Shown>,
    size: watch::Sender<u64>,
}

/// What is written.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// How far.
    pub head: Head,
    /// Directory of the segments and the indexes of their first entries; none where there are no files.
    pub files: Option<(Arc<Path>, Arc<Vec<u64>>)>,
}

#[derive(Debug)]
pub(super) struct State {
    tree: Frontier,
    /// Root of `tree`.
    root: Hash,
    pub(super) store: Store,
    signer: Option<Signer>,
    /// Size of the last checkpoint that is kept.
    signed: Option<u64>,
    /// Size at which keeping one was last tried.
    tried: u64,
    /// What the time of entries is judged by.
    watch: clock::Watch,
}

#[derive(Debug)]
pub(super) enum Store {
    Memory(Vec<String>),
    Disk(Segments),
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
            announced: scan.verifier.announced(),
            unsaid_stop: scan.verifier.unsaid_stop(),
            requests: scan.verifier.requests(),
            destructions: scan.verifier.destructions(),
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
        let size = watch::Sender::new(tree.size());
        let head = Head {
            size: tree.size(),
            root,
        };
        let files = match &store {
            Store::Memory(_) => None,
            Store::Disk(segments) => {
                let firsts = Arc::new(segments.firsts().to_vec());
                Some((Arc::from(segments.dir()), firsts))
            }
        };
        let shown = RwLock::new(Shown { head, files });
        let state = Mutex::new(State {
            tree,
            root,
            store,
            signer: None,
            signed: None,
            tried: 0,
            watch: clock::Watch::new(None, clock::read()),
        });
        Self { state, shown, size }
    }

    /// Has the time of entries judged from now on by what is remembered of the clock, as everything else
    /// is that has a validity.
    pub fn judge_by(&self, mark: Option<ClockMark>) {
        self.lock().watch = clock::Watch::new(mark, clock::read());
    }

    /// Has checkpoints signed from now on; a key that was made now is journalled.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn sign_with(&self, actor: &Actor, signer: Signer) -> Result<(), Error> {
        let made = signer.newly_made().map(ToString::to_string);
        self.lock().signer = Some(signer);
        if let Some(key) = made {
            let _: Receipt = self.append(actor, Action::KeyMade { key })?;
        }
        Ok(())
    }

    /// The signed checkpoint of the journal as it is, and the key that verifies it; `None` where nothing
    /// signs.
    #[must_use]
    pub fn checkpoint(&self) -> Option<(String, VerifierKey)> {
        let state = self.lock();
        let signer = state.signer.as_ref()?;
        Some((signer.sign(state.head()), signer.public().clone()))
    }

    /// Keeps a checkpoint beside the segments, unless the last one is of this state.
    ///
    /// # Errors
    /// The disk is full or fails; the former checkpoint is then still there.
    pub fn keep_checkpoint(&self) -> Result<(), Error> {
        self.lock().keep_checkpoint()
    }

    /// Entries, and when there are more.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    /// Journals what `actor` is about to do; with the receipt, it is on disk.
    ///
    /// # Errors
    /// [`Error::Full`] before the reserve is touched; [`Error::Failed`] for good after a write
    /// failed. Without a receipt, nothing may change.
    pub fn append(&self, actor: &Actor, action: Action) -> Result<Receipt, Error> {
        self.append_with(actor, action, false)
    }

    /// The same, into the space set aside: only for what must not wait for a full disk, namely
    /// detaching, what time does to a set that was journalled with its beginnings and ends, purging and stopping.
    ///
    /// # Errors
    /// As [`Journal::append`], but full only when the reserve is used up too.
    pub fn append_reserved(&self, actor: &Actor, action: Action) -> Result<Receipt, Error> {
        self.append_with(actor, action, true)
    }

    fn append_with(&self, actor: &Actor, action: Action, reserved: bool) -> Result<Receipt, Error> {
        let mut state = self.lock();
        let receipt = state.append(actor, action, reserved)?;
        {
            let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
            shown.head = state.head();
            if let (Some((_, firsts)), Store::Disk(segments)) = (&mut shown.files, &state.store)
                && firsts.len() != segments.firsts().len()
            {
                *firsts = Arc::new(segments.firsts().to_vec());
            }
        }
        self.size.send_replace(state.tree.size());
        Ok(receipt)
    }

    /// Size and root now.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shown().head
    }

    pub(super) fn shown(&self) -> Shown {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the journal")
    }
}

impl State {
    pub(super) const fn head(&self) -> Head {
        Head {
            size: self.tree.size(),
            root: self.root,
        }
    }

    fn append(&mut self, actor: &Actor, action: Action, reserved: bool) -> Result<Receipt, Error> {
        let index = self.tree.size();
        let nonce: [u8; NONCE] = crypto::random()?;
        let entry = Entry {
            index,
            time: self.watch.observe(clock::read()),
            uid: actor.uid,
            role: actor.role,
            root_before: hex(&self.root),
            nonce: hex(&nonce),
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
        let unsigned = self.tree.size() - self.tried;
        if self.signer.as_ref().is_some_and(|s| unsigned >= s.every())
            && let Err(error) = self.keep_checkpoint()
        {
            // The entry itself is on disk: the agent's next beat tries again.
            tracing::warn!(%error, "no checkpoint of the journal could be kept");
        }
        Ok(Receipt { index })
    }

    fn keep_checkpoint(&mut self) -> Result<(), Error> {
        let head = self.head();
        self.tried = head.size;
        let Some(signer) = self
            .signer
            .as_ref()
            .filter(|_| self.signed != Some(head.size))
        else {
            return Ok(());
        };
        if let Store::Disk(segments) = &self.store {
            signer::keep(segments.dir(), &signer.sign(head))?;
        }
        self.signed = Some(head.size);
        Ok(())
    }
}
