//! A copy of the journal, tampered with in five ways.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sensor_tests::{
    command,
    daemon::{Home, Sensord, binary},
};
use sensor_user::{
    crypto::{SignerKey, hex},
    journal::{
        Checkpoint,
        merkle::{Frontier, leaf_hash},
        verify_dir,
    },
};
use serde_json::Value;

/// What is done to the lines of a segment.
type Tampering<'a> = &'a dyn Fn(&mut Vec<String>);

/// What somebody outside holds: the pinned key, and a checkpoint of former days.
pub struct Held {
    scratch: tempfile::TempDir,
    key: String,
}

impl Held {
    /// Of the journal as it is now.
    pub fn of(daemon: &Sensord) -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        let (code, note, error) = daemon.control(&["journal", "checkpoint"]);
        assert_eq!(code, 0, "{error}");
        fs::write(scratch.path().join("held"), note).expect("a file");
        let (_, key, _) = daemon.control(&["journal", "checkpoint", "--key"]);
        let key = key.trim().to_owned();
        Self { scratch, key }
    }

    /// Verifies offline; exit code and what it says.
    fn verify(&self, journal: &Path) -> (i32, Value) {
        let (program, held) = (binary("sensorctl"), self.scratch.path().join("held"));
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (program, dir, held) = (text(&program), text(journal), text(&held));
        let words = [&program, "--json", "journal", "verify", "--dir", &dir];
        let with = ["--key", &self.key, "--against", &held];
        let (code, said, _) = command::said(command::output(&[&words[..], &with].concat()));
        (code, serde_json::from_str(&said).expect("JSON"))
    }

    /// The journal of a home proves itself; no copy does that was edited, reordered, has a gap, was cut
    /// off or is another history signed with the same key.
    pub fn check(&self, home: &Home) {
        let journal = home.state().join("journal");
        let (code, said) = self.verify(&journal);
        assert_eq!((code, &said["intact"]), (0, &true.into()), "{said}");
        let edit = |lines: &mut Vec<String>| {
            lines[4] = lines[4].replacen("\"uid\":", "\"uid\":1", 1);
        };
        let ways: [(&str, Tampering<'_>); 5] = [
            ("edited", &edit),
            ("reordered", &|lines| lines.swap(5, 6)),
            ("gap", &|lines| drop(lines.drain(5..7))),
            ("cut_off", &|lines| lines.truncate(4)),
            ("forked", &edit),
        ];
        for (way, tamper) in ways {
            let copy = tempfile::tempdir().expect("a directory");
            let segment = copied(&journal, copy.path());
            let text = fs::read_to_string(&segment).expect("text");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            tamper(&mut lines);
            if way == "forked" {
                chain(&mut lines);
            }
            fs::write(&segment, lines.join("\n") + "\n").expect("writes");
            if way == "forked" {
                sign(home, copy.path());
            }
            let (code, said) = self.verify(copy.path());
            assert_eq!((code, &said["code"]), (65, &way.into()), "{said}");
        }
    }
}

/// Copies a journal; its one segment.
fn copied(journal: &Path, to: &Path) -> PathBuf {
    let mut segments = Vec::new();
    for file in fs::read_dir(journal).expect("a directory") {
        let file = file.expect("a file").path();
        let place = to.join(file.file_name().expect("a name"));
        fs::copy(&file, &place).expect("copies");
        if place.extension().is_some_and(|end| end == "log") {
            segments.push(place);
        }
    }
    assert_eq!(segments.len(), 1, "a short journal has one segment");
    segments.remove(0)
}

/// Writes every `root_before` anew, as a forger would.
fn chain(lines: &mut [String]) {
    let mut tree = Frontier::default();
    for line in lines {
        let at = line.find("\"root_before\":\"").expect("a link") + 15;
        line.replace_range(at..at + 64, &hex(&tree.root()));
        tree.push(leaf_hash(line.as_bytes()));
    }
}

/// Signs a copy with the sensor's own key.
fn sign(home: &Home, dir: &Path) {
    let key = fs::read_to_string(home.state().join("journal.key")).expect("a key");
    let key = SignerKey::parse(key.trim()).expect("a key");
    let head = verify_dir(dir, None).expect("it proves itself");
    let origin = key.public().name.clone();
    let note = Checkpoint { origin, head }.signed(&key);
    fs::write(dir.join("checkpoint"), note).expect("writes");
}
