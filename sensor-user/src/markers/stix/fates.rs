//! The table of `docs/formats.md`: what becomes of each example.

use std::fmt::Write as _;

use super::understand;
use crate::markers::docs;

/// Headings after `#`, and a pattern a line.
const EXAMPLES: &str = include_str!("examples.txt");

#[test]
fn every_example_has_a_stated_fate() {
    let mut table = String::new();
    for line in EXAMPLES.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(heading) => {
                let start = if table.is_empty() { "" } else { "\n" };
                write!(
                    table,
                    "{start}{heading}:\n\n| pattern | becomes |\n|---|---|\n"
                )
            }
            None => writeln!(table, "| {} | {} |", code(line), fate(line)),
        }
        .expect("a string takes everything");
    }
    docs::holds("stix-patterns", &table);
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn fate(pattern: &str) -> String {
    let reading = match understand(pattern) {
        Ok(reading) => reading,
        Err(error) => return format!("refused, `{}`: {error}", error.code()),
    };
    let markers = reading
        .accepted
        .iter()
        .map(|(pattern, direction)| docs::kept(pattern, *direction, &code(&pattern.to_string())));
    let refused = reading.refused.iter().map(|refused| {
        let which = match reading.alternatives {
            1 => String::new(),
            all => format!("alternative {} of {all} ", refused.alternative),
        };
        let cause = refused.cause;
        format!("{which}refused, `{}`: {cause}", cause.code())
    });
    markers.chain(refused).collect::<Vec<_>>().join("; ")
}
