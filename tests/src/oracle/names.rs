//! What the kernel must say of the names in a frame: slow, written from the RFCs.
//!
//! Only what it decides by one packet: connections of which it has seen nothing before.

use std::ops::Range;

use sensor_common::{
    LaneClass, LaneFate, MATCHED_DNS, MATCHED_HTTP_HOST, MATCHED_TLS_SNI, SLOT_BYTES,
};

use super::network;

/// A name by its labels.
pub type Name = Vec<Vec<u8>>;

/// What there is to say of the names in a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The name that is compared with the patterns, and where it stands (`MATCHED_*`).
    pub name: Option<(Name, u8)>,
    /// The class of the packet and what becomes of it; `None` for a packet of no class.
    pub fate: Option<(LaneClass, LaneFate)>,
    /// It is a hello that was decided, and hides another one.
    pub encrypted: bool,
}

impl Named {
    fn decided(class: LaneClass, name: Option<(Name, u8)>) -> Self {
        Self {
            name,
            fate: Some((class, LaneFate::Decided)),
            encrypted: false,
        }
    }

    fn not(class: LaneClass, fate: LaneFate) -> Self {
        Self {
            name: None,
            fate: Some((class, fate)),
            encrypted: false,
        }
    }
}

/// Whether the pattern of a domain covers a name: label by label, without regard to case.
#[must_use]
pub fn covers(domain: &str, name: &Name) -> bool {
    let (domain, subdomains) = match domain.strip_prefix("*.") {
        Some(domain) => (domain, true),
        None => (domain, false),
    };
    let labels: Vec<&[u8]> = domain.split('.').map(str::as_bytes).collect();
    let enough = name.len() == labels.len() || subdomains && name.len() > labels.len();
    let mut pairs = name.iter().rev().zip(labels.iter().rev());
    enough && pairs.all(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// The names in a frame, for an image that holds domains and nothing else that looks at payloads.
#[must_use]
pub fn named(frame: &[u8]) -> Named {
    let Some(found) = network::payload(frame) else {
        return Named::default();
    };
    let (ports, bytes) = (found.ports, &frame[found.range]);
    let dns = ports.0 == 53 || ports.1 == 53;
    if found.proto == 17 {
        let initial = bytes.len() >= 8
            && match bytes[1..5] {
                [0x6b, 0x33, 0x43, 0xcf] => bytes[0] & 0xf0 == 0xd0,
                [0, 0, 0, 1] | [0xff, 0, 0, _] | [0xfa, 0xce, 0xb0, _] | [b'T', b'0', b'5', _] => {
                    bytes[0] & 0xf0 == 0xc0
                }
                // RFC 9000 §15: every second digit is `a`.
                _ => bytes[0] & 0xf0 == 0xc0 && bytes[1..5].iter().all(|byte| byte & 15 == 10),
            };
        return match initial {
            true => Named::not(LaneClass::QuicInitial, LaneFate::Lent),
            false if dns => message(bytes),
            false if ports.1 == 853 => Named::not(LaneClass::Dot, LaneFate::Unreadable),
            false => Named::default(),
        };
    }
    let is_message = dns && bytes.get(5).is_some_and(|kind| *kind != 1);
    match bytes {
        [] => Named::default(),
        [0x16, 3, _, _, ..] if !is_message => hello(bytes),
        // RFC 8446 §D.4: a change of cipher before the second hello.
        [0x14, 3, _, 0, 1, 1, 0x16, 3, ..] if !is_message => hello(&bytes[6..]),
        _ if is_request(bytes) => request(bytes),
        _ if dns => over_tcp(bytes),
        _ if found.opens => opening(bytes),
        _ => Named::default(),
    }
}

/// What a connection begins with: too little to be known by, or a head of a method that nobody knows.
fn opening(bytes: &[u8]) -> Named {
    let blank = bytes[..bytes.len().min(40)]
        .iter()
        .position(|byte| *byte <= b' ');
    let class = match bytes {
        [0x16] | [0x16, 3] | [0x16, 3, _] => LaneClass::TlsHello,
        [_] | [_, _] | [_, _, _]
            if bytes
                .iter()
                .all(|byte| byte & 0xe0 == 0x40 || matches!(byte, b'\r' | b'\n')) =>
        {
            LaneClass::HttpHead
        }
        [b'\r' | b'\n', _, _, _, ..] => LaneClass::HttpHead,
        [_, _, _, _, ..] => match blank {
            Some(at @ 1..32)
                if bytes[at] == b' '
                    && matches!(bytes.get(at + 1), Some(b'/' | b'*' | b'h' | b'H')) =>
            {
                LaneClass::HttpHead
            }
            _ => return Named::default(),
        },
        _ => return Named::default(),
    };
    Named::not(class, LaneFate::Lent)
}

/// RFC 1035 §4.2.2: two bytes of length before the message, alone or with it. A segment that does not begin
/// with a message of one question is none.
fn over_tcp(bytes: &[u8]) -> Named {
    let Some(length) = number(bytes, 0, 2) else {
        return Named::default();
    };
    if bytes.len() == 2 && length >= 12 {
        return Named::not(LaneClass::Dns, LaneFate::Lent);
    }
    if length < 12 || bytes.len() < 14 || number(bytes, 6, 2) != Some(1) {
        return Named::default();
    }
    if length + 2 < bytes.len() {
        return Named::not(LaneClass::Dns, LaneFate::Lent);
    }
    let read = message(&bytes[2..]);
    match read.fate {
        Some((class, LaneFate::Unreadable)) if length + 2 > bytes.len() => {
            Named::not(class, LaneFate::Lent)
        }
        _ => read,
    }
}

/// RFC 1035 §4.1: the question of a message of one question. The kernel looks at its first 512 bytes.
fn message(bytes: &[u8]) -> Named {
    let class = LaneClass::Dns;
    match number(bytes, 4, 2).filter(|_| bytes.len() >= 12) {
        None => return Named::not(class, LaneFate::Unreadable),
        Some(0) => return Named::decided(class, None),
        Some(1) => {}
        Some(_) => return Named::not(class, LaneFate::Lent),
    }
    let seen = &bytes[..bytes.len().min(512)];
    let failed = match seen.len() < bytes.len() {
        true => LaneFate::Lent,
        false => LaneFate::Unreadable,
    };
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        match seen.get(at) {
            _ if at - 12 >= 255 => return Named::not(class, failed),
            None => return Named::not(class, failed),
            Some(0) => return Named::decided(class, Some((labels, MATCHED_DNS))),
            Some(0xc0..) => return Named::not(class, LaneFate::Lent),
            Some(length @ 1..=63) => {
                let end = at + 1 + usize::from(*length);
                let Some(label) = seen.get(at + 1..end) else {
                    return Named::not(class, failed);
                };
                labels.push(label.to_vec());
                at = end;
            }
            Some(_) => return Named::not(class, failed),
        }
    }
}

/// A name in text; `None` when it is none, or too long.
fn text(bytes: &[u8], matched_in: u8) -> Option<(Name, u8)> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let labels = bytes.split(|byte| *byte == b'.').map(<[u8]>::to_vec);
    let labels: Name = labels.collect();
    let fits = bytes.len() < 254 && labels.iter().all(|label| (1..64).contains(&label.len()));
    fits.then_some((labels, matched_in))
}

/// RFC 8446 §4.1.2 in one record; RFC 6066 §3.
fn hello(bytes: &[u8]) -> Named {
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

/// Whether one of them, in the first `seen` bytes, is an encrypted hello (RFC 9849 §5).
fn encrypted(body: &[u8], seen: usize) -> bool {
    let Ok(Range { start: mut at, end }) = extensions(body) else {
        return false;
    };
    let body = &body[..end.min(seen).min(body.len())];
    while let (Some(kind), Some(size)) = (number(body, at, 2), number(body, at + 2, 2)) {
        if kind == 0xfe0d {
            return true;
        }
        at += 4 + size;
    }
    false
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

fn is_request(bytes: &[u8]) -> bool {
    let methods: [&[u8]; 36] = [
        b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"CONN", b"PATC", b"TRAC", b"PROP",
        b"COPY", b"MOVE", b"LOCK", b"UNLO", b"MKCO", b"MKAC", b"MKWO", b"SEAR", b"REPO", b"MERG",
        b"LABE", b"UPDA", b"VERS", b"BASE", b"CHEC", b"UNCH", b"NOTI", b"SUBS", b"UNSU", b"POLL",
        b"BCOP", b"BMOV", b"BDEL", b"BPRO", b"RPC_", b"SSTP",
    ];
    let late = matches!(bytes, [b'\r', b'\n', one, two, ..]
        if one & 0xe0 == 0x40 && two & 0xe0 == 0x40);
    late || methods.iter().any(|method| bytes.starts_with(method))
}

/// What is decided of a head; its target, unless it is a path or `*`, names a host, too (RFC 9112
/// §3.2.2).
fn decided(head: &[u8], name: Option<(Name, u8)>) -> Named {
    let first = &head[..head.len().min(16)];
    let blank = first.iter().position(|byte| *byte == b' ').unwrap_or(16);
    let fate = match head.get(blank + 1) {
        Some(b'/' | b'*') => LaneFate::Decided,
        _ => LaneFate::Lent,
    };
    Named {
        name,
        fate: Some((LaneClass::HttpHead, fate)),
        encrypted: false,
    }
}

/// RFC 9112 §3.2: the first host of a head.
fn request(bytes: &[u8]) -> Named {
    let class = LaneClass::HttpHead;
    let lent = Named::not(class, LaneFate::Lent);
    let seen = &bytes[..bytes.len().min(SLOT_BYTES)];
    let mut lines = seen
        .split_inclusive(|byte| *byte == b'\n')
        .skip(1)
        .peekable();
    // A head whose last byte ends a line goes on.
    for line in &mut lines {
        if line[0] == b'\r' || line[0] == b'\n' {
            return decided(seen, None);
        }
        if line.len() < 5 || !line[..5].eq_ignore_ascii_case(b"host:") {
            continue;
        }
        let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let start = line[5..].iter().position(|byte| !blank(byte));
        let Some(start) = start.filter(|start| *start <= 48) else {
            return lent;
        };
        let value = &line[5 + start..];
        let end = value.iter().position(|byte| *byte <= b' ' || *byte == b':');
        return match end {
            None => lent,
            Some(end) => {
                let name = text(&value[..end], MATCHED_HTTP_HOST);
                let behind = value[end..].as_ptr().addr() - seen.as_ptr().addr();
                match follows(&seen[behind..]) {
                    false => decided(seen, name),
                    true => Named {
                        name,
                        fate: lent.fate,
                        encrypted: false,
                    },
                }
            }
        };
    }
    lent
}

/// Whether another head follows the rest of one.
fn follows(rest: &[u8]) -> bool {
    let mut breaks = rest.windows(2).enumerate();
    let end = breaks.find(|(_, two)| two[0] == b'\n' && matches!(two[1], b'\r' | b'\n'));
    end.is_some_and(|(at, two)| {
        let behind = at + if two[1] == b'\r' { 3 } else { 2 };
        rest.get(behind..).is_some_and(is_request)
    })
}

/// A number in network order.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + size)?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    )
}
