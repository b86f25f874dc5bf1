//! A sensor on both interfaces of a router, and pings through it to what is marked.

use std::net::IpAddr;

use crate::{
    daemon::{Client, Home, Sensord, Settings},
    identity::Identities,
    need,
    netns::Topology,
    traffic::ping,
};

/// The host behind the router that tests mark.
pub const MARKED: &str = "10.2.0.2";

/// A network with a router, and the home of its sensor.
#[derive(Debug)]
pub struct Router {
    /// The network.
    pub topology: Topology,
    /// The sensor's files.
    pub home: Home,
}

impl Router {
    /// A new one; none where the tests have not the privileges.
    #[must_use]
    pub fn new() -> Option<Self> {
        need::root().then(|| Self {
            topology: Topology::new(),
            home: Home::new(),
        })
    }

    /// Starts the sensor on both interfaces.
    #[must_use]
    pub fn start(&self) -> Sensord<'_> {
        self.start_with(&Settings::on_router())
    }

    /// The same with other settings.
    #[must_use]
    pub fn start_with(&self, settings: &Settings) -> Sensord<'_> {
        Sensord::start(&self.home, &self.topology.router, settings)
    }

    /// Sends three pings to the marked host, which pass.
    ///
    /// # Panics
    /// When one of them does not.
    pub fn ping(&self) {
        let marked: IpAddr = MARKED.parse().expect("an address");
        assert_eq!(ping(&self.topology.subscriber, marked, 3), 3, "pings pass");
    }

    /// Hits of three pings to the marked host.
    ///
    /// # Panics
    /// When one of them does not pass.
    #[must_use]
    pub fn hits(&self, client: &Client) -> u64 {
        let before = Identities::settled(client).kernel["hits"];
        self.ping();
        Identities::settled(client).kernel["hits"] - before
    }
}
