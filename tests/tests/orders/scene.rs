//! A wire, a sensor on it, and packets of one flow a time.

use std::{thread, time::Duration};

use jiff::Timestamp;
use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events},
    netns::Wire,
    packet::{Body, Frame, Network},
};
use serde_json::{Value, json};

/// What the orders of these tests are about.
pub const MARKED: &str = "203.0.113.5";

pub struct Scene {
    pub wire: Wire,
    pub home: Home,
}

impl Scene {
    pub fn new() -> Self {
        Self {
            wire: Wire::new(),
            home: Home::new(),
        }
    }

    pub fn start(&self) -> Sensord<'_> {
        let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.1.0.0/16"])]);
        settings.drain_interval = "200ms".into();
        Sensord::start(&self.home, &self.wire.to, &settings)
    }

    /// One packet to an address; a port is a flow.
    pub fn send(&self, to: &str, port: u16) {
        let to = to.parse().expect("an address");
        let from = "10.1.0.2".parse().expect("an address");
        let frame = Frame::new(Network::between(from, to, Body::udp(port, 53, b"x"))).bytes();
        self.wire.send(&[frame], 1_000);
    }

    /// How many hits one packet is.
    pub fn hits(&self, client: &Client, to: &str, port: u16) -> u64 {
        let before = Identities::settled(client).kernel;
        self.send(to, port);
        let after = Identities::settled(client).kernel;
        // A hit that the kernel takes for expired is recorded by nobody.
        after["hits"] - before["hits"] - (after["expired"] - before["expired"])
    }
}

/// Submits an order of this manifest and these markers; the answer, which must be good.
pub fn submit(client: &Client, manifest: &Value, markers: &str) -> Value {
    let body = format!("{manifest}\n{markers}");
    let answer = client.post("/v1/orders", &body).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

/// Submits an order with the marker of these tests alone; its end.
pub fn submit_marked(client: &Client, reference: &str, duration: &str) -> Timestamp {
    let marker = format!("ip {MARKED} id=m\n");
    let done = submit(client, &manifest(reference, duration), &marker);
    time(&done["order"]["end"])
}

pub fn manifest(reference: &str, duration: &str) -> Value {
    json!({"reference": reference, "issuer": "ANSSI", "duration": duration})
}

pub fn state(client: &Client, reference: &str) -> Value {
    let path = format!("/v1/orders/{reference}");
    client.get(&path).expect("an answer").body["state"].clone()
}

/// Patterns in force.
pub fn patterns(client: &Client) -> u64 {
    let in_force = client.status()["markers"]["in_force"].clone();
    let kinds = in_force.as_array().expect("kinds").iter();
    kinds
        .map(|kind| kind["count"].as_u64().expect("a count"))
        .sum()
}

pub fn sleep_until(time: Timestamp) {
    let left = time.duration_since(Timestamp::now());
    thread::sleep(Duration::try_from(left).unwrap_or_default());
}

/// Waits until the event of a flow is there.
pub fn event(client: &Client, port: u16) -> Value {
    let of_port = || {
        let mut events = events(client).into_iter();
        events.find(|event| event["src_port"] == port)
    };
    let mut found = None;
    wait_until(Duration::from_secs(10), || {
        found = of_port();
        found.is_some()
    });
    found.unwrap_or_else(|| panic!("no event of port {port}: {:?}", events(client)))
}

pub fn time(value: &Value) -> Timestamp {
    let text = value.as_str().expect("a time");
    text.parse().expect("a time")
}
