//! Small changes that make patterns nearly right.

use sensor_tests::random::Random;

/// What is put in: signs, words and halves of tokens.
const PIECES: [&str; 44] = [
    "'",
    "\\",
    "\\'",
    "\"",
    "[",
    "]",
    "(",
    ")",
    ".",
    ",",
    ":",
    "*",
    "-",
    "+",
    "=",
    "!",
    "<",
    ">",
    "^",
    "/",
    "/*",
    "*/",
    "//",
    "\n",
    "\u{200b}",
    "\u{1f600}",
    "é",
    "0",
    "07",
    "5",
    "a",
    "_",
    " ",
    " AND ",
    " OR ",
    " NOT ",
    " IN ",
    " EXISTS ",
    " FOLLOWEDBY ",
    " LAST ",
    " WITHIN 5 SECONDS",
    "true",
    "t'2016-13-01T00:00:00Z'",
    "b'a==='",
];

/// The same with one to three changes.
pub fn changed(random: &mut Random, origin: &str) -> String {
    let mut pattern: Vec<char> = origin.chars().collect();
    for _ in 0..random.pick(&[1, 1, 1, 2, 3]) {
        change(random, &mut pattern);
    }
    pattern.into_iter().collect()
}

fn change(random: &mut Random, pattern: &mut Vec<char>) {
    let at = random.below(pattern.len() + 1);
    let end = (at + 1 + random.below(4)).min(pattern.len());
    match random.below(8) {
        0 | 1 => drop(pattern.drain(at.min(end)..end)),
        2 => {
            let copy = pattern[at..end].to_vec();
            pattern.splice(at..at, copy);
        }
        3 => {
            if at + 1 < pattern.len() {
                pattern.swap(at, at + 1);
            }
        }
        4 => {
            if let Some(character) = pattern.get_mut(at) {
                *character = if character.is_lowercase() {
                    character.to_ascii_uppercase()
                } else {
                    character.to_ascii_lowercase()
                };
            }
        }
        5 => word(random, pattern),
        _ => {
            let piece = random.pick(&PIECES).chars();
            let gone = usize::from(random.percent(30) && at < pattern.len());
            pattern.splice(at..at + gone, piece);
        }
    }
}

/// Takes a word away, says it twice or lets it change its place.
fn word(random: &mut Random, pattern: &mut Vec<char>) {
    let text: String = pattern.iter().collect();
    let mut words: Vec<&str> = text.split(' ').collect();
    let (from, to) = (random.below(words.len()), random.below(words.len()));
    match random.below(3) {
        0 => drop(words.remove(from)),
        1 => words.insert(to, words[from]),
        _ => words.swap(from, to),
    }
    *pattern = words.join(" ").chars().collect();
}
