//! What a pattern means to the data path. A pattern is a list of alternatives: each becomes
//! markers or is refused by name, alone.

use std::collections::HashMap;

use super::{
    ast::{Comparison, Literal, Observation, Operator, Path, Qualifier, Test},
    cause::Cause,
    check::{PatternError, validate},
    term::markers_of,
};
use crate::model::{Direction, Pattern};

/// Most alternatives that AND over OR may give within one observation.
pub const MOST_TERMS: usize = 64;

/// Most tests in one of them.
pub const MOST_TESTS: usize = 64;
/// From so many patterns on, a repeated one is looked up and not searched.
const MANY: usize = 32;

/// What is made of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Patterns to look for, each once, in order of appearance.
    pub accepted: Vec<(Pattern, Direction)>,
    /// Alternatives that are refused.
    pub refused: Vec<Refused>,
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
            Observation::One(comparison) => match terms(comparison) {
                Err(cause) => self.settle(Err(cause)),
                Ok(terms) => {
                    for term in terms {
                        self.settle(markers_of(&term));
                    }
                }
            },
        }
    }

    /// Counts an alternative and keeps what was made of it.
    fn settle(&mut self, made: Result<Vec<(Pattern, Direction)>, Cause>) {
        self.alternatives += 1;
        match made {
            Ok(markers) => markers.into_iter().for_each(|one| self.accept(one)),
            Err(cause) => self.refused.push(Refused {
                alternative: self.alternatives,
                cause,
            }),
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

/// The alternatives of a comparison expression, as ANDs of tests.
fn terms<'p>(comparison: &'p Comparison<'p>) -> Result<Vec<Term<'p>>, Cause> {
    match comparison {
        Comparison::Test(test) => Ok(asked(test)),
        Comparison::Any(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(terms(part)?);
            }
            Ok(all)
        }
        Comparison::All(parts) => {
            let mut product = vec![Term::new()];
            for part in parts {
                product = times(product, terms(part)?)?;
                if product.iter().any(|term| term.len() > MOST_TESTS) {
                    return Err(Cause::TooComplex);
                }
            }
            Ok(product)
        }
    }
}

fn times<'p>(mut product: Vec<Term<'p>>, other: Vec<Term<'p>>) -> Result<Vec<Term<'p>>, Cause> {
    if let [only] = other.as_slice() {
        for term in &mut product {
            term.extend_from_slice(only);
        }
        return Ok(product);
    }
    if product.len().saturating_mul(other.len()) > MOST_TERMS {
        return Err(Cause::TooComplex);
    }
    let pairs = product
        .iter()
        .flat_map(|one| other.iter().map(move |two| [&one[..], &two[..]].concat()));
    Ok(pairs.collect())
}

/// A test, as an alternative for each member of its set.
fn asked<'p>(test: &'p Test<'p>) -> Vec<Term<'p>> {
    let one = |ask| {
        let path = &test.path;
        vec![Atom { path, ask }]
    };
    let name = match &test.operator {
        _ if test.negated => "NOT",
        Operator::Equal(literal) => return vec![one(Ask::Equal(*literal))],
        Operator::In(literals) if literals.is_empty() => {
            return vec![one(Ask::Unsupported(Cause::EmptySet))];
        }
        Operator::In(literals) => {
            let each = literals.iter();
            return each.map(|literal| one(Ask::Equal(*literal))).collect();
        }
        Operator::IsSubset(literal) => return vec![one(Ask::Subset(*literal))],
        Operator::NotEqual(_) => "!=",
        Operator::Order(_) => "< or >",
        Operator::Like(_) => "LIKE",
        Operator::Matches(_) => "MATCHES",
        Operator::IsSuperset(_) => "ISSUPERSET",
        Operator::Exists => "EXISTS",
    };
    vec![one(Ask::Unsupported(Cause::Operator(name)))]
}

#[cfg(test)]
mod tests;
