//! Answers as HTTP has them.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};

use super::Error;
use crate::model::request::Failure;

/// Body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A document as a whole.
pub(super) fn full(document: impl Into<Bytes>) -> Body {
    Full::new(document.into()).boxed_unsync()
}

/// An answer.
pub(super) fn found(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let value = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

/// The answer for an error.
pub(super) fn refusal(error: Error) -> Response<Body> {
    let status = error.status();
    let allow = match &error {
        Error::Method { allow } => HeaderValue::from_str(allow).ok(),
        _ => None,
    };
    let mut document = serde_json::to_vec(&Failure::from(error)).unwrap_or_default();
    document.push(b'\n');
    let mut response = found("application/json", full(document));
    *response.status_mut() = status;
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
