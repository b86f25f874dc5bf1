//! What the benches measure with: programs to compare with, packets that vary, and what the kernel
//! says of its maps.

mod kernel;
mod peer;

use std::path::Path;

use aya::{
    Ebpf, EbpfLoader, TestRun as _,
    maps::{Array, MapData, ProgramArray},
    programs::{ProgramFd, TestRunOptions, Xdp},
};

use super::{Error, Offline, Variant, Verdict, error::InMap as _};

pub use kernel::{Foreign, MapUse, map_use};
pub use peer::Peer;

/// The bench programs, compiled by the build script; never part of a shipped binary.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench"));

const PLAN: &str = "PLAN";
const PICKS: &str = "PICKS";
/// Words of the plan; the order is that of `sensor-ebpf/src/bench.rs`.
const PLAN_WORDS: usize = 16;
/// Where the plan counts the packets that got an address of the picks.
const PICKED: usize = 5;
/// Most picks.
pub const MOST_PICKS: usize = 1024;

/// Source and destination (IPv4 in the first of four words) and both ports, all as they stand in a
/// packet.
pub type Pick = [u32; 9];

/// How addresses are written into packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the sequence starts; not zero.
    pub seed: u64,
    /// False: packets stay as they are.
    pub vary: bool,
    /// Of a million packets, so many get an address of `picks`.
    pub per_million: u32,
    /// At most [`MOST_PICKS`].
    pub picks: Vec<Pick>,
    /// Only the destination comes from `picks`; source and ports are new in each packet.
    pub free: bool,
    /// What random words are masked with, and what is set in them: IPv4, then the four of IPv6,
    /// in host byte order.
    pub shape: [(u32, u32); 5],
}

/// What a packet is run through.
pub enum Target<'a> {
    /// Nothing but the verdict.
    Empty,
    /// The sensor.
    Sensor(&'a mut Offline),
    /// A program to compare with.
    Peer(&'a mut Peer),
    /// A program that somebody else loaded.
    Foreign(&'a Foreign),
}

/// Runs targets with addresses that vary from packet to packet.
pub struct Varied {
    ebpf: Ebpf,
    target: ProgramArray<MapData>,
    plan: Array<MapData, [u64; PLAN_WORDS]>,
    picks: Array<MapData, Pick>,
    variant: Variant,
}

impl Varied {
    /// For targets of one variant: a program with frags cannot jump to one without.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(variant: Variant) -> Result<Self, Error> {
        let mut ebpf = EbpfLoader::new().load(OBJECT)?;
        for name in [empty(variant), vary(variant)] {
            xdp(&mut ebpf, name)?.load()?;
        }
        let mut take = |name: &'static str| ebpf.take_map(name).expect("the object holds it");
        let target = match variant {
            Variant::Frags => "TARGET",
            Variant::Linear => "TARGET_LINEAR",
        };
        Ok(Self {
            target: ProgramArray::try_from(take(target)).in_map(target)?,
            plan: Array::try_from(take(PLAN)).in_map(PLAN)?,
            picks: Array::try_from(take(PICKS)).in_map(PICKS)?,
            ebpf,
            variant,
        })
    }

    /// Sets how packets vary from now on; the sequence starts anew.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn follow(&mut self, plan: &Plan) -> Result<(), Error> {
        for (index, pick) in (0u32..).zip(&plan.picks) {
            self.picks.set(index, pick, 0).in_map(PICKS)?;
        }
        let mut words = [0; PLAN_WORDS];
        words[0] = plan.seed;
        words[1] = plan.vary.into();
        words[2] = (u64::from(plan.per_million) << 32).div_ceil(1_000_000);
        words[3] = plan.picks.len() as u64;
        words[4] = plan.free.into();
        let (keep4, set4) = plan.shape[0];
        (words[6], words[7]) = (keep4.into(), set4.into());
        for (word, (keep, set)) in plan.shape[1..].iter().enumerate() {
            (words[8 + word], words[12 + word]) = ((*keep).into(), (*set).into());
        }
        self.plan.set(0, words, 0).in_map(PLAN)
    }

    /// Packets that got an address of the picks since [`Varied::follow`].
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn picked(&self) -> Result<u64, Error> {
        Ok(self.plan.get(&0, 0).in_map(PLAN)?[PICKED])
    }

    /// Verdict on the last packet, and the mean time of one, the writing of its addresses included.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn time(
        &mut self,
        target: &mut Target<'_>,
        frame: &[u8],
        repeat: u32,
    ) -> Result<Verdict, Error> {
        let Self { ebpf, variant, .. } = self;
        let fd: &ProgramFd = match target {
            Target::Empty => xdp(ebpf, empty(*variant))?.fd()?,
            Target::Sensor(offline) => offline.program_fd()?,
            Target::Peer(peer) => peer.program_fd()?,
            Target::Foreign(foreign) => foreign.program_fd(),
        };
        self.target.set(0, fd, 0).in_map("TARGET")?;
        let result = xdp(ebpf, vary(*variant))?.test_run(TestRunOptions {
            data_in: Some(frame),
            repeat,
            ..TestRunOptions::default()
        })?;
        Ok(Verdict {
            action: result.return_value,
            duration: result.duration,
        })
    }

    /// Pins the empty program, for attaching it to an interface.
    ///
    /// # Errors
    /// When the path is not on bpffs.
    pub fn pin_empty(&mut self, path: &Path) -> Result<(), Error> {
        pin(xdp(&mut self.ebpf, empty(self.variant))?, path)
    }
}

/// Pins a program.
pub(super) fn pin(program: &mut Xdp, path: &Path) -> Result<(), Error> {
    program.pin(path).map_err(|source| Error::Pin {
        path: path.to_owned(),
        source: std::io::Error::other(source),
    })
}

const fn empty(variant: Variant) -> &'static str {
    match variant {
        Variant::Frags => "empty",
        Variant::Linear => "empty_linear",
    }
}

const fn vary(variant: Variant) -> &'static str {
    match variant {
        Variant::Frags => "vary",
        Variant::Linear => "vary_linear",
    }
}

fn xdp<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp, Error> {
    let program = ebpf.program_mut(name).expect("the object holds it");
    Ok(program.try_into()?)
}
