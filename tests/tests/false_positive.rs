//! A marker withdrawn as a false positive takes its events with it, wherever they are by then.

use std::{fs, path::Path};

use sensor_tests::{
    identity::{Identities, events},
    router::Router,
};
use serde_json::{Value, json};

const MARKERS: &str = "ip 10.2.0.2 id=right\nip 10.2.0.2 id=wrong\ncidr 10.2.0.0/24 id=wide\n";

/// Markers of each event, sorted; and its revision.
fn named(events: &[Value]) -> Vec<(Vec<String>, u64)> {
    let of = |event: &Value| {
        let ids = event["markers"].as_array().expect("a list");
        let ids = ids.iter().map(|id| id.as_str().expect("an id").to_owned());
        (ids.collect(), event["rev"].as_u64().expect("a number"))
    };
    let mut found: Vec<_> = events.iter().map(of).collect();
    found.sort();
    found
}

/// Files below a directory in which the bytes of an id stand.
fn holding(directory: &Path, id: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, id));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes.windows(id.len()).any(|part| part == id) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn entries_of(journal: &[Value], action: &str) -> Vec<Value> {
    let entries = journal.iter().cloned();
    entries.filter(|entry| entry["action"] == action).collect()
}

#[test]
fn a_false_positive_takes_its_events_with_it() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let client = daemon.client();
    client.load(MARKERS);
    router.ping();
    let _ = Identities::settled(&client);
    let before = events(&client);
    let both = || vec!["right".to_owned(), "wrong".to_owned()];
    assert_eq!(
        named(&before)
            .into_iter()
            .map(|(ids, _)| ids)
            .collect::<Vec<_>>(),
        [both(), vec!["wide".to_owned()]]
    );
    let doomed = before
        .iter()
        .find(|event| event["markers"] == json!(["wide"]));
    let doomed = doomed.expect("found above")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let bytes = sensor_user::crypto::unhex(&doomed).expect("hexadecimal");
    assert!(
        !holding(&router.home.state(), &bytes).is_empty(),
        "it is stored"
    );

    let ids = router.home.state().join("ids");
    fs::write(&ids, "wide\nwrong\nnever-there\n").expect("a writable directory");
    let file = ids.to_str().expect("UTF-8");
    let (code, _, told) = daemon.control(&["markers", "remove", file]);
    assert_eq!(code, 65, "an id that is not there, as it was: {told}");
    let (code, told, error) = daemon.control(&["markers", "remove", "--false-positive", file]);
    assert_eq!(code, 0, "{error}");
    assert!(
        told.contains("removed 2") && told.contains("1 events destroyed"),
        "{told}"
    );

    let after = events(&client);
    let rows = named(&after);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].0, ["right"]);
    assert_eq!(
        holding(&router.home.state(), &bytes),
        [] as [&str; 0],
        "bytes of it are left"
    );

    // What was on its way to the agent, or comes now, does not bring them back.
    router.ping();
    let _ = Identities::settled(&client);
    let again = named(&events(&client));
    assert!(again.iter().all(|(ids, _)| ids == &["right"]), "{again:?}");

    let journal = client.journal();
    let removed = entries_of(&journal, "false_positives_removed");
    let destroyed = entries_of(&journal, "events_destroyed");
    assert_eq!((removed.len(), destroyed.len()), (1, 1), "{journal:?}");
    assert_eq!(destroyed[0]["events"], 1);
    let text = Value::from(journal).to_string();
    assert!(
        !text.contains("never-there") && !text.contains(&doomed),
        "{text}"
    );

    // Told later still: the marker is gone, its events are not.
    fs::write(&ids, "right\n").expect("a writable directory");
    assert_eq!(daemon.control(&["markers", "remove", file]).0, 0);
    assert!(!events(&client).is_empty());
    assert_eq!(
        daemon
            .control(&["markers", "remove", "--false-positive", file])
            .0,
        0
    );
    assert_eq!(events(&client), [] as [Value; 0]);
}

#[test]
fn a_destruction_that_a_dead_agent_owed_is_done_by_the_next() {
    let Some(router) = Router::new() else { return };
    let daemon = router.start();
    let client = daemon.client();
    client.load(MARKERS);
    router.ping();
    let _ = Identities::settled(&client);
    assert_eq!(events(&client).len(), 2);
    fs::write(router.home.fault(), "committed die").expect("a writable directory");
    let answer = client.post("/v1/markers/remove?false_positive=true", "wide\n");
    assert!(answer.is_err(), "it died: {answer:?}");
    fs::remove_file(router.home.fault()).expect("it is there");
    drop(daemon);

    let daemon = router.start();
    let client = daemon.client();
    let _ = Identities::settled(&client);
    let rows = named(&events(&client));
    assert_eq!(rows.len(), 1, "{rows:?}");
    let destroyed = entries_of(&client.journal(), "events_destroyed");
    assert_eq!(destroyed.len(), 1);
    assert_eq!(destroyed[0]["events"], 1);
}
