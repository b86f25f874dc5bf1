//! Names, markers for them, and frames that bear them.

use std::net::IpAddr;

use sensor_user::model::Pattern;

use super::{Pool, Random};
use crate::packet::{Body, Frame, Network};

/// Labels, so few that names meet often; their lengths are those at which a step ends.
const LABELS: [&str; 10] = [
    "a",
    "b",
    "ab",
    "evil",
    "abcdefg",
    "abcdefgh",
    "abcdefghi",
    "abcdefghijklmnop",
    "a-_9",
    "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz-",
];

/// A name of few labels; sometimes a long one.
fn labels(random: &mut Random) -> Vec<&'static str> {
    let count = if random.percent(3) {
        60
    } else {
        1 + random.below(4)
    };
    let few = if random.percent(70) { 4 } else { LABELS.len() };
    let mut labels: Vec<&str> = (0..count).map(|_| LABELS[random.below(few)]).collect();
    while labels.iter().map(|label| label.len() + 1).sum::<usize>() > 253 {
        labels.pop();
    }
    labels
}

/// Markers of names, each pattern once.
pub fn domains(random: &mut Random, count: usize) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = (0..count)
        .map(|_| {
            let stars = if random.percent(50) { "*." } else { "" };
            let name = labels(random).join(".");
            Pattern::domain(&format!("{stars}{name}")).expect("a name")
        })
        .collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// The bytes of a name, letters in any case.
fn cased(random: &mut Random, label: &str) -> Vec<u8> {
    let mut flip = |byte: u8| {
        if random.percent(30) {
            byte.to_ascii_uppercase()
        } else {
            byte
        }
    };
    label.bytes().map(&mut flip).collect()
}

fn text(random: &mut Random) -> Vec<u8> {
    let name = labels(random).join(".");
    let mut name = cased(random, &name);
    match random.below(20) {
        0 => name.push(b'.'),
        1 => name.insert(0, b'.'),
        2 => name.clear(),
        3 => name.extend(vec![b'.'; 300]),
        4 => {
            let at = random.below(name.len());
            name[at] = random.bits() as u8;
        }
        _ => {}
    }
    name
}

/// A frame that bears a name, or nearly does.
pub fn frame(pool: &Pool, random: &mut Random) -> Vec<u8> {
    let of = if random.percent(50) {
        &pool.v4[..8]
    } else {
        &pool.v6[..7]
    };
    let (src, dst): (IpAddr, IpAddr) = (random.pick(of), random.pick(of));
    let port = 1024 + random.below(60_000) as u16;
    let body = match random.below(8) {
        0..3 => {
            let ports = if random.percent(70) {
                (port, 53)
            } else {
                (53, port)
            };
            let message = dns(random);
            if random.percent(70) {
                Body::udp(ports.0, ports.1, &message)
            } else {
                let mut segment = (message.len() as u16).to_be_bytes().to_vec();
                segment.extend(&message);
                match random.below(10) {
                    0 => segment.extend(&segment.clone()),
                    1 => segment.truncate(random.below(segment.len() + 1)),
                    2 => segment.truncate(2),
                    _ => {}
                }
                Body::tcp(ports.0, ports.1, &segment)
            }
        }
        3..5 => Body::tcp(port, random.pick(&[443, 853, 8443]), &hello(random)),
        5..7 => Body::tcp(port, random.pick(&[80, 8080]), &request(random)),
        _ => {
            let version: [u8; 4] = random.pick(&[
                [0, 0, 0, 1],
                [0x6b, 0x33, 0x43, 0xcf],
                [0; 4],
                [0xff, 0, 0, 29],
                [0xff, 0, 1, 29],
                [0xfa, 0xce, 0xb0, 2],
                *b"T051",
                *b"Q050",
                [0x1a, 0xca, 0x0a, 0xfa],
                [0x1a, 0xcb, 0x0a, 0xfa],
            ]);
            let first = 0xc0 | random.bits() as u8;
            let rest = random.bytes(1200);
            let datagram = [&[first], &version[..], &rest].concat();
            Body::udp(port, random.pick(&[443, 853, 5060]), &datagram)
        }
    };
    let mut frame = Frame::new(Network::between(src, dst, body));
    if random.percent(20) {
        frame = frame.tagged(0x8100, random.below(4096) as u16);
    }
    let mut bytes = frame.bytes();
    if random.percent(10) {
        let at = random.below(bytes.len());
        bytes[at] = random.bits() as u8;
    }
    bytes
}

/// A message with mostly one question, and EDNS.
fn dns(random: &mut Random) -> Vec<u8> {
    let questions = if random.percent(90) {
        1
    } else {
        random.below(4) as u8
    };
    let mut message = random.bytes(4);
    message.extend([0, questions, 0, 0, 0, 0, 0, 1]);
    for _ in 0..questions {
        let mut labels: Vec<Vec<u8>> = labels(random)
            .iter()
            .map(|label| cased(random, label))
            .collect();
        match random.below(20) {
            // A dot within a label is no boundary.
            0 if labels.len() > 1 => {
                let second = labels.remove(1);
                labels[0].push(b'.');
                labels[0].extend(second);
                labels[0].truncate(63);
            }
            1 => labels.push(random.bytes(5)),
            2 => labels.clear(),
            3 => labels.extend(vec![vec![b'a'; 63]; 4]),
            _ => {}
        }
        for label in labels {
            message.push(label.len() as u8);
            message.extend(label);
        }
        match random.below(30) {
            0 => message.extend([0xc0, 12]),
            1 => message.push(0x40),
            _ => message.push(0),
        }
        message.extend([0, 1, 0, 1]);
    }
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    if random.percent(5) {
        message.extend(random.bytes(600));
    }
    message
}

/// A ClientHello of this body in one record (RFC 8446 §4 and §5.1).
///
/// # Panics
/// When the body is longer than a record.
#[must_use]
pub fn client_hello(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a record");
    let mut hello = vec![0x16, 3, 1];
    hello.extend((length + 4).to_be_bytes());
    hello.extend([1, 0]);
    hello.extend(length.to_be_bytes());
    hello.extend(body);
    hello
}

fn hello(random: &mut Random) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(random.bytes(32));
    let session = random.pick(&[0, 32, 8]);
    body.push(session as u8);
    body.extend(random.bytes(session));
    let suites = 2 * (1 + random.below(20));
    body.extend((suites as u16).to_be_bytes());
    body.extend(random.bytes(suites));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    let count = random.below(20);
    let place = random.below(count + 1);
    for number in 0..=count {
        if number == place && random.percent(90) {
            let name = text(random);
            let size = name.len() as u16;
            extensions.extend([0, 0]);
            extensions.extend((size + 5).to_be_bytes());
            extensions.extend((size + 3).to_be_bytes());
            extensions.push(0);
            extensions.extend(size.to_be_bytes());
            extensions.extend(name);
        } else {
            let size = if random.percent(5) {
                700
            } else {
                random.below(40)
            };
            let other = [0x2a, number as u8 | 1];
            let kind = match random.below(25) {
                0 => [0xfe, 0x0d],
                1 => [0, 0],
                _ => other,
            };
            extensions.extend(kind);
            extensions.extend((size as u16).to_be_bytes());
            extensions.extend(random.bytes(size));
        }
    }
    if !random.percent(3) {
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
    }
    let hello = client_hello(&body);
    match random.below(10) {
        0 => [&[0x14, 3, 3, 0, 1, 1][..], &hello].concat(),
        1 => [&[0x14, 3, 1, 0, 1, 2][..], &hello].concat(),
        _ => hello,
    }
}

/// The head of a request.
fn request(random: &mut Random) -> Vec<u8> {
    let methods = [
        "GET",
        "POST",
        "HEAD",
        "PUT",
        "DELETE",
        "OPTIONS",
        "CONNECT",
        "PATCH",
        "TRACE",
        "BREW",
        "PROPFIND",
        "SUBSCRIBE",
    ];
    let path = "x".repeat(random.below(60));
    let mut head = format!("{} /{path} HTTP/1.1\r\n", random.pick(&methods)).into_bytes();
    let count = random.below(8);
    let place = random.below(count + 1);
    for number in 0..=count {
        if number == place && random.percent(90) {
            head.extend(
                random
                    .pick(&["Host: ", "host:", "HOST:\t ", "Host:  "])
                    .bytes(),
            );
            head.extend(text(random));
            if random.percent(20) {
                head.extend(b":8080");
            }
        } else {
            head.extend(format!("X-{number}: {}", "y".repeat(random.below(30))).bytes());
        }
        head.extend(if random.percent(95) {
            &b"\r\n"[..]
        } else {
            b"\n"
        });
    }
    match random.below(10) {
        0 => {}
        1 => {
            head.extend(b"\r\n");
            head.extend(b"GET /again HTTP/1.1\r\nHost: a.b\r\n\r\n");
            head.truncate(head.len() - random.below(36));
        }
        2 => head.extend(b"\nPOST / HTTP/1.1\nHost: a\n\n"),
        _ => head.extend(b"\r\nbody"),
    }
    head
}
