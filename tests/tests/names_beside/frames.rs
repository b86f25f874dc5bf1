//! Frames that bear names in ways that no client at hand does.

use sensor_user::inspect::quic::Version;

use super::{Body, CLIENT, Frame, Ip4, SERVER};

const START: u32 = u32::MAX - 60;

fn packet(body: Body) -> Vec<u8> {
    Frame::new(Ip4::new(CLIENT, SERVER, body)).bytes()
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    packet(Body::udp(ports.0, ports.1, payload))
}

fn segment(ports: (u16, u16), at: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    bytes.extend(START.wrapping_add(at).to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    packet(Body::Raw { proto: 6, bytes })
}

/// A connection that sends these pieces one after the other.
fn stream(ports: (u16, u16), pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut frames = vec![segment(ports, 0, 2, &[])];
    let mut at = 1;
    for piece in pieces {
        frames.push(segment(ports, at, 0x18, piece));
        at += piece.len() as u32;
    }
    frames
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.');
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    labels.flat_map(label).collect()
}

/// A query of these questions, each a name as it stands there.
fn query(questions: &[&[u8]]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, questions.len() as u8, 0, 0, 0, 0, 0, 0];
    for question in questions {
        message.extend(*question);
        message.extend([0, 1, 0, 1]);
    }
    message
}

fn ask(name: &str) -> Vec<u8> {
    query(&[&[&wire(name)[..], &[0]].concat()])
}

fn prefixed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// The handshake message of a client that wants a name.
fn hello(name: &str, padding: usize) -> Vec<u8> {
    let of = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
    let name = [&[0], &of(name.as_bytes())[..], name.as_bytes()].concat();
    let names = [&of(&name)[..], &name].concat();
    let pad = vec![0; padding];
    let extensions = [
        &[0, 21][..],
        &of(&pad),
        &pad,
        &[0, 0],
        &of(&names),
        &names,
        &[0, 43, 0, 3, 2, 3, 4],
    ]
    .concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0x13, 1, 0x13, 2, 1, 0]);
    body.extend(of(&extensions));
    body.extend(extensions);
    let size = (body.len() as u32).to_be_bytes();
    [&[1], &size[1..], &body].concat()
}

/// A hello with a second `server_name`, behind the others.
fn twice(name: &str, other: &str) -> Vec<u8> {
    let mut message = hello(name, 10);
    let second = hello(other, 0);
    // Of this one the extension itself: the last but one, of 4 + 5 bytes and the name.
    let end = second.len() - 7;
    let second = &second[end - 9 - other.len()..end];
    message.extend(second);
    let grown = |message: &mut [u8], at: usize| {
        let old = u16::from_be_bytes([message[at], message[at + 1]]);
        let new = old + second.len() as u16;
        message[at..at + 2].copy_from_slice(&new.to_be_bytes());
    };
    // Lengths of the message and of its extensions, which begin behind 43 bytes and these.
    grown(&mut message, 2);
    grown(&mut message, 4 + 2 + 32 + 1 + 6 + 2);
    message
}

fn records(message: &[u8], most: usize) -> Vec<u8> {
    let record =
        |piece: &[u8]| [&[22, 3, 1][..], &(piece.len() as u16).to_be_bytes(), piece].concat();
    message.chunks(most).flat_map(record).collect()
}

/// A client's Initial with these CRYPTO frames; a PING stands before them.
fn initial(
    version: u32,
    number: u32,
    id: &[u8],
    frames: &[(usize, &[u8])],
    length: usize,
) -> Vec<u8> {
    let first = if version == 0x6b33_43cf { 0xd3 } else { 0xc3 };
    let mut header = vec![first];
    header.extend(version.to_be_bytes());
    header.push(id.len() as u8);
    header.extend(id);
    let rest = length - header.len() - 4;
    header.extend([0, 0]);
    header.extend((rest as u16 | 0x4000).to_be_bytes());
    header.extend(number.to_be_bytes());
    // Google's own frames have other numbers.
    let (ping, crypto) = match version.to_be_bytes() {
        [b'T', ..] => (7, 8),
        _ => (1, 6),
    };
    let mut payload = vec![ping];
    for (at, data) in frames {
        payload.push(crypto);
        payload.extend((*at as u16 | 0x4000).to_be_bytes());
        payload.extend((data.len() as u16 | 0x4000).to_be_bytes());
        payload.extend(*data);
    }
    payload.resize(rest - 4 - 16, 0);
    let version = Version::of_number(version).expect("one that is read");
    version.keys(id).protect(number, &header, &payload)
}

fn head(name: &str, path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nUser-Agent: a\r\nHost: {name}\r\n{more}\r\n").into_bytes()
}

/// Names that the sensor reads.
pub fn seldom() -> Vec<Vec<u8>> {
    [dns(), tls(), quic(), http()].concat()
}

fn dns() -> Vec<Vec<u8>> {
    let longest = [
        "l".repeat(63),
        "m".repeat(63),
        "n".repeat(63),
        "o".repeat(61),
    ]
    .join(".");
    let several = [
        [&wire("first.several.example")[..], &[0]].concat(),
        // `several.example` stands six bytes behind the first name's beginning.
        [&wire("second")[..], &[0xc0, 18]].concat(),
        [&wire("Third.Several.EXAMPLE")[..], &[0]].concat(),
    ];
    let several: Vec<&[u8]> = several.iter().map(Vec::as_slice).collect();
    let mut frames = vec![
        udp((5000, 53), &ask(&longest)),
        udp((5001, 53), &ask("SHOUTED.Example")),
        udp((5002, 53), &query(&several)),
    ];
    let one = prefixed(&ask("one.tcp.example"));
    let two = prefixed(&ask("two.tcp.example"));
    frames.extend(stream((6000, 53), &[&[&one[..], &two].concat()]));
    // The length alone, then the message; another behind it the same way.
    let (alone, again) = (
        prefixed(&ask("alone.tcp.example")),
        prefixed(&ask("again.tcp.example")),
    );
    frames.extend(stream(
        (6001, 53),
        &[&alone[..2], &alone[2..], &again[..2], &again[2..]],
    ));
    // Cut in the middle of the name, and one byte behind the beginning.
    let cut = prefixed(&ask("cut.tcp.example"));
    frames.extend(stream((6002, 53), &[&cut[..18], &cut[18..]]));
    let early = prefixed(&ask("early.tcp.example"));
    frames.extend(stream(
        (6003, 53),
        &[&early[..1], &early[1..9], &early[9..]],
    ));
    // The second message begins in the segment of the first.
    let (whole, part) = (
        prefixed(&ask("whole.tcp.example")),
        prefixed(&ask("part.tcp.example")),
    );
    let first = [&whole[..], &part[..20]].concat();
    frames.extend(stream((6004, 53), &[&first, &part[20..]]));
    frames
}

fn tls() -> Vec<Vec<u8>> {
    let mut frames = stream((7000, 443), &[&records(&hello("records.example", 10), 20)]);
    // In one frame, as the card or the kernel puts segments together: the name behind its 2,048th byte.
    let large = records(&hello("large.example", 6000), 16_000);
    frames.extend(stream((7010, 443), &[&large]));
    let larger = records(&hello("larger.example", 9000), 3000);
    frames.extend(stream((7011, 443), &[&larger[..5000], &larger[5000..]]));
    // In small pieces, and its connection was open before.
    let tiny = records(&hello("tiny.example", 0), 4000);
    frames.extend(stream((7012, 443), &[&tiny[..1], &tiny[1..40], &tiny[40..]]).split_off(1));
    // Two names, each in an extension.
    let twice = twice("twice.example", "again.example");
    frames.extend(stream((7013, 443), &[&records(&twice, 4000)]));
    let long = records(&hello("padded.example", 1500), 4000);
    frames.extend(stream(
        (7001, 8443),
        &[&long[..700], &long[700..1400], &long[1400..]],
    ));
    let upper = records(&hello("UPPER.Example", 0), 4000);
    frames.extend(stream((7002, 443), &[&upper[..6], &upper[6..]]));
    // Behind what another protocol has said before (RFC 3207).
    let behind = records(&hello("starttls.example", 0), 4000);
    let before: [&[u8]; 2] = [b"EHLO a.example\r\n", b"STARTTLS\r\n"];
    frames.extend(stream((7003, 587), &[before[0], before[1], &behind]));
    frames
}

fn quic() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (at, version) in [
        1,
        0x6b33_43cf,
        0xff00_0022,
        0xff00_001d,
        0xff00_001b,
        0xff00_0016,
        0xface_b001,
        0xface_b002,
        u32::from_be_bytes(*b"T050"),
        u32::from_be_bytes(*b"T051"),
        0x1a2a_3a4a,
    ]
    .into_iter()
    .enumerate()
    {
        let hello = hello(&format!("v{version:x}.quic.example"), 0);
        let id = [at as u8; 8];
        frames.push(udp(
            (8000 + at as u16, 443),
            &initial(version, 0, &id, &[(0, &hello)], 1200),
        ));
    }
    // In pieces, the last one first, of one datagram; over two that are coalesced; over two datagrams.
    let hello = hello("pieces.quic.example", 900);
    let (one, two) = hello.split_at(480);
    let pieces = [(480, two), (0, one)];
    frames.push(udp((8100, 443), &initial(1, 0, b"pieces-1", &pieces, 1300)));
    let first = initial(1, 0, b"pieces-2", &[(0, one)], 640);
    let second = initial(1, 1, b"pieces-2", &[(480, two)], 660);
    frames.push(udp((8101, 443), &[first, second].concat()));
    // A byte in each frame of its own.
    let in_bytes = self::hello("bytes.quic.example", 0);
    let bytes: Vec<(usize, &[u8])> = in_bytes.chunks(1).enumerate().collect();
    frames.push(udp((8103, 443), &initial(1, 0, b"pieces-4", &bytes, 1400)));
    frames.push(udp(
        (8102, 443),
        &initial(1, 0, b"pieces-3", &[(0, one)], 1200),
    ));
    frames.push(udp(
        (8102, 443),
        &initial(1, 1, b"pieces-3", &[(480, two)], 1200),
    ));
    frames
}

fn http() -> Vec<Vec<u8>> {
    let (a, b, c) = (
        head("a.http.example", "/a", ""),
        head("b.http.example:8080", "/b?x=1", ""),
        head("C.HTTP.example", "/c", "Cookie: d=e\r\n"),
    );
    // At once, and one after the other.
    let mut frames = stream((9000, 80), &[&[&a[..], &b, &c].concat()]);
    frames.extend(stream((9001, 8000), &[&a, &b, &c]));
    // The second begins in the segment of the first; and over three segments.
    frames.extend(stream(
        (9002, 80),
        &[&[&a[..], &c[..30]].concat(), &c[30..]],
    ));
    frames.extend(stream((9003, 80), &[&c[..10], &c[10..50], &c[50..]]));
    let post = b"POST /p HTTP/1.1\r\nHost: post.http.example\r\nContent-Length: 4\r\n\r\nbody";
    frames.extend(stream((9004, 80), &[post, &b]));
    // In one frame, the host behind its 2,048th byte.
    let cookie = format!(
        "GET /q HTTP/1.1\r\nCookie: {}\r\nHost: far.http.example\r\n\r\n",
        "c".repeat(5000)
    );
    frames.extend(stream((9006, 80), &[cookie.as_bytes()]));
    let other = b"PROPFIND /p HTTP/1.1\r\nhost:dav.http.example\r\n\r\n";
    frames.extend(stream((9005, 80), &[other]));
    frames
}

/// Names that tshark reads and the sensor does not; and of each kind one that both do.
pub fn not_read() -> Vec<Vec<u8>> {
    let mut frames = vec![udp((5000, 53), &ask("read.example"))];
    frames.extend(stream((6000, 80), &[&head("read.example", "/", "")]));
    let quoted = Ip4::new(CLIENT, SERVER, Body::udp(5100, 53, &ask("quoted.example"))).bytes();
    let unreachable = Body::unreachable(false, &quoted);
    frames.push(Frame::new(Ip4::new(SERVER, CLIENT, unreachable)).bytes());
    let inner = Ip4::new(CLIENT, SERVER, Body::udp(5101, 53, &ask("inner.example")));
    frames.push(packet(Body::Ip4(Box::new(inner))));
    frames.push(udp((5102, 5353), &ask("other-port.example")));
    let whole = Body::udp(5103, 53, &ask("fragments.example")).bytes(CLIENT.into(), SERVER.into());
    for (at, piece) in whole.chunks(24).enumerate() {
        let body = Body::Raw {
            proto: 17,
            bytes: piece.to_vec(),
        };
        let more = (at + 1) * 24 < whole.len();
        let fragment = Ip4::new(CLIENT, SERVER, body).fragment(at as u16 * 3, more);
        frames.push(Frame::new(fragment).bytes());
    }
    frames.push(udp((5104, 53), &ask("no marker for a blank.example")));
    frames
}
