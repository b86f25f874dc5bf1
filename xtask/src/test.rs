//! `cargo xtask test`: every test, and one line that sums them up.

use std::{
    fmt,
    io::{BufRead, BufReader},
    process::{ExitCode, Stdio},
};

use anyhow::{Context, Result};

use crate::{Command, process::Line, setup, tree};

pub const COMMAND: Command = Command {
    name: "test",
    summary: "sets up what is missing, builds, then runs every test",
    help: "cargo xtask test [FILTER]\n\nThe end-to-end tests (package sensor-tests) need root: they \
           make network namespaces. They run\none at a time; SENSOR_TEST_THREADS=N changes that. \
           The last line is `N passed, N failed,\nN skipped`; a test program that dies without a \
           result counts as one failure.",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    let root = tree::root();
    Line::new("cargo build --workspace --exclude sensor-ebpf --bins")
        .dir(root.clone())
        .run()?;

    let threads = std::env::var("SENSOR_TEST_THREADS").unwrap_or_else(|_| "1".to_owned());
    let filter = || arguments.iter().map(String::as_str);
    // Apart from the rest: namespaces, the BPF file system and timing are shared by a whole machine.
    let suites = [
        // With the features that sensor-tests asks for: building these tests builds the binaries, too.
        Line::new("cargo test --workspace --exclude sensor-ebpf --exclude sensor-tests")
            .args(["--features", "sensor-user/bench,sensor-user/faults"])
            .args(["--no-fail-fast"])
            .args(filter()),
        Line::new("cargo test --package sensor-tests --no-fail-fast")
            .args(filter())
            .args(["--", "--test-threads", &threads]),
        // Requests of L. 851-1 are left out of what ships by default; refusing them is tested above. Last,
        // because this builds the daemon with them.
        Line::new("cargo test --package sensor-user --lib --test requests --no-fail-fast")
            .args(["--features", "bench,faults,l851-1"])
            .args(filter()),
        // The same on a running daemon: the one that the line above has built.
        Line::new("cargo test --package sensor-tests --test requests --no-fail-fast")
            .args(["--features", "l851-1"])
            .args(filter())
            .args(["--", "--test-threads", &threads]),
    ];
    let mut total = Tally::default();
    for suite in suites {
        total.add(stream(&suite.dir(root.clone()))?);
    }
    if total.passed + total.failed == 0 {
        eprintln!("test: nothing ran");
    }
    println!("{total}");
    Ok(total.verdict())
}

/// Counts of tests, as libtest reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    /// What libtest calls ignored.
    skipped: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`; `None` for any other line.
    fn of_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::default();
        for part in counts.split("; ") {
            match part.split_once(' ') {
                Some((number, "passed")) => tally.passed = number.parse().ok()?,
                Some((number, "failed")) => tally.failed = number.parse().ok()?,
                Some((number, "ignored")) => tally.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }

    fn verdict(self) -> ExitCode {
        if self.failed == 0 && self.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Runs one suite, passes its output on line by line and counts.
fn stream(suite: &Line) -> Result<Tally> {
    eprintln!("+ {suite}");
    let mut child = suite
        .command()
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read cargo's output")?;
        // A test may print bytes that are not UTF-8: they must not end the count.
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(result) = Tally::of_line(&line) {
            tally.add(result);
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    Ok(settle(tally, status.success()))
}

/// A suite that failed without a failing test (it did not compile, a test program was killed)
/// counts as one failure.
fn settle(mut tally: Tally, success: bool) -> Tally {
    if !success && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let mut total = Tally::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            total.add(Tally::of_line(line).unwrap());
        }
        assert_eq!(total.to_string(), "5 passed, 1 failed, 1 skipped");
        assert_eq!(Tally::of_line("test a::b ... ok"), None);
    }

    #[test]
    fn a_suite_that_dies_is_a_failure() {
        let none = Tally::default();
        assert_eq!(settle(none, false).failed, 1);
        assert_eq!(settle(none, true).failed, 0);
        let one = Tally { failed: 1, ..none };
        assert_eq!(settle(one, false).failed, 1);
    }

    #[test]
    fn nothing_run_is_not_a_success() {
        assert_eq!(Tally::default().verdict(), ExitCode::FAILURE);
        let passed = Tally {
            passed: 1,
            ..Tally::default()
        };
        assert_eq!(passed.verdict(), ExitCode::SUCCESS);
    }
}
