//! Hellos as no client should send them.

use sensor_tests::random::name::client_hello;

/// An extension of a ClientHello.
pub fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((content.len() as u16).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// The extension `server_name` with one name.
pub fn one_name(name: &str) -> Vec<u8> {
    let size = name.len() as u16;
    let mut content = (size + 3).to_be_bytes().to_vec();
    content.push(0);
    content.extend(size.to_be_bytes());
    content.extend(name.as_bytes());
    extension(0, &content)
}

/// A ClientHello with these extensions, in one record.
pub fn hello_with(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    client_hello(&body)
}

/// A ClientHello for one name, among others.
pub fn hello(name: &str) -> Vec<u8> {
    let others = extension(16, b"\0\x03\x02h2");
    hello_with(&[others, one_name(name), extension(21, &[0; 30])].concat())
}

/// A handshake message, so many bytes of it in the first record.
pub fn records(message: &[u8], first: usize) -> Vec<u8> {
    let (one, two) = message.split_at(first);
    let mut stream = Vec::new();
    for piece in [one, two] {
        stream.extend([0x16, 3, 1]);
        stream.extend((piece.len() as u16).to_be_bytes());
        stream.extend(piece);
    }
    stream
}

/// A question for `evil.example`.
pub fn question() -> Vec<u8> {
    let mut message = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    message.extend(b"\x04evil\x07example\0\0\x01\0\x01");
    message
}

/// As it stands behind its length (RFC 1035 §4.2.2).
pub fn over_tcp(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a message");
    [&length.to_be_bytes()[..], message].concat()
}
