//! From the object in this binary to an instance of the program with filled maps.

use std::path::Path;

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, HashMap, MapData},
    programs::Xdp,
};
use sensor_common::{CHUNK_WORDS, Chunk, global, map, program};

use super::{
    Error,
    encode::{Encoded, chunks},
    error::InMap as _,
};
use crate::clock::KernelClock;

/// The XDP programs, compiled by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sensor"));

/// Buckets per entry of the exact tables: a miss in a table four times too large costs half.
const ROOM: u32 = 4;
/// Fewest entries of an exact table.
const FEWEST: u32 = 64;

/// Capacities of the shared maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Flows in each of the two tables.
    pub flow_entries: u32,
    /// Bytes of the ring: a power of two, a multiple of the page size.
    pub ring_bytes: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            flow_entries: 65_536,
            ring_bytes: 1 << 20,
        }
    }
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
    pub generation: u32,
    pub clock: KernelClock,
    pub parse_only: bool,
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
}

impl Instance {
    /// Creates (or finds, with `directories`) the maps; no program is loaded yet.
    pub(super) fn new(
        encoded: &Encoded,
        sizes: Sizes,
        globals: Globals,
        directories: Option<Directories<'_>>,
    ) -> Result<Self, Error> {
        let clock = globals.clock.number();
        let flag = u32::from;
        let slot = u32::from(globals.slot);
        let (parse_only, exact4) = (flag(globals.parse_only), flag(encoded.exact4));
        let (exact6, wide6) = (flag(encoded.exact6), flag(encoded.wide6));
        let (filter_mask, occupancy_mask) = (encoded.filter_mask(), encoded.occupancy_mask());
        let mut loader = EbpfLoader::new();
        loader
            .override_global(global::SLOT, &slot, true)
            .override_global(global::GENERATION, &globals.generation, true)
            .override_global(global::CLOCK, &clock, true)
            .override_global(global::PARSE_ONLY, &parse_only, true)
            .override_global(global::EXACT4, &exact4, true)
            .override_global(global::EXACT6, &exact6, true)
            .override_global(global::WIDE6, &wide6, true)
            .override_global(global::FILTER_MASK, &filter_mask, true)
            .override_global(global::OCCUPANCY_MASK, &occupancy_mask, true)
            .override_global(global::LENGTHS4, &encoded.lengths4[..], true)
            .override_global(global::LENGTHS6, &encoded.lengths6[..], true)
            .map_max_entries(map::PATTERNS4, capacity(encoded.patterns4.len()))
            .map_max_entries(map::PATTERNS6, capacity(encoded.patterns6.len()))
            .map_max_entries(map::FILTER, chunk_count(&encoded.filter))
            .map_max_entries(map::OCCUPANCY, chunk_count(&encoded.occupancy))
            .map_max_entries(map::FLOWS[0], sizes.flow_entries)
            .map_max_entries(map::FLOWS[1], sizes.flow_entries)
            .map_max_entries(map::RECORDS, sizes.ring_bytes);
        if let Some(directories) = directories {
            for name in map::SHARED {
                loader.map_pin_path(name, directories.shared.join(name));
            }
            for name in map::OF_GENERATION {
                loader.map_pin_path(name, directories.generation.join(name));
            }
        }
        Ok(Self {
            ebpf: loader.load(OBJECT)?,
        })
    }

    /// Fills the maps of the generation and counts what they hold.
    pub(super) fn fill(&mut self, encoded: &Encoded) -> Result<(), Error> {
        self.fill_table(map::PATTERNS4, &encoded.patterns4)?;
        self.fill_table(map::PATTERNS6, &encoded.patterns6)?;
        self.fill_chunks(map::FILTER, &encoded.filter)?;
        self.fill_chunks(map::OCCUPANCY, &encoded.occupancy)
    }

    fn fill_table<K: Pod, V: Pod>(
        &mut self,
        name: &'static str,
        entries: &[(K, V)],
    ) -> Result<(), Error> {
        let mut table: HashMap<&mut MapData, K, V> =
            HashMap::try_from(self.map_mut(name)).in_map(name)?;
        for (key, value) in entries {
            // BPF_NOEXIST: two patterns under one key would be a fault of the compiler.
            table.insert(key, value, 1).in_map(name)?;
        }
        Ok(())
    }

    fn fill_chunks(&mut self, name: &'static str, words: &[u64]) -> Result<(), Error> {
        let mut array: Array<&mut MapData, Chunk> =
            Array::try_from(self.map_mut(name)).in_map(name)?;
        for (index, chunk) in (0u32..).zip(chunks(words)) {
            if chunk.iter().any(|word| *word != 0) {
                array.set(index, chunk, 0).in_map(name)?;
            }
        }
        Ok(())
    }

    fn map_mut(&mut self, name: &'static str) -> &mut aya::maps::Map {
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
            program.load()?;
        }
        Ok(program)
    }
}

fn capacity(entries: usize) -> u32 {
    u32::try_from(entries)
        .unwrap_or(u32::MAX)
        .saturating_mul(ROOM)
        .max(FEWEST)
}

fn chunk_count(words: &[u64]) -> u32 {
    u32::try_from(words.len() / CHUNK_WORDS).expect("filters stay below 2^32 words")
}
