//! Who may send: the pinned keys.

use jiff::Timestamp;

use super::{Error, KeyError, VerifierKey, note};
use crate::{config, model::ContentKind};

/// The pinned keys of every issuer.
#[derive(Clone, Debug, Default)]
pub struct Issuers(Vec<Pinned>);

/// One pinned key and when it counts.
#[derive(Clone, Debug)]
pub(super) struct Pinned {
    key: VerifierKey,
    pub(super) name: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    pub(super) authority: bool,
    /// What it is for; anything where a file is judged by hand.
    kind: Option<ContentKind>,
}

impl Pinned {
    /// Whether the key may sign this.
    pub(super) fn check_kind(&self, kind: ContentKind) -> Result<(), Error> {
        match self.kind.is_none_or(|own| own == kind) {
            true => Ok(()),
            false => Err(Error::WrongKey(kind.name())),
        }
    }
}

/// Why the pinned keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// A key does not read.
    #[error("issuer[{at}].key: {source}")]
    Key {
        /// Which, from 0.
        at: usize,
        /// Why.
        source: KeyError,
    },
    /// A key is listed twice.
    #[error("issuer[{at}].key is listed twice")]
    Twice {
        /// Which, from 0.
        at: usize,
    },
}

impl Issuers {
    /// Of the configuration.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn of(issuers: &[config::Issuer]) -> Result<Self, IssuerError> {
        let mut pinned = Vec::<Pinned>::new();
        for (at, issuer) in issuers.iter().enumerate() {
            let key = VerifierKey::parse(&issuer.key)
                .map_err(|source| IssuerError::Key { at, source })?;
            // Under another name, too: three types of request, three keys.
            if pinned.iter().any(|other| other.key.key == key.key) {
                return Err(IssuerError::Twice { at });
            }
            pinned.push(Pinned {
                name: key.name.clone(),
                key,
                not_before: issuer.not_before,
                not_after: issuer.not_after,
                authority: issuer.authority,
                kind: Some(issuer.kind),
            });
        }
        Ok(Self(pinned))
    }

    /// Keys without dates, for judging a file by hand.
    #[must_use]
    pub fn undated(keys: Vec<VerifierKey>) -> Self {
        let pinned = |key: VerifierKey| Pinned {
            name: key.name.clone(),
            key,
            not_before: None,
            not_after: None,
            authority: true,
            kind: None,
        };
        Self(keys.into_iter().map(pinned).collect())
    }

    /// Whether an issuer of this name signs requests of a kind.
    #[must_use]
    pub fn signs(&self, name: &str, kind: ContentKind) -> bool {
        let mut all = self.0.iter();
        all.any(|one| one.name == name && one.kind == Some(kind))
    }

    /// The keys that signed, at least one. Signatures of others are passed over, as signed-note asks.
    pub(super) fn verify(&self, head: &note::Head) -> Result<Vec<Pinned>, Error> {
        let mut reason = Error::UnknownIssuer;
        let mut signers = Vec::new();
        for signature in &head.signatures {
            let of_name = || self.0.iter().filter(|one| one.name == signature.name);
            let Some(pinned) = of_name().find(|one| one.key.id == signature.key_id) else {
                if of_name().next().is_some() {
                    reason = Error::UnknownKey;
                }
                continue;
            };
            // A pinned key's signature that does not stand condemns the whole, whatever else is there.
            if !pinned.key.key.verifies(head.text(), &signature.bytes) {
                return Err(Error::BadSignature);
            }
            signers.push(pinned.clone());
        }
        match signers.is_empty() {
            true => Err(reason),
            false => Ok(signers),
        }
    }

    /// Whether a key counted when it signed, and still does.
    pub(super) fn check_validity(
        &self,
        key: &Pinned,
        issued: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let counts = |at: Timestamp| {
            key.not_before.is_none_or(|first| first <= at)
                && key.not_after.is_none_or(|last| at < last)
        };
        if !counts(issued) {
            Err(Error::KeyNotValid("for when it was issued"))
        } else if !counts(now) {
            Err(Error::KeyNotValid("now"))
        } else {
            Ok(())
        }
    }
}
