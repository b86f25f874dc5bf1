//! From the object in this binary to an instance of the program with filled maps.

use std::{io::ErrorKind, path::Path, sync::atomic::Ordering};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, Map, MapData, ProgramArray},
    programs::{ProgramError, ProgramFd, Xdp},
};
use sensor_common::{
    BUCKETS_PER_PAGE, CHUNK_WORDS, CONFIRM_SHARE, Common, FILTER_PLACEHOLDER, NameKeys, Notice,
    PATTERNS_PER_PAGE, Pattern, PatternPage, flow_index_pages, flow_pages, global, map, program,
};
use sensor_sys::Mapped;

use super::{
    Error,
    encode::{Encoded, Shape},
    error::InMap as _,
};
use crate::clock::KernelClock;

/// The XDP programs, compiled by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sensor"));

/// Attempts at loading a program: as many as libbpf makes.
const ATTEMPTS: usize = 5;

/// Pages that one call writes.
const PAGES_PER_CALL: usize = 1024;

/// Capacities of the shared maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Flows in each of the two tables.
    pub flow_entries: u32,
    /// Bytes of the ring: a power of two, a multiple of the page size.
    pub ring_bytes: u32,
    /// Slots of each CPU for what is lent to the agent, at most [`MOST_SLOTS`] over all of them.
    pub cpu_slots: u32,
}

/// Most slots: what a record can number.
const MOST_SLOTS: u32 = 65_534;

impl Default for Sizes {
    fn default() -> Self {
        Self {
            flow_entries: 65_536,
            ring_bytes: 1 << 20,
            cpu_slots: 512,
        }
    }
}

impl Sizes {
    /// Slots of each CPU, of so many CPUs: no more than a record can number.
    pub(super) fn slots_of_cpu(self, cpus: u32) -> u32 {
        self.cpu_slots
            .clamp(CONFIRM_SHARE, (MOST_SLOTS / cpus).max(CONFIRM_SHARE))
    }

    /// Bytes of the ring that tells of slots: all of them find room in it.
    pub(super) fn lent_bytes(self, cpus: u32) -> u32 {
        // Each notice has a head of eight bytes.
        let bytes = self.slots_of_cpu(cpus) * cpus * (Notice::SIZE as u32 + 8);
        let page = u32::try_from(rustix::param::page_size()).unwrap_or(u32::MAX);
        bytes.next_power_of_two().max(page)
    }
}

/// CPUs that the machine may have.
pub(super) fn cpus() -> u32 {
    let cpus = aya::util::nr_cpus().unwrap_or(1);
    u32::try_from(cpus).unwrap_or(u32::MAX)
}

/// Which of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Accepts frames of several buffers.
    Frags,
    /// Linear frames only.
    Linear,
}

impl Variant {
    const fn program(self) -> &'static str {
        match self {
            Self::Frags => program::FRAGS,
            Self::Linear => program::LINEAR,
        }
    }
}

/// Values of the program's read-only data that do not come from the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Globals {
    pub slot: u8,
    /// See [`global::BUILT_AS`].
    pub built_as: u32,
    pub clock: KernelClock,
    pub parse_only: bool,
    pub name_keys: NameKeys,
}

/// Where maps are found or put: instances with the same paths share them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directories<'a> {
    pub shared: &'a Path,
    pub generation: &'a Path,
}

/// One program with its maps.
pub(super) struct Instance {
    pub ebpf: Ebpf,
    filter_words: usize,
}

/// The object, with the filter's size written into the type that tells it: aya sets how many values
/// a map has, not how large they are, and a map of one value is addressed without bounds to check.
fn sized(filter_words: u32) -> Vec<u8> {
    let mut object = OBJECT.to_vec();
    let placeholder = (FILTER_PLACEHOLDER as u32).to_ne_bytes();
    let mut found = 0;
    for at in 0..object.len() - placeholder.len() {
        if object[at..].starts_with(&placeholder) {
            object[at..at + placeholder.len()].copy_from_slice(&filter_words.to_ne_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "the object holds the filter's placeholder");
    object
}

impl Instance {
    /// Creates (or finds, with `directories`) the maps; no program is loaded yet.
    pub(super) fn new(
        shape: &Shape,
        sizes: Sizes,
        globals: Globals,
        directories: Option<Directories<'_>>,
    ) -> Result<Self, Error> {
        let clock = globals.clock.number();
        let flag = u32::from;
        let slot = u32::from(globals.slot);
        let (parse_only, exact4) = (flag(globals.parse_only), flag(shape.special.exact4));
        let (exact6, wide6) = (flag(shape.special.exact6), flag(shape.special.wide6));
        let endpoints = flag(shape.special.endpoints);
        let (pages, index_pages) = (
            flow_pages(sizes.flow_entries),
            flow_index_pages(sizes.flow_entries),
        );
        let flow_buckets = index_pages * BUCKETS_PER_PAGE as u32;
        let short4 = flag(shape.special.short4);
        let special = &shape.special;
        let wants = match globals.parse_only {
            true => 0,
            false => special.wants(),
        };
        let cpus = cpus();
        let cpu_slots = sizes.slots_of_cpu(cpus);
        let all_slots = cpu_slots * cpus;
        let mut loader = EbpfLoader::new();
        loader
            .override_global(global::SLOT, &slot, true)
            .override_global(global::BUILT_AS, &globals.built_as, true)
            .override_global(global::CLOCK, &clock, true)
            .override_global(global::FLOW_PLACES, &sizes.flow_entries, true)
            .override_global(global::FLOW_PAGES, &pages, true)
            .override_global(global::FLOW_BUCKETS, &flow_buckets, true)
            .override_global(global::ENDPOINTS, &endpoints, true)
            .override_global(global::PARSE_ONLY, &parse_only, true)
            .override_global(global::EXACT4, &exact4, true)
            .override_global(global::EXACT6, &exact6, true)
            .override_global(global::WIDE6, &wide6, true)
            .override_global(global::BUCKETS, &shape.buckets, true)
            .override_global(global::HASHED4, &shape.hashed.v4, true)
            .override_global(global::HASHED6, &shape.hashed.v6, true)
            .override_global(global::SHORT4, &short4, true)
            .override_global(global::HASHED_SHORT6, &shape.hashed.short6, true)
            .override_global(global::HASHED_NAMES, &shape.hashed.names, true)
            .override_global(global::WANTS, &wants, true)
            .override_global(global::NAME_KEYS, &globals.name_keys.0[..], true)
            .override_global(global::CPU_SLOTS, &cpu_slots, true)
            .override_global(global::ALL_SLOTS, &all_slots, true)
            .override_global(global::LENGTHS4, &shape.special.lengths4[..], true)
            .override_global(global::LENGTHS6, &shape.special.lengths6[..], true)
            .map_max_entries(map::INDEX, shape.buckets / BUCKETS_PER_PAGE as u32)
            .map_max_entries(map::PATTERNS, shape.room / PATTERNS_PER_PAGE as u32)
            .map_max_entries(map::FLOWS, pages * 2)
            .map_max_entries(map::FLOW_INDEX, index_pages * 2)
            .map_max_entries(map::RECORDS, sizes.ring_bytes)
            .map_max_entries(map::SLOTS, all_slots)
            .map_max_entries(map::LENT, sizes.lent_bytes(cpus));
        if let Some(directories) = directories {
            for name in map::SHARED {
                loader.map_pin_path(name, directories.shared.join(name));
            }
            for name in map::OF_GENERATION {
                loader.map_pin_path(name, directories.generation.join(name));
            }
            let former = format!("{}-{slot}", map::FORMER);
            loader.map_pin_path(map::FORMER, directories.generation.join(former));
        }
        Ok(Self {
            filter_words: shape.filter_words as usize,
            ebpf: loader.load(&sized(shape.filter_words))?,
        })
    }

    /// Fills the maps of the generation, then reads back what they hold.
    pub(super) fn fill(&mut self, encoded: &Encoded, generation: u32) -> Result<(), Error> {
        let (patterns, rest) = encoded.table.patterns.as_chunks::<PATTERNS_PER_PAGE>();
        let mut last: PatternPage = [Pattern::default(); PATTERNS_PER_PAGE];
        last[..rest.len()].copy_from_slice(rest);
        let last = if rest.is_empty() { &[][..] } else { &[last] };
        self.write(map::PATTERNS, 0, patterns)?;
        self.write(map::PATTERNS, patterns.len(), last)?;
        let index = encoded.table.index.as_chunks::<CHUNK_WORDS>().0;
        self.write(map::INDEX, 0, index)?;
        self.write_filter(&encoded.filter)?;
        let mut held = vec![0; encoded.filter.len()];
        self.read_filter(&mut held)?;
        if held != encoded.filter {
            return Err(Error::Unverified { map: map::FILTER });
        }
        self.set_generation(generation)
    }

    /// Changes the filter in place, if that changes anything: the kernel copies the whole value, and
    /// words that stay as they are are overwritten with themselves.
    pub(super) fn edit_filter(&mut self, edit: impl FnOnce(&mut [u64])) -> Result<(), Error> {
        let mut held = vec![0; self.filter_words];
        self.read_filter(&mut held)?;
        let mut words = held.clone();
        edit(&mut words);
        if words == held {
            return Ok(());
        }
        self.write_filter(&words)
    }

    fn write_filter(&mut self, words: &[u64]) -> Result<(), Error> {
        sensor_sys::write_value(self.data(map::FILTER), 0, words).in_map(map::FILTER)
    }

    fn read_filter(&mut self, words: &mut [u64]) -> Result<(), Error> {
        sensor_sys::read_value(self.data(map::FILTER), 0, words).in_map(map::FILTER)
    }

    fn data(&mut self, name: &'static str) -> &mut MapData {
        let Map::Array(data) = self.map_mut(name) else {
            unreachable!("{name} is an array in the object");
        };
        data
    }

    /// Makes the generation that was built as `number` the one that judges.
    pub(super) fn set_live(&mut self, number: u32) -> Result<(), Error> {
        // In place: the programs write to the rest of the value.
        let common = Mapped::new(self.data(map::COMMON), Common::WORDS).in_map(map::COMMON)?;
        let live = common.value(0).and_then(<[_]>::first).expect("one value");
        live.store(number.into(), Ordering::SeqCst);
        Ok(())
    }

    /// Lets `former` judge until this instance's generation is live.
    pub(super) fn follow(&mut self, former: &ProgramFd) -> Result<(), Error> {
        let mut array = ProgramArray::try_from(self.map_mut(map::FORMER)).in_map(map::FORMER)?;
        array.set(0, former, 0).in_map(map::FORMER)
    }

    /// Lets go of the former program: the kernel frees it and its maps.
    pub(super) fn let_go(&mut self) -> Result<(), Error> {
        let mut array = ProgramArray::try_from(self.map_mut(map::FORMER)).in_map(map::FORMER)?;
        array.clear_index(&0).in_map(map::FORMER)
    }

    /// Writes the number of the generation.
    pub(super) fn set_generation(&mut self, generation: u32) -> Result<(), Error> {
        let mut array = self.array::<[u32; 2]>(map::GENERATION)?;
        let [_, edits] = array.get(&0, 0).in_map(map::GENERATION)?;
        array.set(0, [generation, edits], 0).in_map(map::GENERATION)
    }

    /// Tells the programs that the set was edited: what they have noted of flows before holds no more.
    pub(super) fn set_edited(&mut self) -> Result<(), Error> {
        let mut array = self.array::<[u32; 2]>(map::GENERATION)?;
        let [generation, edits] = array.get(&0, 0).in_map(map::GENERATION)?;
        let edited = [generation, edits.wrapping_add(1)];
        array.set(0, edited, 0).in_map(map::GENERATION)
    }

    /// Writes pages from number `first` on, and checks that the map holds them.
    fn write<V: Pod + PartialEq>(
        &mut self,
        name: &'static str,
        first: usize,
        pages: &[V],
    ) -> Result<(), Error> {
        for (call, pages) in pages.chunks(PAGES_PER_CALL).enumerate() {
            let first = u32::try_from(first + call * PAGES_PER_CALL).expect("maps have fewer");
            let batch = sensor_sys::update_array(self.data(name), first, pages);
            let mut array = self.array::<V>(name)?;
            for (number, page) in (first..).zip(pages) {
                if batch.is_err() {
                    // No batch call before 5.6; whatever it was, this tells.
                    array.set(number, page, 0).in_map(name)?;
                }
                if array.get(&number, 0).in_map(name)? != *page {
                    return Err(Error::Unverified { map: name });
                }
            }
        }
        Ok(())
    }

    /// One of the arrays of the generation.
    pub(super) fn array<V: Pod>(
        &mut self,
        name: &'static str,
    ) -> Result<Array<&mut MapData, V>, Error> {
        Array::try_from(self.map_mut(name)).in_map(name)
    }

    fn map_mut(&mut self, name: &'static str) -> &mut Map {
        self.ebpf
            .map_mut(name)
            .expect("the object holds every map that sensor-common names")
    }

    /// Loads a variant into the kernel; the verifier's answer is in the error.
    pub(super) fn program(&mut self, variant: Variant) -> Result<&mut Xdp, Error> {
        let program = self
            .ebpf
            .program_mut(variant.program())
            .expect("the object holds both programs");
        let program: &mut Xdp = program.try_into()?;
        if program.fd().is_err() {
            load(program)?;
        }
        Ok(program)
    }
}

/// Loads a program; a signal that comes meanwhile makes the verifier give up (`EAGAIN`), and it is asked again.
fn load(program: &mut Xdp) -> Result<(), ProgramError> {
    for _ in 1..ATTEMPTS {
        match program.load() {
            Err(ProgramError::LoadError { io_error, .. })
                if io_error.kind() == ErrorKind::WouldBlock => {}
            answer => return answer,
        }
    }
    program.load()
}
