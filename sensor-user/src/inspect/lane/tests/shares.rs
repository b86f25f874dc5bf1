//! Who floods one class or from one place takes nothing from the others.

use super::*;

/// A share of each class for about so many beginnings of hellos.
fn crowded(handshakes: usize) -> Lane {
    let mut lane = Lane::new(Budgets {
        total: Class::ALL.len() * handshakes * (BEGINNING.len() + 512),
        ..Budgets::default()
    });
    lane.set_wants(NAMES);
    lane
}

/// Nine bytes are enough to seem one.
const BEGINNING: &[u8] = b"\x16\x03\x01\x02\0\x01\0\x01\xfc";

fn beginning(source: [u32; 4], port: u16) -> Packet<'static> {
    let mut packet = packet(Class::Tls, Part::Head, 0, BEGINNING);
    packet.flow.src = source;
    packet.flow.src_port = port;
    packet
}

#[test]
fn no_class_takes_the_room_of_another() {
    let mut lane = crowded(50);
    for port in 0..500 {
        take(&mut lane, &beginning([0; 4], port));
    }
    let displaced = lane.counts().of(Class::Tls).fate(Fate::Displaced);
    assert_eq!((lane.waiting(), displaced), (50, 450));
    let question = packet(Class::Dns, Part::Either, 0, b"\0");
    assert_eq!(take(&mut lane, &question), []);
    let mut request = packet(Class::Http, Part::Either, 0, b"GET / HTTP/1.1\r\nHost");
    request.flow.src_port = 2;
    assert_eq!(take(&mut lane, &request), []);
    assert_eq!(lane.waiting(), 52);
    adds_up(&lane);
}

#[test]
fn who_floods_displaces_its_own_and_the_oldest_first() {
    let mut lane = crowded(50);
    let flood = [0, 0, 0, u32::from_ne_bytes([10, 0, 0, 1])];
    let part = |lane: &Lane, source| lane.secret.source(&beginning(source, 0).flow);
    let other = (1..)
        .map(|third| [0, 0, 0, u32::from_ne_bytes([10, 0, third, 1])])
        .find(|other| part(&lane, *other) != part(&lane, flood))
        .expect("not all are of one part");
    let stream = long_hello();
    let (one, two) = stream.split_at(20);
    let mut head = packet(Class::Tls, Part::Head, 0, one);
    head.flow.src = other;
    take(&mut lane, &head);
    // From every address of one prefix.
    for port in 0..5_000_u16 {
        let address = u32::from_ne_bytes([10, 0, 0, port.to_ne_bytes()[0]]);
        take(&mut lane, &beginning([0, 0, 0, address], port));
    }
    adds_up(&lane);
    let mut tail = packet(Class::Tls, Part::Segment, 20, two);
    tail.flow.src = other;
    assert_eq!(take(&mut lane, &tail), [(MatchedIn::TlsSni, 2)]);
    // Of the flood, the last ones wait.
    let flows: Vec<u16> = lane.streams.keys().map(|flow| flow.key.src_port).collect();
    assert!(flows.iter().all(|port| *port > 4_900) && flows.len() >= 40);
}

#[test]
fn a_hello_that_a_datagram_holds_whole_needs_no_room() {
    let mut lane = Lane::new(Budgets {
        total: 4,
        ..Budgets::default()
    });
    lane.set_wants(NAMES);
    let message = tls::message(&[(SERVER_NAME, &tls::server_name("a.example"))]);
    let whole = quic::crypto(0, &message);
    let first = quic::initial(Version::V1, b"first", b"first", 0, &whole);
    let told = take(&mut lane, &packet(Class::Quic, Part::Head, 0, &first));
    assert_eq!(told, [(MatchedIn::QuicSni, 1)]);
    let half = quic::crypto(0, &message[..20]);
    let second = quic::initial(Version::V1, b"second", b"second", 0, &half);
    take(&mut lane, &packet(Class::Quic, Part::Head, 0, &second));
    let counts = lane.counts().of(Class::Quic);
    assert_eq!(
        (counts.fate(Fate::Decided), counts.fate(Fate::OverBudget)),
        (1, 1)
    );
    adds_up(&lane);
}

#[test]
fn of_many_connections_between_two_ports_the_last_are_read() {
    let mut lane = lane(NAMES);
    let hello = tls::message(&[(SERVER_NAME, &tls::server_name("evil.example"))]);
    for id in 0..8_u8 {
        let piece = quic::crypto(0, &hello[..1]);
        let first = quic::initial(Version::V1, &[id; 8], &[id; 8], 0, &piece);
        take(&mut lane, &packet(Class::Quic, Part::Head, 0, &first));
    }
    let rest = quic::crypto(1, &hello[1..]);
    let last = quic::initial(Version::V1, &[7; 8], &[7; 8], 1, &rest);
    let later = Packet {
        time: SECOND + 1,
        ..packet(Class::Quic, Part::Head, 0, &last)
    };
    assert_eq!(take(&mut lane, &later), [(MatchedIn::QuicSni, 2)]);
    assert_eq!(lane.counts().of(Class::Quic).fate(Fate::Displaced), 4);
    adds_up(&lane);
}

#[test]
fn each_waits_by_its_own_time_and_nothing_when_the_clock_is_set_back() {
    let mut lane = lane(NAMES);
    lane.expire(10 * SECOND);
    // It was in a slot for a second and a half.
    let old = Packet {
        time: 8 * SECOND + SECOND / 2,
        ..beginning([0; 4], 1)
    };
    let new = Packet {
        time: 10 * SECOND,
        ..beginning([0; 4], 2)
    };
    take(&mut lane, &new);
    take(&mut lane, &old);
    lane.expire(10 * SECOND + SECOND / 2 - 1);
    assert_eq!(lane.waiting(), 2);
    lane.expire(10 * SECOND + SECOND / 2);
    assert_eq!(lane.waiting(), 1);
    lane.expire(5 * SECOND);
    assert_eq!((lane.waiting(), lane.held()), (0, 0));
    assert_eq!(lane.counts().of(Class::Tls).fate(Fate::TimedOut), 2);
    adds_up(&lane);
}

#[test]
fn of_what_is_decided_nothing_is_known_when_its_time_is_over() {
    let mut lane = lane(NAMES);
    let stream = long_hello();
    let (one, two) = stream.split_at(20);
    let head = packet(Class::Tls, Part::Head, 0, one);
    take(&mut lane, &head);
    take(&mut lane, &beginning([0; 4], 9));
    let rest = packet(Class::Tls, Part::Segment, 20, two);
    assert_eq!(take(&mut lane, &rest).len(), 1, "decided");
    assert!(lane.budget.known() > 0);
    lane.expire(head.time + Budgets::default().wait);
    assert_eq!((lane.budget.known(), lane.waiting()), (0, 0));
    adds_up(&lane);
}
