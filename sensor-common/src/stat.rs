//! Counters: where every packet and every hit ends.

/// Where a packet ends; every packet falls in exactly one class.
///
/// A hit wins over everything; of the others the first that applies, in the order below from
/// [`Outcome::Truncated`] on. All classes but `NotIp`, `UnknownEncapsulation` and `Malformed`
/// were judged by their outermost addresses, as far as these were in the frame.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Judged in full, no pattern in force matched.
    Miss = 0,
    /// At least one pattern in force matched.
    Hit = 1,
    /// Neither IPv4 nor IPv6 (ARP, LLDP, …).
    NotIp = 2,
    /// An encapsulation that is not read: a fourth VLAN tag, too many labels, MACsec, PBB, …
    UnknownEncapsulation = 3,
    /// The frame ends before the addresses or the ports.
    Truncated = 4,
    /// The IP header contradicts itself (version, header length, total length).
    Malformed = 5,
    /// Too many IPv6 extension headers: judged by address only.
    TooDeep = 6,
    /// Non-first fragment: judged by address only.
    Fragment = 7,
    /// Carries another IP packet or ciphertext: judged by the outer addresses only.
    OuterOnly = 8,
    /// To a multicast or broadcast group, judged in full.
    Multicast = 9,
}

/// Number of [`Outcome`]s.
pub const OUTCOMES: u32 = 10;

impl Outcome {
    /// All of them, by value.
    pub const ALL: [Self; OUTCOMES as usize] = [
        Self::Miss,
        Self::Hit,
        Self::NotIp,
        Self::UnknownEncapsulation,
        Self::Truncated,
        Self::Malformed,
        Self::TooDeep,
        Self::Fragment,
        Self::OuterOnly,
        Self::Multicast,
    ];

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Hit => "hit",
            Self::NotIp => "not_ip",
            Self::UnknownEncapsulation => "unknown_encapsulation",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::TooDeep => "too_deep",
            Self::Fragment => "fragment",
            Self::OuterOnly => "outer_only",
            Self::Multicast => "multicast",
        }
    }
}

/// Packets and bytes of one (interface slot, outcome) on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes: link header plus IP length; the linear part for frames that are not IP.
    pub bytes: u64,
}

/// A term of the identity `hits = records + aggregated + limited + breaker + expired + ring_lost
/// + flow_table_full + lane_full`, per (packet, pattern).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// Every (packet, pattern) match.
    Hits = 0,
    /// Emitted to the ring; also this CPU's record sequence.
    Records = 1,
    /// Counted on a flow already announced.
    Aggregated = 2,
    /// Refused by the pattern's token bucket.
    Limited = 3,
    /// Refused by the pattern's circuit breaker.
    Breaker = 4,
    /// Outside the pattern's validity.
    Expired = 5,
    /// New flow, ring full: the packet is counted on the flow and told when the table is drained.
    RingLost = 6,
    /// New flow, flow table full: only counted here.
    FlowTableFull = 7,
    /// New flow of a name, no slot free for what confirms it or ring full: only counted here, the
    /// flow's next packet tries again.
    LaneFull = 8,
}

/// Number of [`Term`]s.
pub const LEDGER_TERMS: usize = 9;

impl Term {
    /// All of them, by value.
    pub const ALL: [Self; LEDGER_TERMS] = [
        Self::Hits,
        Self::Records,
        Self::Aggregated,
        Self::Limited,
        Self::Breaker,
        Self::Expired,
        Self::RingLost,
        Self::FlowTableFull,
        Self::LaneFull,
    ];

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::Records => "records",
            Self::Aggregated => "aggregated",
            Self::Limited => "limited",
            Self::Breaker => "breaker",
            Self::Expired => "expired",
            Self::RingLost => "ring_lost",
            Self::FlowTableFull => "flow_table_full",
            Self::LaneFull => "lane_full",
        }
    }
}

/// The terms of one CPU, indexed by [`Term`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Counts.
    pub terms: [u64; LEDGER_TERMS],
}

const _: () = assert!(size_of::<Traffic>() == 16 && align_of::<Traffic>() == 8);
const _: () = assert!(size_of::<Ledger>() == 72 && align_of::<Ledger>() == 8);

#[cfg(feature = "user")]
mod pod {
    // SAFETY: `repr(C)`, integers only, no padding (the sizes are asserted above).
    unsafe impl aya::Pod for super::Traffic {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Ledger {}
}
