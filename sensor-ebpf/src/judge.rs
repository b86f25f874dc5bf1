//! One packet from first byte to counter: parse, look up, count.

use sensor_common::Outcome;

use crate::{
    common::Shared,
    lookup, maps, names,
    packet::Packet,
    parse::{self, IPV4},
};

/// Judges a packet and counts it under exactly one outcome.
#[inline(always)]
pub fn judge<const F: bool>(packet: &Packet<'_, F>, common: Shared) {
    let (outcome, bytes) = match parse::link(packet) {
        Err(outcome) => (outcome, packet.len()),
        Ok(link) if link.protocol == IPV4 => match parse::ipv4(packet, link.offset) {
            Err(outcome) => (outcome, packet.len()),
            Ok(ip) => {
                let asked = lookup::ask4(&ip);
                let (src, dst) = (maps::pair(0, ip.src, 32), maps::pair(0, ip.dst, 32));
                let ends = ([0, src], [0, dst]);
                let glance = names::glance(packet, &link, ends, &ip.transport, 4, common);
                let outcome = lookup::ipv4(&link, &ip, asked, glance);
                let matched = names::judge(packet, glance, ip.bytes);
                (or_hit(outcome, matched), link.offset + ip.bytes)
            }
        },
        Ok(link) => match parse::ipv6(packet, link.offset) {
            Err(outcome) => (outcome, packet.len()),
            Ok(ip) => {
                let asked = lookup::ask6(&ip);
                let ends = (ip.src, ip.dst);
                let glance = names::glance(packet, &link, ends, &ip.transport, 6, common);
                let outcome = lookup::ipv6(&link, &ip, asked, glance);
                let matched = names::judge(packet, glance, ip.bytes);
                (or_hit(outcome, matched), link.offset + ip.bytes)
            }
        },
    };
    maps::count_packet(outcome, bytes);
}

#[inline(always)]
fn or_hit(outcome: Outcome, matched: u32) -> Outcome {
    if matched != 0 { Outcome::Hit } else { outcome }
}
