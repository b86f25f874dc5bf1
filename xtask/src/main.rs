//! Developer commands of marker-sensor: `cargo xtask COMMAND`, one file each.
//!
//! This crate depends on no other crate of the workspace: `cargo xtask setup` must build on a
//! machine that cannot compile the XDP programs yet.

mod bench;
mod check;
mod demo;
mod fuzz;
mod process;
mod setup;
mod soak;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use anyhow::Result;

/// One `cargo xtask` command.
pub struct Command {
    /// The word after `cargo xtask`.
    pub name: &'static str,
    /// One line for the list of commands.
    pub summary: &'static str,
    /// What `cargo xtask NAME --help` prints below the summary.
    pub help: &'static str,
    /// Takes the arguments after the name.
    pub run: fn(&[String]) -> Result<ExitCode>,
}

/// A new command is one file and one line here.
const COMMANDS: &[Command] = &[
    bench::COMMAND,
    check::COMMAND,
    demo::COMMAND,
    fuzz::COMMAND,
    setup::COMMAND,
    soak::COMMAND,
    test::COMMAND,
    tidy::COMMAND,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = match arguments.split_first() {
        None => return usage(),
        Some((help, _)) if matches!(help.as_str(), "help" | "--help" | "-h") => return usage(),
        Some((name, rest)) => (name, rest),
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("xtask: there is no command `{name}`\n");
        usage();
        return ExitCode::from(2);
    };
    if rest
        .iter()
        .any(|argument| matches!(argument.as_str(), "--help" | "-h"))
    {
        println!(
            "cargo xtask {}: {}\n\n{}",
            command.name, command.summary, command.help
        );
        return ExitCode::SUCCESS;
    }
    match (command.run)(rest) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask {}: {error:#}", command.name);
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    println!("cargo xtask COMMAND [--help]\n");
    for command in COMMANDS {
        println!("  {:<8} {}", command.name, command.summary);
    }
    ExitCode::SUCCESS
}
