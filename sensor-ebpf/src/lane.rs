//! Lending packets to the agent: budgets, slots, the ring of their numbers, and what is counted of it.

use aya_ebpf::{
    Global,
    btf_maps::{Array, RingBuf},
    helpers::generated::{bpf_get_smp_processor_id, bpf_ktime_get_ns},
    macros::btf_map,
};
use sensor_common::{CONFIRM_SHARE, FLOW_WORDS, LaneFate, LaneSlot, Notice, SLOT_BYTES};

pub use crate::tally::{count, count_displaced, count_encrypted};
use crate::{
    deadline, emit,
    flows::next,
    maps::{self, MMAPABLE, SIZED_AT_LOAD, settled},
    packet::Packet,
    pieces::IN_PIECES,
    scratch, tally,
};

#[btf_map]
static SLOTS: Array<LaneSlot, SIZED_AT_LOAD, MMAPABLE> = Array::new();
#[btf_map]
static LENT: RingBuf<Notice, 4096> = RingBuf::new();

#[unsafe(no_mangle)]
pub static CPU_SLOTS: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static ALL_SLOTS: Global<u32> = Global::new(0);

/// How many slots are looked at for a free one: the agent frees them in their order.
const TRIES: usize = 4;

/// What nobody came for within this time, nanoseconds, is zeroed.
pub const DEADLINE: u64 = 1_500_000_000;

/// Which part of a CPU's slots.
#[derive(Clone, Copy)]
pub enum Part {
    /// For the payload of packets whose name matched.
    Confirm,
    Lane,
}

/// Number of a free slot of this CPU. Nobody else takes from it.
#[inline(always)]
pub fn free_slot(part: Part) -> Option<u32> {
    let lane = tally::lane()?;
    let all = CPU_SLOTS.load();
    let confirm = all / CONFIRM_SHARE;
    let (from, count, cursor) = match part {
        Part::Confirm => (0, confirm, 0),
        Part::Lane => (confirm, all - confirm, 1),
    };
    // SAFETY: no program nests on this CPU.
    let first = from + (unsafe { bpf_get_smp_processor_id() } as u32) * all;
    // SAFETY: as in `count`.
    let cursor = unsafe { &mut (*lane).cursors[cursor] };
    for _ in 0..TRIES {
        let at = *cursor as u32;
        let at = if at < count { at } else { 0 };
        *cursor = u64::from(at) + 1;
        let slot = SLOTS.get_ptr_mut(first + at)?;
        // SAFETY: a map value; the agent writes to it, too, by the word.
        let claim = unsafe { (&raw const (*slot).claim).read_volatile() };
        // What was taken too long ago is the deadline's alone: two that zero a slot would not end at once.
        if claim == 0 {
            return Some(first + at);
        }
    }
    None
}

/// Monotonic time, for the deadline; not zero.
#[inline(always)]
pub fn monotonic() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() | 1 }
}

/// What the deadline found of a slot.
pub enum Swept {
    Free,
    /// It is taken, and not for too long.
    Taken,
    Zeroed,
}

/// Zeroes a slot when it was taken too long ago.
#[inline(always)]
pub fn sweep(number: u32, now: u64) -> Swept {
    let Some(slot) = SLOTS.get_ptr_mut(number) else {
        return Swept::Free;
    };
    // SAFETY: a map value; the agent writes to it, too, by the word.
    let claim = unsafe { (&raw const (*slot).claim).read_volatile() };
    // What was taken while the sweep goes on is later than `now`.
    if claim == 0 {
        Swept::Free
    } else if claim == LaneSlot::ZEROING {
        Swept::Taken
    } else if now > claim && now - claim > DEADLINE {
        zero_slot(number);
        Swept::Zeroed
    } else {
        Swept::Taken
    }
}

/// Slots of all CPUs.
#[inline(always)]
pub fn all_slots() -> u32 {
    ALL_SLOTS.load()
}

/// Zeroes a slot, which frees it.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn zero_slot(number: u32) -> u32 {
    let Some(slot) = SLOTS.get_ptr_mut(number) else {
        return 0;
    };
    let words: *mut u64 = settled(slot).cast();
    // SAFETY: the first word of the value.
    unsafe { words.write_volatile(LaneSlot::ZEROING) };
    let mut at = 1;
    while at < LaneSlot::WORDS {
        // SAFETY: within the value.
        unsafe { words.add(at).write_volatile(0) };
        at = next(at);
    }
    // SAFETY: the first word of the value.
    unsafe { words.write_volatile(0) };
    0
}

/// Writes the head of a slot: the flow is the one set aside. The claim comes last.
#[inline(always)]
unsafe fn write_head(
    slot: *mut LaneSlot,
    now: u64,
    time: u64,
    sizes: (u32, u32),
    sequence: u32,
    class: u32,
    flags: u32,
) {
    let Some(words) = maps::sighting_words() else {
        return;
    };
    let (bytes, length) = sizes;
    // SAFETY: the caller's slot is a map value that nobody else takes.
    unsafe {
        let flow: *mut u64 = (&raw mut (*slot).flow).cast();
        *flow = 0;
        for at in 1..FLOW_WORDS {
            *flow.add(at) = (*words)[at];
        }
        (*slot).time = time;
        (*slot).bytes = bytes;
        (*slot).tcp_sequence = sequence;
        (*slot).class = class;
        (*slot).length = length;
        (*slot).flags = flags;
        (*slot).generation = maps::generation();
        (&raw mut (*slot).claim).write_volatile(now);
    }
}

/// Puts the payload that was copied into a slot, for confirmation: the name in it matched.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn keep_copied(number: u32, time: u64, bytes: u32) -> u32 {
    let (Some(slot), Some(payload)) = (SLOTS.get_ptr_mut(number), scratch::copied()) else {
        return 0;
    };
    let slot = settled(slot);
    let head = payload.head();
    let copied = head.copied;
    let flags = if copied < head.length {
        LaneSlot::TRUNCATED | LaneSlot::JUDGED
    } else {
        LaneSlot::JUDGED
    };
    let mut at = 0;
    while at < SLOT_BYTES / 8 {
        let from = at as u32 * 8;
        if from >= copied {
            break;
        }
        let mut word = payload.word(at);
        if copied - from < 8 {
            let beyond = ((8 - (copied - from)) * 8) & 63;
            // What stands behind the payload is left from others.
            word = (u64::from_le(word) << beyond >> beyond).to_le();
        }
        // SAFETY: within the value.
        unsafe { (&raw mut (*slot).payload[at]).write_volatile(word) };
        at = next(at);
    }
    let sizes = (bytes, copied);
    // SAFETY: a map value, this CPU's own.
    unsafe {
        write_head(
            slot,
            monotonic(),
            time,
            sizes,
            head.sequence,
            LaneSlot::CONFIRM,
            flags,
        );
    }
    1
}

/// Lends what one slot takes of a payload: see [`crate::pieces::lend`].
#[inline(always)]
pub fn lent<const F: bool>(
    packet: &Packet<'_, F>,
    place: u32,
    sequence: u32,
    bytes: u32,
    class: u32,
) -> LaneFate {
    let Some(steering) = maps::steering() else {
        return LaneFate::NoSlot;
    };
    let time = emit::now(steering);
    if !tally::within_budget(class & 0xff, time) {
        return LaneFate::OverBudget;
    }
    let now = monotonic();
    let Some(number) = free_slot(Part::Lane) else {
        return LaneFate::NoSlot;
    };
    let Some(slot) = SLOTS.get_ptr_mut(number) else {
        return LaneFate::NoSlot;
    };
    let slot = settled(slot);
    let (offset, length) = (place & 0x7fff, place >> 16);
    let mut count = length;
    let mut flags = class >> 8 & 0xff;
    if count > SLOT_BYTES as u32 {
        count = SLOT_BYTES as u32;
        if class & IN_PIECES == 0 {
            flags |= LaneSlot::TRUNCATED;
        }
    }
    // SAFETY: the payload is behind the head in the value.
    let payload = unsafe { (&raw mut (*slot).payload).cast() };
    if !scratch::load(packet, offset, count, payload) {
        // Nothing, or a part of the payload, was written; it is not lent, and free.
        zero_slot(number);
        return LaneFate::Unreadable;
    }
    // SAFETY: a map value, this CPU's own.
    unsafe {
        write_head(
            slot,
            now,
            time,
            (bytes, count),
            sequence,
            class & 0xff,
            flags,
        );
    }
    let Some(mut entry) = LENT.reserve(0) else {
        zero_slot(number);
        return LaneFate::RingFull;
    };
    let notice = entry.as_mut_ptr();
    // SAFETY: the reservation is of a notice's size; every field is written.
    unsafe {
        (*notice).time = time;
        (*notice).sequence = tally::number_of_lent();
        (*notice).slot = number;
        (*notice).cpu = bpf_get_smp_processor_id() as u32;
    }
    entry.submit(0);
    if F {
        deadline::arm_deadline();
    }
    LaneFate::Lent
}
