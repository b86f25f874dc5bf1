//! MISP warninglists: what is known to be harmless, or to be everybody's. A marker that one of them
//! has is not loaded before somebody has looked at it.

mod file;
mod names;

use std::{
    io::BufRead,
    net::IpAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use regex::{Regex, RegexSet, RegexSetBuilder};

use self::{
    file::{File, Kind},
    names::{ListNumber, Names, and_above},
};
use super::{breadth::Ranges, host::host};
use crate::model::{Pattern, PatternKind};

/// Memory of the compiled expressions of a list, bytes.
const MOST_COMPILED: usize = 64 << 20;

/// Why a warninglist cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WarninglistError {
    /// The file cannot be opened.
    #[error("cannot read the warninglist {}: {source}; correct limits.warninglists", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is none.
    #[error("the warninglist {} cannot be used: {reason}; correct it or take it out of limits.warninglists", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Lists that are asked about every marker.
#[derive(Clone, Debug, Default)]
pub struct Warninglists {
    lists: Vec<List>,
    /// The ranges of all lists, asked first.
    ranges: Ranges,
    /// Whole values of lists of the type `string`.
    values: Names,
    /// Names that stand for those below them too.
    hosts: Names,
    /// Names above those of any list: a marker for all of its subdomains covers these.
    above: Names,
}

#[derive(Clone, Debug)]
struct List {
    name: Box<str>,
    about: About,
    ranges: Ranges,
    expressions: Option<RegexSet>,
}

/// Kinds of patterns that a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct About {
    addresses: bool,
    names: bool,
    urls: bool,
    fingerprints: bool,
}

impl About {
    fn of(types: &[String]) -> Self {
        let any = |names: &[&str]| {
            let named = |one: &String| names.iter().any(|name| name.eq_ignore_ascii_case(one));
            types.is_empty() || types.iter().any(named)
        };
        Self {
            addresses: any(&[
                "ip-src",
                "ip-dst",
                "ip-src|port",
                "ip-dst|port",
                "domain|ip",
            ]),
            names: any(&["domain", "hostname", "hostname|port", "domain|ip"]),
            urls: any(&["url", "uri", "link"]),
            fingerprints: any(&["ja3-fingerprint-md5"]),
        }
    }

    const fn has(self, kind: PatternKind) -> bool {
        match kind {
            PatternKind::Ip | PatternKind::Cidr | PatternKind::Endpoint => self.addresses,
            PatternKind::Domain => self.names,
            PatternKind::Url => self.urls,
            PatternKind::Ja3 | PatternKind::Ja4 => self.fingerprints,
        }
    }

    const fn nothing(self) -> bool {
        !(self.addresses || self.names || self.urls || self.fingerprints)
    }
}

impl Warninglists {
    /// Adds a list; `path` is only named in errors. What the list calls itself.
    ///
    /// # Errors
    /// [`WarninglistError::Content`].
    pub fn add(
        &mut self,
        path: &Path,
        input: &mut dyn BufRead,
    ) -> Result<String, WarninglistError> {
        let bad = |reason| WarninglistError::Content {
            path: path.to_owned(),
            reason,
        };
        let file = file::read(input).map_err(bad)?;
        let number = ListNumber::try_from(self.lists.len())
            .map_err(|_| bad("there are more than 65,536 lists".into()))?;
        let about = About::of(&file.matching_attributes);
        let name = file.name.clone();
        let mut list = List {
            name: file.name.as_str().into(),
            about,
            ranges: Ranges::default(),
            expressions: None,
        };
        // What is about files or mail only costs nothing.
        if !about.nothing() {
            self.fill(&mut list, file, number).map_err(bad)?;
        }
        self.lists.push(list);
        Ok(name)
    }

    fn fill(&mut self, list: &mut List, file: File, number: ListNumber) -> Result<(), String> {
        let entries = file.list.0;
        let expressions: Option<Vec<String>> = match file.kind {
            Kind::Regex => Some(
                entries
                    .iter()
                    .enumerate()
                    .map(|(at, entry)| {
                        expression(entry).ok_or(format!("entry {at} has flags that are not known"))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            Kind::Substring => Some(entries.iter().map(|entry| regex::escape(entry)).collect()),
            Kind::String | Kind::Hostname | Kind::Cidr => None,
        };
        if let Some(expressions) = expressions {
            let set = RegexSetBuilder::new(&expressions)
                .case_insensitive(file.kind == Kind::Substring)
                .size_limit(MOST_COMPILED)
                .build()
                .map_err(|_| not_compiled(&expressions))?;
            list.expressions = Some(set);
            return Ok(());
        }
        let mut nets = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            match (net(entry), file.kind) {
                (Some(net), _) => nets.push(net),
                (None, Kind::Cidr) => return Err(format!("entry {at} is no address or prefix")),
                (None, kind) => self.name(entry, kind, number),
            }
        }
        list.ranges = Ranges::of(nets.iter().copied());
        self.ranges = self.ranges.and(&list.ranges);
        Ok(())
    }

    fn name(&mut self, entry: &str, kind: Kind, number: ListNumber) {
        let entry = entry.to_ascii_lowercase();
        let name = entry.strip_prefix("*.").unwrap_or(&entry);
        // A list of whole values says by a leading dot that it means what is below.
        let below = name.strip_prefix('.');
        let name = below.unwrap_or(name).trim_end_matches('.');
        if kind == Kind::Hostname || below.is_some() {
            self.hosts.insert(name, number);
        } else {
            self.values.insert(name, number);
        }
        if !name.contains('/') {
            for above in and_above(name).skip(1) {
                self.above.insert(above, number);
            }
        }
    }

    /// How many lists there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lists.len()
    }

    /// The name of a list that a pattern is concerned by; none when no list has it.
    #[must_use]
    pub fn concern(&self, pattern: &Pattern) -> Option<&str> {
        if self.lists.is_empty() {
            return None;
        }
        let kind = pattern.kind();
        let found = match pattern {
            Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
                self.of_net((*address).into(), &address.to_string(), kind)
            }
            Pattern::Cidr(net) => self.of_net(*net, &net.to_string(), kind),
            Pattern::Domain(name) => match name.strip_prefix("*.") {
                Some(name) => self
                    .of_name(name, kind)
                    .or_else(|| self.first(self.above.lists(name), kind)),
                None => self.of_name(name, kind),
            },
            Pattern::Url(url) => self.of_url(url, kind),
            Pattern::Ja3(ja3) => self.of_value(&ja3.to_string(), kind),
            Pattern::Ja4(ja4) => self.of_value(&ja4.to_string(), kind),
        };
        found.map(|list| &*list.name)
    }

    fn of_net(&self, net: IpNet, text: &str, kind: PatternKind) -> Option<&List> {
        let touched = || {
            self.lists
                .iter()
                .find(|list| list.about.has(kind) && list.ranges.touch(net))
        };
        let found = self.ranges.touch(net).then(touched).flatten();
        found.or_else(|| self.of_expression(text, kind))
    }

    fn of_name(&self, name: &str, kind: PatternKind) -> Option<&List> {
        self.of_host(name, kind)
            .or_else(|| self.of_value(name, kind))
    }

    fn of_host(&self, name: &str, kind: PatternKind) -> Option<&List> {
        and_above(name).find_map(|name| self.first(self.hosts.lists(name), kind))
    }

    fn of_url(&self, url: &str, kind: PatternKind) -> Option<&List> {
        let host = host(url);
        let found = match host.parse::<IpAddr>() {
            Ok(address) => self.of_net(address.to_canonical().into(), host, kind),
            Err(_) => self.of_host(host, kind),
        };
        found.or_else(|| self.of_value(url, kind))
    }

    fn of_value(&self, text: &str, kind: PatternKind) -> Option<&List> {
        self.first(self.values.lists(text), kind)
            .or_else(|| self.of_expression(text, kind))
    }

    fn of_expression(&self, text: &str, kind: PatternKind) -> Option<&List> {
        self.lists.iter().find(|list| {
            let matches = |set: &RegexSet| set.is_match(text);
            list.about.has(kind) && list.expressions.as_ref().is_some_and(matches)
        })
    }

    /// The first of these lists that is about a kind.
    fn first(&self, lists: &[ListNumber], kind: PatternKind) -> Option<&List> {
        let mut lists = lists.iter().map(|number| &self.lists[usize::from(*number)]);
        lists.find(|list| list.about.has(kind))
    }
}

fn net(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.into()),
        Err(_) => text.parse::<IpNet>().ok().map(|net| net.trunc()),
    }
}

/// Why expressions are no set: the first that cannot be read, or all of them together. What the
/// engine says of one repeats it, however long it is.
fn not_compiled(expressions: &[String]) -> String {
    let bad = expressions
        .iter()
        .position(|one| matches!(Regex::new(one), Err(regex::Error::Syntax(_))));
    match bad {
        Some(at) => format!("the expression of entry {at} cannot be compiled: it is none"),
        None => "its expressions cannot be compiled: they are too large".into(),
    }
}

/// MISP's own engine wants delimiters and flags behind them: `/…/i`.
fn expression(entry: &str) -> Option<String> {
    let Some((body, flags)) = entry
        .strip_prefix('/')
        .and_then(|entry| entry.rsplit_once('/'))
    else {
        return Some(entry.to_owned());
    };
    let body = body.replace("\\/", "/");
    let mut known = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'm' | 's' | 'x' => known.push(flag),
            // Every expression is of Unicode, and the first match is enough.
            'u' | 'g' => {}
            _ => return None,
        }
    }
    Some(if known.is_empty() {
        body
    } else {
        format!("(?{known}){body}")
    })
}

#[cfg(test)]
mod tests;
