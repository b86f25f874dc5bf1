//! What the image needs to be looked at behind the ports: read-only, so that what it does not need is dead
//! code. One word, because most packets ask for several.

use aya_ebpf::Global;
use sensor_common::wants::{FINGERPRINTS, NAMES, URLS};

#[unsafe(no_mangle)]
static WANTS: Global<u32> = Global::new(0);

/// What is looked for.
#[derive(Clone, Copy)]
pub struct Wants(u32);

#[inline(always)]
pub fn wants() -> Wants {
    Wants(WANTS.load())
}

impl Wants {
    /// Whether anything behind the ports is looked at.
    #[inline(always)]
    pub const fn anything(self) -> bool {
        self.0 != 0
    }

    #[inline(always)]
    pub const fn names(self) -> bool {
        self.0 & NAMES != 0
    }

    #[inline(always)]
    pub const fn urls(self) -> bool {
        self.0 & URLS != 0
    }

    #[inline(always)]
    pub const fn fingerprints(self) -> bool {
        self.0 & FINGERPRINTS != 0
    }

    /// Whether ClientHellos are looked at.
    #[inline(always)]
    pub const fn hellos(self) -> bool {
        self.0 & (NAMES | FINGERPRINTS) != 0
    }

    /// Whether heads of HTTP requests are.
    #[inline(always)]
    pub const fn hosts(self) -> bool {
        self.0 & (NAMES | URLS) != 0
    }
}
