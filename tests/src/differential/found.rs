//! What a replay found.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Ends, Key, Kind};
use crate::offline::Replayed;

/// Values of its events with the time of the first packet; the marker `mN` is that of the Nth value.
///
/// # Panics
/// When an event is not as the schema says.
pub(super) fn found(replayed: &Replayed, values: &[String]) -> BTreeMap<Key, String> {
    let mut found = BTreeMap::new();
    for event in &replayed.events {
        let word = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let number = |field: &str| event[field].as_u64().unwrap_or_default();
        let end = |ip: &str, port: &str| {
            let port = u16::try_from(number(port)).expect("a port");
            (word(ip), port)
        };
        let protocol = match word("proto").as_str() {
            "tcp" => 6,
            "udp" => 17,
            other => panic!("no name in {other}"),
        };
        let ends = Ends::new(
            protocol,
            end("src_ip", "src_port"),
            end("dst_ip", "dst_port"),
        );
        let kind = Kind::of_place(&word("matched_in")).expect("a place of names");
        for marker in event["markers"].as_array().expect("a list") {
            let number = marker.as_str().and_then(|id| id.strip_prefix('m'));
            let number: Option<usize> = number.and_then(|number| number.parse().ok());
            let value: Value = number.map_or(Value::Null, |at| values[at].clone().into());
            let value = value.as_str().unwrap_or("nothing").to_owned();
            found
                .entry((kind, value, ends.clone()))
                .or_insert_with(|| word("first_seen"));
        }
    }
    found
}
