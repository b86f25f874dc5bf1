//! Names in real traffic: real clients of DNS, TLS and HTTP on one side of a router, real servers on
//! the other, and a sensor in between.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_tests::{
    capture::Tcpdump,
    command::wait_until,
    daemon::Client,
    identity::events,
    internet::{
        CANARY, OTHER_GROUP, QUIC, RETRY, Servers, ask, browse, fetch, fetch_http3, long_hello,
        swap,
    },
    need,
    netns::Topology,
    router::Router,
    tshark,
};

const PATIENCE: Duration = Duration::from_secs(20);

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
        "dig", "dnsmasq", "nginx", "curl", "openssl", "socat", "ss", "tcpdump", "tshark",
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

/// Everything that is asked for is found, and what is asked for next to it is not.
fn finds(router: &Router, names: &[(&str, &str)], traffic: impl FnOnce(&Topology)) {
    let daemon = router.start();
    let client = daemon.client();
    let mut markers = String::from("domain nobody-asks.example id=none\n");
    for (at, (name, _)) in names.iter().enumerate() {
        markers.push_str(&format!(
            "domain {name} id=n{at}\ndomain x{name} id=x{at}\n"
        ));
    }
    client.load(&markers);
    traffic(&router.topology);
    let all: BTreeSet<(String, String)> = names
        .iter()
        .enumerate()
        .map(|(at, (_, place))| (format!("n{at}"), (*place).to_owned()))
        .collect();
    let _ = wait_until(PATIENCE, || told(&client).is_superset(&all));
    assert_eq!(told(&client), all);
}

#[test]
fn names_of_http3_are_found_in_both_versions_over_datagrams_and_after_a_retry() {
    if !tools() {
        return;
    }
    let router = Router::new().expect("root");
    let _servers = Servers::start(&router.topology);
    let requests: [(&str, &str, &[&str]); 8] = [
        ("one.quic.example", QUIC, &["v1"]),
        ("two.quic.example", QUIC, &["v2"]),
        ("upgraded.quic.example", QUIC, &["v1v2"]),
        ("long-one.quic.example", QUIC, &["v1", "long"]),
        ("long-two.quic.example", QUIC, &["v2", "long"]),
        ("retry.quic.example", RETRY, &["v1"]),
        ("long-retry.quic.example", RETRY, &["v1", "long"]),
        ("retry-two.quic.example", RETRY, &["v2", "long"]),
    ];
    let names = requests.map(|(name, ..)| (name, "quic_sni"));
    finds(&router, &names, |topology| {
        for (name, port, how) in requests {
            fetch_http3(topology, port, name, how);
        }
    });
}

/// The hello of a browser goes over two segments; a server that asks for another group gets a second one.
#[test]
fn names_beside_a_post_quantum_key_share_are_found_in_either_order() {
    if !tools() {
        return;
    }
    let router = Router::new().expect("root");
    let topology = &router.topology;
    let servers = Servers::start(topology);
    let names = [
        ("two-segments.pq.example", "tls_sni"),
        ("asked-again.pq.example", "tls_sni"),
        ("swapped.pq.example", "tls_sni"),
        ("swapped-again.pq.example", "tls_sni"),
    ];
    let capture = servers.directory().join("frames.pcap");
    finds(&router, &names, |topology| {
        let dump = Tcpdump::start(&topology.router, Topology::ACCESS, None, &capture);
        browse(topology, "443", names[0].0);
        browse(topology, OTHER_GROUP, names[1].0);
        let _swapper = swap(topology);
        browse(topology, "443", names[2].0);
        browse(topology, OTHER_GROUP, names[3].0);
        let _ = dump.stop();
    });
    // X25519MLKEM768 at least where the segments are in order, as tshark 4.0 reads them, and segments that
    // came late.
    let hybrid = "tls.handshake.extensions_key_share_group == 4588";
    let late = "tcp.analysis.out_of_order or tcp.analysis.retransmission";
    let counted = [hybrid, late].map(|filter| tshark::frames(&capture, filter));
    assert!(counted[0] >= 2 && counted[1] >= 2, "{counted:?}");
}
