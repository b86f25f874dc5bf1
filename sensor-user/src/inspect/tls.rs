//! TLS: records (RFC 8446 §5.1, RFC 5246 §6.2.1) and the ClientHello in them (§4.1.2).
//!
//! The walk over the message is made here, because a hello may end with the packet in the middle of
//! anything, and what stands before the cut still counts; what an extension holds, the parser of
//! rusticata reads.

use std::{borrow::Cow, fmt};

use tls_parser::{SNIType, TlsExtension, parse_tls_client_hello_extension};

use crate::model::{Name, wipe};

/// Content type of handshake records.
const HANDSHAKE: u8 = 22;
/// Content type of a change of cipher.
const CHANGE: u8 = 20;
/// Bytes of a record's header.
const RECORD_HEADER: usize = 5;
/// Longest record: 2^14 bytes and what protection may add (RFC 8446 §5.2, RFC 5246 §6.2.3).
const LONGEST_RECORD: usize = (1 << 14) + 2048;
/// Handshake type of a ClientHello.
const CLIENT_HELLO: u8 = 1;
/// Bytes of a handshake message's header.
const MESSAGE_HEADER: usize = 4;

/// Most names beside the first: each is looked up, and a hello may hold thousands.
const MORE_NAMES: usize = 15;

/// Extensions that there is room for from the beginning.
const USUAL_EXTENSIONS: usize = 24;

/// Extension `server_name` (RFC 6066 §3).
pub const SERVER_NAME: u16 = 0;
/// Extension `application_layer_protocol_negotiation` (RFC 7301 §3.1).
pub const PROTOCOLS: u16 = 16;
/// Extension `encrypted_client_hello` (RFC 9849 §5).
const ENCRYPTED: u16 = 0xfe0d;

/// How far a message could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// To its end.
    Whole,
    /// It goes on behind the bytes that are there; so many are needed to go on.
    Cut(usize),
    /// Its lengths contradict each other.
    Broken,
}

/// A ClientHello, as far as it could be read.
#[derive(Debug)]
pub struct Hello {
    /// How far that is.
    pub extent: Extent,
    /// `legacy_version`.
    pub version: u16,
    /// Cipher suites, in their order.
    pub ciphers: Vec<u16>,
    /// Types of the extensions, in their order.
    pub extensions: Vec<u16>,
    /// Host name of the extension `server_name`, where it is one.
    pub server_name: Option<Name>,
    /// Others that stand behind it, there or in a second extension: neither is allowed, and servers differ.
    pub more_names: Vec<Name>,
    /// Named groups.
    pub groups: Vec<u16>,
    /// Formats of points.
    pub formats: Vec<u8>,
    /// Signature algorithms.
    pub signatures: Vec<u16>,
    /// Versions of the extension `supported_versions`.
    pub versions: Vec<u16>,
    /// First protocol of ALPN.
    pub protocol: Option<Vec<u8>>,
    /// The true name stands in an encrypted inner hello; the one here is that of a front.
    pub encrypted: bool,
}

impl Hello {
    /// One of which nothing is known yet.
    pub(super) const fn unread(extent: Extent) -> Self {
        Self {
            extent,
            version: 0,
            ciphers: Vec::new(),
            extensions: Vec::new(),
            server_name: None,
            more_names: Vec::new(),
            groups: Vec::new(),
            formats: Vec::new(),
            signatures: Vec::new(),
            versions: Vec::new(),
            protocol: None,
            encrypted: false,
        }
    }
}

/// Handshake bytes of the records at the start of a stream. It prints none of them.
#[derive(PartialEq, Eq)]
pub struct Handshake<'a> {
    /// The bytes, record headers left out.
    pub bytes: Cow<'a, [u8]>,
    /// Bytes of the stream that are needed to go on.
    pub needed: usize,
    /// What follows is no handshake record: there will be no more bytes.
    pub ended: bool,
}

impl fmt::Debug for Handshake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Handshake({} bytes, needed {})",
            self.bytes.len(),
            self.needed
        )
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(copy) = &mut self.bytes {
            wipe(copy);
        }
    }
}

/// Takes record headers out; `None` when the stream does not begin with a handshake record. Before a
/// second hello there may be a change of cipher (RFC 8446 §D.4).
#[must_use]
pub fn handshake(stream: &[u8]) -> Option<Handshake<'_>> {
    let mut bytes = Cow::Borrowed(&stream[..0]);
    let begin = match stream {
        [CHANGE, 3, _, 0, 1, 1, ..] => RECORD_HEADER + 1,
        _ => 0,
    };
    let mut at = begin;
    loop {
        let Some(header) = stream.get(at..at + RECORD_HEADER) else {
            // What is there of the header must fit all the same.
            let begun = stream.get(at..).unwrap_or_default();
            let fits = begun
                .iter()
                .zip([HANDSHAKE, 3])
                .all(|(have, want)| *have == want);
            return (at > begin || fits).then_some(Handshake {
                bytes,
                needed: at + RECORD_HEADER,
                ended: !fits,
            });
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let fits =
            header[0] == HANDSHAKE && header[1] == 3 && (1..=LONGEST_RECORD).contains(&length);
        if !fits {
            return (at > begin).then_some(Handshake {
                bytes,
                needed: at,
                ended: true,
            });
        }
        at += RECORD_HEADER;
        let end = (at + length).min(stream.len());
        let piece = &stream[at..end];
        bytes = match bytes {
            Cow::Borrowed([]) => Cow::Borrowed(piece),
            Cow::Borrowed(first) => {
                // Never grown: what is left behind elsewhere could not be overwritten.
                let mut whole = Vec::with_capacity(stream.len());
                whole.extend_from_slice(first);
                whole.extend_from_slice(piece);
                Cow::Owned(whole)
            }
            Cow::Owned(mut whole) => {
                whole.extend_from_slice(piece);
                Cow::Owned(whole)
            }
        };
        let whole = message_length(&bytes).is_some_and(|length| bytes.len() >= length);
        if whole || end < at + length {
            return Some(Handshake {
                bytes,
                needed: at + length,
                ended: false,
            });
        }
        at = end;
    }
}

/// Length of a handshake message with its header; `None` when that is cut.
fn message_length(message: &[u8]) -> Option<usize> {
    let length = message.get(1..MESSAGE_HEADER)?;
    Some(
        MESSAGE_HEADER
            + length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    )
}

/// A reader that knows whether the end of its bytes is that of the message.
struct Cursor<'a> {
    rest: &'a [u8],
    /// Bytes that the message has behind these.
    missing: usize,
    /// Bytes read so far.
    read: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Extent> {
        if let Some((taken, rest)) = self.rest.split_at_checked(count) {
            self.rest = rest;
            self.read += count;
            return Ok(taken);
        }
        Err(if count <= self.rest.len() + self.missing {
            Extent::Cut(self.read + count)
        } else {
            Extent::Broken
        })
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Extent> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// What stands behind its length, which has so many bytes.
    fn vector(&mut self, length: usize) -> Result<&'a [u8], Extent> {
        let length = self.number(length)?;
        self.take(length)
    }
}

/// Reads a ClientHello from handshake bytes; `None` when they begin with another message.
#[must_use]
pub fn hello(message: &[u8]) -> Option<Hello> {
    if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return None;
    }
    let mut hello = Hello::unread(Extent::Cut(MESSAGE_HEADER));
    let Some(length) = message_length(message) else {
        return Some(hello);
    };
    let body = &message[MESSAGE_HEADER..length.min(message.len())];
    let mut cursor = Cursor {
        rest: body,
        missing: length - MESSAGE_HEADER - body.len(),
        read: MESSAGE_HEADER,
    };
    hello.extent = match hello.read(&mut cursor) {
        Ok(()) => Extent::Whole,
        Err(extent) => extent,
    };
    Some(hello)
}

impl Hello {
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Extent> {
        self.version = u16::try_from(cursor.number(2)?).unwrap_or_default();
        // Random, then the session id.
        cursor.take(32)?;
        cursor.vector(1)?;
        let ciphers = cursor.vector(2)?.as_chunks::<2>().0.iter();
        self.ciphers = ciphers.map(|two| u16::from_be_bytes(*two)).collect();
        // Compression methods.
        cursor.vector(1)?;
        if cursor.rest.is_empty() && cursor.missing == 0 {
            return Ok(());
        }
        let mut left = cursor.number(2)?;
        if left > cursor.rest.len() + cursor.missing {
            return Err(Extent::Broken);
        }
        self.extensions.reserve(USUAL_EXTENSIONS);
        while left > 0 {
            let before = cursor.rest;
            let kind = u16::try_from(cursor.number(2)?).unwrap_or_default();
            let length = cursor.number(2)?;
            left = left.checked_sub(4 + length).ok_or(Extent::Broken)?;
            cursor.take(length)?;
            self.extensions.push(kind);
            self.extension(kind, &before[..4 + length]);
        }
        Ok(())
    }

    /// Reads what one extension holds; what cannot be read is left out.
    fn extension(&mut self, kind: u16, bytes: &[u8]) {
        self.encrypted |= kind == ENCRYPTED;
        if !matches!(kind, SERVER_NAME | 10 | 11 | 13 | PROTOCOLS | 43) {
            return;
        }
        let Ok((_, extension)) = parse_tls_client_hello_extension(bytes) else {
            return;
        };
        match extension {
            TlsExtension::SNI(names) => {
                let hosts = names
                    .into_iter()
                    .filter(|(kind, _)| *kind == SNIType::HostName);
                for name in hosts.filter_map(|(_, name)| Name::of_text(name)) {
                    let first = self.server_name.get_or_insert_with(|| name.clone());
                    let told = *first == name || self.more_names.contains(&name);
                    if !told && self.more_names.len() < MORE_NAMES {
                        self.more_names.push(name);
                    }
                }
            }
            TlsExtension::EllipticCurves(groups) => {
                self.groups = groups.into_iter().map(|group| group.0).collect();
            }
            TlsExtension::EcPointFormats(formats) => self.formats = formats.to_vec(),
            TlsExtension::SignatureAlgorithms(signatures) => self.signatures = signatures,
            TlsExtension::SupportedVersions(versions) => {
                self.versions = versions.into_iter().map(|version| version.0).collect();
            }
            TlsExtension::ALPN(protocols) => {
                self.protocol = protocols.first().map(|protocol| protocol.to_vec());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
