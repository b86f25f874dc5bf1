//! What a pattern says, as parsed. Everything borrows from the pattern's text; lists are flat, so
//! that only brackets make a tree deeper.

use std::borrow::Cow;

/// An observation expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation<'a> {
    /// `[ … ]`: one observation that satisfies a comparison expression.
    One(Comparison<'a>),
    /// `… AND …`: an observation for each.
    All(Vec<Self>),
    /// `… OR …`.
    Any(Vec<Self>),
    /// `… FOLLOWEDBY …`.
    Followed(Vec<Self>),
    /// `( … )`.
    Group(Box<Self>),
    /// With qualifiers, in their order, at least one.
    Qualified(Box<Self>, Vec<Qualifier>),
}

/// Qualifiers of an observation expression, without their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `WITHIN n SECONDS`.
    Within,
    /// `REPEATS n TIMES`.
    Repeats,
    /// `START t'…' STOP t'…'`.
    StartStop,
}

/// A comparison expression: what one observation satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison<'a> {
    /// One test.
    Test(Test<'a>),
    /// `… AND …`.
    All(Vec<Self>),
    /// `… OR …`.
    Any(Vec<Self>),
}

/// A test of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test<'a> {
    /// Which property.
    pub path: Path<'a>,
    /// `NOT` stands before the operator.
    pub negated: bool,
    /// How it is compared, and with what.
    pub operator: Operator<'a>,
}

/// An object path: `type:step.step[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// The object's type.
    pub object: &'a str,
    /// The steps, at least one; the first is a key.
    pub steps: Vec<Step<'a>>,
}

/// A step of an object path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A property, its quotes and escapes removed.
    Key(Cow<'a, str>),
    /// `[n]`, as it was written.
    Index(&'a str),
    /// `[*]`.
    Every,
}

/// A comparison operator and its right side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator<'a> {
    /// `=`.
    Equal(Literal<'a>),
    /// `!=`.
    NotEqual(Literal<'a>),
    /// `<`, `<=`, `>`, `>=`.
    Order(Literal<'a>),
    /// `IN`.
    In(Vec<Literal<'a>>),
    /// `LIKE`.
    Like(Literal<'a>),
    /// `MATCHES`.
    Matches(Literal<'a>),
    /// `ISSUBSET`.
    IsSubset(Literal<'a>),
    /// `ISSUPERSET`.
    IsSuperset(Literal<'a>),
    /// `EXISTS`, which has no right side.
    Exists,
}

/// A constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal<'a> {
    /// Its type.
    pub kind: LiteralKind,
    /// As it was written, quotes included.
    pub raw: &'a str,
}

/// Types of constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiteralKind {
    /// Whole number.
    Int,
    /// Number with a decimal point.
    Float,
    /// Hexadecimal bytes.
    Hex,
    /// Base64 bytes.
    Binary,
    /// String.
    Text,
    /// Boolean.
    Bool,
    /// Time.
    Time,
}

impl<'a> Literal<'a> {
    /// The string of a [`LiteralKind::Text`].
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        (self.kind == LiteralKind::Text).then(|| unquoted(self.raw))
    }
}

/// Removes quotes and escapes.
pub(super) fn unquoted(raw: &str) -> Cow<'_, str> {
    let inner = &raw[1..raw.len() - 1];
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        // The lexer let only `\'` and `\\` pass.
        text.extend(match character {
            '\\' => characters.next(),
            character => Some(character),
        });
    }
    Cow::Owned(text)
}
