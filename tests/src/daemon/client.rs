//! HTTP/1.1 over a Unix socket, by hand: independent of the server's library.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

/// A client of the control socket; one connection a request.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body; null when there is none.
    pub body: Value,
}

impl Client {
    /// Of the socket at this path.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// What [`Client::request`] does.
    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.request("GET", path, b"")
    }

    /// `PUT path`.
    ///
    /// # Errors
    /// What [`Client::request`] does.
    pub fn put(&self, path: &str, body: &str) -> io::Result<Answer> {
        self.request("PUT", path, body.as_bytes())
    }

    /// `POST path`.
    ///
    /// # Errors
    /// What [`Client::request`] does.
    pub fn post(&self, path: &str, body: &str) -> io::Result<Answer> {
        self.request("POST", path, body.as_bytes())
    }

    /// Status of the sensor.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        let answer = self.get("/v1/status").expect("the daemon answers");
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body
    }

    /// The whole journal, entry by entry.
    ///
    /// # Panics
    /// When the sensor does not answer, or the journal is longer than one page.
    #[must_use]
    pub fn journal(&self) -> Vec<Value> {
        let answer = self.get("/v1/journal?limit=10000").expect("an answer");
        let rows = answer.body["rows"].as_array().expect("rows");
        let entries: Vec<Value> = rows.iter().map(|row| row["entry"].clone()).collect();
        assert!(entries.len() < 10_000, "more than one page");
        entries
    }

    /// Actions of the journal, in order.
    ///
    /// # Panics
    /// As [`Client::journal`].
    #[must_use]
    pub fn actions(&self) -> Vec<String> {
        let entries = self.journal();
        let action = |entry: &Value| entry["action"].as_str().expect("an action").to_owned();
        entries.iter().map(action).collect()
    }

    /// Replaces the set and returns the answer, which must be good.
    ///
    /// # Panics
    /// When the load is refused.
    pub fn load(&self, markers: &str) -> Value {
        let answer = self.put("/v1/markers", markers).expect("an answer");
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body
    }

    /// Sends a request and reads the whole answer; a minute is the limit between two bytes.
    ///
    /// # Errors
    /// When the socket refuses, the answer is not HTTP/1.1 or its body not JSON.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = self.stream(method, path, body)?;
        let head = Head::read(&mut stream)?;
        let mut bytes = Vec::new();
        match head.length {
            Some(length) => {
                bytes.resize(length, 0);
                stream.read_exact(&mut bytes)?;
            }
            None if head.chunked => while chunk(&mut stream, &mut bytes)? {},
            None => {
                stream.read_to_end(&mut bytes)?;
            }
        }
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        };
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    /// Sends a `GET` whose answer is a stream of JSON lines, and hands over each line until `each`
    /// returns false or the server ends. Returns the status; no line is handed over unless it is
    /// 200.
    ///
    /// # Errors
    /// As [`Client::request`]; also when `quiet` passes without a byte.
    pub fn follow(
        &self,
        path: &str,
        quiet: Duration,
        mut each: impl FnMut(Value) -> bool,
    ) -> io::Result<u16> {
        let mut stream = self.stream("GET", path, b"")?;
        stream.get_ref().set_read_timeout(Some(quiet))?;
        let head = Head::read(&mut stream)?;
        let mut pending = Vec::new();
        while head.status == 200 && chunk(&mut stream, &mut pending)? {
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                if !each(serde_json::from_slice(&line)?) {
                    return Ok(head.status);
                }
            }
        }
        Ok(head.status)
    }

    fn stream(&self, method: &str, path: &str, body: &[u8]) -> io::Result<BufReader<UnixStream>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let length = body.len();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend(body);
        match stream.write_all(&request) {
            // A server may answer and leave before it has read a body that it refuses.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        Ok(BufReader::new(stream))
    }
}

/// What the head of an answer says about its body.
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
}

impl Head {
    fn read(stream: &mut impl BufRead) -> io::Result<Self> {
        let first = line(stream)?;
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| bad("the answer is not HTTP/1.1"))?;
        let mut head = Self {
            status,
            length: None,
            chunked: false,
        };
        loop {
            let field = line(stream)?.to_ascii_lowercase();
            let Some((name, value)) = field.split_once(':') else {
                return Ok(head);
            };
            match (name, value.trim()) {
                ("content-length", length) => {
                    let length = length.parse().map_err(|_| bad("no length"))?;
                    head.length = Some(length);
                }
                ("transfer-encoding", "chunked") => head.chunked = true,
                _ => {}
            }
        }
    }
}

/// Appends one chunk (RFC 9112 §7.1); false at the last, which is empty.
fn chunk(stream: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<bool> {
    let size = line(stream)?;
    let size = usize::from_str_radix(&size, 16).map_err(|_| bad("no chunk size"))?;
    let start = into.len();
    into.resize(start + size, 0);
    stream.read_exact(&mut into[start..])?;
    line(stream)?;
    Ok(size > 0)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use super::*;

    /// Answers one request with `answer`; returns what the client made of it and what was asked.
    fn exchange(answer: &'static str) -> (io::Result<Answer>, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let answer = Client::new(&path).get("/v1/status");
        (answer, server.join().unwrap())
    }

    #[test]
    fn both_kinds_of_body_are_read() {
        let (sized, request) = exchange("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\": 1}\n");
        assert!(request.starts_with("GET /v1/status HTTP/1.1\r\n"));
        let wanted = Answer {
            status: 200,
            body: serde_json::json!({"a": 1}),
        };
        assert_eq!(sized.unwrap(), wanted);
        let chunked = exchange(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
             4\r\n{\"a\"\r\n4\r\n: 1}\r\n0\r\n\r\n",
        );
        assert_eq!(chunked.0.unwrap(), wanted);
    }

    #[test]
    fn an_answer_cut_short_is_an_error() {
        let cut = exchange("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"a\": 1}");
        assert_eq!(cut.0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
