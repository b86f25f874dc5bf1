//! Names in payloads: which packets bear them, told by few bytes; what bears one goes to a global
//! function, verified once, that decides or lends.

use crate::{
    asm::apart,
    common::Shared,
    deadline, http,
    look::{look_frags, look_linear},
    lookup::set_sighting,
    maps,
    packet::Packet,
    parse::{Link, TCP, Transport, UDP},
    quic, scratch, tls, walk, young,
};

pub const DNS: u16 = 53;
/// DNS over TLS (RFC 7858) and over QUIC (RFC 9250).
pub const DOT: u16 = 853;
/// Bytes of a UDP header.
const UDP_HEADER: u32 = 8;

const SYN: u16 = 0x02;
const ACK: u16 = 0x10;
const RST: u16 = 0x04;

/// Why a packet goes to the global function.
pub mod reason {
    /// It does not.
    pub const NOTHING: u32 = 0;
    pub const SYN: u32 = 1;
    pub const HELLO: u32 = 2;
    pub const HTTP: u32 = 3;
    pub const DNS: u32 = 4;
    pub const YOUNG: u32 = 5;
    pub const QUIC: u32 = 6;
    pub const DOT: u32 = 7;
    /// Its headers are not in the linear part.
    pub const FAR: u32 = 8;
}

/// What a look at the headers tells: where the payload is, and why to look at it (`reason`). Plain words,
/// no enumeration: the compiler computes with what is not there, which the verifier does not take.
#[derive(Clone, Copy)]
pub struct First {
    pub payload: u32,
    pub reason: u32,
}

impl First {
    pub const NOTHING: Self = Self::look(0, reason::NOTHING);
    /// A header or the payload's first bytes are not there.
    pub const NOT_THERE: Self = Self::look(0, reason::FAR);

    #[inline(always)]
    const fn look(payload: u32, reason: u32) -> Self {
        Self { payload, reason }
    }
}

/// A packet that is to be looked at, its flow set aside, in one word: where its payload is, where its
/// transport header, why, and in the upper half where it ends. 0: it bears nothing.
#[derive(Clone, Copy)]
pub struct Glance(u64);

impl Glance {
    /// Whether its flow is looked at again.
    #[inline(always)]
    pub const fn is_something(self) -> bool {
        self.0 != 0
    }
}

/// Whether a packet may bear a name; addresses as [`set_sighting`] takes them. Before it is asked what the filter
/// told of them, so that the words come meanwhile.
#[inline(always)]
pub fn glance<const F: bool>(
    packet: &Packet<'_, F>,
    link: &Link,
    addresses: ([u64; 2], [u64; 2]),
    transport: &Transport,
    family: u8,
    common: Shared,
) -> Glance {
    if !maps::wants().anything() || !transport.has_ports() {
        return Glance(0);
    }
    // Without the helper for bytes that are far: they are rare, and a call makes all that is kept here
    // wait on the stack.
    let near = Packet::<false>::from_raw(packet.raw());
    let (offset, end) = (transport.offset, transport.end);
    let found = match transport.proto {
        UDP => udp(&near, offset, end, transport.ports),
        TCP => {
            let (src, dst) = addresses;
            tcp(&near, offset, end, transport.ports, || {
                let ends = young::ends(transport.ports, maps::vantage(link));
                young::may_be_young(common, young::place([src[0], src[1], dst[0], dst[1], ends]))
            })
        }
        _ => First::NOTHING,
    };
    let First { payload, reason } = found;
    let (payload, reason) = match reason {
        reason::NOTHING => return Glance(0),
        reason::FAR if F => (offset, reason),
        reason::FAR => return Glance(0),
        _ => (payload, reason),
    };
    set_sighting(addresses.0, addresses.1, link, transport, family);
    // The header is at most 60 bytes.
    let header = (payload - transport.offset) / 4;
    let place = payload & 0x7fff | (header & 0xf) << 15 | reason << 19;
    Glance(u64::from(transport.end) << 32 | u64::from(place))
}

/// Number of patterns in force that match names of the packet.
#[inline(always)]
pub fn judge<const F: bool>(packet: &Packet<'_, F>, Glance(glance): Glance, bytes: u32) -> u32 {
    if glance == 0 {
        return 0;
    }
    let (place, end) = (glance as u32, (glance >> 32) as u32);
    let name = if F {
        look_frags(packet.raw(), place, end, bytes)
    } else {
        deadline::sweep_step();
        look_linear(packet.raw(), place, end, bytes)
    };
    // From here, not from there: the stack of a chain of calls is short.
    let matched = match name {
        0 => 0,
        _ => walk::match_name(name & 0xff, bytes, name >> 8),
    };
    scratch::forget_copied(name & 0xff);
    maps::forget_sighting();
    if F && matched != 0 {
        deadline::arm_deadline();
    }
    matched
}

#[inline(always)]
pub fn udp<const F: bool>(
    packet: &Packet<'_, F>,
    offset: u32,
    end: u32,
    (src, dst): (u16, u16),
) -> First {
    let payload = offset + UDP_HEADER;
    if !maps::wants().hellos() {
        return First::NOTHING;
    }
    // Whatever else it is.
    let otherwise = if (src == DNS || dst == DNS) && maps::wants().names() {
        First::look(payload, reason::DNS)
    } else if dst == DOT {
        First::look(payload, reason::DOT)
    } else {
        First::NOTHING
    };
    if payload + 8 > end {
        return otherwise;
    }
    let Some(head) = packet.read::<u64>(payload) else {
        return if otherwise.reason == reason::NOTHING {
            First::NOT_THERE
        } else {
            otherwise
        };
    };
    if quic::may_bear(u64::from_le(head), payload, end) {
        First::look(payload, reason::QUIC)
    } else {
        otherwise
    }
}

/// Whether what seems to be a handshake record is a DNS message of that length: where the kind of the
/// handshake message would stand.
#[inline(always)]
fn is_message<const F: bool>(packet: &Packet<'_, F>, payload: u32) -> bool {
    packet.read::<u8>(payload + 5).is_some_and(|kind| kind != 1)
}

#[inline(always)]
pub fn tcp<const F: bool>(
    packet: &Packet<'_, F>,
    offset: u32,
    end: u32,
    ports: (u16, u16),
    may_be_young: impl Fn() -> bool,
) -> First {
    let Some(head) = packet.read::<u16>(offset + 12) else {
        return First::NOT_THERE;
    };
    let head = u16::from_be(head);
    let payload = offset + u32::from(head >> 12) * 4;
    let tiny = payload + 4 > end;
    // Most segments by themselves, so that what the others need is not kept for them.
    if !tiny && head & (SYN | RST) == 0 {
        let opening = opening(packet, payload, ports);
        if opening.reason != reason::NOTHING {
            return opening;
        }
        return if may_be_young() {
            First::look(payload, reason::YOUNG)
        } else {
            First::NOTHING
        };
    }
    // A server of DNS sends names, too: its connection begins by its own SYN.
    let begins = head & (SYN | RST) == SYN && (head & ACK == 0 || ports.0 == DNS && is_dns(ports));
    if payload >= end || head & RST != 0 {
        return if begins {
            First::look(payload, reason::SYN)
        } else {
            First::NOTHING
        };
    }
    let opening = match tiny {
        true if is_dns(ports) => First::look(payload, reason::DNS),
        true => First::NOTHING,
        false => opening(packet, payload, ports),
    };
    if opening.reason != reason::NOTHING {
        return opening;
    }
    // With a payload (RFC 7413) that is nothing of the kind.
    if begins {
        return First::look(payload, reason::SYN);
    }
    if may_be_young() {
        return First::look(payload, reason::YOUNG);
    }
    // A hello in small pieces, the beginning of whose connection nobody saw.
    if tiny && maps::wants().hellos() && packet.read::<u8>(payload) == Some(0x16) {
        return First::look(payload, reason::HELLO);
    }
    First::NOTHING
}

/// What the first four bytes of a segment tell.
#[inline(always)]
fn opening<const F: bool>(packet: &Packet<'_, F>, payload: u32, ports: (u16, u16)) -> First {
    let Some(token) = packet.read::<u32>(payload) else {
        // Cut, or far: its message is looked for by whoever can read that.
        return if is_dns(ports) {
            First::look(payload, reason::DNS)
        } else {
            First::NOT_THERE
        };
    };
    let wants = maps::wants();
    if wants.hellos() && tls::begins(token) && !(is_dns(ports) && is_message(packet, payload)) {
        return First::look(payload, reason::HELLO);
    }
    if wants.hosts() && http::begins(token) {
        return First::look(payload, reason::HTTP);
    }
    if is_dns(ports) {
        return First::look(payload, reason::DNS);
    }
    First::NOTHING
}

/// Whether it may be DNS over TCP, of which the names are looked for.
#[inline(always)]
fn is_dns((src, dst): (u16, u16)) -> bool {
    (apart(src.into()) == DNS.into() || apart(dst.into()) == DNS.into()) && maps::wants().names()
}
