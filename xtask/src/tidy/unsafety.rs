//! `unsafe` in few files, each use with its reason.

use super::{Finding, Tree, covers, source::Source};

/// Where `unsafe` blocks, functions and implementations may stand.
const FILES: &[&str] = &[
    "sensor-ebpf/src/asm.rs",
    "sensor-ebpf/src/bench.rs",
    "sensor-ebpf/src/common.rs",
    "sensor-ebpf/src/deadline.rs",
    "sensor-ebpf/src/emit.rs",
    "sensor-ebpf/src/flows.rs",
    "sensor-ebpf/src/lane.rs",
    "sensor-ebpf/src/maps.rs",
    "sensor-ebpf/src/name_keys.rs",
    "sensor-ebpf/src/packet.rs",
    "sensor-ebpf/src/scratch.rs",
    "sensor-ebpf/src/sighting.rs",
    "sensor-ebpf/src/table.rs",
    "sensor-ebpf/src/tally.rs",
    "sensor-ebpf/src/young.rs",
    // Implementations of `aya::Pod` for the types of the ABI.
    "sensor-common/src/",
    "sensor-sys/src/",
];

/// Where `#[unsafe(no_mangle)]` and its like may stand: the loader finds maps and programs by name.
const ATTRIBUTES: &[&str] = &["sensor-ebpf/src/"];

/// How far above an `unsafe` its SAFETY comment may begin, in lines.
const REACH: usize = 6;

/// The same for the `# Safety` section of an `unsafe fn`, which stands in its doc comment.
const REACH_OF_DOCS: usize = 15;

const ROOT: &str = "sensor-user/src/lib.rs";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        for (index, token) in source.tokens.iter().enumerate() {
            if token.text == "unsafe"
                && let Some(message) = judge(source, index)
            {
                findings.push(Finding::new(source.path, token.line, message));
            }
        }
        if source.path == ROOT && !forbids_unsafe(source) {
            findings.push(Finding::new(
                ROOT,
                1,
                "`#![forbid(unsafe_code)]` is missing",
            ));
        }
    }
    findings
}

fn judge(source: &Source, index: usize) -> Option<String> {
    let listed = |entries: &[&str]| entries.iter().any(|entry| covers(entry, source.path));
    let line = source.tokens[index].line;
    match source.text(index + 1) {
        "(" if listed(ATTRIBUTES) => None,
        "(" => Some(format!(
            "unsafe attributes belong in {}",
            ATTRIBUTES.join(", ")
        )),
        _ if !listed(FILES) => Some(format!("`unsafe` belongs in {}", FILES.join(", "))),
        // A declaration states what its caller owes; a type names such a function.
        "fn" if source.before(index) == ":" || source.before(index) == "=" => None,
        "fn" | "extern" => (!explained(source, line, REACH_OF_DOCS, &["SAFETY:", "# Safety"]))
            .then(|| "no `# Safety` section above this function".to_owned()),
        _ => (!explained(source, line, REACH, &["SAFETY:"]))
            .then(|| "no SAFETY comment above this `unsafe`".to_owned()),
    }
}

fn explained(source: &Source, line: usize, reach: usize, words: &[&str]) -> bool {
    source.comments.iter().any(|(at, text)| {
        (line.saturating_sub(reach)..=line).contains(at)
            && words.iter().any(|word| text.contains(word))
    })
}

fn forbids_unsafe(source: &Source) -> bool {
    let wanted = ["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"];
    source
        .tokens
        .windows(wanted.len())
        .any(|window| window.iter().map(|token| token.text).eq(wanted))
}

#[cfg(test)]
mod tests {
    use super::{super::judge as run, check};

    #[test]
    fn unsafe_outside_its_files_is_a_finding() {
        let text = "fn f() {\n    // SAFETY: nothing.\n    unsafe { g() }\n}";
        let found = run(
            check,
            &[
                ("sensor-ebpf/src/packet.rs", text),
                ("sensor-ebpf/src/parse.rs", text),
            ],
        );
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("sensor-ebpf/src/parse.rs:3: "));
    }

    #[test]
    fn each_use_says_why_it_is_sound() {
        let text = "unsafe impl Pod for A {}\n\n\n\n\n\n\n// SAFETY: integers.\nunsafe impl Pod for B {}\n\
                    /// # Safety\n/// x\nunsafe fn f() {}";
        assert_eq!(
            run(check, &[("sensor-common/src/lib.rs", text)]),
            ["sensor-common/src/lib.rs:1: no SAFETY comment above this `unsafe`"]
        );
    }

    #[test]
    fn attributes_are_for_the_programs_only() {
        let text = "#[unsafe(no_mangle)] static A: u8 = 0;";
        assert_eq!(run(check, &[("sensor-ebpf/src/main.rs", text)]), [""; 0]);
        assert_eq!(run(check, &[("sensor-user/src/db.rs", text)]).len(), 1);
    }

    #[test]
    fn the_agent_forbids_it() {
        let path = "sensor-user/src/lib.rs";
        assert_eq!(run(check, &[(path, "#![forbid(unsafe_code)]")]), [""; 0]);
        assert_eq!(
            run(check, &[(path, "// #![forbid(unsafe_code)]\nmod a;")]).len(),
            1
        );
    }
}
