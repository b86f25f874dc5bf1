//! STIX 2.1: the patterning language, what a pattern means to the data path, bundles.

pub mod ast;
mod check;
mod grammar;
mod lexer;

pub use check::{PatternError, validate};
pub use grammar::{DEEPEST, GrammarError, LONGEST, parse};
