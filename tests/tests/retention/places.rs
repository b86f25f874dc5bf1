//! Directories of EVE files end with their events, whoever writes to them now and whatever the wall clock
//! says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sensor_tests::{
    command::wait_until,
    daemon::{Home, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Topology,
    traffic::ping,
};

use crate::{MARKED, PATIENCE, ping_marked};

/// Nobody answers there.
const OTHER: &str = "10.2.0.3";

/// With one sink of EVE files in a directory.
fn writing_to(directory: &Path) -> Settings {
    Settings {
        more: format!(
            "[[sink]]\nname = \"siem\"\nrecipient = \"operator\"\n[sink.eve]\ndirectory = {directory:?}\n"
        ),
        ..Settings::on_router()
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn has(directory: &Path, id: &str) -> bool {
    let texts = files(directory).into_iter().map(fs::read_to_string);
    texts.flatten().any(|text| text.contains(id))
}

#[test]
fn eve_files_of_a_sink_that_moved_or_went_are_destroyed_all_the_same() {
    if !need::root() {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let [old, new] = ["old", "new"].map(|name| home.state().with_file_name(name));
    let daemon = Sensord::start(&home, &topology.router, &writing_to(&old));
    let client = daemon.client();
    client.load(&format!("ip {MARKED} id=c2\n"));
    ping_marked(&topology);
    let _ = Identities::settled(&client);
    let id = events(&client)[0]["id"].as_str().expect("an id").to_owned();
    assert!(wait_until(PATIENCE, || has(&old, &id)));
    assert!(daemon.stop().success());

    // It writes elsewhere: what is not useful goes in the former directory, too.
    let daemon = Sensord::start(&home, &topology.router, &writing_to(&new));
    // Another flow: that of before goes on under its event.
    daemon
        .client()
        .load(&format!("ip {MARKED} id=c2\nip {OTHER} id=c3\n"));
    let other = OTHER.parse().expect("an address");
    let _ = ping(&topology.subscriber, other, 1);
    let _ = Identities::settled(&daemon.client());
    assert!(wait_until(PATIENCE, || !files(&new).is_empty()));
    let (code, _, error) = daemon.control(&["events", "not-useful", &id]);
    assert_eq!(code, 0, "{error}");
    // The next agent looks at once.
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &topology.router, &writing_to(&new));
    assert!(
        wait_until(PATIENCE, || !has(&old, &id)),
        "it is there still"
    );
    assert!(daemon.stop().success());

    // It is gone altogether: files end on their day, by the time that was believed before the wall clock
    // was set back.
    let file = files(&new).pop().expect("a file");
    let text = fs::read(&file).expect("it is there");
    let settings = Settings::on_router();
    home.step_clock_as(220 * 86_400, "synchronised");
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let gone = |directory: &Path| wait_until(PATIENCE, || files(directory).is_empty());
    assert!(gone(&old) && gone(&new));
    assert!(daemon.stop().success());
    fs::write(&file, text).expect("writes");
    home.step_clock_as(0, "unsynchronised");
    let daemon = Sensord::start(&home, &topology.router, &settings);
    assert!(gone(&new), "a clock that was set back keeps it");
    assert!(daemon.stop().success());
}
