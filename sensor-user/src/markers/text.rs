//! The marker text format: one pattern a line, `#` comments, a tail of `key=value` words.

use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;

use super::{
    Intake, Limits, Place,
    ids::{check_id, read_id, unnamed},
    intake::{Fault, check_validity},
    metered::Metered,
};
use crate::model::{Direction, Marker, MarkerId, Moment, Pap, Pattern, Tlp, pattern::PatternError};

/// Longest line, bytes.
const LONGEST_LINE: usize = 4096;

pub(super) fn read(input: &mut dyn BufRead, limits: &Limits, progress: &dyn Fn(u64)) -> Intake {
    let mut intake = Intake::new(limits);
    let mut input = Metered::new(input, limits, progress);
    let mut numbers: Vec<u32> = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        match next_line(&mut input, &mut line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                intake.fail_reading(Place::line(number), &error);
                return intake;
            }
        }
        let mut text = line.as_slice();
        if number == 1 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        match read_line(text) {
            Ok(Some(marker)) => {
                if !intake.accept(marker) {
                    return intake;
                }
                numbers.push(u32::try_from(number).unwrap_or(u32::MAX));
            }
            Ok(None) => {}
            Err(Fault(field, code, reason)) => {
                intake.fail(Place::line(number), field, code, reason);
            }
        }
    }
    intake.drop_repeated(&numbers, Place::line, true);
    intake.refused.sort_by_key(|refusal| refusal.line);
    intake
}

/// The next line without its end, cut where it is too long to be one; false at the end of the file.
fn next_line(input: &mut Metered<'_>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let most = LONGEST_LINE as u64 + 1;
    input.by_ref().take(most).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(false);
    }
    if line.pop_if(|last| *last == b'\n').is_none() && line.len() > LONGEST_LINE {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

fn read_line(line: &[u8]) -> Result<Option<Marker>, Fault> {
    if line.len() > LONGEST_LINE {
        let reason = format!("the line is longer than {LONGEST_LINE} bytes");
        return Err(Fault("line", "line_too_long", reason));
    }
    let Ok(line) = std::str::from_utf8(line) else {
        return Err(Fault("line", "not_utf8", "the line is not UTF-8".into()));
    };
    // A `#` opens a comment at the start of a word only: a URL may hold one inside.
    let words: Vec<&str> = line
        .split_ascii_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .collect();
    if words.is_empty() {
        return Ok(None);
    }
    let tail = words
        .iter()
        .position(|word| is_tail(word))
        .unwrap_or(words.len());
    let (words, tail) = words.split_at(tail);
    let pattern = Pattern::from_words(words)
        .map_err(|error: PatternError| Fault("pattern", error.code(), error.to_string()))?;
    let mut marker = Marker::new(MarkerId::default(), pattern);
    let mut seen = [false; KEYS.len()];
    for word in tail {
        read_tail(word, &mut marker, &mut seen)?;
    }
    complete(&mut marker)?;
    Ok(Some(marker))
}

/// Whether a word belongs to the tail: a short lower-case key, then `=`.
fn is_tail(word: &str) -> bool {
    word.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// The keys of the tail.
pub(super) const KEYS: [&str; 6] = ["id", "from", "until", "direction", "tlp", "pap"];

fn read_tail(word: &str, marker: &mut Marker, seen: &mut [bool; KEYS.len()]) -> Result<(), Fault> {
    let Some((key, value)) = word.split_once('=') else {
        let reason = "a word stands behind the tail; `key=value` is expected there".into();
        return Err(Fault("tail", "bad_tail", reason));
    };
    let Some(at) = KEYS.iter().position(|name| *name == key) else {
        let reason = format!("unknown key; {} are known", KEYS.join(", "));
        return Err(Fault("tail", "unknown_key", reason));
    };
    let name = KEYS[at];
    if std::mem::replace(&mut seen[at], true) {
        return Err(Fault(name, "repeated_key", "the key stands twice".into()));
    }
    set(marker, name, value)
}

/// Sets one of the fields that [`KEYS`] names.
///
/// # Errors
/// What is wrong with the value.
pub(super) fn set(marker: &mut Marker, name: &str, value: &str) -> Result<(), Fault> {
    match name {
        "id" => marker.id = read_id(value)?,
        "from" => marker.from = Some(read_time("from", value)?),
        "until" => marker.until = Some(read_time("until", value)?),
        "direction" => {
            marker.direction = Direction::parse(value).ok_or_else(|| {
                let reason = "none of either, source, destination".into();
                Fault("direction", "bad_direction", reason)
            })?;
        }
        "tlp" => {
            marker.tlp = Tlp::parse(value).ok_or_else(|| {
                let reason = "none of CLEAR, GREEN, AMBER, AMBER+STRICT, RED".into();
                Fault("tlp", "bad_tlp", reason)
            })?;
        }
        _ => {
            marker.pap = Pap::parse(value).ok_or_else(|| {
                Fault("pap", "bad_pap", "none of CLEAR, GREEN, AMBER, RED".into())
            })?;
        }
    }
    Ok(())
}

/// Gives a marker the id that it was not given, and looks at what its fields say together.
///
/// # Errors
/// What does not fit together.
pub(super) fn complete(marker: &mut Marker) -> Result<(), Fault> {
    if marker.id.is_empty() {
        marker.id = unnamed(&marker.pattern, marker.direction);
    } else {
        check_id(&marker.id, &marker.pattern)?;
    }
    check_validity("until", marker.from, marker.until)
}

fn read_time(field: &'static str, value: &str) -> Result<Moment, Fault> {
    let time: Timestamp = value.parse().map_err(|_| {
        let reason = "not a time of RFC 3339, such as 2027-01-31T12:00:00Z".into();
        Fault(field, "bad_time", reason)
    })?;
    Ok(time.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Intake {
        super::read(&mut &bytes[..], &Limits::default(), &|_| {})
    }

    #[test]
    fn reads_patterns_tails_comments_and_line_ends() {
        let text = "\u{feff}# a feed\r\n\r\nip 203.0.113.5 id=a until=2027-01-31T12:00:00Z tlp=red pap=green\r\n\
                    cidr 198.51.100.0/24 # why\n  endpoint 2001:db8::1 tcp 443\tid=b";
        let intake = read(text.as_bytes());
        assert_eq!(intake.refused, []);
        assert_eq!(intake.markers.len(), 3);
        let first = &intake.markers[0];
        assert_eq!(
            (first.id.as_str(), first.tlp, first.pap),
            ("a", Tlp::Red, Pap::Green)
        );
        assert_eq!(
            first.until,
            Some(
                "2027-01-31T12:00:00Z"
                    .parse::<Timestamp>()
                    .expect("a time")
                    .into()
            )
        );
        assert!(intake.markers[1].id.starts_with("p-"));
        assert_eq!(intake.markers[1].tlp, Tlp::AmberStrict);
    }

    #[test]
    fn reads_every_kind_validity_and_direction() {
        let intake = read(
            b"domain *.Evil.example id=d from=2027-01-01T00:00:00Z\n\
              url http://evil.example/a?b=c id=u\n\
              ja3 e7d705a3286e19ea42f587b344ee6865\nja4 t13d1516h2_8daaf6152771_e5627efa2ab1\n\
              ip 203.0.113.5 direction=destination\n",
        );
        assert_eq!(intake.refused, []);
        let patterns: Vec<String> = intake
            .markers
            .iter()
            .map(|marker| marker.pattern.to_string())
            .collect();
        assert_eq!(
            patterns[..2],
            ["domain *.evil.example", "url http://evil.example/a?b=c"]
        );
        assert!(intake.markers[0].from.is_some());
        assert_eq!(intake.markers[4].direction, Direction::Destination);
    }

    #[test]
    fn what_is_too_large_refuses_the_file() {
        let limits = Limits {
            markers: 2,
            bytes: 64,
            ..Limits::default()
        };
        let code = |bytes: &[u8]| {
            let intake = super::read(&mut &bytes[..], &limits, &|_| {});
            assert!(intake.fatal);
            intake.refused[0].code.clone()
        };
        assert_eq!(
            code(b"ip 1.1.1.1\nip 1.1.1.2\nip 1.1.1.3\n"),
            "too_many_markers"
        );
        assert_eq!(code(&[b'#'; 65]), "too_large");
        let long = [
            b"ip 203.0.113.5 ",
            [b'#'; 4096].as_slice(),
            b"\nip 203.0.113.6\n",
        ]
        .concat();
        let intake = read(&long);
        assert_eq!(
            (
                intake.refused_total,
                intake.refused[0].code.as_str(),
                intake.markers.len()
            ),
            (1, "line_too_long", 1)
        );
    }

    #[test]
    fn a_line_said_twice_is_one_marker_and_a_reused_id_is_refused() {
        let intake =
            read(b"ip 203.0.113.5\nip 203.0.113.5\nip 203.0.113.6 id=x\nip 203.0.113.7 id=x\n");
        assert_eq!((intake.markers.len(), intake.duplicates), (2, 1));
        let refusal = &intake.refused[0];
        assert_eq!(
            (refusal.line, refusal.code.as_str()),
            (Some(4), "duplicate_id")
        );
        assert!(intake.fatal);
    }

    #[test]
    fn one_address_on_two_sides_is_two_markers() {
        let intake = read(
            b"ip 203.0.113.5 direction=source\nip 203.0.113.5 direction=destination\n\
              ip 203.0.113.5 id=a.b:2027-1\n",
        );
        assert_eq!((intake.markers.len(), intake.refused_total), (3, 0));
    }

    #[test]
    fn each_refusal_names_line_field_and_reason_but_no_value() {
        let cases: [(&[u8], &str, &str); 20] = [
            (
                b"ip 203.0.113.5 from=2027-02-01T00:00:00Z until=2027-01-01T00:00:00Z",
                "until",
                "bad_validity",
            ),
            (b"ip 203.0.113.9 id=203.0.113.5", "id", "id_is_value"),
            (b"ip 203.0.113.9 id=feed-203.0.113.5", "id", "id_is_value"),
            (b"ip 2001:db8::9 id=2001:db8::5", "id", "id_is_value"),
            (
                b"domain *.evil.example id=x-Evil.example",
                "id",
                "id_is_value",
            ),
            (
                b"url http://evil.example/a id=evil.example",
                "id",
                "id_is_value",
            ),
            (
                b"ja3 e7d705a3286e19ea42f587b344ee6865 id=e7d705a3286e19ea42f587b344ee6865",
                "id",
                "id_is_value",
            ),
            (b"ip 203.0.113.999", "pattern", "bad_address"),
            (b"domain evil..example", "pattern", "bad_domain"),
            (b"url https://evil.example/", "pattern", "encrypted_url"),
            (b"ja3 00", "pattern", "bad_ja3"),
            (b"ip 203.0.113.5 from=tomorrow", "from", "bad_time"),
            (b"ip 203.0.113.5 direction=up", "direction", "bad_direction"),
            (b"ip 203.0.113.5 until=tomorrow", "until", "bad_time"),
            (b"ip 203.0.113.5 tlp=pink", "tlp", "bad_tlp"),
            (b"ip 203.0.113.5 pap=pink", "pap", "bad_pap"),
            (b"ip 203.0.113.5 owner=me", "tail", "unknown_key"),
            (b"ip 203.0.113.5 id=a id=b", "id", "repeated_key"),
            (b"ip 203.0.113.5 id=\xc3\xa9", "id", "bad_id"),
            (b"ip 203.0.113.5 \xff", "line", "not_utf8"),
        ];
        for (line, field, code) in cases {
            let bytes = [b"# one\n", line].concat();
            let intake = read(&bytes);
            let refusal = &intake.refused[0];
            assert_eq!(
                (refusal.line, refusal.field.as_str(), refusal.code.as_str()),
                (Some(2), field, code)
            );
            assert!(intake.fatal);
            assert!(!refusal.reason.contains("203.0.113"));
        }
    }
}
