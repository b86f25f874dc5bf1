//! What follows something else in its stream.

use super::*;
use crate::model::Name;

/// However the stream is cut in two, each message is told once.
#[test]
fn messages_that_follow_each_other_over_tcp_are_all_found() {
    let message = |label: &[u8]| {
        let header = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0";
        let length = [label.len() as u8];
        let message = [&header[..], &length, label, b"\0\0\x01\0\x01"].concat();
        let size = u16::try_from(message.len()).expect("short").to_be_bytes();
        [&size[..], &message].concat()
    };
    let stream = [message(b"one"), message(b"two"), message(b"three")].concat();
    for cut in 1..=stream.len() {
        let mut lane = lane(NAMES);
        let (one, two) = stream.split_at(cut);
        let mut told = take(&mut lane, &packet(Class::Dns, Part::Either, 0, one));
        if !two.is_empty() {
            let rest = packet(Class::Dns, Part::Either, cut as u32, two);
            told.extend(take(&mut lane, &rest));
        }
        assert_eq!(told.len(), 3, "{cut}");
        adds_up(&lane);
    }
}

#[test]
fn requests_that_follow_each_other_at_once_are_all_found() {
    let stream = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nGET \
        GET /b HTTP/1.1\r\nHost: b.example\r\n\r\nGET /c HTTP/1.1\r\nHost: c.example\r\n\r\n";
    let first = 60;
    for judged in [false, true] {
        for cut in first..=stream.len() {
            let wants = Wants {
                urls: true,
                ..NAMES
            };
            let mut lane = lane(wants);
            let (one, two) = stream.split_at(cut);
            let head = Packet {
                judged,
                ..packet(Class::Http, Part::Either, 0, one)
            };
            let mut told = take(&mut lane, &head);
            if !two.is_empty() {
                let rest = packet(Class::Http, Part::Either, cut as u32, two);
                told.extend(take(&mut lane, &rest));
            }
            let count = |place| told.iter().filter(|(at, _)| *at == place).count();
            let hosts = 3 - usize::from(judged);
            assert_eq!(
                (count(MatchedIn::HttpHost), count(MatchedIn::HttpUrl)),
                (hosts, 3),
                "{cut}"
            );
            adds_up(&lane);
        }
    }
}

/// Host and URL are told as soon as they are there, and not again.
#[test]
fn the_host_of_a_head_that_does_not_end_is_told() {
    let head = b"GET /a HTTP/1.1\r\nHost: a.example\r\nX: y";
    let wants = Wants {
        urls: true,
        ..NAMES
    };
    let mut lane = lane(wants);
    let told = take(&mut lane, &packet(Class::Http, Part::Either, 0, head));
    assert_eq!(told, [(MatchedIn::HttpHost, 1), (MatchedIn::HttpUrl, 1)]);
    let rest = packet(Class::Http, Part::Either, head.len() as u32, b"\r\n\r\n");
    assert_eq!(take(&mut lane, &rest), []);
    adds_up(&lane);
}

/// RFC 8446 §D.4: before the second hello of a client that was asked for another key share.
#[test]
fn a_hello_behind_a_change_of_cipher_is_found() {
    let stream = [&b"\x14\x03\x03\0\x01\x01"[..], &long_hello()].concat();
    let (one, two) = stream.split_at(1400);
    let mut lane = lane(NAMES);
    assert_eq!(take(&mut lane, &packet(Class::Tls, Part::Head, 7, one)), []);
    let rest = packet(Class::Tls, Part::Segment, 1407, two);
    assert_eq!(take(&mut lane, &rest), [(MatchedIn::TlsSni, 2)]);
    adds_up(&lane);
}

#[test]
fn what_goes_on_in_another_slot_is_of_the_same_packet() {
    let stream = long_hello();
    let mut lane = lane(ALL);
    let (one, two) = stream.split_at(1024);
    assert_eq!(take(&mut lane, &packet(Class::Tls, Part::Head, 0, one)), []);
    let rest = Packet {
        bytes: 0,
        ..packet(Class::Tls, Part::Segment, 1024, two)
    };
    let told = take(&mut lane, &rest);
    assert_eq!(
        told,
        [
            (MatchedIn::TlsSni, 1),
            (MatchedIn::Ja3, 1),
            (MatchedIn::Ja4, 1)
        ]
    );
    adds_up(&lane);
}

#[test]
fn a_second_name_is_told_whoever_told_the_first() {
    let message = tls::message(&[
        (SERVER_NAME, &tls::server_name("evil.example")),
        (51, &[9; 30]),
        (SERVER_NAME, &tls::server_name("other.example")),
    ]);
    let stream = tls::records(&message, 16_000);
    for judged in [false, true] {
        let mut lane = lane(NAMES);
        let hello = Packet {
            judged,
            ..packet(Class::Tls, Part::Head, 0, &stream)
        };
        let mut found = Vec::new();
        lane.take(&hello, &mut found);
        let name = |name: &[u8]| Name::of_text(name).map(Observed::Name).expect("a name");
        let mut expected = vec![name(b"evil.example"), name(b"other.example")];
        expected.drain(..usize::from(judged));
        let told: Vec<_> = found.into_iter().map(|one| one.what).collect();
        assert_eq!(told, expected);
        adds_up(&lane);
    }
}

#[test]
fn connections_that_say_nothing_hide_none() {
    let mut lane = lane(NAMES);
    let hello = tls::message(&[(SERVER_NAME, &tls::server_name("evil.example"))]);
    let mut datagram = |id: &[u8], frames: &[u8]| {
        let datagram = quic::initial(Version::V1, id, id, 0, frames);
        let mut packet = packet(Class::Quic, Part::Head, 0, &datagram);
        packet.flow.proto = 17;
        let told = take(&mut lane, &packet);
        adds_up(&lane);
        told
    };
    for id in [b"a", b"b", b"c", b"d"] {
        assert_eq!(datagram(id, &quic::crypto(0, &hello[..1])), []);
    }
    let last = b"the last one";
    assert_eq!(datagram(last, &quic::crypto(0, &hello[..9])), []);
    let found = datagram(last, &quic::crypto(9, &hello[9..]));
    assert_eq!(found, [(MatchedIn::QuicSni, 1)]);
    let counts = lane.counts().of(Class::Quic);
    assert_eq!(
        (counts.fate(Fate::Displaced), counts.fate(Fate::Decided)),
        (1, 1)
    );
}
