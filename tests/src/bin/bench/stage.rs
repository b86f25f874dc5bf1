//! A sensor on a wire, as it runs in production: the daemon, its socket, a native attachment.

use std::time::Duration;

use sensor_tests::{
    command::wait_until,
    daemon::{Client, Home, Interface, Sensord, Settings},
    netns::Wire,
};

/// How long an interface may take to become free.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Stage {
    pub wire: Wire,
    home: Home,
    pub settings: Settings,
}

impl Stage {
    pub fn new() -> Self {
        let mut settings = Settings::on(vec![Interface::new(Wire::IN, &["10.0.0.0/8"])]);
        for interface in &mut settings.interfaces {
            interface.mode = "native".into();
        }
        Self {
            wire: Wire::new(),
            home: Home::new(),
            settings,
        }
    }

    /// Starts the daemon, which attaches itself.
    pub fn start(&self) -> Sensord<'_> {
        Sensord::start(&self.home, &self.wire.to, &self.settings)
    }

    pub fn attach(&self, client: &Client) -> Result<(), String> {
        post(client, &format!("/v1/interfaces/{}/attach", Wire::IN), "")
    }

    /// Returns when the interface is free: the kernel ends an unpinned link in its own time.
    pub fn detach(&self, client: &Client) -> Result<(), String> {
        post(client, &format!("/v1/interfaces/{}/detach", Wire::IN), "")?;
        let free = wait_until(PATIENCE, || self.wire.to.xdp_program(Wire::IN).is_none());
        free.then_some(())
            .ok_or_else(|| format!("{} is still attached", Wire::IN))
    }
}

/// Makes a marker file the live set.
pub fn load(client: &Client, markers: &str) -> Result<(), String> {
    let answer = client.put("/v1/markers", markers);
    expect(answer, "loading markers")
}

pub fn post(client: &Client, path: &str, body: &str) -> Result<(), String> {
    expect(client.request("POST", path, body.as_bytes()), path)
}

fn expect(answer: std::io::Result<sensor_tests::daemon::Answer>, what: &str) -> Result<(), String> {
    match answer {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{what}: status {}, {}", answer.status, answer.body)),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// How many markers the status tells of.
pub fn loaded(client: &Client) -> Result<u64, String> {
    let answer = client
        .get("/v1/status")
        .map_err(|error| format!("status: {error}"))?;
    let markers = &answer.body["markers"];
    let total = markers["total"].as_u64();
    total.ok_or_else(|| format!("the status tells no number of markers: {markers}"))
}
