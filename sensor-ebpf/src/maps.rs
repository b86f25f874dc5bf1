//! Maps and read-only globals that several files share, and the reads and writes of their values.

use core::{arch::asm, ptr};

use aya_ebpf::{
    Global,
    btf_maps::{Array, PerCpuArray, RingBuf},
    helpers::generated::bpf_get_smp_processor_id,
    macros::btf_map,
};
use sensor_common::{
    BLOCK4, BLOCK6, BUCKET_WORDS, BUCKETS_PER_PAGE, Block, Chunk, Control, FILTER_PLACEHOLDER,
    FLOW_WORDS, INTERFACE_SLOTS, LANE_CLASSES, LIMIT_SLOTS, Ledger, NameHash, OUTCOMES, Outcome,
    PATTERNS_PER_PAGE, Pattern, PatternPage, Record, Term, Traffic,
};

pub use crate::sighting::{
    Noted, forget_sighting, noted, pair, remember, remembered, set_edits, set_known, set_place,
    set_sighting, set_strange, set_time, set_until, sighting, sighting_words, time_at,
};
pub use crate::wants::wants;
use crate::{flows::Edition, parse::Link};

/// Capacities below are placeholders: the agent sizes these maps before it creates them.
pub const SIZED_AT_LOAD: usize = 1;

/// `BPF_F_MMAPABLE` (5.5), for its side effect: values begin on a page, so that what is laid out by
/// cache lines takes no more of them. Some the agent maps.
pub const MMAPABLE: usize = 1 << 10;

#[btf_map]
static INDEX: Array<Chunk, SIZED_AT_LOAD, MMAPABLE> = Array::new();
#[btf_map]
static PATTERNS: Array<PatternPage, SIZED_AT_LOAD, MMAPABLE> = Array::new();
#[btf_map]
static FILTER: Array<[u64; FILTER_PLACEHOLDER], 1> = Array::new();
#[btf_map]
static GENERATION: Array<[u32; 2], 1> = Array::new();

#[btf_map]
static TRAFFIC: PerCpuArray<Traffic, { (INTERFACE_SLOTS * OUTCOMES) as usize }> =
    PerCpuArray::new();
#[btf_map]
static LEDGER: PerCpuArray<Ledger, 1> = PerCpuArray::new();
#[btf_map]
static RECORDS: RingBuf<Record, 4096> = RingBuf::new();
/// Time up to which each pattern has spent its limit.
#[btf_map]
static LIMITS: PerCpuArray<u64, { LIMIT_SLOTS as usize }> = PerCpuArray::new();
#[btf_map]
static CONTROL: Array<Control, 1> = Array::new();

#[unsafe(no_mangle)]
pub static BUILT_AS: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static SLOT: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static CLOCK: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static ENDPOINTS: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static PARSE_ONLY: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static EXACT4: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static EXACT6: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static BUCKETS: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static HASHED4: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static HASHED6: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static SHORT4: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static HASHED_NAMES: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static HASHED_SHORT6: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static WIDE6: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static LENGTHS4: [u8; 34] = [255; 34];
#[unsafe(no_mangle)]
static LENGTHS6: [u8; 130] = [255; 130];

/// The `index`-th IPv4 prefix length of the image.
#[inline(always)]
pub fn length4(index: usize) -> Option<u8> {
    // SAFETY: in bounds; volatile, because the agent sets the value after compilation.
    let length = unsafe { ptr::read_volatile(LENGTHS4.get(index)?) };
    (length <= 32).then_some(length)
}

/// Whether IPv4 prefixes are marked in the words of their blocks.
#[inline(always)]
pub fn prefixes4() -> bool {
    // The longest stands first.
    length4(0).is_some_and(|length| length >= BLOCK4)
}

/// The same of IPv6.
#[inline(always)]
pub fn prefixes6() -> bool {
    length6(0).is_some_and(|length| length >= BLOCK6)
}

/// The `index`-th IPv6 prefix length of the image.
#[inline(always)]
pub fn length6(index: usize) -> Option<u8> {
    // SAFETY: as in `length4`.
    let length = unsafe { ptr::read_volatile(LENGTHS6.get(index)?) };
    (length <= 128).then_some(length)
}

/// The filter of the generation.
#[derive(Clone, Copy)]
pub struct Filter(*const u64);

/// The filter; one look-up for all its words.
#[inline(always)]
pub fn filter() -> Option<Filter> {
    FILTER.get_ptr(0).map(|words| Filter(words.cast()))
}

impl Filter {
    /// The words of two blocks of IPv4.
    #[inline(always)]
    pub fn words4(self, (one, other): (Block, Block)) -> (u64, u64) {
        let hashed = HASHED4.load();
        (self.at(one.word(hashed)), self.at(other.word(hashed)))
    }

    /// The word of a block of IPv6, behind those of IPv4.
    #[inline(always)]
    pub fn word6(self, block: Block) -> u64 {
        self.at(HASHED4.load() + block.word(HASHED6.load()))
    }

    /// The words of two.
    #[inline(always)]
    pub fn words6(self, (one, other): (Block, Block)) -> (u64, u64) {
        let (before, hashed) = (HASHED4.load(), HASHED6.load());
        let at = |block: Block| self.at(before + block.word(hashed));
        (at(one), at(other))
    }

    /// The word of a name, behind those of IPv6.
    #[inline(always)]
    pub fn word_of_name(self, hash: NameHash) -> u64 {
        self.at(HASHED4.load() + HASHED6.load() + hash.word(HASHED_NAMES.load()))
    }

    /// The word of a /32 of IPv6, behind those of names.
    #[inline(always)]
    pub fn short_word6(self, block: Block) -> u64 {
        let before = HASHED4.load() + HASHED6.load() + HASHED_NAMES.load();
        self.at(before + block.word(HASHED_SHORT6.load()))
    }

    /// A bit, and those above it, of the tables behind the hashed words.
    #[inline(always)]
    pub fn bits(self, place: (u32, u32)) -> u64 {
        let hashed = HASHED4.load() + HASHED6.load() + HASHED_NAMES.load() + HASHED_SHORT6.load();
        self.at(hashed + place.0) >> place.1
    }

    #[inline(always)]
    fn at(self, word: u32) -> u64 {
        // SAFETY: the agent makes the filter as long as the globals say, with two tables behind it
        // when they are asked for; the verifier follows that. Volatile, so that a word is asked for where
        // this stands and comes meanwhile.
        unsafe { self.0.add(word as usize).read_volatile() }
    }
}

/// The words of a bucket of the index.
#[inline(always)]
pub fn bucket(number: u32) -> Option<&'static [u64; BUCKET_WORDS]> {
    let page = INDEX.get(number / BUCKETS_PER_PAGE as u32)?;
    let buckets: *mut [u64; BUCKET_WORDS] = ptr::from_ref(page).cast_mut().cast();
    let buckets = settled(buckets);
    // SAFETY: within the page.
    Some(unsafe { &*buckets.add(number as usize % BUCKETS_PER_PAGE) })
}

/// The same pointer; keeps what is added to it behind the question whether it is one, as the verifier
/// insists.
#[inline(always)]
pub fn settled<T>(mut pointer: *mut T) -> *mut T {
    #[expect(
        clippy::pointers_in_nomem_asm_block,
        reason = "the pointer is moved, nothing is read through it"
    )]
    // SAFETY: a move to itself.
    unsafe {
        asm!("{0} = {0}", inout(reg) pointer, options(nomem, nostack))
    };
    pointer
}

/// The pattern of a number.
#[inline(always)]
pub fn pattern(number: u32) -> Option<&'static Pattern> {
    let page = PATTERNS.get(number / PATTERNS_PER_PAGE as u32)?;
    Some(&page[number as usize % PATTERNS_PER_PAGE])
}

/// Number of the generation.
#[inline(always)]
pub fn generation() -> u32 {
    GENERATION.get(0).map_or(0, |words| words[0])
}

/// The set of patterns as it is now. What is looked up behind this is of this edition, or later.
#[inline(always)]
pub fn edition() -> Edition {
    let edits = match GENERATION.get(0) {
        // SAFETY: an aligned word, which the agent may change at any time.
        Some(words) => unsafe { (&raw const words[1]).read_volatile() },
        None => 0,
    };
    edition_of(edits)
}

/// The set after so many edits.
#[inline(always)]
pub fn edition_of(edits: u32) -> Edition {
    Edition {
        built_as: BUILT_AS.load(),
        edits,
    }
}

/// Counts a packet under its outcome.
#[inline(always)]
pub fn count_packet(outcome: Outcome, bytes: u32) {
    let index = SLOT.load() * OUTCOMES + outcome as u32;
    if let Some(traffic) = TRAFFIC.get_ptr_mut(index) {
        // SAFETY: a per-CPU value; XDP programs do not nest on one CPU.
        unsafe {
            (*traffic).packets += 1;
            (*traffic).bytes += u64::from(bytes);
        }
    }
}

/// Counts a hit under the term that it fell under, in this CPU's ledger.
#[inline(always)]
pub fn count_hit(term: Term) {
    if let Some(ledger) = LEDGER.get_ptr_mut(0) {
        // SAFETY: as in `count_packet`.
        unsafe {
            (*ledger).terms[Term::Hits as usize] += 1;
            (*ledger).terms[term as usize] += 1;
        }
    }
}

/// A term of this CPU's ledger.
#[inline(always)]
pub fn ledger_term(term: Term) -> u64 {
    match LEDGER.get_ptr(0) {
        // SAFETY: as in `count_packet`.
        Some(ledger) => unsafe { (*ledger).terms[term as usize] },
        None => 0,
    }
}

/// What the agent steers by; read on hits only.
#[derive(Clone, Copy)]
pub struct Steering(*const Control);

/// The control value.
#[inline(always)]
pub fn steering() -> Option<Steering> {
    CONTROL.get_ptr(0).map(Steering)
}

/// Reads a word that the agent may change at any time.
macro_rules! steering {
    ($($(#[$doc:meta])* $field:ident)*) => {
        impl Steering {$(
            $(#[$doc])*
            #[inline(always)]
            pub fn $field(self) -> u64 {
                // SAFETY: an aligned word of a map value.
                unsafe { (&raw const (*self.0).$field).read_volatile() }
            }
        )*}
    };
}

steering! {
    /// Number of the period.
    period
    /// The capture's time.
    replay_clock
    /// What one new flow costs, nanoseconds; 0 for no limit.
    limit_interval
    /// How far a pattern may run ahead of the clock, nanoseconds.
    limit_burst
}

impl Steering {
    /// Keys of the hash of flows.
    #[inline(always)]
    pub fn flow_keys(self) -> [u64; 4] {
        // SAFETY: written before any packet is judged, and never again.
        unsafe { (*self.0).flow_keys }
    }
}

/// What one packet of a class costs, and how far the class may run ahead of the clock.
#[inline(always)]
pub fn lane_limit(class: usize) -> Option<(u64, u64)> {
    let control = CONTROL.get_ptr(0)?;
    if class >= LANE_CLASSES {
        return None;
    }
    // SAFETY: aligned words of a map value.
    Some(unsafe {
        (
            (&raw const (*control).lane_interval[class]).read_volatile(),
            (&raw const (*control).lane_burst[class]).read_volatile(),
        )
    })
}

/// The vantage of a packet of this link layer.
#[inline(always)]
pub fn vantage(link: &Link) -> u32 {
    SLOT.load() << 24 | link.vlans
}

/// Time up to which a pattern has spent its limit on this CPU.
#[inline(always)]
pub fn spent(pattern: u64) -> Option<&'static mut u64> {
    let spent = LIMITS.get_ptr_mut(pattern as u32 % LIMIT_SLOTS)?;
    // SAFETY: as in `count_packet`.
    Some(unsafe { &mut *spent })
}

/// Sends the record of a flow's first packet to the agent; false when the ring is full. Written
/// field by field into the ring: the stack is too small for a copy.
#[inline(always)]
pub fn send(
    key: *const [u64; FLOW_WORDS],
    time: u64,
    bytes: u32,
    matched_in: u8,
    slot: u16,
) -> bool {
    let Some(mut entry) = RECORDS.reserve(0) else {
        return false;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the reservation is `size_of::<Record>()` bytes; every field is written.
    unsafe {
        let words: *mut [u64; FLOW_WORDS] = (&raw mut (*record).key).cast();
        *words = *key;
        (*record).time = time;
        (*record).sequence = ledger_term(Term::Records) + 1;
        (*record).bytes = bytes;
        (*record).cpu = bpf_get_smp_processor_id() as u32;
        (*record).generation = generation();
        (*record).matched_in = matched_in;
        (*record).reserved = 0;
        (*record).slot = slot;
    }
    entry.submit(0);
    true
}
