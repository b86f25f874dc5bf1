//! The same program without an interface: replay, tests and benches run frames through
//! BPF_PROG_TEST_RUN.

use std::time::Duration;

use aya::{TestRun as _, programs::TestRunOptions};
use sensor_common::{LANE_CLASSES, NameKeys};

use super::{
    Budgets, Error, Limit, Sizes, Tap, Variant,
    encode::encode,
    load::{Globals, Instance},
};
use crate::{clock::KernelClock, crypto, model::Image};

/// Shortest frame that BPF_PROG_TEST_RUN takes: an Ethernet header.
const SHORTEST: usize = 14;
/// Longest frame that it takes: what 17 fragments and a page hold.
const LONGEST: usize = 73_152;
/// Longest frame without fragments: a page less head and tail room.
const LONGEST_LINEAR: usize = 3_520;

/// An instance of the program that no interface feeds.
pub struct Offline {
    instance: Instance,
    tap: Tap,
    variant: Variant,
}

/// How an instance is set up.
struct Setting {
    clock: KernelClock,
    parse_only: bool,
    built_as: u32,
    limit: Limit,
    budgets: Budgets,
    keys: Option<NameKeys>,
}

impl Setting {
    /// The capture's clock, no limit, and no other generation to wait for.
    const REPLAY: Self = Self {
        clock: KernelClock::Replay,
        parse_only: false,
        built_as: 0,
        limit: Limit {
            interval: Duration::ZERO,
            burst: Duration::ZERO,
        },
        budgets: Budgets(
            [Limit {
                interval: Duration::ZERO,
                burst: Duration::ZERO,
            }; LANE_CLASSES],
        ),
        keys: None,
    };
}

/// What the program did with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// XDP action; 2 is `XDP_PASS`.
    pub action: u32,
    /// Mean time of a run.
    pub duration: Duration,
}

/// Why a frame was not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Shorter than an Ethernet header.
    #[error("the frame is shorter than 14 bytes")]
    TooShort,
    /// Longer than the kernel takes.
    #[error("the frame is longer than {longest} bytes")]
    TooLong {
        /// What the kernel takes for this variant.
        longest: usize,
    },
    /// Anything else.
    #[error(transparent)]
    DataPlane(#[from] Error),
}

fn random() -> Result<u64, Error> {
    Ok(u64::from_ne_bytes(crypto::random()?))
}

impl Offline {
    /// Loads the program with an image. Expiry is off: validity is the caller's to judge.
    ///
    /// # Errors
    /// When maps cannot be created or the verifier refuses.
    pub fn new(image: &Image, sizes: Sizes, variant: Variant) -> Result<Self, Error> {
        Self::with(image, sizes, variant, Setting::REPLAY)
    }

    /// The same with the keys of the hash of names: a test of what collides. Budgets are those of
    /// an interface.
    ///
    /// # Errors
    /// As [`Offline::new`].
    #[cfg(feature = "faults")]
    pub fn with_keys(
        image: &Image,
        sizes: Sizes,
        variant: Variant,
        keys: NameKeys,
        budgets: Budgets,
    ) -> Result<Self, Error> {
        let setting = Setting {
            keys: Some(keys),
            budgets,
            ..Setting::REPLAY
        };
        Self::with(image, sizes, variant, setting)
    }

    /// The same, with no lookup at all: the yardstick of the benches.
    ///
    /// # Errors
    /// As [`Offline::new`].
    pub fn parse_only(image: &Image, variant: Variant) -> Result<Self, Error> {
        let setting = Setting {
            parse_only: true,
            ..Setting::REPLAY
        };
        Self::with(image, Sizes::default(), variant, setting)
    }

    /// As an interface has it, for a bench: the kernel's clock, deadlines, a limit of new flows, and
    /// the question whether the generation is live.
    ///
    /// # Errors
    /// As [`Offline::new`].
    #[cfg(feature = "bench")]
    pub fn as_live(
        image: &Image,
        sizes: Sizes,
        variant: Variant,
        limit: Limit,
    ) -> Result<Self, Error> {
        let features = super::probe()?;
        let setting = Setting {
            clock: features.clock(),
            built_as: 1,
            limit,
            ..Setting::REPLAY
        };
        let mut offline = Self::with(image, sizes, variant, setting)?;
        offline.instance.set_live(1)?;
        Ok(offline)
    }

    fn with(
        image: &Image,
        sizes: Sizes,
        variant: Variant,
        setting: Setting,
    ) -> Result<Self, Error> {
        let Setting {
            clock,
            parse_only,
            built_as,
            limit,
            budgets,
            keys,
        } = setting;
        let expiry = clock != KernelClock::Replay;
        let keys = match keys {
            Some(keys) => keys,
            None => NameKeys::new([random()?, random()?]),
        };
        let encoded = encode(image, clock, expiry, keys, |_| false)?;
        let globals = Globals {
            slot: 0,
            built_as,
            clock,
            parse_only,
            name_keys: keys,
        };
        let mut instance = Instance::new(&encoded.shape(), sizes, globals, None)?;
        instance.fill(&encoded, 1)?;
        instance.program(variant)?;
        let tap = Tap::take(&mut instance, 1, sizes, limit, budgets)?;
        Ok(Self {
            instance,
            tap,
            variant,
        })
    }

    /// Sends one frame through the program at `time` (nanoseconds since the epoch).
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run(&mut self, frame: &[u8], time: u64) -> Result<Verdict, RunError> {
        self.check_length(frame)?;
        self.tap.set_replay_clock(time)?;
        self.test_run(TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::default()
        })
    }

    /// The same with only the first `linear` bytes in the linear part (Linux 6.18), and the frame
    /// as it stands afterwards written to `after`.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run_split(
        &mut self,
        frame: &[u8],
        linear: u32,
        time: u64,
        after: &mut [u8],
    ) -> Result<Verdict, RunError> {
        self.check_length(frame)?;
        self.tap.set_replay_clock(time)?;
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let mut context = [0; 24];
        context[4..8].copy_from_slice(&linear.to_ne_bytes());
        self.test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(after),
            ctx_in: Some(&context),
            ..TestRunOptions::default()
        })
    }

    /// Records, flows and counters.
    pub fn tap(&mut self) -> &mut Tap {
        &mut self.tap
    }

    /// The program, for a bench that jumps to it.
    #[cfg(feature = "bench")]
    pub(super) fn program_fd(&mut self) -> Result<&aya::programs::ProgramFd, Error> {
        Ok(self.instance.program(self.variant)?.fd()?)
    }

    /// Pins the program, for a bench that attaches it to an interface.
    ///
    /// # Errors
    /// When the path is not on bpffs.
    #[cfg(feature = "bench")]
    pub fn pin(&mut self, path: &std::path::Path) -> Result<(), Error> {
        super::bench::pin(self.instance.program(self.variant)?, path)
    }

    fn test_run(&mut self, options: TestRunOptions<'_>) -> Result<Verdict, RunError> {
        let program = self.instance.program(self.variant)?;
        let result = program.test_run(options).map_err(Error::from)?;
        Ok(Verdict {
            action: result.return_value,
            duration: result.duration,
        })
    }

    fn check_length(&self, frame: &[u8]) -> Result<(), RunError> {
        let longest = match self.variant {
            Variant::Frags => LONGEST,
            Variant::Linear => LONGEST_LINEAR,
        };
        if frame.len() < SHORTEST {
            return Err(RunError::TooShort);
        }
        if frame.len() > longest {
            return Err(RunError::TooLong { longest });
        }
        Ok(())
    }
}
