//! The value that each packet asks for: which generation judges, and marks of young connections beside it, so
//! that these take no look-up of their own.

use aya_ebpf::{
    btf_maps::{Array, ProgramArray},
    macros::btf_map,
    programs::XdpContext,
};
use sensor_common::{Common, YOUNG_PLACES};

use crate::maps::{BUILT_AS, MMAPABLE};

#[btf_map]
static COMMON: Array<Common, 1, MMAPABLE> = Array::new();
#[btf_map]
static FORMER: ProgramArray<1> = ProgramArray::new();

/// What most packets ask for.
#[derive(Clone, Copy)]
pub struct Shared(*mut Common);

#[inline(always)]
pub fn common() -> Option<Shared> {
    COMMON.get_ptr_mut(0).map(Shared)
}

impl Shared {
    /// Number under which the generation that judges was built.
    #[inline(always)]
    fn live(self) -> u64 {
        // SAFETY: an aligned word of a map value, which the agent may change at any time.
        unsafe { (&raw const (*self.0).live).read_volatile() }
    }

    /// The mark of a place of young connections.
    #[inline(always)]
    pub fn young_mark(self, at: u32) -> *mut u8 {
        // SAFETY: within the map value, whatever the place.
        unsafe {
            let marks: *mut u8 = (&raw mut (*self.0).young_marks).cast();
            marks.add((at & (YOUNG_PLACES - 1)) as usize)
        }
    }
}

/// Lets the former generation judge the packet as long as this one is not live: all interfaces
/// change over in one step, whichever was first to get its new program. Returns when this
/// generation is to judge: it is live, or there is no former one.
#[inline(always)]
pub fn follow_former(ctx: &XdpContext, common: Shared) {
    let built_as = BUILT_AS.load();
    if built_as != 0 && common.live() != u64::from(built_as) {
        // SAFETY: the agent puts a program of the same type there; without one, this returns.
        unsafe { FORMER.tail_call(ctx, 0) };
    }
}
