//! The marker text format: one pattern a line, `#` comments, a tail of `key=value` words.

use jiff::Timestamp;

use super::{Intake, pattern_id};
use crate::model::{Marker, MarkerId, Pap, Pattern, Tlp, pattern::PatternError};

/// Longest line, bytes.
const LONGEST_LINE: usize = 4096;
/// Longest id, bytes.
const LONGEST_ID: usize = 128;

/// A refused field: its name, the reason code and the reason.
struct Fault(&'static str, &'static str, String);

pub(super) fn read(bytes: &[u8]) -> Intake {
    let mut intake = Intake::default();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = || bytes.split(|byte| *byte == b'\n');
    // One allocation of the right size: the largest files are millions of lines.
    let most = lines().count();
    let mut markers: Vec<Marker> = Vec::with_capacity(most);
    let mut numbers: Vec<u32> = Vec::with_capacity(most);
    for (number, line) in (1u32..).zip(lines()) {
        match read_line(line) {
            Ok(Some(marker)) => {
                markers.push(marker);
                numbers.push(number);
            }
            Ok(None) => {}
            Err(Fault(field, code, reason)) => {
                intake.refuse(u64::from(number), field, code, reason);
            }
        }
    }
    let repeated = repeated(&markers);
    let mut keep = vec![true; markers.len()];
    for (first, at) in repeated {
        keep[at] = false;
        if markers[first] == markers[at] {
            intake.duplicates += 1;
            continue;
        }
        let reason = format!(
            "the id stands on line {} already, for another marker",
            numbers[first]
        );
        intake.refuse(u64::from(numbers[at]), "id", "duplicate_id", reason);
    }
    let mut keep = keep.into_iter();
    markers.retain(|_| keep.next().unwrap_or(true));
    intake.markers = markers;
    intake.refused.sort_by_key(|refusal| refusal.line);
    intake
}

/// Markers whose id stands before: where it stands first, and where again.
fn repeated(markers: &[Marker]) -> Vec<(usize, usize)> {
    let count = u32::try_from(markers.len()).expect("as many lines are refused before");
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_unstable_by_key(|at| (&markers[*at as usize].id, *at));
    let mut repeated: Vec<(usize, usize)> = order
        .chunk_by(|one, other| markers[*one as usize].id == markers[*other as usize].id)
        .flat_map(|same| same[1..].iter().map(|at| (same[0] as usize, *at as usize)))
        .collect();
    repeated.sort_unstable_by_key(|(_, at)| *at);
    repeated
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
        id: MarkerId::default(),
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
        marker.id = compact_str::format_compact!("p-{}", pattern_id(&pattern));
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

fn read_id(value: &str) -> Result<MarkerId, Fault> {
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
