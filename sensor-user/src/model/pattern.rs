//! What the data path can look for.

mod error;
mod fingerprint;
mod name;
mod url;

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use error::PatternError;
pub use fingerprint::{Ja3, Ja4};

/// A pattern in canonical form: IPv4-mapped IPv6 addresses are IPv4, prefixes have no host bits,
/// a prefix of full length is an address, names and hosts are lower case. 24 bytes; only names and
/// URLs stand elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// One address, as source or destination.
    Ip(IpAddr),
    /// A prefix, around source or destination.
    Cidr(IpNet),
    /// An address and port of one protocol, as source or destination.
    Endpoint {
        /// Address.
        address: IpAddr,
        /// Protocol of the port.
        protocol: Protocol,
        /// Port, 1 to 65535.
        port: u16,
    },
    /// A name; with `*.` in front, it and its subdomains.
    Domain(Box<str>),
    /// A URL of cleartext HTTP.
    Url(Box<str>),
    /// A TLS client by its JA3.
    Ja3(Ja3),
    /// A TLS client by its JA4.
    Ja4(Ja4),
}

const _: () = assert!(size_of::<Pattern>() <= 24);

/// Kinds of patterns, by their name in every format of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    /// [`Pattern::Ip`].
    Ip,
    /// [`Pattern::Cidr`].
    Cidr,
    /// [`Pattern::Endpoint`].
    Endpoint,
    /// [`Pattern::Domain`].
    Domain,
    /// [`Pattern::Url`].
    Url,
    /// [`Pattern::Ja3`].
    Ja3,
    /// [`Pattern::Ja4`].
    Ja4,
}

/// Protocols whose ports an endpoint may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 9260.
    Sctp,
}

/// 64-bit hash of a pattern's canonical form; never an index, so that it survives generations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatternId(pub u64);

impl Pattern {
    /// An address pattern; IPv4-mapped addresses become IPv4.
    #[must_use]
    pub fn ip(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }

    /// A prefix pattern, normalised.
    ///
    /// # Errors
    /// [`PatternError::HostBits`] when bits behind the length are set.
    pub fn cidr(net: IpNet) -> Result<Self, PatternError> {
        if net.network() != net.addr() {
            return Err(PatternError::HostBits);
        }
        let net = match net {
            IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
                Some(v4) => IpNet::new(IpAddr::V4(v4), v6.prefix_len() - 96)
                    .map_err(|_| PatternError::Prefix)?,
                None => net,
            },
            net => net,
        };
        if net.prefix_len() == net.max_prefix_len() {
            return Ok(Self::Ip(net.addr()));
        }
        Ok(Self::Cidr(net))
    }

    /// An endpoint pattern.
    ///
    /// # Errors
    /// [`PatternError::Port`] for port 0.
    pub fn endpoint(address: IpAddr, protocol: Protocol, port: u16) -> Result<Self, PatternError> {
        if port == 0 {
            return Err(PatternError::Port);
        }
        Ok(Self::Endpoint {
            address: address.to_canonical(),
            protocol,
            port,
        })
    }

    /// A name, or with `*.` in front a name and its subdomains: lower-cased, without a trailing dot.
    ///
    /// # Errors
    /// [`PatternError::Domain`], [`PatternError::UnicodeDomain`].
    pub fn domain(text: &str) -> Result<Self, PatternError> {
        let (stars, name) = match text.strip_prefix("*.") {
            Some(name) => ("*.", name),
            None => ("", text),
        };
        let name = name::canonical(name)?;
        Ok(Self::Domain(format!("{stars}{name}").into()))
    }

    /// A URL of cleartext HTTP, normalised (RFC 3986 §6.2).
    ///
    /// # Errors
    /// [`PatternError`]; [`PatternError::EncryptedUrl`] for https.
    pub fn url(text: &str) -> Result<Self, PatternError> {
        url::canonical(text).map(Self::Url)
    }

    /// A JA3 fingerprint: 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`PatternError::Ja3`].
    pub fn ja3(text: &str) -> Result<Self, PatternError> {
        text.parse().map(Self::Ja3)
    }

    /// A JA4 fingerprint in its text form.
    ///
    /// # Errors
    /// [`PatternError::Ja4`].
    pub fn ja4(text: &str) -> Result<Self, PatternError> {
        text.parse().map(Self::Ja4)
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> PatternKind {
        match self {
            Self::Ip(_) => PatternKind::Ip,
            Self::Cidr(_) => PatternKind::Cidr,
            Self::Endpoint { .. } => PatternKind::Endpoint,
            Self::Domain(_) => PatternKind::Domain,
            Self::Url(_) => PatternKind::Url,
            Self::Ja3(_) => PatternKind::Ja3,
            Self::Ja4(_) => PatternKind::Ja4,
        }
    }

    /// Whether the data path of this version can look for it.
    #[must_use]
    pub const fn matchable(&self) -> bool {
        self.kind().matchable()
    }

    /// Reads the pattern's words, the kind first.
    ///
    /// # Errors
    /// What is wrong with the first bad word.
    pub fn from_words(words: &[&str]) -> Result<Self, PatternError> {
        match words {
            ["ip", address] => Ok(Self::ip(
                address.parse().map_err(|_| PatternError::Address)?,
            )),
            ["cidr", prefix] => Self::cidr(prefix.parse().map_err(|_| PatternError::Prefix)?),
            ["endpoint", address, protocol, port] => Self::endpoint(
                address.parse().map_err(|_| PatternError::Address)?,
                protocol.parse()?,
                port.parse().map_err(|_| PatternError::Port)?,
            ),
            ["domain", name] => Self::domain(name),
            ["url", url] => Self::url(url),
            ["ja3", md5] => Self::ja3(md5),
            ["ja4", ja4] => Self::ja4(ja4),
            [kind, ..] if PatternKind::ALL.iter().any(|one| one.name() == *kind) => {
                Err(PatternError::Fields)
            }
            _ => Err(PatternError::UnknownKind),
        }
    }
}

/// The canonical form: what the id is a hash of, and what the text format reads.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "ip {address}"),
            Self::Cidr(net) => write!(f, "cidr {net}"),
            Self::Endpoint {
                address,
                protocol,
                port,
            } => write!(f, "endpoint {address} {protocol} {port}"),
            Self::Domain(name) => write!(f, "domain {name}"),
            Self::Url(url) => write!(f, "url {url}"),
            Self::Ja3(ja3) => write!(f, "ja3 {ja3}"),
            Self::Ja4(ja4) => write!(f, "ja4 {ja4}"),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::from_words(&text.split_ascii_whitespace().collect::<Vec<_>>())
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl PatternKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Ip,
        Self::Cidr,
        Self::Endpoint,
        Self::Domain,
        Self::Url,
        Self::Ja3,
        Self::Ja4,
    ];

    /// Whether the data path of this version can look for patterns of this kind.
    #[must_use]
    pub const fn matchable(self) -> bool {
        match self {
            Self::Ip
            | Self::Cidr
            | Self::Endpoint
            | Self::Domain
            | Self::Url
            | Self::Ja3
            | Self::Ja4 => true,
        }
    }

    /// The name in formats, API and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Endpoint => "endpoint",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Ja3 => "ja3",
            Self::Ja4 => "ja4",
        }
    }
}

impl Protocol {
    /// IANA protocol number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl FromStr for Protocol {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(PatternError::Protocol),
        }
    }
}

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<Pattern>().expect(text).to_string()
    }

    #[test]
    fn forms_that_mean_the_same_are_one_pattern() {
        assert_eq!(canonical("ip ::ffff:203.0.113.5"), "ip 203.0.113.5");
        assert_eq!(canonical("cidr 203.0.113.5/32"), "ip 203.0.113.5");
        assert_eq!(
            canonical("cidr ::ffff:203.0.113.0/120"),
            "cidr 203.0.113.0/24"
        );
        assert_eq!(canonical("ip 2001:DB8:0:0::1"), "ip 2001:db8::1");
        assert_eq!(
            canonical("endpoint ::ffff:203.0.113.5 tcp 443"),
            "endpoint 203.0.113.5 tcp 443"
        );
        assert_eq!(canonical("domain Evil.EXAMPLE."), "domain evil.example");
        assert_eq!(canonical("domain *.Evil.example"), "domain *.evil.example");
        assert_eq!(
            canonical("url HTTP://Evil.example:80/%7ea"),
            "url http://evil.example/~a"
        );
        for text in [
            "ja3 e7d705a3286e19ea42f587b344ee6865",
            "ja4 t13d1516h2_8daaf6152771_e5627efa2ab1",
        ] {
            assert_eq!(canonical(text), text);
        }
    }

    #[test]
    fn bad_patterns_name_what_is_wrong() {
        let error = |text: &str| text.parse::<Pattern>().expect_err(text);
        assert_eq!(error("cidr 203.0.113.5/24"), PatternError::HostBits);
        assert_eq!(error("cidr 203.0.113.0/33"), PatternError::Prefix);
        assert_eq!(error("ip 203.0.113.256"), PatternError::Address);
        assert_eq!(error("ip 203.0.113.5 tcp"), PatternError::Fields);
        assert_eq!(error("endpoint 203.0.113.5 tcp 0"), PatternError::Port);
        assert_eq!(error("endpoint 203.0.113.5 tcp 65536"), PatternError::Port);
        assert_eq!(error("endpoint 203.0.113.5 icmp 1"), PatternError::Protocol);
        assert_eq!(error("domain *.*.example"), PatternError::Domain);
        assert_eq!(error("url https://a.example/"), PatternError::EncryptedUrl);
        assert_eq!(error("ja3"), PatternError::Fields);
        assert_eq!(error("hash 00"), PatternError::UnknownKind);
    }
}
