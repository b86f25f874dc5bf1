//! Time that processors spent, by the kernel's accounts.

use std::fs;

use sensor_tests::{command, netns::Wire};

use crate::subjects::said;

/// Ticks a second of the accounts in `/proc` (`USER_HZ`, the same on every Linux of this kind).
const TICKS: f64 = 100.0;
const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Seconds that a process has used, in its own code and in the kernel.
pub fn process(id: u32) -> Result<f64, String> {
    let path = format!("/proc/{id}/stat");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name may hold blanks and brackets; after it come state, parent, …
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |index: usize| rest.split_whitespace().nth(index)?.parse::<f64>().ok();
    let both = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    both.map(|ticks| ticks / TICKS)
        .ok_or_else(|| format!("{path} cannot be read"))
}

/// Seconds that all processors have spent in soft interrupts.
pub fn softirq() -> Result<f64, String> {
    let text = fs::read_to_string("/proc/stat").map_err(said)?;
    let line = text.lines().next().unwrap_or_default();
    // cpu user nice system idle iowait irq softirq …
    let ticks = line
        .split_whitespace()
        .nth(7)
        .and_then(|ticks| ticks.parse::<f64>().ok());
    ticks
        .map(|ticks| ticks / TICKS)
        .ok_or_else(|| "/proc/stat cannot be read".into())
}

/// The kernel counts the run time of programs while this value lives.
pub struct BpfStats {
    before: String,
}

impl BpfStats {
    pub fn on() -> Result<Self, String> {
        let before = fs::read_to_string(STATS).map_err(said)?;
        fs::write(STATS, "1").map_err(said)?;
        Ok(Self { before })
    }
}

impl Drop for BpfStats {
    fn drop(&mut self) {
        let _ = fs::write(STATS, &self.before);
    }
}

/// Seconds that the program on the receiving end has run, and how often.
pub fn program(wire: &Wire) -> Result<(f64, u64), String> {
    let id = wire
        .to
        .xdp_program(Wire::IN)
        .ok_or("no program is attached")?;
    let text = command::run(&["bpftool", "--json", "prog", "show", "id", &id.to_string()]);
    let program: serde_json::Value = serde_json::from_str(&text).map_err(said)?;
    // Absent before the first run.
    let time = program["run_time_ns"].as_f64().unwrap_or(0.0) / 1e9;
    Ok((time, program["run_cnt"].as_u64().unwrap_or(0)))
}
