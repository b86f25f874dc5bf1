//! Versions of indicators against what is held: the newest counts, however it comes.

use sensor_tests::{
    daemon::{Client, Home, Interface, Sensord, Settings},
    issuer::Issuer,
    need,
    netns::Wire,
};
use serde_json::{Value, json};

/// An indicator that was modified on a day of January 2027.
fn indicator(number: u32, day: u32, pattern: &str) -> Value {
    json!({
        "type": "indicator", "spec_version": "2.1", "id": id(number),
        "created": "2027-01-01T00:00:00Z", "modified": format!("2027-01-{day:02}T00:00:00Z"),
        "pattern": pattern, "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z",
    })
}

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

fn bundle(objects: &[Value]) -> String {
    json!({"type": "bundle", "id": "bundle--x", "objects": objects}).to_string()
}

const ADDRESS: &str = "[ipv4-addr:value = '203.0.113.5']";
const OTHER: &str = "[ipv4-addr:value = '203.0.113.6']";
const THIRD: &str = "[ipv4-addr:value = '203.0.113.7']";
const SERVICE: &str =
    "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]";
const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
const RED: &str = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";

fn add(client: &Client, objects: &[Value]) -> Value {
    let answer = client.post("/v1/markers?format=stix", &bundle(objects));
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

/// Ids and patterns of all markers.
fn held(client: &Client) -> Vec<(String, String)> {
    let answer = client.get("/v1/markers?limit=100").expect("an answer");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let rows = answer.body["rows"].as_array().expect("rows").clone();
    rows.iter()
        .map(|row| (text(&row["id"]), text(&row["pattern"])))
        .collect()
}

fn pairs(expected: &[(String, &str)]) -> Vec<(String, String)> {
    let pair = |(id, pattern): &(String, &str)| (id.clone(), (*pattern).to_owned());
    expected.iter().map(pair).collect()
}

fn settings() -> Settings {
    Settings::on(vec![Interface::new(Wire::IN, &["10.1.0.0/16"])])
}

#[test]
fn what_is_added_takes_the_place_of_older_versions_only() {
    if !need::root() {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    add(&client, &[indicator(1, 5, SERVICE), indicator(2, 5, OTHER)]);
    let all = [
        (id(1), "endpoint 203.0.113.5 tcp 443"),
        (format!("{}.2", id(1)), "endpoint 203.0.113.5 udp 443"),
        (id(2), "ip 203.0.113.6"),
    ];
    assert_eq!(held(&client), pairs(&all));

    // An older version changes nothing, be it another pattern or a revocation.
    let revoked = |number, day| with(indicator(number, day, ADDRESS), "revoked", json!(true));
    let done = add(&client, &[indicator(1, 4, ADDRESS), revoked(2, 4)]);
    assert_eq!((&done["stale"], &done["removed"]), (&json!(2), &json!(0)));
    assert_eq!(held(&client), pairs(&all));
    // Nor does it when the file is to be the whole set.
    let file = bundle(&[indicator(1, 4, ADDRESS), indicator(2, 5, OTHER)]);
    let answer = client.request("PUT", "/v1/markers?format=stix", file.as_bytes());
    assert_eq!(answer.expect("an answer").body["stale"], 1);
    assert_eq!(held(&client), pairs(&all));

    // A newer version goes with all that was made of the former.
    let done = add(&client, &[indicator(1, 6, ADDRESS)]);
    assert_eq!((&done["stale"], &done["removed"]), (&json!(0), &json!(2)));
    let all = [(id(1), "ip 203.0.113.5"), (id(2), "ip 203.0.113.6")];
    assert_eq!(held(&client), pairs(&all));
    // The same version in two markings: the stricter one.
    let marked = |day, marking| {
        with(
            indicator(1, day, ADDRESS),
            "object_marking_refs",
            json!([marking]),
        )
    };
    let tlp = || {
        let row = client.get(&format!("/v1/markers/{}", id(1)));
        row.expect("an answer").body["tlp"].clone()
    };
    add(&client, &[marked(7, RED)]);
    add(&client, &[marked(7, GREEN)]);
    assert_eq!(tlp(), "RED");
    add(&client, &[marked(8, GREEN)]);
    assert_eq!(tlp(), "GREEN");

    // What is revoked goes, even when nothing else comes; so does what can no longer be read.
    let done = add(&client, &[revoked(2, 5)]);
    assert_eq!(
        (&done["removed"], &done["refused_codes"]),
        (&json!(1), &json!({"revoked": 1}))
    );
    assert_eq!(held(&client), pairs(&all[..1]));
    let unread = with(indicator(1, 9, "alert tcp"), "pattern_type", json!("snort"));
    add(&client, &[unread, indicator(3, 1, THIRD)]);
    assert_eq!(held(&client), pairs(&[(id(3), "ip 203.0.113.7")]));
    assert!(daemon.stop().success());
    // Versions outlive the agent.
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    let older = with(
        indicator(3, 1, OTHER),
        "modified",
        json!("2026-12-01T00:00:00Z"),
    );
    assert_eq!(add(&client, &[older])["stale"], 1);
    assert_eq!(held(&client), pairs(&[(id(3), "ip 203.0.113.7")]));
    assert!(daemon.stop().success());
}

#[test]
fn a_deleted_attribute_of_misp_takes_out_what_is_held() {
    if !need::root() {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    let uuid = |number: u32| format!("5f1e3c2a-0d4b-4c57-9d0e-{number:012}");
    let attribute = |number: u32, time: u32, more: Value| {
        let mut one = json!({"uuid": uuid(number), "type": "ip-dst|port", "to_ids": true,
            "value": format!("203.0.113.{number}|443"), "timestamp": time.to_string()});
        for (key, value) in more.as_object().expect("an object") {
            one[key] = value.clone();
        }
        one
    };
    let add = |attributes: &[Value]| {
        let document = json!({"response": {"Attribute": attributes}}).to_string();
        let answer = client.post("/v1/markers?format=misp", &document);
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body
    };
    add(&[
        attribute(1, 200, json!({})),
        attribute(2, 200, json!({})),
        attribute(3, 200, json!({})),
    ]);
    assert_eq!(held(&client).len(), 6);
    let done = add(&[
        attribute(1, 300, json!({"deleted": true})),
        attribute(2, 100, json!({"deleted": true})),
        attribute(3, 300, json!({"to_ids": false})),
    ]);
    assert_eq!((&done["removed"], &done["stale"]), (&json!(4), &json!(1)));
    let left = [
        (uuid(2), "endpoint 203.0.113.2 tcp 443"),
        (format!("{}.2", uuid(2)), "endpoint 203.0.113.2 udp 443"),
    ];
    assert_eq!(held(&client), pairs(&left));
    assert!(daemon.stop().success());
}

#[test]
fn an_operators_file_leaves_orders_alone_and_the_authoritys_envelope_does_not() {
    if !need::root() {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let authority = Issuer::new("authority.example");
    let mut settings = settings();
    settings.more = authority.pin();
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let manifest =
        json!({"reference": "2027-1", "issuer": "ANSSI", "duration": "P1D", "format": "stix"});
    let order = format!("{manifest}\n{}", bundle(&[indicator(1, 5, ADDRESS)]));
    assert_eq!(
        client.post("/v1/orders", &order).expect("an answer").status,
        200
    );
    let revoked = with(indicator(1, 6, ADDRESS), "revoked", json!(true));
    add(&client, &[indicator(2, 5, OTHER), revoked.clone()]);
    assert_eq!(held(&client).len(), 2);
    let signed = authority.envelope(
        1,
        bundle(&[revoked]).as_bytes(),
        &["--format", "stix", "--add"],
    );
    let answer = client
        .request("POST", "/v1/envelopes", &signed)
        .expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(held(&client), pairs(&[(id(2), "ip 203.0.113.6")]));
    assert!(daemon.stop().success());
}

#[test]
fn a_file_without_a_marker_does_not_empty_the_set() {
    if !need::root() {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    let load = |format: &str, file: &str| {
        let path = format!("/v1/markers?format={format}");
        client
            .request("PUT", &path, file.as_bytes())
            .expect("an answer")
    };
    // Nothing is lost where there is nothing.
    assert_eq!(load("text", "# nothing yet\n").status, 200);
    client.load("ip 203.0.113.5 id=own\n");
    let observable = bundle(&[json!({"type": "ipv4-addr", "value": "203.0.113.9"})]);
    for (format, file) in [
        ("stix", observable.as_str()),
        ("stix", "{}"),
        ("misp", r#"{"response":[]}"#),
        ("text", "# only a comment\n"),
    ] {
        let answer = load(format, file);
        let told = (answer.status, &answer.body["code"]);
        assert_eq!(told, (422, &json!("no_markers")), "{format} {file}");
    }
    assert_eq!(held(&client), pairs(&[("own".into(), "ip 203.0.113.5")]));
    let answer = client
        .post("/v1/markers?format=stix", &observable)
        .expect("an answer");
    assert_eq!((answer.status, &answer.body["ignored"]), (200, &json!(1)));
    let removed = client
        .post("/v1/markers/remove", "own\n")
        .expect("an answer");
    assert_eq!(removed.status, 200, "{:?}", removed.body);
    assert_eq!(held(&client), []);
    assert!(daemon.stop().success());
}
