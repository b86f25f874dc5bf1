//! Behind a positive of the prefilter: the exact tables, every pattern that covers an address.
//!
//! Global functions in the verifier's sense: each is verified once, for any argument, instead of
//! once for each path through the parser. Only scalars cross (pointers to memory need 5.12); the
//! flow comes through [`maps::sighting`].

use sensor_common::{
    Address, BLOCK4, BLOCK6, Block, FlowKey, MATCHED_DST_IP, MATCHED_SRC_IP, PatternKey, WIDEST4,
    WIDEST6, rest_short6, rest4, rest6, short_lengths4, short4,
};

use crate::{
    emit::{self, probed},
    flows::{Key, set_verdict},
    lookup::has,
    maps::{self, Filter},
    table::find,
};

/// Most prefix lengths of a family.
const LENGTHS4: usize = 33;
const LENGTHS6: usize = 129;

/// What of the packet can be confirmed.
pub struct Present;

impl Present {
    /// A destination.
    const DST: u32 = 1;
    /// Ports.
    const PORTS: u32 = 2;
    /// Everything: what matches such a packet is told by its flow.
    const ALL: u32 = Self::DST | Self::PORTS;

    #[inline(always)]
    pub const fn of(dst: bool, ports: bool) -> u32 {
        (dst as u32 * Self::DST) | (ports as u32 * Self::PORTS)
    }
}

/// Number of patterns in force that match the IPv4 packet set aside.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn confirm4(bytes: u32, present: u32) -> u32 {
    let (Some(flow), Some(filter)) = (maps::sighting(), maps::filter()) else {
        return 0;
    };
    let flow = begin(flow);
    let (src, dst) = (flow.src[3], flow.dst[3]);
    let blocks = (Block::of4(src), Block::of4(dst));
    let words = filter.words4(blocks);
    let has_ports = present & Present::PORTS != 0 && maps::ENDPOINTS.load() != 0;
    let mut probed = 0;
    if has(words.0, blocks.0.mark(rest4(src), 32)) {
        probed += probe(bytes, PatternKey::v4(src, 0, 0, 32), MATCHED_SRC_IP);
        if has_ports {
            let key = PatternKey::v4(src, flow.src_port, flow.proto, 32);
            probed += probe(bytes, key, MATCHED_SRC_IP);
        }
    }
    let has_dst = present & Present::DST != 0;
    // The same pattern on both sides is one hit.
    if has_dst && has(words.1, blocks.1.mark(rest4(dst), 32)) {
        if src != dst {
            probed += probe(bytes, PatternKey::v4(dst, 0, 0, 32), MATCHED_DST_IP);
        }
        if has_ports && (src != dst || flow.src_port != flow.dst_port) {
            let key = PatternKey::v4(dst, flow.dst_port, flow.proto, 32);
            probed += probe(bytes, key, MATCHED_DST_IP);
        }
    }
    let sides = (
        Side4::of(filter, src, has(words.0, blocks.0.occupied())),
        Side4::of(filter, dst, has(words.1, blocks.1.occupied())),
    );
    if !(sides.0.any || has_dst && sides.1.any) {
        return conclude(probed, present);
    }
    for index in 0..LENGTHS4 {
        let Some(length) = maps::length4(index) else {
            break;
        };
        let mask = (((!0u64) << (32 - u32::from(length))) as u32).to_be();
        let (src, dst) = (src & mask, dst & mask);
        if sides.0.may_have(blocks.0, words.0, src, length) {
            probed += probe(bytes, PatternKey::v4(src, 0, 0, length), MATCHED_SRC_IP);
        }
        if has_dst && src != dst && sides.1.may_have(blocks.1, words.1, dst, length) {
            probed += probe(bytes, PatternKey::v4(dst, 0, 0, length), MATCHED_DST_IP);
        }
    }
    conclude(probed, present)
}

/// Whether the flow of the packet set aside has a verdict in force, by which it is counted then. `rest` and
/// the side are of the pattern that is guessed: of an address that is marked; prefixes are judged packet by
/// packet. A function of its own: what it keeps on the stack is free again when a pattern is looked up.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn is_judged(bytes: u32, present: u32, rest: u64, matched_in: u32) -> u32 {
    let (Some(words), Some(steering)) = (maps::sighting_words(), maps::steering()) else {
        return 0;
    };
    if present != Present::ALL {
        return 0;
    }
    let kind = kind_of(rest, matched_in);
    let flow = Key::new(words, kind, steering);
    flow.remember(kind);
    emit::hit_again(flow, steering, bytes).into()
}

/// What tells a flow of one pattern from the same flow of another, before any pattern is found: the side and
/// the length of what covers it.
#[inline(always)]
fn kind_of(rest: u64, matched_in: u32) -> u64 {
    // Without the port and the protocol, which are the flow's own.
    rest >> 24 | u64::from(matched_in) << 40
}

/// The flow, by which patterns are then looked up in a set that is not older than what is set aside of it.
#[inline(always)]
fn begin(flow: &'static FlowKey) -> &'static FlowKey {
    let edition = maps::edition();
    maps::set_edits(edition.edits);
    edition.before(flow)
}

/// How many patterns matched; notes the verdict on the flow, if there is one.
#[inline(always)]
fn conclude(probed: u32, present: u32) -> u32 {
    if present == Present::ALL
        && probed::one(probed)
        && let Some(noted) = maps::noted()
    {
        set_verdict(noted);
    }
    probed::matched(probed)
}

/// What the filter tells of the prefixes around an IPv4 address.
struct Side4 {
    /// Whether there may be one.
    any: bool,
    /// Lengths below a block's that occur in the /16, from [`WIDEST4`] on; shorter ones may too
    /// when the highest bit is set.
    lengths: u64,
}

impl Side4 {
    /// Shorter ones than [`WIDEST4`] may occur: a bit that no length has.
    const WIDER: u64 = 1 << 16;

    #[inline(always)]
    fn of(filter: Filter, address: u32, occupied: bool) -> Self {
        let mut side = Self {
            any: occupied,
            lengths: 0,
        };
        if maps::SHORT4.load() != 0 && filter.bits(short4(address)) & 1 != 0 {
            side.any = true;
            side.lengths = filter.bits(short_lengths4(address)) & 0xffff | Self::WIDER;
        }
        side
    }

    #[inline(always)]
    fn may_have(&self, block: Block, word: u64, prefix: u32, length: u8) -> bool {
        if length >= BLOCK4 {
            return has(word, block.mark(rest4(prefix), length));
        }
        let bit = if length < WIDEST4 {
            16
        } else {
            length - WIDEST4
        };
        self.lengths >> (bit & 63) & 1 != 0
    }
}

/// The same for the IPv6 packet set aside.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn confirm6(bytes: u32, present: u32) -> u32 {
    let (Some(flow), Some(filter)) = (maps::sighting(), maps::filter()) else {
        return 0;
    };
    let flow = begin(flow);
    let same = flow.src == flow.dst;
    let has_ports = present & Present::PORTS != 0 && maps::ENDPOINTS.load() != 0;
    let has_dst = present & Present::DST != 0;
    let mut probed = 0;
    for side in [MATCHED_SRC_IP, MATCHED_DST_IP] {
        let (address, port) = if side == MATCHED_SRC_IP {
            (flow.src, flow.src_port)
        } else {
            (flow.dst, flow.dst_port)
        };
        if side == MATCHED_DST_IP && !has_dst || !may_have6(filter, address, address, 128) {
            continue;
        }
        if side == MATCHED_SRC_IP || !same {
            probed += probe(bytes, PatternKey::v6(address, 0, 0, 128), side);
        }
        if has_ports && (side == MATCHED_SRC_IP || !same || flow.src_port != flow.dst_port) {
            let key = PatternKey::v6(address, port, flow.proto, 128);
            probed += probe(bytes, key, side);
        }
    }
    let near = (near6(filter, flow.src), has_dst && near6(filter, flow.dst));
    if !(near.0 || near.1) {
        return conclude(probed, present);
    }
    for index in 0..LENGTHS6 {
        let Some(length) = maps::length6(index) else {
            break;
        };
        let src = masked6(&flow.src, length);
        if near.0 && may_have6(filter, flow.src, src, length) {
            probed += probe(bytes, PatternKey::v6(src, 0, 0, length), MATCHED_SRC_IP);
        }
        let dst = masked6(&flow.dst, length);
        if near.1 && src != dst && may_have6(filter, flow.dst, dst, length) {
            probed += probe(bytes, PatternKey::v6(dst, 0, 0, length), MATCHED_DST_IP);
        }
    }
    conclude(probed, present)
}

/// Whether a prefix may be around an IPv6 address.
#[inline(always)]
fn near6(filter: Filter, address: Address) -> bool {
    let first = half(address, 0);
    let (block, short) = (Block::of6(first), Block::short6(first));
    has(filter.word6(block), block.occupied())
        || maps::HASHED_SHORT6.load() != 0 && has(filter.short_word6(short), short.occupied())
        || maps::WIDE6.load() != 0
}

/// Whether an address may have a prefix of this length; `prefix` is the address masked to it. Its
/// word is in the nearest cache by now.
#[inline(always)]
fn may_have6(filter: Filter, address: Address, prefix: Address, length: u8) -> bool {
    if length < WIDEST6 {
        return true;
    }
    let first = half(prefix, 0);
    if length < BLOCK6 {
        let block = Block::short6(half(address, 0));
        let mark = block.mark(rest_short6(first), length);
        return has(filter.short_word6(block), mark);
    }
    let block = Block::of6(first);
    let mark = block.mark(rest6(first, half(prefix, 2)), length);
    has(filter.word6(block), mark)
}

/// Two words of an address from `at` on, as they stand in the packet.
#[inline(always)]
fn half(address: Address, at: usize) -> u64 {
    maps::pair(address[at], address[at + 1], 32)
}

#[inline(always)]
fn probe(bytes: u32, key: PatternKey, matched_in: u8) -> u32 {
    probe_key(key.high, key.low, key.rest, bytes, u32::from(matched_in))
}

/// Looks one key of an address up and accounts for its hit; see [`probed`]. A global function: one body for
/// all callers.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn probe_key(high: u64, low: u64, rest: u64, bytes: u32, matched_in: u32) -> u32 {
    look_up::<false>(PatternKey { high, low, rest }, bytes, matched_in)
}

/// The same of a name. Another function, because what announces a name takes stack that an address has not.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn probe_name(high: u64, low: u64, rest: u64, bytes: u32, matched_in: u32) -> u32 {
    look_up::<true>(PatternKey { high, low, rest }, bytes, matched_in)
}

#[inline(always)]
fn look_up<const NAME: bool>(key: PatternKey, bytes: u32, matched_in: u32) -> u32 {
    let (Some(words), Some(steering)) = (maps::sighting_words(), maps::steering()) else {
        return 0;
    };
    if !NAME {
        let kind = kind_of(key.rest, matched_in);
        let flow = match Key::remembered(words, kind) {
            Some(flow) => flow,
            None => {
                // Looked for while the pattern is.
                let flow = Key::new(words, kind, steering);
                flow.remember(kind);
                flow.approach(0);
                flow.approach(1);
                flow
            }
        };
        return match find(key) {
            Some(pattern) => {
                probed::FOUND + emit::hit::<NAME>(pattern, flow, steering, bytes, matched_in)
            }
            None => 0,
        };
    }
    let Some(pattern) = find(key) else {
        return 0;
    };
    // Of the value from here on: what is kept meanwhile takes stack.
    let PatternKey { high, rest, .. } = pattern.key;
    let flow = Key::new(words, rest ^ high ^ u64::from(matched_in) << 40, steering);
    probed::FOUND + emit::hit::<NAME>(pattern, flow, steering, bytes, matched_in)
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
