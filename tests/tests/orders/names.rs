//! Orders about markers that are held, beside the operator's own use.

use std::time::Duration;

use jiff::Timestamp;
use sensor_tests::{command::wait_until, daemon::Client, need};
use serde_json::json;

use crate::scene::{MARKED, Scene, event, manifest, patterns, sleep_until, state, submit, time};

#[test]
fn an_order_names_markers_that_are_held_and_the_operators_own_go_on_without_it() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    client.load(&format!(
        "ip {MARKED} id=own tlp=GREEN pap=GREEN\nip 198.51.100.7 id=other\n"
    ));
    let mut order = manifest("2026-8", "3s");
    order["markers"] = json!(["own"]);
    order["tlp"] = json!("RED");
    let done = submit(&client, &order, "");
    assert_eq!(
        (&done["order"]["markers"], &done["order"]["named"]),
        (&json!(0), &json!(1))
    );
    scene.send(MARKED, 2_000);
    let found = event(&client, 2_000);
    assert_eq!(found["markers"], json!(["own"]));
    assert_eq!(found["orders"], json!(["2026-8"]));
    assert_eq!(
        (&found["tlp"], &found["pap"]),
        (&json!("RED"), &json!("AMBER"))
    );
    sleep_until(time(&done["order"]["end"]));
    assert!(wait_until(Duration::from_secs(5), || state(
        &client, "2026-8"
    ) == "over"));
    assert_eq!(patterns(&client), 2);
    scene.send(MARKED, 2_001);
    let found = event(&client, 2_001);
    assert_eq!(
        (&found["orders"], &found["tlp"]),
        (&json!([]), &json!("GREEN"))
    );

    // What the operator no longer uses goes on for the order alone, until that is withdrawn.
    let mut order = manifest("2026-9", "1h");
    order["markers"] = json!(["own", "own"]);
    submit(&client, &order, "ip 192.0.2.9 id=brought\n");
    let changed = client.load("ip 198.51.100.7 id=other\n");
    assert_eq!(
        (&changed["markers"], &changed["removed"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(scene.hits(&client, MARKED, 2_002), 1);
    assert_eq!(event(&client, 2_002)["orders"], json!(["2026-9"]));
    let (code, text, error) = daemon.control(&["orders", "withdraw", "2026-9"]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("withdrawn"), "{text}");
    assert_eq!(patterns(&client), 1);
    for (port, to) in [(2_003, MARKED), (2_004, "192.0.2.9")] {
        assert_eq!(scene.hits(&client, to, port), 0);
    }
    let row = client.get("/v1/markers/brought").expect("an answer").body;
    assert_eq!(row["not_in_force"], "withdrawn");
    assert_eq!(client.status()["markers"]["over"], 2);
    let again = client.request("DELETE", "/v1/orders/2026-9", b"");
    assert_eq!(again.expect("an answer").status, 409);
    // It holds the ids of its markers for nothing: the next one brings a revised pattern.
    submit(
        &client,
        &manifest("2026-10", "1h"),
        "ip 192.0.2.10 id=brought\n",
    );
    assert_eq!(scene.hits(&client, "192.0.2.10", 2_005), 1);
    assert_eq!(client.status()["markers"]["over"], 1);
    assert!(daemon.stop().success());
    let daemon = scene.start();
    assert_eq!(patterns(&daemon.client()), 2);
    assert_eq!(state(&daemon.client(), "2026-9"), "withdrawn");
    assert!(daemon.stop().success());
}

#[test]
fn what_an_order_brings_runs_as_the_order_says_whatever_the_operator_says_of_it() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    // The operator's own is over, and of the other side.
    let over = "until=2026-01-01T00:00:00Z tlp=GREEN pap=GREEN direction=source";
    client.load(&format!(
        "ip {MARKED} id=own {over}\nip 198.51.100.7 id=other\n"
    ));
    assert_eq!(scene.hits(&client, MARKED, 2_100), 0);
    let mut order = manifest("2026-11", "1h");
    (order["tlp"], order["pap"]) = (json!("GREEN"), json!("GREEN"));
    let done = submit(
        &client,
        &order,
        &format!("ip {MARKED} id=own tlp=RED pap=GREEN\n"),
    );
    assert_eq!(done["order"]["named"], 1);
    assert_eq!(scene.hits(&client, MARKED, 2_101), 1);
    let found = event(&client, 2_101);
    assert_eq!(
        (&found["orders"], &found["tlp"]),
        (&json!(["2026-11"]), &json!("RED"))
    );
    // An order's marker that becomes the operator's own, for a time that is over, goes on for it.
    submit(
        &client,
        &manifest("2026-12", "1h"),
        "ip 192.0.2.9 id=brought\n",
    );
    let mine = format!("ip 192.0.2.9 id=brought {over}\n");
    client.load(&format!("ip {MARKED} id=own {over}\n{mine}"));
    for (to, port) in [(MARKED, 2_102), ("192.0.2.9", 2_103)] {
        assert_eq!(scene.hits(&client, to, port), 1, "{to}");
    }
    // So it does when the operator gives it up, and after a restart.
    client.load("ip 198.51.100.7 id=other\n");
    assert!(daemon.stop().success());
    let daemon = scene.start();
    let client = daemon.client();
    for (to, port) in [(MARKED, 2_104), ("192.0.2.9", 2_105)] {
        assert_eq!(scene.hits(&client, to, port), 1, "{to}");
    }
    assert_eq!(event(&client, 2_104)["tlp"], "RED");
    assert!(daemon.stop().success());
}

#[test]
fn an_order_that_cannot_be_carried_out_changes_nothing() {
    if !need::root() {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=own\n"));
    let good = manifest("2026-10", "1h");
    let named = |ids: &[&str]| {
        let mut order = good.clone();
        order["markers"] = json!(ids);
        order
    };
    let markers = "ip 192.0.2.9 id=brought\n";
    for (order, markers, status, code) in [
        (json!({"reference": "r"}), markers, 422, "bad_manifest"),
        (manifest("2026-10", "never"), markers, 422, "bad_duration"),
        (good.clone(), "", 422, "no_markers"),
        (good.clone(), "ip nonsense\n", 422, "bad_address"),
        (named(&["missing"]), markers, 422, "unknown_id"),
        (good.clone(), "ip 192.0.2.9 id=own\n", 409, "conflict"),
    ] {
        let body = format!("{order}\n{markers}");
        let answer = client.post("/v1/orders", &body).expect("an answer");
        assert_eq!(answer.status, status, "{:?}", answer.body);
        let refused = &answer.body["refused"][0]["code"];
        let told = refused.as_str().or(answer.body["code"].as_str());
        assert_eq!(told, Some(code), "{:?}", answer.body);
    }
    assert_eq!(patterns(&client), 1);
    let rows = client.get("/v1/orders").expect("an answer").body["rows"].clone();
    assert_eq!(rows, json!([]));
    submit(&client, &good, markers);
    let again = client.post("/v1/orders", &format!("{good}\n{markers}"));
    assert_eq!(
        again.expect("an answer").status,
        409,
        "an order is accepted once"
    );
    // The operator's own file may have the marker, too, but not its id for another one.
    let clash = client.put("/v1/markers", "ip 192.0.2.10 id=brought\n");
    assert_eq!(clash.expect("an answer").status, 409);
    client.load(markers);
    let row = client.get("/v1/markers/brought").expect("an answer").body;
    assert_eq!(
        (&row["source"], &row["orders"]),
        (&json!(null), &json!(["2026-10"]))
    );
    assert!(daemon.stop().success());
}

#[test]
fn the_operators_own_file_changes_nothing_of_what_an_order_says() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.start();
    let client = daemon.client();
    // Times are kept to the microsecond.
    let until = Timestamp::now().as_microsecond() + 8_000_000;
    let until = Timestamp::from_microsecond(until).expect("a time");
    let brought = format!("ip {MARKED} id=m tlp=RED until={until}\n");
    submit(&client, &manifest("2026-11", "1h"), &brought);
    // Laxer, and for longer than the authority asks.
    let own = format!("ip {MARKED} id=m tlp=CLEAR pap=CLEAR until=2099-01-01T00:00:00Z\n");
    client.load(&own);
    let told = |client: &Client, port| {
        scene.send(MARKED, port);
        let found = event(client, port);
        (found["orders"].clone(), found["tlp"].clone())
    };
    let both = (json!(["2026-11"]), json!("RED"));
    assert_eq!(told(&client, 2_000), both);
    daemon.kill9();
    let daemon = scene.start();
    let client = daemon.client();
    assert_eq!(told(&client, 2_001), both);
    let row = client.get("/v1/markers/m").expect("an answer").body;
    assert_eq!((&row["tlp"], &row["orders"]), (&json!("RED"), &both.0));
    // The operator no longer uses it: it is the order's again, as it was brought.
    client.load("ip 198.51.100.7 id=other\n");
    assert_eq!(told(&client, 2_002), both);
    let row = client.get("/v1/markers/m").expect("an answer").body;
    assert_eq!(time(&row["until"]), until);
    client.post("/v1/markers", &own).expect("an answer");
    sleep_until(until);
    assert!(wait_until(Duration::from_secs(5), || {
        told(&client, 2_003) == (json!([]), json!("CLEAR"))
    }));
    assert!(daemon.stop().success());
}
