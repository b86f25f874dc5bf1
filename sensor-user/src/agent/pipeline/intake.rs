//! What comes out of the kernel, and who fetches it while the loop waits for the store: slots are not
//! kept for long, and what the lane holds is not to be kept for longer than it says.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use jiff::Timestamp;
use sensor_common::Record;

use super::BATCH;
use crate::{
    clock::KernelClock,
    dataplane::Tap,
    hits::Live,
    lent::{self, Lending, Noted},
    markers::canonical_id,
    model::{Image, Observed},
};

/// Most records, and most findings, that wait for the loop: then the rest stays in the rings, where the
/// kernel counts what does not fit, and in slots, which it zeroes.
const MOST: usize = 16_384;
/// Between two looks while the loop is away.
const STEP: Duration = Duration::from_millis(5);
/// So long at least, and at most twice, it may be away before somebody stands in.
const PATIENCE: Duration = Duration::from_millis(100);

/// A record, and what its packet bore where a name matched.
pub(super) type Fetched = (Record, Option<Vec<Observed>>);

/// The kernel's side, and what was fetched from there.
pub struct Intake {
    pub(super) tap: Tap,
    pub(super) lending: Lending,
    /// In the order of the ring.
    records: VecDeque<Fetched>,
}

impl Intake {
    /// Of the shared maps and an empty lane.
    #[must_use]
    pub fn shared(tap: Tap, lending: Lending) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            tap,
            lending,
            records: VecDeque::new(),
        }))
    }

    /// Takes up to so many records, those that were fetched before first.
    pub(super) fn records(&mut self, most: usize) -> Vec<Fetched> {
        self.fetch(most.saturating_sub(self.records.len()));
        let count = most.min(self.records.len());
        self.records.drain(..count).collect()
    }

    fn fetch(&mut self, most: usize) {
        let mut read = Vec::new();
        self.tap.read_records(&mut read, most);
        for record in read {
            let bore = lent::bore(&mut self.tap, &record);
            self.records.push_back((record, bore));
        }
    }

    /// Looks into up to a batch of what was lent, and lets go of what waited too long; how many packets.
    pub(super) fn inspect(&mut self, image: &Image, now: u64) -> usize {
        self.lending.look_for(image);
        let read = self.lending.read(&mut self.tap, BATCH);
        self.lending.expire(now);
        read
    }

    /// Fetches what there is in the loop's stead. What no pattern covers is not kept until it is back.
    fn stand_in(&mut self, live: &Live, now: u64) {
        self.fetch(MOST.saturating_sub(self.records.len()).min(BATCH));
        let indexes = live.indexes();
        let before = self.lending.found();
        if before < MOST {
            self.inspect(indexes.image(), now);
            let covered = |what: &Observed| !indexes.covering(what, canonical_id).is_empty();
            self.lending.keep(before, covered);
        } else {
            self.lending.expire(now);
        }
    }
}

/// Locks what is never left half changed.
pub(super) fn lock(intake: &Mutex<Intake>) -> MutexGuard<'_, Intake> {
    intake.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the loop is.
#[derive(Default)]
pub(super) struct Whereabouts {
    /// How often it went to the store and came back: odd while it is there.
    turns: AtomicU64,
    over: AtomicBool,
}

/// The loop is with the store until this goes.
pub(super) struct Away(Arc<Whereabouts>);

/// The loop goes on until this goes.
pub(super) struct Running(pub Arc<Whereabouts>);

impl Whereabouts {
    /// To be called before the store; not when stopping, for what is fetched then would go with this
    /// agent, where the next one finds it in the ring.
    pub(super) fn leave(self: &Arc<Self>, stop: &AtomicBool) -> Option<Away> {
        let stopping = stop.load(Ordering::Relaxed);
        (!stopping).then(|| {
            self.turns.fetch_add(1, Ordering::AcqRel);
            Away(Arc::clone(self))
        })
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

/// What stands in needs.
pub(super) struct StandIn {
    pub intake: Arc<Mutex<Intake>>,
    pub live: Arc<Live>,
    pub told: Arc<Noted>,
    pub clock: KernelClock,
    pub whereabouts: Arc<Whereabouts>,
}

impl StandIn {
    /// Fetches when the loop stays away, until it has ended. A store takes milliseconds: what is fetched
    /// then goes with an agent that dies, and can wait in its slot.
    pub(super) fn run(&self) {
        let turn = || self.whereabouts.turns.load(Ordering::Acquire);
        let mut last = 0;
        while !self.whereabouts.over.load(Ordering::Acquire) {
            thread::sleep(PATIENCE);
            let now = turn();
            while now % 2 == 1 && now == last && now == turn() {
                let mut intake = lock(&self.intake);
                intake.stand_in(&self.live, self.clock.to_kernel(Timestamp::now()));
                self.told.tell(intake.lending.inspected());
                drop(intake);
                thread::sleep(STEP);
            }
            last = now;
        }
    }
}
