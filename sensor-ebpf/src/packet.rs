//! Bounds-checked reads of the frame: the only file that dereferences packet memory.

use core::{arch::asm, marker::PhantomData};

use aya_ebpf::{
    bindings::xdp_md,
    btf_maps::PerCpuArray,
    helpers::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
    macros::btf_map,
    programs::XdpContext,
};

/// What is read through the helper, for as long as it is: the longest header.
#[btf_map]
static FAR: PerCpuArray<[u64; 5], 1> = PerCpuArray::new();

/// Furthest byte that a header may start at; keeps offsets provably small for the verifier.
const MAX_OFFSET: u32 = 0x7fff;

/// The offset within what can be read, in a form that the verifier follows wherever it goes.
#[inline(always)]
pub fn within(offset: u32) -> u32 {
    let mut offset = u64::from(offset);
    // SAFETY: a mask.
    unsafe {
        asm!("{0} &= {most}", inout(reg) offset, most = const MAX_OFFSET, options(pure, nomem, nostack));
    }
    offset as u32
}

/// A frame. With `FRAGS`, bytes beyond the linear part are read through the kernel's load helper.
pub struct Packet<'a, const FRAGS: bool> {
    ctx: *mut xdp_md,
    lifetime: PhantomData<&'a XdpContext>,
}

impl<'a, const FRAGS: bool> Packet<'a, FRAGS> {
    #[inline(always)]
    pub fn new(ctx: &'a XdpContext) -> Self {
        Self::from_raw(ctx.ctx)
    }

    /// From the context as a global function receives it.
    #[inline(always)]
    pub fn from_raw(ctx: *mut xdp_md) -> Self {
        Self {
            ctx,
            lifetime: PhantomData,
        }
    }

    /// The context, for a global function.
    #[inline(always)]
    pub fn raw(&self) -> *mut xdp_md {
        self.ctx
    }

    #[inline(always)]
    fn data(&self) -> usize {
        // SAFETY: the context lives as long as the program runs.
        unsafe { (*self.ctx).data as usize }
    }

    #[inline(always)]
    fn data_end(&self) -> usize {
        // SAFETY: as above.
        unsafe { (*self.ctx).data_end as usize }
    }

    /// Bytes of the frame, all buffers.
    #[inline(always)]
    pub fn len(&self) -> u32 {
        if FRAGS {
            // SAFETY: a helper that reads the context.
            return unsafe { bpf_xdp_get_buff_len(self.ctx) } as u32;
        }
        (self.data_end() - self.data()) as u32
    }

    /// Where a packet ends that says it ends there: not behind the frame. The helper is asked only where the
    /// linear part does not tell.
    #[inline(always)]
    pub fn end(&self, end: u32) -> u32 {
        let near = (self.data_end() - self.data()) as u32;
        if end <= near {
            return end;
        }
        let frame = if FRAGS { self.len() } else { near };
        if end < frame { end } else { frame }
    }

    /// Reads `T` (integers or arrays of them) at `offset`; `None` past the end of the frame.
    #[inline(always)]
    pub fn read<T: Copy>(&self, offset: u32) -> Option<T> {
        if offset > MAX_OFFSET {
            return None;
        }
        let at = self.data() + offset as usize;
        let mut past = at + size_of::<T>();
        if size_of::<T>() == 1 {
            // SAFETY: a move to itself: the compiler would compare `at`, from which the verifier learns
            // nothing.
            unsafe { asm!("{0} = {0}", inout(reg) past, options(pure, nomem, nostack)) };
        }
        if past <= self.data_end() {
            // SAFETY: the bounds are checked above, in the form that the verifier follows. BPF
            // loads need no alignment where the verifier accepts this program.
            return Some(unsafe { *(at as *const T) });
        }
        if FRAGS { self.read_far(offset) } else { None }
    }

    /// The same through the helper, for bytes that are not in the linear part (5.18).
    #[inline(always)]
    fn read_far<T: Copy>(&self, offset: u32) -> Option<T> {
        // Not on the stack, of which there is little.
        let value = FAR.get_ptr_mut(0)?;
        // SAFETY: the helper writes `size_of::<T>()` bytes, for which there is room, or fails; `T` is plain
        // integers, and a map value is aligned for them.
        unsafe {
            let failed = bpf_xdp_load_bytes(self.ctx, offset, value.cast(), size_of::<T>() as u32);
            let read = value.cast::<T>().read_volatile();
            for at in 0..size_of::<T>().div_ceil(8) {
                value.cast::<u64>().add(at).write_volatile(0);
            }
            (failed == 0).then_some(read)
        }
    }
}
