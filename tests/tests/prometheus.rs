//! The metrics page, as promtool and a real Prometheus read it.

use std::{fs, net::IpAddr, time::Duration};

use sensor_common::{Outcome, Term};
use sensor_tests::{
    command::{Background, feed, output, said, wait_until},
    daemon::{Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    need,
    netns::{Netns, Topology},
    traffic::ping,
};
use sensor_user::{
    hits::Account,
    metrics::{Metrics, SinkSnapshot, Snapshot},
};
use serde_json::Value;

const MARKED: &str = "203.0.113.5";
const MARKER: &str = "case-7-secret";
const SERVER: &str = "127.0.0.1:9090";
const INTERFACES: [&str; 2] = [Topology::ACCESS, Topology::TRANSIT];

/// A router whose sensor has seen hits.
struct Scene {
    topology: Topology,
    home: Home,
}

impl Scene {
    fn new() -> Self {
        let topology = Topology::new();
        topology.serve(address());
        Self {
            topology,
            home: Home::new(),
        }
    }

    fn daemon(&self) -> Sensord<'_> {
        let on = |name| Interface::new(name, &Topology::SUBSCRIBERS);
        let settings = Settings::on(INTERFACES.map(on).to_vec());
        let daemon = Sensord::start(&self.home, &self.topology.router, &settings);
        let markers = format!("ip {MARKED} id={MARKER}\n");
        let answer = daemon.client().put("/v1/markers", &markers);
        assert_eq!(answer.expect("an answer").status, 200);
        assert_eq!(ping(&self.topology.subscriber, address(), 5), 5);
        assert!(Identities::settled(&daemon.client()).kernel["hits"] >= 10);
        daemon
    }
}

fn address() -> IpAddr {
    MARKED.parse().expect("an address")
}

/// The names and values of the labels of a line of the page.
fn labels(line: &str) -> Vec<(&str, &str)> {
    let inside = line
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'));
    let words = inside.map_or("", |(labels, _)| labels).split("\",");
    words
        .filter_map(|word| word.trim_end_matches('"').split_once("=\""))
        .collect()
}

/// The value of the series with this name and label, whatever its other labels.
fn value(page: &str, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
    let line = page.lines().find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('{'))
            && wanted.iter().all(|label| labels(line).contains(label))
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn promtool_accepts_a_page_that_is_complete_and_tells_nobody() {
    if !need::root_and(&["promtool", "curl", "ping"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.daemon();
    let page = daemon.metrics();
    let (code, stdout, stderr) = said(feed(&["promtool", "check", "metrics"], page.as_bytes()));
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (0, "", ""),
        "{page}"
    );

    for interface in INTERFACES {
        for outcome in Outcome::ALL {
            let wanted = [("interface", interface), ("outcome", outcome.name())];
            for name in ["marker_sensor_packets_total", "marker_sensor_bytes_total"] {
                assert!(value(&page, name, &wanted).is_some(), "{name} {wanted:?}");
            }
        }
        let wanted = [("interface", interface), ("outcome", "hit")];
        let hits = value(&page, "marker_sensor_packets_total", &wanted);
        assert!(hits >= Some(5.0), "{interface}: {hits:?}");
    }
    let identities = Identities::settled(&daemon.client());
    let kernel = Term::ALL.map(Term::name).to_vec();
    let agent = Account::IDENTITY.iter().map(|account| account.name());
    let agent: Vec<&str> = agent.chain(["in_flight"]).collect();
    for (name, terms, told) in [
        (
            "marker_sensor_kernel_hits_total",
            kernel,
            &identities.kernel,
        ),
        (
            "marker_sensor_agent_records_total",
            agent,
            &identities.agent,
        ),
    ] {
        assert_eq!(terms.len(), told.len(), "{name}: {told:?}");
        for term in terms {
            let on_page = value(&page, name, &[("term", term)]);
            assert_eq!(on_page, Some(told[term] as f64), "{name} {term}");
        }
    }

    assert_eq!(events(&daemon.client())[0]["markers"][0], MARKER);
    assert!(!page.contains(MARKER), "the id of a marker");
    for (name, value) in page.lines().flat_map(labels) {
        let part_of_address = |c: char| c.is_ascii_hexdigit() || ".:".contains(c);
        let mut words = value.split(|c| !part_of_address(c));
        let found = words.any(|word| word.parse::<IpAddr>().is_ok());
        assert!(!found, "an address in label {name}: {value}");
    }
}

/// The one number that a query gives; none while there is no sample.
fn query(netns: &Netns, text: &str) -> Option<f64> {
    let url = format!("http://{SERVER}/api/v1/query");
    let text = format!("query={text}");
    let mut words = vec!["curl", "-s", "--noproxy", "*", "--max-time", "5"];
    words.extend(["--data-urlencode", &text, &url]);
    let answer: Value = serde_json::from_slice(&netns.exec(&words).stdout).ok()?;
    let result = answer["data"]["result"].as_array()?;
    assert!(result.len() <= 1, "{text}: {answer}");
    result.first()?["value"][1].as_str()?.parse().ok()
}

#[test]
fn a_prometheus_server_scrapes_it_and_both_identities_hold_there() {
    if !need::root_and(&["prometheus", "curl", "ping"]) {
        return;
    }
    let scene = Scene::new();
    let daemon = scene.daemon();
    let identities = Identities::settled(&daemon.client());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = directory.path().join("prometheus.yml");
    let port = Settings::default().metrics_port;
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: sensor\n  \
         static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    );
    fs::write(&config, text).expect("a writable directory");
    let router = &scene.topology.router;
    let _server = Background::start(&router.wrap(&[
        "prometheus",
        &format!("--config.file={}", config.display()),
        &format!(
            "--storage.tsdb.path={}",
            directory.path().join("data").display()
        ),
        &format!("--web.listen-address={SERVER}"),
    ]));
    let up = || query(router, "up{job=\"sensor\"}") == Some(1.0);
    assert!(
        wait_until(Duration::from_secs(30), up),
        "nothing is scraped"
    );

    let hits = "marker_sensor_kernel_hits_total";
    let told = query(router, &format!("{hits}{{term=\"hits\"}}"));
    assert_eq!(told, Some(identities.kernel["hits"] as f64));
    assert!(told > Some(0.0));
    let kernel = format!("sum({hits}{{term=\"hits\"}}) - sum({hits}{{term!=\"hits\"}})");
    assert_eq!(query(router, &kernel), Some(0.0));
    let agent = format!("sum(marker_sensor_agent_records_total) - sum({hits}{{term=\"records\"}})");
    assert_eq!(query(router, &agent), Some(0.0));
    let stored = query(router, "sum(marker_sensor_events)");
    assert_eq!(stored, Some(events(&daemon.client()).len() as f64));
}

#[test]
fn the_alert_rules_fire_when_they_should_and_name_series_that_exist() {
    if !need::root() || !need::tool("promtool") {
        return;
    }
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/");
    let cases = format!("{rules}marker-sensor.rules.test.yml");
    let (code, told, error) = said(output(&["promtool", "test", "rules", &cases]));
    assert_eq!(code, 0, "{told}{error}");
    // A rule about a series that nobody writes never fires.
    let text = fs::read_to_string(format!("{rules}marker-sensor.rules.yml")).expect("the rules");
    let metrics = Metrics::new("0", "none", "pop1");
    metrics.acknowledged_after("soc", 1.0);
    metrics.canary(false);
    let page = metrics.page(&Snapshot {
        attached: vec![("eth0".into(), true)],
        sinks: vec![SinkSnapshot::default()],
        ..Snapshot::default()
    });
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for word in words.filter(|word| word.starts_with("marker_sensor_")) {
        assert!(page.contains(word), "no series {word}");
    }
}
