use super::*;

/// A hello with these extensions.
pub fn message(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 6, 0x1a, 0x1a, 0x13, 0x01, 0xc0, 0x2f, 1, 0]);
    let listed: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, bytes)| [&kind.to_be_bytes(), &length(bytes)[..], bytes].concat())
        .collect();
    body.extend(length(&listed));
    body.extend(listed);
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&[CLIENT_HELLO], &length[1..], &body].concat()
}

/// The content of `server_name`.
pub fn server_name(name: &str) -> Vec<u8> {
    let entry = [&[0], &length(name.as_bytes())[..], name.as_bytes()].concat();
    [&length(&entry)[..], &entry].concat()
}

/// Handshake bytes in records of at most so many bytes.
pub fn records(handshake: &[u8], most: usize) -> Vec<u8> {
    handshake
        .chunks(most)
        .flat_map(|piece| [&[HANDSHAKE, 3, 1], &length(piece)[..], piece].concat())
        .collect()
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("short").to_be_bytes()
}

fn name(text: &str) -> Option<Name> {
    Name::of_text(text.as_bytes())
}

#[test]
fn a_hello_is_read_from_any_records_and_up_to_any_cut() {
    let message = message(&[
        (0x0a0a, &[]),
        (51, &[9; 1200]),
        (SERVER_NAME, &server_name("Evil.Example")),
        (PROTOCOLS, b"\0\x0c\x02h2\x08http/1.1"),
        (43, &[4, 3, 4, 3, 3]),
        (ENCRYPTED, &[0]),
    ]);
    for most in [1, 7, 400, 20_000] {
        let stream = records(&message, most);
        let whole = handshake(&stream).expect("TLS");
        assert_eq!((&whole.bytes[..], whole.ended), (&message[..], false));
        for cut in 0..stream.len() {
            let part = handshake(&stream[..cut]).expect("TLS");
            assert!(part.needed > cut && !part.ended, "{cut}");
            assert!(message.starts_with(&part.bytes));
        }
    }
    // Behind the name: ALPN, versions, an encrypted hello.
    let behind = message.len() - 32;
    for cut in 0..message.len() {
        let hello = hello(&message[..cut]).expect("a hello");
        let Extent::Cut(needed) = hello.extent else {
            panic!("{cut} is no end");
        };
        assert!(needed > cut && needed <= message.len());
        let seen = hello.server_name;
        assert!(seen.is_none() || seen == name("evil.example"));
        if cut >= behind {
            assert!(seen.is_some());
        }
    }
    let hello = hello(&message).expect("a hello");
    assert_eq!(hello.extent, Extent::Whole);
    assert_eq!(hello.ciphers, [0x1a1a, 0x1301, 0xc02f]);
    assert_eq!(hello.extensions, [0x0a0a, 51, 0, 16, 43, ENCRYPTED]);
    assert_eq!(hello.versions, [0x0304, 0x0303]);
    assert_eq!(hello.protocol.as_deref(), Some(&b"h2"[..]));
    assert!(hello.encrypted);
}

#[test]
fn what_is_no_hello_is_told_as_such() {
    assert!(handshake(b"GET / HTTP/1.1\r\n").is_none());
    assert!(handshake(&[HANDSHAKE, 3, 1, 0, 0, 1]).is_none());
    assert!(handshake(&[23, 3, 3, 0, 1, 1]).is_none());
    assert!(hello(&[2, 0, 0, 1, 0]).is_none());
    // An alert behind half a hello: no more will come.
    let half = &message(&[])[..20];
    let stream = [&records(half, 20)[..], &[21, 3, 1, 0, 2, 2, 40]].concat();
    assert!(handshake(&stream).expect("TLS").ended);
    let mut broken = message(&[(SERVER_NAME, &server_name("a.example"))]);
    let at = broken.len() - server_name("a.example").len() - 1;
    broken[at] += 1;
    assert_eq!(hello(&broken).expect("a hello").extent, Extent::Broken);
}

/// The same messages, by a parser that takes whole ones only.
#[test]
fn the_walk_agrees_with_that_of_the_library() {
    use tls_parser::{TlsMessage, TlsMessageHandshake, parse_tls_message_handshake};
    let message = message(&[
        (SERVER_NAME, &server_name("a.example")),
        (10, &[0, 2, 0, 29]),
    ]);
    let ours = hello(&message).expect("a hello");
    let (rest, theirs) = parse_tls_message_handshake(&message).expect("a message");
    let TlsMessage::Handshake(TlsMessageHandshake::ClientHello(theirs)) = theirs else {
        panic!("a hello");
    };
    assert!(rest.is_empty());
    assert_eq!(ours.version, theirs.version.0);
    let ciphers: Vec<u16> = theirs.ciphers.iter().map(|cipher| cipher.0).collect();
    assert_eq!(ours.ciphers, ciphers);
    assert_eq!(ours.groups, [29]);
}
