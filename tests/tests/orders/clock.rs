//! A wall clock that is set.

use std::time::Duration;

use sensor_tests::{
    command::wait_until,
    daemon::Client,
    identity::{Identities, events},
    need,
};
use serde_json::json;

use crate::scene::{
    MARKED, Scene, manifest, patterns, sleep_until, state, submit, submit_marked, time,
};

const PATIENCE: Duration = Duration::from_secs(10);

fn gone(client: &Client) -> bool {
    wait_until(PATIENCE, || patterns(client) == 0)
}

#[test]
fn an_order_that_a_step_forward_ended_stays_over_when_the_clock_is_set_back() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    submit_marked(&client, "2026-5", "30m");
    client
        .post(
            "/v1/markers",
            "ip 198.51.100.7 id=own until=2099-01-01T00:00:00Z\n",
        )
        .expect("an answer");
    assert_eq!(scene.hits(&client, MARKED, 2_000), 1);
    scene.home.step_clock(3_000);
    assert!(wait_until(PATIENCE, || patterns(&client) == 1));
    assert_eq!(state(&client, "2026-5"), "over");
    assert_eq!(scene.hits(&client, MARKED, 2_001), 0);
    // Deadlines were told in another kernel time.
    assert!(wait_until(PATIENCE, || client
        .actions()
        .iter()
        .any(|one| one == "deadlines_renewed")));
    assert_eq!(scene.hits(&client, "198.51.100.7", 2_002), 1);
    scene.home.step_clock(0);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(patterns(&client), 1);
    assert_eq!(state(&client, "2026-5"), "over");
    assert_eq!(scene.hits(&client, MARKED, 2_003), 0);
    assert_eq!(scene.hits(&client, "198.51.100.7", 2_004), 1);
    daemon.kill9();
    let daemon = scene.start();
    let client = daemon.client();
    assert_eq!(patterns(&client), 1, "after a restart, too");
    assert_eq!(state(&client, "2026-5"), "over");
    let row = client.get("/v1/markers/m").expect("an answer").body;
    assert_eq!(row["not_in_force"], json!("over"));
    assert_eq!(scene.hits(&client, MARKED, 2_005), 0);
    assert!(daemon.stop().success());
}

#[test]
fn a_step_back_gives_an_order_no_more_time() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    let markers = format!("ip {MARKED} id=m\n");
    let end = |answer: &serde_json::Value| time(&answer["order"]["end"]);
    let done = submit(&client, &manifest("2026-6", "4s"), &markers);
    scene.home.step_clock(-7_200);
    assert_eq!(scene.hits(&client, MARKED, 2_000), 1);
    sleep_until(end(&done));
    assert!(gone(&client));
    assert_eq!(scene.hits(&client, MARKED, 2_001), 0);
    // With the agent dead at its end, and set back while it is.
    scene.home.step_clock(0);
    let again = submit(&client, &manifest("2026-7", "4s"), "ip 198.51.100.7 id=n\n");
    assert_eq!(scene.hits(&client, "198.51.100.7", 2_002), 1);
    daemon.kill9();
    sleep_until(end(&again) + Duration::from_millis(100));
    scene.home.step_clock(-7_200);
    let daemon = scene.start();
    let client = daemon.client();
    assert_eq!(patterns(&client), 0);
    assert_eq!(state(&client, "2026-7"), "over");
    assert_eq!(scene.hits(&client, "198.51.100.7", 2_003), 0);
    assert!(daemon.stop().success());
}

#[test]
fn a_step_back_gives_an_order_no_more_time_when_the_agent_dies_after_it() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    let end = submit_marked(&client, "2026-13", "8s");
    scene.home.step_clock(-7_200);
    // As long as an agent would take to tell deadlines anew by the clock that was set back.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(scene.hits(&client, MARKED, 2_000), 1);
    daemon.kill9();
    sleep_until(end + Duration::from_millis(100));
    scene.send(MARKED, 2_001);
    let daemon = scene.start();
    let client = daemon.client();
    let kernel = Identities::settled(&client).kernel;
    assert_eq!((kernel["hits"], kernel["expired"]), (2, 1), "{kernel:?}");
    assert_eq!(patterns(&client), 0);
    let ports: Vec<_> = events(&client)
        .iter()
        .map(|event| event["src_port"].clone())
        .collect();
    assert_eq!(ports, [json!(2_000)]);
    assert!(daemon.stop().success());
}

#[test]
fn an_order_that_a_step_forward_ends_while_the_agent_is_dead_is_over_from_its_restart_on() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    submit_marked(&client, "2026-14", "30m");
    assert_eq!(scene.hits(&client, MARKED, 2_000), 1);
    daemon.kill9();
    scene.home.step_clock(3_000);
    scene.send(MARKED, 2_001);
    let daemon = scene.start();
    let client = daemon.client();
    for step in [3_000, 0] {
        scene.home.step_clock(step);
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(patterns(&client), 0);
        assert_eq!(state(&client, "2026-14"), "over");
        assert_eq!(scene.hits(&client, MARKED, 2_002), 0);
    }
    let events = events(&client);
    assert!(
        events.iter().all(|event| event["src_port"] == 2_000),
        "{events:?}"
    );
    assert!(daemon.stop().success());
}
