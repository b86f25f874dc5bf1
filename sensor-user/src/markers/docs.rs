//! Tables of `docs/formats.md` that the code knows better: compared by tests.

use std::{env, fs, path::Path};

use crate::model::{Direction, Pattern};

/// Set it to rewrite the tables instead.
const REWRITE: &str = "SENSOR_REWRITE_DOCS";

/// That the part between `<!-- NAME:begin -->` and `<!-- NAME:end -->` is this text.
///
/// # Panics
/// When it is not, or when there is no such part.
pub(super) fn holds(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    let page = fs::read_to_string(&path).expect("docs/formats.md");
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->\n"),
    );
    let (before, rest) = page.split_once(&begin).expect(&begin);
    let (held, after) = rest.split_once(&end).expect(&end);
    if held == text {
        return;
    }
    if env::var_os(REWRITE).is_some() {
        let page = format!("{before}{begin}{text}{end}{after}");
        fs::write(&path, page).expect("docs/formats.md can be written");
        return;
    }
    panic!("docs/formats.md is not what the code does; run this test again with {REWRITE}=1");
}

/// What becomes of a pattern that a reader accepts; `told` is how the page writes it.
pub(super) fn kept(pattern: &Pattern, direction: Direction, told: &str) -> String {
    let direction = match direction {
        Direction::Either => String::new(),
        direction => format!(", {} only", direction.name()),
    };
    let fate = match pattern.matchable() {
        true => "matched",
        false => "kept, not in force: kind",
    };
    format!("{fate}, {told}{direction}")
}
