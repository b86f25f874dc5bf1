//! A recipient, and the sink that is configured for it.

use std::{fs, net::TcpListener, path::PathBuf, time::Duration};

use sensor_tests::{
    certificates::Authority,
    need,
    nginx::{Nginx, Site},
    sinks::free_port,
};
use sensor_user::{
    config,
    outbox::{Outcome, Sink, Timeouts, View, Webhook},
};
use serde_json::Value;
use tempfile::TempDir;

pub const KEY: &str = "0123456789abcdef0123456789abcdef";
/// In the line of event 5 only.
pub const OFFENCE: &str = "\"id\":\"0{31}5\"";

pub struct Scene {
    pub site: Site,
    pub authority: Authority,
    /// Certificate and key of the sensor.
    pub client: (PathBuf, PathBuf),
    pub directory: TempDir,
    /// Takes connections and says nothing.
    pub silent: TcpListener,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    /// None where this machine lacks a program.
    pub fn new() -> Option<Self> {
        if !["nginx", "openssl"].iter().all(|name| need::tool(name)) {
            return None;
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::new(directory.path(), "authority");
        let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let site = Site {
            directory: directory.path().to_owned(),
            port: free_port(),
            own: authority.issue("server", "serverAuth"),
            clients: authority.certificate(),
            longest: 1 << 20,
            offence: OFFENCE.replace('"', "\\\""),
            slow: silent.local_addr().expect("it is bound").port(),
        };
        fs::write(directory.path().join("hmac"), format!("{KEY}\n")).expect("writable");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Some(Self {
            client: authority.issue("client", "clientAuth"),
            site,
            authority,
            directory,
            silent,
            runtime: runtime.expect("a runtime"),
        })
    }

    pub fn server(&self) -> Nginx {
        Nginx::start(&self.site)
    }

    pub fn config(&self, path: &str) -> config::Webhook {
        config::Webhook {
            url: format!("https://127.0.0.1:{}{path}", self.site.port),
            hmac_key_file: Some(self.directory.path().join("hmac")),
            tls: config::Tls {
                ca: Some(self.authority.certificate()),
                certificate: Some(self.client.0.clone()),
                key: Some(self.client.1.clone()),
            },
        }
    }

    pub fn sink(&self, path: &str) -> Webhook {
        sink(&self.config(path))
    }

    pub fn deliver(&self, sink: &mut Webhook, views: &[View]) -> Vec<Outcome> {
        let outcomes = self.runtime.block_on(sink.deliver(views));
        assert_eq!(outcomes.len(), views.len());
        outcomes
    }

    /// Delivers all of them and gives the codes, `+` for what was acknowledged and `!` before the
    /// code of a refusal.
    pub fn codes(&self, sink: &mut Webhook, views: &[View]) -> Vec<String> {
        self.deliver(sink, views).iter().map(code).collect()
    }
}

pub fn sink(config: &config::Webhook) -> Webhook {
    let timeouts = Timeouts {
        connect: Duration::from_secs(1),
        total: Duration::from_secs(2),
    };
    Webhook::with_timeouts(config, timeouts)
}

fn code(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Acknowledged => "+".into(),
        Outcome::Retry(reason) => reason.code.clone(),
        Outcome::Refused(reason) => format!("!{}", reason.code),
    }
}

/// The ids of the events that arrived with a success, in the order of their arrival.
pub fn arrived(requests: &[Value]) -> Vec<String> {
    let taken = requests.iter().filter(|request| request["status"] == "204");
    let lines = taken.flat_map(|request| request["body"].as_str().expect("text").lines());
    let id = |line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone();
    lines
        .map(|line| id(line).as_str().expect("an id").to_owned())
        .collect()
}

pub fn ids(views: &[View]) -> Vec<String> {
    views.iter().map(|view| view.event.id.clone()).collect()
}
