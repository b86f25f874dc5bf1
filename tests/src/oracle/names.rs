//! What the kernel must say of the names in a frame: slow, written from the RFCs.
//!
//! Only what it decides by one packet: connections of which it has seen nothing before.

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
}

impl Named {
    fn decided(class: LaneClass, name: Option<(Name, u8)>) -> Self {
        Self {
            name,
            fate: Some((class, LaneFate::Decided)),
        }
    }

    fn not(class: LaneClass, fate: LaneFate) -> Self {
        Self {
            name: None,
            fate: Some((class, fate)),
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
        if dns {
            return message(bytes);
        }
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
            false if ports.1 == 853 => Named::not(LaneClass::Dot, LaneFate::Unreadable),
            false => Named::default(),
        };
    }
    match bytes {
        [] => Named::default(),
        _ if dns => over_tcp(bytes),
        [0x16, 3, _, _, ..] => hello(bytes),
        // RFC 8446 §D.4: a change of cipher before the second hello.
        [0x14, 3, _, 0, 1, 1, 0x16, 3, ..] => hello(&bytes[6..]),
        _ if is_request(bytes) => request(bytes),
        _ => Named::default(),
    }
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
    let fits = !bytes.is_empty() && bytes.len() < 255 && labels.len() <= 127;
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
    if length > 0x4000 {
        return unreadable;
    }
    if record < length + 4 || bytes.len() < 9 + length {
        return lent;
    }
    let body = &bytes[9..9 + length];
    let seen = |found: Result<Option<&[u8]>, ()>| match found {
        Ok(Some(name)) => name.as_ptr().addr() + name.len() <= bytes.as_ptr().addr() + SLOT_BYTES,
        _ => false,
    };
    match server_name(body) {
        // What is not in the copy that the kernel looks at is lent.
        found if length + 9 > SLOT_BYTES && !seen(found) => lent,
        Err(()) => unreadable,
        Ok(None) => Named::decided(class, None),
        Ok(Some(name)) => match text(name, MATCHED_TLS_SNI) {
            None => unreadable,
            name => Named::decided(class, name),
        },
    }
}

/// The server name of a ClientHello's body.
fn server_name(body: &[u8]) -> Result<Option<&[u8]>, ()> {
    let mut at = 34;
    at += 1 + number(body, at, 1).ok_or(())?;
    at += 2 + number(body, at, 2).ok_or(())?;
    at += 1 + number(body, at, 1).ok_or(())?;
    if at == body.len() {
        return Ok(None);
    }
    let length = number(body, at, 2).ok_or(())?;
    let mut rest = body.get(at + 2..at + 2 + length).ok_or(())?;
    while rest.len() >= 4 {
        let (kind, length) = (number(rest, 0, 2), number(rest, 2, 2).ok_or(())?);
        if kind == Some(0) {
            let list = &rest[4..];
            let size = number(list, 3, 2).ok_or(())?;
            let name = list.get(5..5 + size).filter(|_| 5 + size <= length);
            let name = name.ok_or(())?;
            return if list[2] == 0 {
                Ok(Some(name))
            } else {
                Err(())
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
    methods.iter().any(|method| bytes.starts_with(method))
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
            return Named::decided(class, None);
        }
        if line.len() < 5 || !line[..5].eq_ignore_ascii_case(b"host:") {
            continue;
        }
        let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let start = line[5..].iter().position(|byte| !blank(byte));
        let Some(start) = start else {
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
                    false => Named::decided(class, name),
                    true => Named {
                        name,
                        fate: lent.fate,
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
