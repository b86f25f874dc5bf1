//! The question of a DNS message (RFC 1035 §4.1).

use sensor_common::{LaneClass, MATCHED_DNS};

use crate::{
    look::{Judged, named},
    packet::Packet,
    scratch,
    walk::{self, BAD, POINTER},
    young::{self, Begun},
};

/// Bytes of the header.
const HEADER: u32 = 12;
/// What of a message is looked at: header and the longest question, and more than that.
pub const MOST: u32 = 512;

/// Looks at the message that was copied.
#[inline(always)]
pub fn judge() -> Judged {
    let class = LaneClass::Dns;
    let Some(message) = scratch::copied() else {
        return Judged::unreadable(class);
    };
    let head = message.head();
    let (copied, length) = (head.copied, head.length);
    if copied < HEADER {
        return Judged::unreadable(class);
    }
    let questions = message.pair(4);
    if questions == 0 {
        return Judged::decided(class, 0);
    }
    if questions > 1 {
        return Judged::to_lend(class);
    }
    let walk = walk::walk_dns(HEADER, copied);
    if walk == BAD || walk == POINTER {
        return if walk == POINTER || copied < length {
            Judged::to_lend(class)
        } else {
            Judged::unreadable(class)
        };
    }
    Judged::decided(class, named(walk, MATCHED_DNS))
}

/// What a segment of port 53 bears.
pub enum Segment {
    /// A message behind its length, and where that says it ends.
    Message(u32),
    /// Several messages, or a part of one: of the class it is lent as.
    ToLend(LaneClass),
    Other,
}

/// What a segment bears; notes its connection while there is more to come.
#[inline(always)]
pub fn segment<const F: bool>(
    packet: &Packet<'_, F>,
    payload: u32,
    length: u32,
    sequence: u32,
) -> Segment {
    let (mut first, mut early) = (false, None);
    if let Some(segment) = young::segment(sequence) {
        first = segment.ahead == 0;
        if !first {
            if matches!(segment.begun, Begun::Dns) {
                segment.spend();
                return Segment::ToLend(LaneClass::Dns);
            }
            early = Some(segment);
        }
    }
    if let Some(prefix) = prefix(packet, payload, length) {
        if prefix + 2 >= length {
            if first {
                // Who looks at it tells whether it goes on.
                young::decided();
            }
            return Segment::Message(prefix + 2);
        }
        // Others follow, the last of them perhaps in part.
        young::begin(sequence, Begun::Dns, young::REACH);
        return Segment::ToLend(LaneClass::Dns);
    }
    // Some send the length in a segment of its own; what a connection begins with is a message, whatever it
    // asks.
    if length == 2 || first && length > 0 {
        let end = match packet.read::<u16>(payload) {
            Some(prefix) if length >= 2 => 2 + u32::from(u16::from_be(prefix)),
            _ => young::REACH,
        };
        if end < 2 + 12 {
            return Segment::Other;
        }
        young::begin(sequence, Begun::Dns, end);
        return Segment::ToLend(LaneClass::Dns);
    }
    // It came before the first.
    if let Some(segment) = early {
        segment.spend();
        return Segment::ToLend(LaneClass::TlsSegment);
    }
    Segment::Other
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
