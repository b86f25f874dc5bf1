//! What reads packets: the parsers of the inspection lane, and the lane itself.

use sensor_common::FlowKey;
use sensor_user::{
    inspect::{
        Budgets, Class, Fate, Lane, Packet, Part, Wants, dns, http, ja, quic, reassembly::Pieces,
        tls,
    },
    model::{Name, Observed, Pattern},
};

use super::Took;

pub(super) const DNS: &[&str] = &[
    "\u{0}",
    "\u{1}",
    "\u{c}",
    "\u{4}evil",
    "\u{3f}",
    "\u{0}\u{1}\u{0}\u{1}",
];
pub(super) const TLS: &[&str] = &[
    "\u{16}\u{3}\u{1}",
    "\u{0}\u{0}",
    "\u{0}\u{10}",
    "\u{0}+",
    "h2",
    "\n\n",
];
pub(super) const HTTP: &[&str] = &[
    "GET ", "Host: ", "\r\n\r\n", "\r\n", "HTTP/1.1", "http://", "%2e", "/../", ":80", "[::1]",
    "?", "#",
];
pub(super) const QUIC: &[&str] = &[
    "\u{0}\u{0}\u{0}\u{1}",
    "\u{8}",
    "\u{6}",
    "\u{2}",
    "\u{0}",
    "@",
];
pub(super) const LANE: &[&str] = &[
    "\u{0}",
    "\u{1}",
    "\u{2}",
    "\u{16}\u{3}\u{1}",
    "GET / HTTP/1.1\r\n",
    "\r\n\r\n",
];

fn took(found: usize, fatal: bool) -> Took {
    Took {
        markers: found as u64,
        refused: 0,
        fatal,
    }
}

/// A name and its patterns say the same of each other.
fn name(name: &Name) -> Result<(), String> {
    let lengths: usize = name.labels().map(|label| label.len() + 1).sum();
    if !(2..=254).contains(&lengths) {
        return Err("a name has no length that names have".into());
    }
    for pattern in &name.patterns() {
        if !name.is_covered_by(pattern) {
            return Err("a name's own pattern does not cover it".into());
        }
        if Pattern::domain(pattern)
            .is_ok_and(|one| one.to_string() != format!("domain {}", **pattern))
        {
            return Err("a name's own pattern is not canonical".into());
        }
    }
    Ok(())
}

pub(super) fn dns(bytes: &[u8]) -> Result<Took, String> {
    let names = dns::questions(bytes);
    for one in &names {
        name(one)?;
    }
    let (message, needed) = dns::first_over_tcp(bytes);
    if message.len() > bytes.len() || needed > 65_537 {
        return Err("a message over TCP is longer than it can be".into());
    }
    for one in &dns::questions(message) {
        name(one)?;
    }
    Ok(took(names.len(), names.is_empty()))
}

pub(super) fn tls(bytes: &[u8]) -> Result<Took, String> {
    let Some(handshake) = tls::handshake(bytes) else {
        return Ok(took(0, true));
    };
    if handshake.bytes.len() > bytes.len() {
        return Err("there is more in records than they hold".into());
    }
    let Some(hello) = tls::hello(&handshake.bytes) else {
        return Ok(took(0, true));
    };
    if let tls::Extent::Cut(needed) = hello.extent
        && needed <= handshake.bytes.len()
    {
        return Err("what is needed is there".into());
    }
    if let Some(one) = &hello.server_name {
        name(one)?;
    }
    std::hint::black_box(ja::ja3(&hello));
    let ja4 = ja::ja4(&hello, ja::Transport::Tcp).to_string();
    if Pattern::ja4(&ja4).map(|pattern| pattern.to_string()) != Ok(format!("ja4 {ja4}")) {
        return Err("a JA4 is none".into());
    }
    let whole = hello.extent == tls::Extent::Whole;
    Ok(took(usize::from(whole), !whole))
}

pub(super) fn http(bytes: &[u8]) -> Result<Took, String> {
    http::host(bytes).as_ref().map_or(Ok(()), name)?;
    let http::Head::Whole(asked) = http::head(bytes) else {
        return Ok(took(0, true));
    };
    asked.host.as_ref().map_or(Ok(()), name)?;
    let Some(url) = &asked.url else {
        return Ok(took(0, false));
    };
    match Pattern::url(url) {
        Ok(pattern) if Observed::Url(url.clone()).is_covered_by(&pattern) => Ok(took(1, false)),
        _ => Err("a canonical URL is not canonical".into()),
    }
}

pub(super) fn quic(bytes: &[u8]) -> Result<Took, String> {
    let mut found = 0;
    for initial in quic::initials(bytes) {
        found += 1;
        let opened = initial.open(&initial.version.keys(initial.destination));
        frames(opened.as_deref().unwrap_or_default())?;
    }
    // What stands under protection is damaged as such, because damage outside does not open.
    frames(bytes)?;
    Ok(took(found, found == 0))
}

fn frames(bytes: &[u8]) -> Result<(), String> {
    let mut pieces = Pieces::default();
    for (offset, data) in quic::crypto_frames(quic::Version::V1, bytes) {
        // Offsets have 62 bits.
        let _ = pieces.insert(offset.cast_signed(), data);
    }
    if pieces.from(0).len() > bytes.len() || pieces.held() > bytes.len() {
        return Err("frames hold more than there is".into());
    }
    Ok(())
}

/// Packets behind each other: what they seem, flow, place in the stream, length, payload.
pub(super) fn lane(bytes: &[u8]) -> Result<Took, String> {
    let budgets = Budgets {
        per_flow: 4_000,
        total: 16_000,
        wait: 50,
    };
    let mut lane = Lane::new(budgets);
    lane.set_wants(Wants {
        names: true,
        urls: true,
        ja3: true,
        ja4: true,
    });
    let (mut found, mut rest, mut time) = (Vec::new(), bytes, 0);
    while let Some(([kind, flow, place, length], behind)) = rest.split_first_chunk() {
        let payload = &behind[..behind.len().min(usize::from(*length) * 4)];
        rest = &behind[payload.len()..];
        time += u64::from(*place % 8);
        let packet = Packet {
            flow: FlowKey {
                src_port: u16::from(flow % 7),
                proto: if kind & 64 == 0 { 6 } else { 17 },
                family: 4,
                ..FlowKey::default()
            },
            time,
            bytes: 40,
            generation: 1,
            class: Class::ALL[usize::from(kind & 3)],
            part: [Part::Head, Part::Segment, Part::Either][usize::from(kind >> 2 & 3) % 3],
            sequence: u32::from(*place).wrapping_mul(200).wrapping_sub(1_000),
            truncated: kind & 16 != 0,
            judged: kind & 32 != 0,
            payload,
        };
        lane.take(&packet, &mut found);
        if lane.held() > budgets.total {
            return Err("the lane holds more than its budget".into());
        }
        adds_up(&lane)?;
    }
    lane.expire(u64::MAX);
    adds_up(&lane)?;
    if lane.held() + lane.waiting() > 0 {
        return Err("something waits for ever".into());
    }
    Ok(took(found.len(), found.is_empty()))
}

fn adds_up(lane: &Lane) -> Result<(), String> {
    let mut open = 0;
    for class in Class::ALL {
        let counts = lane.counts().of(class);
        let ended: u64 = Fate::ALL.iter().map(|fate| counts.fate(*fate)).sum();
        open += counts.opened as i64 - ended as i64;
    }
    match open == lane.waiting() as i64 {
        true => Ok(()),
        false => Err("a handshake has no end, or two".into()),
    }
}
