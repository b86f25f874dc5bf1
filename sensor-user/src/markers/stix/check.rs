//! What `stix2-patterns` asks of a pattern beyond the grammar: hashes of their length, one
//! qualifier of a sort, no comment before the first bracket. Its verdict is ours, oddities
//! included: a hash is compared as written, so a set of hashes or a wildcard never passes.

use super::{
    ast::{Comparison, Literal, Observation, Operator, Path, Step, Test},
    grammar::{GrammarError, parse},
    lexer::is_space,
};

/// Why a text is refused as a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// By the grammar.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// By the validator: something stands before the first bracket.
    #[error("not a pattern of STIX 2.1: it does not start with a bracket")]
    Brackets,
    /// By the validator: a hash is not of its algorithm.
    #[error("a hash in the pattern is not one of its algorithm, by length or by characters")]
    Hash,
    /// By the validator: an index where it cannot be.
    #[error("an index in the pattern is negative, or selects a hash")]
    Index,
    /// By the validator: `WITHIN … WITHIN …` and the like.
    #[error("a qualifier stands twice on one observation")]
    Qualifier,
}

impl PatternError {
    /// The reason code in answers (stable).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Grammar(GrammarError::TooDeep) => "pattern_too_deep",
            Self::Grammar(GrammarError::TooLong) => "pattern_too_long",
            Self::Grammar(GrammarError::Unexpected { .. }) | Self::Brackets => "bad_pattern",
            Self::Hash => "bad_hash",
            Self::Index => "bad_index",
            Self::Qualifier => "duplicate_qualifier",
        }
    }
}

/// Parses a pattern and checks it as `stix2patterns.validator` does.
///
/// # Errors
/// [`PatternError`].
pub fn validate(pattern: &str) -> Result<Observation<'_>, PatternError> {
    let observation = parse(pattern)?;
    let first = pattern
        .chars()
        .find(|character| *character != '(' && !is_space(*character));
    if first != Some('[') {
        return Err(PatternError::Brackets);
    }
    check(&observation)?;
    Ok(observation)
}

fn check(observation: &Observation) -> Result<(), PatternError> {
    match observation {
        Observation::One(comparison) => compared(comparison),
        Observation::Group(inside) => check(inside),
        Observation::All(parts) | Observation::Any(parts) | Observation::Followed(parts) => {
            parts.iter().try_for_each(check)
        }
        Observation::Qualified(inside, qualifiers) => {
            check(inside)?;
            let simple = matches!(**inside, Observation::One(_));
            let twice = (1..qualifiers.len()).any(|at| qualifiers[..at].contains(&qualifiers[at]));
            if simple && twice {
                return Err(PatternError::Qualifier);
            }
            Ok(())
        }
    }
}

fn compared(comparison: &Comparison) -> Result<(), PatternError> {
    match comparison {
        Comparison::Test(test) => tested(test),
        Comparison::All(parts) | Comparison::Any(parts) => parts.iter().try_for_each(compared),
    }
}

fn tested(test: &Test) -> Result<(), PatternError> {
    let steps = &test.path.steps;
    let negative = |step: &Step| matches!(step, Step::Index(text) if text.starts_with('-'));
    if steps.iter().any(negative) {
        return Err(PatternError::Index);
    }
    if test.operator == Operator::Exists {
        return Ok(());
    }
    let Some(algorithm) = hash(&test.path)? else {
        return Ok(());
    };
    let fits = match &test.operator {
        Operator::Equal(one)
        | Operator::NotEqual(one)
        | Operator::Order(one)
        | Operator::Like(one)
        | Operator::Matches(one)
        | Operator::IsSubset(one)
        | Operator::IsSuperset(one) => algorithm.fits(&written(one)),
        Operator::In(all) => {
            let all: Vec<String> = all.iter().map(written).collect();
            algorithm.fits(&format!("({})", all.join(",")))
        }
        Operator::Exists => true,
    };
    if fits {
        Ok(())
    } else {
        Err(PatternError::Hash)
    }
}

/// A constant without its quotes, escapes kept: what the validator compares.
fn written(literal: &Literal) -> String {
    literal.raw.replace('\'', "")
}

/// What the validator knows of a hash algorithm.
enum Algorithm {
    /// So many hexadecimal digits.
    Digits(usize),
    /// Its expression for MD6 is anchored on the first of several lengths only.
    Md6,
    /// 1 to 128 characters.
    Ssdeep,
}

/// The algorithm of a path through `hashes` whose last step is a key that names one.
fn hash(path: &Path) -> Result<Option<Algorithm>, PatternError> {
    let through = |step: &Step| matches!(step, Step::Key(key) if key == "hashes");
    if !path.steps.iter().any(through) {
        return Ok(None);
    }
    let selector = match path.steps.last() {
        Some(Step::Key(key)) => key,
        Some(Step::Index(_)) => return Err(PatternError::Index),
        Some(Step::Every) | None => return Ok(None),
    };
    let name = selector.to_uppercase().replace(['-', '\''], "");
    Ok(Some(match name.as_str() {
        "MD5" => Algorithm::Digits(32),
        "MD6" => Algorithm::Md6,
        "RIPEMD160" | "SHA1" => Algorithm::Digits(40),
        "SHA224" | "SHA3224" => Algorithm::Digits(56),
        "SHA256" | "SHA3256" => Algorithm::Digits(64),
        "SHA384" | "SHA3384" => Algorithm::Digits(96),
        "SHA512" | "SHA3512" | "WHIRLPOOL" => Algorithm::Digits(128),
        "SSDEEP" => Algorithm::Ssdeep,
        _ => return Ok(None),
    }))
}

impl Algorithm {
    fn fits(&self, hash: &str) -> bool {
        // `$` of Python's expressions also stands before a last line feed.
        let whole = hash.strip_suffix('\n').unwrap_or(hash);
        let digits = |text: &str| {
            let digits = text.bytes().take_while(u8::is_ascii_hexdigit);
            digits.count()
        };
        match self {
            Self::Digits(length) => whole.len() == *length && digits(whole) == *length,
            Self::Md6 => {
                let long = hash.strip_prefix("\n    ").map(digits);
                digits(hash) >= 32 || long.is_some_and(|digits| digits >= 64)
            }
            Self::Ssdeep => {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/+:.".contains(&byte);
                (1..=128).contains(&whole.len()) && whole.bytes().all(fits)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_validator_refuses_is_refused_by_name() {
        let hash = "cead3f77f6cda6ec00f57d76c9a6879f";
        let cases = [
            ("/* */ [a:b = 1]".to_owned(), "bad_pattern"),
            (String::new(), "bad_pattern"),
            ("[file:hashes.'SHA-256' = 'f00']".to_owned(), "bad_hash"),
            (format!("[file:hashes.MD5 IN ('{hash}')]"), "bad_hash"),
            (format!("[file:hashes[0] = '{hash}']"), "bad_index"),
            ("[a:b[-1] = 1]".to_owned(), "bad_index"),
            (
                "[a:b = 1] REPEATS 2 TIMES WITHIN 5 SECONDS REPEATS 2 TIMES".to_owned(),
                "duplicate_qualifier",
            ),
        ];
        for (pattern, code) in cases {
            assert_eq!(validate(&pattern).map_err(PatternError::code), Err(code));
        }
        for pattern in [
            format!("[file:hashes.MD5 = '{hash}']"),
            "[file:hashes[*] = 'f00']".to_owned(),
            "([a:b = 1]) WITHIN 5 SECONDS WITHIN 6 SECONDS".to_owned(),
        ] {
            assert!(validate(&pattern).is_ok(), "{pattern}");
        }
    }
}
