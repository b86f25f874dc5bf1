//! What there is to say of a ClientHello in one packet.

use std::ops::Range;

use sensor_common::{LaneClass, LaneFate, MATCHED_TLS_SNI, SLOT_BYTES};

use super::{Named, number, text};

/// RFC 8446 §4.1.2 in one record; RFC 6066 §3.
pub(super) fn hello(bytes: &[u8]) -> Named {
    let class = LaneClass::TlsHello;
    let (lent, unreadable) = (
        Named::not(class, LaneFate::Lent),
        Named::not(class, LaneFate::Unreadable),
    );
    if bytes.len() > 5 && bytes[5] != 1 {
        return Named::default();
    }
    if bytes.len() < 9 {
        return lent;
    }
    let length = number(bytes, 6, 3).expect("nine bytes");
    let record = number(bytes, 3, 2).expect("nine bytes");
    if record < 4 {
        return lent;
    }
    if length > 0x4000 || record > 0x4800 {
        return unreadable;
    }
    if record < length + 4 || bytes.len() < 9 + length {
        return lent;
    }
    let body = &bytes[9..9 + length];
    let seen = |found: Result<Option<&[u8]>, LaneFate>| match found {
        Ok(Some(name)) => name.as_ptr().addr() + name.len() <= bytes.as_ptr().addr() + SLOT_BYTES,
        // Each extension says what it is within the copy.
        Ok(None) => last_extension(body).is_some_and(|at| 9 + at + 4 <= SLOT_BYTES),
        Err(_) => false,
    };
    let encrypted = encrypted(body, bytes.len().min(SLOT_BYTES) - 9);
    let decided = |name| Named {
        encrypted,
        ..Named::decided(class, name)
    };
    match server_name(body) {
        // What is not in the copy that the kernel looks at is lent.
        found if length + 9 > SLOT_BYTES && !seen(found) => lent,
        Err(fate) => Named::not(class, fate),
        Ok(None) => decided(None),
        Ok(Some(name)) => match text(name, MATCHED_TLS_SNI) {
            None => unreadable,
            name if server_names(body, bytes.len().min(SLOT_BYTES) - 9) > 1 => Named {
                fate: lent.fate,
                // Of what is lent the agent tells that.
                encrypted: false,
                ..decided(name)
            },
            name => decided(name),
        },
    }
}

/// Where the extensions of a ClientHello's body are; nowhere when it has none.
fn extensions(body: &[u8]) -> Result<Range<usize>, LaneFate> {
    let unreadable = LaneFate::Unreadable;
    let mut at = 34;
    at += 1 + number(body, at, 1).ok_or(unreadable)?;
    at += 2 + number(body, at, 2).ok_or(unreadable)?;
    at += 1 + number(body, at, 1).ok_or(unreadable)?;
    if at == body.len() {
        return Ok(at..at);
    }
    let length = number(body, at, 2).ok_or(unreadable)?;
    Ok(at + 2..at + 2 + length)
}

/// Where the last of them begins.
fn last_extension(body: &[u8]) -> Option<usize> {
    let Range { start: mut at, end } = extensions(body).ok()?;
    let mut last = None;
    while at + 4 <= end {
        last = Some(at);
        at += 4 + number(body, at + 2, 2)?;
    }
    last
}

/// What kinds of them begin in the first `seen` bytes.
fn kinds(body: &[u8], seen: usize) -> Vec<usize> {
    let mut kinds = Vec::new();
    let Ok(Range { start: mut at, end }) = extensions(body) else {
        return kinds;
    };
    let body = &body[..end.min(seen).min(body.len())];
    while let (Some(kind), Some(size)) = (number(body, at, 2), number(body, at + 2, 2)) {
        kinds.push(kind);
        at += 4 + size;
    }
    kinds
}

/// Whether one of them is an encrypted hello (RFC 9849 §5).
fn encrypted(body: &[u8], seen: usize) -> bool {
    kinds(body, seen).contains(&0xfe0d)
}

/// How many of them bear names; the kernel heeds those from the first one on.
fn server_names(body: &[u8], seen: usize) -> usize {
    let kinds = kinds(body, seen);
    kinds.iter().filter(|kind| **kind == 0).count()
}

/// The server name of a ClientHello's body; `Lent` where there is not exactly one.
fn server_name(body: &[u8]) -> Result<Option<&[u8]>, LaneFate> {
    let unreadable = LaneFate::Unreadable;
    let mut rest = body.get(extensions(body)?).ok_or(unreadable)?;
    while rest.len() >= 4 {
        let (kind, length) = (number(rest, 0, 2), number(rest, 2, 2).expect("four bytes"));
        if kind == Some(0) {
            let content = rest.get(4..4 + length).filter(|_| length >= 5);
            let content = content.ok_or(unreadable)?;
            let name = &content[5..];
            let one = number(content, 0, 2) == Some(length - 2)
                && content[2] == 0
                && number(content, 3, 2) == Some(name.len());
            return if one {
                Ok(Some(name))
            } else {
                Err(LaneFate::Lent)
            };
        }
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    Ok(None)
}
