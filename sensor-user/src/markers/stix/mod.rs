//! STIX 2.1: the patterning language, what a pattern means to the data path, bundles.

pub mod ast;
mod bundle;
mod cause;
mod check;
#[cfg(test)]
mod fates;
mod field;
mod grammar;
mod handling;
mod identifier;
mod indicator;
mod lexer;
mod marking;
mod meaning;
mod object;
mod subject;
mod term;
mod versions;

pub(super) use bundle::read;
pub use cause::Cause;
pub use check::{PatternError, validate};
pub use grammar::{DEEPEST, GrammarError, LONGEST, parse};
pub use meaning::{MOST_LISTED, MOST_TERMS, MOST_TESTS, Reading, Refused, understand};
