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
    use crate::markers::docs;

    fn says(fate: Fate) -> String {
        let direction = |direction: Direction| direction.name();
        match fate {
            Address(side) => format!(
                "`ip`, with a length `cidr`; direction {}",
                direction(side)
            ),
            Endpoint(side) => format!(
                "two markers, `endpoint` with tcp and with udp; direction {}",
                direction(side)
            ),
            Domain => "`domain`: exact; with its subdomains only where the value begins with `*.`".into(),
            Url => "`url` for http; https is `encrypted_url`, other schemes are `unsupported_scheme`".into(),
            Uri => "as `url` where it is a whole URL, otherwise `no_host`".into(),
            Ja3 => "`ja3`; with the role `ja3s-fingerprint-md5`, a server's, `unsupported_kind`".into(),
            Text => "`ja4` with the role `ja4-fingerprint` (another JA4+ method: `bad_ja4`), otherwise `not_an_indicator`".into(),
            Stix => "what the STIX reader makes of the pattern, if it refuses no part of it; otherwise its code for the first that it refuses".into(),
            Fate::Refused(why) => format!("refused, `{}`: {}", why.code(), why.reason()),
        }
    }

    #[test]
    fn the_table_of_types_in_the_documentation_is_this_one() {
        let mut table = "| type | becomes |\n|---|---|\n".to_owned();
        for group in GROUPS {
            let types: Vec<String> = group
                .types
                .iter()
                .map(|name| format!("`{}`", name.replace('|', "\\|")))
                .collect();
            table += &format!("| {} | {} |\n", types.join(", "), says(group.fate));
        }
        let unknown = Fate::Refused(Refused::Unknown);
        table += &format!("| anything else | {} |\n", says(unknown));
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
