//! Programs to measure against: an empty one, and one that varies the addresses of each packet.

use std::time::Duration;

use aya::{
    Ebpf, EbpfLoader, TestRun as _,
    maps::{Array, ProgramArray},
    programs::{TestRunOptions, Xdp},
};

use super::{Error, Offline, error::InMap as _};

/// The bench programs, compiled by the build script; never part of a shipped binary.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench"));

const TARGET: &str = "TARGET";
const RANDOM: &str = "RANDOM";
const EMPTY: &str = "empty";
const VARY: &str = "vary";

/// Runs a target with other addresses in each packet.
pub struct Varied {
    ebpf: Ebpf,
    target: ProgramArray<aya::maps::MapData>,
}

impl Varied {
    /// Loads the programs; the sequence of addresses follows from `seed`, which is not zero.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(seed: u64) -> Result<Self, Error> {
        let mut ebpf = EbpfLoader::new().load(OBJECT)?;
        for name in [EMPTY, VARY] {
            xdp(&mut ebpf, name)?.load()?;
        }
        let random = ebpf.map_mut(RANDOM).expect("the object holds it");
        Array::try_from(random)
            .and_then(|mut random: Array<_, u64>| random.set(0, seed, 0))
            .in_map(RANDOM)?;
        let target = ebpf.take_map(TARGET).expect("the object holds it");
        let target = ProgramArray::try_from(target).in_map(TARGET)?;
        Ok(Self { ebpf, target })
    }

    /// Mean time of a packet through the empty program.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn time_empty(&mut self, frame: &[u8], repeat: u32) -> Result<Duration, Error> {
        let Self { ebpf, target } = self;
        let empty = xdp(ebpf, EMPTY)?;
        target.set(0, empty.fd()?, 0).in_map(TARGET)?;
        self.run(frame, repeat)
    }

    /// Mean time of a packet through a program.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn time(
        &mut self,
        offline: &mut Offline,
        frame: &[u8],
        repeat: u32,
    ) -> Result<Duration, Error> {
        self.target
            .set(0, offline.program_fd()?, 0)
            .in_map(TARGET)?;
        self.run(frame, repeat)
    }

    fn run(&mut self, frame: &[u8], repeat: u32) -> Result<Duration, Error> {
        let result = xdp(&mut self.ebpf, VARY)?.test_run(TestRunOptions {
            data_in: Some(frame),
            repeat,
            ..TestRunOptions::default()
        })?;
        Ok(result.duration)
    }
}

fn xdp<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp, Error> {
    let program = ebpf.program_mut(name).expect("the object holds it");
    Ok(program.try_into()?)
}
