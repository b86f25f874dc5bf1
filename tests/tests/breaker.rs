//! Circuit breakers: a pattern that floods is counted and goes no further; everything else goes on.

use std::time::Duration;

use sensor_tests::{
    command::{Background, wait_until},
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
    traffic::pcap_write,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const LOUD: [u8; 4] = [203, 0, 113, 5];
const QUIET: [u8; 4] = [198, 51, 100, 1];
const MARKERS: &str = "ip 203.0.113.5 id=loud\nip 198.51.100.1 id=quiet\n";
const PATIENCE: Duration = Duration::from_secs(20);

fn frame(port: u16, to: [u8; 4]) -> Vec<u8> {
    let body = Body::udp(port, 53, b"x");
    Frame::new(Ip4::new([10, 1, 0, 2].into(), to.into(), body)).bytes()
}

fn settings(breaker: &str) -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = format!(
        "[limits]\nnew-flows-per-second = 20\nnew-flows-burst = 20\nbreaker-after = \"1s\"\n{breaker}\n"
    );
    settings.drain_interval = "500ms".into();
    settings
}

/// New flows of the loud pattern, a thousand a second, until it is dropped.
struct Flood {
    _traffic: Background,
    _capture: TempDir,
}

impl Flood {
    fn start(wire: &Wire) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let capture = directory.path().join("flood.pcap");
        let frames: Vec<_> = (1_024..u16::MAX).map(|port| frame(port, LOUD)).collect();
        pcap_write(&capture, &frames);
        let interface = format!("--intf1={}", Wire::OUT);
        let words = [
            "tcpreplay",
            "--quiet",
            "--loop=0",
            "--pps=1000",
            &interface,
            capture.to_str().expect("UTF-8"),
        ];
        Self {
            _traffic: Background::start(&wire.from.wrap(&words)),
            _capture: directory,
        }
    }
}

fn breakers(client: &Client) -> Vec<Value> {
    let status = client.status();
    status["breakers"].as_array().expect("a list").clone()
}

fn hits(client: &Client, term: &str) -> u64 {
    let status = client.status();
    let rows = status["kernel_hits"].as_array().expect("terms");
    let row = rows.iter().find(|row| row["term"] == term);
    row.expect("the term")["count"].as_u64().expect("a count")
}

/// How many of so many packets of new flows of the loud pattern end under `term`.
fn ended(wire: &Wire, client: &Client, term: &str, ports: std::ops::Range<u16>) -> u64 {
    let before = Identities::settled(client).kernel[term];
    let frames: Vec<_> = ports.map(|port| frame(port, LOUD)).collect();
    wire.send(&frames, 1_000);
    Identities::settled(client).kernel[term] - before
}

fn quiet_is_told(wire: &Wire, client: &Client, port: u16) {
    wire.send(&[frame(port, QUIET)], 1_000);
    let told = || {
        events(client)
            .iter()
            .any(|event| event["markers"] == json!(["quiet"]) && event["src_port"] == port)
    };
    assert!(wait_until(PATIENCE, told), "port {port} of quiet");
}

#[test]
fn a_pattern_that_floods_is_opened_by_itself_and_closed_when_it_has_rested() {
    if !need::root_and(&["tcpreplay", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings("breaker-rest = \"6s\"");
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load(MARKERS);
    let flood = Flood::start(&wire);
    assert!(
        wait_until(PATIENCE, || !breakers(&client).is_empty()),
        "{}",
        client.status()
    );
    let open = breakers(&client);
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(
        (&open[0]["marker"], &open[0]["open"], &open[0]["automatic"]),
        (&json!("loud"), &json!(true), &json!(true))
    );
    let (_, text, _) = daemon.control(&["status"]);
    assert!(
        text.contains("the circuit breaker of marker loud is open since"),
        "{text}"
    );
    let page = daemon.metrics();
    for line in [
        "marker_sensor_breakers{state=\"open\"} 1",
        "marker_sensor_breakers{state=\"advised\"} 0",
        "marker_sensor_markers_quarantined 0",
    ] {
        assert!(page.contains(line), "no {line}:\n{page}");
    }
    let (records, broken) = (hits(&client, "records"), hits(&client, "breaker"));
    let grows = || hits(&client, "breaker") > broken + 1_000;
    assert!(wait_until(PATIENCE, grows), "hits count under breaker");
    assert_eq!(hits(&client, "records"), records, "and go no further");
    quiet_is_told(&wire, &client, 7_000);
    drop(flood);

    let receipt = open[0]["receipt"].as_u64().expect("an index");
    let entry = client.journal()[receipt as usize].clone();
    assert_eq!(entry["action"], "breaker_opened", "{entry}");
    assert_eq!(entry["automatic"], true, "{entry}");
    let pattern = open[0]["pattern_id"].as_str().expect("an id");
    for value in ["loud", pattern, "203.0.113"] {
        assert!(!entry.to_string().contains(value), "{value}: {entry}");
    }
    assert!(
        wait_until(PATIENCE, || breakers(&client).is_empty()),
        "it stays open"
    );
    let journal = client.journal();
    let closed = journal
        .iter()
        .find(|entry| entry["action"] == "breaker_closed");
    let closed = closed.expect("a journal entry");
    assert_eq!(
        (&closed["of"], &closed["automatic"]),
        (&json!(receipt), &json!(true))
    );
    assert_eq!(ended(&wire, &client, "records", 100..105), 5);
    assert!(daemon.stop().success());
}

#[test]
fn by_hand_a_flood_is_advised_and_an_open_breaker_outlives_agent_and_set() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings("breaker = \"manual\"\nbreaker-rest = \"1s\"");
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load(MARKERS);
    let flood = Flood::start(&wire);
    assert!(
        wait_until(PATIENCE, || !breakers(&client).is_empty()),
        "{}",
        client.status()
    );
    let advised = breakers(&client);
    assert_eq!(
        (&advised[0]["marker"], &advised[0]["open"]),
        (&json!("loud"), &json!(false))
    );
    let (_, text, _) = daemon.control(&["status"]);
    assert!(text.contains("the pattern of marker loud floods"), "{text}");
    assert_eq!(hits(&client, "breaker"), 0, "advised is not done");
    drop(flood);
    let over = || breakers(&client).is_empty();
    assert!(wait_until(PATIENCE, over), "the flood is over");

    let (code, text, error) = daemon.control(&["breaker", "open", "loud"]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("marker loud is open since"), "{text}");
    let open = breakers(&client);
    assert_eq!(open[0]["automatic"], false);
    assert_eq!(ended(&wire, &client, "breaker", 100..105), 5);
    quiet_is_told(&wire, &client, 7_001);
    let (code, _, _) = daemon.control(&["breaker", "open", "nobody"]);
    assert_ne!(code, 0, "no marker has this id");

    // Stopped, killed, started: it stays as it was, without an agent too.
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(breakers(&client), open);
    assert_eq!(ended(&wire, &client, "breaker", 200..205), 5);
    let before = hits(&client, "breaker");
    daemon.kill9();
    let frames: Vec<_> = (300..305).map(|port| frame(port, LOUD)).collect();
    wire.send(&frames, 1_000);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    assert_eq!(Identities::settled(&client).kernel["breaker"], before + 5);
    assert_eq!(breakers(&client), open);

    // Another set and back: whole generations, and single changes.
    let large: String = (0..200).map(|at| format!("ip 45.0.0.{at}\n")).collect();
    client.load(&large);
    assert_eq!(breakers(&client), open, "told though it has no marker now");
    client.load(&format!("{large}{MARKERS}"));
    assert_eq!(ended(&wire, &client, "breaker", 400..405), 5);
    client.load(&large);
    client.load(MARKERS);
    assert_eq!(ended(&wire, &client, "breaker", 500..505), 5);

    let (code, text, error) = daemon.control(&["breaker", "close", "loud"]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("marker loud is closed"), "{text}");
    assert_eq!(ended(&wire, &client, "records", 600..605), 5);
    assert!(breakers(&client).is_empty());
    assert!(daemon.stop().success());
}

#[test]
fn a_breaker_whose_marker_has_left_the_set_can_be_closed() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings("breaker = \"manual\"");
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load(MARKERS);
    let (code, _, error) = daemon.control(&["breaker", "open", "loud"]);
    assert_eq!(code, 0, "{error}");
    let removed = client.post("/v1/markers/remove", "loud\n");
    assert_eq!(removed.expect("an answer").status, 200);
    assert_eq!(breakers(&client).len(), 1);
    let (code, _, error) = daemon.control(&["breaker", "close", "loud"]);
    assert_eq!(code, 0, "{error}");
    assert!(breakers(&client).is_empty());
    client.load(MARKERS);
    assert_eq!(ended(&wire, &client, "records", 100..105), 5);
    assert!(daemon.stop().success());
}
