//! `cargo xtask fuzz`: damaged files for every reader.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Command, process::Line, setup, tree};

pub const COMMAND: Command = Command {
    name: "fuzz",
    summary: "feed damaged files to every reader",
    help: "cargo xtask fuzz [--reader R] [--inputs N] [--seed N] [--from N]

A million inputs for each reader, made from the files under tests/seeds/. A reader may refuse them; it
may not panic, and not take memory or time that the input does not explain. What is found is named by
the seed and the number of the input. The last line of each reader has the counts. No root needed;
a minute or two a reader.

--reader R   text, csv, misp, stix, stix-pattern, envelope, warninglist: one of them only
--inputs N   so many inputs for each reader (1000000)
--seed N     others than those of seed 1
--from N     number of the first input (0)

The build is a release build. `cargo xtask test` runs a short form.",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    Line::new("cargo run --quiet --release --package sensor-tests --bin fuzz --")
        .args(arguments.iter().map(String::as_str))
        .dir(tree::root())
        .run()?;
    Ok(ExitCode::SUCCESS)
}
