//! `cargo xtask bench`: what a packet costs.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Command, process::Line, setup};

pub const COMMAND: Command = Command {
    name: "bench",
    summary: "measure what a packet costs, side by side in one run",
    help: "cargo xtask bench [--json] [--rounds=N]

Nanoseconds a packet for an empty program, for parsing alone and for marker sets of several
sizes, with addresses that vary from packet to packet; needs root. --json prints every sample.
The build is a release build.",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    let mut line = Line::new("cargo").args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "sensor-tests",
        "--bin",
        "bench",
        "--",
    ]);
    line = line.args(arguments.iter().map(String::as_str));
    line.run()?;
    Ok(ExitCode::SUCCESS)
}
