//! Killed under traffic, again and again: nothing torn, nothing doubled, the gap counted.

use std::{collections::HashSet, thread, time::Duration};

use sensor_tests::{
    command::wait_until,
    daemon::{Home, Interface, Sensord, Settings},
    identity::{Identities, events, packets},
    need,
    netns::{Netns, veth},
    packet::{Body, Frame, Ip4},
    traffic::{pcap_write, replay},
};

const FLOWS: u16 = 150;
const ROUNDS: usize = 60;
const PER_SECOND: u32 = 1_500;
const KILLS: u64 = 4;

#[test]
fn a_killed_agent_leaves_whole_events_and_counts_the_gap() {
    if !need::root() || !need::tool("tcpreplay") {
        return;
    }
    let (from, to) = (Netns::new("from"), Netns::new("to"));
    veth(&from, "out0", &to, "in0");
    for (netns, interface) in [(&from, "out0"), (&to, "in0")] {
        netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
    }
    let frame = |port: u16| {
        let body = Body::udp(1024 + port, 53, b"x");
        Frame::new(Ip4::new(
            [10, 1, 0, 2].into(),
            [203, 0, 113, 5].into(),
            body,
        ))
        .bytes()
    };
    let frames: Vec<Vec<u8>> = (0..ROUNDS).flat_map(|_| (0..FLOWS).map(frame)).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("frames.pcap");
    pcap_write(&capture, &frames);

    let home = Home::new();
    let mut settings = Settings::on(vec![Interface::new("in0", &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    let mut running = Some(Sensord::start(&home, &to, &settings));
    let marker = "ip 203.0.113.5 id=m\n";
    let answer = running
        .as_ref()
        .expect("it runs")
        .client()
        .put("/v1/markers", marker)
        .expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    thread::scope(|scope| {
        let traffic = scope.spawn(|| replay(&from, "out0", &capture, PER_SECOND));
        for kill in 0..KILLS {
            thread::sleep(Duration::from_millis(700 + 130 * kill));
            running.take().expect("it runs").kill9();
            running = Some(Sensord::start(&home, &to, &settings));
        }
        traffic.join().expect("the traffic ends");
    });
    let daemon = running.expect("it runs");
    let client = daemon.client();
    let total = frames.len() as u64;
    let mut identities = Identities::settled(&client);
    wait_until(Duration::from_secs(5), || {
        identities = Identities::settled(&client);
        let lost = identities.agent["lost_at_restart"];
        packets(&events(&client)) + lost >= identities.kernel["hits"]
    });
    let events = events(&client);
    let lost = identities.agent["lost_at_restart"];
    println!(
        "{total} packets, {} events, {lost} records lost to {KILLS} kills",
        events.len()
    );
    assert_eq!(
        identities.kernel["hits"], total,
        "detection went on without the agent"
    );
    let told = packets(&events);
    assert!(
        told <= total && told + lost >= total,
        "told {told}, lost {lost}, sent {total}"
    );
    let ids: HashSet<&str> = events
        .iter()
        .map(|event| event["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.len(), events.len(), "an event stands twice");
    let flows: HashSet<u64> = events
        .iter()
        .map(|event| event["src_port"].as_u64().expect("a port"))
        .collect();
    assert_eq!(
        (flows.len(), events.len()),
        (usize::from(FLOWS), usize::from(FLOWS))
    );
    assert!(daemon.stop().success());
}
