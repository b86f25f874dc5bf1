//! What this CPU counts of the inspection lane.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use sensor_common::{LANE_CLASSES, Lane, LaneClass, LaneFate};

use crate::maps;

#[btf_map]
static LANE: PerCpuArray<Lane, 1> = PerCpuArray::new();

/// Counters and budgets of this CPU.
#[inline(always)]
pub fn lane() -> Option<*mut Lane> {
    LANE.get_ptr_mut(0)
}

/// Counts a packet of a class under what became of it.
#[inline(always)]
pub fn count(class: u32, fate: LaneFate) {
    if let Some(lane) = lane() {
        let class = class as usize & 7;
        if class < LANE_CLASSES {
            // SAFETY: a per-CPU value; XDP programs do not nest on one CPU.
            unsafe {
                (*lane).counts[class][LaneFate::Seen as usize] += 1;
                (*lane).counts[class][fate as usize] += 1;
            }
        }
    }
}

/// Counts what is no packet.
#[inline(always)]
pub fn count_displaced() {
    if let Some(lane) = lane() {
        // SAFETY: as in `count`.
        unsafe {
            (*lane).counts[LaneClass::TlsSegment as usize][LaneFate::Displaced as usize] += 1;
        }
    }
}

/// Counts hellos that were decided and hide an inner one: the outer name was judged.
#[inline(always)]
pub fn count_encrypted(hellos: u64) {
    if let Some(lane) = lane() {
        // SAFETY: as in `count`.
        unsafe {
            (*lane).counts[LaneClass::TlsHello as usize][LaneFate::Encrypted as usize] += hellos;
        }
    }
}

/// Number of the packet that is lent now, among those of this CPU.
#[inline(always)]
pub fn number_of_lent() -> u64 {
    let Some(lane) = lane() else {
        return 0;
    };
    // SAFETY: as in `count`.
    unsafe {
        (*lane).lent += 1;
        (*lane).lent
    }
}

/// Whether the class may lend one more packet on this CPU, which it then has (see `emit`).
#[inline(always)]
pub fn within_budget(class: u32, time: u64) -> bool {
    let class = class as usize & 7;
    if class >= LANE_CLASSES {
        return false;
    }
    let Some((interval, burst)) = maps::lane_limit(class) else {
        return false;
    };
    if interval == 0 {
        return true;
    }
    let Some(lane) = lane() else {
        return false;
    };
    // SAFETY: as in `count`.
    let spent = unsafe { &mut (*lane).spent[class] };
    if *spent < time || *spent > time + burst + interval {
        *spent = time;
    }
    if *spent > time + burst {
        return false;
    }
    *spent += interval;
    true
}

const _: () = assert!(LANE_CLASSES <= 8);
