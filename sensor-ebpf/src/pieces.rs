//! Lending a payload in as many slots as it takes.

use aya_ebpf::bindings::xdp_md;
use sensor_common::{LaneClass, LaneFate, SLOT_BYTES};

use crate::{
    flows::next,
    lane::{count, lent},
    packet::Packet,
    young::REACH,
};

/// Slots that one payload may take: frames that the card or the kernel put together have hellos of any
/// length in one piece, and a connection is young for as many bytes.
const PIECES: usize = REACH as usize / SLOT_BYTES;
/// Beside a class and its flags: what the payload has beyond a slot is lent in others.
pub const IN_PIECES: u32 = 1 << 16;
const HELLO: u32 = LaneClass::TlsHello as u32;

/// Lends the payload at an offset (low half of `place`; its length in the upper one) of a packet of
/// `bytes`; class in the low byte of `class`, flags above. What became of it is counted.
#[inline(always)]
pub fn lend<const F: bool>(
    packet: &Packet<'_, F>,
    place: u32,
    sequence: u32,
    bytes: u32,
    class: u32,
) {
    if F {
        lend_frags(packet.raw(), place, sequence, bytes, class);
    } else {
        lend_linear(packet.raw(), place, sequence, bytes, class);
    }
}

/// Once: without the helper that copies, the verifier walks no more.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn lend_linear(
    ctx: *mut xdp_md,
    place: u32,
    sequence: u32,
    bytes: u32,
    class: u32,
) -> u32 {
    let packet = Packet::<false>::from_raw(ctx);
    let fate = lent(&packet, place, sequence, bytes, class & !IN_PIECES);
    count(class & 0xff, fate);
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn lend_frags(
    ctx: *mut xdp_md,
    place: u32,
    sequence: u32,
    bytes: u32,
    class: u32,
) -> u32 {
    let packet = Packet::<true>::from_raw(ctx);
    let (mut place, mut sequence, mut bytes, mut class) = (place, sequence, bytes, class);
    let mut turn = 0;
    while turn < PIECES {
        turn = next(turn);
        let fate = lent(&packet, place, sequence, bytes, class);
        count(class & 0xff, fate);
        let goes_on = class & IN_PIECES != 0 && place >> 16 > SLOT_BYTES as u32;
        if !goes_on || !matches!(fate, LaneFate::Lent) {
            break;
        }
        // The offset grows, and the length above it shrinks.
        place = place
            .wrapping_add(SLOT_BYTES as u32)
            .wrapping_sub((SLOT_BYTES as u32) << 16);
        sequence = sequence.wrapping_add(SLOT_BYTES as u32);
        // It is no packet of its own.
        bytes = 0;
        class = match class & 0xff {
            HELLO => LaneClass::TlsSegment as u32,
            class => class,
        } | IN_PIECES;
    }
    0
}
