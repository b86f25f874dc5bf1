//! Changes: whole or not at all, each with its journal entry, none with a value where it must not be.

use std::{fs, path::Path, time::Duration};

use sensor_tests::{
    command::{output, run, wait_until},
    daemon::{Client, Settings, binary},
    identity::{Identities, events},
    need,
    netns::Topology,
    router::{MARKED, Router},
    traffic::ping,
};

/// Actions of the journal, in order, without the reads that this test makes itself.
fn actions(client: &Client) -> Vec<String> {
    let mut actions = client.actions();
    actions.retain(|action| action != "journal_read" && action != "events_read");
    actions
}

#[test]
fn a_load_that_fails_leaves_the_old_generation_in_force() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let client = daemon.client();
    let old = client.load(&format!("ip {MARKED} id=old\n"));
    assert_eq!(router.hits(&client), 6, "three pings, two directions");

    // Half of the way in, the new generation's maps cannot be pinned. A prefix needs new maps; an
    // address alone would be put in those that are there.
    let pins = router.home.pins().to_str().expect("UTF-8");
    run(&["mount", "-o", "remount,ro", pins]);
    let failed = client
        .put("/v1/markers", "cidr 198.51.100.0/24 id=new\n")
        .expect("an answer");
    run(&["mount", "-o", "remount,rw", pins]);
    assert_eq!(failed.status, 500, "{:?}", failed.body);
    assert_eq!(router.hits(&client), 6, "the old generation still matches");
    let status = client.get("/v1/status").expect("an answer").body;
    assert_eq!(status["markers"]["digest"], old["digest"]);
    assert_eq!(status["markers"]["generation"], old["generation"]);
    let listed = client.get("/v1/markers?limit=10").expect("an answer").body;
    assert_eq!(listed["rows"].as_array().expect("rows").len(), 1);
    assert_eq!(listed["rows"][0]["id"], "old");
    let actions = actions(&client);
    let end: Vec<&str> = actions
        .iter()
        .map(String::as_str)
        .filter(|a| *a != "markers_read")
        .collect();
    assert!(end.ends_with(&["markers_loaded", "failed"]), "{end:?}");

    let new = client.load("ip 198.51.100.1 id=new\n");
    assert_ne!(new["digest"], old["digest"]);
    assert_eq!(
        router.hits(&client),
        0,
        "the old marker is gone, the next load works"
    );
    let events = events(&client);
    assert!(
        events
            .iter()
            .all(|event| event["markers"] == serde_json::json!(["old"]))
    );
    assert!(daemon.stop().success());
}

#[test]
fn every_change_has_its_journal_entry() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let client = daemon.client();
    client.load("ip 198.51.100.1 id=a\nip 198.51.100.2 id=b\n");
    let post = |path: &str, body: &str| {
        let answer = client
            .request("POST", path, body.as_bytes())
            .expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    };
    post("/v1/markers", "ip 198.51.100.3 id=c\n");
    post("/v1/markers/remove", "a\n");
    post(&format!("/v1/interfaces/{}/detach", Topology::ACCESS), "");
    post(&format!("/v1/interfaces/{}/attach", Topology::ACCESS), "");
    let ids = client.get("/v1/markers?limit=10").expect("an answer").body;
    let ids: Vec<&str> = ids["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids, ["b", "c"]);
    let expected = [
        "declaration_recorded",
        "key_made",
        "disclosure_key_made",
        "started",
        "attached",
        "attached",
        "markers_loaded",
        "markers_added",
        "markers_removed",
        "detached",
        "attached",
        "markers_read",
    ];
    assert_eq!(actions(&client), expected);
    let socket = router.home.socket();
    let sensorctl = binary("sensorctl");
    let verify = |extra: &[&str]| {
        let mut words = vec![
            sensorctl.to_str().expect("UTF-8"),
            "--socket",
            socket.to_str().expect("UTF-8"),
            "journal",
            "verify",
        ];
        words.extend(extra);
        output(&words)
    };
    assert!(
        verify(&[]).status.success(),
        "the journal proves itself through the socket"
    );
    assert!(daemon.stop().success());
    let directory = router.home.state().join("journal");
    let offline = verify(&["--dir", directory.to_str().expect("UTF-8")]);
    assert!(
        offline.status.success(),
        "{}",
        String::from_utf8_lossy(&offline.stderr)
    );
    tamper(&directory);
    let found = verify(&["--dir", directory.to_str().expect("UTF-8")]);
    assert_eq!(
        found.status.code(),
        Some(65),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
}

/// Changes one count in the middle of the journal.
fn tamper(directory: &Path) {
    let segment = fs::read_dir(directory)
        .expect("the journal's directory")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .expect("a segment");
    let text = fs::read_to_string(&segment).expect("a segment is text");
    let changed = text.replacen("\"added\":2", "\"added\":3", 1);
    assert_ne!(changed, text);
    fs::write(&segment, changed).expect("writable");
}

/// Goes through the whole API with what is there, and with what is not; ids of the events.
fn ask_for_everything(client: &Client) -> Vec<String> {
    let ids: Vec<String> = events(client)
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect();
    for route in &sensor_user::control::routes::ROUTES {
        if route.path.ends_with("/tail") || route.path.ends_with("/follow") {
            continue;
        }
        let things = [
            ids[0].as_str(),
            "m",
            "203.0.113.77",
            "2001:db8:2::2",
            Topology::ACCESS,
        ];
        for thing in things {
            let mut path = route.path.to_owned();
            for parameter in ["{id}", "{reference}", "{name}"] {
                path = path.replace(parameter, thing);
            }
            let body = "ip 203.0.113.99 id=x until=never\n203.0.113.98\n";
            // Most are refused; a connection that ends early is as good.
            let _ = client.request(route.method, &path, body.as_bytes());
            if path == route.path {
                break;
            }
        }
    }
    ids
}

#[test]
fn no_value_reaches_labels_log_or_journal() {
    if !need::tool("curl") {
        return;
    }
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let client = daemon.client();
    let markers = format!("ip {MARKED} id=m\ncidr 2001:db8:2::/64 id=n\nip 203.0.113.77\n");
    client.load(&markers);
    let bad = client.put("/v1/markers", "ip 203.0.113.78\nip 203.0.113.79 tlp=x\n");
    assert_eq!(bad.expect("an answer").status, 422);
    for host in Topology::HOST {
        let address = host.parse().expect("an address");
        assert_eq!(ping(&router.topology.subscriber, address, 3), 3);
    }
    assert!(Identities::settled(&client).kernel["hits"] >= 12);
    assert!(events(&client).len() >= 2);
    let ids = ask_for_everything(&client);
    let metrics = daemon.metrics();
    let log = daemon.stderr();
    assert!(daemon.stop().success());
    let mut journal = String::new();
    for entry in fs::read_dir(router.home.state().join("journal")).expect("a directory") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
        journal.push_str(&String::from_utf8_lossy(&bytes));
    }
    // As text, and as whoever reads binary would write them.
    let forbidden = [
        "10.2.0",
        "10.1.0",
        "2001:db8",
        "203.0.113",
        "\"event\":",
        "\"id\":",
    ];
    assert!(!ids.is_empty());
    for id in &ids {
        assert!(
            !journal.contains(id.as_str()),
            "the id of an event stands in the journal"
        );
    }
    for (place, text) in [("metrics", &metrics), ("log", &log), ("journal", &journal)] {
        assert!(!text.is_empty(), "{place} is empty");
        for value in forbidden {
            assert!(!text.contains(value), "{value} stands in the {place}");
        }
    }
}

#[test]
fn an_interface_that_left_the_configuration_is_detached() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    assert!(daemon.stop().success());
    let program = |interface| router.topology.router.xdp_program(interface);
    assert!(program(Topology::ACCESS).is_some() && program(Topology::TRANSIT).is_some());
    let mut one = Settings::on_router();
    one.interfaces.pop();
    one.interfaces[0].mode = "generic".into();
    let daemon = router.start_with(&one);
    let gone = || program(Topology::TRANSIT).is_none();
    assert!(wait_until(Duration::from_secs(5), gone), "still attached");
    assert!(actions(&daemon.client()).contains(&"detached".to_owned()));
    let status = daemon.client().get("/v1/status").expect("an answer").body;
    assert_eq!(
        status["interfaces"][0]["mode"], "generic",
        "the mode that is asked for now"
    );
    assert!(daemon.stop().success());
}
