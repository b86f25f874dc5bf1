//! The prefilter: decides on almost every packet that no pattern can match.
//!
//! The words of both addresses are loaded before the first branch, so that their cache misses
//! overlap. Behind a positive stands [`crate::confirm`].

use sensor_common::{Address, Filter, Outcome, occupancy4, occupancy6};

use crate::{
    confirm::{self, Positive},
    maps,
    parse::{Ip4, Ip6, Link, Transport},
};

/// The outcome of an IPv4 packet.
#[inline(always)]
pub fn ipv4(link: &Link, ip: &Ip4) -> Outcome {
    let otherwise = ip.transport.otherwise;
    if maps::PARSE_ONLY.load() != 0 {
        return otherwise;
    }
    let mut positive = Positive::NONE;
    if maps::EXACT4.load() != 0 {
        let (src, dst) = (Filter::of4(ip.src, 32), Filter::of4(ip.dst, 32));
        positive = exact(src, dst);
    }
    if maps::length4(0).is_some() {
        let mask = maps::OCCUPANCY_MASK.load();
        positive |= occupied(
            occupancy4(u32::from_be(ip.src), mask),
            occupancy4(u32::from_be(ip.dst), mask),
        );
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
    if maps::PARSE_ONLY.load() != 0 {
        return otherwise;
    }
    let mut positive = Positive::NONE;
    if maps::EXACT6.load() != 0 {
        positive = exact(Filter::of6(ip.src, 128), Filter::of6(ip.dst, 128));
    }
    if maps::length6(0).is_some() {
        if maps::WIDE6.load() != 0 {
            positive |= Positive::PREFIX_SRC | Positive::PREFIX_DST;
        } else {
            let mask = maps::OCCUPANCY_MASK.load();
            positive |= occupied(occupancy6(ip.src[0], mask), occupancy6(ip.dst[0], mask));
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

/// Asks the filter for both addresses.
#[inline(always)]
fn exact(src: Filter, dst: Filter) -> u32 {
    let mask = maps::FILTER_MASK.load();
    let src_word = maps::filter_word(src.word(mask));
    let dst_word = maps::filter_word(dst.word(mask));
    let mut positive = Positive::NONE;
    if src_word & src.bits() == src.bits() {
        positive |= Positive::EXACT_SRC;
    }
    if dst_word & dst.bits() == dst.bits() {
        positive |= Positive::EXACT_DST;
    }
    positive
}

/// Asks the occupancy bitmap for both blocks.
#[inline(always)]
fn occupied(src: u32, dst: u32) -> u32 {
    let src_word = maps::occupancy_word(src >> 6);
    let dst_word = maps::occupancy_word(dst >> 6);
    let mut positive = Positive::NONE;
    if src_word >> (src & 63) & 1 != 0 {
        positive |= Positive::PREFIX_SRC;
    }
    if dst_word >> (dst & 63) & 1 != 0 {
        positive |= Positive::PREFIX_DST;
    }
    positive
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
