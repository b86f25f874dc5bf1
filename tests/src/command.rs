//! Programs run by the tests; a failure tells the whole command and what it said.

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Runs a program and returns its output, whatever its status.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn output(words: &[&str]) -> Output {
    command(words)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")))
}

/// Runs a program to success and returns its standard output.
///
/// # Panics
/// When it cannot be started or fails.
pub fn run(words: &[&str]) -> String {
    let output = output(words);
    assert!(
        output.status.success(),
        "{}: {}\n{}",
        words.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program with `input` on its standard input and returns its output.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn feed(words: &[&str], input: &[u8]) -> Output {
    let mut child = command(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // A program that has ended early tells so by its status.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the child is ours")
}

/// What a program that has ended said: exit code, standard output, standard error.
///
/// # Panics
/// When it was killed.
#[must_use]
pub fn said(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code().expect("the program was not killed"),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A command that reads nothing.
#[must_use]
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// Polls until `ready` says so; false when `limit` has passed.
pub fn wait_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if ready() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A background program, killed when the value is dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
}

impl Background {
    /// Starts a program; what it says is dropped.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(words: &[&str]) -> Self {
        let child = command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")));
        Self { child }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
