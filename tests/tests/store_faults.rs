//! A disk or a file that fails under a running sensor: detection goes on, what waits is counted, and
//! it is stored when that is possible again (docs/faults.md).

use std::{
    fs::{self, File},
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_tests::{
    command::{Background, run, wait_until},
    daemon::{Client, Home, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::Topology,
    traffic::ping,
};

const BEFORE: &str = "10.2.0.2";
const DURING: &str = "10.2.0.3";
const PATIENCE: Duration = Duration::from_secs(20);

/// A state directory on a file system of its own.
struct Disk(PathBuf);

impl Disk {
    fn under(home: &Home) -> Self {
        let place = home.state();
        fs::create_dir_all(&place).expect("a state directory");
        let path = text(&place);
        run(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            "size=64m",
            "marker-sensor-test",
            path,
        ]);
        Self(place)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes every free byte.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("ballast");
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever failed may still run.
        run(&["umount", "-l", text(&self.0)]);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn ping_three(topology: &Topology, to: &str) {
    let to: IpAddr = to.parse().expect("an address");
    assert_eq!(ping(&topology.subscriber, to, 3), 3, "packets pass");
}

fn failures(daemon: &Sensord<'_>) -> bool {
    let page = daemon.metrics();
    let count = page
        .lines()
        .find_map(|line| line.strip_prefix("marker_sensor_store_failures_total "));
    count.is_some_and(|count| count != "0")
}

fn markers_of(client: &Client) -> Vec<String> {
    let ids = events(client).into_iter();
    ids.map(|event| event["markers"][0].as_str().expect("an id").to_owned())
        .collect()
}

/// Has the store fail while a second marker is hit.
fn under<F>(begin: impl FnOnce(&Disk, &Client) -> F, end: impl FnOnce(F, &Disk)) {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    topology.serve(DURING.parse().expect("an address"));
    let home = Home::new();
    let disk = Disk::under(&home);
    let mut settings = Settings::on_router();
    settings.drain_interval = "200ms".into();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    client.load(&format!("ip {BEFORE} id=before\nip {DURING} id=during\n"));
    ping_three(&topology, BEFORE);
    let hits = Identities::settled(&client).kernel["hits"];
    // With what its flows counted: the batch that fails then has a record of the second marker.
    assert!(wait_until(PATIENCE, || {
        let stored = events(&client);
        stored.len() == 1 && stored[0]["packets"] == hits
    }));
    assert_eq!(markers_of(&client), ["before"]);

    let fault = begin(&disk, &client);
    ping_three(&topology, DURING);
    assert!(wait_until(PATIENCE, || failures(&daemon)), "it is told");
    let failing = Identities::while_stuck(&client);
    assert_eq!(failing.kernel["hits"], 2 * hits, "detection goes on");
    assert_ne!(failing.agent["store_failed"], 0, "{failing:?}");
    // One record a direction; the second may be in that batch, or wait behind it.
    let kept = failing.agent["store_failed"] + failing.agent["in_flight"];
    assert_eq!(kept, 2, "{failing:?}");

    end(fault, &disk);
    let stored = || {
        let markers = markers_of(&client);
        markers.len() == 2 && markers.contains(&"during".to_owned())
    };
    assert!(wait_until(PATIENCE, stored), "{:?}", markers_of(&client));
    let after = Identities::settled(&client);
    assert_eq!(after.kernel["hits"], 2 * hits);
    assert_eq!(after.agent["store_failed"], 0, "{after:?}");
    let log = daemon.stderr();
    assert!(log.contains("events are stored again"), "{log}");
    assert!(!log.contains(DURING), "no value in the log: {log}");
}

#[test]
fn detection_goes_on_while_the_disk_is_full() {
    under(
        |disk, client| {
            disk.fill();
            let refused = client
                .put("/v1/markers", "ip 10.2.0.4\n")
                .expect("an answer");
            assert_ne!(
                refused.status, 200,
                "nothing changes that is not journalled"
            );
        },
        |(), disk| fs::remove_file(disk.ballast()).expect("ballast"),
    );
}

/// Locks the store of a state directory against everybody who writes, until the value is dropped.
fn lock(state: &Path) -> Background {
    const LOCK: &str = "import sqlite3, sys, time\n\
        c = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\n\
        c.execute('BEGIN EXCLUSIVE')\n\
        open(sys.argv[2], 'w').close()\n\
        time.sleep(120)\n";
    let (database, locked) = (state.join("events.db"), state.join("locked"));
    let words = ["python3", "-c", LOCK, text(&database), text(&locked)];
    let lock = Background::start(&words);
    assert!(wait_until(PATIENCE, || locked.exists()), "it is locked");
    lock
}

#[test]
fn detection_goes_on_while_the_store_is_locked_by_another_program() {
    under(|disk, _| lock(&disk.0), |lock, _| drop(lock));
}

#[test]
fn what_a_false_positive_opened_is_destroyed_as_soon_as_the_store_lets_it() {
    if !need::root_and(&["python3"]) {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let client = daemon.client();
    client.load(&format!("ip {BEFORE} id=wrong\n"));
    let marked: IpAddr = BEFORE.parse().expect("an address");
    let _ = ping(&topology.subscriber, marked, 3);
    let _ = Identities::settled(&client);
    assert_eq!(events(&client).len(), 1);
    let locked = lock(&home.state());
    let ids = home.state().join("ids");
    fs::write(&ids, "wrong\n").expect("a writable directory");
    let words = ["markers", "remove", "--false-positive", text(&ids)];
    let (code, _, told) = daemon.control(&words);
    assert!(code != 0 && told.contains("tries again"), "{code} {told}");
    assert_eq!(events(&client).len(), 1, "the store refused");
    drop(locked);
    assert!(
        wait_until(PATIENCE, || events(&client).is_empty()),
        "{:?}",
        client.journal()
    );
    let told = || {
        let mut all = client.journal();
        all.retain(|entry| entry["action"] == "events_destroyed");
        all
    };
    assert!(wait_until(PATIENCE, || !told().is_empty()));
    assert_eq!(told()[0]["events"], 1);
    // Nothing of it is left for the next start.
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &topology.router, &Settings::on_router());
    let mut all = daemon.client().journal();
    all.retain(|entry| entry["action"] == "events_destroyed");
    assert_eq!(all.len(), 1, "{all:?}");
}
