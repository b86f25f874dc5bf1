//! The XDP programs of marker-sensor.
//!
//! Every path returns [`XDP_PASS`](xdp_action::XDP_PASS): this file is the only one that names an
//! action, and nothing below it can. A packet that matches nothing moves counters only.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod asm;
mod common;
mod confirm;
mod deadline;
mod dns;
mod emit;
mod encap;
mod extension;
mod flows;
mod http;
mod judge;
mod lane;
mod look;
mod lookup;
mod maps;
mod name_keys;
mod names;
mod packet;
mod parse;
mod pieces;
mod quic;
mod scratch;
mod sighting;
mod table;
mod tally;
mod tls;
mod walk;
mod wants;
mod young;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use packet::Packet;

/// For frames of one or several buffers.
#[xdp(frags)]
pub fn sensor_frags(ctx: XdpContext) -> u32 {
    // The map has one value, so there is always that.
    if let Some(common) = common::common() {
        common::follow_former(&ctx, common);
        judge::judge(&Packet::<true>::new(&ctx), common);
    }
    xdp_action::XDP_PASS
}

/// For kernels and drivers that hand over linear frames only.
#[xdp]
pub fn sensor_linear(ctx: XdpContext) -> u32 {
    if let Some(common) = common::common() {
        common::follow_former(&ctx, common);
        judge::judge(&Packet::<false>::new(&ctx), common);
    }
    xdp_action::XDP_PASS
}

/// Never reached: a program with a path to it does not pass the verifier (it never ends).
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
