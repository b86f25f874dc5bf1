//! The keys of events: 32 bytes each, at a place that the event's number tells.
//!
//! ```text
//! 0     magic, version, name of the store
//! 512   16 slots of 40 bytes: month, HMAC key of its ids
//! 4096  32 bytes for each event, zero where there is none
//! ```
//! Destroying a key writes zeros over it and syncs; pages without any key are given back.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::FallocateFlags;

use super::Error;
use crate::crypto::{self, Zeroizing};

const MAGIC: [u8; 8] = *b"MSENSKEY";
const VERSION: u32 = 1;
/// Bytes of the head, and of the pages that are given back.
const PAGE: u64 = 4_096;
const KEY: u64 = 32;
const MONTHS_AT: u64 = 512;
const MONTHS: u64 = 16;
const MONTH: u64 = 40;
/// Bytes by which the file grows.
const STEP: u64 = 256 << 10;

/// What backup programs leave out (bford.info/cachedir).
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                   # Keys of events. Leave this directory out of backups: a key that is destroyed \
                   here must be gone everywhere.\n";

/// A key; overwritten when it is let go.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The open file. Reads and writes go by place, so threads share it.
#[derive(Debug)]
pub(super) struct KeyFile {
    file: File,
    path: PathBuf,
    allocated: AtomicU64,
}

/// What was found where the key file should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The key file of this store.
    Own,
    /// None.
    Missing,
    /// That of another store: nobody would destroy its keys in time, so they were destroyed.
    Foreign,
}

impl KeyFile {
    /// What is there, and the file where it is the store's own.
    pub(super) fn find(state: &Path, store: [u8; 16]) -> Result<(Found, Option<Self>), Error> {
        let path = path_in(state);
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Found::Missing, None));
            }
            Err(source) => return Err(Error::Keys { path, source }),
        };
        let keys = Self {
            allocated: AtomicU64::new(file.metadata().map_or(0, |meta| meta.len())),
            file,
            path,
        };
        let mut head = [0; 32];
        let read = keys.named(keys.file.read_at(&mut head, 0))?;
        if read < head.len() || head[..8] != MAGIC || head[8..12] != VERSION.to_le_bytes() {
            return Err(Error::UnknownKeys { path: keys.path });
        }
        if head[16..] == store {
            return Ok((Found::Own, Some(keys)));
        }
        keys.named(overwrite(&keys.file))?;
        keys.named(fs::remove_file(&keys.path))?;
        Ok((Found::Foreign, None))
    }

    /// A new, empty file.
    pub(super) fn create(state: &Path, store: [u8; 16]) -> Result<Self, Error> {
        let path = path_in(state);
        let directory = state.join("keys");
        let made = || {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)?;
            fs::write(directory.join("CACHEDIR.TAG"), TAG)?;
            fs::write(directory.join(".nobackup"), "")?;
            let mut file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            let mut head = vec![0; PAGE as usize];
            head[..8].copy_from_slice(&MAGIC);
            head[8..12].copy_from_slice(&VERSION.to_le_bytes());
            head[16..32].copy_from_slice(&store);
            file.write_all(&head)?;
            file.sync_all()?;
            File::open(&directory)?.sync_all()?;
            File::open(state)?.sync_all()?;
            Ok(file)
        };
        match made() {
            Ok(file) => Ok(Self {
                file,
                path,
                allocated: AtomicU64::new(PAGE),
            }),
            Err(source) => Err(Error::Keys { path, source }),
        }
    }

    /// Writes fresh keys for the events of these numbers, in order, and syncs: before their events
    /// are committed.
    pub(super) fn make(&self, seqs: &[i64]) -> Result<Zeroizing<Vec<[u8; 32]>>, Error> {
        let mut keys = Zeroizing::new(vec![[0; 32]; seqs.len()]);
        crypto::fill(keys.as_flattened_mut())?;
        let Some(last) = seqs.last() else {
            return Ok(keys);
        };
        self.named(self.grow(place(last + 1)))?;
        for (first, stretch) in stretches(seqs) {
            let bytes = keys[stretch].as_flattened();
            self.named(self.file.write_all_at(bytes, place(first)))?;
        }
        self.named(self.file.sync_data())?;
        Ok(keys)
    }

    /// Allocates ahead: a write into what is allocated needs no new length on disk.
    fn grow(&self, end: u64) -> io::Result<()> {
        let allocated = self.allocated.load(Ordering::Relaxed);
        if end <= allocated {
            return Ok(());
        }
        let until = end.next_multiple_of(STEP);
        match rustix::fs::fallocate(
            &self.file,
            FallocateFlags::empty(),
            allocated,
            until - allocated,
        ) {
            Ok(()) => self.allocated.store(until, Ordering::Relaxed),
            // Not everything fits ahead, or the file system cannot: the write itself tells.
            Err(rustix::io::Errno::NOSPC | rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The key of an event; none where it was destroyed.
    pub(super) fn read(&self, seq: i64) -> Result<Option<Key>, Error> {
        let mut key = Zeroizing::new([0; 32]);
        let read = self.named(self.file.read_at(&mut key[..], place(seq)))?;
        Ok((read == key.len() && key.iter().any(|byte| *byte != 0)).then_some(key))
    }

    /// Destroys the keys of events; their numbers stand in order.
    pub(super) fn destroy(&self, seqs: &[i64]) -> Result<(), Error> {
        let end = self.named(self.file.metadata())?.len();
        for (first, stretch) in stretches(seqs) {
            let (begin, length) = (place(first), stretch.len() as u64 * KEY);
            let length = length.min(end.saturating_sub(begin));
            let zeros = vec![0; length as usize];
            self.named(self.file.write_all_at(&zeros, begin))?;
        }
        self.named(self.file.sync_data())?;
        let mut pages: Vec<u64> = seqs.iter().map(|seq| place(*seq) / PAGE).collect();
        pages.dedup();
        for page in pages {
            self.named(self.give_back(page * PAGE))?;
        }
        Ok(())
    }

    /// Gives a page back that holds no key.
    fn give_back(&self, at: u64) -> io::Result<()> {
        let mut page = Zeroizing::new([0; PAGE as usize]);
        let read = self.file.read_at(&mut page[..], at)?;
        if page[..read].iter().any(|byte| *byte != 0) {
            return Ok(());
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, flags, at, PAGE) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Months that have a key, with the place of each.
    fn months(&self) -> Result<Vec<(u64, u32)>, Error> {
        let mut slots = Zeroizing::new([0; (MONTHS * MONTH) as usize]);
        self.named(self.file.read_exact_at(&mut slots[..], MONTHS_AT))?;
        let month = |slot: &[u8]| u32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]]);
        let slots = (0..).zip(slots.chunks_exact(MONTH as usize));
        Ok(slots
            .map(|(at, slot)| (MONTHS_AT + at * MONTH, month(slot)))
            .collect())
    }

    /// Months (`year * 12 + month - 1`) that have a key.
    pub(super) fn kept_months(&self) -> Result<Vec<u32>, Error> {
        let months = self.months()?.into_iter().map(|(_, month)| month);
        Ok(months.filter(|month| *month != 0).collect())
    }

    /// The key of a month, where it has one.
    pub(super) fn month(&self, month: u32) -> Result<Option<Key>, Error> {
        let months = self.months()?;
        let Some((at, _)) = months.into_iter().find(|(_, known)| *known == month) else {
            return Ok(None);
        };
        let mut key = Zeroizing::new([0; 32]);
        self.named(self.file.read_exact_at(&mut key[..], at + 8))?;
        Ok(Some(key))
    }

    /// Keeps the key of a month, in a free slot or that of the earliest one.
    pub(super) fn keep_month(&self, month: u32, key: &[u8; 32]) -> Result<(), Error> {
        let months = self.months()?;
        let slot = months.into_iter().min_by_key(|(_, known)| *known);
        let (at, _) = slot.expect("there are sixteen");
        let mut bytes = Zeroizing::new([0; MONTH as usize]);
        bytes[..4].copy_from_slice(&month.to_le_bytes());
        bytes[8..].copy_from_slice(key);
        self.named(self.file.write_all_at(&bytes[..], at))?;
        self.named(self.file.sync_data())
    }

    /// Destroys the key of a month.
    pub(super) fn destroy_month(&self, month: u32) -> Result<(), Error> {
        for (at, known) in self.months()? {
            if known == month {
                self.named(self.file.write_all_at(&[0; MONTH as usize], at))?;
            }
        }
        self.named(self.file.sync_data())
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.blocks() * 512)
    }

    fn named<T>(&self, outcome: io::Result<T>) -> Result<T, Error> {
        outcome.map_err(|source| Error::Keys {
            path: self.path.clone(),
            source,
        })
    }
}

fn path_in(state: &Path) -> PathBuf {
    state.join("keys").join("events.keys")
}

/// Where the key of an event stands.
fn place(seq: i64) -> u64 {
    PAGE + u64::try_from(seq).expect("numbers begin at 1") * KEY
}

/// Numbers that follow each other: the first, and where they stand in the list.
fn stretches(seqs: &[i64]) -> impl Iterator<Item = (i64, std::ops::Range<usize>)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = *seqs.get(at)?;
        let begin = at;
        while seqs
            .get(at)
            .is_some_and(|seq| *seq == first + (at - begin) as i64)
        {
            at += 1;
        }
        Some((first, begin..at))
    })
}

/// Writes zeros over what a file holds; holes are left.
fn overwrite(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let (mut at, zeros) = (0, [0; PAGE as usize]);
    let mut page = Zeroizing::new([0; PAGE as usize]);
    while at < length {
        let read = file.read_at(&mut page[..], at)?;
        if page[..read].iter().any(|byte| *byte != 0) {
            file.write_all_at(&zeros[..read], at)?;
        }
        at += PAGE;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests;
