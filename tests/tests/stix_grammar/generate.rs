//! Patterns by the grammar, with everything that it allows.

use sensor_tests::random::Random;

const SPACES: [&str; 12] = [
    " ",
    " ",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    " /* why */ ",
    " // why\n",
    "\u{a0}",
    "\u{3000}",
];
const OBJECTS: [&str; 9] = [
    "ipv4-addr",
    "network-traffic",
    "domain-name",
    "file",
    "x509-certificate",
    "x_a",
    "_",
    "a",
    "A-b-",
];
const KEYS: [&str; 10] = [
    "value",
    "dst_ref",
    "hashes",
    "MD5",
    "'SHA-256'",
    "'http-request-ext'",
    "extensions",
    "''",
    r"'a\'b\\'",
    "ssdeep",
];
const STRINGS: [&str; 10] = [
    "'203.0.113.5'",
    "'198.51.100.0/24'",
    "''",
    r"'it\'s'",
    r"'a\\'",
    "'é\u{1f600}\n'",
    "'cead3f77f6cda6ec00f57d76c9a6879f'",
    "'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f'",
    "'// [no comment] /*'",
    "'%'",
];
const OTHERS: [&str; 16] = [
    "0",
    "443",
    "+7",
    "-0",
    "-12",
    "3.5",
    ".5",
    "+.25",
    "-1.0",
    "00.5",
    "h''",
    "h'fFd8'",
    "b'dGVzdA=='",
    "b'abcd'",
    "t'2016-06-01T01:30:00.123Z'",
    "t'2016-02-31T23:59:60Z'",
];
const ORDERS: [&str; 8] = ["=", "==", "!=", "<>", "<", "<=", ">", ">="];

/// A pattern.
pub fn pattern(random: &mut Random) -> String {
    let mut out = String::new();
    if random.percent(10) {
        out.push_str(random.pick(&[" ", "\n", "\u{2003}"]));
    }
    observations(random, &mut out, 2);
    out
}

fn space(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(&SPACES));
}

/// Space where none is needed.
fn gap(random: &mut Random, out: &mut String) {
    if random.percent(15) {
        space(random, out);
    }
}

fn observations(random: &mut Random, out: &mut String, depth: usize) {
    observation(random, out, depth);
    for _ in 0..random.pick(&[0, 0, 0, 1, 2]) {
        space(random, out);
        out.push_str(random.pick(&["AND", "OR", "FOLLOWEDBY"]));
        space(random, out);
        observation(random, out, depth);
    }
}

fn observation(random: &mut Random, out: &mut String, depth: usize) {
    if depth > 0 && random.percent(25) {
        out.push('(');
        if random.percent(10) {
            out.push(' ');
        }
        observations(random, out, depth - 1);
        gap(random, out);
        out.push(')');
    } else {
        out.push('[');
        gap(random, out);
        comparisons(random, out, depth);
        gap(random, out);
        out.push(']');
    }
    for _ in 0..random.pick(&[0, 0, 0, 0, 1, 2]) {
        space(random, out);
        out.push_str(random.pick(&[
            "WITHIN 5 SECONDS",
            "WITHIN +0.5 SECONDS",
            "WITHIN 5SECONDS",
            "REPEATS 9 TIMES",
            "START t'2016-06-01T01:30:00Z' STOP t'2016-06-01T02:20:00.5Z'",
        ]));
    }
}

fn comparisons(random: &mut Random, out: &mut String, depth: usize) {
    comparison(random, out, depth);
    for _ in 0..random.pick(&[0, 0, 1, 2]) {
        space(random, out);
        out.push_str(random.pick(&["AND", "OR"]));
        space(random, out);
        comparison(random, out, depth);
    }
}

fn comparison(random: &mut Random, out: &mut String, depth: usize) {
    if depth > 0 && random.percent(15) {
        out.push('(');
        gap(random, out);
        comparisons(random, out, depth - 1);
        gap(random, out);
        out.push(')');
        return;
    }
    if random.percent(5) {
        out.push_str(random.pick(&["EXISTS ", "NOT EXISTS "]));
        path(random, out);
        return;
    }
    path(random, out);
    space(random, out);
    if random.percent(15) {
        out.push_str("NOT ");
    }
    match random.below(10) {
        0..5 => {
            let order = random.below(ORDERS.len());
            out.push_str(ORDERS[order]);
            gap(random, out);
            let boolean = order < 4 && random.percent(8);
            let literal = if boolean { "true" } else { constant(random) };
            out.push_str(literal);
        }
        5 | 6 => set(random, out),
        _ => {
            out.push_str(random.pick(&["LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"]));
            gap(random, out);
            out.push_str(random.pick(&STRINGS));
        }
    }
}

fn set(random: &mut Random, out: &mut String) {
    out.push_str("IN");
    gap(random, out);
    out.push('(');
    for at in 0..random.below(4) {
        if at > 0 {
            out.push(',');
        }
        gap(random, out);
        let boolean = random.percent(8);
        let literal = if boolean { "false" } else { constant(random) };
        out.push_str(literal);
    }
    out.push(')');
}

fn constant(random: &mut Random) -> &'static str {
    if random.percent(60) {
        return random.pick(&STRINGS);
    }
    random.pick(&OTHERS)
}

fn path(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(&OBJECTS));
    out.push(':');
    out.push_str(random.pick(&KEYS));
    for _ in 0..random.pick(&[0, 0, 1, 2, 3]) {
        if random.percent(25) {
            out.push_str(random.pick(&["[*]", "[0]", "[12]", "[ +1 ]", "[-1]"]));
        } else {
            out.push('.');
            out.push_str(random.pick(&KEYS));
        }
    }
}
