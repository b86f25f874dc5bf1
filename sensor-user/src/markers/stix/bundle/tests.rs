use serde_json::{Value, json};

use super::*;
use crate::model::{Direction, Pap, Tlp};

mod handling;

const RED: &str = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
const GREEN: &str = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
const OTHER: &str = "marking-definition--00000000-0000-4000-8000-000000000001";

fn id(number: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

/// An indicator with what a test changes in it; `null` takes a property away.
fn indicator(number: u32, changes: Value) -> Value {
    let mut object = json!({
        "type": "indicator", "spec_version": "2.1", "id": id(number),
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "pattern": "[ipv4-addr:value = '203.0.113.5']", "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z", "name": "a", "kill_chain_phases": [{"a": ["b", {}]}],
    });
    for (key, value) in changes.as_object().expect("an object") {
        object[key] = value.clone();
    }
    object
}

fn read_text(text: &str) -> Intake {
    read(&mut text.as_bytes(), &Limits::default(), &|_| {})
}

fn read_all(objects: &[Value]) -> Intake {
    let bundle = json!({"type": "bundle", "id": "bundle--x", "objects": objects});
    read_text(&bundle.to_string())
}

fn codes(intake: &Intake) -> Vec<(Option<u64>, &str)> {
    let refused = intake.refused.iter();
    refused.map(|one| (one.item, one.code.as_str())).collect()
}

#[test]
fn an_indicator_becomes_markers_with_its_id_and_validity() {
    let pattern = "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = '443'] OR [file:name = 'x']";
    let changes = json!({"pattern": pattern, "valid_until": "2026-02-01T00:00:00.5Z"});
    let intake = read_all(&[json!({"type": "malware", "id": 5}), indicator(1, changes)]);
    let ids: Vec<&str> = intake
        .markers
        .iter()
        .map(|marker| marker.id.as_str())
        .collect();
    assert_eq!(ids, [id(1), format!("{}.2", id(1))]);
    let marker = &intake.markers[1];
    assert_eq!(marker.pattern.to_string(), "endpoint 203.0.113.5 udp 443");
    assert_eq!(marker.direction, Direction::Destination);
    assert_eq!((marker.tlp, marker.pap), (Tlp::AmberStrict, Pap::Amber));
    let validity = [marker.from, marker.until].map(|time| time.expect("a time").to_string());
    assert_eq!(validity, ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00.5Z"]);
    assert_eq!(codes(&intake), [(Some(1), "host_side")]);
    let refusal = &intake.refused[0];
    assert_eq!(refusal.object.as_deref(), Some(id(1).as_str()));
    assert!(refusal.reason.starts_with("alternative 2 of 2: "));
    assert_eq!((intake.fatal, intake.ignored), (false, 1));
}

#[test]
fn each_bad_indicator_is_refused_alone_and_by_name() {
    let cases = [
        (json!({"revoked": true}), "revoked"),
        (json!({"revoked": "yes"}), "bad_property"),
        (json!({"pattern_type": "yara"}), "unsupported_pattern_type"),
        (json!({"pattern_type": null}), "missing_property"),
        (json!({"spec_version": "3.0"}), "unsupported_version"),
        (json!({"valid_from": null}), "missing_property"),
        (json!({"valid_from": "yesterday"}), "bad_time"),
        (
            json!({"valid_until": "2026-01-01T00:00:00Z"}),
            "bad_validity",
        ),
        (json!({"pattern": 5}), "bad_property"),
        (json!({"pattern": ["a", {"b": []}]}), "bad_property"),
        (
            json!({"pattern": "ipv4-addr:value = '203.0.113.5'"}),
            "bad_pattern",
        ),
        (json!({"pattern": "x".repeat(70_000)}), "pattern_too_long"),
        (json!({"modified": "x"}), "bad_time"),
        (json!({"valid_until": "9999-12-3 soon"}), "bad_time"),
        (json!({"valid_until": "9999-12-31T25:00:00Z"}), "bad_time"),
        (json!({"id": "indicator--203.0.113.5"}), "bad_id"),
        (json!({"type": null}), "bad_object"),
    ];
    let mut objects: Vec<Value> = (0..)
        .zip(&cases)
        .map(|(n, (changes, _))| indicator(n, changes.clone()))
        .collect();
    objects.extend([
        json!(5),
        indicator(99, json!({"valid_until": "9999-12-31T23:59:59.999Z"})),
    ]);
    let intake = read_all(&objects);
    let mut expected: Vec<(Option<u64>, &str)> = (0..)
        .map(Some)
        .zip(cases.iter().map(|(_, code)| *code))
        .collect();
    expected.push((Some(cases.len() as u64), "bad_object"));
    assert_eq!(codes(&intake), expected);
    assert_eq!((intake.markers.len(), intake.fatal), (1, false));
    assert_eq!(intake.markers[0].until, None);
    assert!(
        intake
            .refused
            .iter()
            .all(|one| !one.reason.contains("203.0.113"))
    );
    let twice = json!({"type": "bundle", "objects": [indicator(1, json!({}))]}).to_string();
    let twice = twice.replace(r#""name":"a""#, r#""pattern":"[a:b=1]""#);
    assert_eq!(codes(&read_text(&twice)), [(Some(0), "bad_property")]);
    let old = json!({"spec_version": null, "pattern_type": null});
    assert_eq!(read_all(&[indicator(1, old)]).markers.len(), 1);
}

#[test]
fn the_newest_version_counts_even_revoked_or_refused() {
    let at = |number, day: u32, changes: Value| {
        let mut object = indicator(number, changes);
        object["modified"] = json!(format!("2026-01-{day:02}T00:00:00Z"));
        object
    };
    let pattern = |last: u32| json!({"pattern": format!("[ipv4-addr:value = '203.0.113.{last}']")});
    let intake = read_all(&[
        at(1, 2, pattern(12)),
        at(1, 3, pattern(13)),
        at(1, 1, pattern(11)),
        at(2, 1, pattern(21)),
        at(2, 2, json!({"revoked": true})),
        at(3, 2, json!({"pattern_type": "snort"})),
        at(3, 1, pattern(31)),
        at(4, 1, pattern(41)),
        at(4, 1, pattern(41)),
        at(4, 1, pattern(42)),
        at(5, 1, pattern(51)),
        at(
            5,
            1,
            json!({"pattern": "[ipv4-addr:value = '203.0.113.51']", "object_marking_refs": [RED]}),
        ),
    ]);
    let patterns: Vec<String> = intake
        .markers
        .iter()
        .map(|marker| marker.pattern.to_string())
        .collect();
    assert_eq!(
        patterns,
        ["ip 203.0.113.13", "ip 203.0.113.41", "ip 203.0.113.51"]
    );
    assert_eq!(intake.duplicates, 1);
    let expected = [
        (4, "revoked"),
        (5, "unsupported_pattern_type"),
        (9, "duplicate_id"),
        (11, "duplicate_id"),
    ];
    assert_eq!(
        codes(&intake),
        expected.map(|(item, code)| (Some(item), code))
    );
}

#[test]
fn of_copies_of_one_time_the_revoked_one_and_the_strictest_marking_count() {
    let same = |changes: Value| indicator(1, changes);
    let marked = |marking: &str| same(json!({"object_marking_refs": [marking]}));
    let intake = read_all(&[same(json!({})), same(json!({"revoked": true}))]);
    assert_eq!(codes(&intake), [(Some(0), "revoked"), (Some(1), "revoked")]);
    assert!(intake.markers.is_empty());
    let intake = read_all(&[marked(GREEN), marked(RED)]);
    assert_eq!(intake.markers[0].tlp, Tlp::Red);
    assert_eq!(codes(&intake), [(Some(1), "duplicate_id")]);
    // What says no time that is understood may be the newest.
    let intake = read_all(&[
        same(json!({})),
        same(json!({"modified": 5, "revoked": true})),
    ]);
    assert_eq!(codes(&intake), [(Some(1), "bad_property")]);
    assert!(intake.markers.is_empty());
}

#[test]
fn what_a_newest_version_takes_back_is_told() {
    let at = |number, day: u32, changes: Value| {
        let mut object = indicator(number, changes);
        object["modified"] = json!(format!("2026-01-{day:02}T00:00:00Z"));
        object
    };
    let intake = read_all(&[
        at(1, 1, json!({})),
        at(1, 2, json!({"revoked": true})),
        at(2, 3, json!({"pattern_type": "snort"})),
        at(3, 1, json!({})),
        at(3, 4, json!({})),
        json!({"type": "malware"}),
    ]);
    let day =
        |day: i64| Moment::from_microsecond(1_767_225_600_000_000 + (day - 1) * 86_400_000_000);
    let told: Vec<_> = intake
        .gone
        .iter()
        .map(|gone| {
            (
                intake.id_of(gone).to_string(),
                gone.modified,
                gone.withdrawn,
            )
        })
        .collect();
    assert_eq!(told, [(id(1), day(2), true), (id(2), day(3), false)]);
    assert_eq!(
        (intake.version(0), intake.stale, intake.ignored),
        (day(4), 2, 1)
    );
    let [taken_back, refused] = [intake.gone[0], intake.gone[1]];
    assert!(taken_back.ends(day(2)) && taken_back.ends(None) && !taken_back.ends(day(3)));
    assert!(refused.ends(day(2)) && !refused.ends(None) && !refused.ends(day(3)));
}

#[test]
fn every_code_is_counted_and_listed_however_many_others_come_first() {
    let mut objects = vec![indicator(1, json!({"pattern_type": "snort"})); 150];
    objects.push(indicator(
        2,
        json!({"pattern": "[ipv4-addr:value = '203.0.113.999']"}),
    ));
    for (number, object) in (100_u32..).zip(&mut objects) {
        object["id"] = json!(id(number));
    }
    let intake = read_all(&objects);
    let counts: Vec<_> = intake
        .refused_codes
        .iter()
        .map(|(code, count)| (code.as_str(), *count))
        .collect();
    assert_eq!(
        counts,
        [("bad_address", 1), ("unsupported_pattern_type", 150)]
    );
    assert_eq!((intake.refused.len(), intake.refused_total), (100, 151));
    assert_eq!(codes(&intake)[99], (Some(150), "bad_address"));
}

#[test]
fn what_is_no_bundle_is_refused_whole() {
    let one = indicator(1, json!({})).to_string();
    let deep = format!(
        r#"{{"type":"bundle","objects":[{{"a":{}1{}}}]}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let cases = [
        (one.clone(), "not_a_bundle"),
        (format!("[{one}]"), "not_a_bundle"),
        (r#"{"a": 1}"#.into(), "not_a_bundle"),
        (
            format!(r#"{{"objects":[{one}],"type":"report"}}"#),
            "not_a_bundle",
        ),
        (
            format!(r#"{{"objects":[],"objects":[{one}]}}"#),
            "not_a_bundle",
        ),
        (format!(r#"{{"objects":{one}}}"#), "not_a_bundle"),
        (format!(r#"{{"objects":[{one}"#), "truncated"),
        (String::new(), "truncated"),
        (format!(r#"{{"objects":[{one}]}} x"#), "bad_json"),
        (format!(r#"{{"objects":[{one},]}}"#), "bad_json"),
        (deep, "too_deep"),
        (
            format!(
                r#"{{"objects":[{{"type":"report","object_marking_refs":[{}]}}]}}"#,
                vec![format!("{RED:?}"); 5000].join(",")
            ),
            "too_large",
        ),
    ];
    for (text, code) in cases {
        let intake = read_text(&text);
        assert!(intake.fatal);
        assert_eq!(codes(&intake).last().map(|(_, code)| *code), Some(code));
    }
    let limits = Limits {
        bytes: 100,
        ..Limits::default()
    };
    let bundle = format!(r#"{{"objects":[{one}]}}"#);
    let intake = read(&mut bundle.as_bytes(), &limits, &|_| {});
    assert_eq!((intake.fatal, codes(&intake)[0].1), (true, "too_large"));
    let limits = Limits {
        markers: 1,
        ..Limits::default()
    };
    let two = format!(r#"{{"objects":[{one},{one}]}}"#);
    assert!(read(&mut two.as_bytes(), &limits, &|_| {}).fatal);
    let long = indicator(1, json!({"description": "x".repeat(2 << 20)})).to_string();
    assert_eq!(
        read_text(&format!("{{\"objects\":[{long}]}}"))
            .markers
            .len(),
        1,
        "what is not read may be long"
    );
    for empty in [
        "{}",
        r#"{"more":false}"#,
        r#"{"type":"bundle","id":"x"}"#,
        r#"{"more":true,"next":"a","objects":[]}"#,
    ] {
        let intake = read_text(empty);
        assert_eq!((intake.fatal, intake.markers.len()), (false, 0), "{empty}");
    }
}
