//! One dependency, one door: the files of `sensor-user` in which a crate may be named.

use super::{Finding, Tree, covers, source::Source};

struct Door {
    /// Crates, as they are written in paths.
    crates: &'static [&'static str],
    /// Files and directories below `sensor-user/src/`.
    files: &'static [&'static str],
}

const DOORS: &[Door] = &[
    Door {
        crates: &["aya", "aya_obj"],
        files: &["dataplane.rs", "dataplane/"],
    },
    Door {
        crates: &["sensor_sys"],
        files: &["clock.rs", "dataplane.rs", "dataplane/"],
    },
    Door {
        crates: &["rusqlite"],
        files: &["db.rs", "db/"],
    },
    Door {
        crates: &["prometheus"],
        files: &["metrics.rs", "metrics/"],
    },
    Door {
        crates: &["clap"],
        files: &["cli/args.rs", "cli/args/", "cli/mod.rs", "bin/"],
    },
    Door {
        crates: &[
            "base64",
            "chacha20poly1305",
            "ed25519_dalek",
            "getrandom",
            "hmac",
            "md5",
            "sha2",
        ],
        files: &["crypto.rs", "crypto/"],
    },
    Door {
        crates: &["ring"],
        // TLS takes its algorithms from it, too.
        files: &[
            "crypto.rs",
            "crypto/",
            "outbox/nats/tls.rs",
            "outbox/web/tls.rs",
        ],
    },
    Door {
        crates: &["hyper", "hyper_util", "http_body_util"],
        files: &["control/", "cli/", "agent/metrics_page.rs"],
    },
    Door {
        crates: &["async_nats"],
        files: &["outbox/nats.rs", "outbox/nats/"],
    },
    Door {
        crates: &["reqwest", "rustls", "rustls_native_certs"],
        files: &[
            "outbox/web.rs",
            "outbox/web/",
            "outbox/nats.rs",
            "outbox/nats/",
        ],
    },
    Door {
        crates: &["rtnetlink"],
        files: &["dataplane/link_state.rs"],
    },
    Door {
        crates: &["domain", "httparse", "tls_parser"],
        files: &["inspect/"],
    },
    Door {
        crates: &["pcap_parser"],
        files: &["replay/capture.rs", "replay/capture/"],
    },
];

/// The package that is judged. The tests may look behind every door.
const LIBRARY: &str = "sensor-user/src/";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let Some(inside) = source.path.strip_prefix(LIBRARY) else {
            continue;
        };
        for (index, token) in source.tokens.iter().enumerate() {
            let Some(door) = DOORS.iter().find(|door| door.crates.contains(&token.text)) else {
                continue;
            };
            if names_a_crate(source, index) && !door.files.iter().any(|entry| covers(entry, inside))
            {
                findings.push(Finding::new(
                    source.path,
                    token.line,
                    format!("`{}` belongs in {}", token.text, door.files.join(", ")),
                ));
            }
        }
    }
    findings
}

/// Whether the word at `index` is the head of a path or a whole `use`: fields, variables and
/// modules of the same name are not crates.
fn names_a_crate(source: &Source, index: usize) -> bool {
    let followed = match source.text(index + 1) {
        "::" => true,
        ";" | "as" => matches!(source.before(index), "use" | "::"),
        _ => false,
    };
    followed && (source.before(index) != "::" || starts_a_path(source, index - 1))
}

/// Whether the `::` at `index` starts a path, as in `use ::aya::Ebpf` or `-> ::aya::Ebpf`.
fn starts_a_path(source: &Source, index: usize) -> bool {
    match source.before(index) {
        "use" => true,
        ">" => source.before(index - 1) == "-",
        before => !before.starts_with(|first: char| first.is_alphanumeric() || first == '_'),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::judge, check};

    #[test]
    fn a_crate_stays_behind_its_door() {
        let files = [
            ("sensor-user/src/dataplane/load.rs", "use aya::Ebpf;"),
            (
                "sensor-user/src/agent.rs",
                "use tokio::time;\nuse aya::Ebpf;",
            ),
            (
                "sensor-user/src/metrics/text.rs",
                "use prometheus::Registry;",
            ),
            ("tests/src/lib.rs", "use rusqlite::Connection;"),
        ];
        assert_eq!(
            judge(check, &files),
            ["sensor-user/src/agent.rs:2: `aya` belongs in dataplane.rs, dataplane/"]
        );
    }

    #[test]
    fn every_way_to_name_a_crate_counts_and_nothing_else() {
        for text in [
            "use clap;",
            "use ::clap::Parser;",
            "#[derive(clap::Parser)] struct A;",
            "fn f() -> ::clap::Error { }",
        ] {
            assert_eq!(
                judge(check, &[("sensor-user/src/config.rs", text)]).len(),
                1,
                "{text}"
            );
        }
        for text in [
            "// clap::Parser",
            "let clap = a.hmac;",
            "use crate::crypto::hmac::sign;",
            "use super::prometheus::text;",
            "let a = self.clap;",
        ] {
            assert_eq!(
                judge(check, &[("sensor-user/src/config.rs", text)]).len(),
                0,
                "{text}"
            );
        }
    }
}
