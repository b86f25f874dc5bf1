//! What comes out of the kernel: records, drained flows, counters.

use std::{sync::Arc, time::Duration};

use aya::{
    Pod,
    maps::{Array, MapData, PerCpuArray, RingBuf},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    thread::{CpuSet, MembarrierCommand, membarrier, sched_getaffinity, sched_setaffinity},
};
use sensor_common::{
    Control, DEADLINE_BYTES, Flow, FlowKey, LEDGER_TERMS, Lane, Ledger, OUTCOMES, Record, Term,
    Traffic, flow_hash_keys, map,
};

use super::{
    Budgets, Error, LaneCounts, Lent, Sizes,
    error::InMap as _,
    flows::Flows,
    lane::{self, Slots},
    load::Instance,
};

/// What a pattern may spend on new flows, per CPU (a token bucket).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// What one new flow costs; zero for no limit.
    pub interval: Duration,
    /// How far a pattern may run ahead of the clock.
    pub burst: Duration,
}

impl Limit {
    /// `rate` new flows a second, up to `burst` at once.
    #[must_use]
    pub fn per_second(rate: u32, burst: u32) -> Self {
        if rate == 0 {
            return Self::default();
        }
        let interval = Duration::from_secs(1) / rate;
        Self {
            interval,
            burst: interval * burst.saturating_sub(1),
        }
    }
}

/// Where the deadline's value counts what it zeroed.
const SWEPT: usize = 4;

/// Most readings of the ledger until one adds up.
const READINGS: usize = 16;

/// The shared maps, from the agent's side.
pub struct Tap {
    records: RingBuf<MapData>,
    flows: Flows,
    slots: Slots,
    control: Array<MapData, Control>,
    counts: Arc<Counts>,
    state: Control,
}

/// The counters alone; may be read from any thread.
pub struct Counts {
    ledger: PerCpuArray<MapData, Ledger>,
    traffic: PerCpuArray<MapData, Traffic>,
    lane: PerCpuArray<MapData, Lane>,
    deadline: Array<MapData, [u64; DEADLINE_BYTES / 8]>,
}

impl Counts {
    /// What became of packets of the inspection lane's classes.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn lane(&self) -> Result<LaneCounts, Error> {
        lane::counts(&self.lane)
    }

    /// Packets lent, by CPU: the number of the last one.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn lent_by_cpu(&self) -> Result<Vec<u64>, Error> {
        lane::lent_by_cpu(&self.lane)
    }

    /// Slots that the kernel's deadline has zeroed because nobody came for them.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn swept(&self) -> Result<u64, Error> {
        let deadline = self.deadline.get(&0, 0).in_map(map::DEADLINE)?;
        Ok(deadline[SWEPT])
    }

    /// Every term of the kernel's identity, summed over the CPUs, by [`sensor_common::Term`]. A hit
    /// that is counted while the map is read may stand in one term and not yet in the other: such a
    /// reading is taken again, a few times.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn ledger(&self) -> Result<[u64; LEDGER_TERMS], Error> {
        let mut sum = self.read_ledger()?;
        for _ in 0..READINGS {
            if sum[Term::Hits as usize] == sum[1..].iter().sum::<u64>() {
                break;
            }
            sum = self.read_ledger()?;
        }
        Ok(sum)
    }

    fn read_ledger(&self) -> Result<[u64; LEDGER_TERMS], Error> {
        let mut sum = [0; LEDGER_TERMS];
        for ledger in self.ledger.get(&0, 0).in_map(map::LEDGER)?.iter() {
            for (sum, term) in sum.iter_mut().zip(ledger.terms) {
                *sum += term;
            }
        }
        Ok(sum)
    }

    /// Records emitted, by CPU: the sequence of the last one.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn records_by_cpu(&self) -> Result<Vec<u64>, Error> {
        let ledgers = self.ledger.get(&0, 0).in_map(map::LEDGER)?;
        Ok(ledgers
            .iter()
            .map(|ledger| ledger.terms[Term::Records as usize])
            .collect())
    }

    /// Packets and bytes of an interface slot, by [`sensor_common::Outcome`].
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn traffic(&self, slot: u8) -> Result<[Traffic; OUTCOMES as usize], Error> {
        let mut sums = [Traffic::default(); OUTCOMES as usize];
        for (outcome, sum) in (0u32..).zip(&mut sums) {
            let index = u32::from(slot) * OUTCOMES + outcome;
            for traffic in self.traffic.get(&index, 0).in_map(map::TRAFFIC)?.iter() {
                sum.packets += traffic.packets;
                sum.bytes += traffic.bytes;
            }
        }
        Ok(sums)
    }
}

impl Tap {
    /// Takes the shared maps out of an instance. A new set of maps (epoch 0) is given `epoch`.
    pub(super) fn take(
        instance: &mut Instance,
        epoch: u64,
        sizes: Sizes,
        limit: Limit,
        budgets: Budgets,
    ) -> Result<Self, Error> {
        let control: Array<MapData, Control> = array(instance, map::CONTROL)?;
        let state = control.get(&0, 0).in_map(map::CONTROL)?;
        let mut tap = Self {
            records: RingBuf::try_from(take(instance, map::RECORDS)).in_map(map::RECORDS)?,
            flows: Flows::take(instance, sizes)?,
            slots: Slots::take(instance)?,
            control,
            counts: Arc::new(Counts {
                ledger: PerCpuArray::try_from(take(instance, map::LEDGER)).in_map(map::LEDGER)?,
                traffic: PerCpuArray::try_from(take(instance, map::TRAFFIC))
                    .in_map(map::TRAFFIC)?,
                lane: PerCpuArray::try_from(take(instance, map::LANE)).in_map(map::LANE)?,
                deadline: array(instance, map::DEADLINE)?,
            }),
            state,
        };
        if tap.state.epoch == 0 {
            // Period 0 has no predecessor, so the first drained period is 1.
            tap.state.epoch = epoch;
            tap.state.flow_keys = flow_hash_keys(epoch);
            tap.state.period = 1;
        }
        let nanoseconds = |of: Duration| u64::try_from(of.as_nanos()).unwrap_or(u64::MAX);
        tap.state.limit_interval = nanoseconds(limit.interval);
        tap.state.limit_burst = nanoseconds(limit.burst);
        tap.state.lane_interval = budgets.0.map(|limit| nanoseconds(limit.interval));
        tap.state.lane_burst = budgets.0.map(|limit| nanoseconds(limit.burst));
        tap.write_control()?;
        Ok(tap)
    }

    /// Counters, for another thread.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Which set of shared maps this is: counters of another epoch are other counters.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// The period whose table is written now.
    #[must_use]
    pub fn period(&self) -> u64 {
        self.state.period
    }

    /// Waits until a record or something lent is there, or `timeout` is over; a signal ends the wait
    /// early.
    pub fn wait(&self, timeout: Duration) {
        let mut fds = [
            PollFd::new(&self.records, PollFlags::IN),
            PollFd::new(&self.slots.lent, PollFlags::IN),
        ];
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // Nothing depends on why it returns: the caller reads the ring and the clock next.
        let _ = poll(&mut fds, Some(&timeout));
    }

    /// Moves up to `most` records into `into`; how many.
    pub fn read_records(&mut self, into: &mut Vec<Record>, most: usize) -> usize {
        let before = into.len();
        while into.len() - before < most {
            let Some(item) = self.records.next() else {
                break;
            };
            into.push(Record::decode(&item).expect("the program writes whole records"));
        }
        into.len() - before
    }

    /// Moves up to `most` lent packets into `into`, zeroing their slots; how many were announced. What the
    /// kernel has zeroed because nobody came for it is announced, but not there.
    pub fn read_lent(&mut self, into: &mut Vec<Lent>, most: usize) -> usize {
        self.slots.read(into, most)
    }

    /// Of so many packets that each CPU had lent ([`Counts::lent_by_cpu`]), those that went to a former
    /// agent. To be asked when everything that was announced until then has been read.
    #[must_use]
    pub fn lent_before(&self, lent: &[u64]) -> u64 {
        self.slots.read_before(lent)
    }

    /// The payload of the packet that a record tells, when its pattern is a name: what the name is
    /// confirmed on. Its slot is zeroed. `None` when the record has none, or the kernel has zeroed it
    /// because nobody came for it.
    pub fn borrowed(&mut self, record: &Record) -> Option<Lent> {
        self.slots.of_record(record)
    }

    /// Zeroes what nobody came for in time. The kernel does so by itself where it has a timer; where it has
    /// none and no packets come, only this does. To be called now and then; how many slots.
    pub fn zero_overdue(&self) -> u64 {
        self.slots.zero_overdue()
    }

    /// Slots that hold anything.
    #[must_use]
    pub fn slots_in_use(&self) -> u32 {
        self.slots.in_use()
    }

    /// Makes the other table the one that is written; the period that ended. On return every
    /// program that wrote to its table has finished: records and flows of it are complete.
    ///
    /// # Errors
    /// When the control map cannot be written or no grace period can be waited for.
    pub fn flip(&mut self) -> Result<u64, Error> {
        let ended = self.flip_alone()?;
        grace_period()?;
        Ok(ended)
    }

    /// The same where this thread is the only one that runs the program: there is nobody to wait
    /// for.
    ///
    /// # Errors
    /// When the control map cannot be written.
    pub fn flip_alone(&mut self) -> Result<u64, Error> {
        let ended = self.state.period;
        self.state.period += 1;
        self.write_control()?;
        Ok(ended)
    }

    /// The flows of a period that has ended.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn flows(&self, period: u64) -> Result<Vec<(FlowKey, Flow)>, Error> {
        self.flows.read(period)
    }

    /// Empties the table of a period that has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn clear(&mut self, period: u64) -> Result<(), Error> {
        self.flows.clear(period)
    }

    /// Sets the time of the next packet of a replay.
    pub(super) fn set_replay_clock(&mut self, nanoseconds: u64) -> Result<(), Error> {
        self.state.replay_clock = nanoseconds;
        self.write_control()
    }

    fn write_control(&mut self) -> Result<(), Error> {
        self.control.set(0, self.state, 0).in_map(map::CONTROL)
    }
}

/// Waits until every program that runs now has finished.
///
/// # Errors
/// [`Error::GracePeriod`].
pub fn grace_period() -> Result<(), Error> {
    // A global membarrier is `synchronize_rcu` (membarrier(2)), and XDP programs run inside RCU
    // read-side sections. Kernels with `nohz_full=` CPUs refuse it.
    membarrier(MembarrierCommand::Global)
        .or_else(|_| visit_every_cpu())
        .map_err(|error| Error::GracePeriod(error.into()))
}

/// Runs this thread on each CPU in turn: where it runs, no program does, because programs run with
/// bottom halves disabled and are not preempted.
fn visit_every_cpu() -> Result<(), Errno> {
    let allowed = sched_getaffinity(None)?;
    for cpu in 0..CpuSet::MAX_CPU {
        let mut one = CpuSet::new();
        one.set(cpu);
        match sched_setaffinity(None, &one) {
            // EINVAL: no such CPU, or it is offline.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    sched_setaffinity(None, &allowed)
}

pub(super) fn take(instance: &mut Instance, name: &'static str) -> aya::maps::Map {
    instance
        .ebpf
        .take_map(name)
        .expect("the object holds every map that sensor-common names")
}

pub(super) fn array<V: Pod>(
    instance: &mut Instance,
    name: &'static str,
) -> Result<Array<MapData, V>, Error> {
    Array::try_from(take(instance, name)).in_map(name)
}
