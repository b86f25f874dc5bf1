//! One alternative, an AND of tests of one observation, as patterns of the data path: one that
//! matches exactly what is meant, or a refusal. Never one that matches more.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    ast::{Literal, LiteralKind},
    cause::Cause,
    meaning::{Ask, Atom},
    subject::{Family, Side, Subject, subject},
};
use crate::model::{Direction, Pattern, Protocol, pattern::PatternError};

type Made = Result<Vec<(Pattern, Direction)>, Cause>;

/// What the tests of an alternative fix.
#[derive(Default)]
struct Fixed {
    addresses: Vec<(Side, IpNet)>,
    families: Vec<(Side, Family)>,
    names: Vec<Side>,
    ports: Vec<(Side, u16)>,
    transports: Vec<Protocol>,
    networks: Vec<Family>,
    applications: bool,
    whole: Vec<Pattern>,
}

/// The markers of an alternative.
pub(super) fn markers_of(term: &[Atom]) -> Made {
    let subjects: Vec<Result<Subject, Cause>> =
        term.iter().map(|atom| subject(atom.path)).collect();
    let refused = || subjects.iter().filter_map(|subject| subject.err());
    // A host says more than how it is compared, and that more than what it stands beside.
    if let Some(cause) = refused().find(|cause| matches!(cause, Cause::HostSide(_))) {
        return Err(cause);
    }
    let compared = term.iter().zip(&subjects).find_map(|(atom, subject)| {
        let cause = match atom.ask {
            Ask::Unsupported(cause) => cause,
            Ask::Subset(_) if !matches!(subject, Ok(Subject::Address(..))) => {
                Cause::Operator("ISSUBSET")
            }
            _ => return None,
        };
        subject.is_ok().then_some(cause)
    });
    if let Some(cause) = compared {
        return Err(cause);
    }
    if let Some(cause) = refused().next() {
        if subjects.iter().any(Result::is_ok) {
            return Err(Cause::Conjunction(beside(cause)));
        }
        return Err(cause);
    }
    let mut fixed = Fixed::default();
    // Types first: what stands on a side of type `domain-name` is no address.
    for types in [true, false] {
        for (atom, subject) in term.iter().zip(&subjects) {
            let subject = (*subject)?;
            if matches!(subject, Subject::Type(_)) == types {
                fixed.fix(subject, atom.ask)?;
            }
        }
    }
    fixed.made()
}

/// What stands beside something that is understood.
const fn beside(cause: Cause) -> &'static str {
    match cause {
        Cause::Property(_) => {
            "a value and a property that is not looked at, such as what a name resolves to"
        }
        Cause::TooBroad(_) => "a value and an autonomous system",
        Cause::Object => "a value and an object that is not known",
        _ => "a value and something that this version has no kind of marker for",
    }
}

impl Fixed {
    fn fix(&mut self, subject: Subject, ask: Ask) -> Result<(), Cause> {
        let (literal, within) = match ask {
            Ask::Equal(literal) => (literal, false),
            Ask::Subset(literal) => (literal, true),
            Ask::Unsupported(cause) => return Err(cause),
        };
        if let Subject::Port(side) = subject {
            push(&mut self.ports, (side, port(literal)?));
            return Ok(());
        }
        let text = literal.text().ok_or(Cause::ValueType)?;
        match subject {
            Subject::Address(side, family) => {
                // Of a name, and not of an address, when the same alternative says so.
                if !self.names.contains(&side) {
                    let (net, written) = network(&text, within)?;
                    if family.is_some_and(|family| family != written) {
                        return Err(Cause::Contradiction("the address is of the other version"));
                    }
                    push(&mut self.addresses, (side, net));
                    push(&mut self.families, (Side::Either, written));
                }
            }
            Subject::Type(side) => match &*text {
                "ipv4-addr" => push(&mut self.families, (side, Family::V4)),
                "ipv6-addr" => push(&mut self.families, (side, Family::V6)),
                "domain-name" => push(&mut self.names, side),
                _ => return Err(Cause::Kind("traffic of such a side")),
            },
            Subject::Protocol => match text.to_ascii_lowercase().as_str() {
                "tcp" => push(&mut self.transports, Protocol::Tcp),
                "udp" => push(&mut self.transports, Protocol::Udp),
                "sctp" => push(&mut self.transports, Protocol::Sctp),
                "ipv4" => push(&mut self.networks, Family::V4),
                "ipv6" => push(&mut self.networks, Family::V6),
                "ip" => {}
                _ => self.applications = true,
            },
            Subject::Name => push(&mut self.whole, Pattern::domain(&text)?),
            Subject::Url => push(&mut self.whole, Pattern::url(&text)?),
            Subject::Ja3 => push(&mut self.whole, Pattern::ja3(&text)?),
            Subject::Ja4 => push(&mut self.whole, Pattern::ja4(&text)?),
            Subject::Port(_) => {}
        }
        Ok(())
    }

    fn made(self) -> Made {
        if let Some(pattern) = self.whole.first() {
            return match pattern {
                _ if self.whole.len() == 1 && self.is_only_whole() => {
                    Ok(vec![(pattern.clone(), Direction::Either)])
                }
                Pattern::Domain(_) if !self.ports.is_empty() => {
                    Err(Cause::Conjunction("a name and a port"))
                }
                Pattern::Domain(_) if !self.addresses.is_empty() => {
                    Err(Cause::Conjunction("a name and an address"))
                }
                _ => Err(Cause::Conjunction(
                    "a name, a URL or a fingerprint and something else",
                )),
            };
        }
        if !self.names.is_empty() {
            return Err(Cause::Kind(
                "traffic to or from a name, which packets do not carry",
            ));
        }
        let (side, net) = match self.addresses.as_slice() {
            [] => {
                return Err(Cause::TooBroad(
                    "no address, only ports, protocols or types",
                ));
            }
            [one] => *one,
            [(one, _), (other, _)] if one == other && *one != Side::Either => {
                return Err(Cause::Contradiction("one side has one address"));
            }
            _ => return Err(Cause::Conjunction("an address and its peer")),
        };
        if self.applications {
            return Err(Cause::Conjunction(
                "an address and an application's protocol",
            ));
        }
        let families = self.families.iter().map(|(_, family)| family);
        let mut families = families.chain(&self.networks);
        let first = families.next();
        if families.any(|family| Some(family) != first) {
            return Err(Cause::Contradiction("the address is of the other version"));
        }
        self.endpoint(side, net)
    }

    fn is_only_whole(&self) -> bool {
        self.addresses.is_empty()
            && self.families.is_empty()
            && self.names.is_empty()
            && self.ports.is_empty()
            && self.transports.is_empty()
            && self.networks.is_empty()
            && !self.applications
    }

    fn endpoint(&self, side: Side, net: IpNet) -> Made {
        let direction = match side {
            Side::Either => Direction::Either,
            Side::Source => Direction::Source,
            Side::Destination => Direction::Destination,
        };
        let port = match self.ports.as_slice() {
            [] if self.transports.is_empty() => {
                return Ok(vec![(Pattern::cidr(net)?, direction)]);
            }
            [] => {
                return Err(Cause::Conjunction(
                    "an address and a protocol without a port",
                ));
            }
            [(of, port)] if *of == side => *port,
            [_] if side == Side::Either => {
                return Err(Cause::Conjunction(
                    "an address on either side and a port on one of them",
                ));
            }
            [_] => return Err(Cause::Conjunction("an address and a port of its peer")),
            [(one, _), (other, _)] if one == other => {
                return Err(Cause::Contradiction("one side has one port"));
            }
            _ => return Err(Cause::Conjunction("an address and the ports of both sides")),
        };
        if net.prefix_len() < net.max_prefix_len() {
            return Err(Cause::Conjunction("a prefix and a port"));
        }
        let protocols = match self.transports.as_slice() {
            [] => &[Protocol::Tcp, Protocol::Udp][..],
            [one] => std::slice::from_ref(one),
            _ => {
                return Err(Cause::Contradiction(
                    "one packet has one transport protocol",
                ));
            }
        };
        let address = net.addr();
        let endpoints = protocols.iter().map(|protocol| {
            let pattern = Pattern::endpoint(address, *protocol, port)?;
            Ok((pattern, direction))
        });
        endpoints.collect()
    }
}

/// What is said twice is said once.
fn push<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

/// An address or a prefix, and its family as written. A subset of a prefix with host bits set is
/// one of the network around it; in an equality nobody knows which of the two is meant.
fn network(text: &str, within: bool) -> Result<(IpNet, Family), Cause> {
    let net = match text.contains('/') {
        true => text.parse::<IpNet>().map_err(|_| PatternError::Prefix)?,
        false => IpNet::from(text.parse::<IpAddr>().map_err(|_| PatternError::Address)?),
    };
    let family = match net {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    };
    let net = if within { net.trunc() } else { net };
    Ok((net, family))
}

/// A port, as a number or as MISP writes it, in quotes.
fn port(literal: Literal) -> Result<u16, Cause> {
    let text = match literal.kind {
        LiteralKind::Int => literal.raw.into(),
        LiteralKind::Text => literal.text().ok_or(Cause::ValueType)?,
        _ => return Err(Cause::ValueType),
    };
    let port = text.parse().ok().filter(|port| *port > 0);
    Ok(port.ok_or(PatternError::Port)?)
}
