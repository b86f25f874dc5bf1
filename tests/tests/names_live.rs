//! Names in real traffic: real clients of DNS, TLS and HTTP on one side of a router, real servers on
//! the other, and what tshark reads of the same frames.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_tests::{
    certificates::Authority,
    command::{self, Background, wait_until},
    daemon::Client,
    identity::events,
    need,
    netns::Topology,
    nginx::configured,
    offline::replay,
    router::Router,
};

const SERVER: &str = "10.2.0.2";
const PATIENCE: Duration = Duration::from_secs(20);
/// What no file, log or metric may have.
const CANARY: &str = "canary-of-a-payload-7f3a";

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A DNS server and a server of HTTP and HTTPS, in the internet.
struct Servers {
    _dns: Background,
    _web: Background,
    directory: tempfile::TempDir,
}

impl Servers {
    fn start(topology: &Topology) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path();
        let (certificate, key) = Authority::new(place, "authority").issue("server", "serverAuth");
        let web = configured(
            place,
            &format!(
                "server {{ listen {SERVER}:80; listen {SERVER}:443 ssl; ssl_certificate {}; \
                 ssl_certificate_key {}; location / {{ return 204; }} }}",
                certificate.display(),
                key.display(),
            ),
        );
        let web: Vec<&str> = web.iter().map(String::as_str).collect();
        let internet = &topology.internet;
        let web = Background::start(&internet.wrap(&web));
        let listen = format!("--listen-address={SERVER}");
        let dns = [
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
        let dns = Background::start(&internet.wrap(&dns));
        let servers = Self {
            _dns: dns,
            _web: web,
            directory,
        };
        let up = |port: &str| {
            let to = format!("TCP:{SERVER}:{port},connect-timeout=1");
            let words = ["socat", "-u", "OPEN:/dev/null", &to];
            topology.subscriber.exec(&words).status.success()
        };
        for port in ["53", "80", "443"] {
            assert!(wait_until(PATIENCE, || up(port)), "port {port} is open");
        }
        servers
    }
}

/// A question of each kind, over UDP and TCP.
fn ask(topology: &Topology, name: &str) {
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

fn fetch(topology: &Topology, url: &str, host: &str) {
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
fn long_hello(topology: &Topology, name: &str) {
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

fn told(client: &Client) -> BTreeSet<(String, String)> {
    let word = |value: &serde_json::Value| value.as_str().expect("a word").to_owned();
    let pair = |event: &serde_json::Value| (word(&event["markers"][0]), word(&event["matched_in"]));
    events(client).iter().map(pair).collect()
}

fn expected(of: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    of.iter()
        .map(|(marker, place)| ((*marker).into(), (*place).into()))
        .collect()
}

fn tools() -> bool {
    need::root_and(&[
        "dig", "dnsmasq", "nginx", "curl", "openssl", "socat", "tcpdump", "tshark",
    ])
}

/// Every file below a directory that has these bytes.
fn holding(place: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(place).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if let Ok(content) = fs::read(&path)
            && content.windows(bytes.len()).any(|window| window == bytes)
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn names_of_real_traffic_are_found_and_nothing_else_is_kept() {
    if !tools() {
        return;
    }
    let router = Router::new().expect("root");
    let topology = &router.topology;
    let _servers = Servers::start(topology);
    let daemon = router.start();
    let client = daemon.client();
    client.load(
        "domain www.asked.example id=asked\n\
         domain *.below.example id=below\n\
         domain tls.example id=tls\n\
         domain long.example id=long\n\
         domain web.example id=web\n\
         url http://web.example/gate.php?x=1 id=url\n\
         domain asked.example id=parent\n\
         domain ked.example id=end\n",
    );
    ask(topology, "www.ASKED.example");
    ask(topology, "a.b.below.example");
    fetch(topology, "https://tls.example/", "tls.example");
    fetch(
        topology,
        "http://web.example/./gate.php?x=1#y",
        "web.example",
    );
    long_hello(topology, "long.example");
    let all = expected(&[
        ("asked", "dns"),
        ("below", "dns"),
        ("tls", "tls_sni"),
        ("long", "tls_sni"),
        ("web", "http_host"),
        ("url", "http_url"),
    ]);
    assert!(
        wait_until(PATIENCE, || told(&client).is_superset(&all)),
        "{:?}",
        told(&client)
    );
    assert_eq!(told(&client), all);

    let page = daemon.metrics();
    let log = daemon.stderr();
    for (what, text) in [("metrics", &page), ("log", &log)] {
        for word in [
            CANARY,
            "asked.example",
            "below.example",
            "tls.example",
            "gate.php",
        ] {
            assert!(!text.contains(word), "{word} in the {what}");
        }
    }
    assert_eq!(
        holding(&router.home.state(), CANARY.as_bytes()),
        [""; 0].map(PathBuf::from)
    );
}

#[test]
fn replay_finds_what_tshark_reads_in_real_traffic() {
    if !tools() {
        return;
    }
    let router = Router::new().expect("root");
    let topology = &router.topology;
    let servers = Servers::start(topology);
    let capture = servers.directory.path().join("frames.pcap");
    let words = [
        "tcpdump",
        "-i",
        Topology::ACCESS,
        "-n",
        "-U",
        "-w",
        text(&capture),
    ];
    let dump = Background::start(&topology.router.wrap(&words));
    let begun = || fs::metadata(&capture).is_ok_and(|file| file.len() >= 24);
    assert!(wait_until(PATIENCE, begun), "tcpdump listens");
    ask(topology, "one.example");
    ask(topology, "Two.Example");
    fetch(topology, "https://three.example/", "three.example");
    fetch(topology, "http://four.example/a", "four.example");
    long_hello(topology, "five.example");
    std::thread::sleep(Duration::from_secs(1));
    drop(dump);

    let field = |name: &str| -> BTreeSet<String> {
        let words = [
            "tshark",
            "-n",
            "-r",
            text(&capture),
            "-T",
            "fields",
            "-e",
            name,
        ];
        let said = command::run(&words);
        let words = said.split(|one: char| one.is_whitespace() || one == ',');
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let read = [
        ("dns", field("dns.qry.name")),
        ("tls_sni", field("tls.handshake.extensions_server_name")),
        ("http_host", field("http.host")),
        ("ja3", field("tls.handshake.ja3")),
    ];
    let (mut markers, mut all) = (String::new(), BTreeSet::new());
    for (place, values) in &read {
        assert!(!values.is_empty(), "tshark reads none of {place}");
        for value in values {
            // The server's answers have no fingerprint of a client.
            let kind = if *place == "ja3" { "ja3" } else { "domain" };
            let id = format!("n{}", all.len());
            markers.push_str(&format!("{kind} {value} id={id}\n"));
            all.insert((id, (*place).to_owned()));
        }
    }
    let replayed = replay(&markers, &[], &[&capture]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let word = |value: &serde_json::Value| value.as_str().expect("a word").to_owned();
    let mut told = BTreeSet::new();
    for event in &replayed.events {
        for marker in event["markers"].as_array().expect("ids") {
            told.insert((word(marker), word(&event["matched_in"])));
        }
    }
    assert_eq!(told, all, "{}", replayed.stderr);
}
