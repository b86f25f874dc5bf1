//! `sensord replay`, run as a user runs it.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{command, daemon::binary};

/// What a replay said.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Exit code.
    pub code: i32,
    /// Events, in the order in which they were printed.
    pub events: Vec<Value>,
    /// Standard error: the summary, or why there is none.
    pub stderr: String,
}

/// Replays captures with a marker file of this content.
///
/// # Panics
/// When the program is missing, or standard output holds anything but JSON lines.
#[must_use]
pub fn replay(markers: &str, options: &[&str], captures: &[&Path]) -> Replayed {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("markers.txt");
    fs::write(&file, markers).expect("a writable directory");
    replay_file(&file, options, captures)
}

/// The same with a marker file that is there, or is not.
///
/// # Panics
/// As [`replay`].
#[must_use]
pub fn replay_file(markers: &Path, options: &[&str], captures: &[&Path]) -> Replayed {
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let (program, markers) = (text(&binary("sensord")), text(markers));
    let captures: Vec<String> = captures.iter().map(|path| text(path)).collect();
    let mut words = vec![program.as_str(), "replay", "--markers", &markers];
    words.extend(options);
    words.extend(captures.iter().map(String::as_str));
    let (code, stdout, stderr) = command::said(command::output(&words));
    let event = |line| serde_json::from_str(line).expect("an event a line");
    Replayed {
        code,
        events: stdout.lines().map(event).collect(),
        stderr,
    }
}

impl Replayed {
    /// Packets of all events by the id of their marker.
    ///
    /// # Panics
    /// When an event has not one marker.
    #[must_use]
    pub fn packets_by_marker(&self) -> BTreeMap<String, usize> {
        let mut sums = BTreeMap::new();
        for event in &self.events {
            let markers = event["markers"].as_array().expect("a list of markers");
            let [Value::String(marker)] = markers.as_slice() else {
                panic!("not one marker: {event}");
            };
            let packets = event["packets"].as_u64().expect("a count") as usize;
            *sums.entry(marker.clone()).or_insert(0) += packets;
        }
        sums
    }

    /// The `name=count` terms of a line of the summary; terms of zero may be left out there.
    ///
    /// # Panics
    /// When the summary has no such line.
    #[must_use]
    pub fn terms(&self, line: &str) -> BTreeMap<String, u64> {
        let terms = self.rest(line).split_whitespace();
        terms
            .map(|term| {
                let (name, count) = term.split_once('=').expect("a term and its count");
                (name.to_owned(), count.parse().expect("a count"))
            })
            .collect()
    }

    /// The first number of a line of the summary.
    ///
    /// # Panics
    /// When the summary has no such line.
    #[must_use]
    pub fn number(&self, line: &str) -> u64 {
        let first = self.rest(line).split_whitespace().next();
        first.and_then(|text| text.parse().ok()).expect("a number")
    }

    fn rest(&self, line: &str) -> &str {
        self.stderr
            .lines()
            .find_map(|text| text.strip_prefix(line)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no line {line:?} in the summary:\n{}", self.stderr))
    }
}
