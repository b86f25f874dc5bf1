//! What is cut, swapped or put behind something else.

use super::*;

/// However what a connection begins with is cut in two, and a head also where it goes on for long.
#[test]
fn beginnings_are_found_wherever_they_are_cut() {
    if !need::root() {
        return;
    }
    let url = "url http://www.evil.example/a/b?c=d";
    let mut subject = Subject::of(&["domain *.evil.example", url]);
    let hello = hello("www.evil.example");
    for (stream, port, expected) in [
        (&hello[..], 443, &[MatchedIn::TlsSni][..]),
        (REQUEST, 80, &[MatchedIn::HttpHost, MatchedIn::HttpUrl]),
    ] {
        for cut in 1..stream.len() {
            let (one, two) = stream.split_at(cut);
            let found = subject.connection(port, &[(0, one), (cut, two)]);
            assert_eq!(found, expected, "{cut}");
        }
        // One byte at a time, then the rest.
        let mut pieces: Vec<(usize, &[u8])> = (0..40).map(|at| (at, &stream[at..=at])).collect();
        pieces.push((40, &stream[40..]));
        assert_eq!(subject.connection(port, &pieces), expected);
    }
    // The rest never comes.
    let cut = REQUEST.len() - 10;
    let found = subject.connection(80, &[(0, &REQUEST[..cut])]);
    assert_eq!(found, [MatchedIn::HttpHost, MatchedIn::HttpUrl]);
    // Records of one byte and of three.
    for size in [1, 3] {
        let found = subject.whole(443, &records(&hello[5..], size));
        assert_eq!(found, [MatchedIn::TlsSni], "{size}");
    }
}

#[test]
fn without_names_the_pieces_of_a_url_are_found_in_either_order() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["url http://www.evil.example/a/b?c=d"]);
    let (one, two) = REQUEST.split_at(30);
    for pieces in [[(0, one), (30, two)], [(30, two), (0, one)]] {
        assert_eq!(subject.connection(80, &pieces), [MatchedIn::HttpUrl]);
    }
}

/// A message over TCP, of a client and of a server whose client nobody sees.
#[test]
fn a_dns_message_is_found_in_whatever_order_its_segments_come() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example"]);
    let message = over_tcp(&question());
    let mut port = 30_000;
    for cut in 1..message.len() {
        let (one, two) = message.split_at(cut);
        for pieces in [[(0, one), (cut, two)], [(cut, two), (0, one)]] {
            port += 1;
            for (ports, begin) in [((port, 53), SYN), ((53, port), SYN | ACK)] {
                let mut found = subject.find(&tcp(ports, 0, begin, &[]));
                for (at, piece) in pieces {
                    found.extend(subject.find(&tcp(ports, at + 1, PUSH, piece)));
                }
                assert_eq!(found, [MatchedIn::Dns], "{cut} {ports:?} {}", pieces[0].0);
            }
        }
    }
}

/// TCP Fast Open (RFC 7413).
#[test]
fn what_a_syn_bears_is_read() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example"]);
    let hello = hello("www.evil.example");
    let question = over_tcp(&question());
    for (at, (stream, port, place)) in [
        (&hello[..], 443, MatchedIn::TlsSni),
        (REQUEST, 80, MatchedIn::HttpHost),
        (&question[..], 53, MatchedIn::Dns),
    ]
    .into_iter()
    .enumerate()
    {
        let ports = (20_000 + at as u16, port);
        assert_eq!(subject.find(&tcp(ports, 0, SYN, stream)), [place]);
    }
    for cut in [1, 3, 60] {
        let ports = (21_000 + cut as u16, 443);
        assert!(subject.find(&tcp(ports, 0, SYN, &hello[..cut])).is_empty());
        let found = subject.find(&tcp(ports, cut + 1, PUSH, &hello[cut..]));
        assert_eq!(found, [MatchedIn::TlsSni], "{cut}");
    }
}

/// RFC 9000 §12.2 asks for an order of packets in a datagram; who receives one takes any.
#[test]
fn an_initial_behind_other_packets_is_found() {
    if !need::root() {
        return;
    }
    let mut subject = Subject::of(&["domain *.evil.example"]);
    let v1 = include_bytes!("../../seeds/quic/v1.bin");
    let v2 = include_bytes!("../../seeds/quic/v2.bin");
    let packet = |first: u8, like: &[u8], id: usize, width: u32| {
        let ids = [&[id as u8][..], &vec![5; id]].concat();
        let length = (u64::from(width.trailing_zeros()) << (8 * width - 2) | 30).to_be_bytes();
        let length = &length[8 - width as usize..];
        [&[first], &like[1..5], &ids, &ids, length, &[7; 30]].concat()
    };
    let mut port = 40_000;
    // Behind all of them a packet of another kind, as long as a datagram with an Initial is to be.
    let mut find = |packets: [&[u8]; 2]| {
        let mut datagram = packets.concat();
        datagram.resize(1200, 0x40);
        port += 1;
        subject.find(&frame(Body::udp(port, 443, &datagram)))
    };
    // 0-RTT and Handshake of either version, then Retry.
    for (initial, kinds, retry) in [(&v1[..], [0xd0, 0xe0], 0xf0), (v2, [0xe0, 0xf0], 0xc0)] {
        for kind in kinds {
            for (id, width) in [(0, 1), (8, 2), (20, 4), (3, 8)] {
                let mut datagram = Vec::new();
                for _ in 0..3 {
                    datagram.extend(packet(kind, initial, id, width));
                    let found = find([&datagram[..], initial]);
                    assert_eq!(found, [MatchedIn::QuicSni], "{kind:x} {id} {width}");
                }
                let longer_id = packet(kind, initial, 21, width);
                assert!(find([&longer_id[..], initial]).is_empty());
            }
        }
        let retry = packet(retry, initial, 8, 2);
        assert!(find([&retry[..], initial]).is_empty());
    }
    let lent = |subject: &mut Subject| {
        let counts = subject.offline.tap().counts().lane().expect("counters");
        counts.of(LaneClass::QuicInitial, LaneFate::Lent)
    };
    // Nothing of what comes behind the first flight is lent.
    let before = lent(&mut subject);
    assert_eq!(before, 48);
    let mut handshake = packet(0xe0, v1, 8, 2);
    handshake.resize(1200, 0x40);
    assert!(
        subject
            .find(&frame(Body::udp(443, 4000, &handshake)))
            .is_empty()
    );
    assert_eq!(lent(&mut subject), before);
}
