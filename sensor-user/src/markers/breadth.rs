//! Patterns that a person must look at before they are loaded: they would hit what everybody does,
//! or one subscriber.

mod ranges;
mod resolvers;

use std::net::IpAddr;

use ipnet::IpNet;

pub(super) use self::ranges::Ranges;
use super::host::host;
use crate::{config::Config, model::Pattern};

/// Addresses that name no host of the internet; private ranges are not among them, an operator may
/// watch those. RFC 6890 (this host, loopback, link-local), RFC 5771, RFC 919, RFC 4291 §2.
const SPECIAL: [&str; 9] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
];

/// What a configuration takes for too broad.
#[derive(Clone, Debug)]
pub struct Breadth {
    widest_ipv4: u8,
    widest_ipv6: u8,
    special: Ranges,
    own: Ranges,
    resolvers: Ranges,
}

/// Why a pattern is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concern {
    /// A prefix shorter than the configuration accepts, a top-level domain or a public suffix.
    TooBroad,
    /// Loopback, multicast and the like.
    SpecialPurpose,
    /// The operator's own, which its subscribers' are.
    OwnAddress,
    /// A DNS resolver that serves the public.
    PublicResolver,
    /// On a configured warninglist.
    Warninglist,
}

impl Concern {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 5] = [
        Self::TooBroad,
        Self::SpecialPurpose,
        Self::OwnAddress,
        Self::PublicResolver,
        Self::Warninglist,
    ];

    /// The sentence of a reason code that was stored, be it by another version.
    #[must_use]
    pub fn reason_of(code: &str) -> &'static str {
        let concern = Self::ALL.into_iter().find(|concern| concern.code() == code);
        concern.map_or(
            "it was held back by a rule that this version does not know",
            Self::reason,
        )
    }

    /// The reason code in answers (stable).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooBroad => "too_broad",
            Self::SpecialPurpose => "special_purpose",
            Self::OwnAddress => "own_address",
            Self::PublicResolver => "public_resolver",
            Self::Warninglist => "warninglist",
        }
    }

    /// The reason as a sentence, which repeats no value.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooBroad => {
                "it covers more than is accepted without review: a prefix shorter than limits.widest-ipv4 or limits.widest-ipv6, a top-level domain or a public suffix such as co.uk"
            }
            Self::SpecialPurpose => {
                "it touches addresses that name no host of the internet: unspecified, loopback, link-local, multicast or broadcast"
            }
            Self::OwnAddress => {
                "it touches the operator's own prefixes: that would be a search by subscriber, which is not what markers are for"
            }
            Self::PublicResolver => {
                "it touches a public DNS resolver, which subscribers use without any part in an attack"
            }
            Self::Warninglist => "a warninglist has it, as harmless or as everybody's",
        }
    }
}

impl Breadth {
    /// What this configuration takes for too broad.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let limits = &config.limits;
        let subscribers = config.interfaces.iter().flat_map(|interface| {
            let vlans = interface.vlans.iter();
            let tagged = vlans.flat_map(|vlan| &vlan.subscribers);
            interface.subscribers.iter().chain(tagged)
        });
        let known = resolvers::KNOWN
            .iter()
            .map(|text| text.parse().expect("the list of resolvers is of addresses"));
        let special = SPECIAL.iter().map(|text| {
            text.parse::<IpNet>()
                .expect("the special ranges are prefixes")
        });
        let resolvers = known.chain(limits.resolvers.iter().copied());
        Self {
            widest_ipv4: limits.widest_ipv4,
            widest_ipv6: limits.widest_ipv6,
            special: Ranges::of(special),
            own: Ranges::of(subscribers.chain(&limits.own_prefixes).copied()),
            resolvers: Ranges::of(resolvers.map(IpNet::from)),
        }
    }

    /// The first concern about a pattern, in the order of [`Concern`]; none when it may be loaded.
    /// A few binary searches, whatever the number of prefixes.
    #[must_use]
    pub fn check(&self, pattern: &Pattern) -> Option<Concern> {
        let net = match *pattern {
            Pattern::Ip(address) | Pattern::Endpoint { address, .. } => IpNet::from(address),
            Pattern::Cidr(net) => net,
            Pattern::Domain(ref name) => {
                return of_domain(name.strip_prefix("*.").unwrap_or(name));
            }
            Pattern::Url(ref url) => match host(url).parse::<IpAddr>() {
                Ok(address) => IpNet::from(address.to_canonical()),
                Err(_) => return of_name(host(url)),
            },
            Pattern::Ja3(_) | Pattern::Ja4(_) => return None,
        };
        let widest = match net.addr() {
            IpAddr::V4(_) => self.widest_ipv4,
            IpAddr::V6(_) => self.widest_ipv6,
        };
        if net.prefix_len() < widest {
            return Some(Concern::TooBroad);
        }
        let touched = [
            (&self.special, Concern::SpecialPurpose),
            (&self.own, Concern::OwnAddress),
            (&self.resolvers, Concern::PublicResolver),
        ];
        let first = touched.iter().find(|(ranges, _)| ranges.touch(net));
        first.map(|(_, concern)| *concern)
    }
}

/// Below a public suffix (`com`, `co.uk`, `github.io`) everybody registers names: it is as broad as a
/// top-level domain (publicsuffix.org, the list of the psl crate).
fn of_domain(name: &str) -> Option<Concern> {
    psl::domain_str(name).is_none().then_some(Concern::TooBroad)
}

/// A top-level domain is broader than any prefix.
fn of_name(name: &str) -> Option<Concern> {
    (!name.contains('.')).then_some(Concern::TooBroad)
}

#[cfg(test)]
mod tests;
