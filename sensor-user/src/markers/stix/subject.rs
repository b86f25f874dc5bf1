//! What a test looks at: the objects and properties of STIX 2.1 §6 that reach a network sensor, and
//! those that do not.

use super::{
    ast::{Path, Step},
    cause::Cause,
};

/// A side of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `ipv4-addr`, `ipv6-addr`: whichever.
    Either,
    /// `src_…`.
    Source,
    /// `dst_…`.
    Destination,
}

/// Address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// What a test looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// An address, of a family where the object says it.
    Address(Side, Option<Family>),
    /// The type of what is on a side.
    Type(Side),
    /// A port.
    Port(Side),
    /// The protocols of the traffic.
    Protocol,
    /// A domain name.
    Name,
    /// A URL.
    Url,
    /// A JA3 fingerprint.
    Ja3,
    /// A JA4 fingerprint.
    Ja4,
}

/// Objects of a host (STIX 2.1 §6), the name of the registry key in use before 2.0 among them.
const HOST: [&str; 11] = [
    "artifact",
    "directory",
    "email-addr",
    "email-message",
    "file",
    "mutex",
    "process",
    "software",
    "user-account",
    "win-registry-key",
    "windows-registry-key",
];

/// What a path is, or why it is nothing.
pub(super) fn subject(path: &Path) -> Result<Subject, Cause> {
    let keys: Vec<Option<&str>> = path
        .steps
        .iter()
        .map(|step| match step {
            Step::Key(key) => Some(key.as_ref()),
            Step::Index(_) | Step::Every => None,
        })
        .collect();
    if let Some(fingerprint) = fingerprint(path.object, &keys) {
        return Ok(fingerprint);
    }
    match path.object {
        "ipv4-addr" => value(&keys, Subject::Address(Side::Either, Some(Family::V4))),
        "ipv6-addr" => value(&keys, Subject::Address(Side::Either, Some(Family::V6))),
        // OpenCTI's own object for the name of a host, and its pattern for one.
        "domain-name" | "hostname" | "x-opencti-hostname" => value(&keys, Subject::Name),
        "url" => value(&keys, Subject::Url),
        "network-traffic" => traffic(&keys),
        "autonomous-system" => Err(Cause::TooBroad("an autonomous system")),
        "x509-certificate" => Err(Cause::Kind("certificates")),
        "mac-addr" => Err(Cause::Kind("MAC addresses, which end at the next router")),
        object => match HOST.iter().find(|host| **host == object) {
            Some(host) => Err(Cause::HostSide(host)),
            None => Err(Cause::Object),
        },
    }
}

fn value(keys: &[Option<&str>], subject: Subject) -> Result<Subject, Cause> {
    match keys {
        [Some("value")] => Ok(subject),
        [Some("resolves_to_refs"), ..] => Err(Cause::Property(
            "what a name or an address resolves to, which nobody asks here",
        )),
        _ => Err(Cause::Property("only `value` is looked at")),
    }
}

fn traffic(keys: &[Option<&str>]) -> Result<Subject, Cause> {
    Ok(match keys {
        [Some("src_ref"), Some("value")] => Subject::Address(Side::Source, None),
        [Some("dst_ref"), Some("value")] => Subject::Address(Side::Destination, None),
        [Some("src_ref"), Some("type")] => Subject::Type(Side::Source),
        [Some("dst_ref"), Some("type")] => Subject::Type(Side::Destination),
        [Some("src_port")] => Subject::Port(Side::Source),
        [Some("dst_port")] => Subject::Port(Side::Destination),
        [Some("protocols"), None] => Subject::Protocol,
        [Some("extensions"), ..] => {
            return Err(Cause::Kind(
                "extensions of traffic: HTTP requests, TCP, ICMP, sockets",
            ));
        }
        _ => {
            return Err(Cause::Property(
                "of traffic, addresses, ports and protocols are",
            ));
        }
    })
}

/// JA3 and JA4 have no place in the standard. Taken are custom objects (`x-…`) and extensions of
/// traffic whose last key, or the object itself where that key is `value`, says `ja3` or `ja4` and no
/// more than that it is a hash: `x-ja3:value`, `x-tls:hashes.'JA3'`,
/// `network-traffic:extensions.'tls-ext'.ja3_hash`. Not `ja3s`, which is of servers.
fn fingerprint(object: &str, keys: &[Option<&str>]) -> Option<Subject> {
    let custom = object.strip_prefix("x-").or(object.strip_prefix("x_"));
    let extension = object == "network-traffic" && keys.first() == Some(&Some("extensions"));
    let last = keys.last().copied().flatten()?;
    let name = match custom {
        Some(object) if matches!(last, "value" | "hash") => object,
        Some(_) => last,
        None if extension => last,
        None => return None,
    };
    let name = name.to_ascii_lowercase().replace('-', "_");
    let name = ["_md5", "_hash", "_fingerprint"]
        .into_iter()
        .fold(name.as_str(), |name, end| {
            name.strip_suffix(end).unwrap_or(name)
        });
    match name {
        "ja3" => Some(Subject::Ja3),
        "ja4" => Some(Subject::Ja4),
        _ => None,
    }
}
