//! A sensor that has markers and an event, and what must not change about it.

use std::time::Duration;

use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    identity::{Identities, events, packets},
    netns::Wire,
    packet::{Body, Frame, Ip4},
};
use serde_json::Value;

/// Markers of the scene: good, and matched by [`frame`].
pub const MARKERS: &str = "ip 203.0.113.5 id=one\ncidr 198.51.100.0/24 id=two\n";

/// A wire, and a home for the sensor at its end.
pub struct Scene {
    pub wire: Wire,
    pub home: Home,
}

/// All that a refused request must leave as it is.
#[derive(Debug, PartialEq)]
pub struct State {
    /// Digest and generation among it.
    image: Value,
    markers: Value,
    events: Vec<Value>,
}

/// A frame that the first marker matches.
pub fn frame() -> Vec<u8> {
    let body = Body::udp(1024, 53, b"x");
    let (src, dst) = ([10, 1, 0, 2], [203, 0, 113, 5]);
    Frame::new(Ip4::new(src.into(), dst.into(), body)).bytes()
}

impl Scene {
    pub fn new() -> Self {
        Self {
            wire: Wire::new(),
            home: Home::new(),
        }
    }

    /// What the sensor of this scene runs with.
    pub fn settings() -> Settings {
        Settings::on(vec![interface(Wire::IN)])
    }

    /// A running sensor with markers and one event.
    pub fn start(&self, settings: &Settings) -> Sensord<'_> {
        let daemon = Sensord::start(&self.home, &self.wire.to, settings);
        let answer = daemon.client().put("/v1/markers", MARKERS);
        assert_eq!(answer.expect("an answer").status, 200);
        self.detects(&daemon);
        daemon
    }

    /// Whether the sensor still detects: packets reach its event.
    pub fn detects(&self, daemon: &Sensord<'_>) {
        const EACH: usize = 3;
        let client = daemon.client();
        let told = || packets(&events(&client));
        let wanted = told() + EACH as u64;
        self.wire.send(&vec![frame(); EACH], 1000);
        let arrived = wait_until(Duration::from_secs(10), || told() == wanted);
        assert!(arrived, "{} packets instead of {wanted}", told());
        assert_eq!(Identities::settled(&client).kernel["hits"], wanted);
    }
}

impl State {
    pub fn of(client: &Client) -> Self {
        let get = |path| client.get(path).expect("an answer").body;
        Self {
            image: get("/v1/status")["markers"].clone(),
            markers: get("/v1/markers"),
            events: events(client),
        }
    }
}

/// An interface of the scene's configuration.
pub fn interface(name: &str) -> Interface {
    Interface::new(name, &["10.0.0.0/8"])
}
