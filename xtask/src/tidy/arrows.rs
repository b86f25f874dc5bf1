//! Which part may import which: between crates, and between the modules of `sensor-user`.
//!
//! Modules called `tests` are free: a unit test may build its input with a sibling, and nothing that
//! ships follows that arrow.

use super::{Finding, Tree, source::Source};

/// Top-level modules of `sensor-user` by layer: a module imports only from layers below its own.
/// The bins, above all of them, may import any.
const LAYERS: &[&[&str]] = &[
    &["fault", "model"],
    &["clock", "config", "crypto", "db", "metrics"],
    &["journal"],
    &[
        "dataplane",
        "envelope",
        "events",
        "hits",
        "inspect",
        "legal",
        "markers",
        "outbox",
    ],
    &["lent"],
    &["control"],
    &["agent", "cli", "replay"],
];

/// Arrows that the layers forbid and that stand all the same: from, to, why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Crates that a crate may not import, by directory.
const FORBIDDEN_CRATES: &[(&str, &[&str])] = &[
    (
        "sensor-common/",
        &[
            "sensor_ebpf",
            "sensor_sys",
            "sensor_user",
            "sensor_tests",
            "xtask",
        ],
    ),
    (
        "sensor-ebpf/",
        &["sensor_sys", "sensor_user", "sensor_tests", "xtask"],
    ),
    (
        "sensor-sys/",
        &["sensor_ebpf", "sensor_user", "sensor_tests", "xtask"],
    ),
    (
        "sensor-user/src/",
        &["sensor_ebpf", "sensor_tests", "xtask"],
    ),
    ("tests/", &["sensor_ebpf", "sensor_sys", "xtask"]),
    (
        "xtask/",
        &[
            "sensor_common",
            "sensor_ebpf",
            "sensor_sys",
            "sensor_user",
            "sensor_tests",
        ],
    ),
];

const LIBRARY: &str = "sensor-user/src/";

/// The name that modules of unit tests have.
const TESTS: &str = "tests";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        between_crates(source, &mut findings);
        if let Some(module) = module_path(source.path) {
            between_modules(source, &module, &mut findings);
        }
    }
    findings
}

fn between_crates(source: &Source, findings: &mut Vec<Finding>) {
    let forbidden = FORBIDDEN_CRATES
        .iter()
        .filter(|(dir, _)| source.path.starts_with(dir))
        .flat_map(|(_, names)| *names);
    for name in forbidden {
        for token in source.tokens.iter().filter(|token| token.text == *name) {
            findings.push(Finding::new(
                source.path,
                token.line,
                format!("this crate does not import {name}"),
            ));
        }
    }
}

/// `sensor-user/src/a/b.rs` → `[a, b]`; `None` for the root, the bins, tests and other crates.
fn module_path(path: &str) -> Option<Vec<&str>> {
    let inside = path.strip_prefix(LIBRARY)?.strip_suffix(".rs")?;
    let mut names: Vec<&str> = inside.split('/').collect();
    if names.last() == Some(&"mod") {
        names.pop();
    }
    (names != ["lib"] && names[0] != "bin" && !names.contains(&TESTS)).then_some(names)
}

fn between_modules(source: &Source, module: &[&str], findings: &mut Vec<Finding>) {
    let from = module[0];
    for (line, to) in imports(source, module) {
        if let Some(message) = judge(from, to) {
            findings.push(Finding::new(source.path, line, message));
        }
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|names| names.contains(&module))
}

/// Why `from` may not import `to`; `None` where it may.
fn judge(from: &str, to: &str) -> Option<String> {
    if from == to || EXCEPTIONS.iter().any(|(a, b, _)| (*a, *b) == (from, to)) {
        return None;
    }
    if to == "*" {
        return Some("import the modules of the crate root by name".to_owned());
    }
    match (layer(from), layer(to)) {
        (None, _) => Some(format!("`{from}` has no layer: add it to tidy's table")),
        (_, None) => Some(format!("`{to}` has no layer: add it to tidy's table")),
        (Some(above), Some(below)) if above > below => None,
        (Some(above), Some(below)) => Some(format!(
            "`{from}` (layer {above}) may not import `{to}` (layer {below}): only layers below"
        )),
    }
}

/// Every top-level module that the file names through `crate::` or `super::`, with its line.
fn imports<'a>(source: &Source<'a>, module: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    // Inline modules around the current token, with the depth of braces outside each.
    let mut inline: Vec<(&str, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut index = 0;
    while index < source.tokens.len() {
        let judged = inline.iter().all(|(name, _)| *name != TESTS);
        match source.text(index) {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last().is_some_and(|(_, outside)| *outside == depth) {
                    inline.pop();
                }
            }
            "mod" if source.text(index + 2) == "{" => inline.push((source.text(index + 1), depth)),
            "crate" if judged && source.text(index + 1) == "::" => {
                heads(source, index + 2, &mut found)
            }
            "super" if judged => {
                let mut left = module.len() + inline.len();
                while source.text(index) == "super" && source.text(index + 1) == "::" {
                    left = left.saturating_sub(1);
                    index += 2;
                }
                if left == 0 {
                    heads(source, index, &mut found);
                }
                // `super` alone, as in `pub(super)`, is passed like any other word.
                if source.text(index) != "super" {
                    continue;
                }
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// The first names after a path that ends at the crate root: one, or those of a group.
fn heads<'a>(source: &Source<'a>, start: usize, found: &mut Vec<(usize, &'a str)>) {
    if source.text(start) != "{" {
        if let Some(token) = source.tokens.get(start) {
            found.push((token.line, token.text));
        }
        return;
    }
    let mut depth = 0_usize;
    for index in start..source.tokens.len() {
        match source.text(index) {
            "{" => depth += 1,
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            "," | "self" => {}
            name if depth == 1 && matches!(source.before(index), "{" | ",") => {
                found.push((source.tokens[index].line, name));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::judge as run, check};

    #[test]
    fn a_layer_imports_only_what_is_below() {
        let text = "use crate::{model::{Marker, Pattern}, journal};\n\
                    use crate::events::Store;\n\
                    fn f() { crate::control::g() }";
        assert_eq!(
            run(check, &[("sensor-user/src/markers/stix.rs", text)]),
            [
                "sensor-user/src/markers/stix.rs:2: `markers` (layer 3) may not import `events` \
                 (layer 3): only layers below",
                "sensor-user/src/markers/stix.rs:3: `markers` (layer 3) may not import `control` \
                 (layer 5): only layers below",
            ]
        );
    }

    #[test]
    fn super_is_followed_through_files_and_inline_modules() {
        let text = "use super::super::agent::A;\n\
                    pub(super) mod inner { use super::super::Own; use super::super::super::cli; }\n\
                    use super::sibling;";
        let found = run(check, &[("sensor-user/src/journal/log.rs", text)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("log.rs:1: `journal`") && found[0].contains("`agent`"));
        assert!(found[1].contains("log.rs:2: `journal`") && found[1].contains("`cli`"));
        // The same words one level up: `mod.rs` is the module itself.
        let text = "use super::agent::A;";
        let found = run(check, &[("sensor-user/src/journal/mod.rs", text)]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            run(check, &[("sensor-user/src/journal/log.rs", text)]).len(),
            0
        );
    }

    #[test]
    fn unknown_modules_and_globs_of_the_root_are_findings() {
        let found = run(
            check,
            &[(
                "sensor-user/src/db.rs",
                "use crate::*;\nuse crate::misc::A;",
            )],
        );
        assert!(found[0].contains("by name"));
        assert!(found[1].contains("`misc` has no layer"));
    }

    #[test]
    fn the_root_and_the_bins_import_what_they_like() {
        let text = "use crate::agent; use sensor_user::cli;";
        let files = [
            ("sensor-user/src/lib.rs", text),
            ("sensor-user/src/bin/sensord.rs", text),
        ];
        assert_eq!(run(check, &files), [""; 0]);
    }

    #[test]
    fn unit_tests_are_free_but_what_follows_them_is_not() {
        let text = "mod tests {\n use crate::agent; fn f() {}\n}\nuse crate::agent;";
        let files = [
            ("sensor-user/src/hits/join.rs", text),
            ("sensor-user/src/hits/join/tests.rs", text),
        ];
        let found = run(check, &files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("sensor-user/src/hits/join.rs:4: "));
    }

    #[test]
    fn crates_point_one_way() {
        let files = [
            ("sensor-common/src/lib.rs", "use sensor_user::A;"),
            ("xtask/src/a.rs", "// sensor_user in prose"),
        ];
        assert_eq!(
            run(check, &files),
            ["sensor-common/src/lib.rs:1: this crate does not import sensor_user"]
        );
    }
}
