//! IPv4 and IPv6 down to the ports.

use std::net::IpAddr;

use sensor_common::Outcome;

use super::link::{Link, link};

/// What there is to judge in a frame.
pub struct Sight {
    pub src: IpAddr,
    pub dst: Option<IpAddr>,
    pub ports: Option<(u16, u16)>,
    pub proto: u8,
    pub bytes: u32,
    pub vlans: [u16; 2],
    /// Where the packet is in the frame, and where its transport header is, if it was reached.
    packet: usize,
    transport: Option<usize>,
}

/// What stands behind a TCP or UDP header.
pub struct Payload {
    pub proto: u8,
    pub ports: (u16, u16),
    /// Whether the segment opens a connection.
    pub opens: bool,
    /// Whether the frame has the whole packet.
    pub whole: bool,
    pub range: std::ops::Range<usize>,
}

/// The payload of a frame's outermost packet, if it has ports; a segment that resets a connection has
/// none.
pub fn payload(frame: &[u8]) -> Option<Payload> {
    let sight = sight(frame).1?;
    let (ports, at) = (sight.ports?, sight.packet + sight.transport?);
    let past = sight.packet + sight.bytes as usize;
    let (end, whole) = (frame.len().min(past), frame.len() >= past);
    let mut opens = false;
    let start = match sight.proto {
        6 => {
            let (offset, flags) = (*frame.get(at + 12)?, *frame.get(at + 13)?);
            if flags & 0x04 != 0 {
                return None;
            }
            opens = flags & 0x16 == 0x02;
            at + usize::from(offset >> 4) * 4
        }
        17 => at + 8,
        _ => return None,
    };
    Some(Payload {
        proto: sight.proto,
        ports,
        opens,
        whole,
        range: start.min(end)..end,
    })
}

/// What stands behind the addresses: last protocol number, its offset, or why it was not reached.
struct Chain {
    proto: u8,
    reached: Result<usize, Outcome>,
}

/// The outcome when no pattern matches, and what patterns are compared with.
pub fn sight(frame: &[u8]) -> (Outcome, Option<Sight>) {
    let link = match link(frame) {
        Ok(link) => link,
        Err(outcome) => return (outcome, None),
    };
    if link.version == 4 {
        ipv4(frame, &link)
    } else {
        ipv6(frame, &link)
    }
}

/// RFC 791 §3.1.
fn ipv4(frame: &[u8], link: &Link) -> (Outcome, Option<Sight>) {
    let packet = &frame[link.offset..];
    let Some(src) = address4(packet, 12) else {
        return (Outcome::Truncated, None);
    };
    let dst = address4(packet, 16);
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    let total_len = length(packet, 2);
    if packet[0] >> 4 != 4 || header_len < 20 || (total_len != 0 && total_len < header_len) {
        let outcome = match dst {
            None => Outcome::Truncated,
            Some(_) => Outcome::Malformed,
        };
        return (outcome, None);
    }
    // A super-frame's length does not fit its field, which is zero then.
    let bytes = if total_len == 0 {
        packet.len()
    } else {
        total_len
    };
    let fragment_offset = u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff;
    let chain = Chain {
        proto: packet[9],
        reached: if fragment_offset == 0 {
            Ok(header_len)
        } else {
            Err(Outcome::Fragment)
        },
    };
    judged(packet, link, src, dst, bytes, chain)
}

/// RFC 8200 §3.
fn ipv6(frame: &[u8], link: &Link) -> (Outcome, Option<Sight>) {
    let packet = &frame[link.offset..];
    let Some(src) = address6(packet, 8) else {
        return (Outcome::Truncated, None);
    };
    let dst = address6(packet, 24);
    if packet[0] >> 4 != 6 {
        let outcome = match dst {
            None => Outcome::Truncated,
            Some(_) => Outcome::Malformed,
        };
        return (outcome, None);
    }
    let payload_len = length(packet, 4);
    // RFC 2675 §3: the length of a jumbogram is zero, and stands in a hop-by-hop option.
    let bytes = if payload_len == 0 && packet[6] == 0 {
        packet.len()
    } else {
        40 + payload_len
    };
    let chain = walk(packet, bytes);
    judged(packet, link, src, dst, bytes, chain)
}

/// RFC 8200 §4: at most eight extension headers. A header counts when its first four bytes are in
/// the frame and the eight that any has are within the packet's own length.
fn walk(packet: &[u8], bytes: usize) -> Chain {
    let mut proto = packet[6];
    let mut at = 40;
    for _ in 0..8 {
        if !is_extension(proto) {
            break;
        }
        if at + 8 > bytes || at + 4 > packet.len() {
            return Chain {
                proto,
                reached: Err(Outcome::Truncated),
            };
        }
        let kind = proto;
        let units = usize::from(packet[at + 1]);
        proto = packet[at];
        match kind {
            // RFC 8200 §4.5: eight bytes; the offset is the upper 13 bits of the second word.
            44 => {
                if u16::from_be_bytes([packet[at + 2], packet[at + 3]]) >> 3 != 0 {
                    return Chain {
                        proto,
                        reached: Err(Outcome::Fragment),
                    };
                }
                at += 8;
            }
            // RFC 4302 §2.2: in words, less two.
            51 => at += (units + 2) * 4,
            // RFC 6564 §4: in units of eight bytes, the first left out.
            _ => at += (units + 1) * 8,
        }
    }
    Chain {
        proto,
        reached: if is_extension(proto) {
            Err(Outcome::TooDeep)
        } else {
            Ok(at)
        },
    }
}

/// Hop-by-hop, routing, fragment, authentication, destination, mobility, HIP, Shim6 (IANA's list of
/// extension headers, less ESP, behind which all is ciphertext, and the two for experiments).
fn is_extension(proto: u8) -> bool {
    [0, 43, 44, 51, 60, 135, 139, 140].contains(&proto)
}

/// The outcome by the precedence of [`Outcome`]: truncated, malformed, too deep, fragment, outer
/// only, multicast.
fn judged(
    packet: &[u8],
    link: &Link,
    src: IpAddr,
    dst: Option<IpAddr>,
    bytes: usize,
    chain: Chain,
) -> (Outcome, Option<Sight>) {
    let has_ports = [6, 17, 132].contains(&chain.proto);
    let mut ports = None;
    if let (true, Ok(at)) = (has_ports, chain.reached)
        && at + 4 <= bytes
        && let Some(four) = packet.get(at..at + 4)
    {
        let src = u16::from_be_bytes([four[0], four[1]]);
        let dst = u16::from_be_bytes([four[2], four[3]]);
        ports = Some((src, dst));
    }
    let outcome = match (dst, chain.reached) {
        (None, _) => Outcome::Truncated,
        (_, Err(outcome)) => outcome,
        _ if has_ports && ports.is_none() => Outcome::Truncated,
        _ if hides(chain.proto) => Outcome::OuterOnly,
        (Some(dst), _) if is_group(dst) => Outcome::Multicast,
        _ => Outcome::Miss,
    };
    let sight = Sight {
        src,
        dst,
        ports,
        proto: chain.proto,
        bytes: bytes as u32,
        vlans: link.vlans,
        packet: link.offset,
        transport: chain.reached.ok(),
    };
    (outcome, Some(sight))
}

/// IPv4 in IP, IPv6 in IP, GRE, ESP, AH (behind IPv4: behind IPv6 it is on the chain), minimal
/// encapsulation (RFC 2004), IPIP, EtherIP (RFC 3378), encapsulation header (RFC 1241), IPComp
/// (RFC 3173), L2TP, MPLS in IP, Ethernet (RFC 8986).
fn hides(proto: u8) -> bool {
    [4, 41, 47, 50, 51, 55, 94, 97, 98, 108, 115, 137, 143].contains(&proto)
}

/// 224.0.0.0/4 (RFC 1112), the limited broadcast address (RFC 919), ff00::/8 (RFC 4291 §2.7).
fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    }
}

fn length(packet: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]))
}

fn address4(packet: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

fn address6(packet: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
    Some(octets.into())
}
