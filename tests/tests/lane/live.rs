//! On a running daemon.

use std::{fs, time::Duration};

use sensor_tests::{
    bearers::{
        ENCRYPTED, SERVER, frame, greeting, hello, initial, message, question, request, segment,
        server_name,
    },
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
    packet::Body,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "domain *.evil.example id=name\n";

fn settings() -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    settings
}

/// Every protocol that may bear a name, and some that do not; one flow each.
fn mixed(first: u16) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let whole = hello(&[(51, vec![9; 900]), server_name("www.evil.example")]);
    for port in (first..first + 40).step_by(8) {
        frames.push(question(port, "www.evil.example"));
        frames.push(frame(Body::udp(
            port + 1,
            53,
            &message("www.evil.example", 2),
        )));
        frames.push(greeting(port + 2, &whole));
        frames.push(segment((port + 3, 443), 0, 2, &[]));
        frames.push(segment((port + 3, 443), 1, 0x18, &whole[..600]));
        frames.push(segment((port + 3, 443), 601, 0x18, &whole[600..]));
        frames.push(request(port + 4, "www.evil.example", "/gate"));
        frames.push(segment((port + 5, 80), 1, 0x18, b"GET / HTTP/1.1\r\nHo"));
        frames.push(initial(port + 6));
        frames.push(frame(Body::udp(port + 7, 4_500, b"neither")));
        frames.push(frame(Body::udp(port + 7, 853, b"dot")));
    }
    frames
}

/// Values of a series, by their labels.
fn series(page: &str, name: &str) -> Vec<(String, u64)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix(name));
    let pair = |line: &str| {
        let (labels, value) = line.rsplit_once(' ').expect("a value");
        (labels.to_owned(), value.parse().expect("a number"))
    };
    lines.map(pair).collect()
}

fn judged(client: &Client) -> u64 {
    let status = client.status();
    let outcomes = status["interfaces"][0]["outcomes"].as_array().cloned();
    let packets = |row: &Value| row["packets"].as_u64().expect("a count");
    outcomes.expect("outcomes").iter().map(packets).sum()
}

#[test]
fn mixed_traffic_lends_nothing_until_a_name_is_loaded_and_nothing_after_it_went() {
    if !need::root_and(&["tcpreplay", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    let nameless =
        format!("ip {SERVER} id=a\ncidr 198.51.0.0/16 id=c\nendpoint {SERVER} udp 53 id=e\n");
    let send = |first| {
        let frames = mixed(first);
        let before = judged(&client);
        wire.send(&frames, 2_000);
        let all = || judged(&client) == before + frames.len() as u64;
        assert!(wait_until(PATIENCE, all), "every frame was judged");
        let _ = Identities::settled(&client);
        let page = daemon.metrics();
        let sum = |name, labels: &str| -> u64 {
            let of = series(&page, name).into_iter();
            let of = of.filter(|one| one.0.ends_with(labels));
            of.map(|(_, count)| count).sum()
        };
        (
            sum("marker_sensor_lane_packets_total{", "}"),
            sum("marker_sensor_lent_packets{", "}"),
            sum("marker_sensor_lane_taken_packets_total{", "what=\"taken\"}"),
        )
    };
    client.load(&nameless);
    assert_eq!(send(1_000), (0, 0, 0), "nothing is seen, lent or taken");
    assert!(Identities::settled(&client).kernel["hits"] > 0);
    client.load(&format!("{nameless}{NAME}"));
    let (seen, lent, taken) = send(2_000);
    assert!(
        seen > 50 && lent >= 20 && taken == lent,
        "{seen} {lent} {taken}"
    );
    client.load(&nameless);
    assert_eq!(send(3_000), (seen, lent, taken), "as before");
    assert!(daemon.stop().success());
}

/// The coverage of a class.
fn class(client: &Client, name: &str) -> Value {
    let coverage = client.get("/v1/coverage").expect("an answer").body;
    let classes = coverage["classes"].as_array().expect("classes").clone();
    let of = |one: &Value| one["class"] == name;
    classes.into_iter().find(of).expect("the class")
}

#[test]
fn the_coverage_statement_counts_hidden_hellos_of_kernel_and_lane() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    client.load(NAME);
    let (hidden, name) = ((ENCRYPTED, vec![0; 100]), server_name("www.evil.example"));
    let whole = hello(&[name.clone(), hidden.clone()]);
    let bare = hello(std::slice::from_ref(&name));
    let long = hello(&[hidden, (51, vec![9; 900]), name]);
    let frames = [
        greeting(1_001, &whole),
        greeting(1_002, &whole),
        greeting(1_003, &whole),
        greeting(1_004, &bare),
        segment((1_005, 443), 0, 2, &[]),
        segment((1_005, 443), 1, 0x18, &long[..600]),
        segment((1_005, 443), 601, 0x18, &long[600..]),
        initial(1_006),
    ];
    wire.send(&frames, 500);
    let class = |name: &str| class(&client, name);
    let judged = || class("tls_hello")["judged"] == 5 && class("quic_initial")["judged"] == 1;
    assert!(wait_until(PATIENCE, judged), "{}", class("tls_hello"));
    assert_eq!(class("tls_hello")["encrypted"], 4, "three and one");
    assert_eq!(class("quic_initial")["encrypted"], 1, "that of the seed");
    let segments = class("tls_segment");
    assert_eq!(
        (&segments["seen"], &segments["judged"]),
        (&json!(1), &json!(1))
    );
    let (code, text, error) = daemon.control(&["coverage"]);
    assert_eq!(code, 0, "{error}");
    let line = "tls_hello     5 of 5 judged (100.0 %); 4 with an encrypted ClientHello or GREASE";
    assert!(text.contains(line), "{text}");
    assert!(daemon.stop().success());
}

/// A sensor that looks for one name.
fn with_a_name<'a>(home: &'a Home, wire: &'a Wire, settings: &Settings) -> Sensord<'a> {
    let daemon = Sensord::start(home, &wire.to, settings);
    daemon.client().load("domain evil.example id=name\n");
    daemon
}

#[test]
fn what_a_killed_agent_had_taken_and_not_stored_is_counted() {
    if !need::root_and(&["tcpreplay", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings();
    let mut daemon = with_a_name(&home, &wire, &settings);
    let initials = |ports: std::ops::Range<u16>| -> Vec<_> { ports.map(initial).collect() };
    // Each makes one finding: what is lent is found, or told to be lost.
    let adds_up = |now: &Identities| {
        let (found, lent) = (now.findings["findings"], &now.lent);
        assert_eq!(lent["taken"], found, "{now:?}");
        assert_eq!(lent["held"], 0, "{now:?}");
    };
    wire.send(&initials(1_000..1_020), 500);
    let before = Identities::settled(&daemon.client());
    adds_up(&before);
    assert_eq!((before.lent["lent"], before.lent["taken"]), (20, 20));

    // Between the slot and the store.
    fs::write(home.fault(), "lent_taken die").expect("a writable directory");
    wire.send(&initials(2_000..2_005), 500);
    assert!(!daemon.wait().expect("it dies").success());
    fs::remove_file(home.fault()).expect("it was there");
    daemon = Sensord::start(&home, &wire.to, &settings);
    let after = Identities::settled(&daemon.client());
    adds_up(&after);
    assert_eq!(after.lent["lent"], 25, "{after:?}");
    let lost = after.lent["lost_at_restart"];
    assert!(lost >= 1, "{after:?}");
    assert_eq!(after.lent["taken"] + after.lent["gone"] + lost, 25);
    let coverage = daemon.client().get("/v1/coverage").expect("an answer").body;
    let told = |term: &str| {
        let lost = coverage["lost"].as_array().expect("a list").iter();
        let mut of = lost.filter(|row| row["term"] == term);
        of.next()
            .map_or(0, |row| row["count"].as_u64().expect("a count"))
    };
    assert_eq!(told("lost_at_restart"), lost, "{coverage}");

    // A hello that waits for its end when the agent is killed.
    let long = hello(&[(51, vec![9; 900]), server_name("evil.example")]);
    wire.send(&[greeting(2_999, &long[..600])], 500);
    let held = || Identities::settled(&daemon.client()).lent["held"] == 1;
    assert!(wait_until(Duration::from_millis(1_800), held), "it waits");
    daemon.kill9();
    daemon = Sensord::start(&home, &wire.to, &settings);
    let now = Identities::settled(&daemon.client());
    adds_up(&now);
    assert_eq!(now.lent["lost_at_restart"], lost + 1, "{now:?}");
    // What three agents counted, and what waited in one of them: the kernel counts of no fewer.
    let of_hellos = class(&daemon.client(), "tls_hello");
    let lost_hello = json!([{"term": "lost_at_restart", "count": 1}]);
    assert_eq!(of_hellos["not_judged"], lost_hello, "{of_hellos}");
    assert_eq!(
        (&of_hellos["seen"], &of_hellos["judged"]),
        (&json!(1), &json!(0))
    );
    let of_quic = class(&daemon.client(), "quic_initial");
    assert_eq!(of_quic["judged"], now.lent["taken"], "{of_quic}");

    // Under traffic, with names that the kernel matches beside them.
    let mut sent = 26;
    let frames: Vec<_> = (0..3_000)
        .flat_map(|at| [initial(3_000 + at), question(3_000 + at, "evil.example")])
        .collect();
    let mut running = Some(daemon);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| wire.send(&frames, 1_500));
        for kill in 0..3 {
            std::thread::sleep(Duration::from_millis(700 + 130 * kill));
            running.take().expect("it runs").kill9();
            running = Some(Sensord::start(&home, &wire.to, &settings));
        }
        traffic.join().expect("the traffic ends");
    });
    let daemon = running.expect("it runs");
    // Both identities, that of the names' records too.
    let end = Identities::settled(&daemon.client());
    adds_up(&end);
    let page = daemon.metrics();
    let lane = series(&page, "marker_sensor_lane_packets_total{");
    let of = |fate: &str| -> u64 {
        let labels = format!("class=\"quic_initial\",fate=\"{fate}\"}}");
        lane.iter()
            .filter(|one| one.0 == labels)
            .map(|one| one.1)
            .sum()
    };
    sent += 3_000 - 1;
    assert_eq!(of("seen"), sent, "detection went on");
    let not_lent = of("over_budget") + of("no_slot") + of("ring_full");
    assert_eq!(end.lent["lent"], sent + 1 - not_lent);
    println!("{sent} sent, {not_lent} not lent, {:?}", end.lent);
    assert!(daemon.stop().success());
}

#[test]
fn what_is_lent_while_no_agent_runs_is_judged_by_the_next() {
    if !need::root_and(&["tcpreplay", "curl"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let settings = settings();
    let mut daemon = with_a_name(&home, &wire, &settings);
    // The kernel's deadline goes on meanwhile: of some starts one is quick enough.
    for first in (1_000..2_000).step_by(100) {
        let before = Identities::settled(&daemon.client());
        daemon.kill9();
        let frames: Vec<_> = (first..first + 40)
            .flat_map(|port| [initial(port), question(port, "evil.example")])
            .collect();
        wire.send(&frames, 2_000);
        daemon = Sensord::start(&home, &wire.to, &settings);
        let after = Identities::settled(&daemon.client());
        let lent = |term: &str| after.lent[term] - before.lent[term];
        let unconfirmed = after.agent["unconfirmed"] - before.agent["unconfirmed"];
        assert_eq!(lent("lent"), 40, "{after:?}");
        println!("gone: {}, unconfirmed: {unconfirmed}", lent("gone"));
        if lent("gone") == 0 && unconfirmed == 0 {
            assert_eq!(lent("taken"), 40, "{after:?}");
            let told = |now: &Identities| now.agent["events"] + now.agent["joined"];
            assert_eq!(told(&after) - told(&before), 40, "{after:?}");
            assert!(daemon.stop().success());
            return;
        }
    }
    panic!("every start found its slots zeroed");
}
