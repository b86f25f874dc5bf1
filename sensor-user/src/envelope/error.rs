//! Why an envelope is refused.

use std::io;

use jiff::Timestamp;

use super::{Manifest, note};
use crate::model::ContentKind;

/// A reason with its stable [code](Error::code). No sentence repeats what an unverified envelope
/// says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first line is that of something else.
    #[error("this is not an envelope: its first line must be `{}`", note::MAGIC)]
    NotAnEnvelope,
    /// The first line names a version that this agent does not know.
    #[error("the envelope is of a version that this sensor does not read; ask for version 1")]
    UnsupportedVersion,
    /// Archive or compressed file, outside or inside.
    #[error("compressed files and archives are not accepted; ask for the envelope as it is")]
    Compressed,
    /// It ends too early.
    #[error("the envelope is cut off: {what}; send it again")]
    Truncated {
        /// Where.
        what: &'static str,
    },
    /// A part is larger than any honest one.
    #[error("{what} is larger than {limit} bytes; ask its issuer for a smaller one")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its limit.
        limit: u64,
    },
    /// The lines around text or signatures are not as they must be.
    #[error("the envelope's head is malformed: {0}")]
    BadHead(&'static str),
    /// The manifest is not what the format says.
    #[error("the manifest is malformed: {0}")]
    BadManifest(String),
    /// Nobody of this name is pinned.
    #[error("no issuer of this envelope is pinned: ask the operator to check [[issuer]]")]
    UnknownIssuer,
    /// The issuer is pinned, this key of it is not.
    #[error(
        "the issuer is known, the key that signed is not: pin its new key under [[issuer]] first"
    )]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the signature does not stand: the envelope was changed on its way, or forged")]
    BadSignature,
    /// The key was not or is not valid.
    #[error("the key that signed is not valid {0}: see not-before and not-after of its [[issuer]]")]
    KeyNotValid(&'static str),
    /// The key is pinned for something else.
    #[error("the key that signed is not pinned for {0}: see `kind` of its [[issuer]]")]
    WrongKey(&'static str),
    /// Accepted before.
    #[error(
        "serial {serial} of this issuer was accepted before{}; ask for a new one",
        if *.same { "" } else { ", with another content" }
    )]
    Replayed {
        /// Its serial.
        serial: u64,
        /// Whether it is the very same envelope.
        same: bool,
    },
    /// Older than the last one.
    #[error("serial {serial} is older than {last}, the last one that was accepted of this issuer")]
    RolledBack {
        /// Its serial.
        serial: u64,
        /// The last one.
        last: u64,
    },
    /// Too late.
    #[error("the envelope expired at {expires}; ask for a new one")]
    Expired {
        /// When.
        expires: Timestamp,
    },
    /// Too early.
    #[error("the envelope was issued at {issued}, which is not yet: check the clocks")]
    NotYetValid {
        /// When it is.
        issued: Timestamp,
    },
    /// For another sensor.
    #[error("the envelope is addressed to another sensor")]
    WrongRecipient,
    /// The content is not that of the manifest.
    #[error("the content is not the one that was signed: it was changed on its way")]
    ContentMismatch,
    /// The file cannot be read.
    #[error("the envelope cannot be read: {0}")]
    Read(#[from] io::Error),
}

impl Error {
    /// Stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnEnvelope => "not_an_envelope",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Compressed => "compressed",
            Self::Truncated { .. } => "truncated",
            Self::TooLarge { .. } => "too_large",
            Self::BadHead(_) | Self::BadManifest(_) => "bad_manifest",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::KeyNotValid(_) => "key_not_valid",
            Self::WrongKey(_) => "wrong_key",
            Self::Replayed { .. } => "replayed",
            Self::RolledBack { .. } => "rolled_back",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::WrongRecipient => "wrong_recipient",
            Self::ContentMismatch => "content_mismatch",
            Self::Read(_) => "unreadable",
        }
    }
}

/// A refusal, with what may be said of the envelope in the journal.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// Why.
    pub reason: Error,
    /// Issuer and serial, where the signature of a pinned key stands.
    pub signed: Option<(String, u64)>,
    /// What it says that it holds, likewise.
    pub kind: Option<ContentKind>,
}

impl Refused {
    pub(super) fn of(reason: Error, manifest: &Manifest) -> Self {
        Self {
            reason,
            signed: Some((manifest.issuer.clone(), manifest.serial)),
            kind: Some(manifest.kind),
        }
    }
}

impl From<Error> for Refused {
    fn from(reason: Error) -> Self {
        Self {
            reason,
            signed: None,
            kind: None,
        }
    }
}
