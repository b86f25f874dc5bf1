//! The store: sealing, committing, reading.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{Timestamp, civil::Date};

use super::{
    Error, body,
    key_file::{Found, Key, KeyFile},
    migrate,
};
use crate::{
    crypto,
    db::{self, Marks, Sealed, Which, Writes},
    model::{Destroyed, EventRow, Retention, State, retention::day_of},
};

/// What is configured of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long events are kept.
    pub retention: Retention,
    /// Largest size, bytes.
    pub most_bytes: u64,
    /// Names of the sinks that every event goes to.
    pub sinks: Vec<String>,
    /// Of these, such as hold events on this machine: they are told of those that are destroyed
    /// before their time.
    pub local_sinks: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retention: Retention::MOST,
            most_bytes: 10 << 30,
            sinks: Vec::new(),
            local_sinks: Vec::new(),
        }
    }
}

/// The store of events. One handle writes events and destroys them; others, in other threads, read
/// and work on the queue.
pub struct Store {
    pub(super) db: db::Events,
    pub(super) keys: Arc<KeyFile>,
    pub(super) options: Options,
    state: PathBuf,
}

/// What opening a store came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Where its keys should be.
    pub found: Found,
    /// Events that had to be destroyed because their keys are not there.
    pub unreadable: u64,
    /// Events of a former version that stood in clear and are sealed now.
    pub sealed: u64,
    /// Events whose destruction a former agent had begun.
    pub finished: u64,
}

/// What one transaction writes: events and the marks that say what they account for.
#[derive(Debug, Default)]
pub struct Batch {
    /// New events, in the order of their numbers.
    pub new: Vec<EventRow>,
    /// Events that are there and have changed.
    pub changed: Vec<EventRow>,
    /// The set of shared maps the marks are about.
    pub epoch: u64,
    /// Last period whose flows are in the events.
    pub drained: u64,
    /// Counts by term, whole values.
    pub accounts: BTreeMap<String, u64>,
    /// Last record accounted for, by CPU.
    pub sequences: BTreeMap<u32, u64>,
}

/// What a former agent left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The set of shared maps the marks are about; 0 on a new store.
    pub epoch: u64,
    /// Last period whose flows are in the events.
    pub drained: u64,
    /// Counts by term.
    pub accounts: BTreeMap<String, u64>,
    /// Last record accounted for, by CPU.
    pub sequences: BTreeMap<u32, u64>,
    /// Number of the next event.
    pub next: i64,
    /// Events that were open.
    pub open: Vec<EventRow>,
}

impl Store {
    /// Opens or creates store and key file in the state directory, to write: seals what a former
    /// version left in clear, destroys what is unreadable, and finishes what was being destroyed.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(state: &Path, options: Options) -> Result<(Self, Opening), Error> {
        let mut db = db::Events::open(state, &options.sinks)?;
        let (name, _) = db.identity(crypto::random()?)?;
        let (found, keys) = KeyFile::find(state, name)?;
        let mut unreadable = 0;
        let keys = match keys {
            Some(keys) => keys,
            None => {
                unreadable = db.erase_all(Destroyed::Unreadable)?;
                let name = crypto::random()?;
                db.rename(name)?;
                KeyFile::create(state, name)?
            }
        };
        let mut store = Self {
            db,
            keys: Arc::new(keys),
            options,
            state: state.into(),
        };
        store.db.take_back_leases()?;
        let sealed = migrate::seal_clear(&mut store)?;
        let finished = store.finish()?;
        if unreadable + finished > 0 {
            store.give_back()?;
        }
        let opening = Opening {
            found,
            unreadable,
            sealed,
            finished,
        };
        Ok((store, opening))
    }

    /// Another handle on the same files, for another thread.
    ///
    /// # Errors
    /// [`Error`].
    pub fn another(&self) -> Result<Self, Error> {
        let mut db = db::Events::open(&self.state, &self.options.sinks)?;
        // What a worker notes may be lost by a power cut: it is then sent twice.
        db.relax()?;
        Ok(Self {
            db,
            keys: Arc::clone(&self.keys),
            options: self.options.clone(),
            state: self.state.clone(),
        })
    }

    /// Writes a batch whole or not at all, and gives its revisions to every sink. The keys of new
    /// events are on disk before.
    ///
    /// # Errors
    /// [`Error`]; nothing was written, and the batch may be tried again.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        let new = self.sealed(&batch.new)?;
        let changed = self.resealed(&batch.changed)?;
        let marks = Marks {
            epoch: batch.epoch,
            drained: batch.drained,
            accounts: batch.accounts.clone(),
            sequences: batch.sequences.clone(),
        };
        let writes = Writes {
            new: &new,
            changed: &changed,
            marks: Some(&marks),
            queued: Some(now()),
        };
        Ok(self.db.commit(&writes)?)
    }

    /// Seals new events under keys of their own, which are on disk then.
    fn sealed(&self, rows: &[EventRow]) -> Result<Vec<Sealed>, Error> {
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let keys = self.keys.make(&seqs)?;
        let mut nonces = nonces(rows.len())?;
        let row = |(row, key)| {
            let nonce = nonces.next().expect("one each");
            self.row(row, body::seal(row, key, nonce))
        };
        Ok(rows.iter().zip(keys.iter()).map(row).collect())
    }

    /// Seals new states of events under the keys that they have.
    fn resealed(&self, rows: &[EventRow]) -> Result<Vec<Sealed>, Error> {
        let mut sealed = Vec::with_capacity(rows.len());
        for (row, nonce) in rows.iter().zip(nonces(rows.len())?) {
            // Without a key it was destroyed meanwhile.
            if let Some(key) = self.keys.read(row.seq)? {
                sealed.push(self.row(row, body::seal(row, &key, nonce)));
            }
        }
        Ok(sealed)
    }

    /// Writes events that account for nothing and go to no sink: those of a former version.
    pub(super) fn insert(&mut self, rows: &[EventRow]) -> Result<(), Error> {
        let new = self.sealed(rows)?;
        let writes = Writes {
            new: &new,
            ..Writes::default()
        };
        Ok(self.db.commit(&writes)?)
    }

    fn row(&self, row: &EventRow, sealed: Vec<u8>) -> Sealed {
        let event = &row.event;
        Sealed {
            seq: row.seq,
            id: body::id_bytes(&event.id),
            rev: event.rev,
            open: event.state == State::Open,
            markers: event.markers.clone(),
            orders: event.orders.clone(),
            day: day_of(event.first_seen),
            expires: self.options.retention.expires(event.first_seen),
            sealed,
        }
    }

    /// Writes events that have lost markers; their revisions go to every sink where they grew.
    pub(super) fn revise(&mut self, rows: &[EventRow]) -> Result<(), Error> {
        let changed = self.resealed(rows)?;
        let writes = Writes {
            changed: &changed,
            queued: Some(now()),
            ..Writes::default()
        };
        Ok(self.db.commit(&writes)?)
    }

    /// Reads what a former agent left.
    ///
    /// # Errors
    /// [`Error`].
    pub fn restore(&mut self) -> Result<Restored, Error> {
        let (_, next) = self.db.identity([0; 16])?;
        let marks = self.db.marks()?;
        let which = Which {
            open: Some(true),
            ..Which::default()
        };
        let (mut open, _) = self.page(None, u32::MAX, &which)?;
        open.reverse();
        Ok(Restored {
            epoch: marks.epoch,
            drained: marks.drained,
            accounts: marks.accounts,
            sequences: marks.sequences,
            next,
            open,
        })
    }

    /// Up to `limit` events with numbers below `before`, newest first, and where the next page
    /// begins. What was destroyed meanwhile, or does not open, is left out.
    ///
    /// # Errors
    /// [`Error`].
    pub fn page(
        &mut self,
        before: Option<i64>,
        limit: u32,
        which: &Which,
    ) -> Result<(Vec<EventRow>, Option<i64>), Error> {
        let rows = self.db.page(before.unwrap_or(i64::MAX), limit, which)?;
        let whole = rows.len() == limit as usize;
        let next = rows.last().map(|row| row.seq).filter(|_| whole);
        Ok((self.opened(rows)?, next))
    }

    /// Events whose ids begin so (eight digits at least), at most two: whether there is one, and
    /// only one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn beginning(&mut self, prefix: &str) -> Result<Vec<EventRow>, Error> {
        let (whole, half) = prefix.split_at(prefix.len() & !1);
        let half = match half.chars().next().map(|digit| digit.to_digit(16)) {
            Some(None) => return Ok(Vec::new()),
            digit => digit.flatten().map(|digit| digit as u8),
        };
        let Ok(bytes) = crypto::unhex(whole) else {
            return Ok(Vec::new());
        };
        if bytes.len() + usize::from(half.is_some()) > 16 {
            return Ok(Vec::new());
        }
        let rows = self.db.beginning(&bytes, half)?;
        self.opened(rows)
    }

    /// The events of these numbers that are there.
    pub(super) fn rows(&mut self, seqs: &[i64]) -> Result<Vec<EventRow>, Error> {
        let rows = self.db.rows(seqs)?;
        self.opened(rows)
    }

    /// What of these rows opens.
    pub(super) fn opened(&self, rows: Vec<Sealed>) -> Result<Vec<EventRow>, Error> {
        let mut opened = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(key) = self.keys.read(row.seq)? {
                opened.extend(body::open(row, &key));
            }
        }
        Ok(opened)
    }

    /// Events stored, and of these those open.
    ///
    /// # Errors
    /// [`Error`].
    pub fn counts(&mut self) -> Result<(u64, u64), Error> {
        let stored = self.db.tallies()?.get("stored").copied();
        Ok((stored.unwrap_or_default(), self.db.open_count()?))
    }

    /// Bytes of store and key file.
    ///
    /// # Errors
    /// [`Error`].
    pub fn bytes(&mut self) -> Result<u64, Error> {
        Ok(self.db.bytes()? + self.keys.bytes())
    }

    /// Largest size, bytes.
    #[must_use]
    pub const fn most_bytes(&self) -> u64 {
        self.options.most_bytes
    }

    /// The HMAC key of a month (`YYYY-MM`), made now when the month has none.
    ///
    /// # Errors
    /// [`Error`].
    pub fn month_key(&mut self, month: &str) -> Result<Key, Error> {
        let number = month_number(month);
        if let Some(key) = self.keys.month(number)? {
            return Ok(key);
        }
        let key = Key::new(crypto::random()?);
        self.keys.keep_month(number, &key)?;
        Ok(key)
    }
}

/// A month (`YYYY-MM`) as the key file counts it.
pub(super) fn month_number(month: &str) -> u32 {
    let first: Option<Date> = format!("{month}-01").parse().ok();
    // Kernel time before the year 0 is no time of an event.
    first.map_or(1, |date| {
        u32::try_from(i32::from(date.year()) * 12 + i32::from(date.month()) - 1).unwrap_or(1)
    })
}

fn nonces(count: usize) -> Result<impl Iterator<Item = [u8; crypto::NONCE]>, Error> {
    let mut nonces = vec![[0; crypto::NONCE]; count];
    crypto::fill(nonces.as_flattened_mut())?;
    Ok(nonces.into_iter())
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
