//! What one CPU sets aside while it judges a packet: its flow, and the time of the last look at a clock.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use sensor_common::{FLOW_WORDS, FlowKey};

/// What one CPU sets aside.
#[repr(C)]
struct Sighting {
    /// The flow of the packet under judgement, its pattern left out.
    flow: FlowKey,
    /// The kernel's tick at which it was `time`.
    tick: u64,
    time: u64,
}

#[btf_map]
static SIGHTING: PerCpuArray<Sighting, 1> = PerCpuArray::new();

/// Sets aside the flow of the packet under judgement, word by word straight into the map: what is
/// stored by the word is then read by the word without waiting for the store.
#[inline(always)]
pub fn set_sighting(src: [u64; 2], dst: [u64; 2], vantage: u32, ports: (u16, u16), proto: [u8; 2]) {
    let Some(sighting) = SIGHTING.get_ptr_mut(0) else {
        return;
    };
    let words: *mut u64 = sighting.cast();
    let [proto, family] = proto;
    let ends = [
        pair(u32::from(ports.0), u32::from(ports.1), 16),
        pair(u32::from(proto), u32::from(family), 8),
    ];
    // SAFETY: as in `count_packet`; a `FlowKey` is seven words, of which the first, the pattern, is
    // written before the key is used.
    unsafe {
        *words.add(1) = src[0];
        *words.add(2) = src[1];
        *words.add(3) = dst[0];
        *words.add(4) = dst[1];
        *words.add(5) = pair(vantage, 0, 32);
        *words.add(6) = if cfg!(target_endian = "little") {
            ends[0] | ends[1] << 32
        } else {
            ends[0] << 32 | ends[1] << 16
        };
    }
}

/// Two neighbours of `bits` bits as they stand in one word.
#[inline(always)]
pub const fn pair(first: u32, second: u32, bits: u32) -> u64 {
    if cfg!(target_endian = "little") {
        (first as u64) | (second as u64) << bits
    } else {
        (first as u64) << bits | (second as u64)
    }
}

/// The flow of the packet under judgement.
#[inline(always)]
pub fn sighting() -> Option<&'static FlowKey> {
    SIGHTING.get(0).map(|sighting| &sighting.flow)
}

/// The same by the word, the pattern first.
#[inline(always)]
pub fn sighting_words() -> Option<*mut [u64; FLOW_WORDS]> {
    Some(SIGHTING.get_ptr_mut(0)?.cast())
}

/// The time that this CPU last read from a clock, if it was at this tick.
#[inline(always)]
pub fn time_at(tick: u64) -> Option<u64> {
    let sighting = SIGHTING.get(0)?;
    (sighting.tick == tick).then_some(sighting.time)
}

/// Sets it aside.
#[inline(always)]
pub fn set_time(tick: u64, time: u64) {
    if let Some(sighting) = SIGHTING.get_ptr_mut(0) {
        // SAFETY: as in `count_packet`.
        unsafe {
            (*sighting).tick = tick;
            (*sighting).time = time;
        }
    }
}
