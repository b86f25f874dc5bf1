//! Oversight: its own way in, its scopes, and that nobody else's load keeps it waiting.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use jiff::Timestamp;
use sensor_tests::{
    command::{self, wait_until},
    daemon::{GROUP, Home, Sensord, Settings},
    need,
    netns::Topology,
};
use sensor_user::{
    journal::Verifier,
    model::request::{JournalPage, JournalRow},
};

/// Reads all of it, the part of ARCEP, the part of the CNCTR.
const OVERSEERS: [u32; 3] = [60_010, 60_011, 60_012];
/// Connections that the load keeps open at once: more than the API has.
const LOAD: usize = 80;

fn settings() -> Settings {
    let mut settings = Settings::on_router();
    settings.control = format!("oversight-group = {GROUP}\n");
    for (uid, scopes) in OVERSEERS
        .iter()
        .zip(["", "scopes = [\"arcep\"]", "scopes = [\"cnctr\"]"])
    {
        settings.control +=
            &format!("[[control.role]]\nrole = \"oversight\"\nusers = [{uid}]\n{scopes}\n");
    }
    settings
}

fn socket(home: &Home) -> PathBuf {
    let socket = home.socket().with_file_name("oversight.sock");
    let directory = socket.parent().expect("the socket is in a directory");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory, open).expect("the directory is ours");
    socket
}

/// A request of somebody on oversight's socket: status and body.
fn ask(home: &Home, uid: u32, method: &str, path: &str) -> (u16, String) {
    let socket = socket(home);
    let (uid, group) = (format!("--reuid={uid}"), format!("--regid={GROUP}"));
    let socket = socket.to_str().expect("a path in UTF-8");
    let url = format!("http://sensor{path}");
    let words = [
        "setpriv",
        &uid,
        &group,
        "--clear-groups",
        "curl",
        "-sS",
        "--max-time",
        "20",
        "--unix-socket",
        socket,
        "-X",
        method,
        "-w",
        "%{http_code}",
        &url,
    ];
    let (code, text, error) = command::said(command::output(&words));
    assert_eq!(code, 0, "{error}");
    let (body, status) = text.split_at(text.len() - 3);
    (status.parse().expect("a status"), body.to_owned())
}

/// Somebody who follows the journal.
struct Follower(Child);

impl Follower {
    fn start(home: &Home, uid: u32) -> (Self, BufReader<std::process::ChildStdout>) {
        let socket = socket(home);
        let (uid, group) = (format!("--reuid={uid}"), format!("--regid={GROUP}"));
        let socket = socket.to_str().expect("a path in UTF-8");
        let words = [
            "setpriv",
            &uid,
            &group,
            "--clear-groups",
            "curl",
            "-sSN",
            "--unix-socket",
            socket,
            "http://sensor/v1/journal/follow",
        ];
        let mut child = command::command(&words)
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        (Self(child), lines)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An entry as it came, and when.
struct Seen {
    at: Timestamp,
    written: Timestamp,
    action: String,
}

fn seen(line: &str) -> Seen {
    let at = Timestamp::now();
    let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let entry = &row["entry"];
    Seen {
        at,
        written: entry["time"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("a time"),
        action: entry["action"].as_str().expect("an action").to_owned(),
    }
}

#[test]
fn oversight_sees_an_entry_within_a_second_while_the_api_is_saturated() {
    if !need::root() || !need::tool("curl") {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &settings());
    let markers: String = (0..20_000_u32)
        .map(|n| format!("ip {}\n", std::net::Ipv4Addr::from_bits(0xcb00_7100 + n)))
        .collect();
    daemon.client().load(&markers);

    let (_follower, mut lines) = Follower::start(&home, OVERSEERS[0]);
    let (entries, ended) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let (turned_away, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    // Nothing is judged before everybody is back: a thread that waits would keep the test from failing.
    let (times, asked, stopped) = thread::scope(|scope| {
        scope.spawn(|| {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                entries.lock().expect("no panic").push(seen(&line));
                line.clear();
            }
        });
        let began = || !entries.lock().expect("no panic").is_empty();
        wait_until(Duration::from_secs(10), began);
        let start = Timestamp::now();
        for number in 0..LOAD {
            let (client, ended) = (daemon.client(), &ended);
            let (turned_away, answered) = (&turned_away, &answered);
            scope.spawn(move || {
                // One in eight writes an entry; the others ask for what takes long.
                let path = match number % 8 {
                    0 => "/v1/events",
                    _ => "/v1/markers?limit=10000",
                };
                while !ended.load(Relaxed) {
                    match client.get(path).map(|answer| answer.status) {
                        Ok(200) => answered.fetch_add(1, Relaxed),
                        Ok(503) => turned_away.fetch_add(1, Relaxed),
                        _ => 0,
                    };
                }
            });
        }
        thread::sleep(Duration::from_secs(3));
        // Neither turned away nor kept waiting while others are.
        let asked = scope.spawn(|| {
            let start = Timestamp::now();
            let (status, _) = ask(&home, OVERSEERS[1], "GET", "/v1/journal?limit=10");
            (status, Timestamp::now().duration_since(start))
        });
        let asked = asked.join();
        thread::sleep(Duration::from_secs(3));
        let end = Timestamp::now();
        ended.store(true, Relaxed);
        // The stop ends the stream, so that everybody comes back.
        ((start, end), asked, daemon.stop().success())
    });
    let entries = entries.into_inner().expect("no panic");
    let delays: Vec<f64> = entries
        .iter()
        .filter(|entry| times.0 < entry.written && entry.written < times.1)
        .map(|entry| entry.at.duration_since(entry.written).as_secs_f64())
        .collect();
    let worst = delays.iter().copied().fold(0.0, f64::max);
    let (status, took) = asked.expect("curl ran");
    let (away, done) = (turned_away.load(Relaxed), answered.load(Relaxed));
    eprintln!(
        "{} entries under load, the slowest seen after {:.0} ms; {done} requests answered, {away} turned away; a page took {:.0} ms",
        delays.len(),
        worst * 1e3,
        took.as_secs_f64() * 1e3,
    );
    assert!(away > 0, "the API is saturated");
    assert_eq!(status, 200);
    assert!(delays.len() >= 20, "{}", delays.len());
    assert!(worst < 1.0, "an entry was seen after {worst} s");
    // The stop itself is told: the socket closes behind the last entry.
    assert!(stopped);
    assert_eq!(entries.last().expect("entries").action, "stopped");
}

#[test]
fn each_overseer_sees_its_scope_and_the_tree_verifies_for_all() {
    if !need::root() || !need::tool("curl") {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &settings());
    daemon.client().load("ip 203.0.113.5 id=m\n");

    let actions = |uid| {
        let (status, body) = ask(&home, uid, "GET", "/v1/journal?limit=10000");
        assert_eq!(status, 200, "{body}");
        let page: JournalPage = serde_json::from_str(&body).expect("a page");
        let mut verifier = Verifier::new(None);
        for row in &page.rows {
            verifier.row(row).expect("the tree verifies");
        }
        let head = verifier.head();
        assert_eq!(
            (head.size, sensor_user::crypto::hex(&head.root)),
            (page.size, page.root)
        );
        let action = |row: &JournalRow| {
            let entry = row.entry.as_ref()?;
            let entry: serde_json::Value = serde_json::from_str(entry.get()).expect("JSON");
            Some(entry["action"].as_str().expect("an action").to_owned())
        };
        page.rows.iter().map(action).collect::<Vec<_>>()
    };
    let [whole, arcep, cnctr] = OVERSEERS.map(actions);
    assert!(whole.iter().all(Option::is_some));
    let has =
        |list: &[Option<String>], action: &str| list.iter().flatten().any(|seen| seen == action);
    assert!(has(&arcep, "markers_loaded") && has(&arcep, "started"));
    assert!(has(&cnctr, "started") && !has(&cnctr, "markers_loaded"));
    assert!(cnctr.iter().any(Option::is_none), "hidden, not left out");

    // Nobody else gets in here, not even root, and an overseer changes nothing anywhere.
    assert_eq!(ask(&home, 0, "GET", "/v1/status").0, 403);
    assert_eq!(ask(&home, 60_099, "GET", "/v1/journal").0, 403);
    for (method, path) in [
        ("PUT", "/v1/markers"),
        ("POST", "/v1/interfaces/access/detach"),
        ("GET", "/v1/events"),
        ("GET", "/v1/markers"),
    ] {
        assert_eq!(ask(&home, OVERSEERS[0], method, path).0, 403, "{path}");
    }
    for path in [
        "/v1/journal/checkpoint",
        "/v1/journal/proof?index=1",
        "/v1/status",
    ] {
        assert_eq!(ask(&home, OVERSEERS[2], "GET", path).0, 200, "{path}");
    }
    assert!(daemon.stop().success());
}

#[test]
fn nobody_is_shut_out_without_an_entry() {
    if !need::root() || !need::tool("curl") {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let daemon = Sensord::start(&home, &topology.router, &settings());
    let path = socket(&home);
    let entries = || {
        let page = daemon.client().get("/v1/journal?limit=10000");
        let page = page.expect("an answer").body;
        let rows = page["rows"].as_array().expect("rows").iter();
        rows.map(|row| row["entry"].clone()).collect::<Vec<_>>()
    };
    let told = |code: &str| {
        let of = |entry: &serde_json::Value| entry["action"] == "oversight_unreachable";
        let mut all = entries().into_iter().filter(of);
        all.any(|entry| entry["code"] == code && entry["mended"] == true)
    };
    let mode = || {
        fs::metadata(&path)
            .map(|file| file.permissions().mode() & 0o777)
            .ok()
    };
    let all = entries();
    let started = all.iter().find(|entry| entry["action"] == "started");
    let started = started.expect("a start");
    let table = &started["overseers"];
    for (list, uid) in ["whole", "arcep", "cnctr"].iter().zip(OVERSEERS) {
        assert_eq!(table[list], serde_json::json!([uid]), "{table}");
    }
    assert!(started["disclosure_key"].is_string());

    // A stream from before goes on through all of it.
    let (_follower, mut lines) = Follower::start(&home, OVERSEERS[0]);
    let mut first = String::new();
    lines.read_line(&mut first).expect("a line");
    let limit = Duration::from_secs(10);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("we are root");
    assert!(wait_until(limit, || mode() == Some(0o660)));
    assert!(wait_until(limit, || told("mode")));
    fs::remove_file(&path).expect("we are root");
    assert!(wait_until(limit, || mode() == Some(0o660)));
    assert_eq!(ask(&home, OVERSEERS[1], "GET", "/v1/status").0, 200);
    let (sender, stopped) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut actions = Vec::new();
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            actions.push(seen(&line).action);
            line.clear();
        }
        // Nobody listens any more where the test has failed.
        let _ = sender.send(actions);
    });
    assert!(daemon.stop().success());
    let actions = stopped.recv_timeout(Duration::from_secs(20));
    let actions = actions.expect("the stream ends");
    assert_eq!(actions.last().map(String::as_str), Some("stopped"));
    assert!(
        actions
            .iter()
            .any(|action| action == "oversight_unreachable")
    );
    assert!(!path.exists(), "an orderly stop leaves no socket behind");
}
