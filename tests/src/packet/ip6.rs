//! IPv6 and its extension headers (RFC 8200).

use std::net::Ipv6Addr;

use super::{Body, Fragment, Length};

/// An IPv6 packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip6 {
    /// Source.
    pub src: Ipv6Addr,
    /// Destination.
    pub dst: Ipv6Addr,
    /// Version field; 6 where it is right.
    pub version: u8,
    /// Payload length field.
    pub payload_length: Length,
    /// Hop limit.
    pub hop_limit: u8,
    /// Extension headers, in order.
    pub extensions: Vec<Extension>,
    /// Content.
    pub body: Body,
}

/// An extension header. `units` counts eight-byte units beyond the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Hop-by-hop options, padded (RFC 8200 §4.3).
    HopByHop {
        /// Length.
        units: u8,
    },
    /// Routing, type 253, no segments left (RFC 8200 §4.4, RFC 4727).
    Routing {
        /// Length.
        units: u8,
    },
    /// Fragment (RFC 8200 §4.5).
    Fragment(Fragment),
    /// Destination options, padded (RFC 8200 §4.6).
    Destination {
        /// Length.
        units: u8,
    },
    /// Authentication (RFC 4302): 12 bytes and so many words of check value.
    Authentication {
        /// Words of the check value.
        words: u8,
    },
    /// Mobility (RFC 6275), a binding refresh request.
    Mobility {
        /// Length.
        units: u8,
    },
    /// Host identity (RFC 7401).
    Hip {
        /// Length.
        units: u8,
    },
    /// Shim6 (RFC 5533).
    Shim6 {
        /// Length.
        units: u8,
    },
}

impl Extension {
    /// Its protocol number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::HopByHop { .. } => 0,
            Self::Routing { .. } => 43,
            Self::Fragment(_) => 44,
            Self::Authentication { .. } => 51,
            Self::Destination { .. } => 60,
            Self::Mobility { .. } => 135,
            Self::Hip { .. } => 139,
            Self::Shim6 { .. } => 140,
        }
    }

    fn bytes(self, next: u8) -> Vec<u8> {
        match self {
            Self::HopByHop { units } | Self::Destination { units } => options(next, units),
            Self::Fragment(Fragment { offset, more }) => {
                let field = (offset << 3 | u16::from(more)).to_be_bytes();
                vec![next, 0, field[0], field[1], 0, 0, 0, 1]
            }
            Self::Authentication { words } => {
                let mut bytes = vec![next, words + 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1];
                bytes.resize(12 + usize::from(words) * 4, 0xab);
                bytes
            }
            Self::Routing { units } => filled(next, units, [253, 0]),
            Self::Mobility { units } => filled(next, units, [0, 0]),
            // The first bit is 0 in HIP packets, 1 in Shim6 payload extension headers.
            Self::Hip { units } => filled(next, units, [0x01, 0x21]),
            Self::Shim6 { units } => filled(next, units, [0x80, 0]),
        }
    }
}

/// A header of options that hold nothing: one `PadN` option after another (RFC 8200 §4.2).
fn options(next: u8, units: u8) -> Vec<u8> {
    let mut bytes = vec![next, units];
    let mut left = usize::from(units) * 8 + 6;
    while left > 0 {
        let size = left.min(8);
        bytes.extend([1, size as u8 - 2]);
        bytes.extend(vec![0; size - 2]);
        left -= size;
    }
    bytes
}

fn filled(next: u8, units: u8, third_and_fourth: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![next, units, third_and_fourth[0], third_and_fourth[1]];
    bytes.resize(8 + usize::from(units) * 8, 0);
    bytes
}

impl Ip6 {
    /// A packet with right fields and no extension header.
    #[must_use]
    pub const fn new(src: Ipv6Addr, dst: Ipv6Addr, body: Body) -> Self {
        Self {
            src,
            dst,
            version: 6,
            payload_length: Length::Right,
            hop_limit: 64,
            extensions: Vec::new(),
            body,
        }
    }

    /// The same with one more extension header, behind those it has.
    #[must_use]
    pub fn with(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut numbers: Vec<u8> = self.extensions.iter().map(|one| one.number()).collect();
        numbers.push(self.body.proto());
        let mut payload = Vec::new();
        for (extension, next) in self.extensions.iter().zip(&numbers[1..]) {
            payload.extend(extension.bytes(*next));
        }
        payload.extend(self.body.bytes(self.src.into(), self.dst.into()));
        let mut bytes = vec![self.version << 4, 0, 0, 0];
        bytes.extend(self.payload_length.of(payload.len()).to_be_bytes());
        bytes.extend([numbers[0], self.hop_limit]);
        bytes.extend(self.src.octets());
        bytes.extend(self.dst.octets());
        bytes.extend(payload);
        bytes
    }
}
