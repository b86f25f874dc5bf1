//! Behind a positive of the prefilter: the exact tables, every pattern that covers an address.
//!
//! Global functions in the verifier's sense: each is verified once, for any argument, instead of
//! once for each path through the parser. Only scalars cross (pointers to memory need 5.12); the
//! flow comes through [`maps::sighting`].

use sensor_common::{Filter, MATCHED_DST_IP, MATCHED_SRC_IP, Pattern, PatternKey4, PatternKey6};

use crate::{emit, maps};

/// Most prefix lengths of a family.
const LENGTHS4: usize = 33;
const LENGTHS6: usize = 129;

/// Bits that tell what the prefilter found.
pub struct Positive;

impl Positive {
    pub const NONE: u32 = 0;
    pub const EXACT_SRC: u32 = 1;
    pub const EXACT_DST: u32 = 2;
    pub const PREFIX_SRC: u32 = 4;
    pub const PREFIX_DST: u32 = 8;
    /// The packet has ports.
    pub const PORTS: u32 = 16;
}

/// Number of patterns in force that match the IPv4 packet set aside.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn confirm4(bytes: u32, positive: u32) -> u32 {
    let Some(flow) = maps::sighting() else {
        return 0;
    };
    let (src, dst) = (flow.src[3], flow.dst[3]);
    let has_ports = positive & Positive::PORTS != 0;
    let mut matched = 0;
    if positive & Positive::EXACT_SRC != 0 {
        matched += probe4(bytes, key4(src, 0, 0, 32), MATCHED_SRC_IP);
        if has_ports {
            let key = key4(src, flow.src_port, flow.proto, 32);
            matched += probe4(bytes, key, MATCHED_SRC_IP);
        }
    }
    // The same pattern on both sides is one hit.
    if positive & Positive::EXACT_DST != 0 {
        if src != dst {
            matched += probe4(bytes, key4(dst, 0, 0, 32), MATCHED_DST_IP);
        }
        if has_ports && (src != dst || flow.src_port != flow.dst_port) {
            let key = key4(dst, flow.dst_port, flow.proto, 32);
            matched += probe4(bytes, key, MATCHED_DST_IP);
        }
    }
    if positive & (Positive::PREFIX_SRC | Positive::PREFIX_DST) == 0 {
        return matched;
    }
    for index in 0..LENGTHS4 {
        let Some(length) = maps::length4(index) else {
            break;
        };
        let mask = (((!0u64) << (32 - u32::from(length))) as u32).to_be();
        let (src, dst) = (src & mask, dst & mask);
        if positive & Positive::PREFIX_SRC != 0 && in_filter(Filter::of4(src, length)) {
            matched += probe4(bytes, key4(src, 0, 0, length), MATCHED_SRC_IP);
        }
        if positive & Positive::PREFIX_DST != 0 && src != dst && in_filter(Filter::of4(dst, length))
        {
            matched += probe4(bytes, key4(dst, 0, 0, length), MATCHED_DST_IP);
        }
    }
    matched
}

/// Number of patterns in force that match the IPv6 packet set aside. One key serves all look-ups:
/// the stack is small.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn confirm6(bytes: u32, positive: u32) -> u32 {
    let Some(flow) = maps::sighting() else {
        return 0;
    };
    let same = flow.src == flow.dst;
    let mut key = PatternKey6 {
        address: flow.src,
        port: 0,
        proto: 0,
        prefix: 128,
    };
    let mut matched = 0;
    for side in [MATCHED_SRC_IP, MATCHED_DST_IP] {
        let (bit, port) = if side == MATCHED_SRC_IP {
            (Positive::EXACT_SRC, flow.src_port)
        } else {
            key.address = flow.dst;
            (Positive::EXACT_DST, flow.dst_port)
        };
        if positive & bit == 0 {
            continue;
        }
        if side == MATCHED_SRC_IP || !same {
            (key.port, key.proto) = (0, 0);
            matched += probe6(bytes, &key, side);
        }
        if positive & Positive::PORTS != 0
            && (side == MATCHED_SRC_IP || !same || flow.src_port != flow.dst_port)
        {
            (key.port, key.proto) = (port, flow.proto);
            matched += probe6(bytes, &key, side);
        }
    }
    if positive & (Positive::PREFIX_SRC | Positive::PREFIX_DST) == 0 {
        return matched;
    }
    (key.port, key.proto) = (0, 0);
    for index in 0..LENGTHS6 {
        let Some(length) = maps::length6(index) else {
            break;
        };
        key.prefix = length;
        let src = masked6(&flow.src, length);
        if positive & Positive::PREFIX_SRC != 0 && in_filter(Filter::of6(src, length)) {
            key.address = src;
            matched += probe6(bytes, &key, MATCHED_SRC_IP);
        }
        let dst = masked6(&flow.dst, length);
        if positive & Positive::PREFIX_DST != 0 && src != dst && in_filter(Filter::of6(dst, length))
        {
            key.address = dst;
            matched += probe6(bytes, &key, MATCHED_DST_IP);
        }
    }
    matched
}

#[inline(always)]
fn probe4(bytes: u32, key: PatternKey4, matched_in: u8) -> u32 {
    match maps::pattern4(&key) {
        Some(pattern) => report(&pattern, bytes, matched_in),
        None => 0,
    }
}

#[inline(always)]
fn probe6(bytes: u32, key: &PatternKey6, matched_in: u8) -> u32 {
    match maps::pattern6(key) {
        Some(pattern) => report(&pattern, bytes, matched_in),
        None => 0,
    }
}

#[inline(always)]
fn report(pattern: &Pattern, bytes: u32, matched_in: u8) -> u32 {
    let Pattern {
        id,
        not_before,
        not_after,
    } = *pattern;
    emit::hit(id, not_before, not_after, bytes, u32::from(matched_in))
}

#[inline(always)]
const fn key4(address: u32, port: u16, proto: u8, prefix: u8) -> PatternKey4 {
    PatternKey4 {
        address,
        port,
        proto,
        prefix,
    }
}

#[inline(always)]
fn in_filter(filter: Filter) -> bool {
    let word = maps::filter_word(filter.word(maps::FILTER_MASK.load()));
    word & filter.bits() == filter.bits()
}

/// The first `length` bits of an address.
#[inline(always)]
fn masked6(address: &[u32; 4], length: u8) -> [u32; 4] {
    let length = u32::from(length);
    let mask = |start: u32| -> u32 {
        let bits = length.saturating_sub(start).min(32);
        (((!0u64) << (32 - bits)) as u32).to_be()
    };
    [
        address[0] & mask(0),
        address[1] & mask(32),
        address[2] & mask(64),
        address[3] & mask(96),
    ]
}
