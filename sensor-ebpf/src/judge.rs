//! One packet from first byte to counter: parse, look up, count.

use crate::{
    lookup, maps,
    packet::Packet,
    parse::{self, IPV4},
};

/// Judges a packet and counts it under exactly one outcome.
#[inline(always)]
pub fn judge<const F: bool>(packet: &Packet<'_, F>) {
    let (outcome, bytes) = match parse::link(packet) {
        Err(outcome) => (outcome, packet.len()),
        Ok(link) if link.protocol == IPV4 => match parse::ipv4(packet, link.offset) {
            Err(outcome) => (outcome, packet.len()),
            Ok(ip) => (lookup::ipv4(&link, &ip), link.offset + ip.bytes),
        },
        Ok(link) => match parse::ipv6(packet, link.offset) {
            Err(outcome) => (outcome, packet.len()),
            Ok(ip) => (lookup::ipv6(&link, &ip), link.offset + ip.bytes),
        },
    };
    maps::count_packet(outcome, bytes);
}
