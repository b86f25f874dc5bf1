//! Real servers in the internet of a [`Topology`](crate::netns::Topology), and real clients of theirs at the
//! subscriber's: DNS, TLS, HTTP and HTTP/3.

use std::{path::Path, time::Duration};

use crate::{
    certificates::Authority,
    command::{Background, wait_until},
    netns::Topology,
    nginx::configured,
    python,
};

/// Where the servers are.
pub const SERVER: &str = "10.2.0.2";
/// Port of HTTP/3.
pub const QUIC: &str = "443";
/// Port of HTTP/3 where each client is told to come again with a token (RFC 9000 §8.1.2).
pub const RETRY: &str = "444";
/// Port of a TLS server that knows none of the key shares that clients send, and asks for another.
pub const OTHER_GROUP: &str = "445";
/// What no file, log or metric may have: a header of each request.
pub const CANARY: &str = "canary-of-a-payload-7f3a";

const PATIENCE: Duration = Duration::from_secs(20);

/// Servers of DNS, of HTTP and HTTPS (also for one group of key shares only), and of HTTP/3 with and without
/// Retry.
#[derive(Debug)]
pub struct Servers {
    _running: Vec<Background>,
    directory: tempfile::TempDir,
}

impl Servers {
    /// Starts them; when it returns, they answer.
    ///
    /// # Panics
    /// When one of them does not.
    #[must_use]
    pub fn start(topology: &Topology) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path();
        let (certificate, key) = Authority::new(place, "authority").issue("server", "serverAuth");
        let web = configured(
            place,
            &format!(
                "server {{ listen {SERVER}:80; listen {SERVER}:443 ssl; ssl_certificate {}; \
                 ssl_certificate_key {}; location / {{ return 204; }} }}\n\
                 server {{ listen {SERVER}:{OTHER_GROUP} ssl; ssl_certificate {}; \
                 ssl_certificate_key {}; ssl_ecdh_curve secp384r1; location / {{ return 204; }} }}",
                certificate.display(),
                key.display(),
                certificate.display(),
                key.display(),
            ),
        );
        let web: Vec<&str> = web.iter().map(String::as_str).collect();
        let internet = &topology.internet;
        let web = Background::start(&internet.wrap(&web));
        let dns = dns(topology);
        let http3 = |port: &str, how: &[&str]| {
            let (certificate, key) = (text(&certificate), text(&key));
            let words = ["serve", SERVER, port, certificate, key];
            let words = http3_words(&[&words[..], how].concat());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            Background::start(&internet.wrap(&words))
        };
        let servers = Self {
            _running: vec![dns, web, http3(QUIC, &[]), http3(RETRY, &["retry"])],
            directory,
        };
        let up = |port: &str| {
            let to = format!("TCP:{SERVER}:{port},connect-timeout=1");
            let words = ["socat", "-u", "OPEN:/dev/null", &to];
            topology.subscriber.exec(&words).status.success()
        };
        for port in ["53", "80", "443", OTHER_GROUP] {
            assert!(wait_until(PATIENCE, || up(port)), "port {port} is open");
        }
        let bound = || {
            let said = internet.run(&["ss", "-Hlun"]);
            [QUIC, RETRY]
                .iter()
                .all(|port| said.contains(&format!("{SERVER}:{port} ")))
        };
        assert!(wait_until(PATIENCE, bound), "HTTP/3 is served");
        servers
    }

    /// A directory that lives as long as they do.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn http3_words(words: &[&str]) -> Vec<String> {
    python_words("http3.py", words)
}

/// The words that run a program of `tests/python` in its environment.
fn python_words(name: &str, words: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("python")
        .join(name);
    let program = python::program("python3");
    let mut all = vec![text(&program).to_owned(), text(&script).to_owned()];
    all.extend(words.iter().map(|word| (*word).to_owned()));
    all
}

fn run_python(topology: &Topology, name: &str, words: &[&str]) -> String {
    let words = python_words(name, words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    topology.subscriber.run(&words)
}

/// A DNS server that knows every name below `example`, once it answers.
#[must_use]
pub fn dns(topology: &Topology) -> Background {
    let listen = format!("--listen-address={SERVER}");
    let words = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--user=root",
        "--pid-file=",
        "--address=/example/198.51.100.7",
        &listen,
    ];
    Background::start(&topology.internet.wrap(&words))
}

/// A request over HTTP/3, which is answered; `how` as `http3.py` takes it.
///
/// # Panics
/// When it is not.
pub fn fetch_http3(topology: &Topology, port: &str, name: &str, how: &[&str]) {
    let words = [&["get", SERVER, port, name], how].concat();
    assert_eq!(run_python(topology, "http3.py", &words).trim(), "204");
}

/// A request over HTTPS with the hello of a browser, whose key share is X25519MLKEM768.
///
/// # Panics
/// When it is not answered.
pub fn browse(topology: &Topology, port: &str, name: &str) {
    let (url, to) = (
        format!("https://{name}:{port}/"),
        format!("{name}:{port}:{SERVER}"),
    );
    assert_eq!(
        run_python(topology, "browse.py", &[&url, &to]).trim(),
        "204"
    );
}

/// From now on the subscriber's packets to the servers bear another of its addresses, and the first segment
/// of each ClientHello comes behind the second one.
///
/// # Panics
/// When they do not.
#[must_use]
pub fn swap(topology: &Topology) -> Background {
    let words = python_words("swap.py", &["10.1.0.3", SERVER, Topology::UPLINK]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let swapper = Background::start(&topology.subscriber.wrap(&words));
    let routed = || {
        let said = topology.subscriber.run(&["ip", "route", "get", SERVER]);
        said.contains("swap0")
    };
    assert!(
        wait_until(PATIENCE, routed),
        "packets go through the swapper"
    );
    swapper
}

/// A question of each kind, over UDP and TCP.
///
/// # Panics
/// When there is no answer.
pub fn ask(topology: &Topology, name: &str) {
    let at = format!("@{SERVER}");
    for (kind, how) in [
        ("A", "+notcp"),
        ("AAAA", "+notcp"),
        ("HTTPS", "+notcp"),
        ("A", "+tcp"),
    ] {
        let words = ["dig", &at, "+tries=1", "+time=5", how, name, kind];
        let said = topology.subscriber.run(&words);
        assert!(said.contains("status: "), "{said}");
    }
}

/// A request with curl, answered.
///
/// # Panics
/// When it is not.
pub fn fetch(topology: &Topology, url: &str, host: &str) {
    let resolve: Vec<String> = ["80", "443"]
        .iter()
        .map(|port| format!("{host}:{port}:{SERVER}"))
        .collect();
    let canary = format!("X-Canary: {CANARY}");
    topology.subscriber.run(&[
        "curl",
        "-sSk",
        "--noproxy",
        "*",
        "--max-time",
        "10",
        "--http1.1",
        "-H",
        &canary,
        "--resolve",
        &resolve[0],
        "--resolve",
        &resolve[1],
        url,
    ]);
}

/// A ClientHello that no packet holds, as those with post-quantum key shares are.
pub fn long_hello(topology: &Topology, name: &str) {
    let protocols: Vec<String> = (0..40)
        .map(|n| format!("{n:02}{}", "p".repeat(48)))
        .collect();
    let (to, protocols) = (format!("{SERVER}:443"), protocols.join(","));
    let words = [
        "openssl",
        "s_client",
        "-connect",
        &to,
        "-servername",
        name,
        "-alpn",
        &protocols,
    ];
    // Whether the server likes the protocols is no matter.
    let _ = topology.subscriber.exec(&words);
}
