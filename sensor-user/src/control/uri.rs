//! Percent-encoding (RFC 3986 §2.1) and query strings, for both ends of the socket.

use std::fmt::Write;

use super::Error;

/// Decodes one path segment or query value. A `+` is a plus.
///
/// # Errors
/// [`Error::Invalid`] when an escape is cut short, or what it says is not UTF-8 or holds a
/// control character.
pub fn decode(text: &str) -> Result<String, Error> {
    let bad = || Error::Invalid("the address has a percent escape that cannot be read".into());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return Err(bad());
        };
        rest = tail;
        bytes.push(digit(*high).ok_or_else(bad)? << 4 | digit(*low).ok_or_else(bad)?);
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains(char::is_control))
        .ok_or_else(bad)
}

const fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        b'A'..=b'F' => Some(hex - b'A' + 10),
        _ => None,
    }
}

/// Encodes one path segment or query value: all but the unreserved characters of RFC 3986 §2.3.
#[must_use]
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string does not fail");
        }
        encoded
    })
}

/// The keys and values of a query string. Each key once, none unknown.
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Reads a query string.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is not `known`, or comes twice.
    pub fn parse(text: &str, known: &[&'static str]) -> Result<Self, Error> {
        let mut pairs = Vec::<(&'static str, String)>::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(key) = known.iter().copied().find(|name| *name == key) else {
                return Err(Error::Invalid(if known.is_empty() {
                    "this path takes no query".into()
                } else {
                    format!("unknown query key; this path takes {}", known.join(", "))
                }));
            };
            if pairs.iter().any(|(seen, _)| *seen == key) {
                return Err(Error::Invalid(format!("query key {key} comes twice")));
            }
            pairs.push((key, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// The value of a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| *name == key)?;
        Some(value)
    }

    /// The value of a key, as a whole number from `least` to `most`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none.
    pub fn number(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, Error> {
        self.text(key)
            .map(|text| {
                text.parse()
                    .ok()
                    .filter(|number| (least..=most).contains(number))
                    .ok_or_else(|| {
                        Error::Invalid(format!(
                            "query key {key} must be a whole number from {least} to {most}"
                        ))
                    })
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for text in ["a", "a/b", "évènement 1", "%2F", "a+b&c=d?#", ""] {
            assert_eq!(decode(&encode(text)).expect(text), text);
        }
        assert_eq!(encode("a/b é"), "a%2Fb%20%C3%A9");
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "%2", "%zz", "%ff", "%00", "%0a", "a%1b[2J"] {
            assert!(matches!(decode(text), Err(Error::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn queries_are_strict() {
        let known = &["limit", "after"];
        let query = Query::parse("limit=5&after=a%2Fb", known).expect("reads");
        assert_eq!(query.number("limit", 1, 10).expect("number"), Some(5));
        assert_eq!(query.text("after"), Some("a/b"));
        assert!(Query::parse("", known).is_ok());
        for bad in ["limits=5", "limit=5&limit=6", "after=%zz"] {
            assert!(
                matches!(Query::parse(bad, known), Err(Error::Invalid(_))),
                "{bad}"
            );
        }
        for bad in ["limit=0", "limit=11", "limit=-1", "limit=five", "limit"] {
            let query = Query::parse(bad, known).expect(bad);
            assert!(query.number("limit", 1, 10).is_err(), "{bad}");
        }
    }
}
