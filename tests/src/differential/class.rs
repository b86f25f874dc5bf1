//! Why tshark reads what the sensor does not.

use std::fmt;

use super::{Kind, Reading};

/// Protocols that carry packets in packets.
const CARRIERS: [&str; 15] = [
    "openvpn", "vxlan", "geneve", "gre", "gtp", "l2tp", "teredo", "capwap", "ppp", "udpencap",
    "socks", "ayiya", "etherip", "lwapp", "erspan",
];

/// A class of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// No marker can be written for the value.
    NoMarker,
    /// Quoted in ICMP.
    Quoted,
    /// Within another packet.
    Encapsulated,
    /// In a packet that came in IP fragments.
    Fragmented,
    /// DNS on another port.
    OtherPort,
    /// The capture has not the whole frame.
    Cut,
    /// A hello that does not begin a segment.
    MidStream,
    /// Neither TCP nor UDP, or HTTP over UDP.
    OtherTransport,
    /// Within TLS or QUIC, to which tshark was given the keys with the capture.
    Decrypted,
    /// On a port where tshark looks for another protocol: told to look for this one, it reads the same.
    OtherProtocol,
    /// tshark writes what is not there: a JA3 of a hello that contradicts itself, a URL of a request whose
    /// target has blanks or is neither path nor URL, a dot within a label as if it stood between two.
    Odd,
    /// A name that was asked for with an asterisk: as a marker it covers those below the rest.
    Wildcard,
    /// HTTP/2, of which only Suricata tells the host.
    Http2,
    /// Google's own QUIC, without a TLS hello: of it only Suricata tells the name here.
    QuicOfGoogle,
}

impl Class {
    /// The class of what tshark reads in these frames, when it is that of every one of them.
    #[must_use]
    pub(super) fn of(readings: &[&Reading]) -> Option<Self> {
        let mut classes = readings.iter().map(|reading| Self::of_one(reading));
        let first = classes.next()??;
        classes.all(|class| class.is_some()).then_some(first)
    }

    fn of_one(reading: &Reading) -> Option<Self> {
        let has = |name: &str| reading.protocols.iter().any(|one| one == name);
        let layers = reading
            .protocols
            .iter()
            .filter(|one| *one == "ip" || *one == "ipv6");
        let port = |wanted: u16| reading.ends.ends.iter().any(|(_, port)| *port == wanted);
        Some(match reading {
            _ if has("icmp") || has("icmpv6") => Self::Quoted,
            _ if layers.count() > 1 || CARRIERS.iter().any(|name| has(name)) => Self::Encapsulated,
            Reading {
                fragmented: true, ..
            } => Self::Fragmented,
            Reading { odd: true, .. } => Self::Odd,
            _ if !has("tcp") && !has("udp") => Self::OtherTransport,
            Reading {
                kind: Kind::Host | Kind::Url | Kind::Dns,
                ..
            } if has("tls") || has("quic") => Self::Decrypted,
            Reading {
                kind: Kind::Host | Kind::Url,
                ..
            } if !has("tcp") => Self::OtherTransport,
            Reading {
                kind: Kind::Dns, ..
            } if !port(53) => Self::OtherPort,
            Reading { cut: true, .. } => Self::Cut,
            Reading {
                kind: Kind::Tls | Kind::Ja3,
                segments: 0,
                payload,
                ..
            } if has("tcp") && !payload.starts_with("1603") => Self::MidStream,
            _ => return None,
        })
    }

    /// The word for it in the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoMarker => "no marker can be written",
            Self::Quoted => "quoted in ICMP",
            Self::Encapsulated => "encapsulated",
            Self::Fragmented => "IP-fragmented",
            Self::OtherPort => "DNS on another port",
            Self::Cut => "cut when captured",
            Self::MidStream => "hello in mid-stream",
            Self::Decrypted => "decrypted with keys in the capture",
            Self::OtherProtocol => "on a port where tshark looks for another protocol",
            Self::Odd => "not there as tshark writes it",
            Self::Wildcard => "covered by a name with an asterisk",
            Self::Http2 => "HTTP/2",
            Self::QuicOfGoogle => "QUIC before TLS",
            Self::OtherTransport => "neither TCP nor UDP",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
