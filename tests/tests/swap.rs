//! Swaps under traffic: a packet is judged by exactly one generation.
//!
//! Every packet's source is in set A only and its destination in set B only, so whichever set
//! judges it, it is one hit: two would be both sets, none would be neither.

use std::{env, net::Ipv4Addr, thread, time::Instant};

use sensor_tests::{
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::Identities,
    need,
    netns::Wire,
    packet::{Body, Frame, Ip4},
};

const SOURCE: [u8; 4] = [203, 0, 113, 5];
const DESTINATION: [u8; 4] = [198, 51, 100, 7];
const PER_SECOND: u32 = 5_000;
/// Frames of one round of traffic: four seconds of it.
const FRAMES: usize = 20_000;

/// Swaps between two sets of `markers` markers each until there were `swaps`, under traffic all
/// along; how many swaps and packets there were.
fn swaps_under_traffic(swaps: u32, markers: u32) -> (u32, u64) {
    let (wire, home) = (Wire::new(), Home::new());
    let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    let daemon = Sensord::start(&home, &wire.to, &settings);
    let client = daemon.client();
    let sets = [SOURCE, DESTINATION].map(|marked| set(marked, markers));
    load(&client, &sets[0]);
    let frames = frames();
    let (mut done, mut sent) = (0_u32, 0_u64);
    while done < swaps {
        thread::scope(|scope| {
            let traffic = scope.spawn(|| wire.send(&frames, PER_SECOND));
            while done < swaps && !traffic.is_finished() {
                done += 1;
                load(&client, &sets[done as usize % 2]);
            }
            traffic.join().expect("the frames leave");
        });
        sent += frames.len() as u64;
    }
    let identities = Identities::settled(&client);
    assert_eq!(identities.kernel["hits"], sent, "{identities:?}");
    let outcomes = client.get("/v1/status").expect("an answer").body["interfaces"][0].clone();
    let outcome = |name: &str| {
        let rows = outcomes["outcomes"].as_array().expect("outcomes");
        let row = rows.iter().find(|row| row["outcome"] == name);
        row.expect("the outcome")["packets"]
            .as_u64()
            .expect("a count")
    };
    assert_eq!((outcome("hit"), outcome("miss")), (sent, 0));
    (done, sent)
}

/// One address, and others that both sets have.
fn set(marked: [u8; 4], markers: u32) -> String {
    let mut text = format!("ip {} id=marked-{}\n", Ipv4Addr::from(marked), marked[0]);
    for number in 1..markers {
        let address = Ipv4Addr::from(0x6440_0000 + number);
        text.push_str(&format!("ip {address} id=other-{number}\n"));
    }
    text
}

fn frames() -> Vec<Vec<u8>> {
    let frame = |number: usize| {
        let body = Body::udp(1024 + (number % 100) as u16, 53, b"x");
        Frame::new(Ip4::new(SOURCE.into(), DESTINATION.into(), body)).bytes()
    };
    (0..FRAMES).map(frame).collect()
}

fn load(client: &Client, set: &str) {
    let answer = client.put("/v1/markers", set).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

/// `SENSOR_SOAK` asks for the long form (`cargo xtask soak`): a thousand swaps, then ten at a
/// million markers.
#[test]
fn a_packet_is_judged_by_one_generation_through_swaps() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let sizes: &[(u32, u32)] = if env::var_os("SENSOR_SOAK").is_some() {
        &[(1_000, 10_000), (10, 1_000_000)]
    } else {
        &[(20, 10_000)]
    };
    for (swaps, markers) in sizes {
        let began = Instant::now();
        let (swaps, packets) = swaps_under_traffic(*swaps, *markers);
        println!(
            "{swaps} swaps at {markers} markers, {packets} packets, each one hit, in {:.0?}",
            began.elapsed()
        );
    }
}
