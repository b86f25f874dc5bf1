//! What may stand between Ethernet and the outermost IP header: VLAN tags, PPPoE, MPLS, LLC/SNAP.

use aya_ebpf::bindings::xdp_md;
use sensor_common::{MAX_MPLS_LABELS, MAX_VLAN_TAGS, Outcome};

use crate::{
    packet::Packet,
    parse::{IPV4, IPV6, Link},
};

const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;
/// Before 802.1ad: still what much metro equipment sends as the outer tag.
const OLD_SERVICE_VLAN: u16 = 0x9100;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
/// Smallest EtherType; below it the field is an 802.3 length.
const FIRST_ETHERTYPE: u16 = 0x0600;

/// Reads on from the EtherType, which is not IP's; `Err` with the class of what is not IP.
#[inline(always)]
pub fn link<const F: bool>(packet: &Packet<'_, F>) -> Result<Link, Outcome> {
    let packed = if F {
        encapsulated_frags(packet.raw())
    } else {
        encapsulated_linear(packet.raw())
    };
    let protocol = match packed >> 32 & 0xf {
        IS_IPV4 => IPV4,
        IS_IPV6 => IPV6,
        IS_UNKNOWN => return Err(Outcome::UnknownEncapsulation),
        IS_TRUNCATED => return Err(Outcome::Truncated),
        _ => return Err(Outcome::NotIp),
    };
    Ok(Link {
        protocol,
        offset: (packed >> 24 & 0xff) as u32,
        vlans: (packed & 0xff_ffff) as u32,
    })
}

const IS_IPV4: u64 = 1;
const IS_IPV6: u64 = 2;
const IS_UNKNOWN: u64 = 3;
const IS_TRUNCATED: u64 = 4;

/// A global function, verified once; the answer is packed in one word: VLAN ids, offset, protocol.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn encapsulated_frags(ctx: *mut xdp_md) -> u64 {
    packed(&Packet::<true>::from_raw(ctx))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn encapsulated_linear(ctx: *mut xdp_md) -> u64 {
    packed(&Packet::<false>::from_raw(ctx))
}

#[inline(always)]
fn packed<const F: bool>(packet: &Packet<'_, F>) -> u64 {
    match encapsulated(packet) {
        Ok(link) => {
            let protocol = if link.protocol == IPV4 {
                IS_IPV4
            } else {
                IS_IPV6
            };
            protocol << 32 | u64::from(link.offset & 0xff) << 24 | u64::from(link.vlans)
        }
        Err(Outcome::UnknownEncapsulation) => IS_UNKNOWN << 32,
        Err(Outcome::Truncated) => IS_TRUNCATED << 32,
        Err(_) => 0,
    }
}

#[inline(always)]
fn encapsulated<const F: bool>(packet: &Packet<'_, F>) -> Result<Link, Outcome> {
    let mut protocol = u16::from_be(packet.read(12).ok_or(Outcome::Truncated)?);
    let mut offset = 14;
    let mut vlans = 0;
    for depth in 0..MAX_VLAN_TAGS {
        if !is_vlan(protocol) {
            break;
        }
        let tag: [u16; 2] = packet.read(offset).ok_or(Outcome::Truncated)?;
        let id = u32::from(u16::from_be(tag[0]) & 0x0fff);
        match depth {
            0 => vlans = id << 12,
            1 => vlans |= id,
            _ => {}
        }
        protocol = u16::from_be(tag[1]);
        offset += 4;
    }
    let (protocol, offset) = match protocol {
        IPV4 | IPV6 => (protocol, offset),
        PPPOE_SESSION => pppoe(packet, offset)?,
        MPLS | MPLS_MULTICAST => mpls(packet, offset)?,
        _ if protocol < FIRST_ETHERTYPE => snap(packet, offset)?,
        _ if is_vlan(protocol) || is_tunnel(protocol) => return Err(Outcome::UnknownEncapsulation),
        _ => return Err(Outcome::NotIp),
    };
    Ok(Link {
        protocol,
        offset,
        vlans,
    })
}

const fn is_vlan(protocol: u16) -> bool {
    matches!(protocol, VLAN | SERVICE_VLAN | OLD_SERVICE_VLAN)
}

/// EtherTypes that carry whole frames: provider backbone, MACsec, FabricPath, TRILL, NSH, HSR,
/// PRP, VN-Tag.
const fn is_tunnel(protocol: u16) -> bool {
    matches!(
        protocol,
        0x88e7 | 0x88e5 | 0x8903 | 0x22f3 | 0x894f | 0x892f | 0x88fb | 0x8926
    )
}

/// IP protocols behind which another packet, compressed data or ciphertext stands: IP-in-IP, 6in4,
/// GRE, ESP, AH (in IPv4; in IPv6 it is walked), minimal encapsulation, IPIP, EtherIP,
/// encapsulation header, IPComp, L2TP, MPLS-in-IP, Ethernet.
pub const fn carries_hidden(proto: u8) -> bool {
    matches!(
        proto,
        4 | 41 | 47 | 50 | 51 | 55 | 94 | 97 | 98 | 108 | 115 | 137 | 143
    )
}

/// RFC 2516: six bytes, then the PPP protocol.
#[inline(always)]
fn pppoe<const F: bool>(packet: &Packet<'_, F>, offset: u32) -> Result<(u16, u32), Outcome> {
    let ppp: u16 = packet.read(offset + 6).ok_or(Outcome::Truncated)?;
    match u16::from_be(ppp) {
        0x0021 => Ok((IPV4, offset + 8)),
        0x0057 => Ok((IPV6, offset + 8)),
        _ => Err(Outcome::NotIp),
    }
}

/// RFC 3032: labels up to the bottom of the stack, then an IP packet or something unnamed.
#[inline(always)]
fn mpls<const F: bool>(packet: &Packet<'_, F>, mut offset: u32) -> Result<(u16, u32), Outcome> {
    for _ in 0..MAX_MPLS_LABELS {
        let label: u32 = packet.read(offset).ok_or(Outcome::Truncated)?;
        offset += 4;
        if u32::from_be(label) & 0x100 != 0 {
            let first: u8 = packet.read(offset).ok_or(Outcome::Truncated)?;
            return match first >> 4 {
                4 => Ok((IPV4, offset)),
                6 => Ok((IPV6, offset)),
                _ => Err(Outcome::UnknownEncapsulation),
            };
        }
    }
    Err(Outcome::UnknownEncapsulation)
}

/// RFC 1042: an 802.3 length, LLC, then an EtherType.
#[inline(always)]
fn snap<const F: bool>(packet: &Packet<'_, F>, offset: u32) -> Result<(u16, u32), Outcome> {
    let header: [u16; 4] = packet.read(offset).ok_or(Outcome::NotIp)?;
    let is_snap =
        u16::from_be(header[0]) == 0xaaaa && u16::from_be(header[1]) == 0x0300 && header[2] == 0;
    match u16::from_be(header[3]) {
        protocol @ (IPV4 | IPV6) if is_snap => Ok((protocol, offset + 8)),
        _ => Err(Outcome::NotIp),
    }
}
