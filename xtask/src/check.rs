//! `cargo xtask check`: everything that is judged without running the sensor.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Command, process::Line, setup, tidy, tree};

pub const COMMAND: Command = Command {
    name: "check",
    summary: "formatting, clippy on every crate, then tidy",
    help: "Runs `setup` first: clippy builds the XDP programs too. All checks run even when one of \
           them\nfails. Debian's BPF compiler brings no clippy, so the eBPF crate is linted for the \
           host, in the\nrelease profile because only a profile that aborts on panic can do \
           without std.",
    run,
};

const CHECKS: &[&str] = &[
    "cargo fmt --all --check",
    "cargo clippy --workspace --exclude sensor-ebpf --all-targets -- -D warnings",
    "cargo clippy --release --package sensor-ebpf --bins -- -D warnings",
];

fn run(_: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    let root = tree::root();
    let mut failed = 0;
    for check in CHECKS {
        if let Err(error) = Line::new(check).dir(root.clone()).run() {
            eprintln!("check: {error:#}");
            failed += 1;
        }
    }
    let findings = tidy::print_findings(&root)?;
    if failed > 0 || findings > 0 {
        eprintln!("check: {failed} commands failed, tidy found {findings}");
        return Ok(ExitCode::FAILURE);
    }
    eprintln!("check: clean");
    Ok(ExitCode::SUCCESS)
}
