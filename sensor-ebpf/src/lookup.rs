//! The prefilter: decides on almost every packet that no pattern can match.
//!
//! The words of both addresses are loaded before the first branch, so that their cache misses
//! overlap. Behind a positive stands [`crate::confirm`], which asks again, side by side.

use sensor_common::{Block, Outcome, rest4, rest6, short4};

use crate::{
    confirm::{self, Present},
    maps::{self, Filter},
    parse::{Ip4, Ip6, Link, Transport},
};

/// The outcome of an IPv4 packet.
#[inline(always)]
pub fn ipv4(link: &Link, ip: &Ip4) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let Some(filter) = filter() else {
        return otherwise;
    };
    if !may_match4(filter, ip.src, ip.dst) {
        return otherwise;
    }
    let (src, dst) = (maps::pair(0, ip.src, 32), maps::pair(0, ip.dst, 32));
    set_sighting([0, src], [0, dst], link, &ip.transport, 4);
    let present = Present::of(ip.has_dst, ip.transport.has_ports);
    class(confirm::confirm4(ip.bytes, present), otherwise)
}

/// The outcome of an IPv6 packet.
#[inline(always)]
pub fn ipv6(link: &Link, ip: &Ip6) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let Some(filter) = filter() else {
        return otherwise;
    };
    if !may_match6(filter, ip.src, ip.dst) {
        return otherwise;
    }
    set_sighting(ip.src, ip.dst, link, &ip.transport, 6);
    let present = Present::of(ip.has_dst, ip.transport.has_ports);
    class(confirm::confirm6(ip.bytes, present), otherwise)
}

#[inline(always)]
fn filter() -> Option<Filter> {
    if maps::PARSE_ONLY.load() != 0 {
        return None;
    }
    maps::filter()
}

/// Whether a pattern may cover one of the addresses.
#[inline(always)]
fn may_match4(filter: Filter, src: u32, dst: u32) -> bool {
    let (exact, prefixes) = (maps::EXACT4.load() != 0, maps::prefixes4());
    if exact || prefixes {
        let blocks = (Block::of4(src), Block::of4(dst));
        let words = (filter.word4(blocks.0), filter.word4(blocks.1));
        if exact {
            let marks = (blocks.0.mark(rest4(src), 32), blocks.1.mark(rest4(dst), 32));
            if has(words.0, marks.0) || has(words.1, marks.1) {
                return true;
            }
        }
        if prefixes && (has(words.0, blocks.0.occupied()) || has(words.1, blocks.1.occupied())) {
            return true;
        }
    }
    maps::SHORT4.load() != 0 && (filter.bits(short4(src)) | filter.bits(short4(dst))) & 1 != 0
}

/// The same of IPv6.
#[inline(always)]
fn may_match6(filter: Filter, src: [u64; 2], dst: [u64; 2]) -> bool {
    let (exact, prefixes) = (maps::EXACT6.load() != 0, maps::prefixes6());
    if exact || prefixes {
        let blocks = (Block::of6(src[0]), Block::of6(dst[0]));
        let words = (filter.word6(blocks.0), filter.word6(blocks.1));
        if exact {
            let marks = (
                blocks.0.mark(rest6(src[0], src[1]), 128),
                blocks.1.mark(rest6(dst[0], dst[1]), 128),
            );
            if has(words.0, marks.0) || has(words.1, marks.1) {
                return true;
            }
        }
        if prefixes && (has(words.0, blocks.0.occupied()) || has(words.1, blocks.1.occupied())) {
            return true;
        }
    }
    if maps::HASHED_SHORT6.load() != 0 {
        let blocks = (Block::short6(src[0]), Block::short6(dst[0]));
        let words = (filter.short_word6(blocks.0), filter.short_word6(blocks.1));
        if has(words.0, blocks.0.occupied()) || has(words.1, blocks.1.occupied()) {
            return true;
        }
    }
    maps::WIDE6.load() != 0
}

#[inline(always)]
pub const fn has(word: u64, mark: u64) -> bool {
    word & mark == mark
}

#[inline(always)]
fn class(matched: u32, otherwise: Outcome) -> Outcome {
    if matched != 0 {
        Outcome::Hit
    } else {
        otherwise
    }
}

#[inline(always)]
pub fn set_sighting(src: [u64; 2], dst: [u64; 2], link: &Link, transport: &Transport, family: u8) {
    maps::set_sighting(
        src,
        dst,
        maps::vantage(link),
        transport.ports,
        [transport.proto, family],
    );
}
