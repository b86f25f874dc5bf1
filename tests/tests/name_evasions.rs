//! What clients do so that nobody reads a name, or do without meaning to: through the program by
//! BPF_PROG_TEST_RUN, then through confirmation and the inspection lane, as the agent has them.

use sensor_common::{LaneClass, LaneFate, Term};
use sensor_tests::{
    need,
    oracle::image,
    packet::{Body, Frame, Ip4},
    random::{Pool, Random, name},
};
use sensor_user::{
    crypto::hex,
    dataplane::{Offline, Sizes, Variant},
    hits::matched_in,
    inspect::{Budgets, ja, names, tls},
    lent::Lending,
    markers::pattern_id,
    model::{MatchedIn, Observed, Pattern},
};

#[path = "name_evasions/evasive.rs"]
mod evasive;
#[path = "name_evasions/order.rs"]
mod order;

use evasive::{extension, hello, hello_with, one_name, over_tcp, question, records};

const START: u64 = 1_700_000_000_000_000_000;
const MILLISECOND: u64 = 1_000_000;
const SYN: u8 = 2;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x18;
const REQUEST: &[u8] = b"GET /a/b?c=d HTTP/1.1\r\nHost: www.evil.example\r\nCookie: a=b\r\n\r\n";

/// The program, and what the agent does with what it tells and lends.
struct Subject {
    offline: Offline,
    lending: Lending,
    patterns: Vec<Pattern>,
    time: u64,
    port: u16,
}

impl Subject {
    fn new(patterns: &[Pattern]) -> Self {
        let image = image(patterns);
        let sizes = Sizes {
            flow_entries: 4096,
            ring_bytes: 65_536,
            cpu_slots: 256,
        };
        let mut lending = Lending::new(Budgets::default());
        lending.look_for(&image);
        Self {
            offline: Offline::new(&image, sizes, Variant::Frags).expect("it loads"),
            lending,
            patterns: patterns.to_vec(),
            time: START,
            port: 10_000,
        }
    }

    fn of(patterns: &[&str]) -> Self {
        let patterns: Vec<Pattern> = patterns
            .iter()
            .map(|pattern| pattern.parse().expect("a pattern"))
            .collect();
        Self::new(&patterns)
    }

    /// Where names, URLs and fingerprints of markers were found. What the kernel says is confirmed.
    fn find(&mut self, frame: &[u8]) -> Vec<MatchedIn> {
        self.time += MILLISECOND;
        self.offline.run(frame, self.time).expect("it runs");
        let tap = self.offline.tap();
        let mut told = Vec::new();
        tap.read_records(&mut told, usize::MAX);
        let mut found: Vec<MatchedIn> = told
            .iter()
            .map(|record| {
                let place = matched_in(record.matched_in).expect("a place");
                let lent = tap.borrowed(record).expect("its payload");
                let bore = names(place, &lent.payload);
                let pattern = self
                    .patterns
                    .iter()
                    .find(|pattern| pattern_id(pattern).0 == record.key.pattern);
                let pattern = pattern.expect("a pattern of the image");
                let mut bore = bore.into_iter().map(Observed::Name);
                let confirmed = bore.any(|name| name.is_covered_by(pattern));
                assert!(confirmed, "{place:?} {pattern} {}", hex(frame));
                place
            })
            .collect();
        self.lending.read(tap, usize::MAX);
        for finding in self.lending.findings() {
            let covering = self.patterns.iter();
            let covering = covering.filter(|pattern| finding.what.is_covered_by(pattern));
            found.extend(covering.map(|_| finding.matched_in));
        }
        found
    }

    /// The same of a new connection that sends these pieces of a stream in this order, each at its
    /// place; each place once, in their order.
    fn connection(&mut self, port: u16, pieces: &[(usize, &[u8])]) -> Vec<MatchedIn> {
        self.port += 1;
        let ports = (self.port, port);
        let mut found = self.find(&tcp(ports, 0, SYN, &[]));
        for (at, piece) in pieces {
            found.extend(self.find(&tcp(ports, at + 1, PUSH, piece)));
        }
        found.sort_by_key(|place| format!("{place:?}"));
        found
    }

    /// A connection that sends this at once.
    fn whole(&mut self, port: u16, stream: &[u8]) -> Vec<MatchedIn> {
        self.connection(port, &[(0, stream)])
    }
}

/// A segment `at` bytes into its stream; the sequence numbers wrap soon.
fn tcp(ports: (u16, u16), at: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
    let sequence = (u32::MAX - 100).wrapping_add(at as u32);
    let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    frame(Body::Raw { proto: 6, bytes })
}

fn frame(body: Body) -> Vec<u8> {
    let ends: [[u8; 4]; 2] = [[10, 1, 0, 2], [198, 51, 100, 7]];
    Frame::new(Ip4::new(ends[0].into(), ends[1].into(), body)).bytes()
}

/// Heads that servers take and parsers refuse: the program matches them by its own rule, and what
/// confirms a match must not be stricter.
#[test]
fn what_the_program_matches_is_confirmed() {
    if !need::root() {
        return;
    }
    let pool = Pool::default();
    let mut random = Random::from_env(20_261_122);
    let mut hits = 0;
    for _ in 0..8 {
        let mut subject = Subject::new(&name::domains(&mut random, 24));
        for _ in 0..500 {
            let mut bytes = name::frame(&pool, &mut random);
            for _ in 0..random.below(3) {
                let at = 14 + random.below(bytes.len() - 14);
                bytes[at] = random.pick(b"\0\x01\x03\n\r :./HT@\xe9\xff");
            }
            hits += subject.find(&bytes).len();
            let tap = subject.offline.tap();
            let ended = tap.flip_alone().expect("flip");
            tap.clear(ended).expect("clear");
        }
    }
    assert!(hits > 100, "{hits}");
}

#[test]
fn host_and_url_of_odd_heads_are_told() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example", "url http://www.evil.example/a%20b"]);
    let host = "Host: www.evil.example";
    let long = format!("Host: {}www.evil.example", " \t".repeat(60));
    let many = format!("{}{host}", "A: b\r\n".repeat(200));
    for (line, fields) in [
        ("GET /a b HTTP/1.1", host),
        ("GET /a%20b HTTP/1.2", host),
        ("GET /a%20b HTTP/1.1\r\nX@y: 1", host),
        ("GET /a%20b HTTP/1.1\r\nX: 1\r\n  2", host),
        ("GET /a%20b HTTP/1.1\r\nX: \x01", host),
        ("GET /a%20b HTTP/1.1", &many),
        ("GET /a%20b HTTP/1.1", &long),
        // What servers skip, and methods that nobody knows.
        ("\r\nGET /a%20b HTTP/1.1", host),
        ("\n\r\n\r\nGET /a%20b HTTP/1.1", host),
        ("FETCH_IT /a%20b HTTP/1.1", host),
        // The target counts, and Host does for some.
        (
            "GET http://www.evil.example/a%20b HTTP/1.1",
            "Host: good.example",
        ),
        (
            "\r\nGET http://www.evil.example/a%20b HTTP/1.1",
            "Host: good.example",
        ),
    ] {
        let head = format!("{line}\r\n{fields}\r\nCookie: 1\r\n\r\n");
        let found = subject.whole(80, head.as_bytes());
        assert_eq!(found, [MatchedIn::HttpHost, MatchedIn::HttpUrl], "{head}");
    }
    let head = b"CONNECT www.evil.example:443 HTTP/1.1\r\nHost: good.example\r\n\r\n";
    assert_eq!(subject.whole(3128, head), [MatchedIn::HttpHost]);
    let mut names = Subject::of(&["domain *.evil.example"]);
    let head = b"GET http://www.evil.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n";
    assert_eq!(names.whole(3128, head), [MatchedIn::HttpHost]);
    // The second request of two, behind what servers skip.
    let heads =
        ["good", "www.evil"].map(|host| format!("GET / HTTP/1.1\r\nHost: {host}.example\r\n\r\n"));
    for between in ["", "\n", "\r\n"] {
        let both = heads.join(between);
        assert_eq!(
            names.whole(80, both.as_bytes()),
            [MatchedIn::HttpHost],
            "{both}"
        );
    }
    assert!(subject.whole(80, b"\n\n\n").is_empty());
    assert!(subject.whole(25, b"EHLO www.evil.example\r\n").is_empty());
}

#[test]
fn port_53_hides_nothing_but_dns() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example"]);
    let hello = hello("www.evil.example");
    assert_eq!(subject.whole(53, &hello), [MatchedIn::TlsSni]);
    let (one, two) = hello.split_at(60);
    let found = subject.connection(53, &[(0, one), (60, two)]);
    assert_eq!(found, [MatchedIn::TlsSni]);
    assert_eq!(subject.whole(53, REQUEST), [MatchedIn::HttpHost]);
    assert_eq!(
        subject.find(&tcp((53, 443), 1, PUSH, &hello)),
        [MatchedIn::TlsSni]
    );
    let initial = include_bytes!("../seeds/quic/v1.bin");
    for ports in [(4000, 53), (53, 443)] {
        let found = subject.find(&frame(Body::udp(ports.0, ports.1, initial)));
        assert_eq!(found, [MatchedIn::QuicSni], "{ports:?}");
    }
    assert_eq!(subject.whole(53, &over_tcp(&question())), [MatchedIn::Dns]);
    let found = subject.find(&frame(Body::udp(4001, 53, &question())));
    assert_eq!(found, [MatchedIn::Dns]);
    // A message whose length and number look like a handshake record.
    let mut long = question();
    (long[0], long[1]) = (1, 2);
    long.resize(0x1603, 0);
    assert_eq!(
        subject.whole(53, &over_tcp(&long)[..1400]),
        [MatchedIn::Dns]
    );
    // And one that ends behind its name.
    let bare = &question()[..26];
    let found = subject.find(&frame(Body::udp(4002, 53, bare)));
    assert_eq!(found, [MatchedIn::Dns]);
}

#[test]
fn every_name_of_a_hello_counts_and_fingerprints_need_none() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example"]);
    let list = |entries: &[(u8, &str)]| {
        let mut names = Vec::new();
        for (kind, name) in entries {
            names.push(*kind);
            names.extend((name.len() as u16).to_be_bytes());
            names.extend(name.as_bytes());
        }
        extension(0, &over_tcp(&names))
    };
    for entries in [
        &[(0, "good.example"), (0, "www.evil.example")][..],
        &[(0, "www.evil.example"), (0, "good.example")],
        &[(7, "other"), (0, "www.evil.example")],
    ] {
        let found = subject.whole(443, &hello_with(&list(entries)));
        assert_eq!(found, [MatchedIn::TlsSni], "{entries:?}");
    }
    // Two extensions: the first is what the program matches.
    let two = [one_name("www.evil.example"), one_name("good.example")].concat();
    assert_eq!(subject.whole(443, &hello_with(&two)), [MatchedIn::TlsSni]);

    let hellos = [
        extension(0, &[]),
        one_name(&"a.".repeat(200)),
        (0..70).flat_map(|_| extension(0x4a4a, &[])).collect(),
    ]
    .map(|extensions| hello_with(&extensions));
    for stream in hellos {
        let read = tls::hello(&stream[5..]).expect("a hello");
        let ja3 = ja::ja3(&read);
        let mut subject = Subject::of(&[format!("ja3 {ja3}").as_str()]);
        assert_eq!(subject.whole(443, &stream), [MatchedIn::Ja3]);
    }
}

/// A confirmation may be lost on the way: the flow is told anew in the next period.
#[test]
fn a_flow_of_a_name_is_told_again_in_each_period() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example"]);
    let query = frame(Body::udp(4000, 53, &question()));
    let mut former = None;
    for _ in 0..3 {
        assert_eq!(subject.find(&query), [MatchedIn::Dns]);
        assert!(subject.find(&query).is_empty(), "once in a period");
        let tap = subject.offline.tap();
        // The table of the period that ends is there until the next one ends.
        if let Some(former) = former {
            tap.clear(former).expect("clear");
        }
        former = Some(tap.flip_alone().expect("flip"));
    }
    let ledger = subject.offline.tap().counts().ledger().expect("counters");
    let of = |term: Term| ledger[term as usize];
    assert_eq!((of(Term::Hits), of(Term::Records)), (6, 3));
    assert_eq!(of(Term::Aggregated), 3);
}
