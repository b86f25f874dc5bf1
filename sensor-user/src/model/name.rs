//! A name as a packet bears it: labels of any bytes, compared without case (RFC 4343).

use std::fmt;

use zeroize::Zeroizing;

use super::{LabelCounts, Wiped};

/// Longest label, bytes (RFC 1035 §3.1).
const LONGEST_LABEL: usize = 63;
/// Most labels of a name: each has a length and a byte at least.
const MOST_LABELS: usize = LONGEST / 2;
/// Longest name on the wire without the root's label, bytes (RFC 1035 §3.1).
const LONGEST: usize = 254;

/// A name that was seen. Labels stay apart: a dot inside one never equals a separator. Its bytes are
/// overwritten when it goes, and it prints nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// Labels, each behind its length, lower-case.
    wire: Wiped,
}

impl Name {
    /// Of labels, the top-level domain last; `None` for the root and for what no name can be.
    #[must_use]
    pub fn of_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut name = Self {
            wire: Wiped::with_room(LONGEST),
        };
        for label in labels {
            let length = u8::try_from(label.len()).ok()?;
            let fits = (1..=LONGEST_LABEL).contains(&label.len())
                && name.wire.len() + 1 + label.len() <= LONGEST;
            if !fits {
                return None;
            }
            name.wire.add([length]);
            let start = name.wire.len();
            name.wire.add_slice(label);
            name.wire.as_mut_slice()[start..].make_ascii_lowercase();
        }
        (!name.wire.is_empty()).then_some(name)
    }

    /// Of a name in text form, as TLS and HTTP have it; one trailing dot is left out.
    #[must_use]
    pub fn of_text(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        Self::of_labels(text.split(|byte| *byte == b'.'))
    }

    /// Its labels, the top-level domain last.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.wire[..];
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at(usize::from(*length));
            rest = behind;
            Some(label)
        })
    }

    /// Whether a pattern in canonical form covers it, label by label: the name itself, or with `*.`
    /// in front the name and its subdomains.
    #[must_use]
    pub fn is_covered_by(&self, pattern: &str) -> bool {
        let (subdomains, wanted) = match pattern.strip_prefix("*.") {
            Some(wanted) => (true, wanted),
            None => (false, pattern),
        };
        let (mut labels, more) = {
            let (have, want) = (self.labels().count(), wanted.split('.').count());
            let Some(more) = have.checked_sub(want) else {
                return false;
            };
            (self.labels(), more)
        };
        if more > 0 && (!subdomains || labels.nth(more - 1).is_none()) {
            return false;
        }
        labels.eq(wanted.split('.').map(str::as_bytes))
    }

    /// Every pattern that may cover it, in canonical form without its kind: the shortest suffix first,
    /// the name itself last. Labels that no pattern can hold end the walk.
    #[must_use]
    pub fn patterns(&self) -> Vec<Zeroizing<String>> {
        let mut all = Vec::new();
        self.each_pattern("", LabelCounts::ALL, |pattern| {
            all.push(Zeroizing::new(pattern.into()))
        });
        all
    }

    /// Shows every such pattern whose number of labels is `among` them, with `kind` in front: a name of 127
    /// labels has as many patterns, and who shows each to a hash would be busy.
    pub fn each_pattern(&self, kind: &str, among: LabelCounts, mut show: impl FnMut(&str)) {
        // In text form: each length but the first is where a dot stands.
        let mut text = Wiped::of(&self.wire[1..]);
        let mut starts = [0; MOST_LABELS];
        let (mut count, mut at, mut whole) = (0, 0, true);
        for label in self.labels() {
            if at > 0 {
                text.as_mut_slice()[at - 1] = b'.';
            }
            if is_plain(label) {
                starts[count] = at;
                count += 1;
            } else {
                (count, whole) = (0, false);
            }
            at += label.len() + 1;
        }
        let mut line = Wiped::with_room(kind.len() + 2 + text.len());
        let mut show = |stars: &str, from: usize| {
            line.truncate(0);
            for part in [kind.as_bytes(), stars.as_bytes(), &text[from..]] {
                line.add_slice(part);
            }
            show(str::from_utf8(&line).expect("plain labels are of ASCII"));
        };
        for (start, labels) in starts[..count].iter().rev().zip(1..) {
            if among.has_below(labels) {
                show("*.", *start);
            }
        }
        if whole && among.has_exact(count) {
            show("", 0);
        }
    }
}

/// Whether a pattern can hold such a label.
fn is_plain(label: &[u8]) -> bool {
    label
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::of_text(text.as_bytes()).expect(text)
    }

    fn texts(name: &Name) -> Vec<String> {
        name.patterns()
            .iter()
            .map(|text| text.to_string())
            .collect()
    }

    #[test]
    fn patterns_cover_names_label_by_label() {
        for (pattern, covered, not) in [
            (
                "a.b",
                &["a.b", "A.b", "a.B."][..],
                &["xa.b", "a.b.c", "x.a.b", "b", "a"][..],
            ),
            (
                "*.a.b",
                &["a.b", "x.a.b", "y.X.A.b."],
                &["xa.b", "x.a.b.c", "b"],
            ),
        ] {
            for seen in covered {
                let name = name(seen);
                assert!(name.is_covered_by(pattern), "{pattern} {seen}");
                let mut patterns = name.patterns().into_iter();
                assert!(patterns.any(|one| *one == pattern), "{pattern} {seen}");
            }
            for seen in not {
                let name = name(seen);
                assert!(!name.is_covered_by(pattern), "{pattern} {seen}");
                let mut patterns = name.patterns().into_iter();
                assert!(patterns.all(|one| *one != pattern), "{pattern} {seen}");
            }
        }
    }

    #[test]
    fn of_a_long_name_only_what_is_looked_for_is_shown() {
        let name = name(&["a"; MOST_LABELS].join("."));
        assert_eq!(name.patterns().len(), MOST_LABELS + 1);
        let among = ["domain *.b.example", "domain c", "domain x.y.z"]
            .map(|text| LabelCounts::of(&text.parse().expect("a pattern")));
        let among = among
            .into_iter()
            .fold(LabelCounts::default(), LabelCounts::with);
        let mut shown = Vec::new();
        name.each_pattern("", among, |text| shown.push(text.to_owned()));
        assert_eq!(shown, ["*.a.a"]);
        let three = Name::of_text(b"a.a.a").expect("a name");
        shown.clear();
        three.each_pattern("", among, |text| shown.push(text.to_owned()));
        assert_eq!(shown, ["*.a.a", "a.a.a"]);
    }

    #[test]
    fn a_dot_inside_a_label_is_no_separator() {
        let labels = |labels: &[&'static [u8]]| Name::of_labels(labels.iter().copied());
        let dotted = labels(&[b"a.b", b"c"]).expect("a name");
        assert!(!dotted.is_covered_by("a.b.c") && dotted.is_covered_by("*.c"));
        assert_eq!(texts(&dotted), ["*.c"]);
        let strange = labels(&[b"\0", b"a", b"b"]).expect("a name");
        assert_eq!(texts(&strange), ["*.b", "*.a.b"]);
        assert!(labels(&[b"a", &[b'x'; 64]]).is_none());
        assert!(labels(&[&[b'x'; 63][..]; 4]).is_none());
        assert!(labels(&[&[b'x'; 63], &[b'x'; 63], &[b'x'; 63], &[b'x'; 61]]).is_some());
    }

    #[test]
    fn what_is_no_name_is_none_and_a_name_prints_nothing() {
        for none in ["", ".", "..", "a..b", ".a", "a.."] {
            assert!(Name::of_text(none.as_bytes()).is_none(), "{none}");
        }
        assert_eq!(format!("{:?}", name("evil.example")), "Name(..)");
    }
}
