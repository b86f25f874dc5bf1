//! What a pattern means to the data path. A pattern is a list of alternatives: each becomes
//! markers or is refused by name, alone.

use std::collections::{BTreeMap, HashMap};

use super::{
    ast::{Comparison, Literal, Observation, Operator, Path, Qualifier, Test},
    cause::Cause,
    check::{PatternError, validate},
    term::markers_of,
};
use crate::model::{Direction, Pattern, request::Failure};

/// Most alternatives that AND over OR may give within one observation.
pub const MOST_TERMS: usize = 64;

/// Most tests in one of them.
pub const MOST_TESTS: usize = 64;
/// Most refused alternatives of a pattern that are told one by one.
pub const MOST_LISTED: usize = Failure::MOST_REFUSALS;
/// From so many patterns on, a repeated one is looked up and not searched.
const MANY: usize = 32;

/// What is made of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Patterns to look for, each once, in order of appearance.
    pub accepted: Vec<(Pattern, Direction)>,
    /// Alternatives that are refused, the first [`MOST_LISTED`].
    pub refused: Vec<Refused>,
    /// Alternatives that are refused in all.
    pub refused_total: usize,
    /// Those that are not listed, by code.
    pub unlisted: BTreeMap<&'static str, u64>,
    /// Alternatives in all.
    pub alternatives: usize,
    places: HashMap<Pattern, usize>,
}

/// A refused alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which one, from 1.
    pub alternative: usize,
    /// Why.
    pub cause: Cause,
}

/// Reads a pattern and says what is made of it.
///
/// # Errors
/// [`PatternError`] where it is no pattern at all.
pub fn understand(pattern: &str) -> Result<Reading, PatternError> {
    let observation = validate(pattern)?;
    let mut reading = Reading::default();
    reading.observe(&observation);
    Ok(reading)
}

/// A test as the data path asks it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'p> {
    pub path: &'p Path<'p>,
    pub ask: Ask<'p>,
}

/// How an [`Atom`] compares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'p> {
    /// The property is this.
    Equal(Literal<'p>),
    /// The property is an address within this prefix.
    Subset(Literal<'p>),
    /// In a way that no pattern can express.
    Unsupported(Cause),
}

type Term<'p> = Vec<Atom<'p>>;

impl Reading {
    fn observe(&mut self, observation: &Observation) {
        match observation {
            Observation::Any(parts) => parts.iter().for_each(|part| self.observe(part)),
            Observation::Group(inside) => self.observe(inside),
            Observation::All(_) => self.settle(Err(Cause::ObservationAnd)),
            Observation::Followed(_) => self.settle(Err(Cause::FollowedBy)),
            Observation::Qualified(_, qualifiers) => {
                let name = match qualifiers[0] {
                    Qualifier::Within => "WITHIN",
                    Qualifier::Repeats => "REPEATS",
                    Qualifier::StartStop => "START … STOP",
                };
                self.settle(Err(Cause::Qualifier(name)));
            }
            Observation::One(comparison) => each(comparison, &mut |term| {
                self.settle(term.and_then(|term| markers_of(&term)));
            }),
        }
    }

    /// Counts an alternative and keeps what was made of it.
    fn settle(&mut self, made: Result<Vec<(Pattern, Direction)>, Cause>) {
        self.alternatives += 1;
        match made {
            Ok(markers) => markers.into_iter().for_each(|one| self.accept(one)),
            Err(cause) => {
                self.refused_total += 1;
                if self.refused.len() < MOST_LISTED {
                    let alternative = self.alternatives;
                    self.refused.push(Refused { alternative, cause });
                } else {
                    *self.unlisted.entry(cause.code()).or_default() += 1;
                }
            }
        }
    }

    /// Takes each pattern once: as source or as destination is as either.
    fn accept(&mut self, (pattern, direction): (Pattern, Direction)) {
        let count = self.accepted.len();
        if count == MANY && self.places.is_empty() {
            let held = self.accepted.iter().map(|(held, _)| held.clone());
            self.places = held.zip(0..).collect();
        }
        let same = if count < MANY {
            self.accepted.iter().position(|(held, _)| *held == pattern)
        } else {
            self.places.get(&pattern).copied()
        };
        match same.map(|at| &mut self.accepted[at].1) {
            Some(held) if *held != direction => *held = Direction::Either,
            Some(_) => {}
            None => {
                if count >= MANY {
                    self.places.insert(pattern.clone(), count);
                }
                self.accepted.push((pattern, direction));
            }
        }
    }
}

/// Each alternative of a comparison expression, as an AND of tests, one at a time: there may be as
/// many as the pattern has bytes.
fn each<'p>(comparison: &'p Comparison<'p>, take: &mut dyn FnMut(Result<Term<'p>, Cause>)) {
    match comparison {
        Comparison::Test(test) => asked(test, take),
        Comparison::Any(parts) => parts.iter().for_each(|part| each(part, take)),
        Comparison::All(parts) => match product(parts) {
            Ok(terms) => terms.into_iter().for_each(|term| take(Ok(term))),
            Err(cause) => take(Err(cause)),
        },
    }
}

/// How many alternatives there are, and tests in the longest of them.
fn size(comparison: &Comparison) -> (usize, usize) {
    match comparison {
        Comparison::Test(test) => match &test.operator {
            Operator::In(literals) if !test.negated => (literals.len().max(1), 1),
            _ => (1, 1),
        },
        Comparison::Any(parts) => parts.iter().map(size).fold((0, 0), |all, part| {
            (all.0.saturating_add(part.0), all.1.max(part.1))
        }),
        Comparison::All(parts) => parts.iter().map(size).fold((1, 0), |all, part| {
            (all.0.saturating_mul(part.0), all.1.saturating_add(part.1))
        }),
    }
}

/// AND over OR, multiplied out.
fn product<'p>(parts: &'p [Comparison<'p>]) -> Result<Vec<Term<'p>>, Cause> {
    let sizes = parts.iter().map(size);
    let (terms, tests) = sizes.fold((1, 0), |all: (usize, usize), part| {
        (all.0.saturating_mul(part.0), all.1.saturating_add(part.1))
    });
    if terms > MOST_TERMS || tests > MOST_TESTS {
        return Err(Cause::TooComplex);
    }
    let mut product = vec![Term::new()];
    for part in parts {
        let mut others = Vec::new();
        each(part, &mut |term| others.push(term));
        let others = others.into_iter().collect::<Result<Vec<Term>, Cause>>()?;
        let pairs = product
            .iter()
            .flat_map(|one| others.iter().map(move |two| [&one[..], &two[..]].concat()));
        product = pairs.collect();
    }
    Ok(product)
}

/// A test, as an alternative for each member of its set.
fn asked<'p>(test: &'p Test<'p>, take: &mut dyn FnMut(Result<Term<'p>, Cause>)) {
    let mut one = |ask| {
        let path = &test.path;
        take(Ok(vec![Atom { path, ask }]));
    };
    let name = match &test.operator {
        _ if test.negated => "NOT",
        Operator::Equal(literal) => return one(Ask::Equal(*literal)),
        Operator::In(literals) if literals.is_empty() => {
            return one(Ask::Unsupported(Cause::EmptySet));
        }
        Operator::In(literals) => {
            for literal in literals {
                one(Ask::Equal(*literal));
            }
            return;
        }
        Operator::IsSubset(literal) => return one(Ask::Subset(*literal)),
        Operator::NotEqual(_) => "!=",
        Operator::Order(_) => "< or >",
        Operator::Like(_) => "LIKE",
        Operator::Matches(_) => "MATCHES",
        Operator::IsSuperset(_) => "ISSUPERSET",
        Operator::Exists => "EXISTS",
    };
    one(Ask::Unsupported(Cause::Operator(name)));
}

#[cfg(test)]
mod tests;
