use super::*;
use crate::inspect::{
    quic::{Version, tests as quic},
    tls::{SERVER_NAME, tests as tls},
};

const SECOND: u64 = 1_000_000_000;
const NAMES: Wants = Wants {
    names: true,
    urls: false,
    ja3: false,
    ja4: false,
};
const ALL: Wants = Wants {
    names: true,
    urls: true,
    ja3: true,
    ja4: true,
};

fn packet(class: Class, part: Part, sequence: u32, payload: &[u8]) -> Packet<'_> {
    Packet {
        flow: FlowKey {
            pattern: 77,
            src: [0, 0, 0, 1],
            dst: [0, 0, 0, 2],
            src_port: 40_000,
            dst_port: 443,
            proto: 6,
            family: 4,
            ..FlowKey::default()
        },
        time: SECOND,
        bytes: 100,
        generation: 3,
        class,
        part,
        sequence,
        truncated: false,
        judged: false,
        payload,
    }
}

fn lane(wants: Wants) -> Lane {
    let mut lane = Lane::new(Budgets::default());
    lane.set_wants(wants);
    lane
}

fn take(lane: &mut Lane, packet: &Packet<'_>) -> Vec<(MatchedIn, u64)> {
    let mut found = Vec::new();
    lane.take(packet, &mut found);
    let told = found.iter().map(|one| (one.matched_in, one.packets));
    told.collect()
}

/// Every handshake has one end, and nothing is held once none waits.
fn adds_up(lane: &Lane) {
    let mut waiting = 0;
    for class in Class::ALL {
        let counts = lane.counts().of(class);
        let ended: u64 = Fate::ALL.iter().map(|fate| counts.fate(*fate)).sum();
        waiting += counts.opened - ended;
    }
    assert_eq!(waiting, lane.waiting() as u64);
    assert!(waiting > 0 || lane.held() == 0);
}

fn long_hello() -> Vec<u8> {
    let message = tls::message(&[
        (51, &[9; 1800]),
        (SERVER_NAME, &tls::server_name("evil.example")),
    ]);
    tls::records(&message, 16_000)
}

#[test]
fn a_hello_over_two_segments_is_found_in_either_order() {
    let stream = long_hello();
    let (one, two) = stream.split_at(1400);
    // The sequence number wraps between the two.
    let start = u32::MAX - 700;
    let behind = start.wrapping_add(1400);
    for swapped in [false, true] {
        for wants in [NAMES, ALL] {
            let mut lane = lane(wants);
            let head = packet(Class::Tls, Part::Head, start, one);
            let tail = packet(Class::Tls, Part::Segment, behind, two);
            let (first, second) = if swapped { (tail, head) } else { (head, tail) };
            assert_eq!(take(&mut lane, &first), []);
            assert_eq!(lane.waiting(), 1);
            let told = take(&mut lane, &second);
            let mut expected = vec![(MatchedIn::TlsSni, 2)];
            if wants.ja3 {
                expected.extend([(MatchedIn::Ja3, 2), (MatchedIn::Ja4, 2)]);
            }
            assert_eq!(told, expected);
            let again = packet(Class::Tls, Part::Segment, behind, two);
            assert_eq!(take(&mut lane, &again), []);
            let counts = lane.counts().of(Class::Tls);
            assert_eq!(
                (counts.fate(Fate::Decided), counts.stray, counts.packets),
                (1, 1, 3)
            );
            adds_up(&lane);
        }
    }
}

#[test]
fn what_the_kernel_has_judged_is_not_told_again() {
    let stream = long_hello();
    let mut lane = lane(ALL);
    let hello = Packet {
        judged: true,
        ..packet(Class::Tls, Part::Head, 0, &stream)
    };
    assert_eq!(
        take(&mut lane, &hello),
        [(MatchedIn::Ja3, 1), (MatchedIn::Ja4, 1)]
    );
    let request = b"GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let head = Packet {
        judged: true,
        ..packet(Class::Http, Part::Either, 0, request)
    };
    assert_eq!(take(&mut lane, &head), [(MatchedIn::HttpUrl, 1)]);
    adds_up(&lane);
}

#[test]
fn a_request_head_is_found_over_segments_and_again_on_the_same_connection() {
    let request = b"GET /a HTTP/1.1\r\nX: y\r\nHost: evil.example\r\n\r\n";
    let mut lane = lane(Wants {
        urls: true,
        ..NAMES
    });
    for round in 0..2 {
        let at = 100 * round;
        let (one, two) = request.split_at(20);
        assert_eq!(
            take(&mut lane, &packet(Class::Http, Part::Either, at, one)),
            []
        );
        let told = take(&mut lane, &packet(Class::Http, Part::Either, at + 20, two));
        assert_eq!(told, [(MatchedIn::HttpHost, 2), (MatchedIn::HttpUrl, 2)]);
    }
    let body = packet(Class::Http, Part::Either, 300, b"\0\0 no head");
    assert_eq!(take(&mut lane, &body), []);
    assert_eq!(lane.counts().of(Class::Http).stray, 1);
    adds_up(&lane);
}

#[test]
fn what_does_not_come_in_time_is_let_go() {
    let stream = long_hello();
    let mut lane = lane(NAMES);
    take(
        &mut lane,
        &packet(Class::Tls, Part::Head, 0, &stream[..500]),
    );
    let mut orphan = packet(Class::Tls, Part::Segment, 0, &stream[500..]);
    orphan.flow.src_port = 1;
    take(&mut lane, &orphan);
    assert_eq!((lane.waiting(), lane.held() > stream.len()), (2, true));
    lane.expire(3 * SECOND - 1);
    assert_eq!(lane.waiting(), 2);
    lane.expire(3 * SECOND);
    let counts = lane.counts().of(Class::Tls);
    assert_eq!(
        (counts.fate(Fate::TimedOut), counts.fate(Fate::Orphaned)),
        (1, 1)
    );
    adds_up(&lane);
}

#[test]
fn budgets_of_a_flow_and_of_all_are_kept() {
    let stream = long_hello();
    let mut lane = Lane::new(Budgets {
        per_flow: 1000,
        total: 16_000,
        ..Budgets::default()
    });
    lane.set_wants(NAMES);
    for port in 0..20 {
        let mut head = packet(Class::Tls, Part::Head, 0, &stream[..900]);
        head.flow.src_port = port;
        take(&mut lane, &head);
        assert!(lane.held() <= 4000);
    }
    let mut more = packet(Class::Tls, Part::Segment, 900, &stream[900..]);
    more.flow.src_port = 19;
    take(&mut lane, &more);
    let counts = lane.counts().of(Class::Tls);
    assert_eq!(
        (counts.fate(Fate::TooLong), counts.fate(Fate::Displaced)),
        (1, 18)
    );
    adds_up(&lane);
    lane.expire(9 * SECOND);
    adds_up(&lane);
    assert_eq!(lane.waiting(), 0);
}

#[test]
fn a_packet_that_was_cut_and_what_is_no_hello_have_their_own_ends() {
    let stream = long_hello();
    let mut lane = lane(NAMES);
    let cut = Packet {
        truncated: true,
        ..packet(Class::Tls, Part::Head, 0, &stream[..500])
    };
    take(&mut lane, &cut);
    take(
        &mut lane,
        &packet(
            Class::Tls,
            Part::Head,
            5000,
            b"\x16\x03\x01\0\x05\x02\0\0\x01\0",
        ),
    );
    let nameless = tls::records(&tls::message(&[]), 999);
    take(&mut lane, &packet(Class::Tls, Part::Head, 9000, &nameless));
    let counts = lane.counts().of(Class::Tls);
    let ends = [Fate::Truncated, Fate::Unreadable, Fate::Nameless].map(|fate| counts.fate(fate));
    assert_eq!(ends, [1, 1, 1]);
    adds_up(&lane);
}

#[test]
fn a_question_over_tcp_is_found_over_segments() {
    let message = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04evil\x07example\0\0\x01\0\x01";
    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
    let stream = [&length[..], message].concat();
    for cut in 1..stream.len() {
        let mut lane = lane(NAMES);
        let (one, two) = stream.split_at(cut);
        let mut told = take(&mut lane, &packet(Class::Dns, Part::Either, 0, one));
        // Type and class may be in the second segment.
        let packets = 2 - told.len() as u64;
        let rest = packet(Class::Dns, Part::Either, cut as u32, two);
        told.extend(take(&mut lane, &rest));
        assert_eq!(told, [(MatchedIn::Dns, packets)], "{cut}");
        adds_up(&lane);
    }
    let mut over_udp = packet(Class::Dns, Part::Either, 0, message);
    over_udp.flow.proto = 17;
    assert_eq!(take(&mut lane(NAMES), &over_udp), [(MatchedIn::Dns, 1)]);
}

mod following;
mod shares;

mod connections {
    use super::*;

    fn datagram(payload: &[u8]) -> Packet<'_> {
        packet(Class::Quic, Part::Head, 0, payload)
    }

    fn hello() -> Vec<u8> {
        tls::message(&[
            (51, &[9; 1500]),
            (SERVER_NAME, &tls::server_name("evil.example")),
        ])
    }

    #[test]
    fn a_hello_is_found_in_any_order_of_frames_packets_and_datagrams() {
        let hello = hello();
        for version in [Version::V1, Version::V2, Version::Draft29, Version::T051] {
            let frames = |from: usize, to: usize| {
                let mut frame = quic::crypto(from, &hello[from..to]);
                if version == Version::T051 {
                    frame[0] = 8;
                }
                frame
            };
            let one = [frames(700, 1000), frames(0, 300)].concat();
            let two = [frames(300, 700), frames(900, hello.len())].concat();
            let one = quic::initial(version, b"first", b"first", 0, &one);
            let two = quic::initial(version, b"first", b"first", 1, &two);
            for order in [[&one, &two], [&two, &one]] {
                let mut lane = lane(ALL);
                assert_eq!(take(&mut lane, &datagram(order[0])), []);
                let later = Packet {
                    time: SECOND + 1,
                    ..datagram(order[1])
                };
                let told = take(&mut lane, &later);
                let places = [MatchedIn::QuicSni, MatchedIn::Ja3, MatchedIn::Ja4];
                assert_eq!(told, places.map(|place| (place, 2)));
                adds_up(&lane);
            }
            let both = [&one[..], &two].concat();
            let told = take(&mut lane(NAMES), &datagram(&both));
            assert_eq!(told, [(MatchedIn::QuicSni, 1)]);
        }
    }

    #[test]
    fn keys_follow_retry_version_and_the_servers_id() {
        let hello = hello();
        let half = |at: usize| quic::crypto(at, &hello[at..(at + 800).min(hello.len())]);
        let mut lane = lane(NAMES);
        let first = quic::initial(Version::V1, b"first", b"first", 0, &half(0));
        assert_eq!(take(&mut lane, &datagram(&first)), []);
        // Under the server's id and another version, with the keys of the first id.
        let next = quic::initial(Version::V2, b"server", b"first", 1, &half(800));
        assert_eq!(take(&mut lane, &datagram(&next)), [(MatchedIn::QuicSni, 1)]);
        // After a Retry: all of it again, from its id.
        for (number, at) in [(2, 0), (3, 800)] {
            let again = quic::initial(Version::V1, b"retried", b"retried", number, &half(at));
            let told = take(&mut lane, &datagram(&again));
            assert_eq!(told.len(), usize::from(at > 0));
        }
        let counts = lane.counts().of(Class::Quic);
        assert_eq!((counts.opened, counts.fate(Fate::Decided)), (2, 2));
        adds_up(&lane);
    }

    #[test]
    fn answers_and_what_follows_are_strays_and_strangers_unreadable() {
        let mut lane = lane(NAMES);
        let acknowledged = quic::initial(Version::V1, b"server", b"first", 7, &[2, 0, 0, 0, 0]);
        take(&mut lane, &datagram(&acknowledged));
        assert_eq!(lane.counts().of(Class::Quic).fate(Fate::Unreadable), 1);
        let whole = quic::crypto(
            0,
            &tls::message(&[(SERVER_NAME, &tls::server_name("a.example"))]),
        );
        let first = quic::initial(Version::V1, b"first", b"first", 0, &whole);
        assert_eq!(
            take(&mut lane, &datagram(&first)),
            [(MatchedIn::QuicSni, 1)]
        );
        take(&mut lane, &datagram(&acknowledged));
        let mut answer = datagram(&acknowledged);
        (answer.flow.src, answer.flow.dst) = (answer.flow.dst, answer.flow.src);
        (answer.flow.src_port, answer.flow.dst_port) = (443, 40_000);
        take(&mut lane, &answer);
        assert_eq!(lane.counts().of(Class::Quic).stray, 2);
        take(&mut lane, &datagram(b"\x80\0\0\0\0\0"));
        let counts = lane.counts().of(Class::Quic);
        assert_eq!((counts.opened, counts.fate(Fate::Unreadable)), (3, 2));
        adds_up(&lane);
    }
}
