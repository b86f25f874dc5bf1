//! From errors to answers: status, code and sentence in one place.

use std::collections::BTreeMap;

use hyper::StatusCode;

use crate::model::request::{Failure, Refusal};

/// What a client is told when its request is not done. Sentences carry no marker value, address
/// or name of a subscriber: they may be logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer or its role may not.
    #[error("{0}")]
    Denied(String),
    /// No such path, marker, event or interface.
    #[error("{0}")]
    NotFound(String),
    /// The path is known, the method is not one of these.
    #[error("this path takes {allow} only")]
    Method {
        /// Methods, as in the `Allow` header.
        allow: String,
    },
    /// Lines of a marker file are refused; nothing was changed.
    #[error("refused lines: {total}; nothing was changed; correct them and send the file again")]
    Refused {
        /// Refused lines; only the first [`Failure::MOST_REFUSALS`] are told.
        refusals: Vec<Refusal>,
        /// Refused lines in all.
        total: u64,
        /// The same by code.
        codes: BTreeMap<String, u64>,
    },
    /// Refused for a reason with a code of its own; nothing was changed.
    #[error("{reason}")]
    Coded {
        /// Status of the answer.
        status: StatusCode,
        /// Stable code of the reason.
        code: &'static str,
        /// One sentence.
        reason: String,
    },
    /// The request cannot be understood.
    #[error("{0}")]
    Invalid(String),
    /// The state of the sensor forbids it now.
    #[error("{0}")]
    Conflict(String),
    /// The body is larger than is accepted.
    #[error("the body is larger than {limit} bytes; split it or raise control.max-body")]
    TooLarge {
        /// Largest body, bytes.
        limit: u64,
    },
    /// The client took too long.
    #[error("{0}")]
    TimedOut(String),
    /// Not now; later perhaps.
    #[error("{0}")]
    Unavailable(String),
    /// A defect or a broken machine.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Status of the answer (RFC 9110 §15).
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Coded { status, .. } => *status,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Code of the answer (stable).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::NotFound(_) => "not_found",
            Self::Method { .. } => "method_not_allowed",
            Self::Refused { .. } => "refused",
            Self::Coded { code, .. } => code,
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::TooLarge { .. } => "too_large",
            Self::TimedOut(_) => "timed_out",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, sentence) = (error.code().to_owned(), error.to_string());
        let (mut refused, refused_total, refused_codes) = match error {
            Error::Refused {
                refusals,
                total,
                codes,
            } => (refusals, total, codes),
            _ => (Vec::new(), 0, BTreeMap::new()),
        };
        refused.truncate(Self::MOST_REFUSALS);
        Self {
            code,
            error: sentence,
            refused,
            refused_total,
            refused_codes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_refusals_are_cut_but_counted() {
        let refusal = Refusal {
            line: Some(1),
            item: None,
            object: None,
            field: "pattern".into(),
            code: "bad_address".into(),
            reason: "not an address".into(),
        };
        let failure = Failure::from(Error::Refused {
            refusals: vec![refusal; 1000],
            total: 5000,
            codes: [("bad_address".into(), 5000)].into(),
        });
        assert_eq!(failure.refused.len(), Failure::MOST_REFUSALS);
        assert_eq!(failure.refused_total, 5000);
        assert_eq!(failure.refused_codes["bad_address"], 5000);
        assert!(failure.error.starts_with("refused lines: 5000"));
    }
}
