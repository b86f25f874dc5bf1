use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use super::*;
use crate::{
    model::{
        Event, MarkerHandling, MatchedIn, Pap, PatternKind, Recipient, State, SubscriberSide, Tlp,
        Vantage, event::SCHEMA,
    },
    outbox::Extent,
};

const PAGE: &str = include_str!("../../../../docs/siem.md");

fn day(text: &str) -> Date {
    text.parse().expect("a day")
}

fn view(id: &str, extent: Extent) -> View {
    let event = Event {
        schema: SCHEMA,
        id: id.into(),
        rev: 2,
        state: State::Closed,
        sensor: "pop1".into(),
        vantage: Vantage(1 << 24 | 100),
        markers: vec!["first".into(), "second".into()],
        orders: vec!["order-7".into()],
        pattern_kind: PatternKind::Ip,
        matched_in: MatchedIn::DstIp,
        first_seen: "2026-01-31T12:00:00.123456Z".parse().expect("a time"),
        last_seen: "2026-01-31T12:00:09Z".parse().expect("a time"),
        src_ip: Some([10, 0, 0, 1].into()),
        src_port: Some(40_000),
        dst_ip: Some([203, 0, 113, 5].into()),
        dst_port: Some(443),
        proto: "tcp".into(),
        packets: 12,
        bytes: 3_456,
        subscriber_side: SubscriberSide::Src,
        interface: "access0".into(),
        vlan: vec![100],
        generation: 3,
        tlp: Tlp::Green,
        pap: Pap::Amber,
        test: true,
    };
    let clear = MarkerHandling {
        tlp: Tlp::Green,
        pap: Pap::Amber,
        authority: false,
    };
    let to = (Recipient::Operator, extent);
    View::new(event, &[clear, clear], &[7; 32], to, day("2026-07-31"))
}

/// The least that a line tells: an alert without an order.
fn least() -> View {
    let mut view = view("0f", Extent::Alert);
    view.event.orders.clear();
    view.event.test = false;
    view
}

/// Paths of the leaves of an object; arrays are leaves.
fn paths(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(fields) = value else {
        found.insert(prefix.into());
        return;
    };
    for (name, value) in fields {
        let dot = if prefix.is_empty() { "" } else { "." };
        paths(&format!("{prefix}{dot}{name}"), value, found);
    }
}

fn told(view: &View) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    paths("", &Value::Object(line::fields(view)), &mut found);
    found
}

/// Cells of the rows of a table of the page.
fn table(name: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = PAGE
        .split_once(&format!("<!-- {name}:begin -->\n"))
        .expect(name);
    let (table, _) = rest
        .split_once(&format!("<!-- {name}:end -->"))
        .expect(name);
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    table.lines().skip(2).map(cells).collect()
}

fn documented(given: &[&str]) -> BTreeSet<String> {
    let rows = table("eve");
    let rows = rows.iter().filter(|row| given.contains(&row[1]));
    rows.map(|row| row[0].trim_matches('`').into()).collect()
}

#[test]
fn the_fields_of_a_line_are_those_of_the_documentation() {
    let all = told(&view("0f", Extent::Event));
    assert_eq!(all, documented(&["always", "if known"]));
    assert_eq!(told(&least()), documented(&["always"]));
    let left_out = documented(&["left out"]);
    assert_eq!(
        left_out.len() + all.len(),
        table("eve").len(),
        "a third word"
    );
    assert!(left_out.contains("payload") && left_out.contains("packet"));
}

#[test]
fn ecs_is_filled_from_fields_that_there_are() {
    let all = told(&view("0f", Extent::Event));
    for row in table("ecs") {
        let mut paths = row[1].split('`').skip(1).step_by(2);
        assert!(paths.all(|path| all.contains(path)), "{row:?}");
    }
}

#[test]
fn a_line_is_as_suricata_writes_it() {
    let fields = line::fields(&view("0f", Extent::Event));
    assert_eq!(fields["timestamp"], "2026-01-31T12:00:00.123456+0000");
    assert_eq!(fields["proto"], "TCP");
    assert_eq!(fields["vlan"], serde_json::json!([100]));
    assert!(fields["flow_id"].as_u64().expect("a number") < 1 << 51);
    for (ours, theirs) in [("ipv6-icmp", "IPv6-ICMP"), ("47", "047"), ("gre", "GRE")] {
        let mut view = view("0f", Extent::Event);
        view.event.proto = ours.into();
        assert_eq!(line::fields(&view)["proto"], theirs);
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> (Self, Eve) {
        let folder = tempfile::tempdir().expect("a directory");
        let directory = folder.path().join("eve");
        (Self(folder), Eve { directory })
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join("eve").join(name)).expect(name)
    }
}

const FILE: &str = "eve-2026-01-31-until-2026-07-31.json";

#[test]
fn each_day_has_its_file_for_the_group_and_nobody_else() {
    let (folder, eve) = Folder::new();
    let one = [view("01", Extent::Event)];
    for today in ["2026-01-31", "2026-02-01"] {
        assert_eq!(eve.write_all(day(today), &one), [Outcome::Acknowledged]);
    }
    let next = "eve-2026-02-01-until-2026-07-31.json";
    assert_eq!(folder.read(FILE), folder.read(next));
    for (path, mode) in [("eve", 0o750), (&*format!("eve/{FILE}"), 0o640)] {
        let metadata = fs::metadata(folder.0.path().join(path)).expect("it is there");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
    }
    let late = eve.write_all(day("2026-07-31"), &one);
    assert!(matches!(&late[0], Outcome::Refused(reason) if reason.code == "expired"));
}

#[test]
fn a_torn_line_of_any_length_is_cut_off_before_the_next() {
    let (folder, eve) = Folder::new();
    let one = [view("01", Extent::Event)];
    let path = folder.0.path().join("eve").join(FILE);
    for torn in ["{".to_owned(), "x".repeat(200_000)] {
        let _ = fs::remove_file(&path);
        eve.write_all(day("2026-01-31"), &one);
        let whole = folder.read(FILE);
        fs::write(&path, whole.clone() + &torn).expect("a writable file");
        eve.write_all(day("2026-01-31"), &one);
        assert_eq!(folder.read(FILE), whole.repeat(2));
    }
    fs::write(&path, "no line at all").expect("a writable file");
    eve.write_all(day("2026-01-31"), &one);
    assert_eq!(folder.read(FILE).lines().count(), 1);
}

#[test]
fn a_forgotten_line_tells_nothing_and_moves_no_other() {
    let (folder, eve) = Folder::new();
    let three = ["01", "02", "03"].map(|id| view(id, Extent::Event));
    eve.write_all(day("2026-01-31"), &three);
    let before = folder.read(FILE);
    let ids = ["02".to_owned(), "unknown".to_owned()].into();
    assert_eq!(destroy::forget(&eve.directory, &ids).expect("done"), 1);
    assert_eq!(destroy::forget(&eve.directory, &ids).expect("done"), 0);
    let after = folder.read(FILE);
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    assert_eq!((after[0], after[2]), (before[0], before[2]));
    assert_eq!(after[1].len(), before[1].len());
    assert_eq!(after[1].trim_end(), r#"{"event_type":"forgotten"}"#);
}

#[test]
fn events_are_counted_once_however_many_revisions_are_destroyed() {
    let (_folder, eve) = Folder::new();
    let two = ["01", "02"].map(|id| view(id, Extent::Event));
    for today in ["2026-01-31", "2026-02-01"] {
        eve.write_all(day(today), &two);
    }
    let expired = |today| destroy::expired(&eve.directory, day(today)).expect("done");
    assert_eq!(expired("2026-07-30"), 0);
    assert_eq!(expired("2026-07-31"), 2);
    assert_eq!(
        fs::read_dir(&eve.directory).expect("a directory").count(),
        0
    );
}

#[test]
fn the_samples_of_the_documentation_are_configurations() {
    #[derive(serde::Deserialize)]
    struct File {
        sink: Vec<config::Sink>,
    }
    let samples: Vec<&str> = PAGE.split("```toml\n").skip(1).collect();
    assert_eq!(samples.len(), 2);
    for sample in samples {
        let (sample, _) = sample.split_once("```").expect("an end");
        let file: File = toml::from_str(sample).expect(sample);
        assert_eq!(file.sink.len(), 1);
    }
}
