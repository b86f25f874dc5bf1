//! Tables of `docs/formats.md` that the code knows better: compared by tests.

use std::{env, fs, path::Path};

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
