//! `cargo xtask soak`: the long forms of tests that have a short one.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Command, process::Line, setup, tree};

pub const COMMAND: Command = Command {
    name: "soak",
    summary: "run the long forms of the tests that have one",
    help: "cargo xtask soak

Swaps of the marker set under traffic: a thousand at 10,000 markers, ten at a million. Minutes; needs
root. The build is a release build. `cargo xtask test` runs the short forms.",
    run,
};

/// Test programs with a long form.
const TESTS: [&str; 1] = ["swap"];

fn run(_: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    let root = tree::root();
    Line::new("cargo build --release --workspace --exclude sensor-ebpf --bins")
        .dir(root.clone())
        .run()?;
    for test in TESTS {
        Line::new("cargo test --release --package sensor-tests --test")
            .args([test, "--", "--nocapture", "--test-threads", "1"])
            .env("SENSOR_SOAK", "1")
            .dir(root.clone())
            .run()?;
    }
    Ok(ExitCode::SUCCESS)
}
