//! Frames, built byte by byte from what a test says; every length and type may be made to lie.

use std::net::IpAddr;

mod ip4;
mod ip6;
mod link;
mod transport;

pub use ip4::{Fragment, Ip4};
pub use ip6::{Extension, Ip6};
pub use link::{Frame, Framing, Tag};
pub use transport::{Body, Ports};

/// IP protocol numbers (IANA) that the builder writes.
pub mod proto {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// IPv4 in IP.
    pub const IPV4: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 in IP.
    pub const IPV6: u8 = 41;
    /// GRE.
    pub const GRE: u8 = 47;
    /// ESP.
    pub const ESP: u8 = 50;
    /// ICMPv6.
    pub const ICMP6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// A length field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Length {
    /// What it should be.
    #[default]
    Right,
    /// This, whatever the content.
    Exactly(u16),
}

impl Length {
    /// The field, given what is right.
    fn of(self, right: usize) -> u16 {
        match self {
            // A content too long for the field is a super-frame, which carries zero.
            Self::Right => u16::try_from(right).unwrap_or(0),
            Self::Exactly(length) => length,
        }
    }
}

/// A network layer packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4.
    V4(Ip4),
    /// IPv6.
    V6(Ip6),
    /// Anything else, by its EtherType.
    Other(u16, Vec<u8>),
}

impl Network {
    /// From `src` to `dst`, which are of one family.
    ///
    /// # Panics
    /// When they are not.
    #[must_use]
    pub fn between(src: IpAddr, dst: IpAddr, body: Body) -> Self {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Self::V4(Ip4::new(src, dst, body)),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Self::V6(Ip6::new(src, dst, body)),
            _ => panic!("{src} and {dst} are of two families"),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::V4(ip) => ip.bytes(),
            Self::V6(ip) => ip.bytes(),
            Self::Other(_, bytes) => bytes.clone(),
        }
    }

    /// Its EtherType.
    #[must_use]
    pub const fn ethertype(&self) -> u16 {
        match self {
            Self::V4(_) => 0x0800,
            Self::V6(_) => 0x86dd,
            Self::Other(ethertype, _) => *ethertype,
        }
    }
}

impl From<Ip4> for Network {
    fn from(ip: Ip4) -> Self {
        Self::V4(ip)
    }
}

impl From<Ip6> for Network {
    fn from(ip: Ip6) -> Self {
        Self::V6(ip)
    }
}

/// The Internet checksum (RFC 1071) over several parts, each taken as if of even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_example_in_rfc_1071() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&[&data]), (!0xddf2u16).to_be_bytes());
    }

    #[test]
    fn a_plain_udp_packet_is_what_the_rfcs_say() {
        let frame = Frame::new(Network::between(
            "192.0.2.1".parse().unwrap(),
            "192.0.2.2".parse().unwrap(),
            Body::udp(1000, 53, b"hi"),
        ))
        .bytes();
        assert_eq!(frame.len(), 14 + 20 + 8 + 2);
        assert_eq!(frame[12..14], [0x08, 0x00]);
        assert_eq!(frame[14..18], [0x45, 0, 0, 30]);
        assert_eq!(checksum(&[&frame[14..34]]), [0, 0]);
        assert_eq!(frame[34..38], [0x03, 0xe8, 0, 53]);
        // The UDP checksum covers the pseudo-header.
        let pseudo = [192, 0, 2, 1, 192, 0, 2, 2, 0, 17, 0, 10];
        assert_eq!(checksum(&[&pseudo, &frame[34..]]), [0, 0]);
    }
}
