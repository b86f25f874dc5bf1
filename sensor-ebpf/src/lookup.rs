//! The prefilter: decides on almost every packet that no pattern can match.
//!
//! The words of both addresses are loaded before the first branch, so that their cache misses
//! overlap. Behind a positive stands [`crate::confirm`].

use sensor_common::{Address, Block, Outcome, rest4, rest6};

use crate::{
    confirm::{self, Positive},
    maps,
    parse::{Ip4, Ip6, Link, Transport},
};

/// The outcome of an IPv4 packet.
#[inline(always)]
pub fn ipv4(link: &Link, ip: &Ip4) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let (exact, prefixes) = (maps::EXACT4.load() != 0, maps::length4(0).is_some());
    if maps::PARSE_ONLY.load() != 0 || !(exact || prefixes) {
        return otherwise;
    }
    let (src, dst) = (Block::of4(ip.src), Block::of4(ip.dst));
    let words = (maps::filter_word(src), maps::filter_word(dst));
    let mut positive = Positive::NONE;
    if exact {
        let marks = (src.mark(rest4(ip.src), 32), dst.mark(rest4(ip.dst), 32));
        positive |= marked(words, marks) * Positive::EXACT;
    }
    if prefixes {
        positive |= marked(words, (src.occupied(), dst.occupied())) * Positive::PREFIX;
        if maps::WIDE4.load() != 0 {
            positive |= Positive::PREFIX_SRC | Positive::PREFIX_DST;
        }
    }
    if positive == Positive::NONE {
        return otherwise;
    }
    let (src, dst) = ([0, 0, 0, ip.src], [0, 0, 0, ip.dst]);
    set_sighting(src, dst, link, &ip.transport, 4);
    class(
        confirm::confirm4(ip.bytes, usable(positive, ip.has_dst, &ip.transport)),
        otherwise,
    )
}

/// The outcome of an IPv6 packet.
#[inline(always)]
pub fn ipv6(link: &Link, ip: &Ip6) -> Outcome {
    let otherwise = ip.transport.otherwise;
    let (exact, prefixes) = (maps::EXACT6.load() != 0, maps::length6(0).is_some());
    if maps::PARSE_ONLY.load() != 0 || !(exact || prefixes) {
        return otherwise;
    }
    let (src, dst) = (Block::of6(ip.src), Block::of6(ip.dst));
    let words = (maps::filter_word(src), maps::filter_word(dst));
    let mut positive = Positive::NONE;
    if exact {
        let marks = (src.mark(rest6(ip.src), 128), dst.mark(rest6(ip.dst), 128));
        positive |= marked(words, marks) * Positive::EXACT;
    }
    if prefixes {
        positive |= marked(words, (src.occupied(), dst.occupied())) * Positive::PREFIX;
        if maps::SHORT6.load() != 0 {
            let (src, dst) = (Block::short6(ip.src), Block::short6(ip.dst));
            let words = (maps::filter_word(src), maps::filter_word(dst));
            positive |= marked(words, (src.occupied(), dst.occupied())) * Positive::PREFIX;
        }
        if maps::WIDE6.load() != 0 {
            positive |= Positive::PREFIX_SRC | Positive::PREFIX_DST;
        }
    }
    if positive == Positive::NONE {
        return otherwise;
    }
    set_sighting(ip.src, ip.dst, link, &ip.transport, 6);
    class(
        confirm::confirm6(ip.bytes, usable(positive, ip.has_dst, &ip.transport)),
        otherwise,
    )
}

#[inline(always)]
fn class(matched: u32, otherwise: Outcome) -> Outcome {
    if matched != 0 {
        Outcome::Hit
    } else {
        otherwise
    }
}

/// Whether each side's word has its mark: bit 0 for the source, bit 1 for the destination.
#[inline(always)]
fn marked(words: (u64, u64), marks: (u64, u64)) -> u32 {
    u32::from(words.0 & marks.0 == marks.0) | u32::from(words.1 & marks.1 == marks.1) << 1
}

/// What of a positive can be confirmed: no destination that is not there, ports that are.
#[inline(always)]
fn usable(positive: u32, has_dst: bool, transport: &Transport) -> u32 {
    let mut usable = positive;
    if !has_dst {
        usable &= !(Positive::EXACT_DST | Positive::PREFIX_DST);
    }
    if transport.has_ports {
        usable |= Positive::PORTS;
    }
    usable
}

#[inline(always)]
fn set_sighting(src: Address, dst: Address, link: &Link, transport: &Transport, family: u8) {
    let vantage = maps::SLOT.load() << 24 | link.vlans;
    maps::set_sighting(
        src,
        dst,
        vantage,
        transport.ports,
        [transport.proto, family],
    );
}
