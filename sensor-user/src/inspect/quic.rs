//! QUIC Initial packets of clients, versions 1 (RFC 9000, 9001) and 2 (RFC 9369) and what came before
//! them: where they stand in a datagram, what is under their protection, and the CRYPTO frames in it.

use std::ops::{Deref, Range};

use crate::{
    crypto::quic::{InitialKeys, InitialVersion, SAMPLE, TAG},
    model::Wiped,
};

/// Longest connection id of both versions (RFC 9000 §17.2).
const LONGEST_ID: usize = 20;

/// A version that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// Drafts of version 1 from the 29th on; also what forces a server to negotiate (RFC 9000 §15).
    Draft29,
    /// Drafts from the 23rd on, and Facebook's mvfst.
    Draft23,
    /// The 22nd draft, and an older mvfst.
    Draft22,
    /// Google's T050: a TLS handshake in what was otherwise its own QUIC.
    T050,
    /// Google's T051.
    T051,
}

impl Version {
    /// The number in long headers.
    #[must_use]
    pub const fn of_number(number: u32) -> Option<Self> {
        match number {
            // The last two drafts differ from the RFC in their number alone.
            1 | 0xff00_0021 | 0xff00_0022 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d..=0xff00_0020 => Some(Self::Draft29),
            0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => Some(Self::Draft23),
            0xff00_0016 | 0xface_b001 => Some(Self::Draft22),
            0x5430_3530 => Some(Self::T050),
            0x5430_3531 => Some(Self::T051),
            _ if number & 0x0f0f_0f0f == 0x0a0a_0a0a => Some(Self::Draft29),
            _ => None,
        }
    }

    /// The two bits that an Initial and a Retry have for their type.
    const fn types(self) -> (u8, u8) {
        match self {
            Self::V2 => (1, 0),
            _ => (0, 3),
        }
    }

    /// The keys of the client whose first Initial had this Destination Connection ID.
    #[must_use]
    pub fn keys(self, destination: &[u8]) -> InitialKeys {
        let labels: [&[u8]; 3] = match self {
            Self::V2 => [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"],
            _ => [b"quic key", b"quic iv", b"quic hp"],
        };
        let salt = self.salt();
        InitialKeys::of_client(InitialVersion { salt, labels }, destination)
    }

    /// RFC 9001 §5.2, RFC 9369 §3.3.1, the drafts of the former, and Chromium's `crypto_utils.cc`.
    const fn salt(self) -> [u8; 20] {
        *match self {
            Self::V1 => {
                b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
            }
            Self::V2 => {
                b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
            }
            Self::Draft29 => {
                b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
            }
            Self::Draft23 => {
                b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
            }
            Self::Draft22 => {
                b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
            }
            Self::T050 => {
                b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
            }
            Self::T051 => {
                b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
            }
        }
    }
}

/// An Initial packet, still protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial<'a> {
    /// Its version.
    pub version: Version,
    /// Destination Connection ID.
    pub destination: &'a [u8],
    /// Its bytes.
    packet: &'a [u8],
    /// Where its packet number begins.
    number_at: usize,
}

/// What was under protection; overwritten when it goes.
pub struct Frames {
    packet: Wiped,
    frames: Range<usize>,
}

impl Deref for Frames {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.packet[self.frames.clone()]
    }
}

/// The Initial packets that are coalesced in a datagram (RFC 9000 §12.2), in their order. Packets of
/// other kinds are passed over; a short header, another version or a Retry ends the datagram.
pub fn initials(datagram: &[u8]) -> impl Iterator<Item = Initial<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        loop {
            let (initial, behind) = next(rest)?;
            rest = behind;
            if initial.is_some() {
                return initial;
            }
        }
    })
}

/// The packet at the start, where it is an Initial, and what stands behind it.
fn next(bytes: &[u8]) -> Option<(Option<Initial<'_>>, &[u8])> {
    let mut cursor = Cursor { bytes, at: 0 };
    let first = cursor.number(1)?;
    if first & 0x80 == 0 {
        return None;
    }
    let version = Version::of_number(u32::try_from(cursor.number(4)?).ok()?)?;
    let kind = u8::try_from(first >> 4 & 3).ok()?;
    let destination = cursor.id()?;
    cursor.id()?;
    let (initial, retry) = version.types();
    if kind == retry {
        return None;
    }
    if kind == initial {
        let token = cursor.varint()?;
        cursor.take(usize::try_from(token).ok()?)?;
    }
    let length = usize::try_from(cursor.varint()?).ok()?;
    let number_at = cursor.at;
    cursor.take(length)?;
    let (packet, behind) = bytes.split_at(cursor.at);
    let initial = (kind == initial).then_some(Initial {
        version,
        destination,
        packet,
        number_at,
    });
    Some((initial, behind))
}

impl Initial<'_> {
    /// Takes protection off; the frames, or `None` when the keys are not these.
    #[must_use]
    pub fn open(&self, keys: &InitialKeys) -> Option<Frames> {
        let at = self.number_at;
        let sample = self.packet.get(at + 4..at + 4 + SAMPLE)?;
        let mask = keys.mask(sample.try_into().ok()?);
        let mut copy = Wiped::of(self.packet);
        let packet = copy.as_mut_slice();
        packet[0] ^= mask[0] & 0x0f;
        let length = usize::from(packet[0] & 3) + 1;
        let mut number = 0;
        for (byte, mask) in packet[at..at + length].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        // Numbers begin at zero and nothing is acknowledged yet: what is there is the whole number.
        let (header, payload) = packet.split_at_mut(at + length);
        let opened = keys.open(number, header, payload)?.len();
        let frames = at + length..at + length + opened;
        Some(Frames {
            packet: copy,
            frames,
        })
    }

    /// Whether it is long enough to be one.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.packet.len() >= self.number_at + 4 + TAG
    }
}

/// Offset and bytes of the CRYPTO frames among frames, as far as these can be read.
pub fn crypto_frames(version: Version, frames: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    // Google's own frames have numbers of their own (Chromium's `quic_types.h`).
    let (ping, crypto) = match version {
        Version::T050 | Version::T051 => (7, 8),
        _ => (1, 6),
    };
    let mut cursor = Cursor {
        bytes: frames,
        at: 0,
    };
    std::iter::from_fn(move || {
        loop {
            match cursor.varint()? {
                // PADDING, most of an Initial packet.
                0 => cursor.pass_zeros(),
                kind if kind == ping => {}
                kind if kind == crypto => {
                    let offset = cursor.varint()?;
                    let length = usize::try_from(cursor.varint()?).ok()?;
                    return Some((offset, cursor.take(length)?));
                }
                kind @ (2 | 3) if ping == 1 => cursor.acknowledgement(kind == 3)?,
                // CONNECTION_CLOSE, and what no Initial may hold.
                _ => return None,
            }
        }
    })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }

    /// RFC 9000 §16.
    fn varint(&mut self) -> Option<u64> {
        let length = 1 << (self.bytes.get(self.at)? >> 6);
        let value = self.number(length)?;
        Some(value & (u64::MAX >> (66 - 8 * length)))
    }

    /// Passes over zeros, by the line of cache where there are many.
    fn pass_zeros(&mut self) {
        let (lines, _) = self.bytes[self.at..].as_chunks::<64>();
        let zeros = lines.iter().take_while(|line| **line == [0; 64]).count() * 64;
        self.at += zeros;
        let rest = self.bytes[self.at..].iter();
        self.at += rest.take_while(|byte| **byte == 0).count();
    }

    fn id(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(1)?).ok()?;
        (length <= LONGEST_ID).then(|| self.take(length))?
    }

    /// Passes over an ACK frame (RFC 9000 §19.3).
    fn acknowledgement(&mut self, counts: bool) -> Option<()> {
        // Largest and delay.
        self.varint()?;
        self.varint()?;
        let ranges = self.varint()?;
        self.varint()?;
        for _ in 0..ranges {
            // Gap and length.
            self.varint()?;
            self.varint()?;
        }
        for _ in 0..if counts { 3 } else { 0 } {
            self.varint()?;
        }
        Some(())
    }
}

#[cfg(test)]
pub(super) mod tests;
