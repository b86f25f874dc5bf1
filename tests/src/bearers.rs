//! Frames of one subscriber that bear names: each says what a real client would, in the fewest bytes.

use std::net::Ipv4Addr;

use crate::{
    packet::{Body, Frame, Ip4},
    random::name::client_hello,
};

/// Who sends them.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
/// To whom they go.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// Extension `encrypted_client_hello` (RFC 9849 §5).
pub const ENCRYPTED: u16 = 0xfe0d;

/// A frame to [`SERVER`].
#[must_use]
pub fn frame(body: Body) -> Vec<u8> {
    Frame::new(Ip4::new(CLIENT, SERVER, body)).bytes()
}

/// A segment whose first byte has this sequence number.
#[must_use]
pub fn segment((src, dst): (u16, u16), sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [src.to_be_bytes(), dst.to_be_bytes()].concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    frame(Body::Raw { proto: 6, bytes })
}

/// A message with so many questions of the one name (RFC 1035 §4.1).
///
/// # Panics
/// When a label is longer than a byte tells.
#[must_use]
pub fn message(name: &str, questions: u8) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, questions, 0, 0, 0, 0, 0, 0];
    for _ in 0..questions {
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).expect("a label"));
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
    }
    message
}

/// A question over UDP.
#[must_use]
pub fn question(port: u16, name: &str) -> Vec<u8> {
    frame(Body::udp(port, 53, &message(name, 1)))
}

/// The extension `server_name` (RFC 6066 §3).
///
/// # Panics
/// When the name is longer than two bytes tell.
#[must_use]
pub fn server_name(name: &str) -> (u16, Vec<u8>) {
    let size = u16::try_from(name.len()).expect("a name");
    let mut body = (size + 3).to_be_bytes().to_vec();
    body.push(0);
    body.extend(size.to_be_bytes());
    body.extend(name.bytes());
    (0, body)
}

/// A ClientHello with these extensions in one record.
///
/// # Panics
/// When it does not fit one.
#[must_use]
pub fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    let mut all = Vec::new();
    for (kind, content) in extensions {
        all.extend(kind.to_be_bytes());
        let size = u16::try_from(content.len()).expect("an extension");
        all.extend(size.to_be_bytes());
        all.extend(content);
    }
    let size = u16::try_from(all.len()).expect("extensions");
    body.extend(size.to_be_bytes());
    body.extend(all);
    client_hello(&body)
}

/// Its segment; the stream begins there.
#[must_use]
pub fn greeting(port: u16, hello: &[u8]) -> Vec<u8> {
    segment((port, 443), 1, 0x18, hello)
}

/// A request in one segment.
#[must_use]
pub fn request(port: u16, host: &str, path: &str) -> Vec<u8> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    segment((port, 80), 1, 0x18, head.as_bytes())
}

/// An Initial of QUIC for `evil.example`, made by another implementation.
///
/// # Panics
/// When the seed is not there.
#[must_use]
pub fn initial(port: u16) -> Vec<u8> {
    let seed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/quic/v1.bin");
    frame(Body::udp(port, 443, &std::fs::read(seed).expect("a seed")))
}
