//! Documents as MISP and its feeds write them.

use super::*;
use crate::model::{Direction, Moment, Pap, Tlp};

const UUID: &str = "5f1e3c2a-0d4b-4c57-9d0e-0a0000000001";
const OTHER: &str = "5f1e3c2a-0d4b-4c57-9d0e-0a0000000002";

fn read(text: &str) -> Intake {
    super::read(&mut text.as_bytes(), &Limits::default(), &|_| {})
}

/// An attribute that is loaded.
fn attribute(uuid: &str, kind: &str, value: &str, more: &str) -> String {
    format!(r#"{{"uuid":"{uuid}","type":"{kind}","value":"{value}","to_ids":true{more}}}"#)
}

fn codes(intake: &Intake) -> Vec<&str> {
    intake.refused.iter().map(|one| one.code.as_str()).collect()
}

fn patterns(intake: &Intake) -> Vec<String> {
    let markers = intake.markers.iter();
    markers.map(|marker| marker.pattern.to_string()).collect()
}

#[test]
fn every_shape_of_a_document() {
    let one = attribute(UUID, "ip-dst", "203.0.113.5", "");
    let event = format!(r#""info":"x","published":true,"Attribute":[{one}]"#);
    for document in [
        format!(r#"{{"Event":{{{event}}}}}"#),
        format!("\u{feff} {{{event}}}\n"),
        format!(r#"[{{"Event":{{{event}}}}}]"#),
        format!(r#"{{"response":[{{"Event":{{{event}}}}}]}}"#),
        format!(r#"{{"response":{{"Attribute":[{one}]}}}}"#),
        format!(r#"{{"Attribute":[{one}]}}"#),
        format!(r#"{{"Attribute":{one}}}"#),
        format!(r#"{{"response":{{"Attribute":[{one}]}},"x":[[1],{{"Event":2}}]}}"#),
    ] {
        let intake = read(&document);
        assert_eq!(codes(&intake), [""; 0], "{document}");
        assert_eq!(patterns(&intake), ["ip 203.0.113.5"], "{document}");
        assert_eq!(intake.markers[0].id, UUID);
        assert_eq!(intake.markers[0].direction, Direction::Destination);
    }
    for empty in [
        r#"{"response":[]}"#,
        r#"{"Event":{"info":"x","published":true}}"#,
    ] {
        let intake = read(empty);
        assert!(!intake.fatal && intake.markers.is_empty(), "{empty}");
    }
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let one = attribute(
        UUID,
        "ip-src",
        "203.0.113.5",
        r#","Tag":[{"name":"tlp:green"}]"#,
    );
    let two = attribute(
        OTHER,
        "domain",
        "evil.example",
        r#","Tag":[{"name":"PAP:RED"}]"#,
    );
    let parts = [
        r#""uuid":"5f1e3c2a-0d4b-4c57-9d0e-0a00000000ff","info":"x""#.to_owned(),
        r#""Tag":[{"name":"tlp:amber"},{"name":"pap:clear"}]"#.to_owned(),
        format!(r#""Attribute":[{one}]"#),
        format!(r#""Object":[{{"name":"url","Attribute":[{two}],"deleted":"0"}}]"#),
        r#""published":"1""#.to_owned(),
    ];
    for turn in 0..parts.len() {
        let mut parts = parts.to_vec();
        parts.rotate_left(turn);
        let mut intake = read(&format!(r#"{{"Event":{{{}}}}}"#, parts.join(",")));
        assert_eq!(codes(&intake), [""; 0]);
        intake.markers.sort_by(|one, other| one.id.cmp(&other.id));
        let marks: Vec<_> = intake
            .markers
            .iter()
            .map(|one| (one.tlp, one.pap))
            .collect();
        assert_eq!(marks, [(Tlp::Amber, Pap::Clear), (Tlp::Amber, Pap::Red)]);
    }
}

#[test]
fn what_is_not_to_be_loaded_is_listed_with_its_place() {
    let fine = attribute(UUID, "ip-dst|port", "203.0.113.5|443", "");
    let document = format!(
        r#"{{"Event":{{"info":"x","Attribute":[
        {{"uuid":"{OTHER}","type":"ip-dst","value":"203.0.113.6","to_ids":false}},
        {},{},{fine}],
        "Object":[{{"deleted":true,"Attribute":[{}]}},{{"Attribute":[{}]}}],
        "ShadowAttribute":[{}],"published":true}}}}"#,
        attribute(OTHER, "ip-dst", "203.0.113.7", r#","deleted":true"#),
        attribute(OTHER, "sha256", "00", ""),
        attribute(OTHER, "ip-dst|port", "203.0.113.8|443", ""),
        attribute(OTHER, "domain|ip", "evil.example|203.0.113.9", ""),
        attribute(OTHER, "ip-dst", "203.0.113.10", ""),
    );
    let intake = read(&document);
    assert!(!intake.fatal);
    let ids: Vec<&str> = intake.markers.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, [UUID.to_owned(), format!("{UUID}.2")]);
    let expected = [
        (0, "to_ids", "not_to_ids"),
        (1, "deleted", "deleted"),
        (2, "type", "host_side"),
        (4, "deleted", "deleted"),
        (5, "type", "unsupported_conjunction"),
        (6, "ShadowAttribute", "proposal"),
    ];
    let told: Vec<_> = intake
        .refused
        .iter()
        .map(|one| {
            (
                one.item.expect("a number"),
                one.field.as_str(),
                one.code.as_str(),
            )
        })
        .collect();
    assert_eq!(told, expected);
    for refusal in &intake.refused {
        assert_eq!(refusal.object.as_deref(), Some(OTHER));
        let text = refusal.to_string();
        assert!(
            !text.contains("203.0.113") && !text.contains("evil"),
            "{text}"
        );
    }
}

#[test]
fn an_event_that_does_not_say_it_is_published_is_not_loaded() {
    let one = attribute(UUID, "ip-dst|port", "203.0.113.5|443", "");
    for published in [
        r#","published":false"#,
        r#","published":"0""#,
        r#","published":null"#,
        "",
    ] {
        let intake = read(&format!(
            r#"{{"Event":{{"Attribute":[{one}]{published}}}}}"#
        ));
        assert_eq!(codes(&intake), ["unpublished"], "{published}");
        assert_eq!((intake.markers.len(), intake.refused_total), (0, 1));
    }
    // Two events: each has its own state and tags.
    let two = attribute(OTHER, "ip-dst", "203.0.113.6", "");
    let intake = read(&format!(
        r#"{{"response":[{{"Event":{{"published":false,"Tag":[{{"name":"tlp:red"}}],"Attribute":[{one}]}}}},
           {{"Event":{{"published":true,"Tag":[{{"name":"tlp:clear"}}],"Attribute":[{two}]}}}}]}}"#
    ));
    assert_eq!(codes(&intake), ["unpublished"]);
    assert_eq!(patterns(&intake), ["ip 203.0.113.6"]);
    assert_eq!(intake.markers[0].tlp, Tlp::Clear);
}

#[test]
fn a_found_attribute_carries_what_the_search_tells_of_its_event() {
    let event = |more: &str| format!(r#","Event":{{"id":"1","info":"x"{more}}}"#);
    let read = |more: &str| {
        let one = attribute(UUID, "ip-dst", "203.0.113.5", &event(more));
        read(&format!(r#"{{"response":{{"Attribute":[{one}]}}}}"#))
    };
    assert_eq!(codes(&read(r#","published":false"#)), ["unpublished"]);
    let intake = read(r#","published":true,"Tag":[{"name":"tlp:red"}]"#);
    assert_eq!(intake.markers[0].tlp, Tlp::Red);
    assert_eq!(read("").markers.len(), 1);
}

#[test]
fn of_one_uuid_the_newest_counts_and_the_strictest_marking_of_one_time() {
    let one = |value: &str, more: &str| attribute(UUID, "ip-dst", value, more);
    let of =
        |attributes: &[String]| read(&format!(r#"{{"Attribute":[{}]}}"#, attributes.join(",")));
    let intake = of(&[
        one("203.0.113.5", r#","timestamp":"200""#),
        one("203.0.113.6", r#","timestamp":100"#),
    ]);
    assert_eq!(patterns(&intake), ["ip 203.0.113.5"]);
    assert_eq!(
        (intake.stale, intake.version(0)),
        (1, Moment::from_microsecond(200_000_000))
    );
    let event = |tlp: &str| {
        let one = one("203.0.113.5", "");
        format!(
            r#"{{"Event":{{"published":true,"Tag":[{{"name":"tlp:{tlp}"}}],"Attribute":[{one}]}}}}"#
        )
    };
    let intake = read(&format!("[{},{}]", event("green"), event("red")));
    assert_eq!((intake.markers.len(), intake.markers[0].tlp), (1, Tlp::Red));
    assert_eq!(codes(&intake), ["duplicate_id"]);
    // Deleted in one event, or later, is deleted.
    for (time, left) in [
        ("", 0),
        (r#","timestamp":100"#, 0),
        (r#","timestamp":300"#, 1),
    ] {
        let deleted = r#","deleted":true,"timestamp":200"#;
        let intake = of(&[one("203.0.113.5", time), one("203.0.113.5", deleted)]);
        assert_eq!(intake.markers.len(), left, "{time}");
        assert_eq!(intake.gone.len(), 1 - left, "{time}");
        assert_eq!(codes(&intake).contains(&"stale"), left == 0, "{time}");
    }
    let intake = of(&[one("203.0.113.5", r#","deleted":true"#)]);
    assert_eq!(
        (
            intake.id_of(&intake.gone[0]).as_str(),
            intake.gone[0].withdrawn
        ),
        (UUID, true)
    );
}

#[test]
fn proposals_inside_an_attribute_are_listed_too() {
    let inside = format!(
        r#","ShadowAttribute":[{{"uuid":"{OTHER}","value":"203.0.113.9"}},{{"uuid":"203.0.113.9"}}]"#
    );
    let one = attribute(UUID, "ip-dst", "203.0.113.5", &inside);
    let intake = read(&format!(r#"{{"Attribute":[{one}]}}"#));
    assert_eq!(patterns(&intake), ["ip 203.0.113.5"]);
    assert_eq!(codes(&intake), ["proposal", "proposal"]);
    let told: Vec<_> = intake
        .refused
        .iter()
        .map(|one| (one.item, one.object.as_deref()))
        .collect();
    assert_eq!(told, [(Some(1), Some(OTHER)), (Some(2), None)]);
}

#[test]
fn what_stands_in_place_of_a_uuid_is_not_repeated() {
    let one = attribute("203.0.113.5", "ip-dst", "203.0.113.5", "");
    let intake = read(&format!(r#"{{"Attribute":[{one}]}}"#));
    assert_eq!(codes(&intake), ["bad_id"]);
    assert_eq!(intake.refused[0].object, None);
}

#[test]
fn attributes_said_twice_are_one_marker() {
    let one = attribute(UUID, "ip-dst", "203.0.113.5", "");
    let other = attribute(UUID, "ip-dst", "203.0.113.6", "");
    let bare = r#"{"type":"ip-src","value":"203.0.113.7","to_ids":1}"#;
    let turned = r#"{"type":"ip-dst","value":"203.0.113.7","to_ids":1}"#;
    let intake = read(&format!(
        r#"{{"Attribute":[{one},{one},{other},{bare},{bare},{turned}]}}"#
    ));
    assert_eq!(
        patterns(&intake),
        ["ip 203.0.113.5", "ip 203.0.113.7", "ip 203.0.113.7"]
    );
    assert!(!intake.fatal);
    assert_eq!(
        (intake.duplicates, codes(&intake)),
        (2, vec!["duplicate_id"])
    );
    assert_eq!(intake.refused[0].item, Some(2));
}

#[test]
fn what_is_no_event_is_refused_as_a_whole_with_a_clear_word() {
    let one = attribute(UUID, "ip-dst", "203.0.113.5", "");
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    for (document, code, word) in [
        ("", "truncated", "whole"),
        (
            &format!(r#"{{"Event":{{"published":true,"Attribute":[{one}"#),
            "truncated",
            "whole",
        ),
        (
            &format!(r#"{{"Attribute":[{one}],}}"#),
            "bad_json",
            "line 1",
        ),
        (
            &format!(r#"{{"Attribute":[{one}]}} x"#),
            "bad_json",
            "line 1",
        ),
        ("{\n\"a\": \u{1}}", "bad_json", "line 2"),
        (&deep, "too_deep", "64"),
        ("{}", "not_an_event", "neither"),
        ("[]", "not_an_event", "neither"),
        ("[1,\"x\",{}]", "not_an_event", "neither"),
        (
            r#"{"name":"Not Found","message":"x","url":"/"}"#,
            "not_an_event",
            "neither",
        ),
        (
            &format!(r#"{{"{UUID}":{{"info":"x","Orgc":{{}},"date":"2026-01-01"}}}}"#),
            "not_an_event",
            "manifest",
        ),
        (
            &format!("d41d8cd98f00b204e9800998ecf8427e,{UUID}\n"),
            "feed_hashes",
            "hash list",
        ),
        ("PK\u{3}\u{4}", "bad_json", "begin"),
        ("<html>", "bad_json", "begin"),
        (
            r#"{"Event":{"Attribute":"x"}}"#,
            "not_an_event",
            "something",
        ),
    ] {
        let intake = read(document);
        assert!(intake.fatal, "{document}");
        let refusal = intake.refused.last().expect(document);
        assert_eq!(refusal.code, code, "{document}");
        assert!(
            refusal.reason.contains(word),
            "{document}: {}",
            refusal.reason
        );
        assert!(!refusal.reason.contains("203.0"), "{}", refusal.reason);
    }
}

#[test]
fn limits_hold_and_what_is_ignored_costs_nothing() {
    let one = attribute(UUID, "ip-dst", "203.0.113.5", "");
    let limits = Limits {
        markers: 2,
        bytes: 200_000,
        value: 600,
        ..Limits::default()
    };
    let read = |text: &str| super::read(&mut text.as_bytes(), &limits, &|_| {});
    // An attached sample is longer than any value may be.
    let sample = format!(
        r#"{{"Attribute":[{{"type":"malware-sample","data":"{}","value":"x","to_ids":true}},{one}]}}"#,
        "A".repeat(100_000)
    );
    let intake = read(&sample);
    assert_eq!(
        (codes(&intake), intake.markers.len()),
        (vec!["host_side"], 1)
    );
    let long = attribute(OTHER, "domain", &"a".repeat(700), "");
    assert_eq!(
        codes(&read(&format!(r#"{{"Attribute":[{long}]}}"#))),
        ["too_long"]
    );
    let escaped = attribute(OTHER, "domain", &r"\u0061".repeat(120), "");
    assert_eq!(
        codes(&read(&format!(r#"{{"Attribute":[{escaped}]}}"#))),
        ["too_long"]
    );
    let two = attribute(OTHER, "ip-dst|port", "203.0.113.5|443", "");
    let intake = read(&format!(r#"{{"Attribute":[{one},{two}]}}"#));
    assert_eq!(codes(&intake), ["too_many_markers"]);
    assert!(intake.fatal);
    let large = format!(r#"{{"x":"{}"}}"#, "A".repeat(200_000));
    assert_eq!(codes(&read(&large)), ["too_large"]);
}

#[test]
fn the_end_of_a_file_is_told_however_much_was_refused_before() {
    let one = r#"{"type":"comment","value":"x","to_ids":false},"#.repeat(200);
    let intake = read(&format!(r#"{{"Attribute":[{one}"#));
    assert!(intake.fatal);
    assert_eq!((intake.refused.len(), intake.refused_total), (100, 201));
    assert_eq!(intake.refused.last().expect("a refusal").code, "truncated");
}
