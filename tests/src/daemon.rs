//! The daemon under test, its configuration and its doors.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    command::{self, wait_until},
    netns::{Bpffs, Netns},
};

mod client;
mod settings;

pub use client::{Answer, Client};
pub use settings::{GROUP, Interface, PERSONS, Settings};

/// How long the daemon may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// What outlives one run of the daemon: state, sockets and pins, in a directory of their own.
#[derive(Debug)]
pub struct Home {
    // Unmounted before the directory is removed: fields drop in this order.
    bpffs: Bpffs,
    dir: TempDir,
}

impl Home {
    /// A new, empty one.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("marker-sensor-").expect("a temporary directory");
        let bpffs = Bpffs::mount(&dir.path().join("bpf"));
        fs::create_dir(dir.path().join("state")).expect("a new directory");
        Self { bpffs, dir }
    }

    /// The state directory.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Where the maps and links are pinned.
    #[must_use]
    pub fn pins(&self) -> &Path {
        self.bpffs.path()
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("control.sock")
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("sensor.toml")
    }

    /// A step at which the daemon fails or dies (`sensor_user::fault`), as long as the file is there.
    #[must_use]
    pub fn fault(&self) -> PathBuf {
        self.dir.path().join("fault")
    }

    /// Sets the wall clock of the daemon, running or not, so many seconds from that of the machine
    /// (`sensor_user::fault`).
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn step_clock(&self, seconds: i64) {
        fs::write(self.clock(), seconds.to_string()).expect("a writable directory");
    }

    /// The same, and what the kernel says of that clock: `synchronised`, `unsynchronised` or `silent`.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn step_clock_as(&self, seconds: i64, said: &str) {
        fs::write(self.clock(), format!("{seconds} {said}")).expect("a writable directory");
    }

    /// Has that wall clock taken for right, while no daemon runs (`sensord accept-clock`); what it
    /// says.
    ///
    /// # Panics
    /// When it is refused.
    pub fn accept_clock(&self) -> String {
        let (program, config) = (binary("sensord"), self.config());
        let output = std::process::Command::new(program)
            .args(["accept-clock", "--config"])
            .arg(config)
            .env("MARKER_SENSOR_CLOCK", self.clock())
            .output()
            .expect("sensord starts");
        let (code, said, error) = command::said(output);
        assert_eq!(code, 0, "{error}");
        said
    }

    fn clock(&self) -> PathBuf {
        self.dir.path().join("clock")
    }

    /// Where the daemon's standard error goes; runs follow each other in it.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("stderr.log")
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// A running daemon; killed when the value is dropped.
#[derive(Debug)]
pub struct Sensord<'a> {
    home: &'a Home,
    netns: &'a Netns,
    metrics_port: u16,
    child: Child,
}

impl<'a> Sensord<'a> {
    /// Writes the configuration, starts the daemon inside the namespace and waits until it answers
    /// on its control socket.
    ///
    /// # Panics
    /// When it ends or does not answer within fifteen seconds; the message has what it said.
    #[must_use]
    pub fn start(home: &'a Home, netns: &'a Netns, settings: &Settings) -> Self {
        let mut daemon = Self::spawn(home, netns, settings);
        let client = daemon.client();
        let mut ended = None;
        let answers = wait_until(PATIENCE, || {
            ended = daemon.child.try_wait().expect("the child is ours");
            ended.is_some() || client.get("/v1/status").is_ok_and(|a| a.status == 200)
        });
        if let Some(status) = ended {
            panic!("sensord ended at start: {status}\n{}", daemon.stderr());
        }
        assert!(answers, "sensord does not answer\n{}", daemon.stderr());
        daemon
    }

    /// The same without waiting: for starts that must fail.
    ///
    /// # Panics
    /// When the program is missing.
    #[must_use]
    pub fn spawn(home: &'a Home, netns: &'a Netns, settings: &Settings) -> Self {
        fs::write(home.config(), settings.toml(home)).expect("a writable directory");
        let program = settings.program.clone();
        let program = program.unwrap_or_else(|| binary("sensord"));
        let program = program.to_str().expect("a path in UTF-8");
        let config = home.config();
        let config = config.to_str().expect("a path in UTF-8");
        if settings.declared {
            declare(program, config);
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(home.log())
            .expect("a writable directory");
        // nsenter replaces itself: the child is the daemon.
        let child = command::command(&netns.wrap(&[program, "run", "--config", config]))
            .env("MARKER_SENSOR_FAULT", home.fault())
            .env("MARKER_SENSOR_CLOCK", home.clock())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nsenter starts");
        Self {
            home,
            netns,
            metrics_port: settings.metrics_port,
            child,
        }
    }

    /// A client of its control socket.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.home.socket())
    }

    /// Its metrics, as text.
    ///
    /// # Panics
    /// When they cannot be fetched.
    #[must_use]
    pub fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics_port);
        let limit = PATIENCE.as_secs().to_string();
        self.netns
            .run(&["curl", "-sSf", "--noproxy", "*", "--max-time", &limit, &url])
    }

    /// Runs `sensorctl` on its socket; exit code, standard output, standard error.
    ///
    /// # Panics
    /// When it is missing or killed.
    #[must_use]
    pub fn control(&self, words: &[&str]) -> (i32, String, String) {
        let (program, socket) = (binary("sensorctl"), self.home.socket());
        let program = program.to_str().expect("a path in UTF-8");
        let socket = socket.to_str().expect("a path in UTF-8");
        let words = [&[program, "--socket", socket], words].concat();
        command::said(command::output(&words))
    }

    /// Asks it as another user, who is an operator by number (see [`PERSONS`]).
    ///
    /// # Panics
    /// When `setpriv` or `curl` fails, or the answer is no JSON.
    #[must_use]
    pub fn ask_as(&self, uid: u32, method: &str, path: &str, body: &str) -> Answer {
        let socket = self.home.socket();
        let directory = socket.parent().expect("the socket is in a directory");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory, open).expect("the directory is ours");
        let (uid, group) = (format!("--reuid={uid}"), format!("--regid={GROUP}"));
        let socket = socket.to_str().expect("a path in UTF-8");
        let url = format!("http://sensor{path}");
        let person = ["setpriv", &uid, &group, "--clear-groups"];
        let curl = ["curl", "-sS", "--unix-socket", socket, "-X", method];
        let rest = ["--data-binary", "@-", "-w", "%{http_code}", &url];
        let said = command::feed(&[&person[..], &curl, &rest].concat(), body.as_bytes());
        let (code, text, error) = command::said(said);
        assert_eq!(code, 0, "{error}");
        let (body, status) = text.split_at(text.len() - 3);
        Answer {
            status: status.parse().expect("a status"),
            body: serde_json::from_str(body).expect("JSON"),
        }
    }

    /// Releases markers that are held back, as two persons one after the other; the second answer.
    ///
    /// # Panics
    /// When one of them is refused.
    pub fn release(&self, ids: &str) -> Value {
        let [first, second] =
            PERSONS.map(|uid| self.ask_as(uid, "POST", "/v1/markers/release", ids));
        assert_eq!(first.status, 200, "{:?}", first.body);
        assert_eq!(second.status, 200, "{:?}", second.body);
        second.body
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said on standard error, earlier runs of the same home included.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.home.log()).unwrap_or_default()
    }

    /// Kills it without notice and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill9(mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }

    /// Asks it to end and waits.
    ///
    /// # Panics
    /// When it has not ended after fifteen seconds.
    pub fn stop(mut self) -> ExitStatus {
        command::run(&["kill", "-TERM", &self.child.id().to_string()]);
        self.wait()
            .unwrap_or_else(|| panic!("sensord ignores SIGTERM\n{}", self.stderr()))
    }

    /// Waits up to fifteen seconds for it to end by itself.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let mut ended = None;
        wait_until(PATIENCE, || {
            ended = self.child.try_wait().expect("the child is ours");
            ended.is_some()
        });
        ended
    }
}

impl Drop for Sensord<'_> {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Records the declaration of this configuration, where it is not yet. What is wrong with the
/// configuration, or a daemon that runs already, the start tells better.
fn declare(program: &str, config: &str) {
    let words = [
        program,
        "declaration",
        "--config",
        config,
        "--record",
        "TEST-1",
    ];
    let _ = command::output(&[&words[..], &["--date", "2026-01-01"]].concat());
}

/// A program of this workspace: `SENSORD_BIN` (`SENSORCTL_BIN`, …) says where, else it is that of
/// the profile of the running test, else of `debug` or `release`.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let variable = format!("{}_BIN", name.to_uppercase());
    if let Some(path) = env::var_os(&variable) {
        return path.into();
    }
    let running = env::current_exe().expect("the running program has a path");
    // …/target/PROFILE/deps/TEST or …/target/PROFILE/bench
    let folder = running.parent().expect("a program is in a directory");
    let profile = if folder.ends_with("deps") {
        folder.parent().expect("deps is in a profile")
    } else {
        folder
    };
    let target = profile
        .parent()
        .expect("a profile is in a target directory");
    [profile, &target.join("debug"), &target.join("release")]
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not built; run `cargo build` or set {variable}"))
}
