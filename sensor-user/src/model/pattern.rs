//! What the data path can look for.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A pattern in canonical form: IPv4-mapped IPv6 addresses are IPv4, prefixes have no host bits,
/// a prefix of full length is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
}

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

/// Why a pattern could not be read. The value itself is not repeated: it may reach a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The first word is no kind of pattern.
    #[error("unknown kind of pattern; ip, cidr and endpoint are known")]
    UnknownKind,
    /// A kind that is known but not matched by this version.
    #[error("patterns of this kind are not matched by this version")]
    UnsupportedKind,
    /// Words are missing or too many.
    #[error(
        "wrong number of fields; expected `ip ADDRESS`, `cidr PREFIX/LENGTH` or `endpoint ADDRESS PROTOCOL PORT`"
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
}

impl PatternError {
    /// The reason code in answers (stable).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::UnsupportedKind => "unsupported_kind",
            Self::Fields => "bad_fields",
            Self::Address => "bad_address",
            Self::Prefix => "bad_prefix",
            Self::HostBits => "host_bits_set",
            Self::Protocol => "bad_protocol",
            Self::Port => "bad_port",
        }
    }
}

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

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> PatternKind {
        match self {
            Self::Ip(_) => PatternKind::Ip,
            Self::Cidr(_) => PatternKind::Cidr,
            Self::Endpoint { .. } => PatternKind::Endpoint,
        }
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
            ["ip" | "cidr" | "endpoint", ..] => Err(PatternError::Fields),
            ["domain" | "url" | "ja3" | "ja4", ..] => Err(PatternError::UnsupportedKind),
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
    pub const ALL: [Self; 3] = [Self::Ip, Self::Cidr, Self::Endpoint];

    /// The name in formats, API and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Endpoint => "endpoint",
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
        assert_eq!(error("domain evil.example"), PatternError::UnsupportedKind);
        assert_eq!(error("hash 00"), PatternError::UnknownKind);
    }
}
