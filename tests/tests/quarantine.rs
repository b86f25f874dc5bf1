//! Markers that would match what everybody does: held back, told, and in force once released.

use std::fs;

use sensor_tests::{
    daemon::{Client, Home, Interface, PERSONS, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
    offline::replay,
    packet::{Body, Frame, Ip4, Ip6},
    traffic::pcap_write,
};
use serde_json::{Value, json};

const GOOD: &str = "203.0.113.5";
const RESOLVER: &str = "8.8.8.8";
const MARKERS: &str = "cidr 0.0.0.0/0 id=all\ncidr ::/0 id=all6\ncidr 44.0.0.0/8 id=eight\n\
                       ip 10.1.0.2 id=subscriber\nip 192.0.2.7 id=own\nip 8.8.8.8 id=resolver\n\
                       ip 203.0.113.5 id=good\n";
const HELD_BACK: [(&str, &str); 6] = [
    ("all", "too_broad"),
    ("all6", "too_broad"),
    ("eight", "too_broad"),
    ("own", "own_address"),
    ("resolver", "public_resolver"),
    ("subscriber", "own_address"),
];

fn frame(to: &str) -> Vec<u8> {
    let body = Body::udp(1024, 53, b"x");
    match to.parse() {
        Ok(std::net::IpAddr::V4(to)) => Frame::new(Ip4::new([10, 1, 0, 2].into(), to, body)),
        Ok(std::net::IpAddr::V6(to)) => {
            let from = "2001:db8:1::2".parse().expect("an address");
            Frame::new(Ip6::new(from, to, body))
        }
        Err(_) => panic!("{to} is no address"),
    }
    .bytes()
}

fn settings(limits: &str) -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = format!("[limits]\n{limits}\n");
    settings
}

/// Hits of one packet to each of these addresses.
fn hits(wire: &Wire, client: &Client, to: &[&str]) -> u64 {
    let before = Identities::settled(client).kernel["hits"];
    let frames: Vec<_> = to.iter().map(|to| frame(to)).collect();
    wire.send(&frames, 1_000);
    Identities::settled(client).kernel["hits"] - before
}

/// Markers in the set, held back, and patterns in force.
fn counts(client: &Client) -> [u64; 3] {
    let status = client.status();
    let markers = &status["markers"];
    let count = |value: &Value| value.as_u64().expect("a count");
    let in_force = markers["in_force"].as_array().expect("kinds");
    [
        count(&markers["total"]),
        count(&markers["quarantined"]),
        in_force.iter().map(|kind| count(&kind["count"])).sum(),
    ]
}

fn listed(client: &Client) -> Vec<(String, String)> {
    let answer = client.get("/v1/markers?limit=100&quarantined=true");
    let rows = answer.expect("an answer").body["rows"].clone();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let row = |row: &Value| {
        assert_eq!(row["in_force"], false, "{row}");
        (text(&row["id"]), text(&row["standing"]))
    };
    rows.as_array().expect("rows").iter().map(row).collect()
}

fn expected(without: &[&str]) -> Vec<(String, String)> {
    let held = HELD_BACK.iter().filter(|(id, _)| !without.contains(id));
    held.map(|(id, code)| ((*id).into(), (*code).into()))
        .collect()
}

fn answered(answer: &Value) -> Vec<(String, String)> {
    let held = answer["held_back"].as_array();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut held: Vec<_> = held
        .into_iter()
        .flatten()
        .map(|one| {
            assert!(!text(&one["reason"]).is_empty());
            (text(&one["id"]), text(&one["code"]))
        })
        .collect();
    held.sort();
    held
}

/// What would be hit by the markers that are held back.
const CAUGHT: [&str; 5] = [
    "44.1.1.1",
    "192.0.2.7",
    RESOLVER,
    "9.10.11.12",
    "2001:db8:9::1",
];

#[test]
fn what_is_too_broad_is_held_back_until_somebody_releases_it() {
    if !need::root_and(&["tcpreplay", "setpriv", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings("own-prefixes = [\"192.0.2.0/24\"]");
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let answer = client.load(MARKERS);
    assert_eq!(answered(&answer), expected(&[]));
    assert_eq!(
        (&answer["quarantined"], &answer["patterns"]),
        (&json!(6), &json!(1))
    );
    assert_eq!(listed(&client), expected(&[]));
    assert_eq!(counts(&client), [7, 6, 1]);
    let (_, text, _) = daemon.control(&["markers", "list", "--quarantined"]);
    assert!(!text.contains("good"), "{text}");
    for (id, code) in HELD_BACK {
        let row = text.lines().find(|line| line.starts_with(id));
        assert!(row.is_some_and(|row| row.contains(code)), "{id}: {text}");
    }
    assert_eq!(hits(&wire, &client, &CAUGHT), 0);
    assert_eq!(hits(&wire, &client, &[GOOD]), 1);
    let page = daemon.metrics();
    assert!(
        page.contains("marker_sensor_markers_quarantined 6"),
        "{page}"
    );

    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(listed(&client), expected(&[]), "after a restart");
    assert_eq!(counts(&client), [7, 6, 1]);
    assert_eq!(hits(&wire, &client, &CAUGHT), 0);

    let released = daemon.release("# looked at\nresolver\n");
    assert_eq!(released["quarantined"], 5, "{released}");
    let journal = client.journal();
    let last = journal.iter().rfind(|entry| {
        entry["action"]
            .as_str()
            .is_some_and(|a| a.starts_with("markers_rel"))
    });
    let last = last.expect("a journal entry");
    assert_eq!(last["action"], "markers_released");
    assert_eq!(last["quarantined"], 5, "{last}");
    assert!(!last.to_string().contains("8.8.8"), "{last}");
    assert_eq!(listed(&client), expected(&["resolver"]));
    assert_eq!(counts(&client), [7, 5, 2]);
    assert_eq!(hits(&wire, &client, &CAUGHT), 1);

    let answer = client.load(MARKERS);
    assert_eq!(answered(&answer), expected(&["resolver"]));
    assert_eq!(
        (&answer["added"], &answer["removed"]),
        (&json!(0), &json!(0))
    );
    let again = client.post("/v1/markers", "ip 8.8.8.8 id=resolver tlp=RED\n");
    assert_eq!(again.expect("an answer").body["quarantined"], 5);
    assert_eq!(counts(&client), [7, 5, 2], "it stays released");
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(counts(&client), [7, 5, 2]);
    assert_eq!(hits(&wire, &client, &CAUGHT), 1);

    // Released for this pattern, not for any other under its id.
    let other = client.post("/v1/markers", "ip 1.1.1.1 id=resolver\n");
    assert_eq!(
        other.expect("an answer").body["held_back"][0]["id"],
        "resolver"
    );
    assert_eq!(counts(&client), [7, 6, 1]);
    assert_eq!(hits(&wire, &client, &[RESOLVER, "1.1.1.1"]), 0);
    let removed = client.post("/v1/markers/remove", "resolver\nall\ngood\n");
    assert_eq!(removed.expect("an answer").status, 200);
    assert_eq!(counts(&client), [4, 4, 0]);
    assert_eq!(hits(&wire, &client, &[GOOD]), 0);
    assert!(daemon.stop().success());
}

#[test]
fn a_release_needs_two_persons_and_root_is_none() {
    if !need::root_and(&["tcpreplay", "setpriv", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings("");
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load("ip 8.8.8.8 id=resolver\ncidr 44.0.0.0/8 id=eight\n");
    let [one, two] = PERSONS;
    let release = |daemon: &Sensord<'_>, uid, ids: &str| {
        let answer = daemon.ask_as(uid, "POST", "/v1/markers/release", ids);
        (answer.status, answer.body)
    };
    let row = |daemon: &Sensord<'_>, id: &str| {
        let answer = daemon.client().get(&format!("/v1/markers/{id}"));
        answer.expect("an answer").body
    };
    let root = client.post("/v1/markers/release", "resolver\n");
    let root = root.expect("an answer");
    assert_eq!(
        (root.status, &root.body["code"]),
        (403, &json!("no_person"))
    );
    assert_eq!(row(&daemon, "resolver")["approved_by"], Value::Null);

    let (status, first) = release(&daemon, one, "resolver\n");
    assert_eq!((status, &first["awaiting"]), (200, &json!(1)), "{first}");
    assert_eq!(first["quarantined"], 2);
    assert_eq!(row(&daemon, "resolver")["approved_by"], one);
    let (_, text, _) = daemon.control(&["markers", "list"]);
    let line = |id: &str| {
        let line = text.lines().find(|line| line.starts_with(id));
        line.expect("a row").to_owned()
    };
    assert!(line("resolver").contains("release: 1 of 2"), "{text}");
    assert!(line("eight").contains("release: 0 of 2"), "{text}");
    let (status, again) = release(&daemon, one, "resolver\n");
    assert_eq!((status, &again["code"]), (409, &json!("second_person")));
    assert_eq!(hits(&wire, &client, &[RESOLVER]), 0, "one is not enough");

    // The approval outlives the agent, and is of the marker as it was.
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(row(&daemon, "resolver")["approved_by"], one);
    client.load("ip 1.1.1.1 id=resolver\ncidr 44.0.0.0/8 id=eight\n");
    assert_eq!(row(&daemon, "resolver")["approved_by"], Value::Null);
    client.load("ip 8.8.8.8 id=resolver\ncidr 44.0.0.0/8 id=eight\n");
    let (_, first) = release(&daemon, two, "resolver\n");
    assert_eq!(first["awaiting"], 1);

    // Each of the two sees the other's half.
    let (status, mixed) = release(&daemon, one, "resolver\neight\n");
    assert_eq!((status, &mixed["awaiting"]), (200, &json!(1)), "{mixed}");
    assert_eq!(
        (&mixed["quarantined"], &mixed["patterns"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(hits(&wire, &client, &[RESOLVER, "44.1.1.1"]), 1);
    let (status, last) = release(&daemon, two, "eight\n");
    assert_eq!((status, &last["quarantined"]), (200, &json!(0)), "{last}");
    assert_eq!(hits(&wire, &client, &[RESOLVER, "44.1.1.1"]), 2);
    let journal = client.journal();
    let of = |action: &str| {
        let entries = journal.iter().filter(|entry| entry["action"] == action);
        entries
            .map(|entry| entry["uid"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("release_approved"), [one, two, one].map(Value::from));
    assert_eq!(of("markers_released"), [one, two].map(Value::from));
    assert!(daemon.stop().success());
}

#[test]
fn a_load_under_other_limits_is_judged_by_them_and_a_restart_keeps_that() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let markers = "cidr 44.0.0.0/8 id=eight\nip 192.0.2.7 id=host\n";
    let to = ["44.1.1.1", "192.0.2.7"];
    let (strict, own) = (
        settings("widest-ipv4 = 12"),
        settings("widest-ipv4 = 8\nown-prefixes = [\"192.0.2.0/24\"]"),
    );
    let daemon = Sensord::start(&home, &wire.to, &strict);
    daemon.client().load(markers);
    assert_eq!(counts(&daemon.client()), [2, 1, 1]);
    assert!(daemon.stop().success());
    for method in ["PUT", "POST"] {
        for (settings, host) in [(&own, 0), (&strict, 1)] {
            let daemon = Sensord::start(&home, &wire.to, settings);
            let client = daemon.client();
            let answer = client.request(method, "/v1/markers", markers.as_bytes());
            let answer = answer.expect("an answer");
            assert_eq!(answer.body["quarantined"], 1, "{:?}", answer.body);
            assert_eq!(counts(&client), [2, 1, 1]);
            assert_eq!(hits(&wire, &client, &to[host..=host]), 1);
            assert_eq!(hits(&wire, &client, &to), 1);
            assert!(daemon.stop().success());
            let daemon = Sensord::start(&home, &wire.to, settings);
            let client = daemon.client();
            assert_eq!(counts(&client), [2, 1, 1], "after a restart");
            assert_eq!(hits(&wire, &client, &to[host..=host]), 1);
            assert!(daemon.stop().success());
        }
    }
}

#[test]
fn a_marker_of_a_warninglist_is_held_back_by_name_until_released() {
    const LIST: &str = r#"{"name":"Known scanners","version":1,"description":"x","type":"cidr",
        "matching_attributes":["ip-src","ip-dst"],"list":["203.0.113.0/28"]}"#;
    if !need::root_and(&["tcpreplay", "setpriv", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let path = home.state().join("list.json");
    fs::create_dir_all(home.state()).expect("a writable directory");
    fs::write(&path, LIST).expect("a writable directory");
    let settings = settings(&format!("warninglists = [\"{}\"]", path.display()));
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let answer = client.load("ip 203.0.113.5 id=listed\nip 203.0.113.16 id=good\n");
    let held = &answer["held_back"];
    assert_eq!(
        (&held[0]["id"], &held[0]["code"], &held[1]),
        (&json!("listed"), &json!("warninglist"), &Value::Null)
    );
    let reason = held[0]["reason"].as_str().expect("a reason");
    assert!(reason.ends_with(": Known scanners"), "{reason}");
    let expected = ("listed".to_owned(), "warninglist:Known scanners".to_owned());
    assert_eq!(listed(&client), [expected]);
    assert_eq!(hits(&wire, &client, &[GOOD, "203.0.113.16"]), 1);
    assert_eq!(daemon.release("listed\n")["quarantined"], 0);
    assert_eq!(hits(&wire, &client, &[GOOD, "203.0.113.16"]), 2);
    // Still released, for a load that says the same and for a restart.
    client.load("ip 203.0.113.5 id=listed\n");
    assert_eq!(counts(&client), [1, 0, 1]);
    assert!(daemon.stop().success());
    fs::write(&path, "{}").expect("a writable directory");
    let mut daemon = Sensord::spawn(&home, &wire.to, &settings);
    assert!(!daemon.wait().expect("it ends by itself").success());
    let said = daemon.stderr();
    assert!(
        said.contains("list.json") && said.contains("limits.warninglists"),
        "{said}"
    );
}

#[test]
fn nothing_is_held_back_in_replay() {
    if !need::root() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("capture.pcap");
    pcap_write(&capture, &[frame(RESOLVER), frame("44.1.1.1")]);
    let replayed = replay("ip 8.8.8.8 id=a\ncidr 44.0.0.0/8 id=b\n", &[], &[&capture]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert_eq!(replayed.events.len(), 2, "{}", replayed.stderr);
}
