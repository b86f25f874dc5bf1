//! The life of an order.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sensor_tests::{
    command::wait_until,
    identity::{Identities, events},
    need,
};
use serde_json::json;

use crate::scene::{
    MARKED, Scene, event, manifest, patterns, sleep_until, state, submit, submit_marked, time,
};

/// What "gone within one second" leaves for asking.
const GONE: Duration = Duration::from_secs(1);

#[test]
fn an_order_of_a_thousand_markers_is_live_in_under_a_second() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    let ips = |from: u32, to: u32, name: &str| -> String {
        let line = |n| format!("ip {} id={name}{n}\n", Ipv4Addr::from(0x2d00_0000 + n));
        (from..to).map(line).collect()
    };
    client.load(&ips(0, 20_000, "own"));
    let before = scene.wire.to.xdp_program("in0");
    let begun = Instant::now();
    let done = submit(
        &client,
        &manifest("2026/1", "P30D"),
        &ips(50_000, 51_000, "o"),
    );
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    println!("live after {took:?}");
    assert_eq!(done["change"]["added"], 1_000);
    assert_eq!(done["order"]["state"], "in_force");
    assert_eq!(done["order"]["markers"], 1_000);
    assert_eq!(patterns(&client), 21_000);
    assert_eq!(
        scene.wire.to.xdp_program("in0"),
        before,
        "in place: no program was replaced"
    );
    let last = Ipv4Addr::from(0x2d00_0000 + 50_999).to_string();
    scene.send(&last, 1_000);
    let found = event(&client, 1_000);
    assert_eq!(found["markers"], json!(["o50999"]));
    assert_eq!(found["orders"], json!(["2026/1"]));
    let accepted = client.journal();
    let accepted = accepted
        .iter()
        .find(|one| one["action"] == "order_accepted");
    let accepted = accepted.expect("an entry");
    assert_eq!(accepted["reference"], "2026/1");
    assert_eq!(accepted["index"], done["order"]["receipt"]);
    assert!(daemon.stop().success());
}

#[test]
fn at_its_end_an_order_is_gone_with_the_agent_alive() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    let markers =
        format!("ip {MARKED} id=m\nip 198.51.100.9 id=short until=2020-01-01T00:00:00Z\n");
    let done = submit(&client, &manifest("2026-2", "3s"), &markers);
    let end = time(&done["order"]["end"]);
    let receipt = done["order"]["acknowledged"].clone();
    assert!(time(&receipt) <= Timestamp::now());
    assert_eq!(patterns(&client), 1, "what is over by itself is not live");
    assert_eq!(scene.hits(&client, MARKED, 2_000), 1);
    assert_eq!(event(&client, 2_000)["orders"], json!(["2026-2"]));
    // Under traffic, over the end.
    let mut port = 2_001;
    while Timestamp::now() < end + Duration::from_millis(100) {
        scene.send(MARKED, port);
        port += 1;
    }
    sleep_until(end + GONE);
    assert_eq!(patterns(&client), 0, "its entries are gone");
    assert_eq!(state(&client, "2026-2"), "over");
    let recorded = events(&client).len();
    for event in events(&client) {
        assert!(time(&event["first_seen"]) < end, "{event}");
        assert!(time(&event["last_seen"]) < end, "{event}");
    }
    assert_eq!(scene.hits(&client, MARKED, 3_000), 0);
    assert_eq!(events(&client).len(), recorded);
    let shown = client.get("/v1/markers/m").expect("an answer").body;
    assert_eq!(shown["not_in_force"], "over");
    assert_eq!(
        shown["source"],
        json!({"order": "2026-2", "issuer": "ANSSI"})
    );
    let actions = client.actions();
    for expected in ["order_accepted", "order_ended", "markers_expired"] {
        assert!(actions.iter().any(|one| one == expected), "{actions:?}");
    }
    assert!(daemon.stop().success());
}

#[test]
fn at_its_end_an_order_is_gone_with_the_agent_dead() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    let end = submit_marked(&client, "2026-3", "4s");
    assert_eq!(scene.hits(&client, MARKED, 2_000), 1);
    daemon.kill9();
    scene.send(MARKED, 2_001);
    sleep_until(end + Duration::from_millis(100));
    scene.send(MARKED, 2_002);
    let daemon = scene.start();
    let client = daemon.client();
    assert_eq!(
        patterns(&client),
        0,
        "the restarted agent has no entry of it"
    );
    let kernel = Identities::settled(&client).kernel;
    assert_eq!((kernel["hits"], kernel["expired"]), (3, 1), "{kernel:?}");
    assert_eq!(state(&client, "2026-3"), "over");
    assert!(client.actions().iter().any(|one| one == "order_ended"));
    assert_eq!(scene.hits(&client, MARKED, 2_003), 0);
    for event in events(&client) {
        assert!(time(&event["last_seen"]) < end, "{event}");
        assert_eq!(event["orders"], json!(["2026-3"]));
    }
    assert!(daemon.stop().success());
}

#[test]
fn with_the_agent_dead_no_event_of_an_order_goes_on_after_its_end() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=own\n"));
    let mut order = manifest("2026-12", "4s");
    order["markers"] = json!(["own"]);
    let done = submit(&client, &order, "");
    let end = time(&done["order"]["end"]);
    scene.send(MARKED, 2_000);
    assert_eq!(event(&client, 2_000)["orders"], json!(["2026-12"]));
    daemon.kill9();
    sleep_until(end + Duration::from_millis(100));
    scene.send(MARKED, 2_000);
    let daemon = scene.start();
    let client = daemon.client();
    scene.send(MARKED, 2_000);
    let _settled = Identities::settled(&client);
    assert!(wait_until(Duration::from_secs(5), || events(&client)
        .iter()
        .any(|event| event["packets"] == 2)));
    for event in events(&client) {
        let of_order = event["orders"] == json!(["2026-12"]);
        assert_eq!(time(&event["last_seen"]) < end, of_order, "{event}");
        assert_eq!(event["state"] == "closed", of_order, "{event}");
    }
    assert!(daemon.stop().success());
}

#[test]
fn an_order_begins_at_its_start_and_its_markers_with_it() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    let start = Timestamp::now() + Duration::from_secs(2);
    let mut order = manifest("2026-4", "1h");
    order["start"] = json!(start.to_string());
    let done = submit(&client, &order, &format!("ip {MARKED} id=m\n"));
    assert_eq!(done["order"]["state"], "not_yet");
    assert_eq!(done["change"]["not_yet"], 1);
    let later = format!("ip 198.51.100.7 id=later from={start}\n");
    client.post("/v1/markers", &later).expect("an answer");
    assert_eq!(scene.hits(&client, MARKED, 2_000), 0);
    let row = client.get("/v1/markers/later").expect("an answer").body;
    assert_eq!(row["not_in_force"], "not_yet");
    let (_, table, _) = daemon.control(&["markers", "list"]);
    assert!(table.contains("no: not yet"), "{table}");
    sleep_until(start + GONE);
    assert_eq!(patterns(&client), 2);
    assert_eq!(state(&client, "2026-4"), "in_force");
    assert_eq!(scene.hits(&client, MARKED, 2_001), 1);
    assert_eq!(scene.hits(&client, "198.51.100.7", 2_002), 1);
    assert!(client.actions().iter().any(|one| one == "markers_admitted"));
    // It stays so over a restart.
    assert!(daemon.stop().success());
    let daemon = scene.start();
    assert_eq!(patterns(&daemon.client()), 2);
    assert!(daemon.stop().success());
}
