//! A promise names its test: the invariants at the head of `sensor-user/src/lib.rs`, and every
//! `tests: a, b` in back quotes in the documentation.

use std::collections::BTreeSet;

use super::{Finding, Tree, source::Source};

const INVARIANTS: &str = "sensor-user/src/lib.rs";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let tests: BTreeSet<&str> = tree.sources.iter().flat_map(test_names).collect();
    let mut findings = Vec::new();
    let mut judge = |path: &str, line: usize, text: &str| {
        let names = named_tests(text);
        for name in &names {
            if !tests.contains(name) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("no test is called `{name}`"),
                ));
            }
        }
        names.is_empty()
    };

    let mut nameless = Vec::new();
    for source in tree
        .sources
        .iter()
        .filter(|source| source.path == INVARIANTS)
    {
        for (line, text) in numbered_items(source) {
            if judge(source.path, line, &text) {
                nameless.push(line);
            }
        }
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in file.text().unwrap_or_default().lines().enumerate() {
            judge(&file.path, number + 1, line);
        }
    }
    findings.extend(nameless.into_iter().map(|line| {
        Finding::new(
            INVARIANTS,
            line,
            "this invariant names no test: end it with `tests: name` in back quotes",
        )
    }));
    findings
}

/// Functions under an attribute such as `#[test]`, `#[tokio::test]` or a harness's own.
fn test_names<'a>(source: &Source<'a>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut marked = false;
    let mut index = 0;
    while index < source.tokens.len() {
        match source.text(index) {
            "#" if source.text(index + 1) == "[" => {
                // The last word of the attribute's path, before its arguments.
                let mut last = "";
                index += 2;
                while !matches!(source.text(index), "(" | "=" | "]" | "") {
                    last = source.text(index);
                    index += 1;
                }
                marked |= last == "test" || last.ends_with("_test");
            }
            "fn" => {
                if marked {
                    names.push(source.text(index + 1));
                }
                marked = false;
            }
            _ => {}
        }
        index += 1;
    }
    names
}

/// `//! 3. text` with its continuation lines, and the line it begins on.
fn numbered_items(source: &Source) -> Vec<(usize, String)> {
    let mut items: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (line, text) in &source.comments {
        let Some(text) = text.strip_prefix("//!") else {
            open = false;
            continue;
        };
        let text = text.trim();
        let numbered = text
            .split_once(". ")
            .is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        if numbered {
            items.push((*line, text.to_owned()));
            open = true;
        } else if text.is_empty() || text.starts_with('#') {
            open = false;
        } else if open && let Some((_, item)) = items.last_mut() {
            item.push(' ');
            item.push_str(text);
        }
    }
    items
}

/// The names in every `` `test: a` `` or `` `tests: a, b` ``.
fn named_tests(text: &str) -> Vec<&str> {
    text.split('`')
        // Outside, inside, outside: back quotes come in pairs.
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| {
            quoted
                .strip_prefix("tests: ")
                .or_else(|| quoted.strip_prefix("test: "))
        })
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().rsplit("::").next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::judge, check};

    const TESTS: (&str, &str) = (
        "tests/src/a.rs",
        "#[test]\nfn passes() {}\n#[tokio::test(flavor = \"x\")]\nasync fn waits() {}\n\
         #[cfg(test)]\nfn helper() {}",
    );

    #[test]
    fn an_invariant_names_tests_that_exist() {
        let text = "//! The agent.\n//!\n//! 1. Never drops\n//! anything. `tests: passes, a::waits`\n\
                    //! 2. Nothing is lost. `tests: helper`\n//! 3. Nothing at all.\n//!\n//! `test: later`\n";
        assert_eq!(
            judge(check, &[TESTS, ("sensor-user/src/lib.rs", text)]),
            [
                "sensor-user/src/lib.rs:5: no test is called `helper`",
                "sensor-user/src/lib.rs:6: this invariant names no test: end it with \
                 `tests: name` in back quotes",
            ]
        );
    }

    #[test]
    fn a_root_without_a_list_promises_nothing() {
        assert_eq!(
            judge(
                check,
                &[("sensor-user/src/lib.rs", "//! The agent.\nmod a;")]
            ),
            [""; 0]
        );
    }

    #[test]
    fn rows_of_the_promise_table_are_held_to_it() {
        let text = "| promise | proof |\n| a | `test: passes` |\n| b | `cargo` and `test: gone` |";
        assert_eq!(
            judge(check, &[TESTS, ("README.md", text)]),
            ["README.md:3: no test is called `gone`"]
        );
    }
}
