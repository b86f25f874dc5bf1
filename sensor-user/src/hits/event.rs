//! From an open flow to the event that is stored.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use jiff::Timestamp;
use sensor_common::{
    Address, FlowKey, MATCHED_DNS, MATCHED_DST_IP, MATCHED_HTTP_HOST, MATCHED_HTTP_URL,
    MATCHED_JA3, MATCHED_JA4, MATCHED_QUIC_SNI, MATCHED_SRC_IP, MATCHED_TLS_SNI,
};

use crate::{
    crypto::hmac_sha256,
    model::{
        Event, EventRow, MarkerHandling, MatchedIn, Pap, PatternId, PatternKind, State,
        SubscriberSide, Tlp, Vantage,
        event::{SCHEMA, proto_name},
    },
};

/// HMAC keys by month (`YYYY-MM` of the first packet). A month's key is destroyed with its events:
/// the ids mean nothing afterwards.
pub type MonthKeys = HashMap<String, [u8; 32]>;

/// What every event of a sensor shares.
#[derive(Clone, Debug, Default)]
pub struct EventContext {
    /// Name of the sensor.
    pub sensor: String,
    /// Pattern of the self-test.
    pub canary: Option<PatternId>,
}

/// What is known of an open event.
#[derive(Clone, Debug)]
pub(super) struct OpenEvent {
    pub seq: i64,
    pub id: String,
    pub rev: u32,
    pub key: FlowKey,
    pub kind: PatternKind,
    pub matched_in: MatchedIn,
    pub side: SubscriberSide,
    pub markers: Vec<String>,
    pub handling: Vec<MarkerHandling>,
    pub orders: Vec<String>,
    pub tlp: Tlp,
    pub pap: Pap,
    pub interface: String,
    pub generation: u32,
    /// Times of the first and last packet, converted once: a second conversion may differ.
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// The same in kernel time, nanoseconds.
    pub first: u64,
    pub last: u64,
    pub packets: u64,
    pub bytes: u64,
    pub test: bool,
    /// When the first of its grounds ends: what is seen from then on is another event.
    pub until: Option<Timestamp>,
}

impl OpenEvent {
    pub(super) fn to_row(&self, context: &EventContext, state: State) -> EventRow {
        EventRow {
            seq: self.seq,
            event: self.to_event(context, state),
            handling: self.handling.clone(),
            pattern: PatternId(self.key.pattern),
            tunnel: self.key.tunnel,
        }
    }

    /// Takes markers out, and their handling.
    pub(super) fn strike(&mut self, markers: &HashSet<String>) {
        let pairs = self.markers.drain(..).zip(self.handling.drain(..));
        (self.markers, self.handling) = pairs.filter(|(id, _)| !markers.contains(id)).unzip();
    }

    fn to_event(&self, context: &EventContext, state: State) -> Event {
        let vantage = Vantage(self.key.vantage);
        let port = |port: u16| (port != 0).then_some(port);
        Event {
            schema: SCHEMA,
            id: self.id.clone(),
            rev: self.rev,
            state,
            sensor: context.sensor.clone(),
            vantage,
            markers: self.markers.clone(),
            orders: self.orders.clone(),
            pattern_kind: self.kind,
            matched_in: self.matched_in,
            first_seen: microseconds(self.first_seen),
            last_seen: microseconds(self.last_seen),
            src_ip: Some(ip(&self.key, &self.key.src)),
            src_port: port(self.key.src_port),
            dst_ip: Some(ip(&self.key, &self.key.dst)),
            dst_port: port(self.key.dst_port),
            proto: proto_name(self.key.proto),
            packets: self.packets,
            bytes: self.bytes,
            subscriber_side: self.side,
            interface: self.interface.clone(),
            vlan: vantage.vlans(),
            generation: self.generation,
            tlp: self.tlp,
            pap: self.pap,
            test: self.test,
        }
    }
}

/// Events tell microseconds: what subscribers behind a shared address are told apart by.
fn microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// The id of an event: the first 16 bytes of the HMAC of pattern, vantage, 5-tuple, tunnel and
/// the kernel time of what opened it, hexadecimal.
pub(super) fn event_id(key: &[u8; 32], flow: &FlowKey, opened: u64) -> String {
    let words = |address: &Address| address.map(u32::to_ne_bytes).concat();
    let digest = hmac_sha256(
        key,
        &[
            &flow.pattern.to_be_bytes(),
            &flow.vantage.to_be_bytes(),
            &flow.tunnel.to_be_bytes(),
            &words(&flow.src),
            &words(&flow.dst),
            &flow.src_port.to_be_bytes(),
            &flow.dst_port.to_be_bytes(),
            &[flow.proto, flow.family],
            &opened.to_be_bytes(),
        ],
    );
    crate::crypto::hex(&digest[..16])
}

/// Where a pattern matched, by its number in records and flows.
const PLACES: [(u8, MatchedIn); 9] = [
    (MATCHED_SRC_IP, MatchedIn::SrcIp),
    (MATCHED_DST_IP, MatchedIn::DstIp),
    (MATCHED_DNS, MatchedIn::Dns),
    (MATCHED_TLS_SNI, MatchedIn::TlsSni),
    (MATCHED_QUIC_SNI, MatchedIn::QuicSni),
    (MATCHED_HTTP_HOST, MatchedIn::HttpHost),
    (MATCHED_HTTP_URL, MatchedIn::HttpUrl),
    (MATCHED_JA3, MatchedIn::Ja3),
    (MATCHED_JA4, MatchedIn::Ja4),
];

/// Where a pattern matched; `None` for a number that no program of this version writes.
#[must_use]
pub fn matched_in(number: u8) -> Option<MatchedIn> {
    let place = PLACES.iter().find(|(known, _)| *known == number);
    place.map(|(_, place)| *place)
}

/// The number of a place.
///
/// # Panics
/// Never: every place has one.
#[must_use]
pub fn number_of(place: MatchedIn) -> u8 {
    let number = PLACES.iter().find(|(_, known)| *known == place);
    number.expect("every place has a number").0
}

/// An address of a flow.
pub(super) fn ip(flow: &FlowKey, address: &Address) -> IpAddr {
    let octets = address.map(u32::to_ne_bytes);
    if flow.family == 4 {
        return IpAddr::from(octets[3]);
    }
    let mut bytes = [0; 16];
    for (to, from) in bytes.chunks_exact_mut(4).zip(octets) {
        to.copy_from_slice(&from);
    }
    IpAddr::from(bytes)
}

/// An address as a flow holds it.
pub(super) fn address(ip: IpAddr) -> (u8, Address) {
    match ip {
        IpAddr::V4(v4) => (4, [0, 0, 0, u32::from_ne_bytes(v4.octets())]),
        IpAddr::V6(v6) => {
            let octets = v6.octets();
            let word = |at: usize| {
                u32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
            };
            (6, [word(0), word(4), word(8), word(12)])
        }
    }
}
