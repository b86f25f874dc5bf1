//! What the bytes of a handshake say, as far as they are there.

use super::{Class, Fate};
use crate::{
    inspect::{
        dns, http,
        ja::{self, Transport},
        tls::{self, Extent, Hello},
    },
    model::{Image, MatchedIn, Name, Observed, PatternKind},
};

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Names.
    pub names: bool,
    /// URLs.
    pub urls: bool,
    /// JA3.
    pub ja3: bool,
    /// JA4.
    pub ja4: bool,
}

impl Wants {
    /// What the patterns of an image need.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let any = |kind| image.count_of(kind) > 0;
        Self {
            names: any(PatternKind::Domain),
            urls: any(PatternKind::Url),
            ja3: any(PatternKind::Ja3),
            ja4: any(PatternKind::Ja4),
        }
    }

    const fn fingerprints(self) -> bool {
        self.ja3 || self.ja4
    }
}

/// What came out of looking.
pub(super) struct Looked {
    pub(super) found: Vec<(MatchedIn, Observed)>,
    /// A hello that was judged hides an inner one.
    pub(super) encrypted: bool,
    /// Bytes that are done with: what more there is stands behind them.
    pub(super) behind: usize,
    /// What begins behind them has told its name.
    pub(super) told: bool,
    pub(super) then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// There is no more to it.
    Done(Fate),
    /// More bytes are needed: so many of the stream at least.
    More(usize),
}

impl Looked {
    const fn nothing(then: Then) -> Self {
        Self {
            found: Vec::new(),
            encrypted: false,
            behind: 0,
            told: false,
            then,
        }
    }

    fn done(found: Vec<(MatchedIn, Observed)>) -> Self {
        let fate = if found.is_empty() {
            Fate::Nameless
        } else {
            Fate::Decided
        };
        Self {
            found,
            encrypted: false,
            behind: 0,
            told: false,
            then: Then::Done(fate),
        }
    }
}

/// Looks at the start of a TCP stream; `told` when its name was found before.
pub(super) fn stream(class: Class, bytes: &[u8], wants: Wants, told: bool) -> Looked {
    match class {
        Class::Tls => tls_stream(bytes, wants, told),
        Class::Http => http_heads(bytes, wants, told),
        Class::Dns => dns_messages(bytes, wants, told),
        Class::Quic => Looked::nothing(Then::Done(Fate::Unreadable)),
    }
}

/// Looks at a DNS message over UDP.
pub(super) fn datagram(message: &[u8], wants: Wants) -> Looked {
    let names = dns::questions(message).into_iter().filter(|_| wants.names);
    let mut found = Vec::new();
    names.for_each(|name| add_question(&mut found, 0, name));
    Looked::done(found)
}

/// Adds a name unless its message, whose names stand from `from` on, has asked for it already: a message
/// of sixteen questions is as long as one name, and would be looked up sixteen times.
fn add_question(found: &mut Vec<(MatchedIn, Observed)>, from: usize, name: Name) {
    let name = (MatchedIn::Dns, Observed::Name(name));
    if !found[from..].contains(&name) {
        found.push(name);
    }
}

/// Looks at the handshake bytes of a QUIC connection.
pub(super) fn connection(bytes: &[u8], wants: Wants, told: bool) -> Looked {
    let Some(hello) = tls::hello(bytes) else {
        return Looked::nothing(Then::Done(Fate::Unreadable));
    };
    hello_looked(&hello, Transport::Quic, wants, told)
}

fn tls_stream(bytes: &[u8], wants: Wants, told: bool) -> Looked {
    let Some(handshake) = tls::handshake(bytes) else {
        return Looked::nothing(Then::Done(Fate::Unreadable));
    };
    let Some(hello) = tls::hello(&handshake.bytes) else {
        return Looked::nothing(Then::Done(Fate::Unreadable));
    };
    let mut looked = hello_looked(&hello, Transport::Tcp, wants, told);
    if let Then::More(needed) = looked.then {
        let more = needed.saturating_sub(handshake.bytes.len()).max(1);
        looked.then = if handshake.ended {
            Then::Done(Fate::Unreadable)
        } else {
            // At most: record headers in between make it more, which the next look finds.
            Then::More(bytes.len() + more)
        };
    }
    looked
}

fn hello_looked(hello: &Hello, transport: Transport, wants: Wants, told: bool) -> Looked {
    let mut found = Vec::new();
    let named_in = match transport {
        Transport::Tcp => MatchedIn::TlsSni,
        Transport::Quic => MatchedIn::QuicSni,
    };
    let named = hello.server_name.as_ref().filter(|_| wants.names);
    if let Some(name) = named.filter(|_| !told) {
        found.push((named_in, Observed::Name(name.clone())));
    }
    let enough = named.is_some() && !wants.fingerprints();
    let then = match hello.extent {
        Extent::Whole => {
            if wants.ja3 {
                found.push((MatchedIn::Ja3, Observed::Ja3(ja::ja3(hello))));
            }
            if wants.ja4 {
                let ja4 = ja::ja4(hello, transport);
                found.push((MatchedIn::Ja4, Observed::Ja4(ja4)));
            }
            let bare = found.is_empty() && named.is_none();
            Then::Done(if bare { Fate::Nameless } else { Fate::Decided })
        }
        Extent::Cut(_) | Extent::Broken if enough => Then::Done(Fate::Decided),
        Extent::Cut(needed) => Then::More(needed),
        Extent::Broken => Then::Done(Fate::Unreadable),
    };
    // Who told the first one did not look for others.
    if matches!(then, Then::Done(_)) && wants.names {
        let more = hello.more_names.iter().cloned();
        found.extend(more.map(|name| (named_in, Observed::Name(name))));
    }
    Looked {
        found,
        encrypted: hello.encrypted && matches!(then, Then::Done(fate) if fate.is_judged()),
        behind: 0,
        told: named.is_some(),
        then,
    }
}

/// Requests that follow each other at once are read as far as they go; `told` is said of the first.
fn http_heads(bytes: &[u8], wants: Wants, told: bool) -> Looked {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if at > 0 && (rest.is_empty() || !http::may_begin(rest)) {
            return Looked::done(found);
        }
        let names = wants.names && !(told && at == 0);
        let mut tell = |asked: http::Asked| {
            let host = asked.host.filter(|_| names);
            // The kernel compares Host alone.
            let target = asked.target.filter(|_| wants.names);
            let url = asked.url.filter(|_| wants.urls);
            let names = host.into_iter().chain(target);
            found.extend(names.map(|name| (MatchedIn::HttpHost, Observed::Name(name))));
            found.extend(url.map(|url| (MatchedIn::HttpUrl, Observed::Url(url))));
            asked.length
        };
        let (then, told) = match http::head(rest) {
            http::Head::Whole(asked) => {
                at = at.saturating_add(tell(asked));
                continue;
            }
            // Where it ends nobody knows.
            http::Head::Enough(asked) => {
                tell(asked);
                return Looked::done(found);
            }
            http::Head::Cut => {
                let host = http::host(rest).filter(|_| names && at == 0);
                let named = host.is_some();
                found.extend(host.map(|name| (MatchedIn::HttpHost, Observed::Name(name))));
                if named && !wants.urls {
                    return Looked::done(found);
                }
                (Then::More(rest.len() + 1), named)
            }
            http::Head::Other if at > 0 => return Looked::done(found),
            http::Head::Other => (Then::Done(Fate::Unreadable), false),
        };
        return Looked {
            found,
            encrypted: false,
            behind: at,
            told,
            then,
        };
    }
}

/// Messages that follow each other at once are read as far as they go; `told` is said of the first.
fn dns_messages(bytes: &[u8], wants: Wants, told: bool) -> Looked {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Looked::done(found);
        }
        let (message, needed) = dns::first_over_tcp(rest);
        let asked = message
            .get(4..6)
            .map(|two| usize::from(two[0]) << 8 | usize::from(two[1]));
        let names = dns::questions(message);
        let all =
            asked.is_some_and(|asked| asked > 0 && names.len() >= asked.min(dns::MOST_QUESTIONS));
        let whole = rest.len() >= needed;
        if at == 0 && whole && asked.is_none() {
            return Looked::nothing(Then::Done(Fate::Unreadable));
        }
        if all || whole {
            let wanted = wants.names && !(told && at == 0);
            let (from, names) = (found.len(), names.into_iter().filter(|_| wanted));
            names.for_each(|name| add_question(&mut found, from, name));
        }
        if whole {
            at += needed;
            continue;
        }
        // What follows a question may be another; an answer is long, and nothing follows that is looked for.
        if all && dns::is_answer(message) {
            return Looked::done(found);
        }
        return Looked {
            found,
            encrypted: false,
            behind: at,
            told: all,
            then: Then::More(if all { needed } else { rest.len() + 1 }),
        };
    }
}
