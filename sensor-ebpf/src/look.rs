//! A payload that may bear a name: what it says, and what becomes of it.

use aya_ebpf::bindings::xdp_md;
use sensor_common::{LaneClass, LaneFate, LaneSlot, SLOT_BYTES};

use crate::{
    dns, http, lane, maps,
    names::{DOT, reason, tcp, udp},
    packet::{Packet, within},
    parse::TCP,
    pieces, quic, scratch, tls,
    young::{self, Begun},
};

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
    /// It is to be lent although it is decided.
    besides: bool,
}

impl Judged {
    #[inline(always)]
    pub const fn decided(class: LaneClass, name: u32) -> Self {
        Self {
            class,
            name,
            fate: LaneFate::Decided,
            until: 0,
            besides: false,
        }
    }

    /// Its name is to be compared; it may bear another.
    #[inline(always)]
    pub const fn decided_and_to_lend(class: LaneClass, name: u32) -> Self {
        Self {
            besides: true,
            ..Self::decided(class, name)
        }
    }

    #[inline(always)]
    pub const fn unreadable(class: LaneClass) -> Self {
        Self {
            class,
            name: 0,
            fate: LaneFate::Unreadable,
            until: 0,
            besides: false,
        }
    }

    /// Its name is to be compared, and what follows to be lent.
    #[inline(always)]
    pub const fn named_and_to_lend(class: LaneClass, name: u32) -> Self {
        Self {
            name,
            ..Self::to_lend(class)
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
            besides: false,
        }
    }
}

/// The name to be compared, see [`named`]; lends and counts what there is besides.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn look_frags(ctx: *mut xdp_md, place: u32, end: u32, bytes: u32) -> u32 {
    look(&Packet::<true>::from_raw(ctx), place, end, bytes)
}

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn look_linear(ctx: *mut xdp_md, place: u32, end: u32, bytes: u32) -> u32 {
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
    match found.reason {
        reason::NOTHING | reason::FAR => None,
        reason => Some((found.payload, reason)),
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
    let end = packet.end(end);
    #[expect(
        clippy::implicit_saturating_sub,
        reason = "the verifier follows a comparison"
    )]
    let length = if end > payload { end - payload } else { 0 };
    let length = if length > 0xffff { 0xffff } else { length };
    let over_tcp = reason != reason::QUIC && reason != reason::DOT && is_tcp();
    let sequence = match over_tcp {
        true => {
            let number = packet.read::<u32>(transport + 4).map_or(0, u32::from_be);
            // SYN stands before the first byte (RFC 9293 §3.4).
            let flags = packet.read::<u8>(transport + 13).unwrap_or(0);
            number.wrapping_add(u32::from(flags >> 1 & 1))
        }
        false => 0,
    };
    let (reason, sequence) = if reason == reason::SYN {
        if is_dot() {
            lane::count(LaneClass::Dot as u32, LaneFate::Unreadable);
        }
        young::begin(sequence, Begun::Not, young::REACH);
        if length == 0 {
            return 0;
        }
        // It may bear what the connection begins with (RFC 7413).
        (reason::YOUNG, sequence)
    } else if reason == reason::DNS && over_tcp && young::began_with_other() {
        (reason::YOUNG, sequence)
    } else {
        (reason, sequence)
    };
    let split = if over_tcp { pieces::IN_PIECES } else { 0 };
    let lend = |class: LaneClass, flags: u32| {
        let split = if flags & ONE_SLOT == 0 { split } else { 0 };
        let class = class as u32 | (flags & 0xff) << 8 | split;
        pieces::lend(packet, payload | length << 16, sequence, bytes, class);
    };
    let copy = |skipped: u32, most: u32| {
        let skipped = if skipped < length { skipped } else { length };
        let (from, sequence) = (payload + skipped, sequence.wrapping_add(skipped));
        scratch::copy(packet, from, length - skipped, most, sequence)
    };
    let most = SLOT_BYTES as u32;
    match reason {
        reason::DOT => {
            lane::count(LaneClass::Dot as u32, LaneFate::Unreadable);
            0
        }
        reason::QUIC => {
            if quic::bears(packet, payload) {
                lend(LaneClass::QuicInitial, 0);
            } else if is_dot() {
                lane::count(LaneClass::Dot as u32, LaneFate::Unreadable);
            }
            0
        }
        reason::DNS => {
            let (mut skipped, mut end) = (0, 0);
            if over_tcp {
                match dns::segment(packet, payload, length, sequence) {
                    dns::Segment::Message(at) => (skipped, end) = (2, at),
                    dns::Segment::ToLend(class) => {
                        lend(class, 0);
                        return 0;
                    }
                    dns::Segment::Other => return 0,
                }
            }
            let judged = match copy(skipped, dns::MOST) {
                true => dns::judge(),
                false => Judged::unreadable(LaneClass::Dns),
            };
            // Its question may stand in the next segment.
            let goes_on = end > length && judged.name == 0;
            if goes_on {
                young::begin(sequence, Begun::Dns, end);
            }
            match judged.fate {
                LaneFate::Unreadable if goes_on => lend(LaneClass::Dns, 0),
                LaneFate::Lent => lend(LaneClass::Dns, 0),
                fate => lane::count(LaneClass::Dns as u32, fate),
            }
            judged.name
        }
        reason::HELLO => {
            let head = packet.read::<u64>(payload).map_or(0, u64::from_le);
            let skipped = tls::skipped(head);
            let judged = match copy(skipped, most) {
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
                    sequence.wrapping_add(skipped),
                    Begun::Tls,
                    maps::wants().fingerprints(),
                    lend,
                ),
            }
        }
        reason::HTTP => {
            let judged = match copy(0, most) {
                true => http::judge(),
                false => Judged::unreadable(LaneClass::HttpHead),
            };
            conclude(judged, sequence, Begun::Http, maps::wants().urls(), lend)
        }
        _ => {
            let Some(segment) = young::segment(sequence) else {
                return 0;
            };
            let first = segment.ahead == 0;
            let begun = match first {
                true if copy(0, http::OPENING) => begun_with(length),
                true => Begun::Not,
                false => segment.begun,
            };
            let (class, wanted) = match begun {
                Begun::Dns => (LaneClass::Dns, maps::wants().names()),
                Begun::Http => (LaneClass::HttpHead, maps::wants().hosts()),
                Begun::Tls if first => (LaneClass::TlsHello, maps::wants().hellos()),
                Begun::Tls => (LaneClass::TlsSegment, maps::wants().hellos()),
                Begun::Not if maps::wants().hellos() => (LaneClass::TlsSegment, !first),
                Begun::Not => (LaneClass::HttpHead, !first),
            };
            if !wanted {
                segment.end();
                return 0;
            }
            if first {
                young::begin(sequence, begun, young::REACH);
            }
            segment.spend();
            lend(class, 0);
            0
        }
    }
}

/// Beside the flags of a slot: the payload is not lent in pieces.
const ONE_SLOT: u32 = 1 << 8;

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
            let flags = if judged.name != 0 {
                LaneSlot::JUDGED
            } else {
                0
            };
            lend(judged.class, flags);
        }
        fate => {
            young::decided();
            let decided = matches!(fate, LaneFate::Decided);
            if decided && (all || judged.besides) {
                // What stands behind a head is nobody's business.
                let most = match begun {
                    Begun::Http => ONE_SLOT,
                    _ => 0,
                };
                lend(judged.class, LaneSlot::JUDGED | most);
            } else if all {
                // Its name cannot be read; the rest can.
                lend(judged.class, 0);
            } else {
                lane::count(judged.class as u32, fate);
            }
        }
    }
    judged.name
}

/// What the first segment of a connection, which was copied, is the beginning of: too few bytes to be
/// known by, or a method that nobody knows.
#[inline(always)]
fn begun_with(length: u32) -> Begun {
    let Some(payload) = scratch::copied() else {
        return Begun::Not;
    };
    let bytes = payload.eight(0);
    if length >= 4 {
        return if http::opens() {
            Begun::Http
        } else {
            Begun::Not
        };
    }
    if bytes & 0xff == 0x16 && (length < 2 || bytes & 0xff00 == 0x0300) {
        return Begun::Tls;
    }
    if http::may_begin(bytes, length) {
        Begun::Http
    } else {
        Begun::Not
    }
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
