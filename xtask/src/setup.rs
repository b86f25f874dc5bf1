//! `cargo xtask setup`: installs what building, the demo and the tests need on Debian 12 or 13.
//!
//! `probe` looks, `plan` decides without side effects, this file acts and looks again.

mod plan;
mod probe;
mod python;
pub mod suricata;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::Command;
use plan::Step;
use probe::Found;

pub const COMMAND: Command = Command {
    name: "setup",
    summary: "installs what building, the demo and the tests need (Debian 12, 13)",
    help: "BPF compiler: nightly with rust-src where rustup has it, else Debian's rustc-web linked \
           into\nrustup as `bpf`. Also bpf-linker (about two minutes to compile) and the network \
           tools that the\ndemo and the tests call, Suricata 7, and the Python packages of the tests \
           (in `.tools/python`).\nDoes nothing when nothing is missing; where it \
           may not install, it\nprints the commands and fails. No package is ever removed.",
    run: |_| ensure().map(|()| ExitCode::SUCCESS),
};

/// Installs what is missing; returns only when everything is there.
pub fn ensure() -> Result<()> {
    tools()?;
    suricata::ensure()
}

fn tools() -> Result<()> {
    let found = Found::look()?;
    for advice in found.advice() {
        eprintln!("setup: {advice}");
    }
    let steps = plan::plan(&found);
    if steps.is_empty() {
        eprintln!("setup: nothing is missing; {}", found.summary());
        return Ok(());
    }

    let (allowed, refused): (Vec<Step>, Vec<Step>) = steps
        .into_iter()
        .partition(|step| !step.privileged || found.may_install());
    for step in &allowed {
        eprintln!("setup: {}", step.why);
        perform(step, &found)?;
    }
    if !refused.is_empty() {
        bail!("{}", instructions(&refused));
    }

    let now = Found::look()?;
    let left = plan::plan(&now);
    if !left.is_empty() {
        bail!(
            "still missing after the installation:\n{}",
            instructions(&left)
        );
    }
    eprintln!("setup: done; {}", now.summary());
    Ok(())
}

fn perform(step: &Step, found: &Found) -> Result<()> {
    let result = step.lines.iter().try_for_each(|line| line.run());
    match (result, &step.otherwise) {
        (Err(error), Some(otherwise)) => {
            eprintln!("setup: {error:#}; trying another way: {}", otherwise.why);
            if otherwise.privileged && !found.may_install() {
                bail!("{}", instructions(std::slice::from_ref(otherwise)));
            }
            perform(otherwise, found)
        }
        (Err(error), None) => match step.hint {
            Some(hint) => Err(error.context(hint)),
            None => Err(error),
        },
        (Ok(()), _) => Ok(()),
    }
}

/// What a person has to run where xtask may not.
fn instructions(steps: &[Step]) -> String {
    let mut text = String::from("run these commands, as root where they install packages:\n");
    for step in steps {
        text.push_str(&format!("  # {}\n", step.why));
        for line in &step.lines {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text.push_str("then `cargo xtask setup` again");
    text
}
