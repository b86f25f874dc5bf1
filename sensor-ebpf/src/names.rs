//! Names in payloads: which packets bear them, told by few bytes; what bears one goes to a global
//! function, verified once, that decides or lends.

use aya_ebpf::bindings::xdp_md;
use sensor_common::{LaneClass, LaneFate, LaneSlot, SLOT_BYTES};

use crate::{
    deadline, dns, http, lane,
    lookup::set_sighting,
    maps,
    packet::{Packet, within},
    parse::{Link, TCP, Transport, UDP},
    scratch, tls, walk,
    young::{self, Begun},
};

const DNS: u16 = 53;
/// DNS over TLS (RFC 7858) and over QUIC (RFC 9250).
const DOT: u16 = 853;
/// Bytes of a UDP header.
const UDP_HEADER: u32 = 8;

const SYN: u16 = 0x02;
const ACK: u16 = 0x10;
const RST: u16 = 0x04;

/// Why a packet goes to the global function.
mod reason {
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

/// What a look at the headers tells.
enum First {
    Nothing,
    /// Where the payload is, and why to look at it.
    Look(u32, u32),
    /// A header or the payload's first bytes are not there.
    NotThere,
}

/// A name whose labels were hashed, and what it is (one of `MATCHED_*`), in one word.
#[inline(always)]
pub const fn named(labels: u32, matched_in: u8) -> u32 {
    labels | (matched_in as u32) << 8
}

/// What was found out of a packet of a class.
pub struct Judged {
    class: LaneClass,
    /// The name whose labels were hashed, see [`named`]; 0: none.
    name: u32,
    /// What it is counted under; [`LaneFate::Lent`]: it is to be lent.
    fate: LaneFate,
    /// Where an incomplete hello ends.
    until: u32,
}

impl Judged {
    #[inline(always)]
    pub const fn decided(class: LaneClass, name: u32) -> Self {
        Self {
            class,
            name,
            fate: LaneFate::Decided,
            until: 0,
        }
    }

    #[inline(always)]
    pub const fn unreadable(class: LaneClass) -> Self {
        Self {
            class,
            name: 0,
            fate: LaneFate::Unreadable,
            until: 0,
        }
    }

    #[inline(always)]
    pub const fn to_lend(class: LaneClass) -> Self {
        Self::to_lend_until(class, young::REACH)
    }

    #[inline(always)]
    pub const fn to_lend_until(class: LaneClass, until: u32) -> Self {
        Self {
            class,
            name: 0,
            fate: LaneFate::Lent,
            until,
        }
    }
}

/// A packet that is to be looked at, its flow set aside, in one word: where its payload is, where its
/// transport header, why, and in the upper half where it ends. 0: it bears nothing.
#[derive(Clone, Copy)]
pub struct Glance(u64);

/// Whether a packet may bear a name; addresses as [`set_sighting`] takes them. Before its addresses are
/// compared, so that little is kept meanwhile.
#[inline(always)]
pub fn glance<const F: bool>(
    packet: &Packet<'_, F>,
    link: &Link,
    addresses: ([u64; 2], [u64; 2]),
    transport: &Transport,
    family: u8,
) -> Glance {
    if !maps::looks_at_payloads() || !transport.has_ports {
        return Glance(0);
    }
    // Without the helper for bytes that are far: they are rare, and a call makes all that is kept here
    // wait on the stack.
    let near = Packet::<false>::from_raw(packet.raw());
    let (offset, end) = (transport.offset, transport.end);
    let found = match transport.proto {
        UDP => udp(&near, offset, end, transport.ports),
        TCP => {
            let ends = young::ends(transport.ports, maps::vantage(link));
            let (src, dst) = addresses;
            tcp(&near, offset, end, transport.ports, || {
                young::is_young(young::place([src[0], src[1], dst[0], dst[1], ends]))
            })
        }
        _ => First::Nothing,
    };
    let (payload, reason) = match found {
        First::Nothing => return Glance(0),
        First::Look(payload, reason) => (payload, reason),
        First::NotThere if F => (offset, reason::FAR),
        First::NotThere => return Glance(0),
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
    if !maps::looks_at_payloads() || glance == 0 {
        return 0;
    }
    let (place, end) = (glance as u32, (glance >> 32) as u32);
    let name = if F {
        look_frags(packet.raw(), place, end, bytes)
    } else {
        look_linear(packet.raw(), place, end, bytes)
    };
    // From here, not from there: the stack of a chain of calls is short.
    if name == 0 {
        return 0;
    }
    let matched = walk::match_name(name & 0xff, bytes, name >> 8);
    if F && matched != 0 {
        deadline::arm_deadline();
    }
    matched
}

#[inline(always)]
fn udp<const F: bool>(
    packet: &Packet<'_, F>,
    offset: u32,
    end: u32,
    (src, dst): (u16, u16),
) -> First {
    let payload = offset + UDP_HEADER;
    if src == DNS || dst == DNS {
        return if maps::wants_names() {
            First::Look(payload, reason::DNS)
        } else {
            First::Nothing
        };
    }
    if !maps::wants_hellos() {
        return First::Nothing;
    }
    if dst == DOT {
        return First::Look(payload, reason::DOT);
    }
    if payload + 8 > end {
        return First::Nothing;
    }
    let Some(head) = packet.read::<u64>(payload) else {
        return First::NotThere;
    };
    let head = u64::from_le(head);
    // A long header (RFC 9000 §17.2) of an Initial of version 1, or of 2 (RFC 9369 §3.2).
    let initial = match (head >> 8) as u32 {
        VERSION_1 => 0xc0,
        VERSION_2 => 0xd0,
        _ => return First::Nothing,
    };
    if head & 0xf0 == initial {
        First::Look(payload, reason::QUIC)
    } else {
        First::Nothing
    }
}

/// Versions as the lowest byte of a word is the first.
const VERSION_1: u32 = 0x0000_0001u32.swap_bytes();
const VERSION_2: u32 = 0x6b33_43cfu32.swap_bytes();

#[inline(always)]
fn tcp<const F: bool>(
    packet: &Packet<'_, F>,
    offset: u32,
    end: u32,
    (src, dst): (u16, u16),
    is_young: impl Fn() -> bool,
) -> First {
    let Some(head) = packet.read::<u16>(offset + 12) else {
        return First::NotThere;
    };
    let head = u16::from_be(head);
    let payload = offset + u32::from(head >> 12) * 4;
    if head & (SYN | ACK | RST) == SYN {
        return First::Look(payload, reason::SYN);
    }
    if payload >= end || head & RST != 0 {
        return First::Nothing;
    }
    if (src == DNS || dst == DNS) && maps::wants_names() {
        return First::Look(payload, reason::DNS);
    }
    let token = if payload + 4 <= end {
        match packet.read::<u32>(payload) {
            Some(token) => token,
            None => return First::NotThere,
        }
    } else {
        0
    };
    if maps::wants_hellos() && tls::begins(token) {
        return First::Look(payload, reason::HELLO);
    }
    if maps::wants_hosts() && http::begins(token) {
        return First::Look(payload, reason::HTTP);
    }
    if is_young() {
        return First::Look(payload, reason::YOUNG);
    }
    First::Nothing
}

/// The name to be compared, see [`named`]; lends and counts what there is besides.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_frags(ctx: *mut xdp_md, place: u32, end: u32, bytes: u32) -> u32 {
    look(&Packet::<true>::from_raw(ctx), place, end, bytes)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_linear(ctx: *mut xdp_md, place: u32, end: u32, bytes: u32) -> u32 {
    look(&Packet::<false>::from_raw(ctx), place, end, bytes)
}

/// The same of a packet whose headers are far.
#[inline(always)]
fn far<const F: bool>(packet: &Packet<'_, F>, offset: u32, end: u32) -> Option<(u32, u32)> {
    let flow = maps::sighting()?;
    let ports = (flow.src_port, flow.dst_port);
    let found = if flow.proto == TCP {
        tcp(packet, offset, end, ports, || true)
    } else {
        udp(packet, offset, end, ports)
    };
    match found {
        First::Look(payload, reason) => Some((payload, reason)),
        _ => None,
    }
}

#[inline(always)]
fn look<const F: bool>(packet: &Packet<'_, F>, place: u32, end: u32, bytes: u32) -> u32 {
    let (payload, header, reason) = (place & 0x7fff, place >> 15 & 0xf, place >> 19);
    let transport = payload.wrapping_sub(header * 4);
    let (payload, reason) = if F && reason == reason::FAR {
        match far(packet, transport, end) {
            Some(found) => found,
            None => return 0,
        }
    } else {
        (payload, reason)
    };
    let payload = within(payload);
    let frame = packet.len();
    let end = if end < frame { end } else { frame };
    let length = if end > payload { end - payload } else { 0 };
    let length = if length > 0xffff { 0xffff } else { length };
    let over_tcp = reason != reason::QUIC && reason != reason::DOT && is_tcp();
    let sequence = match over_tcp {
        true => packet.read::<u32>(transport + 4).map_or(0, u32::from_be),
        false => 0,
    };
    let lend = |class: LaneClass, flags: u32| {
        let class = class as u32 | flags << 8;
        lane::lend(packet, payload | length << 16, sequence, bytes, class);
    };
    let copy = |skipped: u32, most: u32| {
        let skipped = if skipped < length { skipped } else { length };
        let (from, sequence) = (payload + skipped, sequence.wrapping_add(skipped));
        scratch::copy(packet, from, length - skipped, most, sequence)
    };
    let most = SLOT_BYTES as u32;
    match reason {
        reason::SYN => {
            if is_dot() {
                lane::count(LaneClass::Dot as u32, LaneFate::Unreadable);
            }
            young::begin(sequence.wrapping_add(1), Begun::Not, young::REACH);
            0
        }
        reason::DOT => {
            lane::count(LaneClass::Dot as u32, LaneFate::Unreadable);
            0
        }
        reason::QUIC => {
            lend(LaneClass::QuicInitial, 0);
            0
        }
        reason::DNS => {
            let prefix = if over_tcp {
                let Some(prefix) = prefix(packet, payload, length) else {
                    return 0;
                };
                if prefix + 2 < length {
                    // Other messages follow.
                    lend(LaneClass::Dns, 0);
                    return 0;
                }
                2
            } else {
                0
            };
            let judged = match copy(prefix, dns::MOST) {
                true => dns::judge(),
                false => Judged::unreadable(LaneClass::Dns),
            };
            match judged.fate {
                LaneFate::Lent => lend(LaneClass::Dns, 0),
                fate => lane::count(LaneClass::Dns as u32, fate),
            }
            judged.name
        }
        reason::HELLO => {
            let judged = match copy(0, most) {
                true => tls::judge(),
                false => Some(Judged::unreadable(LaneClass::TlsHello)),
            };
            match judged {
                None => {
                    young::decided();
                    0
                }
                Some(judged) => conclude(
                    judged,
                    sequence,
                    Begun::Tls,
                    maps::wants_fingerprints(),
                    lend,
                ),
            }
        }
        reason::HTTP => {
            let judged = match copy(0, most) {
                true => http::judge(),
                false => Judged::unreadable(LaneClass::HttpHead),
            };
            conclude(judged, sequence, Begun::Http, maps::wants_urls(), lend)
        }
        _ => {
            let Some(segment) = young::segment(sequence) else {
                return 0;
            };
            let first = match copy(0, 8) {
                true => scratch::copied().map_or(0, |payload| payload.byte(0)),
                false => 0,
            };
            let (class, begun) = match segment.begun {
                Begun::Http => (LaneClass::HttpHead, Begun::Http),
                _ => (LaneClass::TlsSegment, Begun::Tls),
            };
            // The first bytes of a hello, too few to be known by, or of something else.
            let other = segment.ahead == 0 && (first != 0x16 || length >= 4);
            if other || begun == Begun::Tls && !maps::wants_hellos() {
                segment.end();
                return 0;
            }
            segment.spend();
            lend(class, 0);
            0
        }
    }
}

/// Counts or lends a hello or a head; remembers its connection while there is more to come.
#[inline(always)]
fn conclude(
    judged: Judged,
    sequence: u32,
    begun: Begun,
    all: bool,
    lend: impl Fn(LaneClass, u32),
) -> u32 {
    match judged.fate {
        LaneFate::Lent => {
            young::begin(sequence, begun, judged.until);
            lend(judged.class, 0);
        }
        fate => {
            young::decided();
            if all && matches!(fate, LaneFate::Decided) {
                lend(judged.class, LaneSlot::JUDGED);
            } else {
                lane::count(judged.class as u32, fate);
            }
        }
    }
    judged.name
}

/// The length before a DNS message over TCP (RFC 1035 §4.2.2), when the segment begins with one: a
/// segment in mid-stream is told by its header, which has not one question.
#[inline(always)]
fn prefix<const F: bool>(packet: &Packet<'_, F>, payload: u32, length: u32) -> Option<u32> {
    let head = packet.read::<[u16; 4]>(payload)?;
    let questions = u16::from_be(head[3]);
    let prefix = u32::from(u16::from_be(head[0]));
    (length >= 2 + 12 && prefix >= 12 && questions == 1).then_some(prefix)
}

/// Whether the packet set aside is TCP's.
#[inline(always)]
fn is_tcp() -> bool {
    maps::sighting().is_some_and(|flow| flow.proto == TCP)
}

/// Whether it goes to the port of DNS over TLS.
#[inline(always)]
fn is_dot() -> bool {
    maps::sighting().is_some_and(|flow| flow.dst_port == DOT)
}
