//! Suricata 7 over a capture, with a rule for each name: a judge that shares nothing with the sensor.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use crate::{
    command,
    differential::{Class, Ends, Key, Kind},
};

/// The places that are looked at, with the keyword of the rules.
const PLACES: [(Kind, &str, &str); 4] = [
    (Kind::Dns, "dns", "dns.query"),
    (Kind::Tls, "tls", "tls.sni"),
    (Kind::Quic, "quic", "quic.sni"),
    (Kind::Host, "http", "http.host"),
];

/// The alerts that it raises, with the class of those that are none of ours whatever they are: each of these
/// names is looked for in every place. `None` when it cannot read the capture.
///
/// # Panics
/// When it cannot be started, fails, or refuses a rule.
#[must_use]
pub fn alerts(capture: &Path, names: &BTreeSet<String>) -> Option<BTreeMap<Key, Option<Class>>> {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name).display().to_string();
    let names: Vec<&String> = names.iter().collect();
    fs::write(at("suricata.yaml"), CONFIGURATION).expect("a writable directory");
    fs::write(at("names.rules"), rules(&names)).expect("a writable directory");
    let capture = capture.to_str().expect("a path in UTF-8");
    let (config, rules, log) = (at("suricata.yaml"), at("names.rules"), at(""));
    let said = command::output(&[
        "suricata",
        "-c",
        &config,
        "-S",
        &rules,
        "-r",
        capture,
        "-l",
        &log,
        "-k",
        "none",
        "--runmode",
        "single",
        "--init-errors-fatal",
    ]);
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(why.contains("Error: pcap:"), "suricata: {why}");
        return None;
    }
    let events = fs::read_to_string(at("eve.json")).unwrap_or_default();
    let alerts = events.lines().filter_map(|line| alert(line, &names));
    Some(alerts.collect())
}

fn alert(line: &str, names: &[&String]) -> Option<(Key, Option<Class>)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let number = usize::try_from(event["alert"]["signature_id"].as_u64()?).ok()? - 1;
    let (kind, ..) = PLACES[number % PLACES.len()];
    let end = |ip: &str, port: &str| {
        let address = event[ip].as_str()?.parse::<std::net::IpAddr>().ok()?;
        let port = event[port].as_u64().unwrap_or_default();
        Some((address.to_string(), u16::try_from(port).ok()?))
    };
    let protocol = if event["proto"] == "TCP" { 6 } else { 17 };
    let ends = Ends::new(
        protocol,
        end("src_ip", "src_port")?,
        end("dest_ip", "dest_port")?,
    );
    let version = event["quic"]["version"].as_str().unwrap_or_default();
    let class = if event["app_proto"] == "http2" {
        Some(Class::Http2)
    } else {
        version.starts_with('Q').then_some(Class::QuicOfGoogle)
    };
    Some(((kind, names[number / PLACES.len()].clone(), ends), class))
}

fn rules(names: &[&String]) -> String {
    let mut rules = String::new();
    for (at, name) in names.iter().enumerate() {
        for (place, (kind, protocol, keyword)) in PLACES.iter().enumerate() {
            let sid = at * PLACES.len() + place + 1;
            // The host is lower-case already, and must be written so.
            let case = if *kind == Kind::Host { "" } else { " nocase;" };
            let size = name.len();
            rules.push_str(&format!(
                "alert {protocol} any any -> any any (msg:\"name\"; {keyword}; \
                 content:\"{name}\";{case} bsize:{size}; sid:{sid}; rev:1;)\n"
            ));
        }
    }
    rules
}

const CONFIGURATION: &str = "%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: any
    EXTERNAL_NET: any
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types:
        - alert
logging:
  default-log-level: notice
app-layer:
  protocols:
    tls:
      enabled: yes
      detection-ports:
        dp: 443
    quic:
      enabled: yes
    http:
      enabled: yes
      libhtp:
        default-config:
          personality: IDS
    dns:
      tcp:
        enabled: yes
        detection-ports:
          dp: 53
      udp:
        enabled: yes
        detection-ports:
          dp: 53
classification-file: /etc/suricata/classification.config
reference-config-file: /etc/suricata/reference.config
";
