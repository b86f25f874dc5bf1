//! An event as a line of Suricata's EVE JSON. `docs/siem.md` has the table of the fields.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{crypto::sha256, model::Event, outbox::View};

/// Generator of the signatures: one that no rule set has, so that its numbers never collide with
/// those of a Suricata beside the sensor. L. 33-14.
const GENERATOR: u32 = 33_014;

/// Suricata's flow ids have 51 bits: more are lost where numbers are floating-point.
const FLOW_ID: u64 = (1 << 51) - 1;

/// The line, line feed included.
pub(super) fn line(view: &View) -> String {
    let mut line = Value::Object(fields(view)).to_string();
    line.push('\n');
    line
}

/// Fields that an event has and a line of Suricata's does not stand under `alert.context`, by their
/// own names. What the view leaves out or blank is not there at all.
pub(super) fn fields(view: &View) -> Map<String, Value> {
    let event = &view.event;
    let mut context = view.fields();
    context.retain(|_, value| !is_blank(value));
    let first_seen = time(event.first_seen);
    let mut line = Map::new();
    line.insert("timestamp".into(), json!(first_seen));
    line.insert("flow_id".into(), json!(number(&event.id) & FLOW_ID));
    line.insert("event_type".into(), json!("alert"));
    for (name, ours) in [
        ("in_iface", "interface"),
        ("vlan", "vlan"),
        ("src_ip", "src_ip"),
        ("src_port", "src_port"),
        ("dest_ip", "dst_ip"),
        ("dest_port", "dst_port"),
        ("proto", "proto"),
        ("host", "sensor"),
    ] {
        if let Some(value) = context.remove(ours) {
            line.insert(name.into(), value);
        }
    }
    if let Some(proto) = line.get_mut("proto") {
        *proto = json!(protocol(&event.proto));
    }
    line.insert("flow".into(), json!({ "start": first_seen }));
    for told in ["first_seen", "markers", "orders", "tlp", "pap"] {
        context.remove(told);
    }
    line.insert("alert".into(), alert(event, context));
    line
}

fn alert(event: &Event, context: Map<String, Value>) -> Value {
    let markers = event.markers.join(", ");
    let mut metadata = json!({
        "marker": event.markers,
        "tlp": [event.tlp],
        "pap": [event.pap],
    });
    if !event.orders.is_empty() {
        metadata["order"] = json!(event.orders);
    }
    json!({
        "action": "allowed",
        "gid": GENERATOR,
        "signature_id": number(&markers) & 0x7fff_ffff,
        "rev": 1,
        "signature": format!("marker-sensor: {markers}"),
        "category": "Technical marker of an attack",
        "severity": if event.orders.is_empty() { 2 } else { 1 },
        "metadata": metadata,
        "context": context,
    })
}

/// A number that stays the same: the first 64 bits of a digest.
fn number(text: &str) -> u64 {
    let digest = sha256(&[text.as_bytes()]);
    digest[..8]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// As Suricata writes times: microseconds, and an offset without a colon.
fn time(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    time.strftime("%Y-%m-%dT%H:%M:%S%.6f%z").to_string()
}

/// As Suricata writes protocols: names in capitals but one, numbers with three digits.
fn protocol(name: &str) -> String {
    match (name, name.parse::<u8>()) {
        ("ipv6-icmp", _) => "IPv6-ICMP".into(),
        (_, Ok(number)) => format!("{number:03}"),
        _ => name.to_ascii_uppercase(),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The id of the event that a line tells of; none of a line that tells of none.
pub(super) fn id(line: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        alert: Alert<'a>,
    }
    #[derive(Deserialize)]
    struct Alert<'a> {
        #[serde(borrow)]
        context: Context<'a>,
    }
    #[derive(Deserialize)]
    struct Context<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let line: Line = serde_json::from_slice(line).ok()?;
    Some(line.alert.context.id)
}

/// A line of `length` bytes that tells nothing, to be written over one that must be forgotten:
/// readers go on at the next one.
pub(super) fn forgotten(length: usize) -> String {
    format!("{:<length$}", r#"{"event_type":"forgotten"}"#)
}
