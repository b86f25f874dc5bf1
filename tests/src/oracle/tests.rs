use super::*;
use crate::packet::{Body, Extension, Fragment, Frame, Framing, Ip4, Ip6, Length, Network};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().expect(text)).collect()
}

fn ip4(body: Body) -> Ip4 {
    Ip4::new([10, 0, 0, 1].into(), [203, 0, 113, 5].into(), body)
}

fn ip6(body: Body) -> Ip6 {
    let (src, dst) = ("2001:db8::1", "2001:db8::5");
    Ip6::new(src.parse().unwrap(), dst.parse().unwrap(), body)
}

fn udp() -> Body {
    Body::udp(1000, 53, b"payload")
}

/// The outcome when nothing matches.
fn outcome(packet: impl Into<Network>) -> Outcome {
    judge(&Frame::new(packet).bytes(), &[]).outcome
}

/// Canonical form, side, ports.
fn told(frame: &[u8], texts: &[&str]) -> Vec<(String, u8, u16, u16)> {
    let hits = judge(frame, &patterns(texts)).hits;
    let tell = |hit: &OracleHit| {
        let pattern = hit.pattern.to_string();
        (pattern, hit.matched_in, hit.src_port, hit.dst_port)
    };
    hits.iter().map(tell).collect()
}

#[test]
fn a_frame_written_by_hand() {
    let frame = [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0x00, 0x60, 0x64][..],
        &[0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0],
        &[192, 0, 2, 1, 198, 51, 100, 2, 0xc0, 0x00, 0x01, 0xbb],
        &[0; 16],
    ]
    .concat();
    let wanted = patterns(&["endpoint 198.51.100.2 tcp 443"]);
    let verdict = judge(&frame, &wanted);
    assert_eq!(verdict.outcome, Outcome::Hit);
    let hit = OracleHit {
        pattern: wanted[0].clone(),
        matched_in: MATCHED_DST_IP,
        family: 4,
        src: [192, 0, 2, 1].into(),
        dst: [198, 51, 100, 2].into(),
        src_port: 0xc000,
        dst_port: 443,
        proto: 6,
        bytes: 40,
        vlans: [100, 0],
    };
    assert_eq!(verdict.hits, std::slice::from_ref(&hit));
    assert_eq!(hit.vantage(3), 0x0306_4000);
}

#[test]
fn every_covering_pattern_is_a_hit_and_each_only_once() {
    let frame = Frame::new(ip4(udp())).bytes();
    let all = [
        "cidr 0.0.0.0/0",
        "cidr 203.0.113.0/24",
        "cidr 203.0.113.4/31",
        "cidr 203.0.113.6/31",
        "cidr ::/0",
        "ip 203.0.113.5",
        "ip 10.0.0.1",
        "endpoint 203.0.113.5 udp 53",
        "endpoint 203.0.113.5 tcp 53",
        "endpoint 203.0.113.5 udp 1000",
        "endpoint 10.0.0.1 udp 1000",
    ];
    let hit = |text: &str, side| (text.to_owned(), side, 1000, 53);
    let expected = [
        hit("cidr 0.0.0.0/0", MATCHED_SRC_IP),
        hit("cidr 203.0.113.0/24", MATCHED_DST_IP),
        hit("cidr 203.0.113.4/31", MATCHED_DST_IP),
        hit("ip 203.0.113.5", MATCHED_DST_IP),
        hit("ip 10.0.0.1", MATCHED_SRC_IP),
        hit("endpoint 203.0.113.5 udp 53", MATCHED_DST_IP),
        hit("endpoint 10.0.0.1 udp 1000", MATCHED_SRC_IP),
    ];
    assert_eq!(told(&frame, &all), expected);
}

#[test]
fn families_do_not_mix() {
    let src = "::ffff:203.0.113.5".parse().unwrap();
    let frame = Frame::new(Ip6::new(src, "2001:db8::1".parse().unwrap(), udp())).bytes();
    assert!(told(&frame, &["ip 203.0.113.5", "cidr 0.0.0.0/0"]).is_empty());
    assert_eq!(told(&frame, &["cidr ::/0"]).len(), 1);
}

#[test]
fn padding_is_no_content() {
    // Two of the four port bytes are in the packet, all four in the frame.
    let mut ip = ip4(Body::Raw {
        proto: 17,
        bytes: vec![0, 53, 0, 53],
    });
    ip.total_length = Length::Exactly(22);
    let frame = Frame::new(ip).padded(60).bytes();
    let markers = ["endpoint 203.0.113.5 udp 53", "ip 203.0.113.5"];
    assert_eq!(judge(&frame, &[]).outcome, Outcome::Truncated);
    let expected = [("ip 203.0.113.5".to_owned(), MATCHED_DST_IP, 0, 0)];
    assert_eq!(told(&frame, &markers), expected);
}

#[test]
fn a_length_of_zero_is_a_super_frame_in_ipv4_and_nothing_in_ipv6() {
    let mut four = ip4(udp());
    four.total_length = Length::Exactly(0);
    let frame = Frame::new(four).bytes();
    let hits = judge(&frame, &patterns(&["endpoint 203.0.113.5 udp 53"])).hits;
    assert_eq!(hits[0].bytes, 35);
    let mut six = ip6(udp());
    six.payload_length = Length::Exactly(0);
    assert_eq!(outcome(six.clone()), Outcome::Truncated);
    // Only behind a hop-by-hop header is it a jumbogram.
    assert_eq!(
        outcome(six.with(Extension::HopByHop { units: 0 })),
        Outcome::Miss
    );
}

#[test]
fn a_cut_header_shows_the_addresses_that_are_whole() {
    let frame = Frame::new(ip4(udp())).bytes();
    let seen = |length: usize| addresses(&frame[..length]).map(|a| a.dst.is_some());
    assert_eq!(seen(29), None);
    assert_eq!(seen(30), Some(false));
    assert_eq!(seen(33), Some(false));
    assert_eq!(seen(34), Some(true));
    let frame = Frame::new(ip6(udp())).bytes();
    let seen = |length: usize| addresses(&frame[..length]).map(|a| a.dst.is_some());
    assert_eq!(seen(37), None);
    assert_eq!(seen(38), Some(false));
    assert_eq!(seen(54), Some(true));
    for length in 0..58 {
        assert_eq!(judge(&frame[..length], &[]).outcome, Outcome::Truncated);
    }
    assert_eq!(judge(&frame[..58], &[]).outcome, Outcome::Miss);
}

#[test]
fn fragments_behind_the_first_have_no_ports() {
    let markers = ["endpoint 203.0.113.5 udp 53", "ip 203.0.113.5"];
    let first = Frame::new(ip4(udp()).fragment(0, true)).bytes();
    assert_eq!(told(&first, &markers).len(), 2);
    let later = Frame::new(ip4(udp()).fragment(1, false)).bytes();
    let expected = [("ip 203.0.113.5".to_owned(), MATCHED_DST_IP, 0, 0)];
    assert_eq!(told(&later, &markers), expected);
    assert_eq!(judge(&later, &[]).outcome, Outcome::Fragment);
    let fragment = |offset| {
        let more = true;
        Extension::Fragment(Fragment { offset, more })
    };
    assert_eq!(outcome(ip6(udp()).with(fragment(0))), Outcome::Miss);
    assert_eq!(outcome(ip6(udp()).with(fragment(1))), Outcome::Fragment);
}

#[test]
fn extension_headers_are_walked_to_the_eighth() {
    let every = [
        Extension::HopByHop { units: 1 },
        Extension::Destination { units: 0 },
        Extension::Routing { units: 2 },
        Extension::Authentication { words: 3 },
        Extension::Mobility { units: 0 },
        Extension::Hip { units: 4 },
        Extension::Shim6 { units: 0 },
        Extension::Destination { units: 1 },
    ];
    let chain = every
        .into_iter()
        .fold(ip6(udp()), |ip, extension| ip.with(extension));
    let frame = Frame::new(chain.clone()).bytes();
    let marker = ["endpoint 2001:db8::5 udp 53"];
    assert_eq!(told(&frame, &marker).len(), 1);
    let deeper = chain.with(Extension::Destination { units: 0 });
    assert_eq!(outcome(deeper), Outcome::TooDeep);
}

#[test]
fn what_is_inside_never_matches() {
    let inner = ip4(udp());
    let outer = |body| Ip4::new([10, 9, 9, 1].into(), [10, 9, 9, 2].into(), body);
    let hidden = [
        Body::Ip4(Box::new(inner.clone())),
        Body::Esp(inner.bytes()),
        Body::Gre {
            ethertype: 0x0800,
            payload: inner.bytes(),
        },
    ];
    let marker = ["ip 203.0.113.5", "endpoint 203.0.113.5 udp 53"];
    for body in hidden {
        let frame = Frame::new(outer(body)).bytes();
        assert!(told(&frame, &marker).is_empty());
        assert_eq!(judge(&frame, &[]).outcome, Outcome::OuterOnly);
    }
    let quoted = Frame::new(outer(Body::unreachable(false, &inner.bytes()))).bytes();
    assert!(told(&quoted, &marker).is_empty());
    assert_eq!(judge(&quoted, &[]).outcome, Outcome::Miss);
}

#[test]
fn what_stands_before_ip() {
    let frame = || Frame::new(ip4(udp()));
    let judged = |frame: Frame| judge(&frame.bytes(), &[]).outcome;
    let three = || {
        frame()
            .tagged(0x88a8, 1)
            .tagged(0x8100, 2)
            .tagged(0x9100, 3)
    };
    let hits = judge(&three().bytes(), &patterns(&["ip 10.0.0.1"])).hits;
    assert_eq!(hits[0].vlans, [1, 2]);
    assert_eq!(
        judged(three().tagged(0x8100, 4)),
        Outcome::UnknownEncapsulation
    );
    let mpls = |count| Framing::Mpls {
        ethertype: 0x8847,
        labels: vec![100; count],
    };
    assert_eq!(judged(three().framed(mpls(8))), Outcome::Miss);
    assert_eq!(
        judged(frame().framed(mpls(9))),
        Outcome::UnknownEncapsulation
    );
    assert_eq!(judged(frame().framed(Framing::Snap)), Outcome::Miss);
    assert_eq!(
        judged(frame().framed(Framing::Pppoe { session: 7 })),
        Outcome::Miss
    );
    assert_eq!(outcome(Network::Other(0x0806, vec![0; 28])), Outcome::NotIp);
    assert_eq!(
        outcome(Network::Other(0x88e5, vec![0; 28])),
        Outcome::UnknownEncapsulation
    );
}

#[test]
fn the_first_class_that_applies_wins() {
    let group = |body| Ip4::new([10, 0, 0, 1].into(), [224, 0, 0, 5].into(), body);
    assert_eq!(outcome(group(udp())), Outcome::Multicast);
    assert_eq!(outcome(group(Body::Esp(vec![0; 8]))), Outcome::OuterOnly);
    assert_eq!(outcome(group(udp()).fragment(9, false)), Outcome::Fragment);
    let mut wrong = group(udp()).fragment(9, false);
    wrong.header_words = Some(4);
    let bytes = Frame::new(wrong).bytes();
    assert_eq!(judge(&bytes, &[]).outcome, Outcome::Malformed);
    assert_eq!(judge(&bytes[..32], &[]).outcome, Outcome::Truncated);
}
