//! The parser of the patterning language: recursive descent over the grammar of STIX 2.1 §9 as
//! `stix2-patterns` has it, with `LL(1)` decisions only. It never panics; brackets nest no deeper
//! than [`DEEPEST`].

use super::{
    ast::{
        Comparison, Literal, LiteralKind, Observation, Operator, Path, Qualifier, Step, Test,
        unquoted,
    },
    lexer::{Kind, Token, Tokens},
};

/// Longest pattern, bytes.
pub const LONGEST: usize = 64 << 10;
/// Deepest nesting of brackets.
pub const DEEPEST: usize = 64;

/// Operators that are words.
const KEYWORDS: [&str; 5] = ["IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"];

/// Why a text is no pattern. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// Not what the grammar asks for.
    #[error("not a pattern of STIX 2.1: at byte {at}, {wanted} is expected")]
    Unexpected {
        /// Offset in bytes.
        at: usize,
        /// What could stand there.
        wanted: &'static str,
    },
    /// Brackets inside brackets, too often.
    #[error("brackets are nested deeper than {DEEPEST}")]
    TooDeep,
    /// Too many bytes.
    #[error("the pattern is longer than {LONGEST} bytes")]
    TooLong,
}

/// Parses a pattern.
///
/// # Errors
/// [`GrammarError`].
pub fn parse(pattern: &str) -> Result<Observation<'_>, GrammarError> {
    if pattern.len() > LONGEST {
        return Err(GrammarError::TooLong);
    }
    let mut tokens = Tokens::of(pattern);
    let mut parser = Parser {
        next: tokens.next(),
        tokens,
        end: pattern.len(),
        depth: 0,
    };
    let observation = parser.observations()?;
    if parser.next.is_some() {
        return Err(parser.unexpected("the end"));
    }
    Ok(observation)
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    next: Option<Token<'a>>,
    end: usize,
    depth: usize,
}

type Result1<T> = Result<T, GrammarError>;

impl<'a> Parser<'a> {
    fn advance(&mut self) {
        self.next = self.tokens.next();
    }

    fn unexpected(&self, wanted: &'static str) -> GrammarError {
        let at = self.next.map_or(self.end, |token| token.at);
        GrammarError::Unexpected { at, wanted }
    }

    /// The next token, if it is of one of these kinds.
    fn take(&mut self, kinds: &[Kind]) -> Option<Token<'a>> {
        let token = self.next.filter(|token| kinds.contains(&token.kind))?;
        self.advance();
        Some(token)
    }

    fn one(&mut self, kinds: &[Kind], wanted: &'static str) -> Result1<Token<'a>> {
        self.take(kinds).ok_or_else(|| self.unexpected(wanted))
    }

    fn is(&self, kind: Kind, text: &str) -> bool {
        self.next
            .is_some_and(|token| token.kind == kind && token.text == text)
    }

    fn has(&mut self, kind: Kind, text: &str) -> bool {
        let has = self.is(kind, text);
        if has {
            self.advance();
        }
        has
    }

    fn sign(&mut self, text: &'static str) -> Result1<()> {
        if self.has(Kind::Sign, text) {
            return Ok(());
        }
        Err(self.unexpected(text))
    }

    fn keyword(&mut self, text: &'static str) -> Result1<()> {
        if self.has(Kind::Keyword, text) {
            return Ok(());
        }
        Err(self.unexpected(text))
    }

    fn enter(&mut self) -> Result1<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(GrammarError::TooDeep);
        }
        Ok(())
    }

    /// `part (word part)*`, which stays a part alone.
    fn list<T>(
        &mut self,
        word: &str,
        part: impl Fn(&mut Self) -> Result1<T>,
        join: impl Fn(Vec<T>) -> T,
    ) -> Result1<T> {
        let first = part(self)?;
        if !self.is(Kind::Keyword, word) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.has(Kind::Keyword, word) {
            all.push(part(self)?);
        }
        Ok(join(all))
    }

    fn observations(&mut self) -> Result1<Observation<'a>> {
        let all = |parser: &mut Self| parser.list("AND", Self::qualified, Observation::All);
        let any = |parser: &mut Self| parser.list("OR", all, Observation::Any);
        self.list("FOLLOWEDBY", any, Observation::Followed)
    }

    fn qualified(&mut self) -> Result1<Observation<'a>> {
        let observation = if self.has(Kind::Sign, "(") {
            self.enter()?;
            let inside = self.observations()?;
            self.sign(")")?;
            self.depth -= 1;
            Observation::Group(Box::new(inside))
        } else if self.has(Kind::Sign, "[") {
            let comparison = self.comparison()?;
            self.sign("]")?;
            Observation::One(comparison)
        } else {
            return Err(self.unexpected("an observation in square brackets"));
        };
        let mut qualifiers = Vec::new();
        while let Some(qualifier) = self.qualifier()? {
            qualifiers.push(qualifier);
        }
        if qualifiers.is_empty() {
            return Ok(observation);
        }
        Ok(Observation::Qualified(Box::new(observation), qualifiers))
    }

    fn qualifier(&mut self) -> Result1<Option<Qualifier>> {
        Ok(Some(if self.has(Kind::Keyword, "WITHIN") {
            self.one(&[Kind::IntPos, Kind::FloatPos], "a number of seconds")?;
            self.keyword("SECONDS")?;
            Qualifier::Within
        } else if self.has(Kind::Keyword, "REPEATS") {
            self.one(&[Kind::IntPos], "a number of times")?;
            self.keyword("TIMES")?;
            Qualifier::Repeats
        } else if self.has(Kind::Keyword, "START") {
            self.one(&[Kind::Time], "a time")?;
            self.keyword("STOP")?;
            self.one(&[Kind::Time], "a time")?;
            Qualifier::StartStop
        } else {
            return Ok(None);
        }))
    }

    fn comparison(&mut self) -> Result1<Comparison<'a>> {
        let all = |parser: &mut Self| parser.list("AND", Self::test, Comparison::All);
        self.list("OR", all, Comparison::Any)
    }

    fn test(&mut self) -> Result1<Comparison<'a>> {
        if self.has(Kind::Sign, "(") {
            self.enter()?;
            let inside = self.comparison()?;
            self.sign(")")?;
            self.depth -= 1;
            return Ok(inside);
        }
        let negated = self.has(Kind::Keyword, "NOT");
        if self.has(Kind::Keyword, "EXISTS") {
            let (path, operator) = (self.path()?, Operator::Exists);
            return Ok(Comparison::Test(Test {
                path,
                negated,
                operator,
            }));
        }
        if negated {
            return Err(self.unexpected("EXISTS"));
        }
        let path = self.path()?;
        let negated = self.has(Kind::Keyword, "NOT");
        let operator = self.operator()?;
        Ok(Comparison::Test(Test {
            path,
            negated,
            operator,
        }))
    }

    fn operator(&mut self) -> Result1<Operator<'a>> {
        const WANTED: &str = "a comparison operator";
        let token = self.next.ok_or_else(|| self.unexpected(WANTED))?;
        let known = match token.kind {
            Kind::Equal | Kind::NotEqual | Kind::Order => true,
            Kind::Keyword => KEYWORDS.contains(&token.text),
            _ => false,
        };
        if !known {
            return Err(self.unexpected(WANTED));
        }
        self.advance();
        Ok(match (token.kind, token.text) {
            (Kind::Equal, _) => Operator::Equal(self.literal()?),
            (Kind::NotEqual, _) => Operator::NotEqual(self.literal()?),
            (Kind::Order, _) => Operator::Order(self.orderable()?),
            (_, "IN") => Operator::In(self.set()?),
            (_, "LIKE") => Operator::Like(self.string()?),
            (_, "MATCHES") => Operator::Matches(self.string()?),
            (_, "ISSUBSET") => Operator::IsSubset(self.string()?),
            _ => Operator::IsSuperset(self.string()?),
        })
    }

    fn path(&mut self) -> Result1<Path<'a>> {
        let object = self.one(&[Kind::Name, Kind::Hyphenated], "an object type")?;
        self.sign(":")?;
        let mut steps = vec![self.key()?];
        loop {
            if self.has(Kind::Sign, ".") {
                steps.push(self.key()?);
            } else if self.has(Kind::Sign, "[") {
                let index = self.take(&[Kind::IntPos, Kind::IntNeg]);
                steps.push(match index {
                    Some(token) => Step::Index(token.text),
                    None if self.has(Kind::Sign, "*") => Step::Every,
                    None => return Err(self.unexpected("an index or *")),
                });
                self.sign("]")?;
            } else {
                let object = object.text;
                return Ok(Path { object, steps });
            }
        }
    }

    fn key(&mut self) -> Result1<Step<'a>> {
        let token = self.one(&[Kind::Name, Kind::Text], "a property")?;
        Ok(Step::Key(match token.kind {
            Kind::Text => unquoted(token.text),
            _ => token.text.into(),
        }))
    }

    fn set(&mut self) -> Result1<Vec<Literal<'a>>> {
        self.sign("(")?;
        let mut literals = Vec::new();
        if self.has(Kind::Sign, ")") {
            return Ok(literals);
        }
        loop {
            literals.push(self.literal()?);
            if !self.has(Kind::Sign, ",") {
                self.sign(")")?;
                return Ok(literals);
            }
        }
    }

    fn string(&mut self) -> Result1<Literal<'a>> {
        let token = self.one(&[Kind::Text], "a string")?;
        let (kind, raw) = (LiteralKind::Text, token.text);
        Ok(Literal { kind, raw })
    }

    fn literal(&mut self) -> Result1<Literal<'a>> {
        if let Some(token) = self.take(&[Kind::Bool]) {
            let (kind, raw) = (LiteralKind::Bool, token.text);
            return Ok(Literal { kind, raw });
        }
        self.orderable()
    }

    /// Any constant but a boolean.
    fn orderable(&mut self) -> Result1<Literal<'a>> {
        let token = self.next.ok_or_else(|| self.unexpected("a constant"))?;
        let kind = match token.kind {
            Kind::IntPos | Kind::IntNeg => LiteralKind::Int,
            Kind::FloatPos | Kind::FloatNeg => LiteralKind::Float,
            Kind::Hex => LiteralKind::Hex,
            Kind::Binary => LiteralKind::Binary,
            Kind::Text => LiteralKind::Text,
            Kind::Time => LiteralKind::Time,
            _ => return Err(self.unexpected("a constant")),
        };
        self.advance();
        let raw = token.text;
        Ok(Literal { kind, raw })
    }
}

#[cfg(test)]
mod tests;
