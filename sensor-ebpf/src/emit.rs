//! A hit: validity, flow table, ring. Every hit ends in exactly one term of the ledger.

use aya_ebpf::helpers::generated::{
    bpf_ktime_get_boot_ns, bpf_ktime_get_coarse_ns, bpf_ktime_get_tai_ns,
};
use sensor_common::{Flow, FlowKey, Pattern, Term, clock};

use crate::maps::{self, Steering};

/// `EEXIST`, as the map helpers return it.
const EXISTS: i32 = -17;

/// Accounts for one (packet, pattern) match; 1 when the pattern is in force.
#[inline(always)]
pub fn hit(pattern: &Pattern, bytes: u32, matched_in: u32) -> u32 {
    if !pattern.takes(matched_in) {
        return 0;
    }
    let Some(key) = maps::sighting_of(pattern.id) else {
        return 0;
    };
    let Some(steering) = maps::steering() else {
        return 0;
    };
    let time = coarse_now(steering);
    if time < pattern.not_before || time >= pattern.not_after {
        maps::count_hit(Term::Expired);
        return 0;
    }
    let term = if pattern.flags & Pattern::BREAKER != 0 {
        Term::Breaker
    } else {
        account(key, steering, time, bytes, matched_in as u8)
    };
    maps::count_hit(term);
    1
}

/// Kernel time to a tick (1 to 10 ms), at a quarter of the price: for the deadline and for a flow's
/// last packet.
#[inline(always)]
fn coarse_now(steering: Steering) -> u64 {
    if maps::CLOCK.load() == clock::REPLAY || maps::COARSE.load() == 0 {
        return now(steering);
    }
    // SAFETY: a helper without arguments; the agent has seen that the kernel has it.
    let coarse = unsafe { bpf_ktime_get_coarse_ns() };
    coarse.wrapping_add(steering.coarse_lag())
}

#[inline(always)]
fn now(steering: Steering) -> u64 {
    match maps::CLOCK.load() {
        clock::REPLAY => steering.replay_clock(),
        // SAFETY: helpers without arguments; the agent selects a clock that the kernel has.
        clock::TAI => unsafe { bpf_ktime_get_tai_ns() },
        // SAFETY: as above.
        _ => unsafe { bpf_ktime_get_boot_ns() },
    }
}

/// Counts a hit in force and names the term it fell under.
#[inline(always)]
fn account(key: &FlowKey, steering: Steering, time: u64, bytes: u32, matched_in: u8) -> Term {
    let period = steering.period();
    if maps::add_to_flow(period, key, time, bytes) {
        return Term::Aggregated;
    }
    // A flow of the period before is no new one: it needs no leave and no record.
    let known = maps::in_flow_table(period + 1, key);
    if !known && !within_limit(key.pattern, steering, time) {
        return Term::Limited;
    }
    let time = now(steering);
    let flow = Flow {
        first: time,
        last: time,
        packets: u64::from(known),
        bytes: if known { u64::from(bytes) } else { 0 },
        generation: maps::generation(),
        matched_in,
        reserved: [0; 3],
    };
    match maps::insert_flow(period, key, &flow) {
        Ok(()) => {}
        // Another CPU was first.
        Err(EXISTS) if maps::add_to_flow(period, key, time, bytes) => return Term::Aggregated,
        Err(_) => return Term::FlowTableFull,
    }
    if known {
        return Term::Aggregated;
    }
    if !maps::send(key, time, bytes, matched_in) {
        maps::add_to_flow(period, key, time, bytes);
        return Term::RingLost;
    }
    Term::Records
}

/// Whether the pattern may announce one more flow on this CPU, which it then has (a token bucket
/// in the form of the generic cell rate algorithm: one word says up to when it is spent).
#[inline(always)]
fn within_limit(pattern: u64, steering: Steering, time: u64) -> bool {
    let interval = steering.limit_interval();
    if interval == 0 {
        return true;
    }
    let burst = steering.limit_burst();
    let Some(spent) = maps::spent(pattern) else {
        return true;
    };
    // Before now: rested. Further ahead than can be spent: the clock was set back.
    if *spent < time || *spent > time + burst + interval {
        *spent = time;
    }
    if *spent > time + burst {
        return false;
    }
    *spent += interval;
    true
}
