//! Fuzzing of what reads bytes from outside: seeds, damaged with their structure in mind.
//!
//! Everything follows from a seed and the number of an input, so a finding is named by two numbers.
//! A reader may refuse as it likes; it may not panic, and not take memory or time that its input
//! does not explain.

mod kernel;
mod mutate;
mod others;
mod packets;
mod readers;
mod stix;
mod words;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

pub use readers::{KERNEL, READERS, Reader, Took};

use crate::random::Random;

/// Memory that a reader may take whatever its input, bytes: buffers, and the list of refusals.
const BASE: usize = 1 << 20;
/// Memory that a byte of input may take, bytes. The shortest marker of a text file is ten bytes,
/// and the vector of markers doubles while it grows.
const PER_BYTE: usize = 64;
/// Longest time for one input; inputs are at most a megabyte, machines may be busy.
const LONGEST: Duration = Duration::from_secs(5);

/// How the allocator is asked; its crate needs to be that of the program.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Forgets the peak.
    pub reset: fn(),
    /// The peak since then, bytes.
    pub peak: fn() -> usize,
    /// What is allocated now, bytes.
    pub now: fn() -> usize,
}

/// Which inputs.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The seed of all of them.
    pub seed: u64,
    /// Number of the first.
    pub from: u64,
    /// How many.
    pub inputs: u64,
}

/// What a run met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    /// Inputs that were read.
    pub inputs: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Inputs of which something was accepted.
    pub accepted: u64,
    /// Inputs that were refused as a whole.
    pub fatal: u64,
    /// Markers in all.
    pub markers: u64,
    /// Refusals in all.
    pub refused: u64,
    /// Most memory of one input, bytes.
    pub peak: usize,
    /// Longest time of one input.
    pub slowest: Duration,
}

/// The input that is read now, for whoever watches from outside: a hang, a panic that aborts.
pub static CURRENT: AtomicU64 = AtomicU64::new(0);

/// Reads inputs of a range.
///
/// # Errors
/// The first finding, in words, with the number of its input.
pub fn run(
    reader: &Reader,
    range: Range,
    memory: Memory,
    progress: &mut dyn FnMut(&Met),
) -> Result<Met, String> {
    let seeds = reader.seeds();
    let mut met = Met::default();
    for number in range.from..range.from + range.inputs {
        CURRENT.store(number, Relaxed);
        let mut random = Random::new(range.seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let input = mutate::input(&seeds, reader.words, &mut random);
        let small = random.percent(10);
        let finding = |what: String| {
            let name = reader.name;
            let seed = range.seed;
            format!(
                "{name}: {what}; again with --reader {name} --seed {seed} --from {number} --inputs 1"
            )
        };
        (memory.reset)();
        let (before, start) = ((memory.now)(), Instant::now());
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (reader.read)(&input, small)));
        let took = start.elapsed();
        let peak = (memory.peak)().saturating_sub(before);
        let told = outcome
            .map_err(|_| finding("panicked".into()))?
            .map_err(finding)?;
        if peak > BASE + reader.beside + PER_BYTE * input.len() {
            let bytes = input.len();
            return Err(finding(format!(
                "{peak} bytes of memory for {bytes} of input"
            )));
        }
        if took > LONGEST {
            return Err(finding(format!("took {took:?} for {} bytes", input.len())));
        }
        met.add(&input, &told, peak, took);
        progress(&met);
    }
    Ok(met)
}

impl Met {
    fn add(&mut self, input: &[u8], told: &Took, peak: usize, took: Duration) {
        self.inputs += 1;
        self.bytes += input.len() as u64;
        self.accepted += u64::from(told.markers > 0 && !told.fatal);
        self.fatal += u64::from(told.fatal);
        self.markers += told.markers;
        self.refused += told.refused;
        self.peak = self.peak.max(peak);
        self.slowest = self.slowest.max(took);
    }
}

/// One line.
impl std::fmt::Display for Met {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} inputs ({} MiB), {} with markers, {} refused as a whole, {} markers, {} refusals, \
             no panic, at most {} KiB and {:.1} ms for one",
            self.inputs,
            self.bytes >> 20,
            self.accepted,
            self.fatal,
            self.markers,
            self.refused,
            self.peak >> 10,
            self.slowest.as_secs_f64() * 1e3
        )
    }
}
