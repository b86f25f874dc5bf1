//! Behind a positive of the prefilter: the exact tables, every pattern that covers an address.
//!
//! Global functions in the verifier's sense: each is verified once, for any argument, instead of
//! once for each path through the parser. Only scalars cross (pointers to memory need 5.12); the
//! flow comes through [`maps::sighting`].

use sensor_common::{
    Address, BLOCK6, BUCKET_WORDS, Block, MATCHED_DST_IP, MATCHED_SRC_IP, Pattern, PatternKey,
    WIDEST4, WIDEST6, rest_short6, rest4, rest6,
};

use crate::{emit, maps};

/// Most prefix lengths of a family.
const LENGTHS4: usize = 33;
const LENGTHS6: usize = 129;

/// Bits that tell what the prefilter found.
pub struct Positive;

impl Positive {
    pub const NONE: u32 = 0;
    /// Times a bit for each side.
    pub const EXACT: u32 = 1;
    pub const PREFIX: u32 = 4;
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
    let has_ports = positive & Positive::PORTS != 0 && maps::ENDPOINTS.load() != 0;
    let mut matched = 0;
    if positive & Positive::EXACT_SRC != 0 {
        matched += probe(bytes, PatternKey::v4(src, 0, 0, 32), MATCHED_SRC_IP);
        if has_ports {
            let key = PatternKey::v4(src, flow.src_port, flow.proto, 32);
            matched += probe(bytes, key, MATCHED_SRC_IP);
        }
    }
    // The same pattern on both sides is one hit.
    if positive & Positive::EXACT_DST != 0 {
        if src != dst {
            matched += probe(bytes, PatternKey::v4(dst, 0, 0, 32), MATCHED_DST_IP);
        }
        if has_ports && (src != dst || flow.src_port != flow.dst_port) {
            let key = PatternKey::v4(dst, flow.dst_port, flow.proto, 32);
            matched += probe(bytes, key, MATCHED_DST_IP);
        }
    }
    if positive & (Positive::PREFIX_SRC | Positive::PREFIX_DST) == 0 {
        return matched;
    }
    let blocks = (Block::of4(src), Block::of4(dst));
    let words = (maps::filter_word(blocks.0), maps::filter_word(blocks.1));
    for index in 0..LENGTHS4 {
        let Some(length) = maps::length4(index) else {
            break;
        };
        let mask = (((!0u64) << (32 - u32::from(length))) as u32).to_be();
        let (src, dst) = (src & mask, dst & mask);
        let wide = length < WIDEST4;
        if positive & Positive::PREFIX_SRC != 0
            && (wide || has(words.0, blocks.0.mark(rest4(src), length)))
        {
            matched += probe(bytes, PatternKey::v4(src, 0, 0, length), MATCHED_SRC_IP);
        }
        if positive & Positive::PREFIX_DST != 0
            && src != dst
            && (wide || has(words.1, blocks.1.mark(rest4(dst), length)))
        {
            matched += probe(bytes, PatternKey::v4(dst, 0, 0, length), MATCHED_DST_IP);
        }
    }
    matched
}

/// The same for the IPv6 packet set aside.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn confirm6(bytes: u32, positive: u32) -> u32 {
    let Some(flow) = maps::sighting() else {
        return 0;
    };
    let same = flow.src == flow.dst;
    let has_ports = positive & Positive::PORTS != 0 && maps::ENDPOINTS.load() != 0;
    let mut matched = 0;
    for side in [MATCHED_SRC_IP, MATCHED_DST_IP] {
        let (bit, address, port) = if side == MATCHED_SRC_IP {
            (Positive::EXACT_SRC, flow.src, flow.src_port)
        } else {
            (Positive::EXACT_DST, flow.dst, flow.dst_port)
        };
        if positive & bit == 0 {
            continue;
        }
        if side == MATCHED_SRC_IP || !same {
            matched += probe(bytes, PatternKey::v6(address, 0, 0, 128), side);
        }
        if has_ports && (side == MATCHED_SRC_IP || !same || flow.src_port != flow.dst_port) {
            let key = PatternKey::v6(address, port, flow.proto, 128);
            matched += probe(bytes, key, side);
        }
    }
    if positive & (Positive::PREFIX_SRC | Positive::PREFIX_DST) == 0 {
        return matched;
    }
    for index in 0..LENGTHS6 {
        let Some(length) = maps::length6(index) else {
            break;
        };
        let src = masked6(&flow.src, length);
        if positive & Positive::PREFIX_SRC != 0 && may_have6(&flow.src, src, length) {
            matched += probe(bytes, PatternKey::v6(src, 0, 0, length), MATCHED_SRC_IP);
        }
        let dst = masked6(&flow.dst, length);
        if positive & Positive::PREFIX_DST != 0 && src != dst && may_have6(&flow.dst, dst, length) {
            matched += probe(bytes, PatternKey::v6(dst, 0, 0, length), MATCHED_DST_IP);
        }
    }
    matched
}

#[inline(always)]
fn probe(bytes: u32, key: PatternKey, matched_in: u8) -> u32 {
    probe_key(key.high, key.low, key.rest, bytes, u32::from(matched_in))
}

/// Looks one key up and accounts for its hit. A global function: one body for all callers.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn probe_key(high: u64, low: u64, rest: u64, bytes: u32, matched_in: u32) -> u32 {
    match find(PatternKey { high, low, rest }) {
        Some(pattern) => emit::hit(pattern, bytes, matched_in),
        None => 0,
    }
}

#[inline(always)]
fn find(key: PatternKey) -> Option<&'static Pattern> {
    let place = key.place();
    for bucket in place.buckets(maps::BUCKETS.load()) {
        let (page, first) = maps::bucket(bucket)?;
        for at in 0..BUCKET_WORDS {
            let Some(number) = place.number(page[first + at]) else {
                continue;
            };
            if let Some(pattern) = maps::pattern(number)
                && pattern.key == key
            {
                return Some(pattern);
            }
        }
    }
    None
}

/// Whether an address may have a prefix of this length; `prefix` is the address masked to it. Its
/// word is in the nearest cache by now.
#[inline(always)]
fn may_have6(address: &Address, prefix: Address, length: u8) -> bool {
    if length < WIDEST6 {
        return true;
    }
    let (block, rest) = if length < BLOCK6 {
        (Block::short6(*address), rest_short6(prefix))
    } else {
        (Block::of6(*address), rest6(prefix))
    };
    has(maps::filter_word(block), block.mark(rest, length))
}

#[inline(always)]
const fn has(word: u64, mark: u64) -> bool {
    word & mark == mark
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
