//! What the sensor must say about a frame: slow, obvious, written from the RFCs.
//!
//! Only the outermost IP header counts. An address counts when all its bytes are in the frame,
//! though the header be cut behind it.

use std::net::IpAddr;

use sensor_common::{MATCHED_DST_IP, MATCHED_SRC_IP, Outcome};
use sensor_user::{
    markers::compile,
    model::{Image, Marker, Pattern},
};

mod link;
pub mod names;
mod network;

use network::Sight;

/// The image of the patterns that the oracle judges by, for the program.
///
/// # Panics
/// When two of them have one id.
#[must_use]
pub fn image(patterns: &[Pattern]) -> Image {
    let markers: Vec<Marker> = patterns
        .iter()
        .map(|pattern| Marker::new(pattern.to_string(), pattern.clone()))
        .collect();
    compile(&markers, jiff::Timestamp::UNIX_EPOCH).expect("no collision")
}

/// What the sensor must say about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where the frame ends.
    pub outcome: Outcome,
    /// Every pattern that matched, in the order given.
    pub hits: Vec<OracleHit>,
}

/// One (frame, pattern) match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleHit {
    /// The pattern.
    pub pattern: Pattern,
    /// [`MATCHED_SRC_IP`] when the pattern matches the source (whatever the destination), else
    /// [`MATCHED_DST_IP`].
    pub matched_in: u8,
    /// Version of IP, 4 or 6.
    pub family: u8,
    /// Source address.
    pub src: IpAddr,
    /// Destination address; unspecified when the frame ends before its last byte.
    pub dst: IpAddr,
    /// Source port; 0 where there is none or it cannot be read.
    pub src_port: u16,
    /// Destination port; see `src_port`.
    pub dst_port: u16,
    /// IP protocol: the last header number read on the IPv6 chain.
    pub proto: u8,
    /// Length of the IP packet, bytes: as its header says, or what is left of the frame when the
    /// header says zero.
    pub bytes: u32,
    /// Ids of the two outer VLAN tags, outermost first; 0 where there is none.
    pub vlans: [u16; 2],
}

impl OracleHit {
    /// The vantage of the hit on the interface in `slot`.
    #[must_use]
    pub fn vantage(&self, slot: u8) -> u32 {
        u32::from(slot) << 24 | u32::from(self.vlans[0]) << 12 | u32::from(self.vlans[1])
    }
}

/// The outermost addresses of a frame that the sensor judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Source.
    pub src: IpAddr,
    /// Destination, when all of it is in the frame.
    pub dst: Option<IpAddr>,
}

/// Judges a frame by patterns that are all in force.
#[must_use]
pub fn judge(frame: &[u8], patterns: &[Pattern]) -> Verdict {
    let (otherwise, sight) = network::sight(frame);
    let hits: Vec<OracleHit> = match &sight {
        None => Vec::new(),
        Some(sight) => patterns
            .iter()
            .filter_map(|pattern| hit(pattern, sight))
            .collect(),
    };
    let outcome = if hits.is_empty() {
        otherwise
    } else {
        Outcome::Hit
    };
    Verdict { outcome, hits }
}

/// The addresses by which a frame is judged.
#[must_use]
pub fn addresses(frame: &[u8]) -> Option<Addresses> {
    let sight = network::sight(frame).1?;
    Some(Addresses {
        src: sight.src,
        dst: sight.dst,
    })
}

/// Where the outermost IP header starts, though the frame may end before it does.
#[must_use]
pub fn ip_offset(frame: &[u8]) -> Option<usize> {
    Some(link::link(frame).ok()?.offset)
}

fn hit(pattern: &Pattern, sight: &Sight) -> Option<OracleHit> {
    let (src_port, dst_port) = match sight.ports {
        Some((src, dst)) => (Some(src), Some(dst)),
        None => (None, None),
    };
    let matched_in = if covers(pattern, sight.src, sight.proto, src_port) {
        MATCHED_SRC_IP
    } else if covers(pattern, sight.dst?, sight.proto, dst_port) {
        MATCHED_DST_IP
    } else {
        return None;
    };
    let nowhere = match sight.src {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    Some(OracleHit {
        pattern: pattern.clone(),
        matched_in,
        family: if sight.src.is_ipv4() { 4 } else { 6 },
        src: sight.src,
        dst: sight.dst.unwrap_or(nowhere),
        src_port: src_port.unwrap_or(0),
        dst_port: dst_port.unwrap_or(0),
        proto: sight.proto,
        bytes: sight.bytes,
        vlans: sight.vlans,
    })
}

/// Whether a pattern matches one side. Families never mix: an IPv4-mapped address in an IPv6
/// header is an IPv6 address.
fn covers(pattern: &Pattern, address: IpAddr, proto: u8, port: Option<u16>) -> bool {
    match pattern {
        Pattern::Ip(wanted) => *wanted == address,
        Pattern::Cidr(net) => {
            address.is_ipv4() == net.addr().is_ipv4()
                && first_bits(address, net.prefix_len()) == first_bits(net.addr(), net.prefix_len())
        }
        Pattern::Endpoint {
            address: wanted,
            protocol,
            port: wanted_port,
        } => *wanted == address && protocol.number() == proto && Some(*wanted_port) == port,
        // Of kinds that no packet matches yet.
        _ => false,
    }
}

/// The first bits of an address, one by one.
fn first_bits(address: IpAddr, count: u8) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets
        .iter()
        .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1))
        .take(usize::from(count))
        .collect()
}

#[cfg(test)]
mod tests;
