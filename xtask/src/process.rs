//! Child processes, shown as the line a person would type.

use std::{ffi::OsString, fmt, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

/// A command line: `Display` writes it so that it can be pasted into a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Variables set for this command only.
    pub env: Vec<(&'static str, String)>,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Where it runs; the current directory where `None`.
    pub dir: Option<PathBuf>,
}

impl Line {
    /// Splits `text` at white space: for lines whose words hold none.
    pub fn new(text: &str) -> Self {
        Self {
            env: Vec::new(),
            words: text.split_whitespace().map(str::to_owned).collect(),
            dir: None,
        }
    }

    /// Sets a variable for this command.
    pub fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// Appends arguments.
    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.words.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// Sets the directory it runs in.
    pub fn dir(mut self, dir: PathBuf) -> Self {
        self.dir = Some(dir);
        self
    }

    /// The same as a `Command` ready to be started; `cargo` is the one that runs xtask.
    pub fn command(&self) -> Command {
        let program: OsString = match self.words[0].as_str() {
            "cargo" => std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            other => other.into(),
        };
        let mut command = Command::new(program);
        command
            .args(&self.words[1..])
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// Says the line, runs it with xtask's own streams and fails unless it exits with 0.
    pub fn run(&self) -> Result<()> {
        eprintln!("+ {self}");
        let status = self
            .command()
            .status()
            .with_context(|| format!("cannot start `{}`", self.words[0]))?;
        if !status.success() {
            bail!("`{self}` ended with {status}");
        }
        Ok(())
    }

    /// Runs it without a word and returns its standard output; what it said on standard error is in
    /// the error.
    pub fn tell(&self) -> Result<String> {
        let output = self
            .command()
            .output()
            .with_context(|| format!("cannot start `{}`", self.words[0]))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`{self}` ended with {}: {}", output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Standard output where the command exists and exits with 0: for questions.
    pub fn ask(&self) -> Option<String> {
        let output = self.command().output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(out, "{name}={value} ")?;
        }
        out.write_str(&self.words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_prints_as_it_is_typed() {
        let line = Line::new("apt-get install -y")
            .args(["socat", "curl"])
            .env("DEBIAN_FRONTEND", "noninteractive");
        assert_eq!(
            line.to_string(),
            "DEBIAN_FRONTEND=noninteractive apt-get install -y socat curl"
        );
    }

    #[test]
    fn a_failing_line_is_an_error_that_names_it() {
        let error = Line::new("false").run().unwrap_err();
        assert!(error.to_string().starts_with("`false` ended with"));
        assert_eq!(Line::new("false").ask(), None);
        let error = Line::new("sh -c").args(["echo why >&2; exit 3"]).tell();
        assert!(error.unwrap_err().to_string().ends_with("3: why"));
    }
}
