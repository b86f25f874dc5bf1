//! The prefilter: decides on almost every packet that no pattern can match.
//!
//! The words of both addresses are loaded and asked without a branch, so that their cache misses overlap, and
//! the packet is looked at for names meanwhile. Behind a positive stands [`crate::confirm`], which asks again,
//! side by side.

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

/// What the filter tells of a packet, see `asked`: it is there while the packet is looked at for names.
#[derive(Clone, Copy)]
pub struct Asked(u64);

/// The source may be marked.
const SRC: u64 = 1;
/// The destination may be.
const DST: u64 = 2;
/// There may be prefixes around one of them.
const NEAR: u64 = 4;

/// Of an IPv4 packet.
#[inline(always)]
pub fn ask4(ip: &Ip4) -> Asked {
    let Some(filter) = filter() else {
        return Asked(0);
    };
    let exact = || maps::EXACT4.load() != 0;
    let mut found = 0;
    if exact() || maps::prefixes4() {
        let blocks = (Block::of4(ip.src), Block::of4(ip.dst));
        let bits = || {
            (
                blocks.0.bits(rest4(ip.src), 32),
                blocks.1.bits(rest4(ip.dst), 32),
            )
        };
        found = asked(filter.words4(blocks), blocks, exact, bits, maps::prefixes4);
    }
    if maps::SHORT4.load() != 0 {
        let near = filter.bits(short4(ip.src)) | filter.bits(short4(ip.dst));
        found |= near << 2 & NEAR;
    }
    Asked::now(found)
}

/// Of an IPv6 packet.
#[inline(always)]
pub fn ask6(ip: &Ip6) -> Asked {
    let Some(filter) = filter() else {
        return Asked(0);
    };
    let exact = || maps::EXACT6.load() != 0;
    let mut found = 0;
    if exact() || maps::prefixes6() {
        let blocks = (Block::of6(ip.src[0]), Block::of6(ip.dst[0]));
        let bits = || {
            (
                blocks.0.bits(rest6(ip.src[0], ip.src[1]), 128),
                blocks.1.bits(rest6(ip.dst[0], ip.dst[1]), 128),
            )
        };
        found = asked(filter.words6(blocks), blocks, exact, bits, maps::prefixes6);
    }
    if maps::HASHED_SHORT6.load() != 0 {
        let blocks = (Block::short6(ip.src[0]), Block::short6(ip.dst[0]));
        let words = (filter.short_word6(blocks.0), filter.short_word6(blocks.1));
        found |= near(words, blocks);
    }
    if maps::WIDE6.load() != 0 {
        found |= NEAR;
    }
    Asked::now(found)
}

/// Asks the words of two blocks for addresses, if there are any, and for prefixes.
#[inline(always)]
fn asked(
    words: (u64, u64),
    blocks: (Block, Block),
    exact: impl Fn() -> bool,
    bits: impl Fn() -> (u64, u64),
    prefixes: impl Fn() -> bool,
) -> u64 {
    let mut found = 0;
    if exact() {
        let bits = bits();
        found |= has_bits(words.0, bits.0) & SRC;
        found |= has_bits(words.1, bits.1) << 1 & DST;
    }
    if prefixes() {
        found |= near(words, blocks);
    }
    found
}

/// Whether prefixes are marked in one of two blocks.
#[inline(always)]
fn near(words: (u64, u64), blocks: (Block, Block)) -> u64 {
    let bits = (blocks.0.occupied_bits(), blocks.1.occupied_bits());
    (has_bits(words.0, bits.0) | has_bits(words.1, bits.1)) << 2 & NEAR
}

impl Asked {
    /// Computed here, not where somebody asks: the words and what they are asked would be kept until then.
    #[inline(always)]
    fn now(found: u64) -> Self {
        Self(apart(found))
    }
}

/// The outcome of an IPv4 packet; `glance` tells whether its flow is looked at again.
#[inline(always)]
pub fn ipv4(link: &Link, ip: &Ip4, asked: Asked, glance: Glance) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let Some(guess) = Guess::of(asked) else {
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
pub fn ipv6(link: &Link, ip: &Ip6, asked: Asked, glance: Glance) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let Some(guess) = Guess::of(asked) else {
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

    /// One question for all.
    #[inline(always)]
    const fn of(Asked(found): Asked) -> Option<Self> {
        if found == 0 {
            None
        } else if found & SRC != 0 {
            Some(Self::SRC)
        } else if found & DST != 0 {
            Some(Self::DST)
        } else {
            Some(Self::NEAR)
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
