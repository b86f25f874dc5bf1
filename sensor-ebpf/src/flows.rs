//! The flow table: an index of words and the places they stand for, in plain arrays.
//!
//! Two tables, of even and odd periods, are the halves of each map. What counts are the places: the
//! agent drains every one that was handed out. The index only leads to them. So it takes no lock and no
//! compare-and-exchange (Linux 5.12): of two CPUs that write one word at once, one is not found
//! again, its flow takes another place, and the sums of both are exact.

use core::arch::asm;

use aya_ebpf::{Global, btf_maps::Array, macros::btf_map};
use sensor_common::{
    BUCKET_WORDS, BUCKETS_PER_PAGE, Chunk, FLOW_WORDS, FLOWS_PER_PAGE, Flow, FlowKey, FlowPage,
    FlowSlot, Pattern, Place, flow_place, verdict,
};

use crate::maps::{self, MMAPABLE, SIZED_AT_LOAD, Steering, settled};

#[btf_map]
static FLOWS: Array<FlowPage, SIZED_AT_LOAD, MMAPABLE> = Array::new();
#[btf_map]
static FLOW_INDEX: Array<Chunk, SIZED_AT_LOAD, MMAPABLE> = Array::new();
#[btf_map]
static TAKEN: Array<u64, 2> = Array::new();

#[unsafe(no_mangle)]
pub static FLOW_PLACES: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static FLOW_BUCKETS: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static FLOW_PAGES: Global<u32> = Global::new(0);

/// How often a place is asked for that another CPU was given at the same moment.
const TRIES: usize = 4;

/// The key of a flow, by the word: in this CPU's own map value.
#[derive(Clone, Copy)]
pub struct Key {
    words: *mut [u64; FLOW_WORDS],
    place: Place,
}

/// What a table says of a flow.
pub enum Found {
    /// It is there.
    Flow(Counted),
    /// It is not, and this word of the index is free.
    Free(*mut u64),
    /// It is not, and there is no room in its bucket.
    Full,
}

/// The counts of a flow.
#[derive(Clone, Copy)]
pub struct Counted(*mut FlowSlot);

/// A set of patterns as it was at one moment.
#[derive(Clone, Copy)]
pub struct Edition {
    pub built_as: u32,
    pub edits: u32,
}

impl Edition {
    /// The same value, but where it is is known only once the edition was read: what is looked up by it is
    /// read later than that, on every processor.
    #[inline(always)]
    pub fn before<T>(self, value: &'static T) -> &'static T {
        let mut at = core::ptr::from_ref(value);
        let zero = u64::from(self.edits);
        #[expect(
            clippy::pointers_in_nomem_asm_block,
            reason = "nothing is read through the pointer"
        )]
        // SAFETY: nothing is added to the pointer.
        unsafe {
            asm!(
                "{zero} &= 0",
                "{at} += {zero}",
                zero = inout(reg) zero => _,
                at = inout(reg) at,
                options(nomem, nostack)
            );
            &*at
        }
    }

    #[inline(always)]
    fn verdict(self, until: u64) -> u64 {
        verdict(self.built_as, self.edits, until)
    }
}

impl Key {
    /// `kind` tells the patterns apart that one packet may match, before any is found: so the flow
    /// is looked for while the pattern is.
    #[inline(always)]
    pub fn new(words: *mut [u64; FLOW_WORDS], kind: u64, steering: Steering) -> Self {
        // SAFETY: a map value.
        let [_, a, b, c, d, e, f] = unsafe { *words };
        let place = flow_place([kind, a, b, c, d, e, f], steering.flow_keys());
        Self { words, place }
    }

    /// The same, if it was made for this packet before, so that what [`Key::find`] reads is in the caches.
    #[inline(always)]
    pub fn remembered(words: *mut [u64; FLOW_WORDS], kind: u64) -> Option<Self> {
        let place = maps::remembered(words, kind)?;
        Some(Self { words, place })
    }

    /// Sets it aside for [`Key::remembered`].
    #[inline(always)]
    pub fn remember(&self, kind: u64) {
        maps::remember(self.words, kind, self.place);
    }

    /// Fetches what [`Key::find`] reads first of a table, and does not wait for it.
    #[inline(always)]
    pub fn approach(&self, table: u32) {
        if let Some(words) = self.bucket(table) {
            // SAFETY: in a map value.
            unsafe { (&raw const (*words)[0]).read_volatile() };
        }
    }

    /// Sets the deadline of the pattern that was found aside.
    #[inline(always)]
    pub fn set_until(&self, pattern: &Pattern) {
        // What is to begin later is judged packet by packet.
        let until = match pattern.not_before {
            0 => pattern.not_after,
            _ => 0,
        };
        maps::set_until(self.words, until);
    }

    /// Sets the flow aside, for its verdict.
    #[inline(always)]
    pub fn note(&self, flow: Counted) {
        maps::set_place(self.words, flow.number());
        self.set_known();
    }

    /// Tells that the flow was there.
    #[inline(always)]
    pub fn set_known(&self) {
        maps::set_known(self.words);
    }

    /// Tells that it was not.
    #[inline(always)]
    pub fn set_strange(&self) {
        maps::set_strange(self.words);
    }

    /// Completes the key, once the pattern is found; the words.
    #[inline(always)]
    pub fn complete(&self, pattern: u64) -> *const [u64; FLOW_WORDS] {
        // SAFETY: this CPU's own map value; XDP programs do not nest on one CPU.
        unsafe { (*self.words)[0] = pattern };
        self.words
    }

    #[inline(always)]
    fn bucket(&self, table: u32) -> Option<*mut [u64; BUCKET_WORDS]> {
        let bucket = self.place.bucket(FLOW_BUCKETS.load()) + table * FLOW_BUCKETS.load();
        let page = FLOW_INDEX.get_ptr_mut(bucket / BUCKETS_PER_PAGE as u32)?;
        let words: *mut [u64; BUCKET_WORDS] = settled(page).cast();
        // SAFETY: within the page.
        Some(unsafe { words.add(bucket as usize % BUCKETS_PER_PAGE) })
    }

    /// Looks the flow up in the table of `period`, or of the one two before it.
    #[inline(always)]
    pub fn find(&self, period: u64) -> Found {
        let table = period as u32 & 1;
        let Some(words) = self.bucket(table) else {
            return Found::Full;
        };
        let mut at = 0;
        while at < BUCKET_WORDS {
            // SAFETY: within the page, which other CPUs write by the word.
            let word = unsafe { &raw mut (*words)[at] };
            // SAFETY: as above.
            let held = unsafe { word.read_volatile() };
            if held == 0 {
                return Found::Free(word);
            }
            if let Some(number) = self.place.number(held)
                && let Some(slot) = slot(table, number)
                && self.differs::<0>(slot) == 0
            {
                return Found::Flow(Counted(slot));
            }
            at = next(at);
        }
        Found::Full
    }

    /// The flow, if it is there with a verdict that is in force: see [`verdict`].
    #[inline(always)]
    pub fn find_judged(&self, period: u64, edition: Edition, time: u64) -> Option<Counted> {
        let table = period as u32 & 1;
        let words = self.bucket(table)?;
        let mut at = 0;
        while at < BUCKET_WORDS {
            // SAFETY: within the page, which other CPUs write by the word.
            let held = unsafe { (&raw const (*words)[at]).read_volatile() };
            if held == 0 {
                return None;
            }
            if let Some(number) = self.place.number(held)
                && let Some(slot) = slot(table, number)
                && self.differs::<1>(slot) == 0
            {
                // SAFETY: aligned words of a map value.
                let (verdict, until) = unsafe {
                    (
                        (&raw const (*slot).verdict).read_volatile(),
                        (&raw const (*slot).until).read_volatile(),
                    )
                };
                let holds = verdict == edition.verdict(until) && time < until;
                return holds.then_some(Counted(slot));
            }
            at = next(at);
        }
        None
    }

    /// In which bits a place's key is another from this word on; the first is the pattern's.
    #[inline(always)]
    fn differs<const FROM: usize>(&self, slot: *mut FlowSlot) -> u64 {
        // SAFETY: a place is whole words; one that is being written has another key.
        let key: *const u64 = unsafe { (&raw const (*slot).key).cast() };
        let mut different = 0;
        for at in FROM..FLOW_WORDS {
            // SAFETY: as above.
            different |= unsafe { key.add(at).read_volatile() ^ (*self.words)[at] };
        }
        different
    }

    /// Gives the flow a place in the table of `period`, told by the free word; `None` when all places
    /// are taken. Nothing is counted on it yet.
    #[inline(always)]
    pub fn insert(
        &self,
        period: u64,
        free: *mut u64,
        time: u64,
        generation: u32,
        matched_in: u8,
    ) -> Option<Counted> {
        let table = period as u32 & 1;
        let (number, slot) = take(table)?;
        // SAFETY: nobody else writes to a place that was taken once. The agent has cleared it, and
        // counts are only ever added to, so whoever finds the key first loses none.
        unsafe {
            let key: *mut u64 = (&raw mut (*slot).key).cast();
            for at in 1..FLOW_WORDS {
                key.add(at).write_volatile((*self.words)[at]);
            }
            let before = table * FLOW_PAGES.load() * FLOWS_PER_PAGE as u32;
            (*slot).number = u64::from(before + number);
            (*slot).flow.first = time;
            (*slot).flow.last = time;
            (*slot).flow.generation = generation;
            (*slot).flow.matched_in = matched_in;
            key.write_volatile((*self.words)[0]);
            free.write_volatile(self.place.word(number));
        }
        Some(Counted(slot))
    }
}

impl Counted {
    /// Number of the place.
    #[inline(always)]
    pub fn number(self) -> u32 {
        // SAFETY: a place is in a map value.
        unsafe { (*self.0).number as u32 }
    }

    #[inline(always)]
    pub fn add(self, time: u64, bytes: u32) {
        // SAFETY: a place is in a map value.
        unsafe {
            let flow: *mut Flow = &raw mut (*self.0).flow;
            add_atomic(&raw mut (*flow).packets, 1);
            add_atomic(&raw mut (*flow).bytes, u64::from(bytes));
            (*flow).last = time;
        }
    }
}

/// Notes that the pattern of the flow in this place is the only one that its packets match.
#[inline(always)]
pub fn set_verdict(noted: maps::Noted) {
    let (number, until) = (noted.place, noted.until);
    let Some(page) = FLOWS.get_ptr_mut(number / FLOWS_PER_PAGE as u32) else {
        return;
    };
    let page = settled(page);
    let verdict = maps::edition_of(noted.edits).verdict(until);
    // SAFETY: within the page; aligned words.
    unsafe {
        let slot = &raw mut (*page)[number as usize % FLOWS_PER_PAGE];
        // What is there already is not written again and again to a line that other CPUs read.
        if (&raw const (*slot).verdict).read_volatile() != verdict {
            (&raw mut (*slot).until).write_volatile(until);
            (&raw mut (*slot).verdict).write_volatile(verdict);
        }
    }
}

/// A place that nobody else has. There is no atomic addition that tells what was there before (5.12):
/// the sum that is read behind it is nearly always one's own, and the place itself tells.
#[inline(always)]
fn take(table: u32) -> Option<(u32, *mut FlowSlot)> {
    let taken = TAKEN.get_ptr_mut(table)?;
    for _ in 0..TRIES {
        // SAFETY: aligned words of map values.
        unsafe {
            if taken.read_volatile() >= u64::from(FLOW_PLACES.load()) {
                return None;
            }
            add_atomic(taken, 1);
            let number = taken.read_volatile() as u32 - 1;
            if number >= FLOW_PLACES.load() {
                return None;
            }
            let slot = slot(table, number)?;
            add_atomic(&raw mut (*slot).claims, 1);
            if (&raw const (*slot).claims).read_volatile() == 1 {
                return Some((number, slot));
            }
        }
    }
    None
}

#[inline(always)]
fn slot(table: u32, number: u32) -> Option<*mut FlowSlot> {
    let page = table * FLOW_PAGES.load() + number / FLOWS_PER_PAGE as u32;
    let page = settled(FLOWS.get_ptr_mut(page)?);
    // SAFETY: within the page.
    Some(unsafe { &raw mut (*page)[number as usize % FLOWS_PER_PAGE] })
}

/// One more, which the compiler cannot foretell: a loop of eight rounds written out is slow to verify.
#[inline(always)]
pub fn next(mut at: usize) -> usize {
    // SAFETY: an addition.
    unsafe { asm!("{0} += 1", inout(reg) at, options(pure, nomem, nostack)) };
    at
}

/// Adds to a word that several CPUs may add to. The BPF target has no compare-and-swap, so `core`
/// offers no atomic addition for it; the instruction is there since the first BPF.
///
/// # Safety
///
/// `word` points into a map value.
#[inline(always)]
unsafe fn add_atomic(word: *mut u64, amount: u64) {
    // SAFETY: the caller's promise.
    unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) word, in(reg) amount) };
}

const _: () = assert!(size_of::<FlowKey>() == FLOW_WORDS * size_of::<u64>());
