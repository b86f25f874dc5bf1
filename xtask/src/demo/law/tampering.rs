//! The journal on a copy: as it is, and tampered with in five ways.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    demo::{
        ok,
        sensor::{CLOCK, binary},
        stage::Stage,
    },
    process::Line,
};

/// A way of tampering with the lines of a journal.
type Tamper = fn(&mut Vec<String>);

const WAYS: [(&str, Tamper); 4] = [
    ("edited", |lines| {
        lines[2] = lines[2].replacen("\"uid\":", "\"uid\":1", 1)
    }),
    ("reordered", |lines| lines.swap(2, 3)),
    ("gap", |lines| drop(lines.remove(2))),
    ("cut_off", |lines| lines.truncate(lines.len() / 2)),
];

/// Sets the sensor's state aside: what [`check`] goes on writing is another history.
pub fn prepare_fork(stage: &Stage) -> Result<()> {
    let (state, fork) = (stage.path("state"), stage.path("fork"));
    Line::new("cp -a").args([state.as_str(), &fork]).tell()?;
    Ok(())
}

/// Verifies copies offline; `held` is the state that somebody kept elsewhere.
pub fn check(stage: &Stage, held: &Value) -> Result<()> {
    let journal = PathBuf::from(stage.path("state/journal"));
    let (size, root) = (
        held["size"].as_u64().context("a size")?,
        held["root"].as_str().context("a root")?,
    );
    let against = format!("{size}:{root}");
    let said = verify(&journal, &against).tell()?;
    println!("{}", said.trim_end());
    for (way, tamper) in WAYS {
        let copy = PathBuf::from(stage.path("copy"));
        let segment = copied(&journal, &copy)?;
        let text = fs::read_to_string(&segment)?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        tamper(&mut lines);
        fs::write(&segment, lines.join("\n") + "\n")?;
        found(&copy, &against, (way, way))?;
        fs::remove_dir_all(&copy)?;
    }
    // The former state, and other entries behind it: whole in itself, and long enough.
    let fork = stage.path("fork");
    let config = stage.path("fork.toml");
    let text = fs::read_to_string(stage.path("sensor.toml"))?;
    fs::write(&config, text.replacen(&stage.path("state"), &fork, 1))?;
    let journal = Path::new(&fork).join("journal");
    for number in 0..4 * size {
        if lines_of(&journal)? >= size {
            break;
        }
        // What whoever forges would have happened instead: the clock was set, again and again.
        let clock = stage.path("fork.clock");
        fs::write(&clock, ["20000000", "0"][number as usize % 2])?;
        Line::new(&binary("sensord"))
            .args(["accept-clock", "--config", &config])
            .env(CLOCK, &clock)
            .tell()?;
    }
    ensure!(verify_alone(&journal).ask().is_some(), "a fork is whole");
    // Its key has not signed it: without that, what was held says no more than that this is another one.
    found(&journal, &against, ("forked", "edited"))
}

fn found(journal: &Path, against: &str, (way, code): (&str, &str)) -> Result<()> {
    let line = verify(journal, against).args(["--json"]);
    let output = line.command().output().context("cannot start sensorctl")?;
    ensure!(
        !output.status.success(),
        "a journal that is {way} is not found"
    );
    let said: Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("`{line}` is no JSON"))?;
    ensure!(said["code"] == code, "not found to be {way}: {said}");
    ok(&format!("{way}: found"));
    Ok(())
}

fn verify(journal: &Path, against: &str) -> Line {
    verify_alone(journal).args(["--against", against])
}

fn verify_alone(journal: &Path) -> Line {
    let dir = journal.to_string_lossy();
    Line::new(&binary("sensorctl")).args(["journal", "verify", "--dir", &dir])
}

/// Entries of a journal.
fn lines_of(journal: &Path) -> Result<u64> {
    let mut lines = 0;
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "log") {
            lines += fs::read_to_string(path)?.lines().count() as u64;
        }
    }
    Ok(lines)
}

/// A copy of the journal; its first segment.
fn copied(journal: &Path, copy: &Path) -> Result<PathBuf> {
    fs::create_dir(copy)?;
    let mut segments = Vec::new();
    for entry in fs::read_dir(journal)? {
        let from = entry?.path();
        let to = copy.join(from.file_name().context("a file has a name")?);
        fs::copy(&from, &to)?;
        segments.push(to);
    }
    segments.retain(|path| path.extension().is_some_and(|end| end == "log"));
    segments.sort();
    segments
        .into_iter()
        .next()
        .context("a journal has a segment")
}
