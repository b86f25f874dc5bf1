//! What the bytes of a handshake say, as far as they are there.

use super::{Class, Fate};
use crate::{
    inspect::{
        dns, http,
        ja::{self, Transport},
        tls::{self, Extent, Hello},
    },
    model::{Image, MatchedIn, Observed, PatternKind},
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
            then: Then::Done(fate),
        }
    }
}

/// Looks at the start of a TCP stream; `told` when its name was found before.
pub(super) fn stream(class: Class, bytes: &[u8], wants: Wants, told: bool) -> Looked {
    match class {
        Class::Tls => tls_stream(bytes, wants, told),
        Class::Http => http_head(bytes, wants, told),
        Class::Dns => dns_message(bytes, wants),
        Class::Quic => Looked::nothing(Then::Done(Fate::Unreadable)),
    }
}

/// Looks at a DNS message over UDP.
pub(super) fn datagram(message: &[u8], wants: Wants) -> Looked {
    let names = dns::questions(message).into_iter().filter(|_| wants.names);
    let found = names.map(|name| (MatchedIn::Dns, Observed::Name(name)));
    Looked::done(found.collect())
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
        let more = hello.more_names.iter().cloned();
        found.extend(more.map(|name| (named_in, Observed::Name(name))));
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
    Looked {
        found,
        encrypted: hello.encrypted && matches!(then, Then::Done(fate) if fate.is_judged()),
        then,
    }
}

fn http_head(bytes: &[u8], wants: Wants, told: bool) -> Looked {
    let names = wants.names && !told;
    match http::head(bytes) {
        http::Head::Whole(asked) | http::Head::Enough(asked) => {
            let host = asked.host.filter(|_| names);
            // The kernel compares Host alone.
            let target = asked.target.filter(|_| wants.names);
            let host = host.into_iter().chain(target);
            let url = asked.url.filter(|_| wants.urls);
            let host = host.map(|name| (MatchedIn::HttpHost, Observed::Name(name)));
            let url = url.map(|url| (MatchedIn::HttpUrl, Observed::Url(url)));
            Looked::done(host.chain(url).collect())
        }
        http::Head::Cut => {
            let host = http::host(bytes).filter(|_| names && !wants.urls);
            match host {
                Some(name) => Looked::done(vec![(MatchedIn::HttpHost, Observed::Name(name))]),
                None => Looked::nothing(Then::More(bytes.len() + 1)),
            }
        }
        http::Head::Other => Looked::nothing(Then::Done(Fate::Unreadable)),
    }
}

fn dns_message(bytes: &[u8], wants: Wants) -> Looked {
    let (message, needed) = dns::first_over_tcp(bytes);
    if let Some((_, questions)) = message.split_at_checked(4) {
        let asked = questions
            .first_chunk()
            .map_or(0, |two| u16::from_be_bytes(*two));
        let all = dns::questions(message).len() >= usize::from(asked).min(dns::MOST_QUESTIONS);
        if (all && asked > 0) || bytes.len() >= needed {
            return datagram(message, wants);
        }
    } else if bytes.len() >= needed {
        return Looked::nothing(Then::Done(Fate::Unreadable));
    }
    Looked::nothing(Then::More(bytes.len() + 1))
}
