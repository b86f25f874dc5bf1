//! The inspection lane from the agent's side: slots that the program lends are copied and zeroed.

use std::{
    sync::atomic::{AtomicU64, Ordering, fence},
    time::Duration,
};

use aya::maps::{Map, MapData, PerCpuArray, RingBuf};
use rustix::time::{ClockId, clock_gettime};
use sensor_common::{
    FlowKey, LANE_CLASSES, LANE_FATES, Lane, LaneClass, LaneFate, LaneSlot, Notice, Record, map,
};
use sensor_sys::Mapped;

use super::{Error, Limit, error::InMap as _, load::Instance, tap::take};
use crate::model::Wiped;

/// What the kernel lends: the payload of one packet. Its bytes are zeroed when it is dropped.
#[derive(Clone, Debug)]
pub struct Lent {
    /// The flow of the packet; its pattern is 0.
    pub flow: FlowKey,
    /// Kernel time of the packet, nanoseconds.
    pub time: u64,
    /// IP length of the packet.
    pub bytes: u32,
    /// Why it was lent; `None` for the payload of a packet whose name matched, which a record announced.
    pub class: Option<LaneClass>,
    /// Sequence number of the first payload byte; 0 without TCP.
    pub tcp_sequence: u32,
    /// The packet has more payload than was lent.
    pub truncated: bool,
    /// The kernel has compared the packet's names with the patterns already.
    pub judged: bool,
    /// Generation that judged the packet.
    pub generation: u32,
    /// What stands behind the TCP or UDP header.
    pub payload: Wiped,
}

/// Packets of the inspection lane, by [`LaneClass`] and [`LaneFate`], summed over the CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts(pub [[u64; LANE_FATES]; LANE_CLASSES]);

impl LaneCounts {
    /// Packets of a class that ended so.
    #[must_use]
    pub const fn of(&self, class: LaneClass, fate: LaneFate) -> u64 {
        self.0[class as usize][fate as usize]
    }

    /// All that was lent.
    #[must_use]
    pub fn lent(&self) -> u64 {
        self.0
            .iter()
            .map(|class| class[LaneFate::Lent as usize])
            .sum()
    }
}

/// What each class of packets may spend on being lent, per CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets(pub [Limit; LANE_CLASSES]);

impl Budgets {
    /// The same for every class: so many packets a second, an eighth of it at once; 0 for no limit.
    #[must_use]
    pub fn per_second(rate: u32) -> Self {
        Self([Limit::per_second(rate, rate.div_ceil(8)); LANE_CLASSES])
    }

    /// With another limit for one class.
    #[must_use]
    pub const fn with(mut self, class: LaneClass, limit: Limit) -> Self {
        self.0[class as usize] = limit;
        self
    }
}

/// Words of a slot: its claim, and the time of its packet.
const CLAIM: usize = 0;
const TIME: usize = 8;

/// Up to this age a slot is fetched: well before the kernel's deadline (1.5 s), so that the two never zero
/// one slot at once, of which the slower would wipe what the kernel lent in it next.
const TAKEN_WITHIN: Duration = Duration::from_millis(1_400);
/// From this age on the agent zeroes a slot itself: the kernel's timer has passed by, where it has one.
const OVERDUE_AFTER: Duration = Duration::from_millis(2_000);

/// Slots, and the ring that tells of them.
pub(super) struct Slots {
    slots: Mapped,
    pub(super) lent: RingBuf<MapData>,
    /// By CPU, number of the first packet whose notice was read; 0: none was.
    first: Vec<u64>,
}

impl Slots {
    pub(super) fn take(instance: &mut Instance) -> Result<Self, Error> {
        let Map::Array(slots) = take(instance, map::SLOTS) else {
            unreachable!("the slots are an array in the object");
        };
        Ok(Self {
            slots: Mapped::new(&slots, LaneSlot::WORDS).in_map(map::SLOTS)?,
            lent: RingBuf::try_from(take(instance, map::LENT)).in_map(map::LENT)?,
            first: Vec::new(),
        })
    }

    /// Moves up to `most` lent packets into `into`; how many notices there were. A slot that the kernel
    /// has zeroed since is counted there, and not here.
    pub(super) fn read(&mut self, into: &mut Vec<Lent>, most: usize) -> usize {
        let mut notices = 0;
        while notices < most {
            let Some(item) = self.lent.next() else {
                break;
            };
            let notice = Notice::decode(&item).expect("the program writes whole notices");
            drop(item);
            notices += 1;
            self.note_first(&notice);
            into.extend(self.fetch(notice.slot, notice.time));
        }
        notices
    }

    fn note_first(&mut self, notice: &Notice) {
        let cpu = notice.cpu as usize;
        if cpu >= self.first.len() {
            self.first.resize(cpu + 1, 0);
        }
        if self.first[cpu] == 0 {
            self.first[cpu] = notice.sequence;
        }
    }

    /// Of so many packets that each CPU had lent, those whose notices somebody else had read.
    pub(super) fn read_before(&self, lent: &[u64]) -> u64 {
        let first = |cpu: usize| self.first.get(cpu).filter(|first| **first > 0);
        let before = |(cpu, lent): (usize, &u64)| first(cpu).map_or(*lent, |first| first - 1);
        lent.iter().enumerate().map(before).sum()
    }

    /// The payload of the packet that a record tells.
    pub(super) fn of_record(&self, record: &Record) -> Option<Lent> {
        self.fetch(u32::from(record.slot.checked_sub(1)?), record.time)
    }

    /// Copies a slot and zeroes it; `None` when it holds another packet than that of `time`, or the
    /// kernel is about to zero it.
    fn fetch(&self, slot: u32, time: u64) -> Option<Lent> {
        let (claim, lent) = copied(self.slots.value(slot)?, time, || {})?;
        self.slots.zero(slot, claim, claim & !1);
        Some(lent)
    }

    /// Zeroes what nobody came for in time, where the kernel has not; how many slots.
    pub(super) fn zero_overdue(&self) -> u64 {
        let overdue = |slot: &u32| {
            let Some(words) = self.slots.value(*slot) else {
                return false;
            };
            let claim = words[CLAIM].load(Ordering::Acquire);
            // An agent that died while it zeroed one has left it even.
            claim > LaneSlot::ZEROING
                && age(claim) > OVERDUE_AFTER
                && self.slots.zero(*slot, claim, claim & !1)
        };
        (0..self.slots.entries()).filter(overdue).count() as u64
    }

    /// Slots that are not free.
    pub(super) fn in_use(&self) -> u32 {
        let taken = |slot: &u32| {
            let words = self.slots.value(*slot);
            words.is_some_and(|words| words.iter().any(|word| word.load(Ordering::Relaxed) != 0))
        };
        (0..self.slots.entries()).filter(taken).count() as u32
    }
}

/// Copies what a slot holds of the packet of `time`; with it the slot's claim, which was the same before and
/// behind the copy. Between copying and that, `copied` is called.
fn copied(words: &[AtomicU64], time: u64, copied: impl FnOnce()) -> Option<(u64, Lent)> {
    let claim = words[CLAIM].load(Ordering::Acquire);
    if !is_taken(claim) || age(claim) > TAKEN_WITHIN {
        return None;
    }
    let lent = lent(words, time)?;
    copied();
    fence(Ordering::Acquire);
    let claimed = words[CLAIM].load(Ordering::Relaxed) == claim;
    // The kernel zeroes the time before any of the payload, and writes it before the claim.
    let same = claimed && words[TIME].load(Ordering::Relaxed) == time;
    same.then_some((claim, lent))
}

/// Whether a claim is that of a packet which waits to be fetched.
const fn is_taken(claim: u64) -> bool {
    claim > LaneSlot::ZEROING && claim & 1 == 1
}

/// How long ago a slot was taken.
fn age(claim: u64) -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let now = Duration::try_from(now).unwrap_or_default();
    now.saturating_sub(Duration::from_nanos(claim))
}

/// Reads a slot; the order of its words is that of [`LaneSlot`].
fn lent(words: &[AtomicU64], time: u64) -> Option<Lent> {
    let word = |at: usize| words[at].load(Ordering::Relaxed);
    if word(TIME) != time {
        return None;
    }
    let half = |at: usize, second: bool| {
        let bytes = word(at).to_ne_bytes();
        let [a, b, c, d, e, f, g, h] = bytes;
        u32::from_ne_bytes(if second { [e, f, g, h] } else { [a, b, c, d] })
    };
    let ends = word(7).to_ne_bytes();
    let address = |at| {
        [
            half(at, false),
            half(at, true),
            half(at + 1, false),
            half(at + 1, true),
        ]
    };
    let length = (half(10, true) as usize).min(sensor_common::SLOT_BYTES);
    let mut payload = Wiped::with_room(length.next_multiple_of(8));
    for at in 0..length.div_ceil(8) {
        payload.add_slice(&word(LaneSlot::HEAD_WORDS + at).to_ne_bytes());
    }
    payload.truncate(length);
    let flags = half(11, false);
    Some(Lent {
        flow: FlowKey {
            pattern: 0,
            src: address(2),
            dst: address(4),
            vantage: half(6, false),
            tunnel: half(6, true),
            src_port: u16::from_ne_bytes([ends[0], ends[1]]),
            dst_port: u16::from_ne_bytes([ends[2], ends[3]]),
            proto: ends[4],
            family: ends[5],
            reserved: [0; 2],
        },
        time,
        bytes: half(9, false),
        class: LaneClass::of(half(10, false)),
        tcp_sequence: half(9, true),
        truncated: flags & LaneSlot::TRUNCATED != 0,
        judged: flags & LaneSlot::JUDGED != 0,
        generation: half(11, true),
        payload,
    })
}

/// Packets lent, by CPU.
pub(super) fn lent_by_cpu(lane: &PerCpuArray<MapData, Lane>) -> Result<Vec<u64>, Error> {
    let lanes = lane.get(&0, 0).in_map(map::LANE)?;
    Ok(lanes.iter().map(|lane| lane.lent).collect())
}

/// The counters, summed over the CPUs.
pub(super) fn counts(lane: &PerCpuArray<MapData, Lane>) -> Result<LaneCounts, Error> {
    let mut sums = LaneCounts::default();
    for lane in lane.get(&0, 0).in_map(map::LANE)?.iter() {
        for (sums, counts) in sums.0.iter_mut().zip(lane.counts) {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEN: u64 = 77;

    fn slot(age: Duration) -> (u64, Vec<AtomicU64>) {
        let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).expect("after boot");
        let taken = now.checked_sub(age).expect("up for longer").as_nanos() as u64 | 1;
        let words: Vec<_> = (0..LaneSlot::WORDS).map(|_| AtomicU64::new(0)).collect();
        words[CLAIM].store(taken, Ordering::Relaxed);
        words[TIME].store(WHEN, Ordering::Relaxed);
        let length = u64::from_ne_bytes([0, 0, 0, 0, 8, 0, 0, 0]);
        words[10].store(length, Ordering::Relaxed);
        words[LaneSlot::HEAD_WORDS].store(u64::from_ne_bytes(*b"evil.exa"), Ordering::Relaxed);
        (taken, words)
    }

    #[test]
    fn a_slot_that_changes_while_it_is_copied_gives_nothing() {
        let (taken, words) = slot(Duration::from_millis(10));
        let (claim, lent) = copied(&words, WHEN, || {}).expect("what it holds");
        assert_eq!((claim, &lent.payload[..]), (taken, &b"evil.exa"[..]));
        for (word, value) in [
            (CLAIM, LaneSlot::ZEROING),
            (CLAIM, 0),
            // Another packet, of the same time even.
            (CLAIM, taken + 2),
            (TIME, 0),
            (TIME, WHEN + 1),
        ] {
            let (_, words) = slot(Duration::from_millis(10));
            let change = || words[word].store(value, Ordering::Relaxed);
            assert!(copied(&words, WHEN, change).is_none(), "{word} {value}");
        }
    }

    #[test]
    fn what_the_kernel_may_be_zeroing_and_what_is_being_zeroed_is_left_alone() {
        let (_, words) = slot(TAKEN_WITHIN + Duration::from_millis(1));
        assert!(copied(&words, WHEN, || {}).is_none());
        let (taken, words) = slot(Duration::ZERO);
        assert!(copied(&words, WHEN + 1, || {}).is_none());
        for claim in [taken & !1, LaneSlot::ZEROING, 0] {
            words[CLAIM].store(claim, Ordering::Relaxed);
            assert!(copied(&words, WHEN, || {}).is_none());
        }
    }
}
