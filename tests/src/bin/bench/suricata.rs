//! Suricata on the receiving end of a wire, with the same markers as a dataset and nothing else to
//! do: one worker, no application layer logs, alerts to a file.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_tests::{
    command::{self, Background, wait_until},
    netns::Wire,
};
use serde_json::Value;

use crate::subjects::said;

/// How long it may take to load the dataset, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it said of a run.
pub struct Told {
    pub alerts: u64,
    /// Packets that it took from the kernel, and those that it was too slow for.
    pub packets: u64,
    pub drops: u64,
}

pub struct Suricata {
    process: Background,
    folder: PathBuf,
}

impl Suricata {
    /// Starts it and waits until it captures. `folder` is new with each run.
    pub fn start(wire: &Wire, folder: &Path, markers: &str) -> Result<Self, String> {
        fs::create_dir(folder).map_err(said)?;
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).map_err(said);
        let at = |name: &str| folder.join(name).display().to_string();
        write("markers.lst", markers)?;
        write("bench.rules", &rules(&at("markers.lst")))?;
        write(
            "suricata.yaml",
            &configuration(&folder.display().to_string()),
        )?;
        let (config, rules) = (at("suricata.yaml"), at("bench.rules"));
        let log = folder.display().to_string();
        let device = format!("--af-packet={}", Wire::IN);
        let words = [
            "suricata", "-c", &config, "-S", &rules, &device, "-l", &log, "-k", "none",
        ];
        let process = Background::start(&wire.to.wrap(&words));
        let mut suricata = Self {
            process,
            folder: folder.to_owned(),
        };
        let started = wait_until(PATIENCE, || {
            !suricata.process.is_running() || suricata.log().contains("Engine started")
        });
        if !started || !suricata.process.is_running() {
            return Err(format!("suricata did not start: {}", suricata.log().trim()));
        }
        Ok(suricata)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it, so that it writes everything, and reads what it wrote.
    pub fn stop(mut self) -> Result<Told, String> {
        command::run(&["kill", "-TERM", &self.process.id().to_string()]);
        if !wait_until(PATIENCE, || !self.process.is_running()) {
            return Err("suricata ignores SIGTERM".into());
        }
        let path = self.folder.join("eve.json");
        let text = fs::read_to_string(&path).map_err(said)?;
        let (mut alerts, mut stats) = (0, Value::Null);
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).map_err(said)?;
            match event["event_type"].as_str() {
                Some("alert") => alerts += 1,
                Some("stats") => stats = event["stats"]["capture"].clone(),
                _ => {}
            }
        }
        let count = |name: &str| {
            let count = stats[name].as_u64();
            count.ok_or_else(|| format!("suricata does not tell {name}"))
        };
        Ok(Told {
            alerts,
            packets: count("kernel_packets")?,
            drops: count("kernel_drops").unwrap_or(0),
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("suricata.log")).unwrap_or_default()
    }
}

/// One rule for each side, as its documentation writes them.
fn rules(dataset: &str) -> String {
    ["src", "dst"]
        .iter()
        .zip(1..)
        .map(|(side, sid)| {
            format!(
                "alert ip any any -> any any (msg:\"marker\"; ip.{side}; \
                 dataset:isset,markers{side},type ipv4,load {dataset}; sid:{sid}; rev:1;)\n"
            )
        })
        .collect()
}

fn configuration(folder: &str) -> String {
    format!(
        "%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: any
    EXTERNAL_NET: any
default-log-dir: {folder}
stats:
  enabled: yes
  interval: 1
datasets:
  defaults:
    memcap: 256mb
    hashsize: 262144
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types:
        - alert
        - stats:
            totals: yes
            threads: no
logging:
  default-log-level: notice
  outputs:
    - file:
        enabled: yes
        level: info
        filename: suricata.log
af-packet:
  - interface: {interface}
    threads: 1
    cluster-id: 99
    cluster-type: cluster_flow
    defrag: yes
    use-mmap: yes
    tpacket-v3: yes
    ring-size: 100000
classification-file: /etc/suricata/classification.config
reference-config-file: /etc/suricata/reference.config
",
        interface = Wire::IN
    )
}
