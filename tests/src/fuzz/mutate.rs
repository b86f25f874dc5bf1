//! Damage that keeps some structure: tokens, elements between brackets, lines.

use std::ops::Range;

use crate::random::Random;

/// Longest input, bytes; few come near.
const LONGEST: usize = 1 << 20;
/// Usual bound of what is made by repeating, bytes.
const USUAL: usize = 24 << 10;

/// Kinds of damage.
const KINDS: usize = 14;
/// Those that mostly leave a file that can be read to its end: what it says is wrong then, not how.
const GENTLE: [usize; 5] = [5, 7, 8, 9, 13];

/// An input: a seed with a few damages.
pub(super) fn input(seeds: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    // A part of a seed is quicker to read and as good to damage.
    if random.percent(50) && input.len() > 2_000 {
        shorten(&mut input, random);
    }
    let damages = 1 + many(4, random);
    let gentle = random.percent(40);
    for _ in 0..damages {
        let kind = if gentle {
            GENTLE[random.below(GENTLE.len())]
        } else {
            random.below(KINDS)
        };
        damage(&mut input, kind, seeds, words, random);
        input.truncate(LONGEST);
    }
    input
}

fn damage(
    input: &mut Vec<u8>,
    kind: usize,
    seeds: &[Vec<u8>],
    words: &[&str],
    random: &mut Random,
) {
    let word = |random: &mut Random| words[random.below(words.len())].as_bytes();
    match kind {
        0 => {
            if let Some(at) = place(input, random) {
                input[at] ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(at) = place(input, random) {
                input[at] = random.bits() as u8;
            }
        }
        2 => {
            let at = random.below(input.len() + 1);
            insert(input, at, word(random));
        }
        3 => {
            let at = random.below(input.len() + 1);
            input.truncate(at);
        }
        4 => {
            let range = piece(input, random);
            input.drain(range);
        }
        5 => {
            let range = element(input, random);
            input.drain(range);
        }
        6 => {
            let range = token(input, random);
            let word = word(random);
            input.splice(range, word.iter().copied());
        }
        7 => {
            // Another token of the same input: types, values and keys change places.
            let from = token(input, random);
            let other = input[from].to_vec();
            let to = token(input, random);
            input.splice(to, other);
        }
        8 => {
            let range = element(input, random);
            repeat(input, range, random);
        }
        9 => {
            let range = line(input, random);
            repeat(input, range, random);
        }
        10 => {
            let other = &seeds[random.below(seeds.len())];
            let range = piece(other, random);
            let at = random.below(input.len() + 1);
            insert(input, at, &other[range]);
        }
        11 => {
            let at = random.below(input.len() + 1);
            let open: &[u8] = if random.percent(50) {
                b"["
            } else {
                b"{\"Event\":"
            };
            insert(input, at, &open.repeat(1 + random.below(200)));
        }
        12 => {
            // A long token: of one byte, an escape or a word.
            let bits = if random.percent(5) { 18 } else { 13 };
            let many = 1 << random.below(bits);
            let unit: &[u8] = match random.below(4) {
                0 => b"a",
                1 => b"\\u0061",
                2 => b"a.",
                _ => word(random),
            };
            let range = token(input, random);
            let inside = range.start + usize::from(!range.is_empty());
            insert(
                input,
                inside.min(input.len()),
                &unit.repeat(many / unit.len() + 1),
            );
        }
        _ => {
            let (one, other) = (line(input, random), line(input, random));
            if one.end <= other.start {
                let text = input[one.clone()].to_vec();
                input.splice(other.end..other.end, text);
                input.drain(one);
            }
        }
    }
}

/// A number below 2 to the `bits`, small ones as often as large ones.
const fn many(bits: usize, random: &mut Random) -> usize {
    let bound = 1 << random.below(bits);
    random.below(bound)
}

fn place(input: &[u8], random: &mut Random) -> Option<usize> {
    (!input.is_empty()).then(|| random.below(input.len()))
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

/// Leaves out elements until an input is small.
fn shorten(input: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..40 {
        if input.len() < 2_000 {
            break;
        }
        let range = element(input, random);
        if range.len() < input.len() / 2 {
            input.drain(range);
        }
    }
}

/// Any piece; mostly a short one.
fn piece(input: &[u8], random: &mut Random) -> Range<usize> {
    let start = random.below(input.len() + 1);
    let most = if random.percent(80) { 40 } else { input.len() };
    let end = (start + random.below(most + 1)).min(input.len());
    start..end
}

const fn is_break(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b',' | b':' | b'\n' | b' ' | b'{' | b'}' | b'[' | b']' | b'=' | b'|'
    )
}

/// A token: what stands between two breaks, with its quotes where it has some.
fn token(input: &[u8], random: &mut Random) -> Range<usize> {
    let Some(at) = place(input, random) else {
        return 0..0;
    };
    let start = input[..at].iter().rposition(|byte| is_break(*byte));
    let start = start.map_or(0, |start| start + 1);
    let end = input[at..].iter().position(|byte| is_break(*byte));
    let end = end.map_or(input.len(), |end| at + end).max(start);
    let quoted = start > 0 && input[start - 1] == b'"' && input.get(end) == Some(&b'"');
    if quoted && random.percent(50) {
        start - 1..end + 1
    } else {
        start..end
    }
}

fn line(input: &[u8], random: &mut Random) -> Range<usize> {
    let Some(at) = place(input, random) else {
        return 0..0;
    };
    let start = input[..at].iter().rposition(|byte| *byte == b'\n');
    let end = input[at..].iter().position(|byte| *byte == b'\n');
    start.map_or(0, |start| start + 1)..end.map_or(input.len(), |end| at + end + 1)
}

/// What stands between a bracket and its other half, with the comma behind; a line where there are
/// no brackets.
fn element(input: &[u8], random: &mut Random) -> Range<usize> {
    let Some(at) = place(input, random) else {
        return 0..0;
    };
    let Some(start) = input[..at]
        .iter()
        .rposition(|byte| matches!(byte, b'{' | b'['))
    else {
        return line(input, random);
    };
    let (mut depth, mut quoted) = (0_usize, false);
    for (end, byte) in input.iter().enumerate().skip(start) {
        match byte {
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let comma = input.get(end + 1) == Some(&b',');
            return start..end + 1 + usize::from(comma);
        }
    }
    start..input.len()
}

/// Says a part many times, so that counts and sizes are reached.
fn repeat(input: &mut Vec<u8>, range: Range<usize>, random: &mut Random) {
    if range.is_empty() {
        return;
    }
    let bound = if random.percent(1) { LONGEST } else { USUAL };
    let most = (bound / range.len()).clamp(1, 20_000);
    let times = 1 + many(most.ilog2() as usize + 1, random);
    let mut part = input[range.clone()].to_vec();
    if matches!(part.last(), Some(b'}' | b']')) {
        part.push(b',');
    }
    insert(input, range.start, &part.repeat(times));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_input_and_others_others() {
        let seeds = [
            br#"{"a":[{"b":"c,d"},{"e":1}],"f":"g"}"#.to_vec(),
            b"x\ny\n".to_vec(),
        ];
        let of = |seed| input(&seeds, &["w"], &mut Random::new(seed));
        let all: std::collections::HashSet<Vec<u8>> = (0..1_000).map(of).collect();
        assert_eq!(of(7), of(7));
        assert!(all.len() > 500, "{}", all.len());
        assert!(all.iter().all(|input| input.len() <= LONGEST));
    }

    #[test]
    fn elements_and_tokens_are_whole() {
        let text = br#"{"a":[{"b":"c]"},{"e":1}]}"#;
        let mut random = Random::new(1);
        for _ in 0..1_000 {
            let range = element(text, &mut random);
            let part = std::str::from_utf8(&text[range]).expect("ASCII");
            let part = part.strip_suffix(',').unwrap_or(part);
            serde_json::from_str::<serde_json::Value>(part).expect(part);
            let range = token(text, &mut random);
            assert!(range.end <= text.len());
        }
    }
}
