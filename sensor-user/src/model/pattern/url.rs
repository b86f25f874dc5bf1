//! URLs of cleartext HTTP in canonical form (RFC 3986 §6.2): what a request line and its Host field
//! say, and nothing that stays with the client.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{PatternError, name};

/// Lower-case scheme and host, no default port, a path without dot segments, escapes upper-case and
/// only where they are needed. User information and fragment, which never travel, are dropped.
///
/// # Errors
/// [`PatternError`].
pub(super) fn canonical(text: &str) -> Result<String, PatternError> {
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
    let mut url = format!("http://{}", host_and_port(authority)?);
    url.push_str(&without_dots(&escapes(path)?));
    if let Some(query) = query {
        url.push('?');
        url.push_str(&escapes(query)?);
    }
    Ok(url)
}

fn host_and_port(authority: &str) -> Result<String, PatternError> {
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
            (format!("[{address}]"), port)
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
            (host, port)
        }
    };
    match port.filter(|port| !port.is_empty()) {
        None => Ok(host),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse() {
            Ok(80_u16) => Ok(host),
            Ok(1..) => Ok(format!("{host}:{}", port.trim_start_matches('0'))),
            _ => Err(PatternError::Port),
        },
        Some(_) => Err(PatternError::Port),
    }
}

/// Escapes what a client escapes (RFC 3986 §2, RFC 3987 §3.1), upper-case, and nothing that needs
/// no escape.
fn escapes(text: &str) -> Result<String, PatternError> {
    use std::fmt::Write as _;
    let mut done = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let byte = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                rest = tail;
                let byte = hex(*high).zip(hex(*low)).ok_or(PatternError::Url)?;
                let byte = byte.0 << 4 | byte.1;
                if !is_unreserved(byte) {
                    write!(done, "%{byte:02X}").expect("a string takes any text");
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
            write!(done, "%{byte:02X}").expect("a string takes any text");
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
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    if segments.peek().is_none() {
        return "/".into();
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
    format!("/{}", kept.join("/"))
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
            assert_eq!(canonical, expected, "{text}");
            assert_eq!(super::canonical(&canonical).as_ref(), Ok(&canonical));
        }
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
