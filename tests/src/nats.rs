//! A real nats-server, and a client of its own to judge what is in it: the protocol's text, no
//! library.

mod jwt;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    command::{Background, wait_until},
    sinks::free_port,
};

pub use jwt::Account;

/// The stream of the tests.
pub const STREAM: &str = "EVENTS";
/// Its one subject.
pub const SUBJECT: &str = "events.pop1";

/// A server on a loopback port, killed when the value is dropped.
#[derive(Debug)]
pub struct NatsServer {
    /// Where it listens.
    pub port: u16,
    home: TempDir,
    running: Option<Background>,
}

/// A message of a stream.
#[derive(Debug)]
pub struct Stored {
    /// Its `Nats-Msg-Id`.
    pub key: String,
    /// Its payload.
    pub data: Value,
}

impl NatsServer {
    /// With JetStream.
    #[must_use]
    pub fn start() -> Self {
        Self::with("")
    }

    /// With JetStream and more lines of configuration.
    #[must_use]
    pub fn with(more: &str) -> Self {
        let mut server = Self::stopped();
        server.run(&format!(
            "jetstream {{ store_dir: \"{}\" }}\n{more}",
            server.path("js").display()
        ));
        server
    }

    /// One that does not run yet.
    ///
    /// # Panics
    /// When it has no directory or port.
    #[must_use]
    pub fn stopped() -> Self {
        Self {
            port: free_port(),
            home: TempDir::with_prefix("marker-sensor-nats-").expect("a temporary directory"),
            running: None,
        }
    }

    /// A path in its directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Starts it with this configuration.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn run(&mut self, configuration: &str) {
        let path = self.path("nats.conf");
        let head = format!("listen: \"127.0.0.1:{}\"\n", self.port);
        fs::write(&path, head + configuration).expect("a writable directory");
        self.again();
    }

    /// Starts it again with what it has.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn again(&mut self) {
        let (path, log) = (self.path("nats.conf"), self.path("log"));
        let words = ["nats-server", "-c", text(&path), "-l", text(&log)];
        self.running = Some(Background::start(&words));
        let up = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        let log = || fs::read_to_string(&log).unwrap_or_default();
        assert!(wait_until(Duration::from_secs(10), up), "{}", log());
        let ready = || log().contains("Server is ready");
        assert!(wait_until(Duration::from_secs(10), ready), "{}", log());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.running = None;
        // Whether it is up again is read in there.
        let _ = fs::remove_file(self.path("log"));
    }

    /// A client without a name.
    #[must_use]
    pub fn judge(&self) -> Judge {
        Judge::connect(self.port, |_| json!({}))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A client.
#[derive(Debug)]
pub struct Judge {
    stream: BufReader<TcpStream>,
    inboxes: u32,
}

impl Judge {
    /// Connects; `login` makes of the server's challenge what it wants to know: `user` and `pass`,
    /// or `jwt` and `sig`.
    ///
    /// # Panics
    /// When the server does not take it.
    #[must_use]
    pub fn connect(port: u16, login: impl Fn(&str) -> Value) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        let limit = Some(Duration::from_secs(10));
        stream.set_read_timeout(limit).expect("a time limit");
        let mut judge = Self {
            stream: BufReader::new(stream),
            inboxes: 0,
        };
        let line = judge.line();
        let info = line.strip_prefix("INFO ").expect("a greeting");
        let info: Value = serde_json::from_str(info).expect("JSON");
        let login = login(info["nonce"].as_str().unwrap_or_default());
        let mut hello = json!({ "verbose": false, "headers": true, "no_responders": true });
        let given = login.as_object().expect("an object").clone();
        hello.as_object_mut().expect("an object").extend(given);
        judge.write(&format!("CONNECT {hello}\r\nPING\r\n"));
        while !judge.line().starts_with("PONG") {}
        judge
    }

    fn write(&mut self, text: &str) {
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes()).expect("a connection");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer in time");
        assert!(!line.is_empty() && !line.starts_with("-ERR"), "{line:?}");
        line
    }

    /// Asks JetStream.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn ask(&mut self, subject: &str, question: &Value) -> Value {
        self.inboxes += 1;
        let number = self.inboxes;
        let question = question.to_string();
        self.write(&format!(
            "SUB _INBOX.judge.{number} {number}\r\nUNSUB {number} 1\r\nPUB $JS.API.{subject} \
             _INBOX.judge.{number} {}\r\n{question}\r\n",
            question.len()
        ));
        loop {
            let line = self.line();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("MSG") => {
                    let length: usize = words
                        .next_back()
                        .and_then(|n| n.parse().ok())
                        .expect("a length");
                    let mut body = vec![0; length + 2];
                    self.stream.read_exact(&mut body).expect("a whole message");
                    return serde_json::from_slice(&body[..length]).expect("JSON");
                }
                Some("PING") => self.write("PONG\r\n"),
                _ => assert!(!line.starts_with("HMSG"), "nobody answers: {line}"),
            }
        }
    }

    /// Makes the stream, or changes it; `more` is told beside its name and subject.
    ///
    /// # Panics
    /// When the server does not do it.
    pub fn stream(&mut self, verb: &str, max_age: Duration, more: &Value) {
        let mut config = json!({
            "name": STREAM, "subjects": [SUBJECT], "storage": "file", "retention": "limits",
            "discard": "old", "num_replicas": 1, "max_msgs": -1, "max_bytes": -1,
            "max_consumers": -1,
            "max_age": u64::try_from(max_age.as_nanos()).expect("less than 500 years"),
        });
        let more = more.as_object().expect("an object").clone();
        config.as_object_mut().expect("an object").extend(more);
        let answer = self.ask(&format!("STREAM.{verb}.{STREAM}"), &config);
        assert_eq!(answer.get("error"), None, "{answer}");
    }

    /// How many messages the stream has.
    ///
    /// # Panics
    /// When there is no stream.
    pub fn count(&mut self) -> u64 {
        let info = self.ask(&format!("STREAM.INFO.{STREAM}"), &json!({}));
        info["state"]["messages"].as_u64().expect("a stream")
    }

    /// All messages of the stream, none of which was deleted.
    ///
    /// # Panics
    /// When one is not as a sink sends it.
    pub fn stored(&mut self) -> Vec<Stored> {
        (1..=self.count())
            .map(|number| self.message(number))
            .collect()
    }

    fn message(&mut self, number: u64) -> Stored {
        let subject = format!("STREAM.MSG.GET.{STREAM}");
        let answer = self.ask(&subject, &json!({ "seq": number }));
        let message = &answer["message"];
        assert_eq!(message["subject"], SUBJECT, "{answer}");
        let decode = |name: &str| {
            let text = message[name].as_str().expect("base64");
            STANDARD.decode(text).expect("base64")
        };
        let headers = String::from_utf8(decode("hdrs")).expect("text");
        let key = headers
            .lines()
            .find_map(|line| line.strip_prefix("Nats-Msg-Id: "));
        Stored {
            key: key.expect("a key").to_owned(),
            data: serde_json::from_slice(&decode("data")).expect("JSON"),
        }
    }
}
