//! What the loop that consumes hits shares with those who change markers or read status.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use super::{Index, Judgements, Subscribers};
use crate::{
    journal::Receipt,
    model::{Image, PatternId},
};

/// How long the index of a former generation is kept: its last records are in the ring when the
/// next one goes live.
const GRACE: Duration = Duration::from_secs(10);

/// Shared between threads; locks are held for the copy of a value only.
pub struct Live {
    indexes: RwLock<Indexes>,
    /// Subscriber prefixes, fixed for the life of the agent.
    pub subscribers: Subscribers,
    changed: Mutex<Changed>,
    flooding: Mutex<Vec<PatternId>>,
    broken: Mutex<Vec<PatternId>>,
    doomed: Mutex<Vec<Doomed>>,
    due: Mutex<Option<i32>>,
    full: AtomicBool,
    told: Mutex<Judgements>,
}

/// Events that are to be destroyed.
#[derive(Debug)]
pub struct Doomed {
    /// Which.
    pub what: Doom,
    /// Who waits to hear how many events.
    pub done: mpsc::Sender<u64>,
}

/// Which events are to be destroyed.
#[derive(Debug)]
pub enum Doom {
    /// Those of these markers, which were false positives.
    Markers(HashSet<String>),
    /// Those of these numbers, which are not useful; and the index of the entry that announced it.
    Events(Vec<i64>, u64),
}

/// Most patterns of one change that are noted one by one.
const MOST_NOTED: usize = 65_536;

/// Patterns that have lost or gained a marker.
#[derive(Default)]
pub struct Changed {
    patterns: HashSet<PatternId>,
    /// Before and after of changes too large to note.
    images: Vec<(Image, Image)>,
}

impl Changed {
    /// Whether a pattern is among them.
    #[must_use]
    pub fn has(&self, id: PatternId) -> bool {
        let differ = |(before, after): &(Image, Image)| before.rows(id) != after.rows(id);
        self.patterns.contains(&id) || self.images.iter().any(differ)
    }
}

/// The index in force and those before it, the latest first. Images share what they have in
/// common, so that a former one costs what it differs in.
#[derive(Clone, Default)]
pub struct Indexes {
    current: Index,
    former: Arc<Vec<(Index, Instant)>>,
}

impl Live {
    /// With the markers in force.
    #[must_use]
    pub fn new(index: Index, subscribers: Subscribers) -> Self {
        Self {
            indexes: RwLock::new(Indexes {
                current: index,
                former: Arc::default(),
            }),
            subscribers,
            changed: Mutex::default(),
            flooding: Mutex::default(),
            broken: Mutex::default(),
            doomed: Mutex::default(),
            due: Mutex::default(),
            full: AtomicBool::default(),
            told: Mutex::default(),
        }
    }

    /// The indexes now.
    #[must_use]
    pub fn indexes(&self) -> Indexes {
        self.indexes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes an index current, before its generation goes live; the former one stays for records
    /// on their way. What was before is returned, for [`Live::put_back`].
    pub fn put(&self, index: Index) -> Indexes {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        let before = indexes.clone();
        let former = std::iter::once((before.current.clone(), Instant::now()));
        *indexes = Indexes {
            former: Arc::new(former.chain(before.former.iter().cloned()).collect()),
            current: index,
        };
        before
    }

    /// Takes a [`Live::put`] back.
    pub fn put_back(&self, before: Indexes) {
        *self.indexes.write().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Adds an index for records of a time before the present run.
    pub fn put_former(&self, index: Index) {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut indexes.former).push((index, Instant::now()));
    }

    /// Lets go of former indexes that no record can need any more.
    pub fn retire_former(&self) {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        let over = |(_, since): &(Index, Instant)| since.elapsed() > GRACE;
        if indexes.former.iter().any(over) {
            Arc::make_mut(&mut indexes.former).retain(|former| !over(former));
        }
    }

    /// Tells that patterns have lost or gained a marker: their open events name other ones. A
    /// pattern that has gone is among them, for it may come back under another marker.
    pub fn tell_changed(&self, before: &Image, after: &Image) {
        let noted = before.difference(after, MOST_NOTED);
        let mut changed = lock(&self.changed);
        match noted {
            Some(noted) => {
                let known = noted.iter().filter(|one| one.before.is_some());
                changed.patterns.extend(known.map(|one| one.id));
            }
            None => changed.images.push((before.clone(), after.clone())),
        }
    }

    /// What was told since the last call.
    #[must_use]
    pub fn take_changed(&self) -> Changed {
        std::mem::take(&mut lock(&self.changed))
    }

    /// Tells the patterns that flood now.
    pub fn tell_flooding(&self, patterns: Vec<PatternId>) {
        *lock(&self.flooding) = patterns;
    }

    /// Tells the patterns whose circuit breaker is open.
    pub fn tell_broken(&self, patterns: Vec<PatternId>) {
        *lock(&self.broken) = patterns;
    }

    /// The patterns whose circuit breaker is open.
    #[must_use]
    pub fn broken(&self) -> Vec<PatternId> {
        lock(&self.broken).clone()
    }

    /// The patterns that flood now.
    #[must_use]
    pub fn flooding(&self) -> Vec<PatternId> {
        lock(&self.flooding).clone()
    }

    /// Has the events of markers destroyed that are out of the index in force: former ones no longer
    /// lead to them, either. The number of events is told when it is done; nothing when it fails.
    #[must_use]
    pub fn doom(&self, markers: HashSet<String>, _receipt: &Receipt) -> mpsc::Receiver<u64> {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        let former = indexes.former.iter();
        let former = former.map(|(index, since)| (index.without(&markers), *since));
        indexes.former = Arc::new(former.collect());
        drop(indexes);
        let (done, told) = mpsc::channel();
        let what = Doom::Markers(markers);
        lock(&self.doomed).push(Doomed { what, done });
        told
    }

    /// Has events destroyed that are not useful. Their number is told when it is done; nothing when
    /// it fails.
    #[must_use]
    pub fn doom_events(&self, seqs: Vec<i64>, receipt: &Receipt) -> mpsc::Receiver<u64> {
        let (done, told) = mpsc::channel();
        let what = Doom::Events(seqs, receipt.index());
        lock(&self.doomed).push(Doomed { what, done });
        told
    }

    /// Has the events destroyed whose time is over by this UTC day.
    pub fn expire(&self, today: i32) {
        *lock(&self.due) = Some(today);
    }

    /// The day that was told since the last call.
    #[must_use]
    pub fn take_due(&self) -> Option<i32> {
        lock(&self.due).take()
    }

    /// Tells whether the store takes new events.
    pub fn tell_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Whether the store is at its cap and takes no new event.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// What is to be destroyed since the last call.
    #[must_use]
    pub fn take_doomed(&self) -> Vec<Doomed> {
        std::mem::take(&mut lock(&self.doomed))
    }

    /// The agent's accounts as last told.
    #[must_use]
    pub fn accounts(&self) -> Judgements {
        *lock(&self.told)
    }

    /// Tells the agent's accounts.
    pub fn tell(&self, accounts: Judgements) {
        *lock(&self.told) = accounts;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Indexes {
    /// Of one index alone.
    #[must_use]
    pub fn of(index: Index) -> Self {
        Self {
            current: index,
            former: Arc::default(),
        }
    }

    /// The image in force.
    #[must_use]
    pub const fn image(&self) -> &Image {
        self.current.image()
    }

    /// The indexes to ask, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Index> {
        let former = self.former.iter().map(|(index, _)| index);
        std::iter::once(&self.current).chain(former)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        markers::{compile, pattern_id, read_text},
        model::Marker,
    };

    fn image(lines: &str) -> Image {
        let markers = read_text(lines).markers;
        compile(&markers, jiff::Timestamp::now()).expect("no collision")
    }

    fn id(line: &str) -> PatternId {
        let markers: Vec<Marker> = read_text(line).markers;
        pattern_id(&markers[0].pattern)
    }

    #[test]
    fn a_pattern_has_changed_when_it_lost_or_gained_a_marker() {
        let kept = "ip 203.0.113.1 id=a\n";
        let before = format!("{kept}ip 203.0.113.2 id=b\nip 203.0.113.3 id=c\n");
        let after = format!("{kept}ip 203.0.113.2 id=b\nip 203.0.113.2 id=d\n");
        // Beside many that come, so that they are not noted one by one.
        let large: String = (0..=MOST_NOTED)
            .map(|at| format!("ip {}\n", std::net::Ipv4Addr::from(0x2d00_0000 + at as u32)))
            .collect();
        for more in [String::new(), large] {
            let live = Live::new(Index::default(), Subscribers::default());
            live.tell_changed(&image(&before), &image(&(after.clone() + &more)));
            let changed = live.take_changed();
            assert_eq!(changed.images.is_empty(), more.is_empty());
            let has = |line| changed.has(id(line));
            assert!(!has("ip 203.0.113.1"));
            assert!(has("ip 203.0.113.2") && has("ip 203.0.113.3"));
            assert!(!live.take_changed().has(id("ip 203.0.113.2")));
        }
    }
}
