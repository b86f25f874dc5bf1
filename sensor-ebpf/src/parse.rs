//! Ethernet, IPv4 and IPv6 down to the ports; never fails, says what it could not read.

use sensor_common::Outcome;

use crate::{encap, extension, packet::Packet};

/// The network layer of a frame: what it is and where it starts.
pub struct Link {
    pub protocol: u16,
    pub offset: u32,
    /// Outer VLAN id in bits 12 to 23, next one in bits 0 to 11.
    pub vlans: u32,
}

/// What follows the network header.
pub struct Transport {
    pub proto: u8,
    /// Source and destination port, host byte order; zero where not read.
    pub ports: (u16, u16),
    /// Where its header begins, and where the packet ends in the frame; zero without ports.
    pub offset: u32,
    pub end: u32,
    /// The class of the packet if no pattern matches.
    pub otherwise: Outcome,
}

pub struct Ip4 {
    pub src: u32,
    /// Zero when the frame ends before it.
    pub dst: u32,
    pub has_dst: bool,
    pub bytes: u32,
    pub transport: Transport,
}

pub struct Ip6 {
    pub src: [u64; 2],
    /// Zero when the frame ends before it.
    pub dst: [u64; 2],
    pub has_dst: bool,
    pub bytes: u32,
    pub transport: Transport,
}

pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
const SCTP: u8 = 132;

/// The link layer; `Err` with the class of what is not IP.
#[inline(always)]
pub fn link<const F: bool>(packet: &Packet<'_, F>) -> Result<Link, Outcome> {
    let protocol = u16::from_be(packet.read(12).ok_or(Outcome::Truncated)?);
    if protocol == IPV4 || protocol == IPV6 {
        return Ok(Link {
            protocol,
            offset: 14,
            vlans: 0,
        });
    }
    encap::link(packet)
}

/// The IPv4 header at `offset` (RFC 791) and the ports behind it.
#[inline(always)]
pub fn ipv4<const F: bool>(packet: &Packet<'_, F>, offset: u32) -> Result<Ip4, Outcome> {
    let Some(header) = packet.read::<[u32; 5]>(offset) else {
        return cut_ipv4(packet, offset);
    };
    let first = u32::from_be(header[0]);
    let header_len = (first >> 24 & 0x0f) * 4;
    let total_len = first & 0xffff;
    if first >> 28 != 4 || header_len < 20 || (total_len != 0 && total_len < header_len) {
        return Err(Outcome::Malformed);
    }
    let proto = (u32::from_be(header[2]) >> 16 & 0xff) as u8;
    let dst = header[4];
    let transport = if u32::from_be(header[1]) & 0x1fff != 0 {
        Transport::without_ports(proto, Outcome::Fragment)
    } else {
        let group = dst & UPPER == UPPER && is_group4(dst) != 0;
        transport(
            packet,
            proto,
            offset + header_len,
            ip_end(offset, total_len),
            group,
        )
    };
    Ok(Ip4 {
        src: header[3],
        dst,
        has_dst: true,
        bytes: ip_bytes(packet, offset, total_len),
        transport,
    })
}

/// The IPv6 header at `offset` (RFC 8200), its extension headers and the ports behind them.
#[inline(always)]
pub fn ipv6<const F: bool>(packet: &Packet<'_, F>, offset: u32) -> Result<Ip6, Outcome> {
    let Some([lead, src @ .., to_high, to_low]) = packet.read::<[u64; 5]>(offset) else {
        return cut_ipv6(packet, offset);
    };
    if u64::from_be(lead) >> 60 != 6 {
        return Err(Outcome::Malformed);
    }
    let (next, total_len) = next_and_length(lead);
    let dst = [to_high, to_low];
    let group = u64::from_be(to_high) >> 56 == 0xff;
    let end = ip_end(offset, total_len);
    let transport = if extension::is_extension(next) {
        match extension::last(packet, next, offset + 40, end) {
            Ok((proto, offset)) => transport(packet, proto, offset, end, group),
            Err((proto, outcome)) => Transport::without_ports(proto, outcome),
        }
    } else {
        transport(packet, next, offset + 40, end, group)
    };
    Ok(Ip6 {
        src,
        dst,
        has_dst: true,
        bytes: ip_bytes(packet, offset, total_len),
        transport,
    })
}

/// A frame that ends within the IPv4 header (a short capture): judged by the source, if that is
/// there.
#[inline(always)]
fn cut_ipv4<const F: bool>(packet: &Packet<'_, F>, offset: u32) -> Result<Ip4, Outcome> {
    let header: [u32; 4] = packet.read(offset).ok_or(Outcome::Truncated)?;
    let first = u32::from_be(header[0]);
    let header_len = (first >> 24 & 0x0f) * 4;
    let total_len = first & 0xffff;
    if first >> 28 != 4 || header_len < 20 || (total_len != 0 && total_len < header_len) {
        return Err(Outcome::Truncated);
    }
    let proto = (u32::from_be(header[2]) >> 16 & 0xff) as u8;
    Ok(Ip4 {
        src: header[3],
        dst: 0,
        has_dst: false,
        bytes: ip_bytes(packet, offset, total_len),
        transport: Transport::without_ports(proto, Outcome::Truncated),
    })
}

/// The same for IPv6.
#[inline(always)]
fn cut_ipv6<const F: bool>(packet: &Packet<'_, F>, offset: u32) -> Result<Ip6, Outcome> {
    let [lead, src @ ..]: [u64; 3] = packet.read(offset).ok_or(Outcome::Truncated)?;
    if u64::from_be(lead) >> 60 != 6 {
        return Err(Outcome::Truncated);
    }
    let (next, total_len) = next_and_length(lead);
    Ok(Ip6 {
        src,
        dst: [0; 2],
        has_dst: false,
        bytes: ip_bytes(packet, offset, total_len),
        transport: Transport::without_ports(next, Outcome::Truncated),
    })
}

/// Next header and total length from the first eight bytes of an IPv6 header.
#[inline(always)]
fn next_and_length(lead: u64) -> (u8, u32) {
    let second = u64::from_be(lead) as u32;
    let next = (second >> 8 & 0xff) as u8;
    // A zero payload length before a hop-by-hop header announces a jumbogram (RFC 2675).
    match second >> 16 {
        0 if next == extension::HOP_BY_HOP => (next, 0),
        payload => (next, payload + 40),
    }
}

impl Transport {
    /// Whether the ports were read.
    #[inline(always)]
    pub const fn has_ports(&self) -> bool {
        self.offset != 0
    }

    #[inline(always)]
    const fn without_ports(proto: u8, otherwise: Outcome) -> Self {
        Self {
            proto,
            ports: (0, 0),
            offset: 0,
            end: 0,
            otherwise,
        }
    }
}

const WITH_PORTS: u32 = 1;
const HIDDEN: u32 = 2;

/// What is behind the header of a protocol that is neither TCP nor UDP. A function by itself, as the next
/// one: the compiler asks many numbers at once otherwise, of each packet.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn rare_protocol(proto: u32) -> u32 {
    let proto = proto as u8;
    if proto == SCTP {
        WITH_PORTS
    } else if encap::carries_hidden(proto) {
        HIDDEN
    } else {
        0
    }
}

/// Whether an IPv4 address, as it stands in the packet, is a group's, or broadcast: 1 or 0.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn is_group4(address: u32) -> u32 {
    u32::from(address == u32::MAX || u32::from_be(address) >> 28 == 0xe)
}

/// Of the first byte of groups' addresses and of broadcast.
const UPPER: u32 = u32::from_ne_bytes([0xe0, 0, 0, 0]);

/// The ports at `offset`, when the protocol has them and they lie before the end of the packet.
#[inline(always)]
fn transport<const F: bool>(
    packet: &Packet<'_, F>,
    proto: u8,
    offset: u32,
    end: u32,
    group: bool,
) -> Transport {
    let judged = if group {
        Outcome::Multicast
    } else {
        Outcome::Miss
    };
    if proto != TCP && proto != UDP {
        match rare_protocol(u32::from(proto)) {
            WITH_PORTS => {}
            HIDDEN => return Transport::without_ports(proto, Outcome::OuterOnly),
            _ => return Transport::without_ports(proto, judged),
        }
    }
    if offset + 4 > end {
        return Transport::without_ports(proto, Outcome::Truncated);
    }
    match packet.read::<u32>(offset).map(u32::from_be) {
        None => Transport::without_ports(proto, Outcome::Truncated),
        Some(ports) => Transport {
            proto,
            ports: ((ports >> 16) as u16, ports as u16),
            offset,
            end,
            otherwise: judged,
        },
    }
}

/// Where the packet ends in the frame: link padding behind it is not its content.
#[inline(always)]
const fn ip_end(offset: u32, total_len: u32) -> u32 {
    if total_len == 0 {
        u32::MAX
    } else {
        offset + total_len
    }
}

/// IP length; a super-frame whose length field is zero counts what is left of the frame.
#[inline(always)]
fn ip_bytes<const F: bool>(packet: &Packet<'_, F>, offset: u32, total_len: u32) -> u32 {
    if total_len == 0 {
        packet.len().saturating_sub(offset)
    } else {
        total_len
    }
}
