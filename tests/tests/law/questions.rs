//! L. 33-14 ¶1 allows detection only: there is nothing to ask for whom an address belongs to, or what else
//! it did.

use std::collections::BTreeSet;

use sensor_user::control::routes::{DESCRIPTION, ROUTES};
use serde_json::Value;

/// What a query may hold, a path, and a document.
const QUERY: [&str; 13] = [
    "limit",
    "after",
    "quarantined",
    "format",
    "false_positive",
    "state",
    "day",
    "marker",
    "from",
    "size",
    "index",
    "request",
    "type",
];
const PATH: [&str; 6] = [
    "/v1/markers/{id}",
    "/v1/orders/{reference}",
    "/v1/requests/{reference}",
    "/v1/events/{id}",
    "/v1/sinks/{name}",
    "/v1/interfaces/{name}",
];
const DOCUMENT: [&str; 9] = [
    "date",
    "digest",
    "reference",
    "envelope",
    "reason",
    "outcome",
    "event",
    "proof",
    "false_positive",
];
/// Bodies that are no document of named parts: markers, ids of markers, orders, signed envelopes.
const FILES: [&str; 7] = [
    "put /v1/markers",
    "post /v1/markers",
    "post /v1/markers/remove",
    "post /v1/markers/release",
    "post /v1/envelopes",
    "post /v1/orders",
    "post /v1/requests",
];

/// Names of every part that a document may have, however deep.
fn parts(schema: &Value, all: &Value, into: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let place = name.trim_start_matches('#');
        parts(all.pointer(place).expect("it is described"), all, into);
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        into.insert(name.clone());
        parts(part, all, into);
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            parts(one, all, into);
        }
    }
    if schema["items"].is_object() {
        parts(&schema["items"], all, into);
    }
}

#[test]
fn nobody_can_ask_for_a_subscriber() {
    for route in &ROUTES {
        for key in route.query {
            assert!(QUERY.contains(key), "{} takes {key}", route.path);
        }
        if let Some((_, rest)) = route.path.split_once('{') {
            let own = PATH.iter().any(|path| route.path.starts_with(path));
            assert!(own && !rest.contains('{'), "{}", route.path);
        }
    }
    // A test of the agent's own holds the description against the server.
    let all: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
    let (mut bodies, mut files) = (0, 0);
    for (path, methods) in all["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let content = operation["requestBody"]["content"].as_object();
            for (media, body) in content.into_iter().flatten() {
                bodies += 1;
                if media != "application/json" {
                    files += 1;
                    let one = format!("{method} {path}");
                    assert!(FILES.contains(&&*one), "{one} takes {media}");
                    continue;
                }
                let mut names = BTreeSet::new();
                parts(&body["schema"], &all, &mut names);
                assert!(!names.is_empty(), "{path} does not say what it takes");
                let other = names.iter().find(|name| !DOCUMENT.contains(&&***name));
                assert_eq!(other, None, "{method} {path}");
            }
        }
    }
    assert_eq!((bodies > files, files), (true, FILES.len()));
}
