//! IPv4 (RFC 791).

use std::net::Ipv4Addr;

use super::{Body, Length, checksum};

/// An IPv4 packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip4 {
    /// Source.
    pub src: Ipv4Addr,
    /// Destination.
    pub dst: Ipv4Addr,
    /// Version field; 4 where it is right.
    pub version: u8,
    /// Header length field in words; `None` where it is right.
    pub header_words: Option<u8>,
    /// Total length field.
    pub total_length: Length,
    /// Identification field.
    pub id: u16,
    /// Fragment fields; `None` for a whole packet that may not be fragmented.
    pub fragment: Option<Fragment>,
    /// Time to live.
    pub ttl: u8,
    /// Options, filled up with end-of-list bytes to whole words.
    pub options: Vec<u8>,
    /// Content.
    pub body: Body,
}

/// The fragment fields of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Offset in units of eight bytes.
    pub offset: u16,
    /// Whether more follow.
    pub more: bool,
}

impl Ip4 {
    /// A whole packet with right fields.
    #[must_use]
    pub const fn new(src: Ipv4Addr, dst: Ipv4Addr, body: Body) -> Self {
        Self {
            src,
            dst,
            version: 4,
            header_words: None,
            total_length: Length::Right,
            id: 0x4d53,
            fragment: None,
            ttl: 64,
            options: Vec::new(),
            body,
        }
    }

    /// The same as a fragment.
    #[must_use]
    pub const fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.fragment = Some(Fragment { offset, more });
        self
    }

    /// Its bytes, header checksum included.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let body = self.body.bytes(self.src.into(), self.dst.into());
        let mut options = self.options.clone();
        options.resize(options.len().div_ceil(4) * 4, 0);
        let length = 20 + options.len();
        let words = self.header_words.unwrap_or((length / 4) as u8);
        let fragment = match self.fragment {
            None => 0x4000,
            Some(Fragment { offset, more }) => u16::from(more) << 13 | offset & 0x1fff,
        };
        let mut bytes = vec![self.version << 4 | words & 0x0f, 0];
        bytes.extend(self.total_length.of(length + body.len()).to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([self.ttl, self.body.proto(), 0, 0]);
        bytes.extend(self.src.octets());
        bytes.extend(self.dst.octets());
        bytes.extend(options);
        let sum = checksum(&[&bytes]);
        bytes[10..12].copy_from_slice(&sum);
        bytes.extend(body);
        bytes
    }
}
