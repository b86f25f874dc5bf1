//! The inspection lane: what the program lends to the agent, and what it counts about that.
//!
//! Bytes are lent in slots of one array, which each CPU has its own part of; a ring carries their
//! numbers. The agent copies a slot and zeroes it, which frees it; what it does not fetch in time is
//! zeroed by the kernel. The payload of a packet whose name matched is lent the same way, announced by
//! its [`Record`](crate::Record).

use crate::FlowKey;

/// Classes of packets that the program knows to bear names, or to hide them.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneClass {
    /// A TLS ClientHello on any TCP port: lent when it does not fit its packet, when it has not one name,
    /// or while a fingerprint is looked for.
    TlsHello = 0,
    /// A segment of a connection whose ClientHello has not been seen whole: before or behind its
    /// first one.
    TlsSegment = 1,
    /// The head of an HTTP/1 request on any TCP port: lent while a URL is looked for, or when it
    /// does not end in its packet and has no host there, or when its target names a host. The segments
    /// after it are of this class, too.
    HttpHead = 2,
    /// A QUIC Initial of version 1 or 2 on any UDP port; always lent.
    QuicInitial = 3,
    /// A DNS message of port 53: lent when the program cannot walk its questions (they go on in
    /// another segment, or there are too many).
    Dns = 4,
    /// DNS over TLS, port 853: cannot be read, only counted.
    Dot = 5,
}

/// Number of [`LaneClass`]es.
pub const LANE_CLASSES: usize = 6;

impl LaneClass {
    /// All of them, by value.
    pub const ALL: [Self; LANE_CLASSES] = [
        Self::TlsHello,
        Self::TlsSegment,
        Self::HttpHead,
        Self::QuicInitial,
        Self::Dns,
        Self::Dot,
    ];

    /// Of a number as it stands in a slot.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsHello => "tls_hello",
            Self::TlsSegment => "tls_segment",
            Self::HttpHead => "http_head",
            Self::QuicInitial => "quic_initial",
            Self::Dns => "dns",
            Self::Dot => "dot",
        }
    }
}

/// What became of a packet of a class: `seen = decided + lent + over_budget + no_slot + ring_full +
/// unreadable`. Beside it stand `displaced` and `encrypted`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneFate {
    /// Every packet of the class.
    Seen = 0,
    /// Its names were judged in the kernel, which was all there was to do.
    Decided = 1,
    /// Lent; its names may have been judged in the kernel all the same ([`LaneSlot::JUDGED`]).
    Lent = 2,
    /// To be lent, but the class had spent its budget.
    OverBudget = 3,
    /// To be lent, but no slot was free.
    NoSlot = 4,
    /// To be lent, but the ring was full.
    RingFull = 5,
    /// Cannot be read: malformed, or hidden by its protocol.
    Unreadable = 6,
    /// Connections whose beginning was forgotten because another took their place.
    Displaced = 7,
    /// Of those decided, hellos with an encrypted inner one, or with what looks like it (GREASE): the name
    /// that was judged is the outer one.
    Encrypted = 8,
}

/// Number of [`LaneFate`]s.
pub const LANE_FATES: usize = 9;

impl LaneFate {
    /// All of them, by value.
    pub const ALL: [Self; LANE_FATES] = [
        Self::Seen,
        Self::Decided,
        Self::Lent,
        Self::OverBudget,
        Self::NoSlot,
        Self::RingFull,
        Self::Unreadable,
        Self::Displaced,
        Self::Encrypted,
    ];

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Decided => "decided",
            Self::Lent => "lent",
            Self::OverBudget => "over_budget",
            Self::NoSlot => "no_slot",
            Self::RingFull => "ring_full",
            Self::Unreadable => "unreadable",
            Self::Displaced => "displaced",
            Self::Encrypted => "encrypted",
        }
    }
}

/// What one CPU counts and has spent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// Packets, by [`LaneClass`] and [`LaneFate`].
    pub counts: [[u64; LANE_FATES]; LANE_CLASSES],
    /// Time up to which each class has spent its budget.
    pub spent: [u64; LANE_CLASSES],
    /// Slot of this CPU to try next: for confirmation, then for the lane.
    pub cursors: [u64; 2],
    /// Packets lent: the sequence number of the last [`Notice`].
    pub lent: u64,
}

/// Payload bytes of a slot; what a segment of TCP has beyond them is lent in others, of a datagram it is not.
pub const SLOT_BYTES: usize = 2048;

/// Of a CPU's slots, one in so many is for the payload of packets whose name matched.
pub const CONFIRM_SHARE: u32 = 4;

/// A slot: free while `claim` is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LaneSlot {
    /// Monotonic time at which it was taken, nanoseconds, odd; the deadline is told from it. 0: it is free;
    /// [`LaneSlot::ZEROING`]: the kernel zeroes it; even: the agent does.
    pub claim: u64,
    /// The flow, its pattern 0.
    pub flow: FlowKey,
    /// Kernel time of the packet; the same as in the announcement.
    pub time: u64,
    /// IP length of the packet, bytes; 0 when the payload goes on here behind the slot before.
    pub bytes: u32,
    /// Sequence number of the first payload byte, host byte order; 0 without TCP.
    pub tcp_sequence: u32,
    /// [`LaneClass`], or [`LaneSlot::CONFIRM`].
    pub class: u32,
    /// Bytes of `payload` that are in use.
    pub length: u32,
    /// [`LaneSlot::TRUNCATED`], [`LaneSlot::JUDGED`] or neither.
    pub flags: u32,
    /// Generation that judged the packet.
    pub generation: u32,
    /// What stands behind the UDP or TCP header.
    pub payload: [u64; SLOT_BYTES / 8],
}

impl LaneSlot {
    /// Claim of a slot that the kernel is zeroing.
    pub const ZEROING: u64 = 1;
    /// Class of a slot that a record announces.
    pub const CONFIRM: u32 = LANE_CLASSES as u32;
    /// The packet has more payload than the slot.
    pub const TRUNCATED: u32 = 1;
    /// The kernel has compared the packet's names with the patterns: the lane need not.
    pub const JUDGED: u32 = 1 << 1;
    /// Words of a slot.
    pub const WORDS: usize = size_of::<Self>() / 8;
    /// Words before the payload.
    pub const HEAD_WORDS: usize = Self::WORDS - SLOT_BYTES / 8;
}

/// What the second ring carries.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// Time in the slot's head: a slot that has another one was zeroed and taken again since.
    pub time: u64,
    /// Which of the packets that this CPU has lent; the first is 1.
    pub sequence: u64,
    /// Number of the slot.
    pub slot: u32,
    /// CPU.
    pub cpu: u32,
}

impl Notice {
    /// Bytes of a notice.
    pub const SIZE: usize = 24;

    /// Reads a notice as the kernel wrote it; `None` when the length differs.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        let ([time, sequence, ends], []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let [a, b, c, d, e, f, g, h] = *ends;
        Some(Self {
            time: u64::from_ne_bytes(*time),
            sequence: u64::from_ne_bytes(*sequence),
            slot: u32::from_ne_bytes([a, b, c, d]),
            cpu: u32::from_ne_bytes([e, f, g, h]),
        })
    }
}

/// A young TCP connection, so that segments of its ClientHello or request head are known.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Young {
    /// Tells it from others in the same place; 0: none.
    pub tag: u32,
    /// Sequence number of its first payload byte.
    pub sequence: u32,
    /// When it was seen, in steps of 2^20 ns.
    pub time: u32,
    /// Segments that may still be lent (low byte) and what the connection was seen to begin with.
    pub state: u32,
}

/// Bytes of the deadline's value: the kernel's timer of 16, when it was started (0: it rests), sweeps that
/// found nothing, slots that it has zeroed; and of the sweep that needs no timer tick and time of its last
/// step, and the slot where the next one begins.
pub const DEADLINE_BYTES: usize = 64;

/// Places of [`Young`] connections.
pub const YOUNG_PLACES: u32 = 16_384;

const _: () = assert!(size_of::<LaneSlot>() == 8 + 56 + 8 + 24 + SLOT_BYTES);
const _: () = assert!(size_of::<Lane>() == (LANE_CLASSES * (LANE_FATES + 1) + 3) * 8);
const _: () = assert!(size_of::<Notice>() == Notice::SIZE && size_of::<Young>() == 16);

// SAFETY: `repr(C)`, integers only, no padding (the size is asserted above).
#[cfg(feature = "user")]
unsafe impl aya::Pod for Lane {}
