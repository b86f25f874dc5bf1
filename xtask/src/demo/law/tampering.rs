//! The journal on a copy: as it is, and tampered with in five ways.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    demo::{ok, sensor::binary, stage::Stage},
    process::Line,
};

/// A way of tampering with the lines of a journal.
type Tamper = fn(&mut Vec<String>);

const WAYS: [(&str, Tamper); 4] = [
    ("edited", |lines| lines[2] = lines[2].replacen(':', ": ", 1)),
    ("reordered", |lines| lines.swap(2, 3)),
    ("with a gap", |lines| drop(lines.remove(2))),
    ("cut off", |lines| lines.truncate(lines.len() / 2)),
];

/// Verifies copies offline; `head` is the state that somebody kept elsewhere.
pub fn check(stage: &Stage, head: &Value) -> Result<()> {
    let journal = PathBuf::from(stage.path("state/journal"));
    let (size, root) = (&head["size"], head["root"].as_str().context("a root")?);
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
        found(&copy, &against, way)?;
        fs::remove_dir_all(&copy)?;
    }
    // Another journal, whole in itself, in its place.
    let other = stage.path("fork");
    fs::create_dir(&other)?;
    let config = stage.path("fork.toml");
    let text = fs::read_to_string(stage.path("sensor.toml"))?;
    fs::write(&config, text.replacen(&stage.path("state"), &other, 1))?;
    Line::new(&binary("sensord"))
        .args(["declaration", "--config", &config])
        .args(["--record", "FORK", "--date", "2026-01-01"])
        .tell()?;
    found(&Path::new(&other).join("journal"), &against, "forked")
}

fn found(journal: &Path, against: &str, way: &str) -> Result<()> {
    let line = verify(journal, against);
    match line.tell() {
        Ok(_) => bail!("a journal that is {way} is not found"),
        Err(error) => {
            let told = error.to_string();
            ensure!(told.contains("ended with"), "{told}");
            ok(&format!("{way}: found"));
            Ok(())
        }
    }
}

fn verify(journal: &Path, against: &str) -> Line {
    let dir = journal.to_string_lossy();
    Line::new(&binary("sensorctl")).args(["journal", "verify", "--dir", &dir, "--against", against])
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
