//! The journal as those meet it who are not in the house: signed checkpoints, copies of it that somebody
//! tampered with, silence.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Sensord, Settings, binary},
    need,
    netns::Topology,
};
use serde_json::Value;

/// `sensorctl` without any daemon: exit code, JSON of standard output, standard error.
fn sensorctl(words: &[&str]) -> (i32, Value, String) {
    let program = binary("sensorctl");
    let program = program.to_str().expect("a path in UTF-8");
    let output = sensor_tests::command::output(&[&[program, "--json"], words].concat());
    let (code, out, error) = sensor_tests::command::said(output);
    (code, serde_json::from_str(&out).unwrap_or_default(), error)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A journal with a pinned key, a checkpoint held elsewhere, and entries behind it.
struct Evidence {
    _scratch: tempfile::TempDir,
    journal: PathBuf,
    key: String,
    held: PathBuf,
}

impl Evidence {
    /// Of a daemon that ran twice.
    fn gather(topology: &Topology, home: &Home) -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        let held = scratch.path().join("held");
        let daemon = Sensord::start(home, &topology.router, &Settings::on_router());
        for _ in 0..5 {
            daemon.client().get("/v1/events").expect("an answer");
        }
        let (code, note, error) = daemon.control(&["journal", "checkpoint"]);
        assert_eq!(code, 0, "{error}");
        fs::write(&held, &note).expect("a file");
        let (_, key, _) = daemon.control(&["journal", "checkpoint", "--key"]);
        for _ in 0..5 {
            daemon.client().get("/v1/events").expect("an answer");
        }
        assert!(daemon.stop().success());
        Self {
            journal: home.state().join("journal"),
            key: key.trim().to_owned(),
            held,
            _scratch: scratch,
        }
    }

    /// A copy of the journal, with what `change` does to the lines of its segment.
    fn copy(&self, change: impl FnOnce(&mut Vec<String>)) -> (tempfile::TempDir, PathBuf) {
        let copy = tempfile::tempdir().expect("a directory");
        let mut segment = None;
        for file in fs::read_dir(&self.journal).expect("a directory") {
            let file = file.expect("a file").path();
            let to = copy.path().join(file.file_name().expect("a name"));
            fs::copy(&file, &to).expect("copies");
            segment = segment.or(to.extension().is_some_and(|e| e == "log").then_some(to));
        }
        let segment = segment.expect("a segment");
        let read = fs::read_to_string(&segment).expect("text");
        let mut lines: Vec<String> = read.lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(&segment, lines.join("\n") + "\n").expect("writes");
        (copy, segment)
    }

    /// Exit code, code and sentence of `verify` on a copy.
    fn verify(&self, dir: &Path, with: &[&str]) -> (i32, Value, String) {
        let words = ["journal", "verify", "--dir", text(dir)];
        sensorctl(&[&words[..], with].concat())
    }

    /// That a tampered copy is found out with these options.
    fn found(&self, dir: &Path, with: &[&str], code: &str) {
        let (exit, said, error) = self.verify(dir, with);
        assert_eq!(
            (exit, &said["code"]),
            (65, &code.into()),
            "{with:?}: {error}"
        );
        assert_eq!(said["intact"], false);
        assert!(error.len() > 40, "a clear sentence: {error}");
    }
}

/// Writes every `root_before` anew, as a forger without the key would.
fn chain(lines: &mut [String]) {
    use sensor_user::{
        crypto::hex,
        journal::merkle::{Frontier, leaf_hash},
    };
    let mut tree = Frontier::default();
    for line in lines {
        let at = line.find("\"root_before\":\"").expect("a link") + 15;
        line.replace_range(at..at + 64, &hex(&tree.root()));
        tree.push(leaf_hash(line.as_bytes()));
    }
}

#[test]
fn five_ways_of_tampering_are_found_offline() {
    if !need::root() || !need::tool("curl") {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let evidence = Evidence::gather(&topology, &home);
    let (key, held) = (evidence.key.clone(), text(&evidence.held).to_owned());
    let pinned = ["--key", &key];
    let both = ["--key", &key, "--against", &held];

    let (exit, said, error) = evidence.verify(&evidence.journal, &both);
    assert_eq!(exit, 0, "{error}");
    assert_eq!(
        (&said["intact"], &said["stopped"]),
        (&true.into(), &true.into())
    );
    assert_eq!(said["signed"], said["size"], "the stop is signed");
    assert_eq!(said["silent"], 0);

    // 1: an entry says something else; clumsily, and with everything behind it written anew.
    let uid = |lines: &mut Vec<String>| lines[6] = lines[6].replace("\"uid\":0", "\"uid\":7");
    let (copy, _) = evidence.copy(uid);
    evidence.found(copy.path(), &[], "edited");
    let (copy, _) = evidence.copy(|lines| {
        uid(lines);
        chain(lines);
    });
    assert_eq!(evidence.verify(copy.path(), &[]).0, 0, "proves itself");
    evidence.found(copy.path(), &pinned, "edited");

    // 2: two entries change places.
    let (copy, _) = evidence.copy(|lines| lines.swap(5, 6));
    evidence.found(copy.path(), &[], "reordered");
    // 3: entries are missing.
    let (copy, _) = evidence.copy(|lines| drop(lines.drain(5..7)));
    evidence.found(copy.path(), &[], "gap");

    // 4: the end is cut off. What the copy signed last tells; where an older checkpoint was put in its
    // place, the one held elsewhere.
    let (copy, _) = evidence.copy(|lines| lines.truncate(4));
    evidence.found(copy.path(), &pinned, "cut_off");
    fs::remove_file(copy.path().join("checkpoint")).expect("it is there");
    evidence.found(copy.path(), &pinned, "unsigned");
    evidence.found(copy.path(), &["--against", &held], "cut_off");

    // 5: whoever has the key signs another history: only who held on to the first one knows.
    let (copy, _) = evidence.copy(|lines| {
        uid(lines);
        chain(lines);
    });
    sign(&home, copy.path());
    assert_eq!(evidence.verify(copy.path(), &pinned).0, 0, "signed as well");
    evidence.found(copy.path(), &both, "forked");

    // What is held must itself be signed by the pinned key.
    let note = fs::read_to_string(&held).expect("text");
    let size = note.lines().nth(1).expect("a size");
    fs::write(&held, note.replacen(size, "3", 1)).expect("writes");
    let (exit, _, error) = evidence.verify(&evidence.journal, &both);
    assert_eq!(exit, 65, "{error}");
    let (exit, ..) = evidence.verify(&evidence.journal, &["--against", "missing-file"]);
    assert_eq!(exit, 74);
}

/// Signs a copy with the sensor's own key.
fn sign(home: &Home, dir: &Path) {
    use sensor_user::{
        crypto::SignerKey,
        journal::{Checkpoint, verify_dir},
    };
    let key = fs::read_to_string(home.state().join("journal.key")).expect("a key");
    let key = SignerKey::parse(key.trim()).expect("a key");
    let head = verify_dir(dir, None).expect("it proves itself");
    let origin = key.public().name.clone();
    let note = Checkpoint { origin, head }.signed(&key);
    fs::write(dir.join("checkpoint"), note).expect("writes");
}

#[test]
fn a_crash_and_silence_are_told_and_an_orderly_stop_is_not() {
    if !need::root() {
        return;
    }
    let (topology, home) = (Topology::new(), Home::new());
    let mut settings = Settings::on_router();
    settings.more = "[journal]\nheartbeat = \"2s\"\ncheckpoint = \"1s\"\n".into();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    assert!(wait_until(Duration::from_secs(20), || beats(&client) >= 2));
    daemon.kill9();
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    let started = client.journal();
    let started = started.iter().rfind(|entry| entry["action"] == "started");
    let before = &started.expect("a start")["unsaid_stop"];
    assert!(before.is_u64(), "the start says so: {started:?}");
    assert!(daemon.stderr().contains("did not say that it stops"));

    // A checkpoint follows the entries without being asked for.
    let journal = home.state().join("journal");
    let signed = || {
        let note = fs::read_to_string(journal.join("checkpoint")).unwrap_or_default();
        let size = note
            .lines()
            .nth(1)
            .and_then(|size| size.parse::<u64>().ok());
        size.unwrap_or_default()
    };
    let size = client.status()["journal"]["size"].as_u64().expect("a size");
    assert!(wait_until(Duration::from_secs(5), || signed() >= size));
    assert!(daemon.stop().success());
    let daemon = Sensord::start(&home, &topology.router, &settings);
    assert!(daemon.stop().success());

    let (exit, said, error) = sensorctl(&["journal", "verify", "--dir", text(&journal)]);
    assert_eq!(exit, 0, "{error}");
    let crashes = said["silences"].as_array().expect("a list").iter();
    let crashes: Vec<_> = crashes.filter(|one| one["crash"] == true).collect();
    assert_eq!(crashes.len(), 1, "{said}");
    assert_eq!(&crashes[0]["after"], before);

    // A stretch without heartbeats: the file is that of a sensor that was frozen.
    let copy = tempfile::tempdir().expect("a directory");
    let segment = fs::read_dir(&journal)
        .expect("a directory")
        .map(|file| file.expect("a file").path())
        .find(|path| path.extension().is_some_and(|e| e == "log"))
        .expect("a segment");
    let read = fs::read_to_string(&segment).expect("text");
    let mut lines: Vec<String> = read.lines().map(str::to_owned).collect();
    let beat = lines
        .iter()
        .position(|line| line.contains("\"heartbeat\"}"));
    let beat = beat.expect("a heartbeat");
    lines.truncate(beat + 1);
    let entry: Value = serde_json::from_str(&lines[beat]).expect("JSON");
    let time = entry["time"].as_str().expect("a time");
    let later = time.parse::<jiff::Timestamp>().expect("a time") + Duration::from_secs(60);
    lines[beat] = lines[beat].replace(time, &later.to_string());
    chain(&mut lines);
    let frozen = copy.path().join(segment.file_name().expect("a name"));
    fs::write(frozen, lines.join("\n") + "\n").expect("writes");
    let (exit, said, _) = sensorctl(&["journal", "verify", "--dir", text(copy.path())]);
    assert_eq!(exit, 0);
    let silences = said["silences"].as_array().expect("a list");
    let last = silences.last().expect("it is told");
    assert_eq!(
        (last["after"].as_u64(), &last["crash"]),
        (Some(beat as u64 - 1), &false.into())
    );
}

fn beats(client: &Client) -> usize {
    let journal = client.journal();
    journal
        .iter()
        .filter(|entry| entry["action"] == "heartbeat")
        .count()
}
