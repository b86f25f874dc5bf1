//! Heads of HTTP/1.x requests (RFC 9112 §3): the host and the URL that they ask for.

mod scan;

use std::fmt;

use zeroize::Zeroizing;

use crate::model::{Name, Pattern};
use scan::Scanned;

/// Most header fields; servers allow about a hundred.
const MOST_FIELDS: usize = 128;

/// What a request asks for. It prints nothing of it.
#[derive(Default)]
pub struct Asked {
    /// Name of the host, where it is one.
    pub host: Option<Name>,
    /// Name in a target that is not a path, where it is another: what Host says does not count then
    /// (RFC 9112 §3.2.2), but not every server heeds that.
    pub target: Option<Name>,
    /// Canonical URL, where there is one.
    pub url: Option<Zeroizing<String>>,
    /// Bytes of the head, with those of a body whose length it tells (RFC 9112 §6.3).
    pub length: usize,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}

/// How far a head could be read.
#[derive(Debug)]
pub enum Head {
    /// To its end.
    Whole(Asked),
    /// It may go on, or some of it is odd; what it asks for is there.
    Enough(Asked),
    /// It goes on behind the bytes that are there.
    Cut,
    /// No head of a request.
    Other,
}

/// Reads the head at the start of a stream.
#[must_use]
pub fn head(stream: &[u8]) -> Head {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    // As servers do (RFC 9112 §3): blanks of any number, and faulty fields left out.
    let mut parser = httparse::ParserConfig::default();
    parser
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .ignore_invalid_headers_in_requests(true);
    let length = match parser.parse_request(&mut request, stream) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => {
            return match scan::request(stream) {
                Scanned::Request(request) => enough(&request),
                _ => Head::Cut,
            };
        }
        Err(_) => {
            return match scan::request(stream) {
                Scanned::Request(request) => enough(&request),
                Scanned::Cut => Head::Cut,
                Scanned::Other => Head::Other,
            };
        }
    };
    let mut hosts = request
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().map(|field| field.value);
    let (method, target) = (
        request.method.unwrap_or_default(),
        request.path.unwrap_or_default(),
    );
    let mut bodies = request
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("content-length"));
    let body = bodies.next().and_then(|field| number(field.value));
    Head::Whole(Asked {
        length: length.saturating_add(body.unwrap_or(0)),
        ..asked(method.as_bytes(), target.as_bytes(), host)
    })
}

/// A length in decimal digits.
fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Whether bytes behind a head may be another: most bodies are none by their first bytes. Line breaks before it
/// are passed over (RFC 9112 §2.2).
#[must_use]
pub fn may_begin(bytes: &[u8]) -> bool {
    let is_break = |byte: &u8| b"\r\n".contains(byte);
    let Some(first) = bytes.iter().position(|byte| !is_break(byte)) else {
        return false;
    };
    bytes[first..].iter().take(3).all(u8::is_ascii_uppercase)
}

fn enough(request: &scan::Request<'_>) -> Head {
    Head::Enough(asked(request.method, request.target, request.host))
}

/// The Host field of a head that may be cut behind it, by the kernel's own rule: whatever else the head
/// is.
#[must_use]
pub fn host(stream: &[u8]) -> Option<Name> {
    scan::host(stream).and_then(Name::of_text)
}

/// RFC 9112 §3.2: of a target in absolute form, Host says nothing.
fn asked(method: &[u8], target: &[u8], host: Option<&[u8]>) -> Asked {
    let name = host.and_then(name_of);
    let authority = authority(method, target).and_then(name_of);
    Asked {
        url: url(method, target, host),
        target: authority.filter(|authority| Some(authority) != name.as_ref()),
        host: name,
        length: 0,
    }
}

/// Host and port in a target that is no path (RFC 9112 §3.2.2, §3.2.3).
fn authority<'a>(method: &[u8], target: &'a [u8]) -> Option<&'a [u8]> {
    if method == b"CONNECT" {
        return Some(target);
    }
    let behind = target.windows(3).position(|window| window == b"://")? + 3;
    if target[..behind - 3].contains(&b'/') {
        return None;
    }
    let authority = &target[behind..];
    let end = authority
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let authority = &authority[..end.unwrap_or(authority.len())];
    authority.rsplit(|byte| *byte == b'@').next()
}

fn url(method: &[u8], target: &[u8], host: Option<&[u8]>) -> Option<Zeroizing<String>> {
    if method == b"CONNECT" || target == b"*" {
        return None;
    }
    let target = readable(target);
    let mut text = Zeroizing::new(String::new());
    if target.starts_with('/') {
        if let Some(host) = host.and_then(|host| std::str::from_utf8(host).ok()) {
            text.reserve_exact(7 + host.len() + target.len());
            text.push_str("http://");
            text.push_str(host.trim_matches([' ', '\t']));
            text.push_str(&target);
        }
    } else {
        text = target;
    }
    match Pattern::url(&text) {
        Ok(Pattern::Url(url)) => Some(Zeroizing::new(String::from(url))),
        _ => None,
    }
}

/// A target as text: what is no text is escaped, as a marker would write it.
fn readable(target: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(3 * target.len()));
    if let Ok(plain) = std::str::from_utf8(target) {
        text.push_str(plain);
        return text;
    }
    let digit = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit)]);
    for byte in target {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

/// The name of a Host field (RFC 9110 §7.2), its port left out.
fn name_of(value: &[u8]) -> Option<Name> {
    let value = value.trim_ascii();
    if value.starts_with(b"[") {
        return None;
    }
    let end = value.iter().position(|byte| *byte == b':' || *byte <= b' ');
    Name::of_text(&value[..end.unwrap_or(value.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(head: &str) -> (Option<Name>, Option<String>) {
        match super::head(head.as_bytes()) {
            Head::Whole(asked) | Head::Enough(asked) => {
                let url = asked.url.as_ref().map(|url| url.to_string());
                (asked.host.clone(), url)
            }
            other => panic!("{other:?}"),
        }
    }

    fn url(head: &str) -> Option<String> {
        asked(head).1
    }

    #[test]
    fn a_request_asks_for_one_url() {
        for (head, expected) in [
            (
                "GET / HTTP/1.1\r\nHost: Evil.Example\r\n\r\n",
                "http://evil.example/",
            ),
            (
                "POST /%7ea/./b?x=%2f HTTP/1.0\nhost:  evil.example.:80 \n\n",
                "http://evil.example/~a/b?x=%2F",
            ),
            (
                "GET HTTP://Evil.example:8080 HTTP/1.1\r\nHost: other.example\r\n\r\n",
                "http://evil.example:8080/",
            ),
            (
                "M-SEARCH /a HTTP/1.1\r\nX: y\r\nHost: [2001:DB8::1]:81\r\n\r\n",
                "http://[2001:db8::1]:81/a",
            ),
        ] {
            assert_eq!(url(head).as_deref(), Some(expected), "{head}");
        }
        for head in [
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET https://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "GET /%zz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        ] {
            assert_eq!(url(head), None, "{head}");
        }
    }

    #[test]
    fn a_head_tells_where_the_next_one_is() {
        let length = |head: &str| match super::head(head.as_bytes()) {
            Head::Whole(asked) => asked.length,
            other => panic!("{other:?}"),
        };
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(length(&format!("{get}{get}")), get.len());
        let post = "POST / HTTP/1.1\r\ncontent-LENGTH: 12 \r\n\r\n";
        assert_eq!(length(post), post.len() + 12);
        let odd = "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n";
        assert_eq!(length(odd), odd.len());
        assert!(may_begin(b"GET /") && !may_begin(b"get") && may_begin(b"G"));
        assert!(may_begin(b"\n\r\nGET") && !may_begin(b"\r\n"));
    }

    #[test]
    fn the_host_is_a_name_without_its_port() {
        let host = |head: &str| asked(head).0;
        let evil = Name::of_text(b"evil.example");
        assert_eq!(
            host("GET / HTTP/1.1\r\nHost: EVIL.example.:8080\r\n\r\n"),
            evil
        );
        assert_eq!(host("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), None);
        assert_eq!(host("GET / HTTP/1.1\r\nHost:\r\n\r\n"), None);
    }

    #[test]
    fn a_head_that_is_cut_still_tells_its_host() {
        let head = "GET /a HTTP/1.1\r\nHost: evil.example\r\nCookie: a=b\r\n\r\n";
        let seen_at = head.find("Cookie").expect("it is there");
        for cut in 0..head.len() {
            // The end of the name, or that of its line.
            let (named, enough) = (cut + 1 >= seen_at, cut >= seen_at);
            let head = &head.as_bytes()[..cut];
            assert_eq!(host(head).is_some(), named, "{cut}");
            match super::head(head) {
                Head::Cut => assert!(!enough, "{cut}"),
                Head::Enough(asked) => {
                    let url = asked.url.as_ref().map(|url| url.as_str());
                    assert!(enough && url == Some("http://evil.example/a"), "{cut}");
                }
                other => panic!("{cut} {other:?}"),
            }
        }
        // What a server would take all the same.
        let odd = b"GET    /a HTTP/1.1\r\nBad Field\r\nhOsT:\tevil.example:80\r\n\r\n";
        assert_eq!(host(odd), Name::of_text(b"evil.example"));
        assert!(matches!(super::head(odd), Head::Whole(_)));
        for other in [
            &b"\x16\x03\x01\x02\0"[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"GET  / x\r\n\r\n",
        ] {
            assert!(matches!(super::head(other), Head::Other));
        }
    }

    #[test]
    fn odd_heads_are_read_as_servers_read_them() {
        for (head, path) in [
            (
                &b"GET /a b HTTP/1.1\r\nHost: evil.example\r\n\r\n"[..],
                "/a%20b",
            ),
            (
                b"GET /caf\xe9 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                "/caf%E9",
            ),
            (b"GET /a HTTP/1.2\nHost: evil.example\n\n", "/a"),
            (
                b"GET /a HTTP/1.1\r\nX@y: 1\r\nHost: evil.example\r\nX",
                "/a",
            ),
            (
                b"GET /a HTTP/1.1\r\nX: 1\r\n 2\r\nHost: evil.example\r\n\r\n",
                "/a",
            ),
            (
                b"\r\n\r\n\nBREW /a HTTP/1.1\r\nHost:\t evil.example\r\n",
                "/a",
            ),
        ] {
            assert_eq!(host(head), Name::of_text(b"evil.example"));
            let (Head::Whole(asked) | Head::Enough(asked)) = super::head(head) else {
                panic!("{}", head.escape_ascii());
            };
            let expected = format!("http://evil.example{path}");
            assert_eq!(asked.url.as_ref().map(|url| url.as_str()), Some(&*expected));
        }
        let many = format!(
            "GET / HTTP/1.1\r\n{}Host: a.example\r\n\r\n",
            "A: b\r\n".repeat(999)
        );
        assert_eq!(host(many.as_bytes()), Name::of_text(b"a.example"));
        assert!(matches!(super::head(many.as_bytes()), Head::Enough(_)));
        assert_eq!(host(b"GET / HTTP/1.1\r\nHost: evil.exam"), None);
        assert_eq!(host(b"GET / HTTP/1.1\r\n\r\nHost: evil.example\r\n"), None);
    }

    #[test]
    fn a_target_that_is_no_path_has_a_name_of_its_own() {
        let target = |head: &str| match super::head(head.as_bytes()) {
            Head::Whole(asked) | Head::Enough(asked) => asked.target,
            other => panic!("{other:?}"),
        };
        let host = "HTTP/1.1\r\nHost: good.example\r\n\r\n";
        let evil = Name::of_text(b"evil.example");
        for line in [
            "GET http://Evil.example/",
            "GET http://u@evil.example:8080?x",
            "CONNECT evil.example:443",
        ] {
            assert_eq!(target(&format!("{line} {host}")), evil, "{line}");
        }
        for line in [
            "GET /",
            "OPTIONS *",
            "GET http://good.example/",
            "GET /x/http://evil.example/",
        ] {
            assert_eq!(target(&format!("{line} {host}")), None, "{line}");
        }
    }
}
