//! Why a pattern could not be read.

/// Why a pattern could not be read. The value itself is not repeated: it may reach a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The first word is no kind of pattern.
    #[error("unknown kind of pattern; ip, cidr, endpoint, domain, url, ja3 and ja4 are known")]
    UnknownKind,
    /// Words are missing or too many.
    #[error(
        "wrong number of fields; expected `ip ADDRESS`, `cidr PREFIX/LENGTH`, `endpoint ADDRESS PROTOCOL PORT`, `domain NAME`, `url URL`, `ja3 MD5` or `ja4 JA4`"
    )]
    Fields,
    /// Not an IPv4 or IPv6 address.
    #[error("not an IPv4 or IPv6 address")]
    Address,
    /// Not `ADDRESS/LENGTH`.
    #[error("not a prefix in the form ADDRESS/LENGTH")]
    Prefix,
    /// Bits are set behind the prefix length.
    #[error("the prefix has bits set behind its length")]
    HostBits,
    /// Not one of the protocols with ports.
    #[error("the protocol is none of tcp, udp, sctp")]
    Protocol,
    /// Not a port.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// Not a name of the DNS.
    #[error(
        "not a domain name: labels of 1 to 63 letters, digits, `-` or `_`, 253 bytes in all, `*.` in front for its subdomains too"
    )]
    Domain,
    /// A name with letters outside ASCII.
    #[error("the name has letters outside ASCII; write it in its xn-- form (RFC 5890)")]
    UnicodeDomain,
    /// Not an absolute URL.
    #[error("not an absolute URL (RFC 3986) with a host")]
    Url,
    /// The path travels encrypted.
    #[error(
        "the URL is of https: its path travels encrypted and can be matched by nobody on the way; use a domain marker for its host"
    )]
    EncryptedUrl,
    /// Neither http nor https.
    #[error("the URL is not of http, the only scheme that is read on the way")]
    UrlScheme,
    /// Not an MD5.
    #[error("not a JA3 fingerprint: 32 hexadecimal digits")]
    Ja3,
    /// Not a JA4.
    #[error("not a JA4 fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1")]
    Ja4,
}

impl PatternError {
    /// The reason code in answers (stable).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::Fields => "bad_fields",
            Self::Address => "bad_address",
            Self::Prefix => "bad_prefix",
            Self::HostBits => "host_bits_set",
            Self::Protocol => "bad_protocol",
            Self::Port => "bad_port",
            Self::Domain => "bad_domain",
            Self::UnicodeDomain => "unicode_domain",
            Self::Url => "bad_url",
            Self::EncryptedUrl => "encrypted_url",
            Self::UrlScheme => "unsupported_scheme",
            Self::Ja3 => "bad_ja3",
            Self::Ja4 => "bad_ja4",
        }
    }
}
