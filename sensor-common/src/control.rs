//! The value through which the agent steers the running program, and the one that each packet asks for.

use core::mem::offset_of;

use crate::{LANE_CLASSES, YOUNG_PLACES};

/// Read on hits only, and before a packet is lent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Number of the period; its parity selects the flow table that is written.
    pub period: u64,
    /// Time of the packet under [`crate::clock::REPLAY`], nanoseconds since the epoch.
    pub replay_clock: u64,
    /// Random number minted with the shared maps: counters of another epoch are other counters.
    pub epoch: u64,
    /// Nanoseconds that one new flow costs its pattern on this CPU; 0 for no limit.
    pub limit_interval: u64,
    /// Nanoseconds of cost that a pattern may run ahead of the clock.
    pub limit_burst: u64,
    /// Keys of [`crate::flow_place`]; made with the epoch and as secret.
    pub flow_keys: [u64; 4],
    /// Nanoseconds that one lent packet costs its class on this CPU, by [`crate::LaneClass`]; 0 for no
    /// limit.
    pub lane_interval: [u64; LANE_CLASSES],
    /// Nanoseconds of cost that a class may run ahead of the clock.
    pub lane_burst: [u64; LANE_CLASSES],
}

const _: () = assert!(size_of::<Control>() == 72 + 96 && align_of::<Control>() == 8);

// SAFETY: `repr(C)`, integers only, no padding (the size is asserted above).
#[cfg(feature = "user")]
unsafe impl aya::Pod for Control {}

/// What most packets ask for: in one value, because a look-up takes a dozen instructions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// Number under which the generation that judges was built: written by the agent, in place.
    pub live: u64,
    /// Zero: the number has a line of cache of its own, which nobody writes to while packets come.
    pub reserved: [u64; 7],
    /// Of each place of a young connection a byte of its tag, 0 where there is none: what most segments are
    /// asked by, small enough to stay in the first cache.
    pub young_marks: [u8; YOUNG_PLACES as usize],
}

const _: () = assert!(size_of::<Common>() == 64 + YOUNG_PLACES as usize);
const _: () = assert!(offset_of!(Common, live) == 0);

impl Common {
    /// Words of it.
    pub const WORDS: usize = size_of::<Self>() / size_of::<u64>();
}
