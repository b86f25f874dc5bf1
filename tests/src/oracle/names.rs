//! What the kernel must say of the names in a frame: slow, written from the RFCs.
//!
//! Only what it decides by one packet: connections of which it has seen nothing before.

use sensor_common::{LaneClass, LaneFate, MATCHED_DNS, MATCHED_HTTP_HOST, SLOT_BYTES};

use super::network;
use hello::hello;

mod hello;

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
    /// What is lent of it; each slot has its part.
    pub lent: usize,
}

impl Named {
    fn decided(class: LaneClass, name: Option<(Name, u8)>) -> Self {
        Self {
            name,
            fate: Some((class, LaneFate::Decided)),
            ..Self::default()
        }
    }

    fn not(class: LaneClass, fate: LaneFate) -> Self {
        Self {
            fate: Some((class, fate)),
            ..Self::default()
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
    // A connection is looked at for 16 KiB, a datagram for a slot.
    let most = if found.proto == 6 { 0x4000 } else { SLOT_BYTES };
    let length = found.range.len().min(most);
    let named = looked_at(frame, found);
    match named.fate {
        Some((_, LaneFate::Lent)) => Named {
            lent: length,
            ..named
        },
        _ => named,
    }
}

fn looked_at(frame: &[u8], found: network::Payload) -> Named {
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
        [0x16] | [0x16, _] | [0x16, _, _] if found.whole => {
            Named::not(LaneClass::TlsHello, LaneFate::Lent)
        }
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
        ..Named::default()
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
                        ..Named::default()
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
