//! Where the oracle and tshark (4.0) differ by design.

use std::net::Ipv6Addr;

use sensor_tests::{
    oracle,
    packet::{Body, Frame, Framing, Ip4, Ip6, Network},
};

/// Why a frame is left out of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The sensor stops: a fourth VLAN tag, a ninth label, labels before anything but IP, frames
    /// within frames (PBB, MACsec, …).
    UnknownEncapsulation,
    /// tshark also reads EtherTypes that hold a shim or a frame: 0x6558, 0x8909, 0xf1c1, 0x8870.
    OtherShim,
    /// tshark also reads IP behind LLC (SAP 6), behind SNAP of organisation 0000f8, and tags,
    /// PPPoE and MPLS behind SNAP. Linux takes none of them for IP.
    OtherLlc,
    /// tshark also reads compressed PPP protocol numbers, full headers before header compression
    /// (RFC 1332, RFC 2509), PPP multilink and MPLS over PPP.
    OtherPpp,
    /// tshark does not read a length (802.3) behind an 802.1ad tag, nor lengths of 1501 to 1535.
    OddLength,
    /// The 802.3 or PPPoE length ends before the addresses: tshark stops, the sensor reads on.
    ShortLinkLength,
    /// Bottom labels 13 and 14 announce no IP packet to tshark.
    ReservedLabel,
    /// tshark reads IPv6 where the layer below says IPv4 but the version is 6; Linux does not.
    OtherVersion,
    /// The IPv4 header is cut within its options: tshark shows no destination.
    CutOptions,
    /// tshark shows the last stop of a source route, the sensor the next: the header's destination.
    SourceRoute,
}

impl Exception {
    /// The first that applies.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let mut at = 12;
        while [[0x81, 0], [0x88, 0xa8], [0x91, 0]].contains(&two(frame, at)?) {
            at += 4;
        }
        if at > 12 + 3 * 4 {
            return Some(Self::UnknownEncapsulation);
        }
        let kind = u16::from_be_bytes(two(frame, at)?);
        let shim = frame.get(at + 2..).unwrap_or_default();
        let by_link = match kind {
            0x88e7 | 0x88e5 | 0x8903 | 0x22f3 | 0x894f | 0x892f | 0x88fb | 0x8926 => {
                Some(Self::UnknownEncapsulation)
            }
            0x6558 | 0x8909 | 0xf1c1 | 0x8870 => Some(Self::OtherShim),
            0x8847 | 0x8848 => labels(shim),
            0x8864 => ppp(shim),
            0..0x0600 => llc(frame, at, kind),
            _ => None,
        };
        by_link
            .or_else(|| other_version(frame))
            .or_else(|| options(frame))
    }
}

fn ppp(shim: &[u8]) -> Option<Exception> {
    let proto = two(shim, 6)?;
    if proto[0] % 2 == 1 || [[0, 0x2f], [0, 0x3d], [0, 0x61], [2, 0x81]].contains(&proto) {
        return Some(Exception::OtherPpp);
    }
    let length = usize::from(u16::from_be_bytes(two(shim, 4)?));
    (length < 2 + addresses_end(shim, 8)).then_some(Exception::ShortLinkLength)
}

fn llc(frame: &[u8], at: usize, kind: u16) -> Option<Exception> {
    let shim = &frame[at + 2..];
    if kind > 1500 || (at >= 16 && two(frame, at - 4)? == [0x88, 0xa8]) {
        return Some(Exception::OddLength);
    }
    let is_snap = shim.starts_with(&[0xaa, 0xaa, 3]);
    let is_ip = is_snap
        && [[0, 0, 0, 8, 0], [0, 0, 0, 0x86, 0xdd]].contains(&shim.get(3..8)?.try_into().ok()?);
    if shim.first() == Some(&6) || (is_snap && !is_ip) {
        return Some(Exception::OtherLlc);
    }
    (usize::from(kind) < 8 + addresses_end(shim, 8)).then_some(Exception::ShortLinkLength)
}

/// Where the addresses of the IP header at `at` end, counted from its start; an IPv4 header's
/// options are taken with it.
fn addresses_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at).map(|first| (first >> 4, first & 0x0f)) {
        Some((4, words)) => usize::from(words.max(5)) * 4,
        _ => 40,
    }
}

fn labels(shim: &[u8]) -> Option<Exception> {
    let mut labels = shim.chunks_exact(4);
    let bottom = labels.position(|label| label[2] & 1 == 1)?;
    let first = shim.get(bottom * 4 + 4)?;
    if bottom >= 8 || ![4, 6].contains(&(first >> 4)) {
        return Some(Exception::UnknownEncapsulation);
    }
    let label = &shim[bottom * 4..bottom * 4 + 3];
    let reserved = label[..2] == [0, 0] && [0xd0, 0xe0].contains(&(label[2] & 0xf0));
    reserved.then_some(Exception::ReservedLabel)
}

fn other_version(frame: &[u8]) -> Option<Exception> {
    let at = oracle::ip_offset(frame)?;
    let promised = [[8, 0], [0, 0x21]].contains(&two(frame, at - 2)?);
    (promised && frame.get(at)? >> 4 == 6).then_some(Exception::OtherVersion)
}

fn options(frame: &[u8]) -> Option<Exception> {
    let packet = frame.get(oracle::ip_offset(frame)?..)?;
    let first = *packet.first()?;
    if first >> 4 != 4 {
        return None;
    }
    match packet.get(20..usize::from(first & 0x0f) * 4) {
        // Cut before the options, both see the same.
        None if packet.len() >= 20 && first & 0x0f > 5 => Some(Exception::CutOptions),
        Some(options) if options.contains(&131) || options.contains(&137) => {
            Some(Exception::SourceRoute)
        }
        _ => None,
    }
}

fn two(bytes: &[u8], at: usize) -> Option<[u8; 2]> {
    bytes.get(at..at + 2)?.try_into().ok()
}

/// A frame that shows an exception.
pub struct Case {
    pub name: &'static str,
    pub exception: Exception,
    /// Whether tshark shows a source address.
    pub tshark_sees: bool,
    pub frame: Vec<u8>,
}

/// At least one a variant.
pub fn cases() -> Vec<Case> {
    let ip = || {
        Ip4::new(
            [10, 0, 0, 1].into(),
            [203, 0, 113, 5].into(),
            Body::udp(53, 53, b""),
        )
    };
    let plain = || Frame::new(ip());
    let mpls = |label: u32, count: usize| {
        let labels = [vec![99; count - 1], vec![label]].concat();
        plain()
            .framed(Framing::Mpls {
                ethertype: 0x8847,
                labels,
            })
            .bytes()
    };
    let tagged = |count: u16| (1..=count).fold(plain(), |frame, id| frame.tagged(0x8100, id));
    let snap = || plain().framed(Framing::Snap).bytes();
    let pppoe = || plain().framed(Framing::Pppoe { session: 1 }).bytes();
    let routed = Ip4 {
        options: vec![131, 7, 4, 192, 0, 2, 9, 0],
        ..ip()
    };
    let six = Ip6::new(
        Ipv6Addr::LOCALHOST,
        Ipv6Addr::LOCALHOST,
        Body::udp(53, 53, b""),
    );
    let shim = |kind: u16, bytes: &[u8]| Frame::new(Network::Other(kind, bytes.to_vec())).bytes();
    let hsr = [&[0, 0x2e, 0, 1, 8, 0], ip().bytes().as_slice()].concat();
    let compressed = [&[0x11, 0, 0, 1, 0, 29, 0x21], ip().bytes().as_slice()].concat();
    let sap = [&[6, 6, 3], ip().bytes().as_slice()].concat();
    let case = |name, exception, tshark_sees, frame| Case {
        name,
        exception,
        tshark_sees,
        frame,
    };
    vec![
        case(
            "four tags",
            Exception::UnknownEncapsulation,
            true,
            tagged(4).bytes(),
        ),
        case(
            "nine labels",
            Exception::UnknownEncapsulation,
            true,
            mpls(16, 9),
        ),
        case(
            "HSR",
            Exception::UnknownEncapsulation,
            true,
            shim(0x892f, &hsr),
        ),
        case(
            "bridged frame",
            Exception::OtherShim,
            true,
            shim(0x6558, &plain().bytes()),
        ),
        case(
            "LLC without SNAP",
            Exception::OtherLlc,
            true,
            shim(sap.len() as u16, &sap),
        ),
        case(
            "SNAP of 802.1H",
            Exception::OtherLlc,
            true,
            changed(snap(), 19, &[0xf8]),
        ),
        case(
            "compressed PPP",
            Exception::OtherPpp,
            true,
            shim(0x8864, &compressed),
        ),
        case(
            "length behind 802.1ad",
            Exception::OddLength,
            false,
            plain().tagged(0x88a8, 5).framed(Framing::Snap).bytes(),
        ),
        case(
            "length 1510",
            Exception::OddLength,
            false,
            changed(snap(), 12, &[0x05, 0xe6]),
        ),
        case(
            "short 802.3",
            Exception::ShortLinkLength,
            false,
            changed(snap(), 12, &[0, 17]),
        ),
        case(
            "short PPPoE",
            Exception::ShortLinkLength,
            false,
            changed(pppoe(), 18, &[0, 12]),
        ),
        case(
            "generic associated channel",
            Exception::ReservedLabel,
            false,
            mpls(13, 1),
        ),
        case(
            "OAM alert label",
            Exception::ReservedLabel,
            false,
            mpls(14, 2),
        ),
        case(
            "version 6 in IPv4",
            Exception::OtherVersion,
            true,
            shim(0x0800, &six.bytes()),
        ),
        case(
            "cut options",
            Exception::CutOptions,
            true,
            Frame::new(routed.clone()).bytes()[..36].to_vec(),
        ),
        case(
            "source route",
            Exception::SourceRoute,
            true,
            Frame::new(routed).bytes(),
        ),
    ]
}

fn changed(mut frame: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}
