//! What a file may be: Rust of readable length, no program, no large capture.

use super::{Finding, Tree};

/// A longer body is two files.
const MAX_LINES: usize = 400;

/// Captures are samples, not archives.
const MAX_CAPTURE: usize = 1 << 20;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        if source.lines > MAX_LINES {
            findings.push(Finding::new(
                source.path,
                MAX_LINES + 1,
                format!(
                    "{} lines: more than {MAX_LINES} are two files",
                    source.lines
                ),
            ));
        }
    }
    for file in tree.files {
        if file.bytes.starts_with(b"\x7fELF") {
            findings.push(Finding::new(&file.path, 1, "a compiled program"));
        }
        let capture = [".pcap", ".pcapng"]
            .iter()
            .any(|suffix| file.path.ends_with(suffix));
        if capture && file.bytes.len() > MAX_CAPTURE {
            findings.push(Finding::new(
                &file.path,
                1,
                format!(
                    "a capture of {} bytes: at most {MAX_CAPTURE}",
                    file.bytes.len()
                ),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{super::judge, MAX_CAPTURE, check};

    #[test]
    fn limits_hold_at_their_edge() {
        let (fits, long) = ("\n".repeat(400), "\n".repeat(401));
        let (small, large) = ("a".repeat(MAX_CAPTURE), "a".repeat(MAX_CAPTURE + 1));
        let found = judge(
            check,
            &[
                ("a.rs", fits.as_str()),
                ("b.rs", long.as_str()),
                ("c.pcap", small.as_str()),
                ("d.pcapng", large.as_str()),
                ("e", "\x7fELF\x02"),
                ("f.md", long.as_str()),
            ],
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("b.rs:401: 401 lines"));
        assert!(found[1].starts_with("d.pcapng:1: "));
        assert!(found[2].starts_with("e:1: "));
    }
}
