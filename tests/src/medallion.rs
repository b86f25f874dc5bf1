//! A real TAXII 2.1 server: medallion, of OASIS.

use std::{fs, net::TcpStream, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    command::{Background, run, wait_until},
    python,
    sinks::free_port,
};

/// A collection that may be read and written.
pub const OPEN: &str = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";
/// One that may only be written.
pub const DROP_BOX: &str = "52892447-4d7e-4f70-b94d-d7f22742ff63";
/// One that may only be read.
pub const READ_ONLY: &str = "64993447-4d7e-4f70-b94d-d7f33742ee63";
/// Whom it lets in, and by which password.
pub const LOGIN: (&str, &str) = ("sensor", "secret-7");

/// A server on a loopback port, killed when the value is dropped.
#[derive(Debug)]
pub struct Medallion {
    /// Where it listens.
    pub port: u16,
    home: TempDir,
    running: Option<Background>,
}

impl Medallion {
    /// An empty one that takes bodies up to `longest` bytes.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(longest: usize) -> Self {
        let home = TempDir::with_prefix("marker-sensor-taxii-").expect("a temporary directory");
        let collection = |id: &str, read: bool, write: bool| {
            json!({ "id": id, "title": id, "can_read": read, "can_write": write,
                "media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": [] })
        };
        let data = json!({
            "/discovery": { "title": "test", "default": "http://127.0.0.1/api/",
                "api_roots": ["http://127.0.0.1/api/"] },
            "api": {
                "information": { "title": "test", "versions": ["application/taxii+json;version=2.1"],
                    "max_content_length": longest },
                "status": [],
                "collections": [collection(OPEN, true, true), collection(DROP_BOX, false, true),
                    collection(READ_ONLY, true, false)],
            },
        });
        let file = home.path().join("data.json");
        fs::write(&file, data.to_string()).expect("a writable directory");
        let configuration = json!({
            "backend": { "module": "medallion.backends.memory_backend",
                "module_class": "MemoryBackend", "filename": file },
            "users": { LOGIN.0: LOGIN.1 },
            "taxii": { "max_page_size": 10_000 },
        });
        let path = home.path().join("medallion.json");
        fs::write(path, configuration.to_string()).expect("a writable directory");
        fs::write(home.path().join("password"), format!("{}\n", LOGIN.1)).expect("a password file");
        let mut server = Self {
            port: free_port(),
            home,
            running: None,
        };
        server.again();
        server
    }

    /// Starts it, empty again.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn again(&mut self) {
        let program = python::program("medallion");
        let configuration = self.home.path().join("medallion.json");
        let port = self.port.to_string();
        self.running = Some(Background::start(&[
            program.to_str().expect("a path in UTF-8"),
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            configuration.to_str().expect("a path in UTF-8"),
        ]));
        let up = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        assert!(
            wait_until(Duration::from_secs(20), up),
            "medallion does not come up"
        );
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// The file with the password.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.home.path().join("password")
    }

    /// All objects that the open collection has, in every version.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        self.ask("objects/?match%5Bversion%5D=all")
    }

    /// The manifest of the open collection.
    #[must_use]
    pub fn manifest(&self) -> Vec<Value> {
        self.ask("manifest/?match%5Bversion%5D=all")
    }

    fn ask(&self, what: &str) -> Vec<Value> {
        let url = format!(
            "http://127.0.0.1:{}/api/collections/{OPEN}/{what}",
            self.port
        );
        let login = format!("{}:{}", LOGIN.0, LOGIN.1);
        let text = run(&[
            "curl",
            "-sS",
            "--fail-with-body",
            "-u",
            &login,
            "-H",
            "Accept: application/taxii+json;version=2.1",
            &url,
        ]);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        answer["objects"].as_array().cloned().unwrap_or_default()
    }
}
