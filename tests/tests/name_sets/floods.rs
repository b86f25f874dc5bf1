//! Patterns of names that flood: the kernel's circuit breaker, and the lane's.

use std::time::Duration;

use sensor_tests::{
    bearers::{question, request},
    command::{Background, wait_until},
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
    traffic::pcap_write,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const MARKERS: &str = "domain *.loud.example id=name\nurl http://calm.example/loud id=url\n\
                       domain quiet.example id=quiet\n";

fn breakers(client: &Client) -> Vec<Value> {
    let status = client.status();
    status["breakers"].as_array().expect("a list").clone()
}

fn term(client: &Client, identity: &str, term: &str) -> u64 {
    let status = client.status();
    let rows = status[identity].as_array().expect("terms");
    let row = rows.iter().find(|row| row["term"] == term);
    row.expect("the term")["count"].as_u64().expect("a count")
}

/// New flows, a thousand a second, until it is dropped.
fn flood(wire: &Wire, frame: impl Fn(u16) -> Vec<u8>) -> (Background, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("flood.pcap");
    let frames: Vec<_> = (1_024..u16::MAX).map(frame).collect();
    pcap_write(&capture, &frames);
    let interface = format!("--intf1={}", Wire::OUT);
    let capture = capture.to_str().expect("UTF-8");
    let words = ["tcpreplay", "--quiet", "--loop=0", "--pps=1000"];
    let words = [&words[..], &[&interface, capture]].concat();
    (Background::start(&wire.from.wrap(&words)), directory)
}

/// Floods a pattern until its breaker is open, and looks at where hits end then.
fn opens(wire: &Wire, client: &Client, id: &str, identity: &str, frame: fn(u16) -> Vec<u8>) {
    let traffic = flood(wire, frame);
    let open = || {
        breakers(client)
            .iter()
            .any(|one| one["marker"] == id && one["open"] == true)
    };
    assert!(wait_until(PATIENCE, open), "{id}: {}", client.status());
    assert_eq!(breakers(client)[0]["automatic"], true);
    let broken = term(client, identity, "breaker");
    let grows = || term(client, identity, "breaker") > broken + 500;
    assert!(wait_until(PATIENCE, grows), "{id}: hits end there");
    drop(traffic);
    let _ = Identities::settled(client);
}

#[test]
fn a_name_and_a_url_that_flood_open_their_breakers_and_other_names_go_on() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = "[limits]\nnew-flows-per-second = 20\nnew-flows-burst = 20\n\
                     breaker-after = \"1s\"\nbreaker-rest = \"1h\"\n"
        .into();
    settings.drain_interval = "500ms".into();
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load(MARKERS);
    let in_kernel: fn(u16) -> Vec<u8> = |port| question(port, "a.loud.example");
    opens(&wire, &client, "name", "kernel_hits", in_kernel);
    let records = term(&client, "kernel_hits", "records");
    wire.send(&[question(700, "b.loud.example")], 1_000);
    wire.send(&[question(701, "quiet.example")], 1_000);
    let end = Identities::settled(&client);
    assert_eq!(end.kernel["records"], records + 1, "quiet's alone");
    let in_lane: fn(u16) -> Vec<u8> = |port| request(port, "calm.example", "/loud");
    opens(&wire, &client, "url", "findings", in_lane);
    assert_eq!(breakers(&client).len(), 2);

    // Both outlive the agent, and neither is open for another set of names.
    daemon.kill9();
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let before = Identities::settled(&client);
    wire.send(&[question(702, "c.loud.example")], 1_000);
    wire.send(&[request(703, "calm.example", "/loud")], 1_000);
    let after = Identities::settled(&client);
    assert_eq!(after.kernel["breaker"], before.kernel["breaker"] + 1);
    assert_eq!(after.findings["breaker"], before.findings["breaker"] + 1);
    let mut ids: Vec<_> = breakers(&client)
        .iter()
        .map(|one| one["marker"].clone())
        .collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, [json!("name"), json!("url")]);
    assert!(daemon.stop().success());
}
