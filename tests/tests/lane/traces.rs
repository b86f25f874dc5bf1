//! What is left of payloads: nothing, in no file, no answer and no map of the kernel.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use sensor_common::map;
use sensor_tests::{
    bearers::{frame, greeting, hello, message, question, request, segment, server_name},
    command::{output, run, said, wait_until},
    daemon::{Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
/// What no trace may have; it stands in payloads, never in a marker.
const CANARY: &str = "canary-4b1d9e7f";
const MARKERS: &str = "domain *.evil.example id=name\nurl http://evil.example/gate id=url\n";

/// The canary wherever a name, a path, a header or a body may be: in names that match, and that do not.
fn frames(first: u16) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (port, parent) in (first..).step_by(10).zip(["evil.example", "other.example"]) {
        let name = format!("{CANARY}.{parent}");
        let sni = server_name(&name);
        let whole = hello(&[(51, vec![9; 300]), sni.clone(), (16, CANARY.into())]);
        let long = hello(&[sni, (51, CANARY.as_bytes().repeat(60))]);
        frames.push(question(port, &name));
        frames.push(frame(Body::udp(port + 1, 53, &message(&name, 2))));
        frames.push(greeting(port + 2, &whole));
        frames.push(segment((port + 3, 443), 0, 2, &[]));
        frames.push(segment((port + 3, 443), 1, 0x18, &long[..700]));
        frames.push(segment((port + 3, 443), 701, 0x18, &long[700..]));
        frames.push(request(port + 4, &name, &format!("/{CANARY}?{CANARY}")));
        frames.push(request(port + 5, parent, "/gate"));
        let cut = format!("POST /{CANARY} HTTP/1.1\r\nX-Y: {CANARY}\r\nHo");
        frames.push(segment((port + 6, 80), 1, 0x18, cut.as_bytes()));
        frames.push(frame(Body::udp(port + 7, 4_500, CANARY.as_bytes())));
        frames.push(segment((port + 8, 7_000), 1, 0x18, CANARY.as_bytes()));
    }
    frames
}

/// Every file below a directory that has the canary.
fn holding(place: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(place).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if let Ok(content) = fs::read(&path)
            && content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

/// The maps of the attached program that have these bytes; rings have no keys, and what they carry has no payload.
fn maps_holding(wire: &Wire, bytes: &[u8]) -> Vec<String> {
    let bytes: Vec<String> = bytes
        .iter()
        .map(|byte| format!("\"{byte:#04x}\""))
        .collect();
    let bytes = bytes.join(",");
    let told = |words: &[&str]| {
        let (code, text, error) = said(output(&[&["bpftool", "-j"], words].concat()));
        assert_eq!(code, 0, "{words:?}: {error}");
        text
    };
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("`bpftool -j` writes JSON");
    let program = wire.to.xdp_program(Wire::IN).expect("it is attached");
    let program = read(&told(&["prog", "show", "id", &program.to_string()]));
    let maps = program["map_ids"].as_array().expect("its maps");
    let mut holding = Vec::new();
    for id in maps {
        let id = id.to_string();
        let map = read(&told(&["map", "show", "id", &id]));
        let name = map["name"].as_str().expect("a name").to_owned();
        if map["type"] == "ringbuf" || map["type"] == "prog_array" {
            continue;
        }
        if told(&["map", "dump", "id", &id]).contains(&bytes) {
            holding.push(name);
        }
    }
    holding
}

#[test]
fn a_canary_in_payloads_is_in_no_file_no_answer_and_after_two_seconds_in_no_map() {
    if !need::root_and(&["tcpreplay", "curl", "bpftool", "prlimit"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let eve = home.state().join("eve");
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    settings.table_entries = 1_024;
    settings.more = format!(
        "[[sink]]\nname = \"siem\"\nrecipient = \"operator\"\n[sink.eve]\ndirectory = {eve:?}\n"
    );
    let mut daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load(MARKERS);
    wire.send(&frames(1_000), 500);
    let places = ["dns", "tls_sni", "http_host", "http_url"];
    let seen = || {
        let events = events(&client);
        places
            .iter()
            .all(|place| events.iter().any(|event| event["matched_in"] == *place))
    };
    assert!(wait_until(PATIENCE, seen), "{:?}", events(&client));
    let delivered = || fs::read_dir(&eve).is_ok_and(|mut files| files.next().is_some());
    assert!(wait_until(PATIENCE, delivered), "the sink has its file");
    let told = |path: &str| client.get(path).expect("an answer").body.to_string();
    for (what, text) in [
        ("metrics", daemon.metrics()),
        ("status", told("/v1/status")),
        ("coverage", told("/v1/coverage")),
        ("events", told("/v1/events?limit=1000")),
        ("journal", told("/v1/journal?limit=1000")),
        ("log", daemon.stderr()),
    ] {
        assert!(!text.contains(CANARY), "in the {what}: {text}");
    }

    // It dies with payload in its memory, and leaves the kernel with more.
    run(&[
        "prlimit",
        "--core=unlimited:unlimited",
        &format!("--pid={}", daemon.id()),
    ]);
    fs::write(home.fault(), "lent_taken die").expect("a writable directory");
    wire.send(&frames(2_000), 5_000);
    let status = daemon.wait().expect("it dies");
    assert!(status.signal().is_some(), "{status}");
    assert!(!status.core_dumped(), "no core holds what it had borrowed");
    wire.send(&frames(3_000), 5_000);
    assert_eq!(
        maps_holding(&wire, CANARY.as_bytes()),
        [map::SLOTS],
        "it is there now"
    );
    thread::sleep(Duration::from_secs(2));
    assert_eq!(
        maps_holding(&wire, CANARY.as_bytes()),
        [""; 0],
        "nobody came: zeroed"
    );

    fs::remove_file(home.fault()).expect("it was there");
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let _ = Identities::settled(&daemon.client());
    assert!(daemon.stop().success());
    assert_eq!(holding(&home.state()), [""; 0].map(PathBuf::from));
    let log = fs::read_to_string(home.log()).expect("the log");
    assert!(!log.contains(CANARY), "{log}");
}

#[test]
fn a_flow_that_is_only_near_a_marker_is_in_no_map() {
    if !need::root_and(&["tcpreplay", "bpftool"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    client.load("cidr 203.0.113.0/25 id=near\n");
    let src = [198, 18, 77, 201];
    let from = |dst: [u8; 4]| {
        let body = Body::udp(40_000, 443, &[0; 18]);
        Frame::new(Ip4::new(src.into(), dst.into(), body)).bytes()
    };
    // In a neighbour of the prefix, which one word of the filter stands for, and in it.
    wire.send(&[from([203, 0, 113, 200])], 500);
    let hits = || Identities::settled(&client).kernel["hits"];
    assert_eq!(hits(), 0);
    assert_eq!(maps_holding(&wire, &src), [""; 0]);
    wire.send(&[from([203, 0, 113, 100])], 500);
    assert!(wait_until(PATIENCE, || hits() == 1));
    assert!(!maps_holding(&wire, &src).is_empty(), "a hit is there");
    assert!(daemon.stop().success());
}
