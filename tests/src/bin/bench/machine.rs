//! Where a run was made.

use std::{fs, thread};

use sensor_tests::command;
use serde_json::{Value, json};

/// Everything that may explain a figure.
pub fn machine() -> Value {
    json!({
        "cpu": cpu(),
        "cpus": thread::available_parallelism().map_or(0, usize::from),
        "kernel": kernel(),
        "memory_bytes": meminfo("MemTotal"),
        "jit": fs::read_to_string("/proc/sys/net/core/bpf_jit_enable")
            .map_or_else(|_| "unknown".into(), |text| text.trim().to_owned()),
        "commit": commit(),
        "started": jiff::Timestamp::now().to_string(),
    })
}

/// In one line.
pub fn line(machine: &Value) -> String {
    let text = |name: &str| machine[name].as_str().unwrap_or("unknown").to_owned();
    format!(
        "{}, {} CPUs, {:.0} GiB, kernel {}, commit {}, {}",
        text("cpu"),
        machine["cpus"],
        machine["memory_bytes"].as_f64().unwrap_or(0.0) / f64::from(1 << 30),
        text("kernel"),
        text("commit"),
        text("started"),
    )
}

/// Bytes of a line of `/proc/meminfo`; 0 when it is not there.
pub fn meminfo(name: &str) -> u64 {
    kilobytes("/proc/meminfo", name)
}

/// Bytes of a `Name:   N kB` line of a file; 0 when it is not there.
pub fn kilobytes(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

fn kernel() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().to_owned()
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    name.map_or_else(|| "unknown CPU".into(), |name| name.trim().to_owned())
}

/// Of the tree that was built; a mark says that it had changes.
fn commit() -> String {
    let git = |words: &[&str]| {
        let output = command::output(&[&["git"], words].concat());
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".into();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let clean = changed.is_some_and(|changed| changed.is_empty());
    commit + if clean { "" } else { "+changes" }
}
