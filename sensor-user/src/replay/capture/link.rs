//! Link types: what stands before the network layer, and the Ethernet header that replaces it.
//!
//! Numbers as in <https://www.tcpdump.org/linktypes.html>. What counts as the network layer
//! follows Wireshark (`packet-null.c`, `packet-raw.c`, `packet-sll.c`), tried with tshark 4.0.

/// The link types that are read, for the error that refuses another.
pub(super) const SUPPORTED: &str = "Ethernet (1), raw IP (12, 14, 101), IPv4 (228), IPv6 (229), \
     null (0), loop (108), PPP (9, 50), Linux cooked (113, 276)";

/// Length of an Ethernet header, bytes.
pub(super) const HEADER_LEN: usize = 14;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
/// Stands for "not IP": IANA's list of EtherTypes has 0xffff as reserved (RFC 1701), so it can
/// never become a protocol that the sensor learns to read.
pub(super) const NOT_IP: u16 = 0xffff;
/// Largest protocol number that Wireshark does not take for an EtherType.
const LAST_LENGTH: u16 = 0x0600;
/// Longest 802.3 frame; the length field of a longer one says this.
const MAX_LLC: usize = 1500;

/// Kernel protocol numbers of the cooked header that are not EtherTypes (`linux/if_ether.h`).
const ETH_P_ALL: u16 = 3;
const ETH_P_802_2: u16 = 4;
const ETH_P_WAN_PPP: u16 = 7;
/// Netlink messages: their protocol field is a netlink family.
const ARPHRD_NETLINK: u16 = 824;

/// How the captured bytes become an Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes to leave out at the start.
    pub(super) skip: usize,
    /// EtherType of the synthetic header; `None`: what is left has its own header.
    pub(super) ethertype: Option<u16>,
}

/// A header with no addresses.
pub(super) fn header(ethertype: u16) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[12..].copy_from_slice(&ethertype.to_be_bytes());
    header
}

/// How a packet of a link type becomes an Ethernet frame; `None` when the type is not read.
pub(super) fn shape(link_type: u32, data: &[u8]) -> Option<Shape> {
    let shape = match link_type {
        1 => Shape {
            skip: 0,
            ethertype: None,
        },
        12 | 14 | 101 => Shape::new(0, version(data)),
        228 => Shape::new(0, IPV4),
        229 => Shape::new(0, IPV6),
        0 => family(data, null),
        9 | 50 => {
            let (skip, ethertype) = ppp(data);
            Shape::new(skip, ethertype)
        }
        108 => family(data, |field| bsd(u32::from_be_bytes(field))),
        113 => data.first_chunk::<16>().map_or_else(
            || Shape::cut(data),
            |header| cooked(be16(header, 14), be16(header, 2), 16, data),
        ),
        276 => data.first_chunk::<20>().map_or_else(
            || Shape::cut(data),
            |header| cooked(be16(header, 0), be16(header, 8), 20, data),
        ),
        _ => return None,
    };
    Some(shape)
}

impl Shape {
    fn new(skip: usize, ethertype: u16) -> Self {
        Self {
            skip,
            ethertype: Some(ethertype),
        }
    }

    /// The link header itself is cut: nothing is left of the packet.
    fn cut(data: &[u8]) -> Self {
        Self::new(data.len(), NOT_IP)
    }
}

fn version(data: &[u8]) -> u16 {
    match data.first().map(|first| first >> 4) {
        Some(4) => IPV4,
        Some(6) => IPV6,
        _ => NOT_IP,
    }
}

fn family(data: &[u8], ethertype: impl Fn([u8; 4]) -> u16) -> Shape {
    data.first_chunk().map_or_else(
        || Shape::cut(data),
        |&field| Shape::new(4, ethertype(field)),
    )
}

/// The capturing host's `AF_` value in its byte order, which the file does not tell; some tools
/// write an EtherType.
fn null(field: [u8; 4]) -> u16 {
    let value = u32::from_le_bytes(field);
    let value = if value > 0xffff {
        value.swap_bytes()
    } else {
        value
    };
    match u16::try_from(value) {
        Ok(ethertype) if ethertype > LAST_LENGTH => ethertype,
        _ => bsd(value),
    }
}

/// `AF_INET` is 2 everywhere; `AF_INET6` is 10 on Linux, 24 on NetBSD and OpenBSD (and in Npcap),
/// 28 on FreeBSD, 30 on macOS.
fn bsd(family: u32) -> u16 {
    match family {
        2 => IPV4,
        10 | 24 | 28 | 30 => IPV6,
        _ => NOT_IP,
    }
}

/// Linux cooked captures: the protocol field says what follows, whatever the device type, except
/// for netlink. Wireshark looks GRE devices (778) up in another table, which has IP, Ethernet and
/// MPLS under the same numbers.
fn cooked(protocol: u16, device: u16, skip: usize, data: &[u8]) -> Shape {
    let payload = &data[skip..];
    match protocol {
        _ if device == ARPHRD_NETLINK => Shape::new(skip, NOT_IP),
        // A whole Ethernet frame.
        ETH_P_ALL => Shape {
            skip,
            ethertype: None,
        },
        // LLC, which follows the length of an 802.3 frame.
        ETH_P_802_2 => Shape::new(skip, payload.len().min(MAX_LLC) as u16),
        ETH_P_WAN_PPP => {
            let (header, ethertype) = ppp(payload);
            Shape::new(skip + header, ethertype)
        }
        _ if protocol > LAST_LENGTH => Shape::new(skip, protocol),
        _ => Shape::new(skip, NOT_IP),
    }
}

/// PPP (RFC 1661, 1662): address and control may be there or not, the protocol is one byte when
/// odd.
fn ppp(data: &[u8]) -> (usize, u16) {
    let framing = if data.starts_with(&[0xff, 0x03]) {
        2
    } else {
        0
    };
    let (protocol, length) = match data[framing..] {
        [first, ..] if first & 1 == 1 => (u16::from(first), 1),
        [first, second, ..] => (u16::from_be_bytes([first, second]), 2),
        _ => (0, 0),
    };
    let ethertype = match protocol {
        0x0021 => IPV4,
        0x0057 => IPV6,
        0x0281 => MPLS,
        0x0283 => MPLS_MULTICAST,
        _ => NOT_IP,
    };
    (framing + length, ethertype)
}

fn be16(header: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        super::sample::{ethernet, ipv4, ipv6},
        *,
    };

    const LLC: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

    fn behind(header: &[u8], payload: &[u8]) -> Vec<u8> {
        [header, payload].concat()
    }

    fn cooked1(protocol: u16, device: u16, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 16];
        header[2..4].copy_from_slice(&device.to_be_bytes());
        header[14..].copy_from_slice(&protocol.to_be_bytes());
        behind(&header, payload)
    }

    fn cooked2(protocol: u16, device: u16, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 20];
        header[..2].copy_from_slice(&protocol.to_be_bytes());
        header[8..10].copy_from_slice(&device.to_be_bytes());
        behind(&header, payload)
    }

    /// Packets of a link type on which we agree with tshark.
    pub(in super::super) fn packets(link_type: u32) -> Vec<Vec<u8>> {
        let (four, six) = (ipv4(), ipv6());
        let both = [
            four.clone(),
            six.clone(),
            vec![0x55; 40],
            four[..17].to_vec(),
        ];
        match link_type {
            1 => vec![ethernet(0x0800, &four), ethernet(0x86dd, &six)],
            0 => [2, 24, 28, 30, 7, 0x0800, 0x86dd]
                .into_iter()
                .flat_map(|family: u32| [family.to_le_bytes(), family.to_be_bytes()])
                .flat_map(|family| both.iter().map(move |packet| behind(&family, packet)))
                .chain([vec![2, 0, 0]])
                .collect(),
            108 => [2_u32, 24, 28, 30, 7, 0x0800, 0x0200_0000]
                .into_iter()
                .flat_map(|family| {
                    both.iter()
                        .map(move |packet| behind(&family.to_be_bytes(), packet))
                })
                .collect(),
            9 | 50 => ppp_packets(),
            113 => cooked_packets(cooked1),
            276 => cooked_packets(cooked2),
            _ => both.to_vec(),
        }
    }

    fn cooked_packets(build: fn(u16, u16, &[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
        let (four, six) = (ipv4(), ipv6());
        let mut packets = vec![build(0, 1, &[])[..15].to_vec()];
        for device in [1, 512, 772, 776, 778, 823, 824, 65_534] {
            packets.push(build(0x0800, device, &four));
            packets.push(build(0x86dd, device, &six));
            packets.push(build(0x0800, device, &four[..18]));
            packets.push(build(0, device, &four));
        }
        packets.push(build(0x0806, 1, &[0; 28]));
        packets.push(build(0x8100, 1, &behind(&[0, 5, 8, 0], &four)));
        packets.push(build(0x8847, 1, &behind(&[0, 6, 0x41, 64], &six)));
        packets.push(build(0x0600, 1, &four));
        packets.push(build(0x05ff, 1, &four));
        packets.push(build(ETH_P_ALL, 1, &ethernet(0x86dd, &six)));
        packets.push(build(ETH_P_802_2, 1, &behind(&LLC, &four)));
        let framed = ppp_packets().into_iter();
        packets.extend(framed.map(|packet| build(ETH_P_WAN_PPP, 512, &packet)));
        packets
    }

    fn ppp_packets() -> Vec<Vec<u8>> {
        let framings = [
            &[0, 0x21][..],
            &[0x21],
            &[0xff, 3, 0, 0x21],
            &[0xff, 3, 0x21],
        ];
        let framed = framings.iter().map(|framing| behind(framing, &ipv4()));
        let others = [behind(&[0, 0x57], &ipv6()), behind(&[0xc0, 0x21], &ipv4())];
        framed.chain(others).collect()
    }

    fn ethertype(link_type: u32, data: &[u8]) -> Option<u16> {
        shape(link_type, data).unwrap().ethertype
    }

    #[test]
    fn ip_without_a_header_goes_by_version_or_by_link_type() {
        for link_type in [12, 14, 101] {
            assert_eq!(ethertype(link_type, &ipv4()), Some(IPV4));
            assert_eq!(ethertype(link_type, &ipv6()), Some(IPV6));
            assert_eq!(ethertype(link_type, &[0x50]), Some(NOT_IP));
            assert_eq!(ethertype(link_type, &[]), Some(NOT_IP));
        }
        assert_eq!(ethertype(228, &ipv4()), Some(IPV4));
        assert_eq!(ethertype(229, &ipv6()), Some(IPV6));
    }

    #[test]
    fn address_families_in_either_byte_order() {
        for (family, expected) in [
            (2_u32, IPV4),
            (10, IPV6),
            (24, IPV6),
            (28, IPV6),
            (30, IPV6),
            (0, NOT_IP),
            (16, NOT_IP),
            (0x0806, 0x0806),
        ] {
            let expected = Some(Shape::new(4, expected));
            assert_eq!(shape(0, &family.to_le_bytes()), expected);
            assert_eq!(shape(0, &family.to_be_bytes()), expected);
        }
        assert_eq!(ethertype(108, &2_u32.to_be_bytes()), Some(IPV4));
        assert_eq!(ethertype(108, &2_u32.to_le_bytes()), Some(NOT_IP));
        assert_eq!(shape(0, &[2, 0]), Some(Shape::new(2, NOT_IP)));
    }

    #[test]
    fn ppp_goes_by_its_protocol() {
        for (packet, expected) in ppp_packets().iter().zip([2, 1, 4, 3]) {
            assert_eq!(shape(9, packet), Some(Shape::new(expected, IPV4)));
        }
        assert_eq!(shape(50, &[0xff, 3, 0, 0x57]), Some(Shape::new(4, IPV6)));
        assert_eq!(shape(9, &[0xff]), Some(Shape::new(1, NOT_IP)));
        assert_eq!(shape(9, &[]), Some(Shape::new(0, NOT_IP)));
    }

    #[test]
    fn cooked_headers_go_by_protocol() {
        for (link_type, length, build) in [
            (113, 16, cooked1 as fn(u16, u16, &[u8]) -> Vec<u8>),
            (276, 20, cooked2),
        ] {
            let shape = |protocol, device, payload: &[u8]| {
                shape(link_type, &build(protocol, device, payload)).unwrap()
            };
            assert_eq!(shape(0x0800, 1, &ipv4()), Shape::new(length, IPV4));
            assert_eq!(shape(0x86dd, 778, &ipv6()), Shape::new(length, IPV6));
            assert_eq!(shape(0x0800, 824, &ipv4()), Shape::new(length, NOT_IP));
            assert_eq!(shape(0x0001, 1, &ipv4()), Shape::new(length, NOT_IP));
            assert_eq!(shape(4, 1, &LLC), Shape::new(length, 8));
            assert_eq!(shape(4, 1, &[0; 4000]), Shape::new(length, 1500));
            assert_eq!(shape(7, 512, &[0x21, 0x45]), Shape::new(length + 1, IPV4));
            assert_eq!(shape(7, 512, &[0xff, 3]), Shape::new(length + 2, NOT_IP));
            assert_eq!(shape(3, 1, &[]).ethertype, None);
        }
        let cut = shape(113, &[0; 15]);
        assert_eq!(cut, Some(Shape::new(15, NOT_IP)));
    }

    #[test]
    fn other_link_types_are_refused() {
        // USB, 802.11, and Ethernet with a bit that the format reserves.
        for link_type in [189, 105, 0x0001_0001] {
            assert_eq!(shape(link_type, &[0; 64]), None);
        }
    }
}
