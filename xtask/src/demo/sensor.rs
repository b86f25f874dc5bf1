//! `sensord` inside the router, and `sensorctl` on its socket.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    cast::SUBSCRIBERS,
    network::{ACCESS, TRANSIT, inside},
    stage::Stage,
};
use crate::{process::Line, tree};

/// Where `/metrics` listens in the router's namespace.
pub const METRICS: &str = "127.0.0.1:9477";

/// Names a file with the seconds by which its wall clock is ahead, where the daemon was built for that.
pub const CLOCK: &str = "MARKER_SENSOR_CLOCK";

const PATIENCE: Duration = Duration::from_secs(10);

/// The running daemon.
pub struct Sensor {
    child: Child,
    socket: String,
    log: String,
}

/// Where cargo puts the binaries.
pub fn binaries() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| tree::root().join("target"), PathBuf::from);
    target.join("debug")
}

impl Sensor {
    /// Writes the configuration, starts the daemon and waits until it answers.
    pub fn start(stage: &Stage) -> Result<Self> {
        Self::start_with(stage, "", "")
    }

    /// The same with more lines of the table `control`, and more tables.
    pub fn start_with(stage: &Stage, control: &str, more: &str) -> Result<Self> {
        let config = stage.path("sensor.toml");
        fs::write(&config, configuration(stage, control) + more)
            .with_context(|| format!("cannot write {config}"))?;
        let log = stage.path("sensord.log");
        let errors = File::create(&log).with_context(|| format!("cannot write {log}"))?;
        let child = inside(&stage.network.router, "")
            .args([binary("sensord").as_str(), "run", "--config", &config])
            .env(CLOCK, &stage.path("clock"))
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .context("cannot start nsenter")?;
        let mut sensor = Self {
            child,
            socket: stage.path("control.sock"),
            log,
        };
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = sensor.json("status") {
            if let Some(status) = sensor.child.try_wait()? {
                bail!("sensord ended with {status}: {}", sensor.said());
            }
            if Instant::now() > deadline {
                return Err(error.context(format!("sensord does not answer: {}", sensor.said())));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(sensor)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The line that asks it.
    pub fn ctl(&self, arguments: &str) -> Line {
        let mut line = Line::new(&binary("sensorctl")).args(["--socket", &self.socket]);
        line.words.extend(arguments.split(' ').map(str::to_owned));
        line
    }

    /// What it answers to people, below the line that a person types.
    pub fn show(&self, arguments: &str) -> Result<()> {
        let said = self.ctl(arguments).tell()?;
        println!("$ sensorctl {arguments}\n{}", said.trim_end());
        Ok(())
    }

    /// What it answers to programs.
    pub fn json(&self, arguments: &str) -> Result<Value> {
        let said = self.ctl(&format!("{arguments} --json")).tell()?;
        serde_json::from_str(&said)
            .with_context(|| format!("`sensorctl {arguments} --json` is no JSON"))
    }

    /// Loads a marker file from standard input, which no process list shows.
    pub fn load(&self, markers: &str) -> Result<()> {
        let mut child = self
            .ctl("markers load -")
            .command()
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start sensorctl")?;
        let mut pipe = child.stdin.take().context("standard input is piped")?;
        pipe.write_all(markers.as_bytes())?;
        drop(pipe);
        let status = child.wait()?;
        ensure!(
            status.success(),
            "`sensorctl markers load -` ended with {status}"
        );
        Ok(())
    }

    /// Detaches, then asks the daemon to end and waits for it.
    pub fn stop(self) -> Result<ExitStatus> {
        for interface in [ACCESS, TRANSIT] {
            self.show(&format!("detach {interface}"))?;
        }
        self.rest()
    }

    /// Asks the daemon to end and waits for it; what is in the kernel goes on.
    pub fn rest(mut self) -> Result<ExitStatus> {
        Line::new(&format!("kill -TERM {}", self.pid())).tell()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "sensord does not end on SIGTERM");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of its log.
    fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

pub fn binary(name: &str) -> String {
    binaries().join(name).to_string_lossy().into_owned()
}

/// Short timeouts, so that events close while somebody watches. Debug formatting of these strings
/// is that of TOML's basic strings.
fn configuration(stage: &Stage, control: &str) -> String {
    let path = |name| stage.path(name);
    let mut text = format!(
        "sensor = \"demo\"\nstate-dir = {:?}\nbpffs = {:?}\n\n\
         [control]\nsocket = {:?}\n{control}\n\
         [metrics]\nlisten = {METRICS:?}\n\n\
         [flows]\ndrain-interval = \"500ms\"\nidle-timeout = \"3s\"\n",
        path("state"),
        path("bpf"),
        path("control.sock"),
    );
    for name in [ACCESS, TRANSIT] {
        text.push_str(&format!(
            "\n[[interface]]\nname = {name:?}\nsubscribers = {SUBSCRIBERS:?}\n"
        ));
    }
    text
}
