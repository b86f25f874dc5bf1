//! Programs of the benches: never shipped, never attached to an interface.
//!
//! `vary` writes random addresses into the packet it was given (BPF_PROG_TEST_RUN's own copy), then
//! jumps to the program under measurement, so that keys differ from packet to packet.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::{Array, ProgramArray},
    macros::{btf_map, xdp},
    programs::XdpContext,
};

#[btf_map]
static TARGET: ProgramArray<1> = ProgramArray::new();
#[btf_map]
static RANDOM: Array<u64, 1> = Array::new();

/// The cheapest program there is.
#[xdp(frags)]
pub fn empty(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// Randomises the addresses of an untagged IPv4 or IPv6 frame, then runs the target.
#[xdp(frags)]
pub fn vary(ctx: XdpContext) -> u32 {
    if let Some(state) = RANDOM.get_ptr_mut(0) {
        // SAFETY: one word, and the bench runs on one CPU.
        let mut word = unsafe { *state };
        if ctx.data() + 14 + 40 <= ctx.data_end() {
            // SAFETY: within the bounds checked above.
            let protocol = unsafe { *((ctx.data() + 12) as *const u16) };
            let (first, words) = if protocol == 0x0800u16.to_be() {
                (26, 1)
            } else {
                (22, 4)
            };
            for side in 0..2usize {
                for index in 0..4usize {
                    if index < words {
                        word ^= word << 13;
                        word ^= word >> 7;
                        word ^= word << 17;
                        let at = ctx.data() + first + side * words * 4 + index * 4;
                        if at + 4 <= ctx.data_end() {
                            // SAFETY: within the bounds checked above.
                            unsafe { *(at as *mut u32) = (word >> 16) as u32 };
                        }
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe { *state = word };
    }
    // SAFETY: the bench fills the slot before it runs this program.
    unsafe { TARGET.tail_call(&ctx, 0) };
    xdp_action::XDP_PASS
}

/// Never reached: see `main.rs`.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
