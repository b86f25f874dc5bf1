//! Who talks to whom: documentation prefixes only (RFC 5737, RFC 3849) beside private addresses.

/// Prefixes of the subscribers, as the sensor is told.
pub const SUBSCRIBERS: [&str; 2] = ["10.20.0.0/24", "2001:db8:20::/64"];

/// Port of the TCP server that the endpoint markers name.
pub const TCP_MARKED: u16 = 8443;
/// Port of a TCP server on the same addresses that no marker names.
pub const TCP_OTHER: u16 = 8080;
/// Port of the UDP servers.
pub const UDP: u16 = 6881;

/// One exchange between the subscriber and the internet.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Id and pattern of the marker that it hits; `None` where it must leave no trace.
    pub marker: Option<(&'static str, &'static str)>,
    /// The peer's address.
    pub peer: &'static str,
    /// What is sent.
    pub traffic: Traffic,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Three echo requests.
    Ping,
    /// Three datagrams, each answered.
    Udp,
    /// A download of [`super::traffic::DOWNLOAD`] bytes from this port.
    Tcp(u16),
}

const fn marked(
    id: &'static str,
    pattern: &'static str,
    peer: &'static str,
    to: Traffic,
) -> Exchange {
    Exchange {
        marker: Some((id, pattern)),
        peer,
        traffic: to,
    }
}

const fn unmarked(peer: &'static str, traffic: Traffic) -> Exchange {
    Exchange {
        marker: None,
        peer,
        traffic,
    }
}

/// Everything that is sent while markers are in force. Each unmarked peer is a near miss of the
/// marked one above it: the next address, the first outside the prefix, the same host's other port.
pub const EXCHANGES: [Exchange; 12] = [
    marked("c2-v4", "ip 203.0.113.5", "203.0.113.5", Traffic::Ping),
    unmarked("203.0.113.6", Traffic::Ping),
    marked(
        "c2-v6",
        "ip 2001:db8:c2::5",
        "2001:db8:c2::5",
        Traffic::Ping,
    ),
    unmarked("2001:db8:c2::6", Traffic::Ping),
    marked(
        "botnet-v4",
        "cidr 198.51.100.0/28",
        "198.51.100.15",
        Traffic::Udp,
    ),
    unmarked("198.51.100.16", Traffic::Udp),
    marked(
        "botnet-v6",
        "cidr 2001:db8:b0::/48",
        "2001:db8:b0::7",
        Traffic::Udp,
    ),
    unmarked("2001:db8:b1::7", Traffic::Udp),
    marked(
        "exfil-v4",
        "endpoint 203.0.113.80 tcp 8443",
        "203.0.113.80",
        Traffic::Tcp(TCP_MARKED),
    ),
    unmarked("203.0.113.80", Traffic::Tcp(TCP_OTHER)),
    marked(
        "exfil-v6",
        "endpoint 2001:db8:80::80 tcp 8443",
        "2001:db8:80::80",
        Traffic::Tcp(TCP_MARKED),
    ),
    unmarked("2001:db8:80::80", Traffic::Tcp(TCP_OTHER)),
];

/// The marker file.
pub fn marker_file() -> String {
    EXCHANGES
        .iter()
        .filter_map(|exchange| exchange.marker)
        .map(|(id, pattern)| format!("{pattern:<34} id={id}\n"))
        .collect()
}
