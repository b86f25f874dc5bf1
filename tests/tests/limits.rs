//! What one pattern may announce: so many new flows, and every packet of those it has announced.

use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};

use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events, packets},
    need,
    netns::Wire,
    offline::replay,
    packet::{Body, Frame, Ip4},
    traffic::pcap_write,
};

const LOUD: [u8; 4] = [203, 0, 113, 5];
const QUIET: [u8; 4] = [198, 51, 100, 1];
const MARKERS: &str = "ip 203.0.113.5 id=loud\nip 198.51.100.1 id=quiet\n";
const BURST: u64 = 100;

fn frame(port: u16, to: [u8; 4]) -> Vec<u8> {
    let body = Body::udp(1024 + port, 53, b"x");
    Frame::new(Ip4::new([10, 1, 0, 2].into(), to.into(), body)).bytes()
}

/// One new flow a second on each CPU, a hundred at once.
fn settings() -> Settings {
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.more = format!(
        "[limits]\nnew-flows-per-second = 1\nnew-flows-burst = {BURST}\nbreaker = \"manual\"\n"
    );
    settings.drain_interval = "500ms".into();
    settings
}

/// Most flows that may have been announced: what each CPU had at once, and a flow a second.
fn most(since: Instant) -> u64 {
    let cpus = available_parallelism().expect("a number of CPUs").get() as u64;
    cpus * (BURST + since.elapsed().as_secs() + 1)
}

/// Packets of the marker's events, one number an event.
fn told(client: &Client, marker: &str) -> Vec<u64> {
    let count = |event: &serde_json::Value| event["packets"].as_u64().expect("a count");
    let events = events(client);
    let of = events.iter().filter(|event| event["markers"][0] == marker);
    of.map(count).collect()
}

#[test]
fn a_pattern_announces_what_its_limit_lets_through_and_no_other_pattern_pays() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    client.load(MARKERS);
    // Every tenth packet is of the other pattern: fewer flows than its own limit.
    let (loud, quiet) = (900, 90);
    let frames: Vec<_> = (0..loud)
        .flat_map(|port| {
            let quiet = (port % 10 == 0).then(|| frame(port, QUIET));
            [Some(frame(port, LOUD)), quiet].into_iter().flatten()
        })
        .collect();
    let since = Instant::now();
    wire.send(&frames, 5_000);
    let Identities { kernel, .. } = Identities::settled(&client);
    let (loud, quiet) = (u64::from(loud), quiet as u64);
    assert_eq!(kernel["hits"], loud + quiet, "{kernel:?}");
    assert_eq!(
        kernel["records"] + kernel["limited"],
        loud + quiet,
        "{kernel:?}"
    );
    let announced = told(&client, "loud").len() as u64;
    assert_eq!(kernel["limited"], loud - announced, "{kernel:?}");
    assert!(
        (BURST..=most(since)).contains(&announced),
        "{announced} of {loud} flows were announced"
    );
    assert_eq!(told(&client, "quiet").len() as u64, quiet, "{kernel:?}");
    assert_eq!(packets(&events(&client)), kernel["records"]);
}

#[test]
fn flows_that_were_announced_count_every_packet_period_after_period() {
    if !need::root_and(&["tcpreplay"]) {
        return;
    }
    let (wire, home) = (Wire::new(), Home::new());
    let daemon = Sensord::start(&home, &wire.to, &settings());
    let client = daemon.client();
    client.load(MARKERS);
    // More flows than the limit ever lets through; each has a packet every tenth of a second.
    let (flows, rounds) = (300, 40);
    let frames: Vec<_> = (0..rounds)
        .flat_map(|_| (0..flows).map(|port| frame(port, LOUD)))
        .collect();
    let since = Instant::now();
    wire.send(&frames, 3_000);
    let total = frames.len() as u64;
    let mut identities = Identities::settled(&client);
    wait_until(Duration::from_secs(5), || {
        identities = Identities::settled(&client);
        packets(&events(&client)) + identities.kernel["limited"] == total
    });
    let Identities { kernel, agent, .. } = identities;
    let told = told(&client, "loud");
    assert_eq!(kernel["hits"], total, "{kernel:?}");
    assert_eq!(
        told.iter().sum::<u64>() + kernel["limited"],
        total,
        "{kernel:?}"
    );
    assert!(kernel["records"] <= most(since), "{kernel:?}");
    assert_eq!(
        (kernel["records"], agent["joined"]),
        (told.len() as u64, 0),
        "no flow was announced twice: {agent:?}"
    );
    let whole = told.iter().filter(|packets| **packets == rounds);
    assert!(
        whole.count() as u64 >= BURST,
        "flows announced at the start were limited later: {told:?}"
    );
    assert_eq!(kernel["flow_table_full"] + kernel["ring_lost"], 0);
}

#[test]
fn no_limit_holds_in_replay() {
    if !need::root() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("flood.pcap");
    // Twice the burst of the default limit, within a hundredth of a second.
    let frames: Vec<_> = (0..8_000).map(|port| frame(port, LOUD)).collect();
    pcap_write(&capture, &frames);
    let replayed = replay(MARKERS, &[], &[&capture]);
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert_eq!(replayed.events.len(), frames.len(), "{}", replayed.stderr);
}
