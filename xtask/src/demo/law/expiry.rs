//! The end of the events: six calendar months go by for the daemon, and nothing of them is left.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};

use super::wait;
use crate::{
    demo::{
        ok,
        sensor::{CLOCK, Sensor, binary},
        stage::Stage,
    },
    process::Line,
};

/// More than six calendar months, whichever they are.
const GONE_BY: Duration = Duration::from_secs(200 * 86_400);

/// That the events stand in the store before.
pub fn stored(stage: &Stage, ids: &[String]) -> Result<()> {
    for id in ids {
        ensure!(!traces(stage, id)?.is_empty(), "an event is not stored");
    }
    Ok(())
}

/// Sets the daemon's wall clock, and has it taken for right, as an operator does after a machine was off.
pub fn six_months(stage: &Stage) -> Result<()> {
    let clock = stage.path("clock");
    fs::write(&clock, GONE_BY.as_secs().to_string())
        .with_context(|| format!("cannot write {clock}"))?;
    let config = stage.path("sensor.toml");
    let line = Line::new(&binary("sensord"))
        .args(["accept-clock", "--config", &config])
        .env(CLOCK, &clock);
    println!("$ {line}\n{}", line.tell()?.trim_end());
    Ok(())
}

/// That they are destroyed, counted in the journal, and in no file.
pub fn gone(stage: &Stage, sensor: &Sensor, ids: &[String]) -> Result<()> {
    wait("the journal counts the expired events", || {
        let status = sensor.json("status")?;
        let rows = status["events"]["destroyed"].as_array().cloned();
        let expired = rows.unwrap_or_default().into_iter();
        let mut expired = expired.filter(|row| row["term"] == "expired");
        Ok(expired.any(|row| row["count"].as_u64() == Some(ids.len() as u64)))
    })?;
    let page = sensor.json("events list")?;
    ensure!(page["rows"] == serde_json::json!([]), "events are left");
    for id in ids {
        let shown = sensor.ctl(&format!("events show {id}")).ask();
        ensure!(shown.is_none(), "an event is still shown");
        wait(
            "no file has the event",
            || Ok(traces(stage, id)?.is_empty()),
        )?;
    }
    println!(
        "{}",
        sensor
            .ctl("journal show --limit 1000")
            .tell()?
            .lines()
            .filter(|line| line.contains("events_erased") || line.contains("order_ended"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    ok("the events are gone from the API and from every file; the journal counts them");
    Ok(())
}

/// Files of the state directory that have the id as it stands in a stored row.
fn traces(stage: &Stage, id: &str) -> Result<Vec<String>> {
    let bytes: Option<Vec<u8>> = (0..id.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(id.get(at..at + 2)?, 16).ok())
        .collect();
    let bytes = bytes.context("an id is hexadecimal")?;
    let mut found = Vec::new();
    collect(Path::new(&stage.path("state")), &bytes, &mut found)?;
    Ok(found)
}

fn collect(directory: &Path, bytes: &[u8], found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, bytes, found)?;
        } else if let Ok(read) = fs::read(&path)
            && read.windows(bytes.len()).any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}
