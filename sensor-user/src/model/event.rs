//! The event: the only thing stored or reported.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Pap, PatternKind, Tlp, Vantage};

/// Version of the event's JSON form.
pub const SCHEMA: u32 = 1;

/// One event: a flow, its markers and its provenance. The fields are the closed list of
/// R. 10-15 CPCE, as DESIGN §5 maps them; a field that is not here does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// [`SCHEMA`].
    pub schema: u32,
    /// HMAC of pattern, vantage, 5-tuple and first kernel time: stable across a crash.
    pub id: String,
    /// Revision: 1 when opened; the highest wins.
    pub rev: u32,
    /// Open or closed.
    pub state: State,
    /// Name of the sensor.
    pub sensor: String,
    /// Where the first packet was seen.
    pub vantage: Vantage,
    /// Ids of the markers of the pattern that were in force.
    pub markers: Vec<String>,
    /// References of the orders in force behind the markers.
    pub orders: Vec<String>,
    /// Kind of the pattern.
    pub pattern_kind: PatternKind,
    /// Where in the first packet the pattern matched.
    pub matched_in: MatchedIn,
    /// Time of the first packet.
    pub first_seen: Timestamp,
    /// Time of the last packet.
    pub last_seen: Timestamp,
    /// Source of the first packet; blank for readers.
    pub src_ip: Option<IpAddr>,
    /// Its port, where the protocol has one and it was read.
    pub src_port: Option<u16>,
    /// Destination of the first packet; blank for readers.
    pub dst_ip: Option<IpAddr>,
    /// Its port, where the protocol has one and it was read.
    pub dst_port: Option<u16>,
    /// IP protocol: its keyword, or its number where it has none here.
    pub proto: String,
    /// Packets of both directions (XDP invocations).
    pub packets: u64,
    /// Bytes of both directions (IP length).
    pub bytes: u64,
    /// Which side is inside the operator's prefixes.
    pub subscriber_side: SubscriberSide,
    /// Interface of the first packet.
    pub interface: String,
    /// Its VLAN ids, outermost first.
    pub vlan: Vec<u16>,
    /// Generation that judged the first packet.
    pub generation: u32,
    /// The most restrictive of the markers.
    pub tlp: Tlp,
    /// The most restrictive of the markers.
    pub pap: Pap,
}

impl Event {
    /// Digits of an id that lists show, and that are enough to ask for the event.
    pub const SHORT_ID: usize = 8;

    /// The event as a reader sees it: no address, no port.
    #[must_use]
    pub fn without_addresses(mut self) -> Self {
        (self.src_ip, self.dst_ip) = (None, None);
        (self.src_port, self.dst_port) = (None, None);
        self
    }
}

/// Whether more packets may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Packets may still be added.
    Open,
    /// Final.
    Closed,
}

/// Where in a packet a pattern matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedIn {
    /// Source address (and port).
    SrcIp,
    /// Destination address (and port).
    DstIp,
}

/// The side of a flow inside the operator's configured prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriberSide {
    /// The source of the first packet.
    Src,
    /// The destination of the first packet.
    Dst,
    /// Both.
    Both,
    /// No prefixes are configured (replay).
    Unknown,
}

/// Protocols that have a keyword here (IANA, Assigned Internet Protocol Numbers).
const PROTOCOLS: [(u8, &str); 8] = [
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (47, "gre"),
    (50, "esp"),
    (58, "ipv6-icmp"),
    (132, "sctp"),
];

/// The keyword of an IP protocol, or its number.
#[must_use]
pub fn proto_name(number: u8) -> String {
    PROTOCOLS
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| number.to_string(), |(_, name)| (*name).into())
}

/// The number of an IP protocol by its keyword or number; 255 (reserved) for anything else.
#[must_use]
pub fn proto_number(name: &str) -> u8 {
    PROTOCOLS
        .iter()
        .find(|(_, known)| *known == name)
        .map_or_else(|| name.parse().unwrap_or(255), |(number, _)| *number)
}
