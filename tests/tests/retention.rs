//! Events end in time, at once when they are not useful, and leave nothing behind.

#[path = "retention/clock.rs"]
mod clock;
#[path = "retention/places.rs"]
mod places;

use std::{fs, net::IpAddr, path::Path, time::Duration};

use jiff::{Span, Timestamp, tz::TimeZone};
use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Topology,
    traffic::ping,
};
use sensor_user::{
    events::{Batch, Options, Store},
    model::{
        Event, EventRow, MarkerHandling, MatchedIn, Pap, PatternId, PatternKind, State,
        SubscriberSide, Tlp, Vantage,
    },
};
use serde_json::Value;

const MARKED: &str = "10.2.0.2";
const PATIENCE: Duration = Duration::from_secs(15);

fn ping_marked(topology: &Topology) {
    let marked: IpAddr = MARKED.parse().expect("an address");
    assert_eq!(ping(&topology.subscriber, marked, 3), 3, "packets pass");
}

/// An event with its first packet at a time.
fn event(seq: i64, first_seen: Timestamp) -> EventRow {
    EventRow {
        seq,
        event: Event {
            schema: 1,
            id: format!("{:032x}", 0xabcd_ef01_2345_6789_u128 << 64 | seq as u128),
            rev: 1,
            state: State::Closed,
            sensor: "pop1".into(),
            vantage: Vantage(0),
            markers: vec!["seeded".into()],
            orders: Vec::new(),
            pattern_kind: PatternKind::Ip,
            matched_in: MatchedIn::DstIp,
            first_seen,
            last_seen: first_seen,
            src_ip: MARKED.parse().ok(),
            src_port: Some(1234),
            dst_ip: MARKED.parse().ok(),
            dst_port: Some(443),
            proto: "tcp".into(),
            packets: 1,
            bytes: 60,
            subscriber_side: SubscriberSide::Src,
            interface: "transit0".into(),
            vlan: Vec::new(),
            generation: 1,
            tlp: Tlp::Amber,
            pap: Pap::Amber,
            test: false,
        },
        handling: vec![MarkerHandling::default()],
        pattern: PatternId(1),
        tunnel: 0,
    }
}

/// So many calendar months ago, and days and seconds later.
fn ago(months: i8, days: i8, seconds: i8) -> Timestamp {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let span = Span::new().months(months);
    let then = now.checked_sub(span).expect("in the calendar");
    let more = Span::new().days(days).seconds(seconds);
    then.checked_add(more).expect("in the calendar").timestamp()
}

/// Puts events into a store that no daemon has open.
fn seed(home: &Home, rows: Vec<EventRow>) {
    let (mut store, _) = Store::open(&home.state(), Options::default()).expect("a store");
    let batch = Batch {
        new: rows,
        ..Batch::default()
    };
    store.commit(&batch).expect("it is stored");
}

/// What the store's files hold of each event: its key and what is sealed of it.
fn key_of(home: &Home, seq: usize) -> Vec<u8> {
    let keys = fs::read(home.state().join("keys/events.keys")).expect("the key file");
    keys[4_096 + seq * 32..][..32].to_vec()
}

/// Files below a directory in which the bytes stand.
fn holding(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path)
            .unwrap_or_default()
            .windows(bytes.len())
            .any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// The bytes of an id, as the store has them.
fn bytes_of(id: &str) -> Vec<u8> {
    sensor_user::crypto::unhex(id).expect("hexadecimal")
}

fn erased(client: &Client, reason: &str) -> u64 {
    let entries = client.journal().into_iter();
    let entries = entries.filter(|entry| entry["action"] == "events_erased");
    entries
        .map(|entry| entry[reason].as_u64().unwrap_or(0))
        .sum()
}

#[test]
fn six_months_later_an_event_is_gone_from_the_api_and_every_file() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    // Six calendar months and a second ago; and so that its day is still to come.
    seed(&home, vec![event(1, ago(6, 0, -1)), event(2, ago(6, 2, 0))]);
    let [gone, kept] = [1, 2].map(|seq| key_of(&home, seq));
    assert!(!holding(&home.state(), &gone).is_empty());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    let over = event(1, Timestamp::UNIX_EPOCH).event.id;
    let path = format!("/v1/events/{over}");
    let told = wait_until(PATIENCE, || {
        erased(&client, "expired") == 1 && client.get(&path).expect("an answer").status == 404
    });
    assert!(told, "{:?}", client.journal());
    let left = events(&client);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["id"], event(2, Timestamp::UNIX_EPOCH).event.id);
    let none = |bytes: &[u8]| wait_until(PATIENCE, || holding(&home.state(), bytes).is_empty());
    assert!(none(&gone), "its key is left");
    assert!(none(&bytes_of(&over)), "its row is left");
    assert!(!holding(&home.state(), &kept).is_empty());
    let status = client.status();
    assert_eq!(status["events"]["stored"], 1);
    let destroyed = status["events"]["destroyed"].as_array().expect("a list");
    assert_eq!(
        destroyed[0],
        serde_json::json!({"term": "expired", "count": 1})
    );
    let metrics = daemon.metrics();
    assert!(
        metrics.contains("marker_sensor_events_destroyed_total{reason=\"expired\"} 1"),
        "{metrics}"
    );
}

#[test]
fn an_event_that_is_not_useful_is_destroyed_at_once() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=c2\n"));
    ping_marked(&topology);
    let _ = Identities::settled(&client);
    let before = events(&client);
    assert_eq!(before.len(), 1);
    let id = before[0]["id"].as_str().expect("an id");
    assert_ne!(holding(&home.state(), &bytes_of(id)), [""; 0]);
    let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let list = |marker: &str| {
        let answer = client.get(&format!("/v1/events?marker={marker}&day={day}"));
        let rows = answer.expect("an answer").body["rows"].clone();
        rows.as_array().map(Vec::len)
    };
    assert_eq!((list("c2"), list("other")), (Some(1), Some(0)));
    assert_eq!(
        client
            .get("/v1/events?marker=c2")
            .expect("an answer")
            .status,
        400
    );

    let (code, told, error) = daemon.control(&["events", "not-useful", &id[..8]]);
    assert_eq!((code, told.trim()), (0, "1 events destroyed"), "{error}");
    assert_eq!(events(&client), [] as [Value; 0]);
    assert_eq!(
        holding(&home.state(), &bytes_of(id)),
        [""; 0],
        "bytes of it are left"
    );
    let (code, _, error) = daemon.control(&["events", "not-useful", id]);
    assert_ne!(code, 0, "it is gone: {error}");
    let journal = client.journal();
    let asked = journal
        .iter()
        .filter(|entry| entry["action"] == "events_not_useful");
    assert_eq!(asked.count(), 1);
    assert_eq!(erased(&client, "not_useful"), 1);
    assert!(!Value::from(journal).to_string().contains(id));

    // What comes later is another event, and both identities hold.
    ping_marked(&topology);
    let identities = Identities::settled(&client);
    assert_eq!(identities.agent["store_full"], 0);
    assert!(wait_until(PATIENCE, || events(&client).len() == 1));
}

#[test]
fn without_its_key_file_the_agent_says_so_and_detection_goes_on() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let settings = Settings::on_router();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    daemon.client().load(&format!("ip {MARKED} id=c2\n"));
    ping_marked(&topology);
    let _ = Identities::settled(&daemon.client());
    assert!(daemon.stop().success());
    fs::remove_file(home.state().join("keys/events.keys")).expect("the key file");
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    assert!(
        daemon
            .stderr()
            .contains("key file of the events is not there"),
        "{}",
        daemon.stderr()
    );
    assert!(wait_until(PATIENCE, || erased(&client, "unreadable") == 1));
    assert_eq!(events(&client), [] as [Value; 0]);
    ping_marked(&topology);
    let _ = Identities::settled(&client);
    assert_eq!(events(&client).len(), 1);
}

#[test]
fn more_than_six_months_are_refused_at_start() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let mut settings = Settings::on_router();
    settings.declared = false;
    settings.more = "[events]\nretention = \"7 months\"\n".into();
    let mut daemon = Sensord::spawn(&home, &topology.router, &settings);
    let ended = daemon.wait().expect("it ends");
    assert!(!ended.success());
    let said = daemon.stderr();
    assert!(
        said.contains("events.retention") && said.contains("six months"),
        "{said}"
    );
}

#[test]
fn at_its_cap_the_oldest_closed_events_make_room() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    // More than the cap takes; open ones may not go for others.
    let open = (1..=20_000).map(|seq| {
        let mut row = event(seq, ago(0, 0, 0));
        row.event.state = State::Open;
        row
    });
    seed(&home, open.collect());
    let mut settings = Settings::on_router();
    settings.more = "[events]\nmax-size = \"4MiB\"\n".into();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=c2\n"));
    // Another set of maps: what was open is closed now, and the oldest goes.
    let fits = wait_until(PATIENCE, || {
        let events = client.status()["events"].clone();
        events["bytes"].as_u64() <= events["most_bytes"].as_u64() && events["full"] == false
    });
    assert!(fits, "{}", client.status()["events"]);
    assert!(wait_until(PATIENCE, || erased(&client, "cap") > 0));
    ping_marked(&topology);
    let identities = Identities::settled(&client);
    assert_eq!(identities.agent["store_failed"], 0, "{identities:?}");
}
