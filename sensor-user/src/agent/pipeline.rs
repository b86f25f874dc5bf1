//! The loop that consumes hits: one thread owns flow tables, open events and their store, and reads the ring.
//!
//! The ring itself is the buffer: but for what is fetched while the store does not answer, which is
//! bounded, nothing is taken out of it that the last batch has not been stored for. When the store fails,
//! the ring fills and the kernel counts; nothing is dropped here.

mod destroy;
mod inspect;
mod intake;
mod progress;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::broadcast;
use tracing::{error, info, warn};

use super::deliveries::Bells;
use crate::{
    clock::KernelClock,
    dataplane,
    events::{self, Batch, Store},
    fault,
    hits::{Account, Floods, Joiner, Judgements, LentPackets, Live, Surroundings},
    inspect::Counts,
    lent::{Limits, Noted},
    metrics::Metrics,
    model::{Event, EventRow, PatternId},
};
use destroy::Destruction;
pub use intake::Intake;
use intake::{Running, StandIn, Whereabouts, lock};

/// Most records stored in one batch.
const BATCH: usize = 4096;
/// Longest wait for a record: how long a stop may go unnoticed.
const WAIT: Duration = Duration::from_millis(100);
/// Pause after a batch that could not be stored.
const RETRY: Duration = Duration::from_secs(1);

/// What can end the loop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel side.
    #[error(transparent)]
    DataPlane(#[from] dataplane::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] events::Error),
    /// A thread.
    #[error("no thread for what the kernel tells: {0}; raise the unit's TasksMax")]
    Thread(std::io::Error),
}

/// The loop's parts.
pub struct Pipeline {
    /// Kernel side, and what it lends.
    pub intake: Arc<Mutex<Intake>>,
    /// Open events.
    pub joiner: Joiner,
    /// Their store.
    pub store: Store,
    /// Shared with control.
    pub live: Arc<Live>,
    /// Series.
    pub metrics: Arc<Metrics>,
    /// Revisions as they are stored.
    pub tail: broadcast::Sender<Arc<Event>>,
    /// Clock of records and flows.
    pub clock: KernelClock,
    /// Wakes the sinks' workers.
    pub bells: Bells,
    /// Time between two drains of the flow tables.
    pub drain_interval: Duration,
    /// Watches for patterns that flood.
    pub floods: Floods,
    /// What holds findings back that flood.
    pub limits: Limits,
    /// What became of what was lent.
    pub told: Arc<Noted>,
}

/// Marks and changes on their way to the store.
struct Progress {
    accounts: Judgements,
    stored: Judgements,
    sequences: BTreeMap<u32, u64>,
    /// What former agents left of lent packets, and when it was last noted where they are.
    left: LentPackets,
    /// Lent packets and what became of them, as far as their findings are in the accounts.
    lent: (LentPackets, Counts),
    noted: Instant,
    drained: u64,
    /// Period in which this run began: until its end, records may have gone with a former agent.
    began_in: u64,
    /// Period whose flows are stored and still in their table.
    uncleared: Option<u64>,
    /// Changes taken from the joiner and not stored yet: new events, and others.
    new: Vec<EventRow>,
    changed: Vec<EventRow>,
    opened: Vec<Timestamp>,
    dirty: bool,
    /// Whom the loop tells that it goes to the store.
    out: Arc<Whereabouts>,
    /// Of the maps.
    epoch: u64,
    /// What is being destroyed.
    doomed: Destruction,
}

impl Pipeline {
    /// Runs until `stop` is set, then drains what is in flight and stores it.
    ///
    /// # Errors
    /// [`Error`] when the kernel side fails, or the store when stopping.
    pub fn run(mut self, stop: &AtomicBool) -> Result<(), Error> {
        let whereabouts = Arc::new(Whereabouts::default());
        let stand_in = StandIn {
            intake: Arc::clone(&self.intake),
            live: Arc::clone(&self.live),
            told: Arc::clone(&self.told),
            clock: self.clock,
            whereabouts: Arc::clone(&whereabouts),
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("stand-in".into());
            let spawned = thread.spawn_scoped(scope, || stand_in.run());
            spawned.map_err(Error::Thread)?;
            let _running = Running(Arc::clone(&whereabouts));
            self.go_round(stop, &whereabouts)
        })
    }

    fn go_round(&mut self, stop: &AtomicBool, out: &Arc<Whereabouts>) -> Result<(), Error> {
        let mut progress = self.recover(stop, out)?;
        let mut next_drain = Instant::now() + self.drain_interval;
        loop {
            let stopping = stop.load(Ordering::Relaxed);
            if !stopping {
                let until_drain = next_drain.saturating_duration_since(Instant::now());
                let busy = progress.doomed.is_under_way();
                let most = if busy { Duration::ZERO } else { WAIT };
                lock(&self.intake).tap.wait(until_drain.min(most));
            }
            let read = self.consume(&mut progress, stop)?;
            let lent = self.inspect(&mut progress, stop)?;
            if stopping || Instant::now() >= next_drain {
                self.drain(&mut progress, stop)?;
                progress.doomed.look_again();
                next_drain = Instant::now() + self.drain_interval;
            }
            self.save(&mut progress, stop)?;
            let _away = out.leave(stop);
            self.destroy(&mut progress.doomed);
            if stopping && read < BATCH && lent < BATCH {
                return Ok(());
            }
        }
    }

    /// Goes on where a former agent stopped: its open events, its marks, what it left half done.
    fn recover(&mut self, stop: &AtomicBool, out: &Arc<Whereabouts>) -> Result<Progress, Error> {
        let restored = self.store.restore()?;
        let (epoch, period, counts) = {
            let tap = &lock(&self.intake).tap;
            (tap.epoch(), tap.period(), tap.counts())
        };
        let same = restored.epoch == epoch;
        let indexes = self.live.indexes();
        for row in &restored.open {
            let around = Surroundings {
                indexes: &indexes,
                subscribers: &self.live.subscribers,
                clock: self.clock,
            };
            self.joiner.restore(row, around);
        }
        self.joiner.start_at(restored.next);
        if !same {
            // Another set of maps, most often another boot: what was open then is over.
            self.joiner.close_all();
        }
        let accounts = if same {
            lock(&self.intake).lending.go_on(&restored.accounts);
            Judgements::from_stored(&restored.accounts)
        } else {
            Judgements::default()
        };
        let mut progress = Progress {
            accounts,
            stored: accounts,
            sequences: if same {
                restored.sequences
            } else {
                BTreeMap::new()
            },
            left: accounts.lent,
            lent: Default::default(),
            out: Arc::clone(out),
            epoch,
            noted: Instant::now(),
            drained: if same { restored.drained } else { 0 },
            began_in: period,
            uncleared: None,
            new: Vec::new(),
            changed: Vec::new(),
            opened: Vec::new(),
            dirty: true,
            doomed: Destruction::default(),
        };
        self.live.tell(accounts);
        // A period that ended without its flows stored is drained now; one that was stored but not
        // cleared is only cleared.
        let ended = period - 1;
        let emitted = counts.records_by_cpu()?;
        let lent = counts.lent_by_cpu()?;
        // What these counts tell is whole in the ring only when its programs have finished.
        dataplane::grace_period()?;
        while self.consume(&mut progress, stop)? == BATCH {}
        for (cpu, last) in (0u32..).zip(emitted) {
            progress.account_gap(cpu, last + 1);
        }
        self.recover_lent(&lent, &mut progress, stop)?;
        if progress.drained < ended {
            self.count_flows(ended, &mut progress, stop)?;
        }
        // After what came in their time.
        let indexes = self.live.indexes();
        let around = Surroundings {
            indexes: &indexes,
            subscribers: &self.live.subscribers,
            clock: self.clock,
        };
        self.joiner.close_changed(around, self.clock.judged_now());
        self.save(&mut progress, stop)?;
        lock(&self.intake).tap.clear(ended)?;
        let lost = progress.accounts.records.get(Account::LostAtRestart);
        if same {
            let open_events = self.joiner.open_count();
            info!(open_events, lost, "went on where the last run stopped");
        }
        Ok(progress)
    }

    /// Accounts for up to a batch of records; how many there were.
    fn consume(&mut self, progress: &mut Progress, stop: &AtomicBool) -> Result<usize, Error> {
        let records = lock(&self.intake).records(BATCH);
        if records.is_empty() {
            return Ok(0);
        }
        let indexes = self.live.indexes();
        for (record, bore) in &records {
            self.ensure_key(record.time, progress, stop)?;
            progress.account_gap(record.cpu, record.sequence);
            progress.sequences.insert(record.cpu, record.sequence);
            let around = Surroundings {
                indexes: &indexes,
                subscribers: &self.live.subscribers,
                clock: self.clock,
            };
            let account = self.joiner.record(record, bore.as_deref(), around);
            progress.accounts.records.add(account, 1);
            self.floods.count(PatternId(record.key.pattern));
        }
        progress.dirty = true;
        Ok(records.len())
    }

    /// Ends the period: its records, then its flows, then what is over.
    fn drain(&mut self, progress: &mut Progress, stop: &AtomicBool) -> Result<(), Error> {
        // Not before: as long as a flow is in the table of the last period, the kernel knows it.
        if let Some(period) = progress.uncleared.take() {
            lock(&self.intake).tap.clear(period)?;
        }
        let ended = lock(&self.intake).tap.flip()?;
        // Records of the period are all in the ring now, before the flows that count on them.
        while self.consume(progress, stop)? == BATCH {}
        let any = self.count_flows(ended, progress, stop)?;
        if let Some(flooding) = self.floods.end_drain() {
            self.live.tell_flooding(flooding);
        }
        let changed = self.live.take_changed();
        self.joiner.close_patterns(|id| changed.has(id));
        self.joiner
            .close_over(self.clock.to_kernel(Timestamp::now()));
        lock(&self.intake).tap.zero_overdue();
        // Saved before the table is cleared, cleared before it is written again.
        self.save(progress, stop)?;
        progress.uncleared = any.then_some(ended);
        self.live.retire_former();
        Ok(())
    }

    fn count_flows(
        &mut self,
        period: u64,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> Result<bool, Error> {
        let flows = lock(&self.intake).tap.flows(period)?;
        let indexes = self.live.indexes();
        for (key, flow) in &flows {
            self.ensure_key(flow.first, progress, stop)?;
            let around = Surroundings {
                indexes: &indexes,
                subscribers: &self.live.subscribers,
                clock: self.clock,
            };
            let after_restart = period <= progress.began_in;
            match self.joiner.flow(key, flow, around, after_restart) {
                Some(Account::UnconfirmedPackets) => {
                    let packets = flow.packets.max(1);
                    progress
                        .accounts
                        .records
                        .add(Account::UnconfirmedPackets, packets);
                }
                Some(account) => progress.accounts.records.add(account, 1),
                None => {}
            }
            progress
                .accounts
                .records
                .add(Account::FlowPackets, flow.packets);
        }
        progress.drained = period;
        progress.dirty |= !flows.is_empty();
        Ok(!flows.is_empty())
    }

    /// Stores everything that changed; tries again until it is stored, or until stopping.
    fn save(&mut self, progress: &mut Progress, stop: &AtomicBool) -> Result<(), Error> {
        for change in self.joiner.take_changes() {
            progress.dirty = true;
            if change.opened {
                progress.opened.push(change.row.event.first_seen);
                progress.new.push(change.row);
            } else {
                progress.changed.push(change.row);
            }
        }
        progress.new.sort_unstable_by_key(|row| row.seq);
        self.note_lent(progress, stop);
        if !progress.dirty {
            return Ok(());
        }
        let batch = Batch {
            new: std::mem::take(&mut progress.new),
            changed: std::mem::take(&mut progress.changed),
            epoch: progress.epoch,
            drained: progress.drained,
            accounts: progress.counted(),
            sequences: progress.sequences.clone(),
        };
        let mut reported = false;
        let away = progress.out.leave(stop);
        fault::stall("commit");
        while let Err(error) = self.store.commit(&batch) {
            self.metrics.store_failed();
            self.live.tell(progress.accounts.behind(&progress.stored));
            if stop.load(Ordering::Relaxed) {
                return Err(error.into());
            }
            if !std::mem::replace(&mut reported, true) {
                error!(%error, "events cannot be stored; trying again every second, the kernel counts what it cannot hold");
            }
            std::thread::sleep(RETRY);
        }
        drop(away);
        if reported {
            warn!("events are stored again");
        }
        progress.dirty = false;
        progress.stored = progress.accounts;
        self.live.tell(progress.accounts);
        let now = Timestamp::now();
        for first_seen in progress.opened.drain(..) {
            self.metrics
                .stored_after(now.duration_since(first_seen).as_secs_f64());
        }
        self.bells.ring();
        for row in batch.new.into_iter().chain(batch.changed) {
            // Nobody may be listening; a listener that is too slow is told how much it missed.
            let _ = self.tail.send(Arc::new(row.event));
        }
        Ok(())
    }
}
