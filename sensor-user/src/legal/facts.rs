//! The declared facts of a configuration, and their digest.

use std::time::Duration;

use serde_json::Value;

use crate::{
    config::{self, Breaker, Config, Interface, Mode},
    crypto::{hex, sha256},
    model::{
        ContentKind, Event, Item, PatternKind,
        declaration::{
            Analysis, Basis, Category, Criteria, Data, Device, Facts, Frequency, IssuerKey,
            Sampling, Subscribers, VlanLink, WarninglistMark, WatchedLink,
        },
    },
};

/// Version of the shape of [`Facts`].
const SCHEMA: u32 = 2;

/// Persons who must agree before a marker that is held back comes into force.
const RELEASE_NEEDS: u32 = 2;

const NATURE: &str = "passive probe: a program in the kernel (XDP) compares each packet that an \
                      interface receives with technical markers and lets it pass unchanged";

/// Measures that do not depend on the configuration.
const SECURITY: [&str; 7] = [
    "control through a local socket only, by role (mode 0660, credentials of the peer)",
    "every change has its entry in a tamper-evident journal (Merkle tree) before it happens",
    "the authority's markers come in signed envelopes (Ed25519), each serial once",
    "no payload, name or URL of a communication is kept",
    "no value of a marker and no address in logs, metrics or journal",
    "a marker that is held back is released by two persons",
    "events are encrypted one by one, their keys kept apart from them and out of backups",
];

const RULES: [&str; 5] = [
    "an address, prefix or endpoint (address, protocol, port) of a packet is equal to that of a marker in force",
    "a marker is in force for its own time and that of the authority's order, and never without an end",
    "a match in the kernel is confirmed on the exact value before anything is kept",
    "at least one side of the flow is within the subscribers' prefixes; other matches are counted only",
    "markers that are too broad, touch the operator's own prefixes or public resolvers, or stand on a configured warninglist, are held back",
];

/// How long events are kept, and how they end.
fn retention(config: &Config) -> String {
    format!(
        "{}, and never more than six calendar months from an event's first packet (L. 33-14 ¶3), \
         rounded down to the UTC day; what is not useful is destroyed at once (¶4). Each event is \
         encrypted under a key of its own, which is destroyed with it",
        config.events.retention
    )
}

/// The facts of a configuration and of the warninglists that it names.
#[must_use]
pub fn facts(config: &Config, warninglists: &[WarninglistMark]) -> Facts {
    let mut own_prefixes = config.limits.own_prefixes.clone();
    own_prefixes.sort_unstable();
    let mut resolvers = config.limits.resolvers.clone();
    resolvers.sort_unstable();
    let mut warninglists = warninglists.to_vec();
    warninglists.sort_unstable();
    Facts {
        schema: SCHEMA,
        basis: Basis {
            regime: config.legal.regime.name().into(),
            validation: config.legal.validation.clone(),
        },
        device: device(config),
        analysis: analysis(config),
        criteria: Criteria {
            rules: owned(&RULES),
            widest_ipv4: config.limits.widest_ipv4,
            widest_ipv6: config.limits.widest_ipv6,
            own_prefixes,
            resolvers,
            warninglists,
            longest_marker_s: config.limits.longest_marker.as_secs(),
            release_needs: RELEASE_NEEDS,
        },
        data: Data {
            categories: Item::ALL.map(category).into(),
            retention: retention(config),
        },
    }
}

fn device(config: &Config) -> Device {
    let mut security = owned(&SECURITY);
    security.push(
        if config.metrics.enabled {
            "metrics on a loopback address only"
        } else {
            "no metrics page"
        }
        .into(),
    );
    let key = |issuer: &config::Issuer| IssuerKey {
        key: issuer.key.clone(),
        authority: issuer.authority,
        not_before: issuer.not_before,
        not_after: issuer.not_after,
    };
    // Whose markers are used; requests of the authority need no declaration of the operator's.
    let senders = config.issuers.iter();
    let senders = senders.filter(|issuer| issuer.kind == ContentKind::Markers);
    let mut issuers: Vec<IssuerKey> = senders.map(key).collect();
    issuers.sort_unstable();
    let matchable = PatternKind::ALL.into_iter().filter(|kind| kind.matchable());
    Device {
        sensor: config.sensor.clone(),
        nature: NATURE.into(),
        dedicated_passive: config.legal.dedicated_passive,
        security,
        issuers,
        // What is kept without being matched is no type of marker that the device uses.
        markers: matchable.collect(),
    }
}

fn analysis(config: &Config) -> Analysis {
    let (limits, flows) = (&config.limits, &config.flows);
    Analysis {
        marker_memory: limits.map_memory,
        flows: flows.table_entries,
        interfaces: config.interfaces.iter().map(link).collect(),
        sampling: Sampling {
            packets: "every packet that an interface receives; none is left out".into(),
            new_flows_per_second: limits.new_flows_per_second,
            new_flows_burst: limits.new_flows_burst,
            breaker: match limits.breaker {
                Breaker::Automatic => "automatic",
                Breaker::Manual => "manual",
            }
            .into(),
            breaker_after_ms: milliseconds(limits.breaker_after),
            breaker_rest_ms: milliseconds(limits.breaker_rest),
        },
        frequency: Frequency {
            matching: "continuous, as packets arrive".into(),
            drain_interval_ms: milliseconds(flows.drain_interval),
            idle_timeout_ms: milliseconds(flows.idle_timeout),
            active_timeout_ms: milliseconds(flows.active_timeout),
        },
    }
}

fn link(interface: &Interface) -> WatchedLink {
    let subscribers = |realm: &str, prefixes: &[ipnet::IpNet]| Subscribers {
        realm: realm.into(),
        prefixes: prefixes.to_vec(),
    };
    WatchedLink {
        name: interface.name.clone(),
        mode: match interface.mode {
            Mode::Auto => "auto",
            Mode::Native => "native",
            Mode::Generic => "generic",
        }
        .into(),
        untagged: subscribers(&interface.realm, &interface.subscribers),
        vlans: interface
            .vlans
            .iter()
            .map(|vlan| VlanLink {
                tags: vlan.tags.clone(),
                subscribers: subscribers(&vlan.realm, &vlan.subscribers),
            })
            .collect(),
    }
}

/// A category of R. 10-15 CPCE with the fields of an event in it, as they declare it themselves.
fn category(item: Item) -> Category {
    let fields = Event::FIELDS.iter().filter(|field| field.item == item);
    Category {
        item: item.number().into(),
        title: item.title().into(),
        fields: fields.map(|field| field.name.to_owned()).collect(),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// SHA-256 over the facts as canonical JSON (RFC 8785: keys in order, no spaces; there are no
/// fractions), hexadecimal.
#[must_use]
pub fn digest(facts: &Facts) -> String {
    let value = serde_json::to_value(facts).expect("facts are plain JSON");
    let mut text = String::new();
    canonical(&value, &mut text);
    hex(&sha256(&[text.as_bytes()]))
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                canonical(&fields[key], text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    fn config(text: &str) -> Config {
        let text = format!("sensor = \"pop1\"\n{text}");
        Config::parse(Path::new("sensor.toml"), &text).expect("a configuration")
    }

    const LINK: &str = "[[interface]]\nname = \"eth0\"\nsubscribers = [\"198.51.100.0/24\"]\n";

    fn issuer(more: &str) -> String {
        format!("{LINK}[[issuer]]\nkey = \"authority.example+0a0b0c0d+AQ==\"\n{more}")
    }

    #[test]
    fn the_digest_is_of_what_is_declared_alone() {
        let of = |text: &str| digest(&facts(&config(text), &[]));
        let before = of(LINK);
        assert_eq!(before.len(), 64);
        let same = [
            format!("state-dir = \"/var/lib/other\"\nbpffs = \"/sys/fs/bpf/other\"\n{LINK}"),
            format!("[control]\nsocket = \"/run/other.sock\"\nmax-body = \"1MiB\"\n{LINK}"),
            format!("[metrics]\nlisten = \"127.0.0.1:9999\"\n{LINK}"),
        ];
        for text in same {
            assert_eq!(of(&text), before, "{text}");
        }
        let changed = [
            LINK.replace("eth0", "eth1"),
            LINK.replace("/24", "/25"),
            format!("{LINK}mode = \"generic\"\n"),
            format!("[flows]\ndrain-interval = \"2s\"\n{LINK}"),
            format!("[limits]\nnew-flows-per-second = 5\n{LINK}"),
            format!("[limits]\nwidest-ipv4 = 16\n{LINK}"),
            format!("[limits]\nlongest-marker = \"30d\"\n{LINK}"),
            format!("[limits]\nown-prefixes = [\"192.0.2.0/24\"]\n{LINK}"),
            format!("[limits]\nresolvers = [\"192.0.2.53\"]\n{LINK}"),
            issuer(""),
            issuer("authority = false\n"),
            issuer("not-after = \"2027-01-01T00:00:00Z\"\n"),
            issuer("").replace("AQ==", "Ag=="),
            format!(
                "{}{}",
                issuer(""),
                issuer("").replace("AQ==", "Ag==").replace(LINK, "")
            ),
            format!("[legal]\ndedicated-passive = true\n{LINK}"),
            format!("[legal]\nregime = \"2023\"\nvalidation = \"V-1\"\n{LINK}"),
            format!("[metrics]\nenabled = false\n{LINK}"),
            format!("[events]\nretention = \"90 days\"\n{LINK}"),
        ];
        let mut seen = BTreeSet::from([before]);
        let list = |name: &str, sha256: &str| WarninglistMark {
            name: name.into(),
            sha256: sha256.into(),
        };
        for lists in [
            vec![list("a", "1")],
            vec![list("a", "2")],
            vec![list("b", "2")],
        ] {
            assert!(
                seen.insert(digest(&facts(&config(LINK), &lists))),
                "{lists:?}"
            );
        }
        let two = [list("a", "1"), list("b", "2")];
        let other = two.iter().rev().cloned().collect::<Vec<_>>();
        assert_eq!(facts(&config(LINK), &two), facts(&config(LINK), &other));
        for text in changed {
            assert!(seen.insert(of(&text)), "{text}");
        }
    }

    #[test]
    fn every_field_of_an_event_has_its_category() {
        let facts = facts(&config(LINK), &[]);
        let declared = facts.data.categories.iter().map(|one| one.fields.len());
        assert_eq!(declared.sum::<usize>(), Event::FIELDS.len());
    }

    #[test]
    fn canonical_json_has_its_keys_in_order() {
        let mut text = String::new();
        let value = serde_json::json!({"b": [1, {"z": null, "y": "é\n"}], "a": true});
        canonical(&value, &mut text);
        assert_eq!(text, "{\"a\":true,\"b\":[1,{\"y\":\"é\\n\",\"z\":null}]}");
    }
}
