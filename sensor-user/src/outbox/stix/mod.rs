//! A view as STIX 2.1 objects: a sighting for each marker, and what was observed as far as the
//! recipient may know of it. The same view is always the same objects.

mod ids;
mod marking;
mod traffic;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Extent, View};
use crate::model::Tlp;

/// When objects that never change were made: their content may not depend on the day.
const EPOCH: &str = "2026-01-01T00:00:00.000Z";
/// Largest count (STIX 2.1 §5.2, §4.13).
const MOST: u64 = 999_999_999;
/// Names what references outside of STIX are about.
const SOURCE: &str = "marker-sensor";

/// Everything that a recipient needs to take a view in: the sensor's identity, the PAP marking, the
/// observables and what was observed of them, the sightings. An indicator is referred to, never
/// told: its recipient has it, or may not.
///
/// A revision has the ids of the ones before it and a later `modified`, whatever the clock did:
/// `modified` counts revisions in milliseconds from `created`, the time of the first packet.
#[must_use]
pub fn objects(view: &View) -> Vec<Value> {
    let event = &view.event;
    let sensor = identity(&event.sensor);
    let author = sensor["id"].as_str().unwrap_or_default().to_owned();
    let pap = marking::pap(event.pap, &author);
    let markings = vec![json!(marking::tlp(event.tlp)), pap["id"].clone()];
    let common = common(view, &author, &markings);
    let observables = match view.extent {
        Extent::Event => traffic::observables(event, &markings),
        Extent::Alert => Vec::new(),
    };
    let (first, last) = (event.first_seen, event.last_seen.max(event.first_seen));
    let (first, last) = (json!(first.to_string()), json!(last.to_string()));

    let mut objects = vec![sensor, pap];
    let mut observed = None;
    if !observables.is_empty() {
        let id = ids::object("observed-data", &[&event.id]);
        let refs: Vec<_> = observables.iter().map(|object| &object["id"]).collect();
        let own = json!({
            "type": "observed-data",
            "id": id,
            "first_observed": first,
            "last_observed": last,
            "number_observed": event.packets.clamp(1, MOST),
            "object_refs": refs,
            "external_references": references(view, None),
        });
        let object = with(&common, own);
        objects.extend(observables);
        objects.push(object);
        observed = Some(id);
    }
    for marker in &event.markers {
        let mut own = json!({
            "type": "sighting",
            "id": ids::object("sighting", &[&event.id, marker]),
            "sighting_of_ref": ids::indicator(marker),
            "where_sighted_refs": [author],
            "first_seen": first,
            "last_seen": last,
            "count": event.packets.min(MOST),
            "summary": false,
            "external_references": references(view, Some(marker)),
        });
        if let Some(observed) = &observed {
            own["observed_data_refs"] = json!([observed]);
        }
        objects.push(with(&common, own));
    }
    objects
}

/// The sensor: a system at a point of presence.
fn identity(name: &str) -> Value {
    let id = ids::object("identity", &[name]);
    json!({
        "type": "identity",
        "spec_version": "2.1",
        "id": id,
        "created": EPOCH,
        "modified": EPOCH,
        "created_by_ref": id,
        "name": name,
        "identity_class": "system",
        "object_marking_refs": [marking::tlp(Tlp::AmberStrict)],
    })
}

/// What sightings and observed data have in common.
fn common(view: &View, author: &str, markings: &[Value]) -> Map<String, Value> {
    let event = &view.event;
    let created = event.first_seen.as_millisecond();
    let stamp = |milliseconds: i64| {
        let time = Timestamp::from_millisecond(milliseconds).unwrap_or(event.first_seen);
        json!(format!("{time:.3}"))
    };
    let mut common = Map::from_iter([
        ("spec_version".into(), json!("2.1")),
        ("created_by_ref".into(), json!(author)),
        ("created".into(), stamp(created)),
        (
            "modified".into(),
            stamp(created.saturating_add(i64::from(event.rev.saturating_sub(1)))),
        ),
        ("object_marking_refs".into(), json!(markings)),
    ]);
    if view.fields().get("test") == Some(&Value::Bool(true)) {
        common.insert("labels".into(), json!(["test"]));
    }
    common
}

/// Revision, orders and marker, by which the recipient finds the event in other places.
fn references(view: &View, marker: Option<&str>) -> Value {
    let reference =
        |of: &str, id: &str| json!({ "source_name": format!("{SOURCE}-{of}"), "external_id": id });
    let orders = view
        .event
        .orders
        .iter()
        .map(|order| reference("order", order));
    let marker = marker.map(|marker| reference("marker", marker));
    let all = [reference("event", &view.key())].into_iter();
    Value::Array(all.chain(orders).chain(marker).collect())
}

fn with(common: &Map<String, Value>, own: Value) -> Value {
    let mut object = common.clone();
    if let Value::Object(own) = own {
        object.extend(own);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests;
