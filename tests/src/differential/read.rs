//! What tshark reads.

use std::{net::IpAddr, path::Path};

use super::{Ends, Key};
use crate::command;

/// What a value is, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Name in a DNS question.
    Dns,
    /// Server name over TCP.
    Tls,
    /// Server name over QUIC.
    Quic,
    /// Host of a request.
    Host,
    /// URL of a request.
    Url,
    /// JA3.
    Ja3,
}

impl Kind {
    /// The first word of its marker.
    #[must_use]
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Dns | Self::Tls | Self::Quic | Self::Host => "domain",
            Self::Url => "url",
            Self::Ja3 => "ja3",
        }
    }

    /// Whether it is a name.
    #[must_use]
    pub const fn is_name(self) -> bool {
        !matches!(self, Self::Url | Self::Ja3)
    }

    /// Of the place that an event tells.
    #[must_use]
    pub fn of_place(place: &str) -> Option<Self> {
        Some(match place {
            "dns" => Self::Dns,
            "tls_sni" => Self::Tls,
            "quic_sni" => Self::Quic,
            "http_host" => Self::Host,
            "http_url" => Self::Url,
            "ja3" => Self::Ja3,
            _ => return None,
        })
    }
}

/// A value in a frame.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What it is.
    pub kind: Kind,
    /// The value, lower-case; of a host without its port.
    pub value: String,
    /// The outermost connection.
    pub ends: Ends,
    /// Number of the frame; of what was put together, that of the last one.
    pub frame: u64,
    /// Protocols of the frame, outermost first.
    pub protocols: Vec<String>,
    /// It was put together from fragments of IP.
    pub fragmented: bool,
    /// The frame was cut when it was captured.
    pub cut: bool,
    /// It was put together from segments, or it stands behind something else in its segment.
    pub segments: usize,
    /// First bytes of the segment's own payload, hexadecimal.
    pub payload: String,
    /// Position in the stream, from 1.
    pub sequence: u64,
    /// It is not what it is called: a JA3 without all of its parts, a URL of a request line that has none, a
    /// name with a dot within a label.
    pub odd: bool,
}

impl Reading {
    /// Whether it is this value in this connection.
    pub(super) fn is(&self, (kind, value, ends): &Key) -> bool {
        self.kind == *kind && self.value == *value && self.ends == *ends
    }
}

const FIELDS: [&str; 30] = [
    "frame.number",
    "frame.protocols",
    "frame.len",
    "frame.cap_len",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "ip.fragment.count",
    "ipv6.fragment.count",
    "tcp.segment",
    "tcp.payload",
    "tcp.seq",
    "dns.qry.name",
    "udp.payload",
    "tls.handshake.extensions_server_name",
    "http.host",
    "http.request.full_uri",
    "tls.handshake.ja3",
    "tls.handshake.ja3_full",
    "http.request.uri",
    "http.request.version",
    "sctp.srcport",
    "sctp.dstport",
    "ip.proto",
    "ipv6.nxt",
];

const FILTER: &str =
    "dns.qry.name or tls.handshake.extensions_server_name or http.host or tls.handshake.ja3";

/// Between the values of one field: no value has it.
const BETWEEN: char = '\u{1f}';

/// Everything that tshark reads in a capture; of one that it can read in part only, that part.
#[must_use]
pub fn readings(capture: &Path) -> Vec<Reading> {
    readings_as(capture, &[])
}

fn readings_as(capture: &Path, more: &[&str]) -> Vec<Reading> {
    let mut options = vec!["-Y", FILTER, "-E", "occurrence=a"];
    options.extend(more);
    let between = format!("aggregator={BETWEEN}");
    options.extend(["-E", &between]);
    options.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    let said = tshark(capture, &options);
    said.lines().flat_map(of_line).collect()
}

/// Whether tshark reads a value when it is told which protocol the connection's ports have.
#[must_use]
pub(super) fn is_read_when_told(capture: &Path, key: &Key) -> bool {
    let (kind, _, ends) = key;
    let (layer, protocol) = match kind {
        Kind::Dns => ("udp", "dns"),
        Kind::Quic => ("udp", "quic"),
        Kind::Host | Kind::Url => ("tcp", "http"),
        Kind::Ja3 if ends.protocol == 17 => ("udp", "quic"),
        Kind::Tls | Kind::Ja3 => ("tcp", "tls"),
    };
    ends.ends.iter().any(|(_, port)| {
        let told = format!("{layer}.port=={port},{protocol}");
        readings_as(capture, &["-d", &told])
            .iter()
            .any(|reading| reading.is(key))
    })
}

/// The number of the frame that was captured at a time (RFC 3339).
#[must_use]
pub fn frame_at(capture: &Path, time: String) -> Option<u64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    let (seconds, part) = (time.as_second(), time.subsec_nanosecond());
    let filter = format!("frame.time_epoch == {seconds}.{part:09}");
    tshark(capture, &["-Y", &filter, "-e", "frame.number"])
        .lines()
        .next()?
        .parse()
        .ok()
}

fn tshark(capture: &Path, options: &[&str]) -> String {
    let capture = capture.to_str().expect("a path in UTF-8");
    let words = ["tshark", "-n", "-r", capture, "-T", "fields"];
    // A segment that came late is read as if it had not.
    let order = ["-o", "tcp.reassemble_out_of_order:TRUE"];
    let said = command::output(&[&words[..], &order, options].concat());
    String::from_utf8_lossy(&said.stdout).into_owned()
}

fn of_line(line: &str) -> Vec<Reading> {
    let fields: Vec<Vec<&str>> = line
        .split('\t')
        .map(|field| {
            field
                .split(BETWEEN)
                .filter(|value| !value.is_empty())
                .collect()
        })
        .collect();
    let field = |name: &str| -> &[&str] {
        let at = FIELDS.iter().position(|one| *one == name);
        at.and_then(|at| fields.get(at)).map_or(&[], Vec::as_slice)
    };
    let first = |name: &str| field(name).first().copied().unwrap_or_default();
    let number = |name: &str| first(name).parse::<u64>().unwrap_or_default();
    let protocols: Vec<String> = first("frame.protocols")
        .split(':')
        .map(str::to_owned)
        .collect();
    let at = |name: &str| {
        protocols
            .iter()
            .position(|one| one == name)
            .unwrap_or(usize::MAX)
    };
    let ip = if at("ip") <= at("ipv6") { "ip" } else { "ipv6" };
    let (protocol, layer) = if at("tcp") < at("udp") {
        (6, "tcp")
    } else {
        (17, "udp")
    };
    let end = |side: &str| {
        let address: Option<IpAddr> = first(&format!("{ip}.{side}")).parse().ok();
        let address = address.map_or_else(String::new, |address| address.to_string());
        let port = number(&format!("{layer}.{side}port"));
        (address, u16::try_from(port).unwrap_or_default())
    };
    let ends = Ends::new(protocol, end("src"), end("dst"));
    let mut readings = Vec::new();
    let mut add = |kind: Kind, value: &str, odd: bool| {
        readings.push(Reading {
            kind,
            value: value.to_owned(),
            ends: ends.clone(),
            frame: number("frame.number"),
            protocols: protocols.clone(),
            fragmented: number("ip.fragment.count") + number("ipv6.fragment.count") > 0,
            cut: number("frame.cap_len") < number("frame.len"),
            segments: field("tcp.segment").len(),
            payload: first("tcp.payload").chars().take(24).collect(),
            sequence: number("tcp.seq"),
            odd,
        });
    };
    let over_quic = protocols.iter().any(|one| one == "quic");
    let message = first("udp.payload");
    for name in field("dns.qry.name") {
        let odd = !message.is_empty() && !message.contains(&on_the_wire(name));
        add(Kind::Dns, &name.to_lowercase(), odd);
    }
    for name in field("tls.handshake.extensions_server_name") {
        let kind = if over_quic { Kind::Quic } else { Kind::Tls };
        let name = name.to_lowercase();
        add(kind, name.strip_suffix('.').unwrap_or(&name), false);
    }
    for host in field("http.host") {
        let host = host.to_lowercase();
        let host = host.split(':').next().unwrap_or_default();
        add(Kind::Host, host.strip_suffix('.').unwrap_or(host), false);
    }
    let parts = field("tls.handshake.ja3_full");
    for (at, ja3) in field("tls.handshake.ja3").iter().enumerate() {
        add(
            Kind::Ja3,
            ja3,
            !parts.get(at).is_some_and(|of| is_whole(of)),
        );
    }
    let odd = field("http.request.uri").iter().any(|uri| !is_target(uri))
        || field("http.request.version")
            .iter()
            .any(|version| !is_version(version));
    for url in field("http.request.full_uri") {
        add(Kind::Url, url, odd);
    }
    readings
}

/// A name as messages have it (RFC 1035 §3.1), hexadecimal, when each of its dots stands between two labels.
fn on_the_wire(name: &str) -> String {
    let labels = name.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        [&[length], label.as_bytes()].concat()
    });
    labels.map(|byte| format!("{byte:02x}")).collect()
}

/// Whether what a JA3 is made of has its five parts: tshark gives up in the middle of a hello that
/// contradicts itself, and takes what there is until then.
fn is_whole(parts: &str) -> bool {
    parts.matches(',').count() == 4
}

/// RFC 9112 §3.2: a path, a URL, or `*`.
fn is_target(uri: &str) -> bool {
    uri.starts_with('/') || uri.contains("://") || uri == "*"
}

/// Not so where the target has blanks: tshark takes what stands behind the first of them for it.
fn is_version(text: &str) -> bool {
    let number = |text: &str| text.len() == 1 && text.bytes().all(|digit| digit.is_ascii_digit());
    text.strip_prefix("HTTP/")
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| number(major) && number(minor))
}
