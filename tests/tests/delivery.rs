//! From the packet to the recipient: what the agent stored arrives, whatever dies in between.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    thread,
    time::Duration,
};

use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, packets},
    nats::{Judge, NatsServer, STREAM, SUBJECT},
    need,
    netns::{Netns, veth},
    packet::{Body, Frame, Ip4},
    random::Random,
    traffic::{pcap_write, replay},
};
use serde_json::{Value, json};

const FLOWS: u16 = 4_000;
const FRAMES: usize = 30_000;
const PER_SECOND: u32 = 600;
const KILLS: usize = 50;
const RETENTION: Duration = Duration::from_secs(90 * 86_400);

/// A wire into a namespace whose loopback has a NATS server; this thread lives there from now on.
struct Scene {
    from: Netns,
    to: Netns,
    server: NatsServer,
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (from, to) = (Netns::new("from"), Netns::new("to"));
        veth(&from, "out0", &to, "in0");
        for (netns, interface) in [(&from, "out0"), (&to, "in0")] {
            netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
        }
        to.enter();
        let server = NatsServer::start();
        let more = json!({ "duplicate_window": 120_000_000_000_u64 });
        server.judge().stream("CREATE", RETENTION, &more);
        Self {
            from,
            to,
            server,
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    fn settings(&self, recipient: &str, more: &str) -> Settings {
        let port = self.server.port;
        let mut settings = Settings::on(vec![Interface::new("in0", &["10.0.0.0/8"])]);
        settings.drain_interval = "200ms".into();
        settings.idle_timeout = "2s".into();
        settings.more = format!(
            "[[sink]]\nname = \"stream\"\nrecipient = {recipient:?}\nretention = \"90d\"\n\
             [sink.nats]\nurl = \"nats://127.0.0.1:{port}\"\nstream = {STREAM:?}\n\
             subject = {SUBJECT:?}\n{more}"
        );
        settings
    }

    fn capture(&self, frames: usize) -> std::path::PathBuf {
        let frame = |number: usize| {
            let port = 1_024 + (number % usize::from(FLOWS)) as u16;
            let body = Body::udp(port, 53, b"canary-of-a-payload");
            Frame::new(Ip4::new(
                [10, 1, 0, 2].into(),
                [203, 0, 113, 5].into(),
                body,
            ))
            .bytes()
        };
        let frames: Vec<Vec<u8>> = (0..frames).map(frame).collect();
        let path = self.directory.path().join("frames.pcap");
        pcap_write(&path, &frames);
        path
    }
}

/// Every event that the store has.
fn stored(client: &Client) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let target = format!("/v1/events?limit=10000{after}");
        let page = client.get(&target).expect("an answer").body;
        all.extend(page["rows"].as_array().expect("rows").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

fn sink(client: &Client, name: &str) -> Value {
    let sinks = client.get("/v1/sinks").expect("an answer").body;
    let rows = sinks["rows"].as_array().expect("rows");
    let found = rows.iter().find(|row| row["name"] == name);
    found.expect("it is configured").clone()
}

/// The last revision of each event that arrived; panics where one revision came in two versions.
fn arrived(judge: &mut Judge) -> HashMap<String, Value> {
    let mut last: HashMap<String, Value> = HashMap::new();
    let mut keys: BTreeMap<String, Value> = BTreeMap::new();
    for message in judge.stored() {
        let again = keys.insert(message.key.clone(), message.data.clone());
        assert!(
            again.is_none_or(|before| before["markers"] == message.data["markers"]),
            "{} came as two things",
            message.key
        );
        let id = message.data["id"].as_str().expect("an id").to_owned();
        let rev = |event: &Value| event["rev"].as_u64().expect("a revision");
        let newer = last
            .get(&id)
            .is_none_or(|known| rev(known) <= rev(&message.data));
        if newer {
            last.insert(id, message.data);
        }
    }
    last
}

#[test]
fn every_stored_event_arrives_in_its_last_revision_through_fifty_kills() {
    if !need::root_and(&["tcpreplay", "nats-server"]) {
        return;
    }
    let mut scene = Scene::new();
    let settings = scene.settings("operator", "");
    let capture = scene.capture(FRAMES);
    let home = Home::new();
    let mut running = Some(Sensord::start(&home, &scene.to, &settings));
    running
        .as_ref()
        .expect("it runs")
        .client()
        .load("ip 203.0.113.5 id=m tlp=GREEN\n");
    let mut random = Random::new(7);
    thread::scope(|scope| {
        let from = &scene.from;
        let traffic = scope.spawn(move || replay(from, "out0", &capture, PER_SECOND));
        for kill in 0..KILLS {
            thread::sleep(Duration::from_millis(random.below(700) as u64));
            running.take().expect("it runs").kill9();
            // The recipient is away for a while, too, and loses nothing itself.
            match kill {
                15 => scene.server.kill(),
                25 => scene.server.again(),
                _ => {}
            }
            running = Some(Sensord::start(&home, &scene.to, &settings));
        }
        traffic.join().expect("the traffic ends");
    });
    let daemon = running.expect("it runs");
    let client = daemon.client();
    let quiet = || {
        let all = stored(&client);
        let closed = all.iter().all(|event| event["state"] == "closed");
        closed && sink(&client, "stream")["pending"] == 0
    };
    assert!(
        wait_until(Duration::from_secs(60), quiet),
        "{}",
        sink(&client, "stream")
    );
    let identities = Identities::settled(&client);
    let events = stored(&client);
    let arrived = arrived(&mut scene.server.judge());
    let lost = identities.agent["lost_at_restart"];
    println!(
        "{} hits, {} events stored, {} arrived, {lost} records lost to {KILLS} kills",
        identities.kernel["hits"],
        events.len(),
        arrived.len()
    );
    assert_eq!(
        identities.kernel["hits"], FRAMES as u64,
        "detection went on"
    );
    assert!(events.len() >= usize::from(FLOWS), "{}", events.len());
    assert_eq!(
        arrived.len(),
        events.len(),
        "what arrived is what is stored"
    );
    for event in &events {
        let id = event["id"].as_str().expect("an id");
        assert_eq!(arrived.get(id), Some(event), "the last revision");
    }
    let told = packets(&events);
    let sent = FRAMES as u64;
    assert!(
        told <= sent && told + lost >= sent,
        "told {told}, lost {lost}"
    );
    assert!(daemon.stop().success());
}

fn files(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("a directory");
    let text = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(entry.expect("an entry").path()).expect("text")
    };
    entries.map(text).collect()
}

#[test]
fn each_recipient_is_told_what_is_its_own_and_status_says_how_it_fares() {
    if !need::root_and(&["tcpreplay", "nats-server"]) {
        return;
    }
    let mut scene = Scene::new();
    let eve = scene.directory.path().join("eve");
    let more = format!(
        "[[sink]]\nname = \"siem\"\nrecipient = \"operator\"\n[sink.eve]\ndirectory = {:?}\n",
        eve.display().to_string()
    );
    let settings = scene.settings("authority", &more);
    let capture = scene.capture(20);
    let home = Home::new();
    let daemon = Sensord::start(&home, &scene.to, &settings);
    let client = daemon.client();
    client.load("ip 203.0.113.5 id=m tlp=GREEN\nip 203.0.113.5 id=secret-one tlp=RED\n");
    scene.server.kill();
    replay(&scene.from, "out0", &capture, 200);
    let local = || sink(&client, "siem")["acknowledged"].as_u64() >= Some(20);
    assert!(
        wait_until(Duration::from_secs(10), local),
        "{}",
        sink(&client, "siem")
    );
    let down = || sink(&client, "stream")["down"] == true;
    assert!(
        wait_until(Duration::from_secs(20), down),
        "{}",
        sink(&client, "stream")
    );
    let (code, table, error) = daemon.control(&["sinks", "list"]);
    assert_eq!(code, 0, "{error}");
    assert!(table.contains("down") && table.contains("siem"), "{table}");
    let page = daemon.metrics();
    assert!(
        page.contains("marker_sensor_sink_up{sink=\"stream\"} 0"),
        "{page}"
    );

    scene.server.again();
    let there = || {
        let row = sink(&client, "stream");
        row["pending"] == 0 && row["down"] == false
    };
    assert!(
        wait_until(Duration::from_secs(90), there),
        "{}",
        sink(&client, "stream")
    );
    let alerts = arrived(&mut scene.server.judge());
    assert_eq!(alerts.len(), 20);
    let alert = Value::from_iter(
        alerts
            .into_iter()
            .next()
            .expect("one")
            .1
            .as_object()
            .expect("one")
            .clone(),
    );
    let text = alert.to_string();
    for part in [
        "10.1.0.2",
        "203.0.113.5",
        "src_ip",
        "dst_port",
        "in0",
        "secret-one",
    ] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("pop1") && text.contains("\"m\""), "{text}");
    let eve = files(&eve);
    for part in ["canary-of-a-payload", "203.0.113.5", "secret-one"] {
        assert!(!eve.contains(part), "{part}: {eve}");
    }
    assert!(eve.contains("10.1.0.2") && eve.contains("alias-"), "{eve}");
    let journal = Value::from(client.journal()).to_string();
    assert!(!journal.contains("secret-one") && !journal.contains("10.1.0.2"));

    // An event that is destroyed goes from the files of this machine, too.
    let id = stored(&client)[0]["id"].as_str().expect("an id").to_owned();
    let (code, _, error) = daemon.control(&["events", "not-useful", &id]);
    assert_eq!(code, 0, "{error}");
    let gone = || !files(&scene.directory.path().join("eve")).contains(&id);
    assert!(
        wait_until(Duration::from_secs(60), gone),
        "it is there still"
    );
}

#[test]
fn the_self_test_goes_from_the_program_to_the_operators_sinks_and_to_nobody_else() {
    if !need::root_and(&["nats-server"]) {
        return;
    }
    let scene = Scene::new();
    let eve = scene.directory.path().join("eve");
    let more = format!(
        "[[sink]]\nname = \"siem\"\nrecipient = \"operator\"\n[sink.eve]\ndirectory = {:?}\n\
         [canary]\ninterval = \"1d\"\n",
        eve.display().to_string()
    );
    let settings = scene.settings("authority", &more);
    let home = Home::new();
    let daemon = Sensord::start(&home, &scene.to, &settings);
    let client = daemon.client();
    let before = Identities::settled(&client);
    let (code, report, error) = daemon.control(&["canary"]);
    assert_eq!(code, 0, "{report}{error}");
    for part in [
        "program",
        "in0",
        "stored",
        "siem",
        "acknowledged",
        "the self-test passed",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let after = Identities::settled(&client);
    assert!(after.kernel["hits"] > before.kernel["hits"]);
    let events = stored(&client);
    assert!(
        events.iter().all(|event| event["test"] == true),
        "{events:?}"
    );
    let text = files(&eve);
    assert!(text.contains("\"test\":true"), "{text}");
    let journal = Value::from(client.journal()).to_string();
    assert!(journal.contains("\"canary_run\""), "{journal}");
    let idle = || sink(&client, "stream")["pending"] == 0;
    assert!(wait_until(Duration::from_secs(10), idle));
    assert_eq!(
        scene.server.judge().count(),
        0,
        "the authority was told of a test"
    );

    // The operator's files cannot be written: the test says so, by its exit code, too.
    fs::remove_dir_all(&eve).expect("it is there");
    fs::write(&eve, "in the way").expect("a writable directory");
    let (code, report, _) = daemon.control(&["canary"]);
    assert_eq!(code, 69, "{report}");
    assert!(
        report.contains("not there") && report.contains("FAILED"),
        "{report}"
    );
    let page = daemon.metrics();
    assert!(
        page.contains("marker_sensor_canary_runs_total{outcome=\"failed\"} 1"),
        "{page}"
    );
}
