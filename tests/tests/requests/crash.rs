//! An agent that dies at each point of a disclosure: after the restart it was done, was not, or
//! nobody can tell; each is journalled as what it is, and nothing is disclosed twice unsaid.

use std::fs;

use jiff::Timestamp;
use sensor_tests::{
    daemon::{Home, PERSONS, Sensord, Settings},
    need,
    netns::Netns,
};
use sensor_user::{
    events::{Batch, Options, Settlement, Store},
    model::{
        Event, EventRow, MarkerHandling, MatchedIn, Pap, PatternId, PatternKind, State,
        SubscriberSide, Tlp, Vantage,
    },
};
use serde_json::{Value, json};

use crate::scene::{
    Authority, DESK, approve, ask_in_vain, document, exports, opened, roles, steps, submit,
};

/// Id of the event that is seeded.
pub const EVENT: &str = "abcdef0123456789abcdef0123456789";

/// An event of whose alert the authority has said that it has it, in a store that no daemon has open.
pub fn seed(home: &Home) {
    seed_at(home, Timestamp::now());
}

/// The same with the time of its first packet.
pub fn seed_at(home: &Home, now: Timestamp) {
    seed_all(home, now, &[(EVENT, true)]);
}

/// Events with their ids, and whether the authority has said that it has their alerts.
pub fn seed_all(home: &Home, now: Timestamp, events: &[(&str, bool)]) {
    let options = Options {
        sinks: vec!["authority".into()],
        ..Options::default()
    };
    let (mut store, _) = Store::open(&home.state(), options).expect("a store");
    let rows = (1..).zip(events).map(|(seq, (id, _))| row(seq, id, now));
    let batch = Batch {
        new: rows.collect(),
        ..Batch::default()
    };
    store.commit(&batch).expect("it is stored");
    let sink = store
        .sink("authority")
        .expect("reads")
        .expect("it is there");
    for (seq, _) in (1..).zip(events).filter(|(_, (_, known))| *known) {
        let settlement = Settlement {
            taken: &[(seq, 1)],
            acknowledged: Some(now.as_millisecond()),
            ..Settlement::default()
        };
        store.settle_deliveries(sink, settlement).expect("settled");
    }
}

fn row(seq: i64, id: &str, now: Timestamp) -> EventRow {
    let event = Event {
        schema: 1,
        id: id.into(),
        rev: 1,
        state: State::Closed,
        sensor: "pop1".into(),
        vantage: Vantage(0),
        markers: vec!["m".into()],
        orders: Vec::new(),
        pattern_kind: PatternKind::Ip,
        matched_in: MatchedIn::DstIp,
        first_seen: now,
        last_seen: now,
        src_ip: "10.1.0.2".parse().ok(),
        src_port: Some(1_000 + seq as u16),
        dst_ip: "203.0.113.5".parse().ok(),
        dst_port: Some(443),
        proto: "tcp".into(),
        packets: 1,
        bytes: 60,
        subscriber_side: SubscriberSide::Src,
        interface: "in0".into(),
        vlan: Vec::new(),
        generation: 1,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        test: false,
    };
    EventRow {
        seq,
        event,
        handling: vec![MarkerHandling::default()],
        pattern: PatternId(1),
        tunnel: 0,
    }
}

/// Where the agent dies; the steps that the journal tells after the restart, the stage, and how many
/// files are in the export directory.
const DEATHS: [(&str, &[&str], &str, usize); 6] = [
    ("request_approved", &["approved", "lost"], "approved", 0),
    ("request_begun", &["begun", "not_disclosed"], "cleared", 0),
    ("request_making", &["begun", "not_disclosed"], "cleared", 0),
    ("request_handing", &["begun", "not_disclosed"], "cleared", 0),
    ("request_handed", &["begun", "disclosed"], "disclosed", 1),
    ("request_disclosed", &["begun", "disclosed"], "disclosed", 1),
];

fn files(home: &Home) -> usize {
    let Ok(entries) = fs::read_dir(exports(home)) else {
        return 0;
    };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .filter(|name| !name.to_string_lossy().starts_with('.'))
        .count()
}

#[test]
fn an_agent_that_dies_at_any_point_of_a_disclosure_tells_what_became_of_it() {
    if !need::root_and(&["setpriv", "curl"]) {
        return;
    }
    let (netns, authority) = (Netns::new("alone"), Authority::new());
    netns.enter();
    for (point, told, stage, count) in DEATHS {
        let home = Home::new();
        seed(&home);
        let mut settings = Settings::on(Vec::new());
        settings.control = roles();
        settings.more = authority.pins(&home);
        let daemon = Sensord::start(&home, &netns, &settings);
        let request = document("request-b", "REQ-1", &[EVENT]);
        let answer = submit(&daemon, &authority.request_b, 1, &request);
        assert_eq!(answer.status, 200, "{point}: {:?}", answer.body);
        let first = approve(&daemon, PERSONS[0], "REQ-1");
        assert_eq!(first.status, 200, "{point}: {:?}", first.body);
        fs::write(home.fault(), format!("{point} die")).expect("a writable directory");
        ask_in_vain(&home, PERSONS[1], "/v1/requests/REQ-1/approve", b"");
        fs::remove_file(home.fault()).expect("it is there");
        drop(daemon);

        let daemon = Sensord::start(&home, &netns, &settings);
        let row = daemon.ask_as(DESK, "GET", "/v1/requests/REQ-1", "").body;
        assert_eq!(row["stage"], stage, "{point}: {row}");
        assert_eq!(files(&home), count, "{point}");
        let journal = steps(&daemon, "REQ-1");
        assert_eq!(journal[journal.len() - told.len()..], *told, "{point}");

        // It goes on from there, and says so where the same may have gone out before.
        let mut row = row;
        for uid in [PERSONS[1], PERSONS[0], PERSONS[1]] {
            if row["stage"] != "disclosed" {
                row = approve(&daemon, uid, "REQ-1").body;
                if row["code"] == "second_person" {
                    row = json!({"stage": "approved"});
                }
            }
        }
        assert_eq!(row["stage"], "disclosed", "{point}: {row}");
        let (manifest, records) =
            opened(&home, &row, authority.identity_for(&row)).expect("it opens");
        assert_eq!(records.len(), 1, "{point}");
        assert_eq!(manifest["repeat"], point == "request_handing", "{point}");
        let entries = daemon.client().journal();
        let done: Vec<&Value> = entries
            .iter()
            .filter(|entry| entry["action"] == "request" && entry["step"] == "disclosed")
            .collect();
        assert_eq!(done.len(), 1, "{point}");
        assert_eq!(
            done[0]["repeat"] == true,
            point == "request_handing",
            "{point}"
        );
        let (_, csv, _) = daemon.control(&["costs", "export"]);
        assert_eq!(csv.lines().count(), 2, "{point}: one line of costs\n{csv}");
        assert!(daemon.stop().success());
    }
}

#[test]
fn a_submission_that_was_not_kept_is_told_and_may_be_made_again() {
    if !need::root_and(&["setpriv", "curl"]) {
        return;
    }
    let (netns, authority, home) = (Netns::new("alone"), Authority::new(), Home::new());
    netns.enter();
    seed(&home);
    let mut settings = Settings::on(Vec::new());
    settings.control = roles();
    settings.more = authority.pins(&home);
    let daemon = Sensord::start(&home, &netns, &settings);
    // Asked once, so that everybody may reach the socket.
    let none = daemon.ask_as(DESK, "GET", "/v1/requests", "").body;
    assert_eq!(none["rows"], json!([]));
    let request = document("request-b", "REQ-1", &[EVENT]).to_string();
    let envelope = authority
        .request_b
        .envelope(1, request.as_bytes(), &["--kind", "request-b"]);
    fs::write(home.fault(), "request_submitted die").expect("a writable directory");
    ask_in_vain(&home, DESK, "/v1/requests", &envelope);
    fs::remove_file(home.fault()).expect("it is there");
    drop(daemon);
    let daemon = Sensord::start(&home, &netns, &settings);
    assert_eq!(steps(&daemon, "REQ-1"), ["submitted", "lost"]);
    let text = String::from_utf8(envelope).expect("text");
    let again = daemon.ask_as(DESK, "POST", "/v1/requests", &text);
    assert_eq!(again.status, 200, "{:?}", again.body);
    let twice = daemon.ask_as(DESK, "POST", "/v1/requests", &text);
    assert_eq!(twice.body["code"], "replayed");
    assert!(daemon.stop().success());
}
