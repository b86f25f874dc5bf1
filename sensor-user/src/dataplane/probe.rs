//! What the running kernel offers, asked of the kernel itself rather than read from its version.

use aya::{
    programs::ProgramType,
    sys::{BpfHelper, is_helper_supported},
};
use rustix::thread::{CapabilitySet, capabilities};

use super::Error;
use crate::clock::KernelClock;

/// Kernel features that the data path adapts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Frames of several buffers and their load helper (5.18).
    pub frags: bool,
    /// International atomic time in programs (6.1).
    pub tai: bool,
}

impl Features {
    /// The clock for deadlines and records.
    #[must_use]
    pub const fn clock(self) -> KernelClock {
        if self.tai {
            KernelClock::Tai
        } else {
            KernelClock::Boot
        }
    }
}

/// Asks the kernel.
///
/// # Errors
/// [`Error::Capability`] when the process may not load programs at all.
pub fn probe() -> Result<Features, Error> {
    check_capabilities()?;
    let has = |helper| is_helper_supported(ProgramType::Xdp, helper).map_err(Error::from);
    Ok(Features {
        frags: has(BpfHelper::BPF_FUNC_xdp_load_bytes)?,
        tai: has(BpfHelper::BPF_FUNC_ktime_get_tai_ns)?,
    })
}

fn check_capabilities() -> Result<(), Error> {
    let needed = [
        (CapabilitySet::BPF, "CAP_BPF"),
        (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
        (CapabilitySet::PERFMON, "CAP_PERFMON"),
    ];
    let held = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    if held.contains(CapabilitySet::SYS_ADMIN) && held.contains(CapabilitySet::NET_ADMIN) {
        return Ok(());
    }
    let missing: Vec<_> = needed
        .iter()
        .filter(|(capability, _)| !held.contains(*capability))
        .map(|(_, name)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Capability {
        missing: missing.join(", "),
    })
}
