//! Which names a pattern covers, and which URLs are one: the rules against a slow oracle that knows
//! texts only.

use sensor_tests::random::Random;
use sensor_user::{
    hits::{Index, Indexes},
    inspect::http,
    markers::{canonical_id, pattern_id, rows},
    model::{Image, Marker, Name, Observed, Pattern, PatternId},
};

const ROUNDS: usize = 20_000;

/// What a pattern means, as a sentence would say it.
fn oracle(pattern: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
    match pattern.strip_prefix("*.") {
        Some(parent) => name == parent || name.ends_with(&format!(".{parent}")),
        None => name == pattern,
    }
}

/// Few labels over few letters: so that names meet.
fn name(random: &mut Random, upper: bool) -> String {
    let labels = 1 + random.below(4);
    let label = |random: &mut Random| {
        let letters = 1 + random.below(2);
        let letter = |random: &mut Random| {
            let letter = b"ab"[random.below(2)];
            let shout = upper && random.percent(30);
            char::from(if shout {
                letter.to_ascii_uppercase()
            } else {
                letter
            })
        };
        (0..letters).map(|_| letter(random)).collect::<String>()
    };
    let labels: Vec<String> = (0..labels).map(|_| label(random)).collect();
    labels.join(".")
}

fn marker(pattern: &Pattern, id: usize) -> Marker {
    let text = format!("{pattern} id=m{id}\n");
    sensor_user::markers::read_text(&text).markers.remove(0)
}

#[test]
fn patterns_cover_what_their_text_says_and_nothing_else() {
    let mut random = Random::new(6);
    let mut covered = 0;
    for _ in 0..ROUNDS {
        let pattern = name(&mut random, false);
        let pattern = if random.percent(50) {
            format!("*.{pattern}")
        } else {
            pattern
        };
        let mut seen = name(&mut random, true);
        if random.percent(20) {
            seen.push('.');
        }
        let expected = oracle(&pattern, &seen);
        covered += usize::from(expected);
        let bore = Name::of_text(seen.as_bytes()).expect("a name");
        assert_eq!(bore.is_covered_by(&pattern), expected, "{pattern} {seen}");
        let among = bore.patterns().iter().any(|one| **one == pattern);
        assert_eq!(among, expected, "{pattern} {seen}");
    }
    assert!(covered > ROUNDS / 100, "{covered} met");
}

/// The look-up by candidates finds what trying every pattern finds.
#[test]
fn the_index_finds_every_pattern_that_covers_a_name() {
    let mut random = Random::new(7);
    let mut patterns: Vec<Pattern> = (0..60)
        .map(|at| {
            let stars = if at % 2 == 0 { "*." } else { "" };
            let text = format!("{stars}{}", name(&mut random, false));
            Pattern::domain(&text).expect("a pattern")
        })
        .collect();
    patterns.sort_unstable();
    patterns.dedup();
    let markers = patterns
        .iter()
        .enumerate()
        .map(|(at, pattern)| marker(pattern, at));
    let image = Image::new(rows(markers)).expect("no collision");
    let indexes = Indexes::of(Index::new(image));
    let mut met = 0;
    for _ in 0..ROUNDS / 10 {
        let seen = name(&mut random, true);
        let bore = Observed::Name(Name::of_text(seen.as_bytes()).expect("a name"));
        let mut found = indexes.covering(&bore, canonical_id);
        found.sort_unstable();
        let covers = |pattern: &&Pattern| {
            let text = pattern.to_string();
            oracle(text.strip_prefix("domain ").expect("a name"), &seen)
        };
        let mut expected: Vec<PatternId> = patterns.iter().filter(covers).map(pattern_id).collect();
        expected.sort_unstable();
        met += expected.len();
        assert_eq!(found, expected, "{seen}");
    }
    assert!(met > 100, "{met} met");
}

/// However a client writes a URL, the request is that of the marker (RFC 3986 §6.2.2).
#[test]
fn a_request_is_the_url_that_its_marker_writes() {
    let mut random = Random::new(8);
    for _ in 0..ROUNDS / 10 {
        let (mut written, mut plain) = (String::new(), String::new());
        for _ in 0..1 + random.below(4) {
            let letter = char::from(b"a~-_.z"[random.below(6)]);
            plain.push('/');
            plain.push('x');
            plain.push(letter);
            written.push_str(["/", "/./", "/y/../"][random.below(3)]);
            written.push('x');
            if random.percent(30) {
                written.push_str(&format!("%{:02x}", letter as u32));
            } else {
                written.push(letter);
            }
        }
        let host = ["Evil.Example", "evil.example.", "EVIL.EXAMPLE:80"][random.below(3)];
        let head = format!("GET {written}?q=%41 HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let http::Head::Whole(asked) = http::head(head.as_bytes()) else {
            panic!("{head}");
        };
        let expected = format!("http://evil.example{plain}?q=A");
        assert_eq!(
            asked.url.as_ref().map(|url| url.as_str()),
            Some(expected.as_str()),
            "{head}"
        );
        let marker = Pattern::url(&format!("HTTP://{host}{written}?q=A#f")).expect("a URL");
        let url = asked.url.clone().expect("it is there");
        assert!(Observed::Url(url).is_covered_by(&marker), "{head}");
    }
}
