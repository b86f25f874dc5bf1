//! Names, URLs and fingerprints in captures, through the program and the inspection lane, beside what
//! tshark reads in the same frames.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use sensor_tests::{
    command, need,
    offline::{Replayed, replay},
    packet::{Body, Frame, Ip4},
    traffic::pcap_write_at,
};

const CLIENT: [u8; 4] = [10, 1, 0, 2];
const SERVER: [u8; 4] = [198, 51, 100, 7];
const START: u32 = u32::MAX - 300;

fn seed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(name);
    fs::read(path).expect("a seed")
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let body = Body::udp(ports.0, ports.1, payload);
    Frame::new(Ip4::new(CLIENT.into(), SERVER.into(), body)).bytes()
}

/// A segment `at` bytes into its stream; the sequence numbers wrap soon.
fn tcp(ports: (u16, u16), at: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
    let sequence = START.wrapping_add(at as u32);
    let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    let body = Body::Raw { proto: 6, bytes };
    Frame::new(Ip4::new(CLIENT.into(), SERVER.into(), body)).bytes()
}

/// A connection that sends these pieces, in this order; each at its place.
fn stream(ports: (u16, u16), pieces: &[(usize, &[u8])]) -> Vec<Vec<u8>> {
    let mut frames = vec![tcp(ports, 0, 2, &[])];
    // The first byte stands behind SYN.
    let data = pieces
        .iter()
        .map(|(at, piece)| tcp(ports, at + 1, 0x18, piece));
    frames.extend(data);
    frames
}

struct Capture {
    directory: tempfile::TempDir,
}

impl Capture {
    fn of(frames: &[Vec<u8>]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let timed = frames
            .iter()
            .enumerate()
            .map(|(at, frame)| (Duration::from_millis(at as u64), frame.as_slice()));
        pcap_write_at(&directory.path().join("frames.pcap"), timed);
        Self { directory }
    }

    fn replay(&self, markers: &str) -> Replayed {
        let capture = self.directory.path().join("frames.pcap");
        let replayed = replay(markers, &[], &[&capture]);
        assert_eq!(replayed.code, 0, "{}", replayed.stderr);
        replayed
    }

    /// Every value that tshark reads in a field.
    fn tshark(&self, field: &str) -> BTreeSet<String> {
        let capture = self.directory.path().join("frames.pcap");
        let capture = capture.to_str().expect("UTF-8");
        let text = command::run(&["tshark", "-n", "-r", capture, "-T", "fields", "-e", field]);
        let words = text.split(|one: char| one.is_whitespace() || one == ',');
        words
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    }
}

/// Markers, place and packets of each event.
fn told(replayed: &Replayed) -> BTreeSet<(String, String, u64)> {
    let events = replayed.events.iter();
    events
        .map(|event| {
            (
                event["markers"][0].as_str().expect("an id").to_owned(),
                event["matched_in"].as_str().expect("a place").to_owned(),
                event["packets"].as_u64().expect("a count"),
            )
        })
        .collect()
}

fn expected(of: &[(&str, &str, u64)]) -> BTreeSet<(String, String, u64)> {
    let owned = |(marker, place, packets): &(&str, &str, u64)| {
        ((*marker).to_owned(), (*place).to_owned(), *packets)
    };
    of.iter().map(owned).collect()
}

#[test]
fn a_name_is_found_wherever_a_packet_bears_it() {
    if !need::root() {
        return;
    }
    let query = seed("dns/query.bin");
    let over_tcp = [&(query.len() as u16).to_be_bytes()[..], &query].concat();
    let hello = seed("tls/one.bin");
    let request = seed("http/get.txt");
    let v1 = seed("quic/v1.bin");
    let mut frames = vec![udp((5000, 53), &query), udp((5001, 443), &v1)];
    frames.push(udp((5002, 443), &seed("quic/v2.bin")));
    frames.extend(stream((6000, 53), &[(0, &over_tcp)]));
    frames.extend(stream((6001, 443), &[(0, &hello)]));
    // In the middle of the name.
    let (one, two) = hello.split_at(105);
    frames.extend(stream((6002, 443), &[(0, one), (105, two)]));
    frames.extend(stream((6003, 8443), &[(105, two), (0, one)]));
    frames.extend(stream((6004, 8080), &[(0, &request)]));
    let capture = Capture::of(&frames);
    let replayed = capture.replay("domain *.evil.example id=n\ndomain xevil.example id=x\n");
    let of = expected(&[
        ("n", "dns", 1),
        ("n", "quic_sni", 1),
        ("n", "tls_sni", 1),
        ("n", "tls_sni", 2),
        ("n", "http_host", 1),
    ]);
    assert_eq!(told(&replayed), of, "{}", replayed.stderr);
    assert_eq!(replayed.events.len(), 8, "{}", replayed.stderr);
    if need::tool("tshark") {
        assert!(capture.tshark("dns.qry.name").contains("www.evil.example"));
        let names = capture.tshark("tls.handshake.extensions_server_name");
        assert_eq!(names, ["evil.example".to_owned()].into());
    }
}

#[test]
fn urls_and_the_fingerprints_that_tshark_reads_are_found() {
    if !need::root() || !need::tool("tshark") {
        return;
    }
    let hello = seed("tls/one.bin");
    let request = seed("http/get.txt");
    let mut frames = vec![udp((5001, 443), &seed("quic/v1.bin"))];
    frames.extend(stream(
        (6001, 443),
        &[(0, &hello[..120]), (120, &hello[120..])],
    ));
    frames.extend(stream(
        (6004, 8080),
        &[(0, &request[..30]), (30, &request[30..])],
    ));
    let capture = Capture::of(&frames);
    let fingerprints = capture.tshark("tls.handshake.ja3");
    assert_eq!(fingerprints.len(), 1, "one hello, twice: {fingerprints:?}");
    let ja3 = fingerprints.first().expect("one");
    let markers = format!("url http://evil.example/b?c=~ id=u\nja3 {ja3} id=j\n");
    let replayed = capture.replay(&markers);
    let of = expected(&[("u", "http_url", 2), ("j", "ja3", 2), ("j", "ja3", 1)]);
    assert_eq!(told(&replayed), of, "{}", replayed.stderr);
}

/// What no loaded pattern needs is not lent.
#[test]
fn nothing_is_lent_while_nothing_needs_it() {
    if !need::root() {
        return;
    }
    let mut frames = vec![
        udp((5000, 53), &seed("dns/query.bin")),
        udp((5001, 443), &seed("quic/v1.bin")),
    ];
    frames.extend(stream((6001, 443), &[(0, &seed("tls/one.bin")[..100])]));
    frames.extend(stream((6004, 80), &[(0, &seed("http/get.txt"))]));
    let replayed = Capture::of(&frames).replay("ip 203.0.113.5\n");
    assert!(replayed.events.is_empty());
    assert!(
        !replayed.stderr.contains("inspected"),
        "{}",
        replayed.stderr
    );
    assert!(!replayed.stderr.contains("lent="), "{}", replayed.stderr);
}
