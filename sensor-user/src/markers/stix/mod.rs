//! STIX 2.1: the patterning language, what a pattern means to the data path, bundles.

pub mod ast;
mod cause;
mod check;
mod grammar;
mod lexer;
mod meaning;
mod subject;
mod term;

pub use cause::Cause;
pub use check::{PatternError, validate};
pub use grammar::{DEEPEST, GrammarError, LONGEST, parse};
pub use meaning::{MOST_TERMS, MOST_TESTS, Reading, Refused, understand};
