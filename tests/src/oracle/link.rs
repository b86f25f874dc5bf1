//! Ethernet down to the IP header.

use sensor_common::Outcome;

/// Where the outermost IP header starts, and what stands before it.
pub struct Link {
    /// Offset of the header.
    pub offset: usize,
    /// Version that the layer below promises.
    pub version: u8,
    /// Ids of the two outer VLAN tags.
    pub vlans: [u16; 2],
}

/// Finds the outermost IP header.
pub fn link(frame: &[u8]) -> Result<Link, Outcome> {
    let mut vlans = Vec::new();
    // The EtherType stands behind two addresses (IEEE 802.3 §3.2).
    let mut at = 12;
    let mut kind = field16(frame, at)?;
    at += 2;
    while is_vlan(kind) {
        if vlans.len() == 3 {
            return Err(Outcome::UnknownEncapsulation);
        }
        vlans.push(field16(frame, at)? & 0x0fff);
        kind = field16(frame, at + 2)?;
        at += 4;
    }
    let (version, offset) = match kind {
        0x0800 => (4, at),
        0x86dd => (6, at),
        0x8864 => pppoe(frame, at)?,
        0x8847 | 0x8848 => mpls(frame, at)?,
        0..0x0600 => snap(frame, at)?,
        // PBB, MACsec, FabricPath, TRILL, NSH, HSR, PRP, VN-Tag: whole frames within frames.
        0x88e7 | 0x88e5 | 0x8903 | 0x22f3 | 0x894f | 0x892f | 0x88fb | 0x8926 => {
            return Err(Outcome::UnknownEncapsulation);
        }
        _ => return Err(Outcome::NotIp),
    };
    let id = |index: usize| vlans.get(index).copied().unwrap_or(0);
    Ok(Link {
        offset,
        version,
        vlans: [id(0), id(1)],
    })
}

fn is_vlan(kind: u16) -> bool {
    [0x8100, 0x88a8, 0x9100].contains(&kind)
}

/// RFC 2516 §4: version, type, code, session, length; then the PPP protocol (RFC 1661 §2), 0x0021
/// for IPv4 (RFC 1332) and 0x0057 for IPv6 (RFC 5072).
fn pppoe(frame: &[u8], at: usize) -> Result<(u8, usize), Outcome> {
    match field16(frame, at + 6)? {
        0x0021 => Ok((4, at + 8)),
        0x0057 => Ok((6, at + 8)),
        _ => Err(Outcome::NotIp),
    }
}

/// RFC 3032 §2.1: four bytes a label, the bottom one has bit 8 set; what follows is told by the
/// first nibble (RFC 4928 §3).
fn mpls(frame: &[u8], at: usize) -> Result<(u8, usize), Outcome> {
    for index in 0..8 {
        let low = field16(frame, at + index * 4 + 2)?;
        if low & 0x0100 == 0 {
            continue;
        }
        let packet = at + index * 4 + 4;
        return match frame.get(packet).ok_or(Outcome::Truncated)? >> 4 {
            4 => Ok((4, packet)),
            6 => Ok((6, packet)),
            _ => Err(Outcome::UnknownEncapsulation),
        };
    }
    Err(Outcome::UnknownEncapsulation)
}

/// RFC 1042: AA AA 03, organisation 0, then an EtherType. A frame that ends within these eight
/// bytes is no IP packet: 802.3 frames as short as that exist (LLC without SNAP).
fn snap(frame: &[u8], at: usize) -> Result<(u8, usize), Outcome> {
    match frame.get(at..at + 8) {
        Some([0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00]) => Ok((4, at + 8)),
        Some([0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd]) => Ok((6, at + 8)),
        _ => Err(Outcome::NotIp),
    }
}

fn field16(frame: &[u8], at: usize) -> Result<u16, Outcome> {
    match frame.get(at..at + 2) {
        Some(bytes) => Ok(u16::from_be_bytes([bytes[0], bytes[1]])),
        None => Err(Outcome::Truncated),
    }
}
