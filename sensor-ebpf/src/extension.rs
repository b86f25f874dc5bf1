//! The chain of IPv6 extension headers (RFC 8200 §4), walked to a bounded depth.

use aya_ebpf::bindings::xdp_md;
use sensor_common::{MAX_EXTENSION_HEADERS, Outcome};

use crate::packet::Packet;

pub const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

pub const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6
    )
}

/// Protocol and offset of the first header behind the chain; `Err` with the last protocol seen and
/// the class of the packet when the ports cannot be reached.
#[inline(always)]
pub fn last<const F: bool>(
    packet: &Packet<'_, F>,
    next: u8,
    offset: u32,
    end: u32,
) -> Result<(u8, u32), (u8, Outcome)> {
    let packed = if F {
        extensions_frags(packet.raw(), u32::from(next), offset, end)
    } else {
        extensions_linear(packet.raw(), u32::from(next), offset, end)
    };
    let proto = (packed >> 16) as u8;
    match packed >> 24 {
        TRUNCATED => Err((proto, Outcome::Truncated)),
        IS_FRAGMENT => Err((proto, Outcome::Fragment)),
        TOO_DEEP => Err((proto, Outcome::TooDeep)),
        _ => Ok((proto, packed & 0x7fff)),
    }
}

const TRUNCATED: u32 = 1;
const IS_FRAGMENT: u32 = 2;
const TOO_DEEP: u32 = 3;

/// A global function, verified once for any argument; the answer is packed in one word: offset,
/// protocol, what stopped the walk.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn extensions_frags(ctx: *mut xdp_md, next: u32, offset: u32, end: u32) -> u32 {
    walk(&Packet::<true>::from_raw(ctx), next, offset, end)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn extensions_linear(ctx: *mut xdp_md, next: u32, offset: u32, end: u32) -> u32 {
    walk(&Packet::<false>::from_raw(ctx), next, offset, end)
}

#[inline(always)]
fn walk<const F: bool>(packet: &Packet<'_, F>, first: u32, start: u32, end: u32) -> u32 {
    let mut next = first as u8;
    let mut offset = start & 0x7fff;
    for _ in 0..MAX_EXTENSION_HEADERS {
        if !is_extension(next) {
            return offset & 0x7fff | u32::from(next) << 16;
        }
        if offset + 8 > end {
            return u32::from(next) << 16 | TRUNCATED << 24;
        }
        let Some(header) = packet.read::<[u16; 2]>(offset) else {
            return u32::from(next) << 16 | TRUNCATED << 24;
        };
        let lead = u16::from_be(header[0]);
        let length = u32::from(lead & 0xff);
        let kind = next;
        next = (lead >> 8) as u8;
        if kind == FRAGMENT && u16::from_be(header[1]) & 0xfff8 != 0 {
            return u32::from(next) << 16 | IS_FRAGMENT << 24;
        }
        offset += match kind {
            FRAGMENT => 8,
            AUTHENTICATION => (length + 2) * 4,
            _ => (length + 1) * 8,
        };
    }
    if is_extension(next) {
        return u32::from(next) << 16 | TOO_DEEP << 24;
    }
    offset & 0x7fff | u32::from(next) << 16
}
