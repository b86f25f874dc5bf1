//! The event: the only thing stored or reported.

use std::net::IpAddr;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Pap, PatternKind, Tlp, Vantage};

/// Version of the event's JSON form.
pub const SCHEMA: u32 = 1;

closed_list! {
    /// One event: a flow, its markers and its provenance. The fields are the closed list of
    /// R. 10-15 CPCE, as DESIGN §5 maps them; a field that is not here does not exist.
    pub struct Event {
        /// Version of this form.
        [Alert] pub schema: u32,
        /// HMAC of pattern, vantage, 5-tuple and the kernel time of what opened it: stable across a crash.
        [Alert] pub id: String,
        /// Revision: 1 when opened; the highest wins.
        [Alert] pub rev: u32,
        /// Open or closed.
        [Communication] pub state: State,
        /// Name of the sensor.
        [Alert] pub sensor: String,
        /// Where the first packet was seen.
        [Routing] pub vantage: Vantage,
        /// Ids of the markers of the pattern that were in force.
        [Alert] pub markers: Vec<String>,
        /// References of the orders in force behind the markers.
        [Alert] pub orders: Vec<String>,
        /// Kind of the pattern.
        [Alert] pub pattern_kind: PatternKind,
        /// Where in the first packet the pattern matched.
        [Alert] pub matched_in: MatchedIn,
        /// Time of the first packet.
        [Communication] pub first_seen: Timestamp,
        /// Time of the last packet.
        [Communication] pub last_seen: Timestamp,
        /// Source of the first packet; blank for readers.
        [Origin] pub src_ip: Option<IpAddr>,
        /// Its port, where the protocol has one and it was read.
        [Origin] pub src_port: Option<u16>,
        /// Destination of the first packet; blank for readers.
        [Routing] pub dst_ip: Option<IpAddr>,
        /// Its port, where the protocol has one and it was read.
        [Routing] pub dst_port: Option<u16>,
        /// IP protocol: its keyword, or its number where it has none here.
        [Routing] pub proto: String,
        /// Packets of both directions (XDP invocations).
        [Communication] pub packets: u64,
        /// Bytes of both directions (IP length).
        [Communication] pub bytes: u64,
        /// Which side is inside the operator's prefixes.
        [Origin] pub subscriber_side: SubscriberSide,
        /// Interface of the first packet.
        [Routing] pub interface: String,
        /// Its VLAN ids, outermost first.
        [Origin] pub vlan: Vec<u16>,
        /// Generation that judged the first packet.
        [Alert] pub generation: u32,
        /// The most restrictive of the markers.
        [Alert] pub tlp: Tlp,
        /// The most restrictive of the markers.
        [Alert] pub pap: Pap,
        /// A canary of the sensor's self-test, not a communication; left out when it is none.
        #[serde(default, skip_serializing_if = "is_false")]
        [Alert] pub test: bool,
    }
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

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
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
    /// Question name of a DNS message.
    Dns,
    /// Server name of a TLS ClientHello.
    TlsSni,
    /// Server name of a ClientHello over QUIC.
    QuicSni,
    /// Host of an HTTP/1.x request.
    HttpHost,
    /// URL of an HTTP/1.x request.
    HttpUrl,
    /// JA3 of a ClientHello.
    Ja3,
    /// JA4 of a ClientHello.
    Ja4,
}

impl MatchedIn {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SrcIp,
        Self::DstIp,
        Self::Dns,
        Self::TlsSni,
        Self::QuicSni,
        Self::HttpHost,
        Self::HttpUrl,
        Self::Ja3,
        Self::Ja4,
    ];

    /// Whether what matched is an address of the packet.
    #[must_use]
    pub const fn is_address(self) -> bool {
        matches!(self, Self::SrcIp | Self::DstIp)
    }
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

/// The month of a time (`YYYY-MM`), in UTC: what ids and aliases are of.
#[must_use]
pub fn month(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event with something in every field.
    pub(crate) fn event() -> Event {
        let time = Timestamp::from_microsecond(1_767_225_600_123_456).expect("a time");
        Event {
            schema: SCHEMA,
            id: "8bcec7a76bc68b98f04ef76e668873d7".into(),
            rev: 3,
            state: State::Closed,
            sensor: "pop1".into(),
            vantage: Vantage(1 << 24 | 100 << 12),
            markers: vec!["c2".into(), "wide".into()],
            orders: vec!["ORD-1".into()],
            pattern_kind: PatternKind::Endpoint,
            matched_in: MatchedIn::DstIp,
            first_seen: time,
            last_seen: time + jiff::Span::new().seconds(61),
            src_ip: Some(IpAddr::from([198, 51, 100, 7])),
            src_port: Some(50_123),
            dst_ip: "2001:db8::5".parse().ok(),
            dst_port: Some(443),
            proto: "tcp".into(),
            packets: 1_000_000,
            bytes: 1_000_000_000,
            subscriber_side: SubscriberSide::Src,
            interface: "transit0".into(),
            vlan: vec![100],
            generation: 7,
            tlp: Tlp::AmberStrict,
            pap: Pap::Amber,
            test: false,
        }
    }
}
