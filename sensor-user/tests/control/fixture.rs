//! A running door, and raw HTTP over its socket.

use std::{
    env, fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sensor_user::{
    config::Account,
    control::{Counts, Door, Limits, Roles, Socket},
};
use tokio::sync::watch;

use crate::memory::Memory;

/// Longer than anything here takes; reached only by a defect.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that goes with the value.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("marker-sensor-{}-{number}", process::id()));
        fs::create_dir(&path).expect("a fresh directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A door that is open until the value is dropped.
pub struct Running {
    pub dir: Dir,
    pub path: PathBuf,
    pub service: Arc<Memory>,
    pub counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// With limits that tests can reach.
    pub fn start() -> Self {
        Self::with(|_| {}, Vec::new(), None)
    }

    pub fn with(
        change: impl FnOnce(&mut Limits),
        grants: Vec<sensor_user::config::Grant>,
        group: Option<&Account>,
    ) -> Self {
        let mut limits = Limits {
            max_body: 64 << 10,
            header: Duration::from_millis(300),
            body: Duration::from_millis(300),
            ..Limits::default()
        };
        let dir = Dir::new();
        limits.spool.clone_from(&dir.0);
        change(&mut limits);
        let path = dir.0.join("control.sock");
        let socket = Socket::bind(&path, group).expect("binds");
        let service = Memory::new();
        let door = Door::new(Arc::clone(&service), Roles::new(grants), limits);
        let counts = door.counts();
        let (stop, stopped) = watch::channel(false);
        let thread = thread::spawn(move || {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("runtime")
                .block_on(socket.serve(door, stopped))
                .expect("serves");
        });
        Self {
            dir,
            path,
            service,
            counts,
            stop,
            thread: Some(thread),
        }
    }

    pub fn connect(&self) -> UnixStream {
        connect(&self.path)
    }

    /// Sends a request line with `Connection: close`, and a body.
    pub fn ask(&self, line: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sends");
        // A refused body may not be read to its end.
        let _ = stream.write_all(body);
        Answer::read(stream)
    }

    /// Tells the door to stop, without waiting.
    pub fn tell_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the door has stopped.
    pub fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell_to_stop();
        self.wait();
    }
}

pub fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    stream
}

/// Waits for something that other threads bring about.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Reads until the server closes; blank when it said nothing.
    pub fn read(mut stream: UnixStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer loses nothing of it.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The stable code of a failure.
    pub fn code(&self) -> String {
        let failure: sensor_user::model::request::Failure =
            serde_json::from_value(self.json()).expect("a failure");
        assert!(failure.error.len() > 10, "a sentence: {failure:?}");
        failure.code
    }
}
