//! URLs of cleartext HTTP in canonical form (RFC 3986 §6.2): what a request line and its Host field
//! say, and nothing that stays with the client.

use std::net::{Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use super::{PatternError, name};

/// Lower-case scheme and host, no default port, a path without dot segments, escapes upper-case and
/// only where they are needed. User information and fragment, which never travel, are dropped.
///
/// A packet's URL goes this way, too: whatever holds a part of it has its room from the beginning, so that
/// growing leaves nothing behind, and is overwritten. What is returned has no room to spare.
///
/// # Errors
/// [`PatternError`].
pub(super) fn canonical(text: &str) -> Result<Box<str>, PatternError> {
    let (scheme, rest) = text.split_once(':').ok_or(PatternError::Url)?;
    let rest = rest.strip_prefix("//").ok_or(PatternError::Url)?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err(PatternError::EncryptedUrl),
        _ => return Err(PatternError::UrlScheme),
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let host = host_and_port(authority)?;
    let path = without_dots(&escapes(path)?);
    let query = query.map(escapes).transpose()?;
    let query = query.as_ref().map_or(["", ""], |query| ["?", query]);
    let mut url = joined(&["http://", &host, &path, query[0], query[1]]);
    Ok(std::mem::take(&mut *url).into_boxed_str())
}

/// Parts one after the other, in as much room as they need.
fn joined(parts: &[&str]) -> Zeroizing<String> {
    let room = parts.iter().map(|part| part.len()).sum();
    let mut whole = Zeroizing::new(String::with_capacity(room));
    parts.iter().for_each(|part| whole.push_str(part));
    whole
}

fn host_and_port(authority: &str) -> Result<Zeroizing<String>, PatternError> {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']').ok_or(PatternError::Url)?;
            let address: Ipv6Addr = address.parse().map_err(|_| PatternError::Url)?;
            let port = match behind.strip_prefix(':') {
                None if !behind.is_empty() => return Err(PatternError::Url),
                port => port,
            };
            let address = Zeroizing::new(address.to_string());
            (joined(&["[", &address, "]"]), port)
        }
        None => {
            let (host, port) = authority
                .split_once(':')
                .map_or((authority, None), |(host, port)| (host, Some(port)));
            let host = match host.parse::<Ipv4Addr>() {
                Ok(address) => address.to_string(),
                Err(_) => name::canonical(host).map_err(|error| match error {
                    PatternError::UnicodeDomain => error,
                    _ => PatternError::Url,
                })?,
            };
            (Zeroizing::new(host), port)
        }
    };
    match port.filter(|port| !port.is_empty()) {
        None => Ok(host),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse() {
            Ok(80_u16) => Ok(host),
            Ok(1..) => Ok(joined(&[&host, ":", port.trim_start_matches('0')])),
            _ => Err(PatternError::Port),
        },
        Some(_) => Err(PatternError::Port),
    }
}

/// Escapes what a client escapes (RFC 3986 §2, RFC 3987 §3.1), upper-case, and nothing that needs
/// no escape.
fn escapes(text: &str) -> Result<Zeroizing<String>, PatternError> {
    let mut done = Zeroizing::new(String::with_capacity(3 * text.len()));
    let digit = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit & 15)]);
    let escaped = |byte: u8| ['%', digit(byte >> 4), digit(byte)];
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let byte = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                rest = tail;
                let byte = hex(*high).zip(hex(*low)).ok_or(PatternError::Url)?;
                let byte = byte.0 << 4 | byte.1;
                if !is_unreserved(byte) {
                    done.extend(escaped(byte));
                    continue;
                }
                byte
            }
            (b'%', _) => return Err(PatternError::Url),
            (byte, _) if byte.is_ascii_control() => return Err(PatternError::Url),
            (byte, _) => *byte,
        };
        if is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte) {
            done.push(char::from(byte));
        } else {
            done.extend(escaped(byte));
        }
    }
    Ok(done)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// RFC 3986 §5.2.4 for an absolute path; a blank one is `/`.
fn without_dots(path: &str) -> Zeroizing<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    if segments.peek().is_none() {
        return joined(&["/"]);
    }
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    // Each segment that is kept stands in the path, and the last may be blank.
    let mut plain = Zeroizing::new(String::with_capacity(path.len() + 1));
    if kept.is_empty() {
        plain.push('/');
    }
    for segment in kept {
        plain.push('/');
        plain.push_str(segment);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_ask_for_the_same_are_one() {
        for (text, expected) in [
            ("HTTP://Evil.Example", "http://evil.example/"),
            ("http://evil.example.:80/a#b", "http://evil.example/a"),
            ("http://evil.example:0080?q", "http://evil.example/?q"),
            ("http://evil.example:/", "http://evil.example/"),
            ("http://evil.example:8080/", "http://evil.example:8080/"),
            ("http://a:b@evil.example/x", "http://evil.example/x"),
            (
                "http://203.0.113.5/%7Ea/%2f/%c3%a9",
                "http://203.0.113.5/~a/%2F/%C3%A9",
            ),
            (
                "http://[2001:DB8::0:1]:81/é|",
                "http://[2001:db8::1]:81/%C3%A9%7C",
            ),
            (
                "http://e.example/a/./b/../c/%2e%2e/d/..",
                "http://e.example/a/",
            ),
            ("http://e.example/../a//b/.", "http://e.example/a//b/"),
            (
                "http://e.example/a?b=/../c&d=%41",
                "http://e.example/a?b=/../c&d=A",
            ),
        ] {
            let canonical = canonical(text).expect(text);
            assert_eq!(&*canonical, expected, "{text}");
            assert_eq!(super::canonical(&canonical).as_ref(), Ok(&canonical));
        }
    }

    /// What grows leaves copies behind that nobody overwrites: every buffer has its room from the beginning.
    #[test]
    fn no_part_of_a_url_ever_needs_more_room_than_it_had() {
        for text in [
            "",
            "a",
            "é|",
            "%7E%c3",
            "/a/../b/./c/..",
            "/..",
            "//",
            "/é/é",
        ] {
            let escaped = escapes(text).expect(text);
            assert_eq!(escaped.capacity(), 3 * text.len(), "{text}");
            let plain = without_dots(&escaped);
            let room = plain.capacity();
            assert!(plain.len() <= room && room <= escaped.len() + 1, "{text}");
        }
        let whole = joined(&["a", "", "bc"]);
        assert_eq!((whole.as_str(), whole.capacity()), ("abc", 3));
    }

    #[test]
    fn urls_that_nobody_sees_are_refused_by_name() {
        for (text, error) in [
            ("https://evil.example/a", PatternError::EncryptedUrl),
            ("HTTPS://evil.example", PatternError::EncryptedUrl),
            ("ftp://evil.example/a", PatternError::UrlScheme),
            ("evil.example/a", PatternError::Url),
            ("http:/a", PatternError::Url),
            ("http:///a", PatternError::Url),
            ("http://evil.example/%4", PatternError::Url),
            ("http://evil.example/%zz", PatternError::Url),
            ("http://evil.example/\u{1}", PatternError::Url),
            ("http://a b/", PatternError::Url),
            ("http://[::1/", PatternError::Url),
            ("http://[::1]x/", PatternError::Url),
            ("http://é.example/", PatternError::UnicodeDomain),
            ("http://evil.example:0/", PatternError::Port),
            ("http://evil.example:65536/", PatternError::Port),
            ("http://evil.example:+80/", PatternError::Port),
        ] {
            assert_eq!(canonical(text), Err(error), "{text}");
        }
    }
}
