//! The marker text format: one pattern a line, `#` comments, a tail of `key=value` words.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Intake, pattern_id};
use crate::model::{Marker, Pap, Pattern, Tlp, pattern::PatternError};

/// Longest line, bytes.
const LONGEST_LINE: usize = 4096;
/// Longest id, bytes.
const LONGEST_ID: usize = 128;

/// A refused field: its name, the reason code and the reason.
struct Fault(&'static str, &'static str, String);

pub(super) fn read(bytes: &[u8]) -> Intake {
    let mut intake = Intake::default();
    let mut lines_by_id: HashMap<String, (u64, usize)> = HashMap::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index as u64 + 1;
        let marker = match read_line(line) {
            Ok(Some(marker)) => marker,
            Ok(None) => continue,
            Err(Fault(field, code, reason)) => {
                intake.refuse(number, field, code, reason);
                continue;
            }
        };
        match lines_by_id.get(&marker.id) {
            None => {
                lines_by_id.insert(marker.id.clone(), (number, intake.markers.len()));
                intake.markers.push(marker);
            }
            Some((_, at)) if intake.markers[*at] == marker => intake.duplicates += 1,
            Some((first, _)) => intake.refuse(
                number,
                "id",
                "duplicate_id",
                format!("the id stands on line {first} already, for another marker"),
            ),
        }
    }
    intake
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
    let mut marker = Marker {
        id: String::new(),
        pattern,
        until: None,
        tlp: Tlp::default(),
        pap: Pap::default(),
    };
    let mut seen = [false; 4];
    for word in tail {
        read_tail(word, &mut marker, &mut seen)?;
    }
    if marker.id.is_empty() {
        marker.id = format!("p-{}", pattern_id(&pattern));
    }
    Ok(Some(marker))
}

/// Whether a word belongs to the tail: a short lower-case key, then `=`.
fn is_tail(word: &str) -> bool {
    word.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

fn read_tail(word: &str, marker: &mut Marker, seen: &mut [bool; 4]) -> Result<(), Fault> {
    let Some((key, value)) = word.split_once('=') else {
        let reason = "a word stands behind the tail; `key=value` is expected there".into();
        return Err(Fault("tail", "bad_tail", reason));
    };
    let (name, at) = match key {
        "id" => ("id", 0),
        "until" => ("until", 1),
        "tlp" => ("tlp", 2),
        "pap" => ("pap", 3),
        _ => {
            let reason = "unknown key; id, until, tlp and pap are known".into();
            return Err(Fault("tail", "unknown_key", reason));
        }
    };
    if std::mem::replace(&mut seen[at], true) {
        return Err(Fault(name, "repeated_key", "the key stands twice".into()));
    }
    match name {
        "id" => marker.id = read_id(value)?,
        "until" => {
            let until: Timestamp = value.parse().map_err(|_| {
                let reason = "not a time of RFC 3339, such as 2027-01-31T12:00:00Z".into();
                Fault("until", "bad_time", reason)
            })?;
            marker.until = Some(until);
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

fn read_id(value: &str) -> Result<String, Fault> {
    let fits = (1..=LONGEST_ID).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if fits {
        return Ok(value.into());
    }
    let reason = format!("an id is 1 to {LONGEST_ID} letters, digits or any of - _ . :");
    Err(Fault("id", "bad_id", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Some("2027-01-31T12:00:00Z".parse().expect("a time"))
        );
        assert!(intake.markers[1].id.starts_with("p-"));
        assert_eq!(intake.markers[1].tlp, Tlp::AmberStrict);
    }

    #[test]
    fn a_line_said_twice_is_one_marker_and_a_reused_id_is_refused() {
        let intake =
            read(b"ip 203.0.113.5\nip 203.0.113.5\nip 203.0.113.6 id=x\nip 203.0.113.7 id=x\n");
        assert_eq!((intake.markers.len(), intake.duplicates), (2, 1));
        let refusal = &intake.refused[0];
        assert_eq!((refusal.line, refusal.code.as_str()), (4, "duplicate_id"));
    }

    #[test]
    fn each_refusal_names_line_field_and_reason_but_no_value() {
        let cases: [(&[u8], &str, &str); 9] = [
            (b"ip 203.0.113.999", "pattern", "bad_address"),
            (b"domain evil.example", "pattern", "unsupported_kind"),
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
                (2, field, code)
            );
            assert!(!refusal.reason.contains("203.0.113"));
        }
    }
}
