//! What went wrong, in few words for machines and one sentence for people. Neither has a query or a
//! password of a URL in it.

use std::{error::Error, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{StatusCode, Url, header::HeaderMap};
use rustls::AlertDescription;

use super::Reason;

/// The longest that an endpoint is heard when it asks to wait: events are told without delay
/// (L. 33-14 ¶4).
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// Reads a URL of the configuration.
pub(in super::super) fn parse(url: &str) -> Result<Url, Reason> {
    Url::parse(url).map_err(|error| Reason {
        code: "url".into(),
        text: format!("the sink's url is none: {error}"),
    })
}

/// How a URL is named: without user, password, query and fragment, which may be secrets.
pub(in super::super) fn named(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only on URLs that have no host, which have nothing to hide there either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// Why no answer came: `timeout`, `certificate` (ours or theirs is not trusted), `tls` or
/// `unreachable`.
pub(in super::super) fn failure(url: &Url, error: &reqwest::Error) -> Reason {
    let code = if error.is_timeout() {
        "timeout"
    } else if let Some(error) = tls(error) {
        code_of(error)
    } else {
        "unreachable"
    };
    let why = match code {
        "timeout" => "it took too long".into(),
        _ => chain(error),
    };
    Reason {
        code: code.into(),
        text: format!("{} did not answer: {why}", named(url)),
    }
}

/// What an answer other than success means.
pub(in super::super) fn refusal(url: &Url, status: StatusCode) -> Reason {
    Reason {
        code: format!("http_{}", status.as_u16()),
        text: format!("{} answered {status}", named(url)),
    }
}

/// How long an answer asks to wait (RFC 9110 §10.2.3), a quarter of an hour at most.
pub(in super::super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let asked = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(asked.min(LONGEST_WAIT))
}

/// What an error and those behind it say; the URL is named elsewhere.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Each layer repeats what the one below it says.
        if !said.last().is_some_and(|above| above.ends_with(&text)) {
            said.push(text);
        }
        source = error.source();
    }
    if said.is_empty() {
        return "the request failed".into();
    }
    said.join(": ")
}

/// The TLS error behind an error, if it is one.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error's `source` is what is behind the error that it holds.
        let held = error.downcast_ref::<std::io::Error>();
        next = match held.and_then(std::io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

fn code_of(error: &rustls::Error) -> &'static str {
    use AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, UnknownCA, UnsupportedCertificate,
    };
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::AlertReceived(
            AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | UnknownCA
            | UnsupportedCertificate,
        ) => "certificate",
        _ => "tls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_url_are_not_named() {
        let url = parse("https://name:secret@siem.example:8443/in?token=secret#secret");
        assert_eq!(named(&url.expect("a URL")), "https://siem.example:8443/in");
        let reason = parse("https://secret:secret").expect_err("a bad port");
        assert!(!reason.text.contains("secret"), "{reason:?}");
    }

    #[test]
    fn an_endpoint_says_in_two_ways_how_long_to_wait_and_not_for_ever() {
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().expect("a value"));
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        for (text, seconds) in [
            ("7", Some(7)),
            ("86400", Some(900)),
            ("Thu, 01 Jan 2026 00:00:09 GMT", Some(9)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            assert_eq!(wait(text), seconds, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
