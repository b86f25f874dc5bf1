//! `cargo xtask fuzz`: damaged files and packets for every parser.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Command, process::Line, setup, tree};

pub const COMMAND: Command = Command {
    name: "fuzz",
    summary: "feed damaged files and packets to every parser",
    help: "cargo xtask fuzz [--reader R] [--inputs N] [--seed N] [--from N]

A million inputs for each parser of files, envelopes and packets, and for the program in the kernel
(BPF_PROG_TEST_RUN, every frame through both variants; with root only), made from the files under
tests/seeds/. A parser may refuse them; it may not panic, and not take memory or time that the input
does not explain. The program must pass every frame unchanged and account for it. What is found is
named by the seed and the number of the input. Each parser ends with a line of counts, all of them
with one of sums. A minute or two a parser, half an hour in all.

--reader R   text, csv, misp, stix, stix-pattern, envelope, request, warninglist, dns, tls, http, quic,
             lane, kernel: one of them only
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
