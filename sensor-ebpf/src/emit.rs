//! A hit: validity, flow table, ring. Every hit ends in exactly one term of the ledger.

use aya_ebpf::helpers::generated::{bpf_ktime_get_boot_ns, bpf_ktime_get_tai_ns};
use sensor_common::{Flow, FlowKey, Term, clock};

use crate::maps;

/// `EEXIST`, as the map helpers return it.
const EXISTS: i32 = -17;

/// Accounts for one (packet, pattern) match; 1 when the pattern is in force.
///
/// A global function, as those of [`crate::confirm`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hit(
    pattern: u64,
    not_before: u64,
    not_after: u64,
    bytes: u32,
    matched_in: u32,
) -> u32 {
    let Some(key) = maps::sighting_of(pattern) else {
        return 0;
    };
    let time = now();
    maps::count_hit(Term::Hits);
    if time < not_before || time >= not_after {
        maps::count_hit(Term::Expired);
        return 0;
    }
    maps::count_hit(account(key, time, bytes, matched_in as u8));
    1
}

#[inline(always)]
fn now() -> u64 {
    match maps::CLOCK.load() {
        clock::REPLAY => maps::replay_clock(),
        // SAFETY: helpers without arguments; the agent selects a clock that the kernel has.
        clock::TAI => unsafe { bpf_ktime_get_tai_ns() },
        // SAFETY: as above.
        _ => unsafe { bpf_ktime_get_boot_ns() },
    }
}

/// Counts a hit in force and names the term it fell under.
#[inline(always)]
fn account(key: &FlowKey, time: u64, bytes: u32, matched_in: u8) -> Term {
    let period = maps::period();
    if maps::add_to_flow(period, key, time, bytes) {
        return Term::Aggregated;
    }
    let flow = Flow {
        first: time,
        last: time,
        packets: 0,
        bytes: 0,
        generation: maps::GENERATION.load(),
        matched_in,
        reserved: [0; 3],
    };
    match maps::insert_flow(period, key, &flow) {
        Ok(()) => {}
        // Another CPU was first.
        Err(EXISTS) if maps::add_to_flow(period, key, time, bytes) => return Term::Aggregated,
        Err(_) => return Term::FlowTableFull,
    }
    if !maps::send(key, time, bytes, matched_in) {
        maps::add_to_flow(period, key, time, bytes);
        return Term::RingLost;
    }
    Term::Records
}
