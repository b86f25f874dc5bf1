//! The ABI between the XDP programs and the agent.
//!
//! Layout and the arithmetic both sides must agree on (filter hashes), nothing else: no parsing,
//! no formatting, no I/O. A change of any size, field or index here is a new [`LAYOUT_VERSION`],
//! which is part of the pin path, so that pins of another layout are never misread.
#![no_std]
#![deny(missing_docs)]

mod control;
mod filter;
mod flow;
mod lane;
mod name;
mod pattern;
mod record;
mod stat;

pub use control::{Common, Control};
pub use filter::{
    BLOCK4, BLOCK6, Block, CHUNK_WORDS, Chunk, SHORT4_WORDS, SHORT6, rest_short6, rest4, rest6,
    short_lengths4, short4,
};
pub use flow::{
    Address, FLOW_WORDS, FLOWS_PER_PAGE, Flow, FlowKey, FlowPage, FlowSlot, MATCHED_DNS,
    MATCHED_DST_IP, MATCHED_HTTP_HOST, MATCHED_HTTP_URL, MATCHED_JA3, MATCHED_JA4,
    MATCHED_QUIC_SNI, MATCHED_SRC_IP, MATCHED_TLS_SNI, flow_hash_keys, flow_index_pages,
    flow_pages, flow_place, verdict,
};
pub use lane::{
    CONFIRM_SHARE, DEADLINE_BYTES, LANE_CLASSES, LANE_FATES, Lane, LaneClass, LaneFate, LaneSlot,
    Notice, SLOT_BYTES, YOUNG_PLACES, Young,
};
pub use name::{
    LONGEST_NAME, LabelHash, MOST_LABELS, NameHash, NameKeys, label_hash, lower, name_hash,
};
pub use pattern::{
    BUCKET_WORDS, BUCKETS_PER_PAGE, MOST_PATTERNS, NUMBER_BITS, PATTERNS_PER_PAGE, Pattern,
    PatternKey, PatternPage, Place,
};
pub use record::Record;
pub use stat::{LEDGER_TERMS, Ledger, OUTCOMES, Outcome, Term, Traffic};

/// Version of every layout in this crate; part of the bpffs path.
pub const LAYOUT_VERSION: u32 = 7;

/// Interface slots: the most interfaces one sensor can watch. A slot is the high byte of a vantage.
pub const INTERFACE_SLOTS: u32 = 64;

/// Shortest IPv4 prefix whose length the filter tells; wherever a shorter one may be, it is asked for.
pub const WIDEST4: u8 = 8;
/// Shortest IPv6 prefix that is marked in the filter; shorter ones are always asked for.
pub const WIDEST6: u8 = 16;

/// Elements of the filter's value in the object: the agent writes the true number there before it
/// creates the map. No other array has as many.
pub const FILTER_PLACEHOLDER: usize = 0x0117_7e52;

/// Limits of new flows: patterns whose ids share the low bits share one.
pub const LIMIT_SLOTS: u32 = 4096;

/// Longest chain of 802.1Q/802.1ad tags that is read.
pub const MAX_VLAN_TAGS: usize = 3;

/// Longest chain of IPv6 extension headers that is walked (RFC 8200 §4.1 lists seven kinds).
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// Longest MPLS label stack that is walked.
pub const MAX_MPLS_LABELS: usize = 8;

/// Kernel clock that deadlines and records use.
pub mod clock {
    /// `bpf_ktime_get_boot_ns` (5.8): nanoseconds since boot, suspend included.
    pub const BOOT: u32 = 0;
    /// `bpf_ktime_get_tai_ns` (6.1): international atomic time, nanoseconds.
    pub const TAI: u32 = 1;
    /// The capture's time, written to [`Control`](super::Control) before each packet of a replay.
    pub const REPLAY: u32 = 2;
}

/// Names of the maps, the same in the object, in bpffs and in error messages.
pub mod map {
    /// Index of the table of patterns; one per generation.
    pub const INDEX: &str = "INDEX";
    /// Patterns, densely; one per generation.
    pub const PATTERNS: &str = "PATTERNS";
    /// Blocked Bloom filter over addresses and prefixes; one per generation.
    pub const FILTER: &str = "FILTER";
    /// Number of the generation, and how often it was edited; one per generation.
    pub const GENERATION: &str = "GENERATION";
    /// Packets and bytes by interface slot and outcome; shared.
    pub const TRAFFIC: &str = "TRAFFIC";
    /// Terms of the hit identity; shared.
    pub const LEDGER: &str = "LEDGER";
    /// Flow tables, of even and of odd periods, one written while the other is drained; shared.
    pub const FLOWS: &str = "FLOWS";
    /// Where flows stand in them; shared.
    pub const FLOW_INDEX: &str = "FLOW_INDEX";
    /// How many places of each were handed out; shared.
    pub const TAKEN: &str = "TAKEN";
    /// First packet of each flow; shared.
    pub const RECORDS: &str = "RECORDS";
    /// What each pattern has spent of its limit, per CPU; shared.
    pub const LIMITS: &str = "LIMITS";
    /// Period, replay clock, limit; shared.
    pub const CONTROL: &str = "CONTROL";
    /// Which generation judges, and marks of young connections; shared.
    pub const COMMON: &str = "COMMON";
    /// The program that an instance follows; one per instance.
    pub const FORMER: &str = "FORMER";
    /// What is lent to the agent, and what confirms names; shared.
    pub const SLOTS: &str = "SLOTS";
    /// Numbers of slots that are lent; shared.
    pub const LENT: &str = "LENT";
    /// Counters and budgets of the inspection lane, per CPU; shared.
    pub const LANE: &str = "LANE";
    /// Young TCP connections; shared.
    pub const YOUNG: &str = "YOUNG";
    /// The timer that zeroes what nobody came for; shared.
    pub const DEADLINE: &str = "DEADLINE";
    /// Maps that belong to one generation.
    pub const OF_GENERATION: [&str; 4] = [INDEX, PATTERNS, FILTER, GENERATION];
    /// Maps that every generation and every interface share.
    pub const SHARED: [&str; 14] = [
        TRAFFIC, LEDGER, FLOWS, FLOW_INDEX, TAKEN, RECORDS, LIMITS, CONTROL, COMMON, SLOTS, LENT,
        LANE, YOUNG, DEADLINE,
    ];
}

/// Kinds of patterns that are looked for behind the ports; their sum tells what an image holds.
pub mod wants {
    /// Names.
    pub const NAMES: u32 = 1;
    /// URLs.
    pub const URLS: u32 = 2;
    /// Fingerprints of TLS clients.
    pub const FINGERPRINTS: u32 = 4;
}

/// Names of the read-only globals that the agent sets before the program is loaded.
pub mod global {
    /// Slot of the interface this instance is attached to, below [`INTERFACE_SLOTS`](super::INTERFACE_SLOTS).
    pub const SLOT: &str = "SLOT";
    /// Number under which the generation was built; 0: it never waits to be made live.
    pub const BUILT_AS: &str = "BUILT_AS";
    /// One of [`clock`](super::clock).
    pub const CLOCK: &str = "CLOCK";
    /// Places of one flow table.
    pub const FLOW_PLACES: &str = "FLOW_PLACES";
    /// Pages of one flow table.
    pub const FLOW_PAGES: &str = "FLOW_PAGES";
    /// Buckets of its index.
    pub const FLOW_BUCKETS: &str = "FLOW_BUCKETS";
    /// 1: the image holds endpoints.
    pub const ENDPOINTS: &str = "ENDPOINTS";
    /// 1: no lookup at all (the yardstick of the benches).
    pub const PARSE_ONLY: &str = "PARSE_ONLY";
    /// 1: the image holds exact IPv4 addresses or endpoints.
    pub const EXACT4: &str = "EXACT4";
    /// 1: the image holds exact IPv6 addresses or endpoints.
    pub const EXACT6: &str = "EXACT6";
    /// Buckets of the index.
    pub const BUCKETS: &str = "BUCKETS";
    /// Words of the filter for blocks of IPv4.
    pub const HASHED4: &str = "HASHED4";
    /// Words of the filter for blocks of IPv6, behind those of IPv4.
    pub const HASHED6: &str = "HASHED6";
    /// IPv4 prefix lengths present, 255 ends the list.
    pub const LENGTHS4: &str = "LENGTHS4";
    /// IPv6 prefix lengths present, 255 ends the list.
    pub const LENGTHS6: &str = "LENGTHS6";
    /// 1: an IPv4 prefix shorter than a block is present.
    pub const SHORT4: &str = "SHORT4";
    /// 1: an IPv6 prefix is present that is too short to be marked.
    pub const WIDE6: &str = "WIDE6";
    /// Words of the filter for names, behind those of IPv6; 0: no name is looked for.
    pub const HASHED_NAMES: &str = "HASHED_NAMES";
    /// Words of the filter for IPv6 prefixes shorter than a block, behind those of names; 0: there is
    /// none.
    pub const HASHED_SHORT6: &str = "HASHED_SHORT6";
    /// What is looked for behind the ports, see [`wants`](super::wants).
    pub const WANTS: &str = "WANTS";
    /// Keys of the hash of names.
    pub const NAME_KEYS: &str = "NAME_KEYS";
    /// Slots of each CPU.
    pub const CPU_SLOTS: &str = "CPU_SLOTS";
    /// Slots of all CPUs.
    pub const ALL_SLOTS: &str = "ALL_SLOTS";
}

/// Programs in the object, in the order in which attaching tries them.
pub mod program {
    /// Accepts frames of several buffers (5.18).
    pub const FRAGS: &str = "sensor_frags";
    /// Linear frames only.
    pub const LINEAR: &str = "sensor_linear";
}
