//! Files of both dialects.

use super::*;
use crate::model::{Direction, Pap, Tlp};

fn read(text: &str) -> Intake {
    super::read(&mut text.as_bytes(), &Limits::default(), &|_| {})
}

fn refusals(intake: &Intake) -> Vec<(u64, &str, &str)> {
    let told = intake.refused.iter();
    told.map(|one| {
        let line = one.line.expect("a line");
        (line, one.field.as_str(), one.code.as_str())
    })
    .collect()
}

fn patterns(intake: &Intake) -> Vec<String> {
    let markers = intake.markers.iter();
    markers.map(|marker| marker.pattern.to_string()).collect()
}

#[test]
fn our_own_columns_in_any_order() {
    let intake = read(
        "# a feed\r\nid,type,value,until,from,direction,tlp,pap\r\n\
         a,endpoint,203.0.113.5 tcp 443,2027-01-31T12:00:00Z,2026-01-31T12:00:00Z,source,red,green\r\n\
         ,IP,203.0.113.6,,,,,\r\n# more\r\n\
         c,url,\"http://evil.example/a,b\",,,,,\r\n",
    );
    assert_eq!(intake.refused, []);
    assert_eq!(
        patterns(&intake),
        [
            "endpoint 203.0.113.5 tcp 443",
            "ip 203.0.113.6",
            "url http://evil.example/a,b"
        ]
    );
    let first = &intake.markers[0];
    assert_eq!(first.direction, Direction::Source);
    assert_eq!((first.tlp, first.pap), (Tlp::Red, Pap::Green));
    assert!(first.from < first.until && first.from.is_some());
    assert!(intake.markers[1].id.starts_with("p-"));
    let intake =
        read("pattern,id\ncidr 198.51.100.0/24,x\nja3 e7d705a3286e19ea42f587b344ee6865,y\n");
    assert_eq!((intake.markers.len(), intake.refused_total), (2, 0));
}

#[test]
fn any_refused_line_of_our_own_refuses_the_file() {
    let intake = read(
        "pattern,id,until,direction,tlp,pap\nip 203.0.113.5,a,,,,\nip 203.0.113.999,b,,,,\n\
         ip 203.0.113.6,c,tomorrow,,,\nip 203.0.113.6,d,,up,,\nip 203.0.113.6,e,,,pink,\n\
         ip 203.0.113.6,f,,,,pink\nip 203.0.113.6,g g,,,,\nip 203.0.113.7,a,,,,\n\
         ip 203.0.113.8,h\n,i,,,,\nip 203.0.113.5,a,,,,\n",
    );
    assert!(intake.fatal);
    assert_eq!(
        refusals(&intake),
        [
            (3, "pattern", "bad_address"),
            (4, "until", "bad_time"),
            (5, "direction", "bad_direction"),
            (6, "tlp", "bad_tlp"),
            (7, "pap", "bad_pap"),
            (8, "id", "bad_id"),
            (9, "id", "duplicate_id"),
            (10, "line", "bad_fields"),
            (11, "pattern", "unknown_kind"),
        ]
    );
    assert_eq!(intake.duplicates, 1);
    for refusal in &intake.refused {
        assert!(!refusal.reason.contains("203.0"), "{refusal}");
    }
}

#[test]
fn the_export_of_misp_is_read_as_its_json_is() {
    let uuid = |n: u32| format!("5f1e3c2a-0d4b-4c57-9d0e-0a00000000{n:02}");
    let header = "uuid,event_id,category,type,value,comment,to_ids,date,object_relation,attribute_tag,event_tag";
    let row = |n, kind: &str, value: &str, to_ids, tags: &str| {
        let uuid = uuid(n);
        format!(
            "\"{uuid}\",7,\"Network activity\",\"{kind}\",\"{value}\",\"x, y\",{to_ids},1700000000,{tags}\n"
        )
    };
    let text = [
        header.to_owned() + "\n",
        row(
            1,
            "ip-dst",
            "203.0.113.5",
            1,
            r#""","tlp:green,type:OSINT","tlp:clear,PAP:RED""#,
        ),
        row(2, "ip-src|port", "203.0.113.6|53", 1, r#""","","""#),
        row(3, "ip-dst", "203.0.113.7", 0, r#""","","""#),
        row(
            4,
            "md5",
            "d41d8cd98f00b204e9800998ecf8427e",
            1,
            r#""","","""#,
        ),
        row(5, "domain|ip", "evil.example|203.0.113.8", 1, r#""","","""#),
        row(
            6,
            "ja3-fingerprint-md5",
            "e7d705a3286e19ea42f587b344ee6865",
            1,
            r#""ja3s-fingerprint-md5","","""#,
        ),
        row(1, "ip-dst", "203.0.113.9", 1, r#""","","""#),
        "\n".into(),
    ];
    let intake = read(&text.concat());
    assert!(!intake.fatal, "{:?}", intake.refused);
    assert_eq!(
        patterns(&intake),
        [
            "ip 203.0.113.5",
            "endpoint 203.0.113.6 tcp 53",
            "endpoint 203.0.113.6 udp 53"
        ]
    );
    let first = &intake.markers[0];
    // What another line says under its id makes its marking stricter.
    assert_eq!((first.tlp, first.pap), (Tlp::AmberStrict, Pap::Red));
    assert_eq!(
        (first.id.as_str(), first.direction),
        (uuid(1).as_str(), Direction::Destination)
    );
    assert_eq!(intake.markers[2].id, format!("{}.2", uuid(2)));
    assert_eq!(
        refusals(&intake),
        [
            (4, "to_ids", "not_to_ids"),
            (5, "type", "host_side"),
            (6, "type", "unsupported_conjunction"),
            (7, "type", "unsupported_kind"),
            (8, "id", "duplicate_id"),
        ]
    );
}

#[test]
fn what_is_no_such_file_is_refused_as_a_whole() {
    for (text, expected) in [
        ("", (1, "header", "missing_column")),
        ("# only\n", (1, "header", "missing_column")),
        ("ip 203.0.113.5\n", (1, "column 1", "unknown_column")),
        ("pattern;id\n", (1, "column 1", "unknown_column")),
        ("\npattern,id,note\n", (2, "column 3", "unknown_column")),
        (
            "d41d8cd98f00b204e9800998ecf8427e,5f1e3c2a-0d4b-4c57-9d0e-0a0000000001\n",
            (1, "file", "feed_hashes"),
        ),
        (
            "pattern\nip 203.0.113.5\n\"ip 203.0.113.6\n",
            (3, "line", "bad_quotes"),
        ),
    ] {
        let intake = read(text);
        assert!(intake.fatal, "{text}");
        assert_eq!(refusals(&intake), [expected], "{text}");
    }
}
