//! What one CPU sets aside while it judges a packet: its flow, and the time of the last look at a clock.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use sensor_common::{FLOW_WORDS, FlowKey, Place};

/// What one CPU sets aside.
#[repr(C)]
struct Sighting {
    /// The flow of the packet under judgement, its pattern left out.
    flow: FlowKey,
    /// The kernel's tick at which it was `time`.
    tick: u64,
    time: u64,
    /// Number of the place of the flow that the packet was counted on, and one; 0 for none.
    place: u64,
    /// The deadline of its pattern.
    until: u64,
    /// Edits made to the set before anything was looked up in it.
    edits: u64,
    /// What was looked up of the flow last (never 0), and where that stands in the index.
    kind: u64,
    at: Place,
    /// Hits on end whose flow was not known.
    strange: u64,
}

/// After so many a verdict is not looked for before the pattern: under a flood of new flows there is none.
const STRANGE: u64 = 16;

#[btf_map]
static SIGHTING: PerCpuArray<Sighting, 1> = PerCpuArray::new();

/// Sets aside the flow of the packet under judgement, word by word straight into the map: what is
/// stored by the word is then read by the word without waiting for the store. Whether it may be known.
#[inline(always)]
pub fn set_sighting(
    src: [u64; 2],
    dst: [u64; 2],
    vantage: u32,
    ports: (u16, u16),
    proto: [u8; 2],
) -> bool {
    let Some(sighting) = SIGHTING.get_ptr_mut(0) else {
        return true;
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
        let sighting: *mut Sighting = words.cast();
        (*sighting).place = 0;
        (*sighting).kind = 0;
        (*sighting).strange < STRANGE
    }
}

/// Tells that the flow set aside was there.
#[inline(always)]
pub fn set_known(words: *mut [u64; FLOW_WORDS]) {
    let sighting: *mut Sighting = words.cast();
    // SAFETY: the whole map value, which `sighting_words` told; as in `count_packet`.
    unsafe { (*sighting).strange = 0 };
}

/// Tells that it was not.
#[inline(always)]
pub fn set_strange(words: *mut [u64; FLOW_WORDS]) {
    let sighting: *mut Sighting = words.cast();
    // SAFETY: as in `set_known`.
    unsafe { (*sighting).strange += 1 };
}

/// Forgets the flow: its packet is decided. What is left of it is a hash under a secret key.
#[inline(always)]
pub fn forget_sighting() {
    let Some(words) = sighting_words() else {
        return;
    };
    for at in 0..FLOW_WORDS {
        // SAFETY: within the map value; see `set_sighting`.
        unsafe { (&raw mut (*words)[at]).write_volatile(0) };
    }
}

/// Where the flow set aside stands in the index, if that was asked for this kind before.
#[inline(always)]
pub fn remembered(words: *mut [u64; FLOW_WORDS], kind: u64) -> Option<Place> {
    let sighting: *mut Sighting = words.cast();
    // SAFETY: the whole map value, which `sighting_words` told; as in `count_packet`.
    unsafe { ((*sighting).kind == kind).then_some((*sighting).at) }
}

/// Sets it aside.
#[inline(always)]
pub fn remember(words: *mut [u64; FLOW_WORDS], kind: u64, at: Place) {
    let sighting: *mut Sighting = words.cast();
    // SAFETY: as in `remembered`.
    unsafe {
        (*sighting).kind = kind;
        (*sighting).at = at;
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

/// Sets aside how often the set was edited before anything is looked up in it.
#[inline(always)]
pub fn set_edits(edits: u32) {
    if let Some(sighting) = SIGHTING.get_ptr_mut(0) {
        // SAFETY: as in `count_packet`.
        unsafe { (*sighting).edits = u64::from(edits) };
    }
}

/// What can be noted of a flow.
pub struct Noted {
    /// Number of its place.
    pub place: u32,
    /// See [`set_edits`].
    pub edits: u32,
    /// The deadline of the pattern.
    pub until: u64,
}

/// The flow that the packet was counted on last.
#[inline(always)]
pub fn noted() -> Option<Noted> {
    let sighting = SIGHTING.get(0)?;
    Some(Noted {
        place: (sighting.place as u32).checked_sub(1)?,
        edits: sighting.edits as u32,
        until: sighting.until,
    })
}

/// Sets the deadline of the pattern that was found aside.
#[inline(always)]
pub fn set_until(words: *mut [u64; FLOW_WORDS], until: u64) {
    let sighting: *mut Sighting = words.cast();
    // SAFETY: as in `remembered`.
    unsafe { (*sighting).until = until };
}

/// Sets the place of the flow aside that the packet is counted on.
#[inline(always)]
pub fn set_place(words: *mut [u64; FLOW_WORDS], place: u32) {
    let sighting: *mut Sighting = words.cast();
    // SAFETY: as in `remembered`.
    unsafe { (*sighting).place = u64::from(place) + 1 };
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
