//! Leftovers of work in progress, and paths that exist on one machine only.

use super::{Finding, Tree};

/// Macros that no commit holds.
const MACROS: &[&str] = &["dbg", "todo", "unimplemented"];

/// Home and work directories, in halves so that this table does not find itself.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tm", "p/wt"),
    concat!("/wo", "rk/"),
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        for (index, token) in source.tokens.iter().enumerate() {
            let after = source.text(index + 1);
            if MACROS.contains(&token.text) && after == "!" && source.text(index + 2) != "=" {
                findings.push(Finding::new(
                    source.path,
                    token.line,
                    format!("`{}!` is a leftover", token.text),
                ));
            }
            if token.text == "ignore" && source.before(index) == "[" && matches!(after, "]" | "=") {
                findings.push(Finding::new(
                    source.path,
                    token.line,
                    "a test that is ignored proves nothing: run it or remove it",
                ));
            }
        }
    }
    for file in tree.files {
        for (number, line) in file.text().unwrap_or_default().lines().enumerate() {
            for path in MACHINE_PATHS.iter().filter(|path| stands(line, path)) {
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    format!("`{path}` is a path of one machine"),
                ));
            }
        }
    }
    findings
}

/// Whether `path` occurs in `line` as the beginning of a path, not inside a longer one or a URL.
fn stands(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line[..at].chars().next_back().is_none_or(|before| {
            !before.is_alphanumeric() && !matches!(before, '.' | '-' | '_' | '}' | '>' | '*')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{super::judge, check};

    #[test]
    fn leftovers_are_found_in_code_only() {
        let text = "// todo!()\nfn f(todo: u8) { todo!() }\n#[ignore = \"slow\"]\nfn g() { dbg!(1); }\n\
                    fn h(dbg: u8) -> bool { dbg != 1 }";
        let found = judge(check, &[("tests/src/a.rs", text)]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("tests/src/a.rs:2: `todo!`"));
        assert!(found[1].starts_with("tests/src/a.rs:3: a test that is ignored"));
        assert!(found[2].starts_with("tests/src/a.rs:4: `dbg!`"));
    }

    #[test]
    fn paths_of_one_machine_are_found_in_any_text() {
        let home = super::MACHINE_PATHS[0];
        let text = format!("run {home}me/a\nhttps://example.org{home}a\n./x{home}a\n\"{home}me\"");
        assert_eq!(
            judge(check, &[("docs/a.md", text.as_str())]),
            [
                format!("docs/a.md:1: `{home}` is a path of one machine"),
                format!("docs/a.md:4: `{home}` is a path of one machine"),
            ]
        );
    }
}
