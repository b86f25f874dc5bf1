//! The server name of a TLS ClientHello that its packet holds whole (RFC 8446 §4.1.2, RFC 6066 §3).

use sensor_common::{LaneClass, MATCHED_TLS_SNI, SLOT_BYTES};

use crate::{
    flows::next,
    lane,
    look::{Judged, named},
    maps, scratch, walk,
};

/// Most extensions that are passed over.
const EXTENSIONS: usize = 64;
/// Longest hello that is believed.
const LONGEST: u64 = 0x4000;
/// Longest record: what protection may add is more than a hello needs (RFC 5246 §6.2.3).
const LONGEST_RECORD: u64 = 0x4800;
/// Bytes before a handshake message: the record's header.
const RECORD: u64 = 5;

/// What [`find_sni`] tells.
const NO_HELLO: u64 = 1;
const INCOMPLETE: u64 = 2;
const UNREADABLE: u64 = 3;
const NAMELESS: u64 = 4;
const FOUND: u64 = 5;
/// Added to the last two: there is an encrypted hello within (RFC 9849), or what looks like it.
const ENCRYPTED: u64 = 1 << 40;
/// Added to the last one: there is another such extension, which some servers heed instead.
const ANOTHER: u64 = 1 << 41;
/// Their extensions.
const ENCRYPTED_HELLO: u64 = 0xfe0d;
const SERVER_NAME: u64 = 0;

/// Whether four bytes may begin a ClientHello: a handshake record of SSL 3.0 or TLS, or a change of cipher,
/// which stands before the second hello of a client that was asked to try again.
#[inline(always)]
pub const fn begins(token: u32) -> bool {
    token & 0xfffd == 0x0314
}

/// Bytes of a change of cipher (RFC 8446 §5, §D.4).
const CHANGE: u32 = 6;

/// How many bytes stand before the hello, of the first eight of a payload.
#[inline(always)]
pub const fn skipped(head: u64) -> u32 {
    // Its record, one byte long, and the beginning of a handshake record; its minor version may be any.
    const CHANGE_AND_HELLO: u64 = u64::from_le_bytes([0x14, 3, 0, 0, 1, 1, 0x16, 3]);
    if head & !0xff_0000 == CHANGE_AND_HELLO {
        CHANGE
    } else {
        0
    }
}

/// Looks at the hello that was copied; what is no hello is of no class.
#[inline(always)]
pub fn judge() -> Option<Judged> {
    let class = LaneClass::TlsHello;
    let found = find_sni();
    Some(match found & 0xff {
        NO_HELLO => return None,
        INCOMPLETE => Judged::to_lend_until(class, (found >> 8) as u32),
        NAMELESS => {
            lane::count_encrypted(u64::from(found & ENCRYPTED != 0));
            Judged::decided(class, 0)
        }
        FOUND => {
            let (start, end) = ((found >> 8 & 0xffff) as u32, (found >> 24 & 0xffff) as u32);
            let walk = walk::walk_text(start, end);
            if walk == walk::BAD {
                return Some(Judged::unreadable(class));
            }
            let name = named(walk, MATCHED_TLS_SNI);
            if found & ANOTHER != 0 {
                return Some(Judged::decided_and_to_lend(class, name));
            }
            lane::count_encrypted(u64::from(found & ENCRYPTED != 0));
            Judged::decided(class, name)
        }
        _ => Judged::unreadable(class),
    })
}

/// Looks for the server name: what there is in the low byte, where it begins and ends above, or where an
/// incomplete hello ends.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn find_sni() -> u64 {
    let Some(hello) = scratch::copied() else {
        return UNREADABLE;
    };
    let head = hello.head();
    let (copied, length) = (u64::from(head.copied), u64::from(head.length));
    if hello.byte(0) != 0x16 {
        return NO_HELLO;
    }
    if copied < RECORD + 4 {
        // Too short to tell; the kind, if it is there, must be that of a ClientHello.
        let other = copied > RECORD && hello.byte(RECORD) != 1;
        return if other {
            NO_HELLO
        } else {
            INCOMPLETE | (LONGEST << 8)
        };
    }
    let message = hello.byte(RECORD + 1) << 16 | hello.pair(RECORD + 2);
    let record = hello.pair(3);
    if hello.byte(RECORD) != 1 {
        return NO_HELLO;
    }
    if record < 4 {
        // The length of the message goes on in another record.
        return INCOMPLETE | (LONGEST << 8);
    }
    if message > LONGEST || record > LONGEST_RECORD {
        return UNREADABLE;
    }
    let end = RECORD + 4 + message;
    if record < message + 4 {
        // Over several records, each with a header.
        return INCOMPLETE | (LONGEST << 8);
    }
    if length < end {
        return INCOMPLETE | (end << 8);
    }
    // Version and random stand before the session.
    let mut at = RECORD + 4 + 34;
    at += 1 + hello.byte(at);
    if at >= copied {
        return cut(copied, end);
    }
    at += 2 + hello.pair(at);
    if at >= copied {
        return cut(copied, end);
    }
    at += 1 + hello.byte(at);
    if at + 2 > end {
        return if at == end { NAMELESS } else { UNREADABLE };
    }
    if at + 2 > copied {
        return cut(copied, end);
    }
    let last = at + 2 + hello.pair(at);
    at += 2;
    if last > end {
        return UNREADABLE;
    }
    let mut encrypted = 0;
    let mut turn = 0;
    while turn < EXTENSIONS {
        turn = next(turn);
        at = hello.unknown::<0>(at);
        if at + 4 > last {
            return NAMELESS | encrypted;
        }
        if at + 4 > copied {
            return cut(copied, end);
        }
        let (kind, size) = (hello.pair(at), hello.pair(at + 2));
        at += 4;
        if kind == SERVER_NAME {
            if size < 5 || at + size > last {
                return UNREADABLE;
            }
            if at + 5 > copied {
                return cut(copied, end);
            }
            let (name, size_of_name) = (at + 5, hello.pair(at + 3));
            let past = name + size_of_name;
            if past != at + size || hello.pair(at) + 2 != size || hello.byte(at + 2) != 0 {
                // Several names, or another kind first: not all servers refuse that.
                return INCOMPLETE | (end << 8);
            }
            if past > copied {
                return cut(copied, end);
            }
            if !maps::wants().fingerprints() {
                encrypted |= find_behind(at + size, if last < copied { last } else { copied });
            }
            return FOUND | name << 8 | past << 24 | encrypted;
        }
        if kind == ENCRYPTED_HELLO && !maps::wants().fingerprints() {
            encrypted = ENCRYPTED;
        }
        at += size;
    }
    UNREADABLE
}

/// What there is of an encrypted hello and another name among the extensions from `at` to `last`; where
/// every hello is lent, the agent looks for both.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn find_behind(at: u64, last: u64) -> u64 {
    let Some(hello) = scratch::copied() else {
        return 0;
    };
    let (mut at, mut found) = (at, 0);
    let mut turn = 0;
    while turn < EXTENSIONS {
        turn = next(turn);
        at = hello.unknown::<0>(at);
        if at + 4 > last {
            break;
        }
        found |= match hello.pair(at) {
            ENCRYPTED_HELLO => ENCRYPTED,
            SERVER_NAME => ANOTHER,
            _ => 0,
        };
        at += 4 + hello.pair(at + 2);
    }
    found
}

/// What is not where it is looked for: not copied, or not there.
#[inline(always)]
fn cut(copied: u64, end: u64) -> u64 {
    if copied < end && copied == SLOT_BYTES as u64 {
        INCOMPLETE | (end << 8)
    } else {
        UNREADABLE
    }
}
