//! What becomes of each attribute type: the types of MISP (`describeTypes`), each named here once.

use crate::model::Direction;

/// What becomes of attributes of some types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::markers) enum Fate {
    /// An address or a prefix, on this side of a packet.
    Address(Direction),
    /// `ADDRESS|PORT`, for TCP and for UDP.
    Endpoint(Direction),
    /// A name.
    Domain,
    /// A URL.
    Url,
    /// A URL, or a part of one.
    Uri,
    /// A JA3.
    Ja3,
    /// A JA4 in an object that has fingerprints as text, otherwise nothing.
    Text,
    /// A pattern of STIX 2.
    Stix,
    /// Never loaded.
    Refused(Refused),
}

/// Why a type is never loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::markers) enum Refused {
    /// Both halves at once.
    Conjunction,
    /// Matches far too much.
    TooBroad,
    /// Only a probe could tell.
    Active,
    /// On the wire, but nothing looks at it.
    Kind,
    /// On hosts.
    HostSide,
    /// Nothing to look for.
    NoIndicator,
    /// Not a type.
    Unknown,
}

impl Refused {
    pub(in crate::markers) const fn code(self) -> &'static str {
        match self {
            Self::Conjunction => "unsupported_conjunction",
            Self::TooBroad => "too_broad",
            Self::Active => "active_fingerprint",
            Self::Kind => "unsupported_kind",
            Self::HostSide => "host_side",
            Self::NoIndicator => "not_an_indicator",
            Self::Unknown => "unknown_type",
        }
    }

    pub(in crate::markers) const fn reason(self) -> &'static str {
        match self {
            Self::Conjunction => {
                "it means both halves at once; matching either one alone would be wrong"
            }
            Self::TooBroad => "it would match far more than an attack",
            Self::Active => "only a probe sees this fingerprint, and the sensor never sends one",
            Self::Kind => "nothing in the data path looks for this type",
            Self::HostSide => "it is seen on a host or in a file or a mail, not in a packet",
            Self::NoIndicator => "it describes, and is nothing to look for in packets",
            Self::Unknown => "not an attribute type of MISP",
        }
    }
}

/// Types that share a fate: a row of the table in `docs/formats.md`.
pub(in crate::markers) struct Group {
    /// What becomes of them.
    pub fate: Fate,
    /// Their names in MISP.
    pub types: &'static [&'static str],
}

use Direction::{Destination, Source};
use Fate::{Address, Domain, Endpoint, Ja3, Stix, Text, Uri, Url};

/// Every type, the frequent ones first.
#[rustfmt::skip]
pub(in crate::markers) const GROUPS: &[Group] = &[
    Group { fate: Address(Destination), types: &["ip-dst"] },
    Group { fate: Address(Source), types: &["ip-src"] },
    Group { fate: Domain, types: &["domain", "hostname"] },
    Group { fate: Url, types: &["url"] },
    Group { fate: Endpoint(Destination), types: &["ip-dst|port"] },
    Group { fate: Endpoint(Source), types: &["ip-src|port"] },
    Group { fate: Ja3, types: &["ja3-fingerprint-md5"] },
    Group { fate: Uri, types: &["uri"] },
    Group { fate: Text, types: &["text"] },
    Group { fate: Stix, types: &["stix2-pattern"] },
    Group { fate: Fate::Refused(Refused::Conjunction), types: &["domain|ip", "hostname|port"] },
    Group { fate: Fate::Refused(Refused::TooBroad), types: &["AS", "port"] },
    Group { fate: Fate::Refused(Refused::Active), types: &["jarm-fingerprint", "favicon-mmh3"] },
    Group { fate: Fate::Refused(Refused::Kind), types: &[
        "hassh-md5", "hasshserver-md5", "community-id", "x509-fingerprint-md5", "x509-fingerprint-sha1",
        "x509-fingerprint-sha256", "ssh-fingerprint", "user-agent", "http-method", "cookie", "snort",
        "suricata", "bro", "zeek", "pattern-in-traffic", "onion-address", "dom-hash",
        "mac-address", "mac-eui-64",
    ] },
    Group { fate: Fate::Refused(Refused::HostSide), types: &[
        "md5", "sha1", "sha256", "sha224", "sha384", "sha512", "sha512/224", "sha512/256", "sha3-224",
        "sha3-256", "sha3-384", "sha3-512", "ssdeep", "imphash", "impfuzzy", "telfhash", "pehash",
        "authentihash", "vhash", "tlsh", "cdhash", "filename", "filename|md5", "filename|sha1",
        "filename|sha256", "filename|sha224", "filename|sha384", "filename|sha512",
        "filename|sha512/224", "filename|sha512/256", "filename|sha3-224", "filename|sha3-256",
        "filename|sha3-384", "filename|sha3-512", "filename|ssdeep", "filename|imphash",
        "filename|impfuzzy", "filename|pehash", "filename|authentihash", "filename|vhash",
        "filename|tlsh", "filename-pattern", "pdb", "attachment", "malware-sample", "mime-type",
        "size-in-bytes", "pattern-in-file", "pattern-in-memory", "yara", "sigma", "gene",
        "kusto-query", "regkey", "regkey|value", "named pipe", "mutex", "process-state",
        "windows-scheduled-task", "windows-service-name", "windows-service-displayname",
        "mobile-application-id", "azure-application-id", "chrome-extension-id", "edge-extension-id",
        "email", "email-src", "email-dst", "email-subject", "email-attachment", "email-body",
        "email-dst-display-name", "email-src-display-name", "email-header", "email-reply-to",
        "email-x-mailer", "email-mime-boundary", "email-thread-index", "email-message-id", "eppn",
        "dkim", "dkim-signature", "dns-soa-email", "pgp-public-key", "pgp-private-key", "hex", "git-commit-id",
    ] },
    Group { fate: Fate::Refused(Refused::NoIndicator), types: &[
        "comment", "other", "link", "float", "counter", "integer", "datetime", "boolean", "uuid",
        "anonymised", "cortex", "vulnerability", "cpe", "weakness", "threat-actor", "campaign-name",
        "campaign-id", "malware-type", "target-user", "target-email", "target-machine", "target-org",
        "target-location", "target-external", "whois-registrant-email", "whois-registrant-phone",
        "whois-registrant-name", "whois-registrant-org", "whois-registrar", "whois-creation-date",
        "btc", "dash", "xmr", "iban", "bic", "bank-account-nr", "aba-rtn", "bin", "cc-number", "prtn",
        "phone-number", "identity-card-number", "github-username", "github-repository",
        "github-organisation", "jabber-id", "twitter-id", "first-name", "middle-name", "last-name",
        "full-name", "date-of-birth", "place-of-birth", "gender", "passport-number",
        "passport-country", "passport-expiration", "redress-number", "nationality", "visa-number",
        "issue-date-of-the-visa", "primary-residence", "country-of-residence",
        "special-service-request", "frequent-flyer-number", "travel-details", "payment-details",
        "place-port-of-original-embarkation", "place-port-of-clearance",
        "place-port-of-onward-foreign-destination", "passenger-name-record-locator-number",
    ] },
];

/// The fate of a type; names are compared as MISP writes them.
pub(in crate::markers) fn fate(name: &str) -> Fate {
    GROUPS
        .iter()
        .find(|group| group.types.contains(&name))
        .map_or(Fate::Refused(Refused::Unknown), |group| group.fate)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::markers::{
        docs,
        intake::Fault,
        misp::value::{LONGEST_VALUE, meaning},
    };

    /// Values, and roles in an object, that a type is shown with; each type is tried with all of its
    /// group's.
    fn samples(fate: Fate) -> &'static [(&'static str, &'static str)] {
        match fate {
            Address(_) => &[("", "203.0.113.5"), ("", "198.51.100.0/24")],
            Endpoint(_) => &[("", "203.0.113.5|443")],
            Domain => &[("", "evil.example"), ("", "*.evil.example")],
            Url => &[
                ("", "http://evil.example/a"),
                ("", "https://evil.example/a"),
                ("", "ftp://evil.example/a"),
            ],
            Uri => &[("", "http://evil.example/a"), ("", "/a")],
            Ja3 => &[
                ("ja3-fingerprint-md5", "e7d705a3286e19ea42f587b344ee6865"),
                ("ja3s-fingerprint-md5", "e7d705a3286e19ea42f587b344ee6865"),
            ],
            Text => &[
                ("ja4-fingerprint", "t13d1516h2_8daaf6152771_e5627efa2ab1"),
                ("ja4-fingerprint", "t130200_1301_234ea6891581"),
                ("", "anything"),
            ],
            Stix => &[
                ("", "[ipv4-addr:value = '203.0.113.5']"),
                ("", "[domain-name:value = 'evil.example']"),
                ("", "[ipv4-addr:value = '203.0.113.5' OR file:name = 'x']"),
            ],
            Fate::Refused(_) => &[("", "1")],
        }
    }

    /// What the reader makes of a value of this type, in words.
    fn becomes(kind: &str, (relation, value): (&str, &str)) -> String {
        let read = match meaning(kind, relation, value, LONGEST_VALUE) {
            Err(Fault(_, code, reason)) => return format!("refused, `{code}`: {reason}"),
            Ok(read) => read,
        };
        let told = read
            .iter()
            .map(|(pattern, direction)| docs::kept(pattern, *direction, &format!("`{pattern}`")));
        told.collect::<Vec<_>>().join("; ")
    }

    fn row(types: &[&str], fate: Fate) -> String {
        let names: Vec<String> = types
            .iter()
            .map(|name| format!("`{}`", name.replace('|', "\\|")))
            .collect();
        let told = |kind: &str| {
            let told = samples(fate).iter().map(|sample| match sample {
                _ if matches!(fate, Fate::Refused(_)) => becomes(kind, *sample),
                ("", value) => format!("`{value}`: {}", becomes(kind, *sample)).replace('|', "\\|"),
                (role, value) => format!("`{value}` as `{role}`: {}", becomes(kind, *sample)),
            });
            told.collect::<Vec<_>>().join("<br>")
        };
        let first = told(types[0]);
        for kind in types {
            assert_eq!(told(kind), first, "{kind}");
        }
        format!("| {} | {first} |\n", names.join(", "))
    }

    #[test]
    fn the_table_of_types_in_the_documentation_is_what_the_reader_makes_of_them() {
        let mut table = "| type | becomes |\n|---|---|\n".to_owned();
        for group in GROUPS {
            table += &row(group.types, group.fate);
        }
        let unknown = row(&["no-such-type"], Fate::Refused(Refused::Unknown));
        table += &unknown.replace("`no-such-type`", "anything else");
        docs::holds("misp-types", &table);
    }

    #[test]
    fn each_type_has_one_fate() {
        let mut seen = HashSet::new();
        for name in GROUPS.iter().flat_map(|group| group.types) {
            assert!(seen.insert(name), "{name} twice");
        }
        assert_eq!(seen.len(), 194, "the types of describeTypes, MISP 2.5");
        assert_eq!(fate("ip-dst"), Fate::Address(Direction::Destination));
        assert_eq!(fate("jarm-fingerprint"), Fate::Refused(Refused::Active));
        assert_eq!(fate("IP-DST"), Fate::Refused(Refused::Unknown));
    }
}
