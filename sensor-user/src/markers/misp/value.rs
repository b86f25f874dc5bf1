//! An attribute's value as patterns.

use std::net::IpAddr;

use ipnet::IpNet;

use super::types::{Fate, Refused, fate};
use crate::{
    markers::{intake::Fault, stix},
    model::{
        Direction, Pattern,
        pattern::{PatternError, Protocol},
    },
};

/// Longest value that is looked at, bytes.
pub(in crate::markers) const LONGEST_VALUE: usize = 4096;

/// What an attribute stands for: patterns, each with the side of a packet on which it is looked for.
/// There are several where the value does not say which of them it means.
pub(in crate::markers) type Meaning = Vec<(Pattern, Direction)>;

/// What an attribute of this type, with this role in its object, stands for.
///
/// # Errors
/// Why it is not loaded; the field is `type` or `value`.
pub(in crate::markers) fn meaning(
    kind: &str,
    relation: &str,
    value: &str,
    longest: usize,
) -> Result<Meaning, Fault> {
    let fate = fate(kind);
    let refused = |refused: Refused| Fault("type", refused.code(), refused.reason().into());
    if let Fate::Refused(why) = fate {
        return Err(refused(why));
    }
    // One of just this length may be what the guard left of a longer one.
    if value.len() >= longest {
        let reason = format!("the value is not shorter than {longest} bytes");
        return Err(Fault("value", "too_long", reason));
    }
    let bad = |error: PatternError| Fault("value", error.code(), error.to_string());
    match fate {
        Fate::Address(direction) => Ok(vec![(address(value).map_err(bad)?, direction)]),
        Fate::Endpoint(direction) => {
            let endpoints = endpoints(value).map_err(bad)?;
            Ok(endpoints.map(|pattern| (pattern, direction)).into())
        }
        Fate::Domain => Pattern::domain(value).map(either).map_err(bad),
        Fate::Url => Pattern::url(value).map(either).map_err(bad),
        Fate::Uri if value.contains("://") => Pattern::url(value).map(either).map_err(bad),
        Fate::Uri => {
            let reason = "a path without a host says nothing of where it leads".into();
            Err(Fault("value", "no_host", reason))
        }
        Fate::Ja3 if relation == "ja3s-fingerprint-md5" => Err(refused(Refused::Kind)),
        Fate::Ja3 => Pattern::ja3(value).map(either).map_err(bad),
        Fate::Text if relation == "ja4-fingerprint" => Pattern::ja4(value).map(either).map_err(bad),
        Fate::Text => Err(refused(Refused::NoIndicator)),
        Fate::Stix => stix_pattern(value),
        Fate::Refused(why) => Err(refused(why)),
    }
}

/// A pattern of STIX, whole: an attribute is loaded or refused, not both.
fn stix_pattern(value: &str) -> Result<Meaning, Fault> {
    let reading =
        stix::understand(value).map_err(|error| Fault("value", error.code(), error.to_string()))?;
    match reading.refused.first() {
        None => Ok(reading.accepted),
        Some(refused) => {
            let cause = refused.cause;
            Err(Fault("value", cause.code(), cause.to_string()))
        }
    }
}

fn either(pattern: Pattern) -> Meaning {
    vec![(pattern, Direction::Either)]
}

fn address(value: &str) -> Result<Pattern, PatternError> {
    if value.contains('/') {
        let net: IpNet = value.parse().map_err(|_| PatternError::Prefix)?;
        return Pattern::cidr(net);
    }
    let address: IpAddr = value.parse().map_err(|_| PatternError::Address)?;
    Ok(Pattern::ip(address))
}

/// The value says no protocol: TCP and UDP.
fn endpoints(value: &str) -> Result<[Pattern; 2], PatternError> {
    let (address, port) = value.split_once('|').ok_or(PatternError::Port)?;
    let address: IpAddr = address
        .trim_ascii()
        .parse()
        .map_err(|_| PatternError::Address)?;
    let port: u16 = port.trim_ascii().parse().map_err(|_| PatternError::Port)?;
    let of = |protocol| Pattern::endpoint(address, protocol, port);
    Ok([of(Protocol::Tcp)?, of(Protocol::Udp)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, relation: &str, value: &str) -> String {
        match meaning(kind, relation, value, LONGEST_VALUE) {
            Err(Fault(field, code, reason)) => {
                assert!(!reason.contains(value), "{reason}");
                format!("{field}: {code}")
            }
            Ok(meaning) => {
                let patterns: Vec<String> =
                    meaning.iter().map(|(one, _)| one.to_string()).collect();
                format!("{} {}", patterns.join(", "), meaning[0].1.name())
            }
        }
    }

    #[test]
    fn each_form_of_value() {
        let ja3 = "e7d705a3286e19ea42f587b344ee6865";
        let ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        for (kind, relation, value, expected) in [
            ("ip-dst", "", "203.0.113.5", "ip 203.0.113.5 destination"),
            ("ip-src", "ip", "2001:DB8::1", "ip 2001:db8::1 source"),
            (
                "ip-dst",
                "",
                "198.51.100.0/24",
                "cidr 198.51.100.0/24 destination",
            ),
            ("ip-dst", "", "198.51.100.1/24", "value: host_bits_set"),
            (
                "ip-dst",
                "",
                "198.51.100.1/32",
                "ip 198.51.100.1 destination",
            ),
            ("ip-dst", "", "198.51.100.1/33", "value: bad_prefix"),
            ("ip-dst", "", "203.0.113.5:443", "value: bad_address"),
            ("ip-dst", "", "evil.example", "value: bad_address"),
            (
                "ip-dst|port",
                "",
                "203.0.113.5|443",
                "endpoint 203.0.113.5 tcp 443, endpoint 203.0.113.5 udp 443 destination",
            ),
            (
                "ip-src|port",
                "",
                "2001:db8::1|53",
                "endpoint 2001:db8::1 tcp 53, endpoint 2001:db8::1 udp 53 source",
            ),
            ("ip-dst|port", "", "203.0.113.5", "value: bad_port"),
            ("ip-dst|port", "", "203.0.113.5|0", "value: bad_port"),
            ("ip-dst|port", "", "203.0.113.5|70000", "value: bad_port"),
            ("ip-dst|port", "", "x|443", "value: bad_address"),
            ("domain", "", "Evil.example", "domain evil.example either"),
            (
                "hostname",
                "",
                "*.evil.example",
                "domain *.evil.example either",
            ),
            ("hostname", "", "203.0.113.5", "value: bad_domain"),
            (
                "domain|ip",
                "",
                "evil.example|203.0.113.5",
                "type: unsupported_conjunction",
            ),
            (
                "hostname|port",
                "",
                "evil.example|443",
                "type: unsupported_conjunction",
            ),
            (
                "url",
                "",
                "http://evil.example/a",
                "url http://evil.example/a either",
            ),
            ("url", "", "https://evil.example/b", "value: encrypted_url"),
            (
                "url",
                "",
                "ftp://evil.example/c",
                "value: unsupported_scheme",
            ),
            ("url", "", "evil.example/d", "value: bad_url"),
            ("uri", "", "/gate.php", "value: no_host"),
            (
                "uri",
                "",
                "http://evil.example/e",
                "url http://evil.example/e either",
            ),
            (
                "ja3-fingerprint-md5",
                "ja3-fingerprint-md5",
                ja3,
                "ja3 e7d705a3286e19ea42f587b344ee6865 either",
            ),
            (
                "ja3-fingerprint-md5",
                "ja3s-fingerprint-md5",
                ja3,
                "type: unsupported_kind",
            ),
            (
                "text",
                "ja4-fingerprint",
                ja4,
                "ja4 t13d1516h2_8daaf6152771_e5627efa2ab1 either",
            ),
            (
                "text",
                "ja4-fingerprint",
                "t130200_1301_234ea6891581",
                "value: bad_ja4",
            ),
            ("text", "description", ja4, "type: not_an_indicator"),
            ("AS", "", "64496", "type: too_broad"),
            ("jarm-fingerprint", "", "00", "type: active_fingerprint"),
            (
                "stix2-pattern",
                "",
                "[a:b = 1]",
                "value: unsupported_object",
            ),
            ("stix2-pattern", "", "[a:b = 1", "value: bad_pattern"),
            (
                "stix2-pattern",
                "",
                "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]",
                "endpoint 203.0.113.5 tcp 443, endpoint 203.0.113.5 udp 443 destination",
            ),
            (
                "stix2-pattern",
                "",
                "[ipv4-addr:value = '203.0.113.5' OR file:name = 'x']",
                "value: host_side",
            ),
            ("sha256", "", "00", "type: host_side"),
            ("threat-actor", "", "nobody", "type: not_an_indicator"),
            ("ja5", "", "00", "type: unknown_type"),
            ("domain", "", &"a".repeat(LONGEST_VALUE), "value: too_long"),
        ] {
            assert_eq!(told(kind, relation, value), expected, "{kind} {value}");
        }
    }
}
