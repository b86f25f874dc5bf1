//! Random frames.

use std::net::IpAddr;

use super::{Pool, Random};
use crate::packet::{Body, Extension, Fragment, Frame, Framing, Ip4, Ip6, Length, Network};

impl Pool {
    /// A frame: most are sound, some lie, some are cut at a byte from 14 on, some are damaged.
    #[must_use]
    pub fn frame(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.sound_frame(random).bytes();
        if random.percent(12) && bytes.len() > 14 {
            let end = 14 + random.below(bytes.len() - 14);
            bytes.truncate(end);
        }
        if random.percent(8) {
            for _ in 0..=random.below(3) {
                // Headers are where a flip matters.
                let at = 12 + random.below(bytes.len().min(90) - 12);
                bytes[at] ^= random.bits() as u8;
            }
        }
        bytes
    }

    /// A frame before it is cut and damaged; its fields may lie.
    #[must_use]
    pub fn sound_frame(&self, random: &mut Random) -> Frame {
        let mut frame = Frame::new(self.network(random, 0));
        if random.percent(4) {
            let ethertype = random.pick(&[0x0806, 0x88cc, 0x88e5, 0x88e7, 0x8863, 0x1234]);
            frame.network = Network::Other(ethertype, random.bytes(46));
        }
        if random.percent(35) {
            for _ in 0..random.pick(&[1, 1, 1, 2, 2, 3, 4, 5]) {
                let tpid = random.pick(&[0x8100, 0x8100, 0x88a8, 0x9100]);
                frame = frame.tagged(tpid, random.bits() as u16);
            }
        }
        frame.framing = match random.below(100) {
            0..=9 => Framing::Pppoe {
                session: random.bits() as u16,
            },
            10..=19 => Framing::Mpls {
                ethertype: random.pick(&[0x8847, 0x8848]),
                // Labels 0 to 15 are reserved (RFC 3032 §2.1).
                labels: (0..=random.pick(&[0, 0, 1, 2, 7, 8]))
                    .map(|_| 16 + random.below(0xffff0) as u32)
                    .collect(),
            },
            20..=26 => Framing::Snap,
            _ => Framing::Plain,
        };
        if random.percent(30) {
            frame.pad_to = 60;
        }
        frame
    }

    /// A packet; `depth` counts those around it.
    fn network(&self, random: &mut Random, depth: usize) -> Network {
        if random.percent(50) {
            self.ip4(random, depth).into()
        } else {
            self.ip6(random, depth).into()
        }
    }

    fn ip4(&self, random: &mut Random, depth: usize) -> Ip4 {
        let (IpAddr::V4(src), IpAddr::V4(dst)) = self.pair_of(random, &self.v4) else {
            unreachable!("the pool's IPv4 addresses are IPv4")
        };
        let mut ip = Ip4::new(src, dst, self.body(random, false, depth));
        if random.percent(10) {
            ip = ip.fragment(random.pick(&[0, 0, 1, 185, 8191]), random.percent(50));
        }
        if random.percent(10) {
            let words = 1 + random.below(10);
            // No-operation, so that the whole is a valid list of options.
            ip.options = vec![1; words * 4];
        }
        let right = ip.bytes().len();
        ip.total_length = length(random, right);
        if random.percent(2) {
            ip.version = random.below(16) as u8;
        }
        if random.percent(2) {
            ip.header_words = Some(random.below(16) as u8);
        }
        ip
    }

    fn ip6(&self, random: &mut Random, depth: usize) -> Ip6 {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = self.pair_of(random, &self.v6) else {
            unreachable!("the pool's IPv6 addresses are IPv6")
        };
        let mut ip = Ip6::new(src, dst, self.body(random, true, depth));
        if random.percent(30) {
            for _ in 0..=random.pick(&[0, 0, 0, 1, 1, 2, 3, 7, 8]) {
                ip = ip.with(extension(random));
            }
        }
        let right = ip.bytes().len() - 40;
        ip.payload_length = length(random, right);
        if random.percent(2) {
            ip.version = random.below(16) as u8;
        }
        ip
    }

    /// Source and destination, the same in some packets.
    fn pair_of(&self, random: &mut Random, from: &[IpAddr]) -> (IpAddr, IpAddr) {
        let src = random.pick(from);
        let same = random.percent(8);
        (src, if same { src } else { random.pick(from) })
    }

    fn body(&self, random: &mut Random, v6: bool, depth: usize) -> Body {
        let src = random.pick(&self.ports);
        let dst = if random.percent(10) {
            src
        } else {
            random.pick(&self.ports)
        };
        let size = random.below(40);
        let payload = random.bytes(size);
        match random.below(if depth < 2 { 16 } else { 12 }) {
            0..=3 => Body::tcp(src, dst, &payload),
            4..=7 => Body::udp(src, dst, &payload),
            8 => Body::sctp(src, dst),
            9 => Body::Esp(payload),
            10 => Body::Raw {
                proto: random.pick(&[6, 17, 132, 59, 115, 137, 2, 253]),
                bytes: payload[..size.min(8)].to_vec(),
            },
            11 => Body::Icmp {
                v6,
                kind: if v6 { 128 } else { 8 },
                code: 0,
                payload,
            },
            12 => Body::unreachable(v6, &self.network(random, depth + 1).bytes()),
            13 => {
                let inner = self.network(random, depth + 1);
                Body::Gre {
                    ethertype: inner.ethertype(),
                    payload: inner.bytes(),
                }
            }
            14 => Body::Ip4(Box::new(self.ip4(random, depth + 1))),
            _ => Body::Ip6(Box::new(self.ip6(random, depth + 1))),
        }
    }
}

/// A length field whose right value is `right`.
fn length(random: &mut Random, right: usize) -> Length {
    match random.below(100) {
        0..=5 => Length::Exactly(random.below(right + 1) as u16),
        6..=7 => Length::Exactly((right + 1 + random.below(100)) as u16),
        8..=9 => Length::Exactly(0),
        _ => Length::Right,
    }
}

fn extension(random: &mut Random) -> Extension {
    let units = random.pick(&[0, 0, 1, 3]);
    match random.below(9) {
        0 => Extension::HopByHop { units },
        1 => Extension::Routing { units },
        2 | 3 => Extension::Fragment(Fragment {
            offset: random.pick(&[0, 0, 1, 185]),
            more: random.percent(50),
        }),
        4 => Extension::Destination { units },
        5 => Extension::Authentication { words: units },
        6 => Extension::Mobility { units },
        7 => Extension::Hip { units },
        _ => Extension::Shim6 { units },
    }
}
