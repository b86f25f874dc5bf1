//! The same frames, native, generic and in replay: the same events.

use std::{collections::BTreeMap, path::Path, time::Duration};

use sensor_tests::{
    command::{output, wait_until},
    daemon::{Home, Interface, Sensord, Settings, binary},
    identity::{Identities, events},
    need,
    netns::{Netns, veth},
    random::{Pool, Random},
    traffic::{pcap_write, replay},
};
use serde_json::Value;

const FRAMES: usize = 2_000;
/// Payload of Ethernet, no frame above it.
const MTU: usize = 1_500;
const SEED: u64 = 20_261_123;
const IN: &str = "in0";
const OUT: &str = "out0";

/// What every way of running must tell alike: who, what, how much; not when, where and under which id.
const COMPARED: [&str; 12] = [
    "markers",
    "pattern_kind",
    "matched_in",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "proto",
    "packets",
    "bytes",
    "vlan",
    "tlp",
];

fn compared(events: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        let fields: Vec<&Value> = COMPARED.iter().map(|field| &event[*field]).collect();
        let text = serde_json::to_string(&fields).expect("JSON");
        *counts.entry(text).or_insert(0) += 1;
    }
    counts
}

/// Runs the daemon in one mode over the frames and returns its events.
fn live(mode: &str, markers: &str, capture: &Path) -> BTreeMap<String, usize> {
    let (from, to) = (Netns::new("from"), Netns::new("to"));
    veth(&from, OUT, &to, IN);
    for (netns, interface) in [(&from, OUT), (&to, IN)] {
        // Nothing but the frames of the capture crosses the wire.
        netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
        netns.offloads_off(interface);
    }
    let home = Home::new();
    let mut interface = Interface::new(IN, &["0.0.0.0/0", "::/0"]);
    interface.mode = mode.into();
    let daemon = Sensord::start(&home, &to, &Settings::on(vec![interface]));
    let client = daemon.client();
    let answer = client.put("/v1/markers", markers).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    // Every address is a subscriber's here, so every marker is held back.
    let held_back = answer.body["held_back"].as_array().expect("a list");
    let ids: Vec<&str> = held_back
        .iter()
        .filter_map(|row| row["id"].as_str())
        .collect();
    daemon.release(&ids.join("\n"));
    replay(&from, OUT, capture, 4_000);
    let judged = || {
        let status = client.get("/v1/status").expect("an answer").body;
        assert_eq!(status["interfaces"][0]["mode"], mode);
        let outcomes = status["interfaces"][0]["outcomes"]
            .as_array()
            .expect("outcomes")
            .clone();
        outcomes
            .iter()
            .map(|row| row["packets"].as_u64().expect("a count"))
            .sum::<u64>()
    };
    assert!(
        wait_until(Duration::from_secs(10), || judged() == FRAMES as u64),
        "{} of {FRAMES} frames judged",
        judged()
    );
    let identities = Identities::settled(&client);
    // A drain after the last packet: counts of the flows are in.
    let counted = || {
        let told: u64 = events(&client)
            .iter()
            .map(|event| event["packets"].as_u64().unwrap())
            .sum();
        told == identities.kernel["hits"]
    };
    assert!(
        wait_until(Duration::from_secs(5), counted),
        "hits are missing in the events"
    );
    let events = compared(&events(&client));
    assert!(daemon.stop().success());
    events
}

#[test]
fn native_generic_and_replay_give_the_same_events() {
    let tools = ["ip", "ethtool", "tcpreplay"];
    if !need::root() || !tools.into_iter().all(need::tool) {
        return;
    }
    let pool = Pool::default();
    let mut random = Random::from_env(SEED);
    let patterns = pool.patterns(&mut random, 24);
    let markers: String = patterns
        .iter()
        .map(|pattern| format!("{pattern}\n"))
        .collect();
    let frames: Vec<Vec<u8>> = std::iter::repeat_with(|| pool.frame(&mut random))
        .filter(|frame| (14..=MTU + 14).contains(&frame.len()))
        .take(FRAMES)
        .collect();
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("frames.pcap");
    pcap_write(&capture, &frames);
    let list = directory.path().join("markers.txt");
    std::fs::write(&list, &markers).expect("a file");

    let run = output(&[
        binary("sensord").to_str().expect("UTF-8"),
        "replay",
        "--markers",
        list.to_str().expect("UTF-8"),
        capture.to_str().expect("UTF-8"),
    ]);
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let lines = String::from_utf8(run.stdout).expect("UTF-8");
    let replayed: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(
        replayed.len() > 50,
        "too few events to compare: {}",
        replayed.len()
    );
    let replayed = compared(&replayed);
    for mode in ["native", "generic"] {
        let live = live(mode, &markers, &capture);
        let missing: Vec<_> = replayed
            .iter()
            .filter(|(event, n)| live.get(*event) != Some(n))
            .collect();
        let extra: Vec<_> = live
            .iter()
            .filter(|(event, n)| replayed.get(*event) != Some(n))
            .collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{mode}: missing {missing:#?}, extra {extra:#?}"
        );
    }
}
