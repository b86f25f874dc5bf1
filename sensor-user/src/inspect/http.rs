//! Heads of HTTP/1.x requests (RFC 9112 §3): the host and the URL that they ask for.

use zeroize::Zeroizing;

use crate::model::{Name, Pattern};

/// Most header fields; servers allow about a hundred.
const MOST_FIELDS: usize = 128;

/// What a request asks for.
#[derive(Debug, Default)]
pub struct Asked {
    /// Name of the host, where it is one.
    pub host: Option<Name>,
    /// Canonical URL, where there is one.
    pub url: Option<Zeroizing<String>>,
    /// Bytes of the head, with those of a body whose length it tells (RFC 9112 §6.3).
    pub length: usize,
}

/// How far a head could be read.
#[derive(Debug)]
pub enum Head {
    /// To its end.
    Whole(Asked),
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
        Ok(httparse::Status::Partial) => return Head::Cut,
        Err(_) => return Head::Other,
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
        ..asked(method, target, host)
    })
}

/// A length in decimal digits.
fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Whether bytes behind a head may be another: most bodies are none by their first bytes.
#[must_use]
pub fn may_begin(bytes: &[u8]) -> bool {
    bytes.iter().take(3).all(u8::is_ascii_uppercase)
}

/// The Host field of a head that may be cut behind it, or be faulty elsewhere, as the kernel reads it.
#[must_use]
pub fn host(stream: &[u8]) -> Option<Name> {
    let lines = stream.split_inclusive(|byte| *byte == b'\n').skip(1);
    let host = lines
        .take_while(|line| !matches!(line.first(), Some(b'\r' | b'\n')))
        .find_map(|line| {
            let (field, value) = line.split_first_chunk::<5>()?;
            field.eq_ignore_ascii_case(b"host:").then_some(value)
        })?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = host.iter().position(|byte| !blank(byte))?;
    // One that is cut is not the name that it seems.
    let stops = |byte: &u8| *byte <= b' ' || *byte == b':';
    let length = host[start..].iter().position(stops)?;
    name_of(&host[start..start + length])
}

/// RFC 9112 §3.2: of a target in absolute form, Host says nothing.
fn asked(method: &str, target: &str, host: Option<&[u8]>) -> Asked {
    let name = host.and_then(name_of);
    if method == "CONNECT" || target == "*" {
        return Asked {
            host: name,
            ..Asked::default()
        };
    }
    let mut text = Zeroizing::new(String::new());
    if target.starts_with('/') {
        if let Some(host) = host.and_then(|host| std::str::from_utf8(host).ok()) {
            text.reserve_exact(7 + host.len() + target.len());
            text.push_str("http://");
            text.push_str(host.trim_matches([' ', '\t']));
            text.push_str(target);
        }
    } else {
        text.reserve_exact(target.len());
        text.push_str(target);
    }
    let url = match Pattern::url(&text) {
        Ok(Pattern::Url(url)) => Some(Zeroizing::new(String::from(url))),
        _ => None,
    };
    Asked {
        host: name,
        url,
        length: 0,
    }
}

/// The name of a Host field (RFC 9110 §7.2), its port left out.
fn name_of(value: &[u8]) -> Option<Name> {
    let value = value.trim_ascii();
    if value.starts_with(b"[") {
        return None;
    }
    let end = value.iter().position(|byte| *byte == b':');
    Name::of_text(&value[..end.unwrap_or(value.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(head: &str) -> (Option<Name>, Option<String>) {
        match super::head(head.as_bytes()) {
            Head::Whole(asked) => {
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
            assert!(
                matches!(super::head(&head.as_bytes()[..cut]), Head::Cut),
                "{cut}"
            );
            if cut >= seen_at {
                assert_eq!(
                    host(&head.as_bytes()[..cut]),
                    Name::of_text(b"evil.example")
                );
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
}
