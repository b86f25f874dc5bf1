//! Tokens of the patterning language (STIX 2.1 §9, its ANTLR grammar): the longest token wins,
//! keywords before identifiers, white space and comments are skipped.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `-5`.
    IntNeg,
    /// `5` or `+5`; no leading zero.
    IntPos,
    /// `-5.0`, `-.5`.
    FloatNeg,
    /// `5.0`, `+.5`.
    FloatPos,
    /// `h'ffd8'`.
    Hex,
    /// `b'dGVzdA=='`.
    Binary,
    /// `'text'`, with `\'` and `\\`.
    Text,
    /// `true` or `false`.
    Bool,
    /// `t'2016-06-01T01:30:00Z'`.
    Time,
    /// A reserved word in capitals.
    Keyword,
    /// A name without a hyphen.
    Name,
    /// A name with a hyphen, which only an object type may have.
    Hyphenated,
    /// `=` or `==`.
    Equal,
    /// `!=` or `<>`.
    NotEqual,
    /// `<`, `<=`, `>`, `>=`.
    Order,
    /// `: . , ( ) [ ] *`.
    Sign,
    /// A character that no rule of the grammar uses.
    Other,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it was written.
    pub text: &'a str,
    /// Offset in bytes.
    pub at: usize,
}

/// The reserved words, of which the grammar names one that it does not use.
const KEYWORDS: [&str; 17] = [
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "LIKE",
    "MATCHES",
    "ISSUPERSET",
    "ISSUBSET",
    "EXISTS",
    "LAST",
    "IN",
    "START",
    "STOP",
    "SECONDS",
    "WITHIN",
    "REPEATS",
    "TIMES",
];

/// White space of the grammar; narrower than Unicode's, wider than ASCII's.
pub(super) const fn is_space(character: char) -> bool {
    matches!(
        character,
        '\t'..='\r'
            | ' '
            | '\u{85}'
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
    )
}

/// The tokens of a pattern, one at a time. Every text can be cut: what no rule takes is
/// [`Kind::Other`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    pattern: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub const fn of(pattern: &'a str) -> Self {
        Self { pattern, at: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self
                .pattern
                .get(self.at..)
                .filter(|rest| !rest.is_empty())?;
            if let Some(skipped) = skipped(rest) {
                self.at += skipped;
                continue;
            }
            let (kind, length) = token(rest);
            let (text, at) = (&rest[..length], self.at);
            self.at += length;
            return Some(Token { kind, text, at });
        }
    }
}

/// Bytes of white space or of a comment at the start.
fn skipped(rest: &str) -> Option<usize> {
    let spaces = rest.find(|one| !is_space(one)).unwrap_or(rest.len());
    if spaces > 0 {
        return Some(spaces);
    }
    if let Some(body) = rest.strip_prefix("/*") {
        return body.find("*/").map(|end| end + 4);
    }
    let line = rest.strip_prefix("//")?;
    Some(line.find(['\r', '\n']).unwrap_or(line.len()) + 2)
}

/// The token at the start and its length in bytes, at least one character.
fn token(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let quoted = match bytes {
        [b'\'', ..] => text(bytes).map(|length| (Kind::Text, length)),
        [b't', b'\'', ..] => time(bytes).map(|length| (Kind::Time, length)),
        [b'h', b'\'', ..] => hex(bytes).map(|length| (Kind::Hex, length)),
        [b'b', b'\'', ..] => binary(bytes).map(|length| (Kind::Binary, length)),
        _ => None,
    };
    if let Some(found) = quoted.or_else(|| number(bytes)).or_else(|| word(rest)) {
        return found;
    }
    match bytes {
        [b'=', b'=', ..] => (Kind::Equal, 2),
        [b'=', ..] => (Kind::Equal, 1),
        [b'!', b'=', ..] | [b'<', b'>', ..] => (Kind::NotEqual, 2),
        [b'<' | b'>', b'=', ..] => (Kind::Order, 2),
        [b'<' | b'>', ..] => (Kind::Order, 1),
        [b':' | b'.' | b',' | b'(' | b')' | b'[' | b']' | b'*', ..] => (Kind::Sign, 1),
        _ => (Kind::Other, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

/// `'…'`: no bare backslash inside.
fn text(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\'', _) => return Some(at + 1),
            (b'\\', Some(b'\'' | b'\\')) => at += 2,
            (b'\\', _) => return None,
            _ => at += 1,
        }
    }
}

/// `h'…'`: an even number of digits.
fn hex(bytes: &[u8]) -> Option<usize> {
    let digits = run(bytes, 2, u8::is_ascii_hexdigit);
    let fits = digits.is_multiple_of(2) && bytes.get(2 + digits) == Some(&b'\'');
    fits.then_some(digits + 3)
}

/// `b'…'`: at least one group of four, the last one may be padded.
fn binary(bytes: &[u8]) -> Option<usize> {
    let digits = run(bytes, 2, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
    });
    let padding = run(bytes, 2 + digits, |byte| *byte == b'=');
    let fits = match padding {
        0 => digits > 0 && digits.is_multiple_of(4),
        1 => digits % 4 == 3,
        2 => digits % 4 == 2,
        _ => false,
    };
    let end = 2 + digits + padding;
    (fits && bytes.get(end) == Some(&b'\'')).then_some(end + 1)
}

/// `t'…'`: RFC 3339 in UTC with ranges for each field, not a calendar.
fn time(bytes: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let field = |from: usize, to: usize| {
        let digits = bytes.get(2 + from..2 + to)?;
        std::str::from_utf8(digits).ok()?.parse::<u8>().ok()
    };
    let body = bytes.get(2..2 + SHAPE.len())?;
    let shaped = body.iter().zip(SHAPE).all(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        wanted => byte == wanted,
    });
    let fits = shaped
        && (1..=12).contains(&field(5, 7)?)
        && (1..=31).contains(&field(8, 10)?)
        && field(11, 13)? <= 23
        && field(14, 16)? <= 59
        && field(17, 19)? <= 60;
    if !fits {
        return None;
    }
    let mut at = 2 + SHAPE.len();
    if bytes.get(at) == Some(&b'.') {
        let digits = run(bytes, at + 1, u8::is_ascii_digit);
        at += (digits > 0).then_some(digits + 1)?;
    }
    bytes[at..].starts_with(b"Z'").then_some(at + 2)
}

fn number(bytes: &[u8]) -> Option<(Kind, usize)> {
    let sign = usize::from(matches!(bytes.first()?, b'+' | b'-'));
    let negative = bytes[0] == b'-';
    let whole = run(bytes, sign, u8::is_ascii_digit);
    if bytes.get(sign + whole) == Some(&b'.') {
        let part = run(bytes, sign + whole + 1, u8::is_ascii_digit);
        if part > 0 {
            let kind = if negative {
                Kind::FloatNeg
            } else {
                Kind::FloatPos
            };
            return Some((kind, sign + whole + 1 + part));
        }
    }
    let kind = if negative { Kind::IntNeg } else { Kind::IntPos };
    match bytes.get(sign)? {
        // A zero stands alone: `007` is three numbers.
        b'0' => Some((kind, sign + 1)),
        b'1'..=b'9' => Some((kind, sign + whole)),
        _ => None,
    }
}

fn word(rest: &str) -> Option<(Kind, usize)> {
    let bytes = rest.as_bytes();
    if !(bytes[0].is_ascii_alphabetic() || bytes[0] == b'_') {
        return None;
    }
    let length = run(bytes, 0, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
    });
    let kind = match &rest[..length] {
        "true" | "false" => Kind::Bool,
        word if KEYWORDS.contains(&word) => Kind::Keyword,
        word if word.contains('-') => Kind::Hyphenated,
        _ => Kind::Name,
    };
    Some((kind, length))
}

/// Bytes from `at` on that are of a class.
fn run(bytes: &[u8], at: usize, class: impl Fn(&u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| class(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(pattern: &str) -> Vec<Kind> {
        Tokens::of(pattern).map(|token| token.kind).collect()
    }

    #[test]
    fn the_longest_token_wins() {
        assert_eq!(kinds("5.5.5"), [Kind::FloatPos, Kind::FloatPos]);
        assert_eq!(kinds("007"), [Kind::IntPos; 3]);
        assert_eq!(kinds("5SECONDS"), [Kind::IntPos, Kind::Keyword]);
        assert_eq!(kinds("AND-x ANDx"), [Kind::Hyphenated, Kind::Name]);
        assert_eq!(kinds("b'====' h'f'")[0], Kind::Name);
        assert_eq!(kinds("t'2457-73-22T32:81:84.1Z'")[0], Kind::Name);
        assert_eq!(kinds("t'2016-12-31T23:59:60.5Z'"), [Kind::Time]);
        assert_eq!(kinds("<><=<"), [Kind::NotEqual, Kind::Order, Kind::Order]);
    }

    #[test]
    fn comments_and_spaces_are_skipped_and_nothing_else() {
        assert_eq!(kinds("/* a ** / */\u{3000}// b\r\n,"), [Kind::Sign]);
        assert_eq!(kinds("/* open")[..2], [Kind::Other, Kind::Sign]);
        assert_eq!(kinds("\u{200b}é'"), [Kind::Other; 3]);
        assert_eq!(kinds(r"'a\'b\\' 'a\b'")[..2], [Kind::Text, Kind::Other]);
    }
}
