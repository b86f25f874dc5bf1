//! A hit: validity, flow table, ring. Every hit ends in exactly one term of the ledger.

use aya_ebpf::helpers::generated::{bpf_jiffies64, bpf_ktime_get_boot_ns, bpf_ktime_get_tai_ns};
use sensor_common::{Pattern, Term, clock};

use crate::{
    flows::{Found, Key},
    lane::{self, Part},
    maps::{self, Steering},
};

/// What came of a key that was looked up, in one word of which sums can be made: how many patterns in force
/// match, and above them how many were found.
pub mod probed {
    pub const FOUND: u32 = 1 << 16;

    #[inline(always)]
    pub const fn matched(probed: u32) -> u32 {
        probed & 0xffff
    }

    /// Whether one pattern was found, and that one matches.
    #[inline(always)]
    pub const fn one(probed: u32) -> bool {
        probed == FOUND + 1
    }
}

/// Counts a packet whose flow has a verdict, see [`sensor_common::verdict`].
#[inline(always)]
pub fn hit_again(key: Key, steering: Steering, bytes: u32) -> bool {
    let time = time_of_tick(steering);
    let Some(flow) = key.find_judged(steering.period(), maps::edition(), time) else {
        return false;
    };
    flow.add(time, bytes);
    key.set_known();
    maps::count_hit(Term::Aggregated);
    true
}

/// Accounts for one (packet, pattern) match; 1 when the pattern is in force.
#[inline(always)]
pub fn hit<const NAME: bool>(
    pattern: &Pattern,
    flow: Key,
    steering: Steering,
    bytes: u32,
    matched_in: u32,
) -> u32 {
    if !pattern.takes(matched_in) {
        return 0;
    }
    let time = time_of_tick(steering);
    if time < pattern.not_before || time >= pattern.not_after {
        maps::count_hit(Term::Expired);
        return 0;
    }
    let term = if pattern.flags & Pattern::BREAKER != 0 {
        Term::Breaker
    } else {
        flow.set_until(pattern);
        account::<NAME>(pattern.id, flow, steering, time, bytes, matched_in as u8)
    };
    maps::count_hit(term);
    1
}

/// Kernel time to a tick (1 to 10 ms), for the deadline and for a flow's last packet: the clock is
/// read once a tick. The tick count is a load, a clock three calls.
#[inline(always)]
fn time_of_tick(steering: Steering) -> u64 {
    if maps::CLOCK.load() == clock::REPLAY {
        return steering.replay_clock();
    }
    // SAFETY: a helper without arguments, of which the verifier makes a load.
    let tick = unsafe { bpf_jiffies64() };
    match maps::time_at(tick) {
        Some(time) => time,
        None => {
            let time = now(steering);
            maps::set_time(tick, time);
            time
        }
    }
}

#[inline(always)]
pub fn now(steering: Steering) -> u64 {
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
fn account<const NAME: bool>(
    pattern: u64,
    key: Key,
    steering: Steering,
    time: u64,
    bytes: u32,
    matched_in: u8,
) -> Term {
    let period = steering.period();
    let words = key.complete(pattern);
    let free = match key.find(period) {
        Found::Flow(flow) => {
            key.note(flow);
            flow.add(time, bytes);
            return Term::Aggregated;
        }
        Found::Free(word) => Some(word),
        Found::Full => None,
    };
    key.set_strange();
    // A flow of the period before is no new one: it needs no leave and no record.
    let known = matches!(key.find(period + 1), Found::Flow(_));
    if !known && !within_limit(pattern, steering, time) {
        return Term::Limited;
    }
    let Some(free) = free else {
        return Term::FlowTableFull;
    };
    let time = now(steering);
    let generation = maps::generation();
    if NAME {
        // What confirms a name goes with its record: without both, the flow is not known, and its next
        // packet tries again. What confirmed it before may have been lost on the way: in each period one
        // packet of a flow that goes on is told anew, as far as the limit allows.
        let announced = (!known || within_limit(pattern, steering, time))
            && announce(time, u64::from(bytes) << 8 | u64::from(matched_in)) != 0;
        if announced {
            key.insert(period, free, time, generation, matched_in);
            return Term::Records;
        }
        if !known {
            return Term::LaneFull;
        }
    }
    let Some(flow) = key.insert(period, free, time, generation, matched_in) else {
        return Term::FlowTableFull;
    };
    if known {
        flow.add(time, bytes);
        return Term::Aggregated;
    }
    if !maps::send(words, time, bytes, matched_in, 0) {
        flow.add(time, bytes);
        return Term::RingLost;
    }
    Term::Records
}

/// Sends a record of the flow set aside with the payload that was copied; 0 when there is no room. `told`
/// is the packet's bytes and, in the lowest byte, where it matched: the stack below is short.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn announce(time: u64, told: u64) -> u32 {
    let Some(slot) = lane::free_slot(Part::Confirm) else {
        return 0;
    };
    let bytes = (told >> 8) as u32;
    lane::keep_copied(slot, time, bytes);
    if let Some(words) = maps::sighting_words()
        && maps::send(words, time, bytes, told as u8, slot as u16 + 1)
    {
        return 1;
    }
    lane::zero_slot(slot);
    0
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
