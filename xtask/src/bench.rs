//! `cargo xtask bench`: what a packet costs, how fast sets load, what both take beside others.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Command, process::Line, setup};

pub const COMMAND: Command = Command {
    name: "bench",
    summary: "measure packets, rates and loads side by side, against their limits",
    help: "cargo xtask bench [--peers] [--quick] [--full] [--only=PART] [--rounds=N] [--json] [--no-save]

Costs of a packet for marker sets of several sizes beside an empty program, plain hash and trie
lookups and xdp-filter; rates and costs on a wire; times and memory of loads; how many events a second
the store takes, and how fast it finds them. Needs root; it takes about
ten minutes and wants an idle machine. Each figure is printed with its limit, `pass` or `short`.
The exit code tells whether it could be measured, not whether it passes.

--peers      also beside Suricata 7, which is installed
--quick      small sets and few rounds: whether everything works, in a minute
--full       ten million markers even where less than 8 GiB are available, and events for ten
             minutes at 20,000 a second (6 GB in the directory for temporary files)
--only=PART  packet, names, live, load, events, inspect or peers
--rounds=N   rounds of each comparison (20)
--json       every sample on standard output
--no-save    no run folder under tests/bench/runs/

The build is a release build.",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    if arguments
        .iter()
        .any(|argument| matches!(argument.as_str(), "--peers" | "--only=peers"))
    {
        setup::suricata::ensure()?;
    }
    // Apart from the benches, which would add their feature to the daemon.
    let build = Line::new("cargo build --quiet --release --package");
    build.args(["sensor-user", "--bins"]).run()?;
    Line::new("cargo run --quiet --release --package sensor-tests --bin bench --")
        .args(arguments.iter().map(String::as_str))
        .run()?;
    Ok(ExitCode::SUCCESS)
}
