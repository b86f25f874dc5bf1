//! The prefilter: decides on almost every packet that no pattern can match.
//!
//! The words of both addresses are loaded before the first branch, so that their cache misses
//! overlap. Behind a positive stands [`crate::confirm`], which asks again, side by side.

use sensor_common::{
    Block, MATCHED_DST_IP, MATCHED_SRC_IP, Outcome, PatternKey, rest4, rest6, short4,
};

use crate::{
    asm::{apart, has_bits},
    confirm::{self, Present},
    maps::{self, Filter},
    names::Glance,
    parse::{Ip4, Ip6, Link, Transport},
};

/// What is asked of the filter about a packet: its words come while it is asked for names.
#[derive(Clone, Copy)]
pub struct Asked((u64, u64));

/// Of an IPv4 packet; nothing where none is.
#[inline(always)]
pub fn ask4(ip: &Ip4) -> Option<Asked> {
    let filter = filter()?;
    let blocks = (Block::of4(ip.src), Block::of4(ip.dst));
    let words = if maps::EXACT4.load() != 0 || maps::prefixes4() {
        filter.words4(blocks)
    } else {
        (0, 0)
    };
    Some(Asked(words))
}

/// Of an IPv6 packet.
#[inline(always)]
pub fn ask6(ip: &Ip6) -> Option<Asked> {
    let filter = filter()?;
    let blocks = (Block::of6(ip.src[0]), Block::of6(ip.dst[0]));
    let words = if maps::EXACT6.load() != 0 || maps::prefixes6() {
        filter.words6(blocks)
    } else {
        (0, 0)
    };
    Some(Asked(words))
}

/// The outcome of an IPv4 packet; `glance` tells whether its flow is looked at again.
#[inline(always)]
pub fn ipv4(link: &Link, ip: &Ip4, asked: Option<Asked>, glance: Glance) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let Some(asked) = asked else {
        return otherwise;
    };
    let Some(guess) = may_match4(asked, ip.src, ip.dst) else {
        return otherwise;
    };
    let (src, dst) = (maps::pair(0, ip.src, 32), maps::pair(0, ip.dst, 32));
    let may_be_known = set_sighting([0, src], [0, dst], link, &ip.transport, 4);
    let present = Present::of(ip.has_dst, ip.transport.has_ports());
    if may_be_known && guess.is_judged(PatternKey::v4(0, 0, 0, 32), ip.bytes, present) {
        return Outcome::Hit;
    }
    class(confirm::confirm4(ip.bytes, present), otherwise, glance)
}

/// The outcome of an IPv6 packet.
#[inline(always)]
pub fn ipv6(link: &Link, ip: &Ip6, asked: Option<Asked>, glance: Glance) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let Some(asked) = asked else {
        return otherwise;
    };
    let Some(guess) = may_match6(asked, ip.src, ip.dst) else {
        return otherwise;
    };
    let may_be_known = set_sighting(ip.src, ip.dst, link, &ip.transport, 6);
    let present = Present::of(ip.has_dst, ip.transport.has_ports());
    if may_be_known && guess.is_judged(PatternKey::v6([0; 4], 0, 0, 128), ip.bytes, present) {
        return Outcome::Hit;
    }
    class(confirm::confirm6(ip.bytes, present), otherwise, glance)
}

/// What a pattern may cover, after the first look.
#[derive(Clone, Copy)]
struct Guess(u32);

impl Guess {
    const SRC: Self = Self(MATCHED_SRC_IP as u32);
    const DST: Self = Self(MATCHED_DST_IP as u32);
    /// There are prefixes around an address.
    const NEAR: Self = Self(0);

    /// Of the sides whose lowest bit is set: one question for both.
    #[inline(always)]
    const fn of((src, dst): (u64, u64)) -> Option<Self> {
        if (src | dst) & 1 == 0 {
            None
        } else if src & 1 != 0 {
            Some(Self::SRC)
        } else {
            Some(Self::DST)
        }
    }

    /// Whether a flow of the guessed pattern has a verdict; `key` is of the kind of pattern, no matter which.
    #[inline(always)]
    fn is_judged(self, key: PatternKey, bytes: u32, present: u32) -> bool {
        self.0 != 0 && confirm::is_judged(bytes, present, key.rest, self.0) != 0
    }
}

#[inline(always)]
fn filter() -> Option<Filter> {
    if maps::PARSE_ONLY.load() != 0 {
        return None;
    }
    maps::filter()
}

/// Whether a pattern may cover one of the addresses, and which.
#[inline(always)]
fn may_match4(asked: Asked, src: u32, dst: u32) -> Option<Guess> {
    // Hashed once more: it takes less than to keep that meanwhile, for which the stack is too short.
    let hidden = |address: u32| apart(address.into()) as u32;
    let blocks = (Block::of4(hidden(src)), Block::of4(hidden(dst)));
    let Asked(words) = asked;
    let (exact, prefixes) = (maps::EXACT4.load() != 0, maps::prefixes4());
    if exact || prefixes {
        if exact {
            let bits = (blocks.0.bits(rest4(src), 32), blocks.1.bits(rest4(dst), 32));
            let has = (has_bits(words.0, bits.0), has_bits(words.1, bits.1));
            if let Some(guess) = Guess::of(has) {
                return Some(guess);
            }
        }
        if prefixes && (has(words.0, blocks.0.occupied()) || has(words.1, blocks.1.occupied())) {
            return Some(Guess::NEAR);
        }
    }
    if maps::SHORT4.load() == 0 {
        return None;
    }
    // Once more, because it is not kept meanwhile.
    let filter = filter()?;
    let short = (filter.bits(short4(src)) | filter.bits(short4(dst))) & 1 != 0;
    short.then_some(Guess::NEAR)
}

/// The same of IPv6.
#[inline(always)]
fn may_match6(asked: Asked, src: [u64; 2], dst: [u64; 2]) -> Option<Guess> {
    let blocks = (Block::of6(apart(src[0])), Block::of6(apart(dst[0])));
    let Asked(words) = asked;
    let (exact, prefixes) = (maps::EXACT6.load() != 0, maps::prefixes6());
    if exact || prefixes {
        if exact {
            let bits = (
                blocks.0.bits(rest6(src[0], src[1]), 128),
                blocks.1.bits(rest6(dst[0], dst[1]), 128),
            );
            let has = (has_bits(words.0, bits.0), has_bits(words.1, bits.1));
            if let Some(guess) = Guess::of(has) {
                return Some(guess);
            }
        }
        if prefixes && (has(words.0, blocks.0.occupied()) || has(words.1, blocks.1.occupied())) {
            return Some(Guess::NEAR);
        }
    }
    if maps::HASHED_SHORT6.load() != 0 {
        let filter = filter()?;
        let blocks = (Block::short6(src[0]), Block::short6(dst[0]));
        let words = (filter.short_word6(blocks.0), filter.short_word6(blocks.1));
        if has(words.0, blocks.0.occupied()) || has(words.1, blocks.1.occupied()) {
            return Some(Guess::NEAR);
        }
    }
    (maps::WIDE6.load() != 0).then_some(Guess::NEAR)
}

#[inline(always)]
pub const fn has(word: u64, mark: u64) -> bool {
    word & mark == mark
}

#[inline(always)]
fn class(matched: u32, otherwise: Outcome, glance: Glance) -> Outcome {
    if matched != 0 {
        return Outcome::Hit;
    }
    // It was near a marker, and no more.
    if !glance.is_something() {
        maps::forget_sighting();
    }
    otherwise
}

/// Sets the flow of the packet aside; whether it may be one that is known.
#[inline(always)]
pub fn set_sighting(
    src: [u64; 2],
    dst: [u64; 2],
    link: &Link,
    transport: &Transport,
    family: u8,
) -> bool {
    maps::set_sighting(
        src,
        dst,
        maps::vantage(link),
        transport.ports,
        [transport.proto, family],
    )
}
