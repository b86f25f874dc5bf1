//! The host of an HTTP/1 request (RFC 9112 §3.2).

use sensor_common::{LaneClass, MATCHED_HTTP_HOST, lower};

use crate::{
    flows::next,
    look::{Judged, named},
    maps, scratch, walk,
    walk::{NONE, find, find_below, first_mask, first_of},
};

/// Steps through a head: eight bytes each, and one for each line.
const TURNS: usize = 400;
/// Steps through the blanks before a host, and through the host.
const HOST_TURNS: usize = 48;

/// Of three bytes the bits that tell capital letters from most else, and what capital letters have there.
const CASE: u32 = u32::from_ne_bytes([0xe0, 0xe0, 0xe0, 0]);
const CAPITALS: u32 = u32::from_ne_bytes([0x40, 0x40, 0x40, 0]);

/// What [`find_host`] tells.
const INCOMPLETE: u64 = 1;
const NAMELESS: u64 = 2;
const FOUND: u64 = 3;

const fn word(text: &[u8; 4]) -> u32 {
    u32::from_ne_bytes(*text)
}

/// Whether four bytes begin a request.
#[inline(always)]
pub const fn begins(token: u32) -> bool {
    // A capital letter in the third place, of a method or behind a line break: most payloads end here.
    const THIRD: u32 = u32::from_ne_bytes([0, 0, 0xe0, 0]);
    token & THIRD == CAPITALS & THIRD && (is_method(token) || begins_late(token))
}

/// Whether four bytes begin a method (RFC 9110 §9, RFC 5789), or one of WebDAV and its kin (RFC 4918, 3253,
/// 5323), of UPnP, or of Microsoft's RPC over HTTP.
#[inline(always)]
const fn is_method(token: u32) -> bool {
    if token & CASE != CAPITALS {
        return false;
    }
    token == word(b"GET ")
        || token == word(b"POST")
        || token == word(b"HEAD")
        || token == word(b"PUT ")
        || token == word(b"DELE")
        || token == word(b"OPTI")
        || token == word(b"CONN")
        || token == word(b"PATC")
        || token == word(b"TRAC")
        || is_rare(token)
}

/// The rest of them; looked for in what begins with three capital letters.
#[inline(always)]
const fn is_rare(token: u32) -> bool {
    token == word(b"PROP")
        || token == word(b"COPY")
        || token == word(b"MOVE")
        || token == word(b"LOCK")
        || token == word(b"UNLO")
        || token == word(b"MKCO")
        || token == word(b"MKAC")
        || token == word(b"MKWO")
        || token == word(b"SEAR")
        || token == word(b"REPO")
        || token == word(b"MERG")
        || token == word(b"LABE")
        || token == word(b"UPDA")
        || token == word(b"VERS")
        || token == word(b"BASE")
        || token == word(b"CHEC")
        || token == word(b"UNCH")
        || token == word(b"NOTI")
        || token == word(b"SUBS")
        || token == word(b"UNSU")
        || token == word(b"POLL")
        || token == word(b"BCOP")
        || token == word(b"BMOV")
        || token == word(b"BDEL")
        || token == word(b"BPRO")
        || token == word(b"RPC_")
        || token == word(b"SSTP")
}

/// Whether four bytes are a line break, which servers pass over (RFC 9112 §2.2), and two letters of a
/// method.
#[inline(always)]
const fn begins_late(token: u32) -> bool {
    const MASK: u32 = u32::from_ne_bytes([0xff, 0xff, 0xe0, 0xe0]);
    token & MASK == u32::from_ne_bytes([b'\r', b'\n', 0x40, 0x40])
}

/// Whether the first one to three bytes of a connection may begin a head.
#[inline(always)]
pub const fn may_begin(bytes: u64, length: u32) -> bool {
    let mut at = 0;
    while at < 3 {
        let byte = bytes >> (8 * at) & 0xff;
        if at < length && byte & 0xe0 != 0x40 && !is_break(byte) {
            return false;
        }
        at += 1;
    }
    true
}

/// Bytes of a first segment that are looked at for a method that nobody knows.
pub const OPENING: u32 = 40;

/// Whether what was copied of a connection's first segment opens a head of any method: a word, a blank,
/// and what targets begin with.
#[inline(always)]
pub fn opens() -> bool {
    let Some(head) = scratch::copied() else {
        return false;
    };
    let copied = u64::from(head.head().copied);
    if is_break(head.byte(0)) {
        return true;
    }
    let mut at = 0u64;
    while at < OPENING as u64 - 8 {
        let stop = first_of(find_below(head.eight(at), b'!'));
        if stop != NONE {
            let blank = at + stop;
            let target = head.byte(blank + 1);
            let is_target =
                target == b'/' as u64 || target == b'*' as u64 || target | 0x20 == b'h' as u64;
            let ends = head.byte(blank) == b' ' as u64 && blank + 1 < copied;
            return blank > 0 && ends && is_target;
        }
        at += 8;
    }
    false
}

/// Looks at the head that was copied.
#[inline(always)]
pub fn judge() -> Judged {
    let class = LaneClass::HttpHead;
    let found = find_host();
    let name = match found & 0xff {
        NAMELESS => 0,
        FOUND => {
            let (start, end) = ((found >> 8 & 0xffff) as u32, (found >> 24 & 0xffff) as u32);
            let name = match walk::walk_text(start, end) {
                // Empty or too long for a name: it is none.
                walk::BAD => 0,
                walk => named(walk, MATCHED_HTTP_HOST),
            };
            let copied = scratch::copied().map_or(0, |head| head.head().copied);
            // The port, which a URL tells, is perhaps not there.
            let cut = maps::wants().urls() && end + PORT > copied;
            if cut || follows(end) != 0 {
                return Judged::named_and_to_lend(class, name);
            }
            name
        }
        _ => return Judged::to_lend(class),
    };
    if asks_for_a_path() {
        return Judged::decided(class, name);
    }
    Judged::decided_and_to_lend(class, name)
}

/// Bytes of the longest port, with its colon and the end of its line.
const PORT: u32 = 8;

/// Whether the target is a path or `*`: of another, its own host counts (RFC 9112 §3.2.2).
#[inline(always)]
fn asks_for_a_path() -> bool {
    let Some(head) = scratch::copied() else {
        return true;
    };
    let mut blank = first_of(find(head.eight(0), b' '));
    if blank == NONE {
        blank += first_of(find(head.eight(8), b' '));
    }
    let target = head.byte(blank + 1);
    let is_there = blank + 1 < u64::from(head.head().copied);
    is_there && (target == b'/' as u64 || target == b'*' as u64)
}

/// Looks for the host: what there is in the low byte, where it begins and ends above.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn find_host() -> u64 {
    let Some(head) = scratch::copied() else {
        return INCOMPLETE;
    };
    let copied = u64::from(head.head().copied);
    let mut at = 0u64;
    let mut turn = 0;
    while turn < TURNS {
        turn = next(turn);
        at = head.unknown::<0>(at);
        if at >= copied {
            return INCOMPLETE;
        }
        let left = copied - at;
        let count = if left < 8 { left } else { 8 };
        let end_of_line = first_of(first_mask(find(head.eight(at), b'\n'), count));
        if end_of_line == NONE {
            at += count;
            continue;
        }
        at += end_of_line + 1;
        if at + 5 > copied {
            // Perhaps the end of the head: two bytes tell.
            let ends = at < copied && is_break(head.byte(at));
            return if ends { NAMELESS } else { INCOMPLETE };
        }
        let line = head.eight(at);
        if is_break(line & 0xff) {
            return NAMELESS;
        }
        if lower(line) & 0xff_ffff_ffff == HOST {
            return host(at + 5, copied);
        }
    }
    INCOMPLETE
}

/// Whether (1, or 0) another head follows in the payload the one that goes on at `start`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn follows(start: u32) -> u32 {
    let Some(head) = scratch::copied() else {
        return 0;
    };
    let copied = u64::from(head.head().copied);
    let mut at = u64::from(start);
    let mut turn = 0;
    while turn < TURNS {
        turn = next(turn);
        at = head.unknown::<0>(at);
        if at >= copied {
            return 0;
        }
        let left = copied - at;
        let count = if left < 8 { left } else { 8 };
        let end_of_line = first_of(first_mask(find(head.eight(at), b'\n'), count));
        if end_of_line == NONE {
            at += count;
            continue;
        }
        at += end_of_line + 1;
        let line = head.eight(at);
        if at < copied && is_break(line & 0xff) {
            let behind = if line & 0xff == b'\r' as u64 { 2 } else { 1 };
            let (mut token, mut from) = (line >> (behind * 8), at + behind);
            // Servers pass over more breaks than that.
            for _ in 0..2 {
                if is_break(token & 0xff) {
                    (token, from) = (token >> 8, from + 1);
                }
            }
            let another = from + 4 <= copied && begins((token as u32).to_le());
            return another as u32;
        }
    }
    0
}

/// `host:`, the first byte in the lowest.
const HOST: u64 = u64::from_le_bytes(*b"host:\0\0\0");

#[inline(always)]
const fn is_break(byte: u64) -> bool {
    byte == b'\r' as u64 || byte == b'\n' as u64
}

/// A host goes from the first byte that is not blank to a blank, the port or the end of the line.
#[inline(always)]
fn host(start: u64, copied: u64) -> u64 {
    let Some(head) = scratch::copied() else {
        return INCOMPLETE;
    };
    let mut start = start;
    let mut turn = 0;
    while turn < HOST_TURNS {
        turn = next(turn);
        start = head.unknown::<0>(start);
        let byte = head.byte(start);
        if byte != b' ' as u64 && byte != b'\t' as u64 {
            break;
        }
        start += 1;
    }
    let byte = head.byte(start);
    if byte == b' ' as u64 || byte == b'\t' as u64 {
        return INCOMPLETE;
    }
    let mut at = start;
    let mut turn = 0;
    while turn < HOST_TURNS {
        turn = next(turn);
        at = head.unknown::<0>(at);
        if at >= copied {
            return INCOMPLETE;
        }
        let word = head.eight(at);
        let left = copied - at;
        let count = if left < 8 { left } else { 8 };
        let stop = find(word, b':') | find_below(word, b'!');
        let stop = first_of(first_mask(stop, count));
        if stop != NONE {
            return FOUND | start << 8 | (at + stop) << 24;
        }
        at += count;
    }
    // Longer than any name.
    NAMELESS
}
