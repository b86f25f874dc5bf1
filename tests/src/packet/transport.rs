//! What IP carries.

use std::net::IpAddr;

use super::{Ip4, Ip6, checksum, proto};

/// Source and destination port.
pub type Ports = (u16, u16);

/// The content of an IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A TCP segment (RFC 9293).
    Tcp {
        /// Ports.
        ports: Ports,
        /// Flags byte: 0x02 is SYN, 0x10 ACK.
        flags: u8,
        /// Payload.
        payload: Vec<u8>,
    },
    /// A UDP datagram (RFC 768).
    Udp {
        /// Ports.
        ports: Ports,
        /// Payload.
        payload: Vec<u8>,
    },
    /// An SCTP packet (RFC 9260) with its chunks; its check value is zero.
    Sctp {
        /// Ports.
        ports: Ports,
        /// Chunks.
        payload: Vec<u8>,
    },
    /// An ICMP message (RFC 792) to IPv4, an ICMPv6 message (RFC 4443) to IPv6. An error quotes
    /// the packet it is about in `payload`.
    Icmp {
        /// Whether it is ICMPv6.
        v6: bool,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Behind the first eight bytes.
        payload: Vec<u8>,
    },
    /// GRE without options (RFC 2784).
    Gre {
        /// EtherType of the content.
        ethertype: u16,
        /// Content.
        payload: Vec<u8>,
    },
    /// An IPv4 packet (RFC 2003).
    Ip4(Box<Ip4>),
    /// An IPv6 packet (RFC 2473, RFC 4213).
    Ip6(Box<Ip6>),
    /// ESP (RFC 4303): what is given stands behind index and sequence number.
    Esp(Vec<u8>),
    /// Any protocol by its number; 59 in IPv6 for none.
    Raw {
        /// Number.
        proto: u8,
        /// Content.
        bytes: Vec<u8>,
    },
}

impl Body {
    /// A TCP segment that opens a connection when it has no payload.
    #[must_use]
    pub fn tcp(src: u16, dst: u16, payload: &[u8]) -> Self {
        Self::Tcp {
            ports: (src, dst),
            flags: if payload.is_empty() { 0x02 } else { 0x18 },
            payload: payload.to_vec(),
        }
    }

    /// A UDP datagram.
    #[must_use]
    pub fn udp(src: u16, dst: u16, payload: &[u8]) -> Self {
        Self::Udp {
            ports: (src, dst),
            payload: payload.to_vec(),
        }
    }

    /// An SCTP packet without chunks.
    #[must_use]
    pub const fn sctp(src: u16, dst: u16) -> Self {
        Self::Sctp {
            ports: (src, dst),
            payload: Vec::new(),
        }
    }

    /// Destination unreachable (network) of either family, about `packet`.
    #[must_use]
    pub fn unreachable(v6: bool, packet: &[u8]) -> Self {
        Self::Icmp {
            v6,
            kind: if v6 { 1 } else { 3 },
            code: 0,
            payload: packet.to_vec(),
        }
    }

    /// Its protocol number.
    #[must_use]
    pub const fn proto(&self) -> u8 {
        match self {
            Self::Tcp { .. } => proto::TCP,
            Self::Udp { .. } => proto::UDP,
            Self::Sctp { .. } => proto::SCTP,
            Self::Icmp { v6: false, .. } => proto::ICMP,
            Self::Icmp { v6: true, .. } => proto::ICMP6,
            Self::Gre { .. } => proto::GRE,
            Self::Ip4(_) => proto::IPV4,
            Self::Ip6(_) => proto::IPV6,
            Self::Esp(_) => proto::ESP,
            Self::Raw { proto, .. } => *proto,
        }
    }

    /// Its bytes between two addresses, checksums included.
    #[must_use]
    pub fn bytes(&self, src: IpAddr, dst: IpAddr) -> Vec<u8> {
        match self {
            Self::Tcp {
                ports,
                flags,
                payload,
            } => {
                let mut bytes = port_bytes(*ports);
                bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
                bytes.extend(payload);
                self.summed(bytes, 16, src, dst)
            }
            Self::Udp { ports, payload } => {
                let mut bytes = port_bytes(*ports);
                bytes.extend((payload.len() as u16 + 8).to_be_bytes());
                bytes.extend([0, 0]);
                bytes.extend(payload);
                self.summed(bytes, 6, src, dst)
            }
            Self::Sctp { ports, payload } => {
                let mut bytes = port_bytes(*ports);
                bytes.extend([0, 0, 0, 1, 0, 0, 0, 0]);
                bytes.extend(payload);
                bytes
            }
            Self::Icmp {
                v6,
                kind,
                code,
                payload,
            } => {
                let mut bytes = vec![*kind, *code, 0, 0, 0, 0, 0, 0];
                bytes.extend(payload);
                if *v6 {
                    return self.summed(bytes, 2, src, dst);
                }
                let sum = checksum(&[&bytes]);
                bytes[2..4].copy_from_slice(&sum);
                bytes
            }
            Self::Gre { ethertype, payload } => {
                let mut bytes = vec![0, 0];
                bytes.extend(ethertype.to_be_bytes());
                bytes.extend(payload);
                bytes
            }
            Self::Ip4(inner) => inner.bytes(),
            Self::Ip6(inner) => inner.bytes(),
            Self::Esp(sealed) => [&[0, 0, 0, 9, 0, 0, 0, 1], sealed.as_slice()].concat(),
            Self::Raw { bytes, .. } => bytes.clone(),
        }
    }

    /// With the checksum over the pseudo-header written at `at`.
    fn summed(&self, mut bytes: Vec<u8>, at: usize, src: IpAddr, dst: IpAddr) -> Vec<u8> {
        let length = (bytes.len() as u32).to_be_bytes();
        let tail = [0, 0, 0, self.proto()];
        let sum = checksum(&[&octets(src), &octets(dst), &length, &tail, &bytes]);
        // A UDP checksum of zero would mean none.
        let sum = if sum == [0, 0] { [0xff, 0xff] } else { sum };
        bytes[at..at + 2].copy_from_slice(&sum);
        bytes
    }
}

fn port_bytes(ports: Ports) -> Vec<u8> {
    [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
