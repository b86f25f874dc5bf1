//! The question of a DNS message (RFC 1035 §4.1).

use sensor_common::{LaneClass, MATCHED_DNS};

use crate::{
    look::{Judged, named},
    scratch,
    walk::{self, BAD, POINTER},
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
