//! Which datagrams bear a QUIC Initial (RFC 9000 §17.2, RFC 9369 §3.2).

use crate::{
    flows::next,
    packet::{Packet, within},
};

/// Versions as the lowest byte of a word is the first.
const VERSION_1: u32 = 0x0000_0001u32.swap_bytes();
const VERSION_2: u32 = 0x6b33_43cfu32.swap_bytes();

/// Bytes of a datagram that bears a client's Initial (RFC 9000 §14.1), so that few others are walked.
const LEAST: u32 = 1200;
/// Packets of a datagram that are walked: 0-RTT and Handshake, before it or after it.
const WALKED: usize = 4;
/// Longest connection id (RFC 9000 §17.2).
const LONGEST_ID: u32 = 20;

/// Where a datagram may have an Initial.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It begins with one.
    Initial,
    /// It begins with a long header of another kind, behind which packets may stand.
    Other,
    /// It does not begin as one that may have any.
    Not,
}

/// Of the first eight bytes of a packet what it is.
#[inline(always)]
pub fn start(head: u64) -> Start {
    // Long header and fixed bit: most datagrams end here.
    if head & 0xc0 != 0xc0 {
        return Start::Not;
    }
    let (kind, version) = (head & 0x30, (head >> 8) as u32);
    // Retry, of either version, has nothing behind it.
    let (initial, retry) = match version {
        VERSION_2 => (0x10, 0),
        _ if version == VERSION_1 || is_former(version) => (0, 0x30),
        _ => return Start::Not,
    };
    match kind {
        _ if kind == initial => Start::Initial,
        _ if kind == retry => Start::Not,
        _ => Start::Other,
    }
}

/// Whether a version is one of those before 1 that bear a ClientHello: drafts of the IETF, Facebook's,
/// Google's `T05`, and those that force a server to negotiate (RFC 9000 §15).
#[inline(always)]
const fn is_former(version: u32) -> bool {
    const fn first(bytes: [u8; 3]) -> u32 {
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
    }
    let three = version & 0x00ff_ffff;
    three == first([0xff, 0, 0])
        || three == first([0xfa, 0xce, 0xb0])
        || three == first(*b"T05")
        || version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

/// Whether a datagram from `payload` to `end` may have an Initial, by its first eight bytes.
#[inline(always)]
pub fn may_bear(head: u64, payload: u32, end: u32) -> bool {
    match start(head) {
        Start::Initial => true,
        Start::Other => payload + LEAST <= end,
        Start::Not => false,
    }
}

/// Whether one of its packets is an Initial (RFC 9000 §12.2).
#[inline(always)]
pub fn bears<const F: bool>(packet: &Packet<'_, F>, payload: u32) -> bool {
    let mut at = payload;
    let mut turn = 0;
    while turn < WALKED {
        turn = next(turn);
        at = within(at);
        let Some(head) = packet.read::<u64>(at).map(u64::from_le) else {
            return false;
        };
        match start(head) {
            Start::Initial => return true,
            Start::Not => return false,
            Start::Other => {}
        }
        match behind(packet, at, head) {
            Some(behind) => at = behind,
            None => return false,
        }
    }
    false
}

/// Where a packet ends that is neither Initial nor Retry.
#[inline(always)]
fn behind<const F: bool>(packet: &Packet<'_, F>, at: u32, head: u64) -> Option<u32> {
    // First byte, version, and the length of an id.
    let destination = (head >> 40) as u32 & 0xff;
    if destination > LONGEST_ID {
        return None;
    }
    let at = within(at + 6 + destination);
    let source = u32::from(packet.read::<u8>(at)?);
    if source > LONGEST_ID {
        return None;
    }
    let at = within(at + 1 + source);
    // A variable-length integer (RFC 9000 §16); an Initial behind it has more than eight bytes.
    let word = u64::from_be(packet.read::<u64>(at)?);
    let bytes = 1 << (word >> 62);
    let length = (word << 2 >> 2) >> (64 - 8 * bytes);
    (length < 0xffff).then_some(at + bytes as u32 + length as u32)
}
