//! nginx on loopback with client certificates, which answers as its path says and logs what it got.

use std::{
    fmt::Write as _,
    fs, mem,
    net::TcpStream,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::command::{Background, wait_until};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it is given to run.
#[derive(Clone, Debug)]
pub struct Site {
    /// For its configuration and logs.
    pub directory: PathBuf,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Certificate and key of the server.
    pub own: (PathBuf, PathBuf),
    /// Whose client certificates it takes.
    pub clients: PathBuf,
    /// Longest body that it takes, bytes.
    pub longest: usize,
    /// A line that has this in it offends, on the paths `/offends/NNN`.
    pub offence: String,
    /// Where `/slow` leads to: a server that never answers.
    pub slow: u16,
}

/// A running server, ended when the value is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Background,
    log: PathBuf,
}

impl Nginx {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn start(site: &Site) -> Self {
        let log = site.directory.join("access.log");
        let words = configured(&site.directory, &servers(site));
        // One that was killed leaves it.
        let _ = fs::remove_file(site.directory.join("inner"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut process = Background::start(&words);
        let listens = || TcpStream::connect(("127.0.0.1", site.port)).is_ok();
        let errors = || fs::read_to_string(site.directory.join("error.log"));
        assert!(wait_until(PATIENCE, listens), "{:?}", errors());
        assert!(process.is_running(), "{:?}", errors());
        Self { process, log }
    }

    /// Its requests so far, the oldest first: `status`, `path`, `type`, `key`, `signature`,
    /// `connection`, `body`.
    ///
    /// # Panics
    /// When its log is not what the configuration says.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let read = || fs::read_to_string(&self.log).unwrap_or_default();
        // It answers before it logs.
        let mut text = read();
        wait_until(PATIENCE, || {
            thread::sleep(Duration::from_millis(100));
            let before = mem::replace(&mut text, read());
            before == text
        });
        let line = |line| serde_json::from_str(line).expect("a line of JSON");
        text.lines().map(line).collect()
    }

    /// The same, of which there are so many.
    ///
    /// # Panics
    /// When there are more or fewer.
    #[must_use]
    pub fn exactly(&self, count: usize) -> Vec<Value> {
        let requests = self.requests();
        assert_eq!(requests.len(), count, "{requests:?}");
        requests
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// Configures an nginx that stays in the foreground and keeps everything in a directory, with these
/// servers; the command that runs it.
///
/// # Panics
/// When the directory cannot be written.
#[must_use]
pub fn configured(directory: &Path, servers: &str) -> Vec<String> {
    let path = directory.join("nginx.conf");
    let configuration = format!("{}\n{servers} }}\n", head(directory));
    fs::write(&path, configuration).expect("a writable directory");
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let words = [
        "nginx",
        "-p",
        &text(directory),
        "-c",
        &text(&path),
        "-e",
        "error.log",
    ];
    words.map(str::to_owned).into()
}

/// Up to the first server.
fn head(directory: &Path) -> String {
    let at = directory.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {at}/pid;\n\
         error_log {at}/error.log info;\nevents {{ worker_connections 64; }}\nhttp {{\n\
         access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;"
    )
}

/// The bodies of a log are there only where the request is passed on: the outer server passes it to
/// an inner one, which answers.
fn servers(site: &Site) -> String {
    let Site {
        directory,
        port,
        own: (certificate, key),
        clients,
        longest,
        offence,
        slow,
    } = site;
    let [directory, certificate, key, clients] =
        [directory, certificate, key, clients].map(|path| path.display());
    let mut answers = String::new();
    for status in [400, 401, 403, 404, 422, 425, 429, 500, 503] {
        let _ = writeln!(answers, "location = /{status} {{ return {status}; }}");
        let _ = writeln!(
            answers,
            "location = /offends/{status} {{ if ($http_x_offends) {{ return {status}; }} return 204; }}"
        );
    }
    format!(
        r#"
  client_body_buffer_size 4m;
  log_format told escape=json '{{"status":"$status","path":"$uri","type":"$content_type","key":"$http_idempotency_key","signature":"$http_marker_sensor_signature","connection":"$connection","body":"$request_body"}}';
  map $request_body $offends {{ default ""; "~{offence}" 1; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_client_certificate {clients}; ssl_verify_client on;
    client_max_body_size {longest};
    access_log {directory}/access.log told;
    location / {{ proxy_pass http://unix:{directory}/inner; proxy_set_header X-Offends $offends; }}
    location = /slow {{ proxy_pass http://127.0.0.1:{slow}; }}
  }}
  server {{
    listen unix:{directory}/inner; access_log off;
    location = /in {{ return 204; }}
    location = /moved {{ return 302 https://127.0.0.1:{port}/in; }}
    location = /busy {{ add_header Retry-After 3 always; return 429; }}
    {answers}
  }}
"#
    )
}
