//! The sensor never changes a packet's fate: no other verdict than pass, no helper that edits or
//! moves a packet, and verdicts only in the two programs' entry files.

use super::{Finding, Tree};

/// The only files that name a verdict.
const ENTRIES: &[&str] = &["sensor-ebpf/src/main.rs", "sensor-ebpf/src/bench.rs"];

/// Not even in a test: a comparison needs only `XDP_PASS`.
const VERDICTS: &[&str] = &["XDP_ABORTED", "XDP_DROP", "XDP_REDIRECT", "XDP_TX"];

/// Kernel helpers and their aya names that change a packet or send it elsewhere.
const HELPERS: &[&str] = &[
    "bpf_redirect",
    "bpf_redirect_map",
    "bpf_redirect_neigh",
    "bpf_redirect_peer",
    "bpf_xdp_adjust_head",
    "bpf_xdp_adjust_meta",
    "bpf_xdp_adjust_tail",
    "bpf_xdp_store_bytes",
    "CpuMap",
    "DevMap",
    "DevMapHash",
    "XskMap",
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        for token in &source.tokens {
            let message = match token.text {
                "xdp_action" if !ENTRIES.contains(&source.path) => {
                    format!("verdicts are named only in {}", ENTRIES.join(" and "))
                }
                verdict if VERDICTS.contains(&verdict) => {
                    format!("the sensor is passive: no {verdict}")
                }
                helper if HELPERS.contains(&helper) && source.path.starts_with("sensor-ebpf/") => {
                    format!("the sensor is passive: no {helper}")
                }
                _ => continue,
            };
            findings.push(Finding::new(source.path, token.line, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{super::judge, check};

    #[test]
    fn only_the_entries_name_a_verdict_and_only_pass() {
        let files = [
            ("sensor-ebpf/src/main.rs", "xdp_action::XDP_PASS"),
            ("sensor-ebpf/src/bench.rs", "\nxdp_action::XDP_DROP"),
            ("sensor-ebpf/src/parse.rs", "xdp_action::XDP_PASS"),
            (
                "sensor-ebpf/src/emit.rs",
                "/// Never XDP_TX.\nbpf_xdp_adjust_head(c)",
            ),
        ];
        assert_eq!(
            judge(check, &files),
            [
                "sensor-ebpf/src/bench.rs:2: the sensor is passive: no XDP_DROP",
                "sensor-ebpf/src/emit.rs:2: the sensor is passive: no bpf_xdp_adjust_head",
                "sensor-ebpf/src/parse.rs:1: verdicts are named only in sensor-ebpf/src/main.rs \
                 and sensor-ebpf/src/bench.rs",
            ]
        );
    }
}
