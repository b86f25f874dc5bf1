//! Which code stands for which answer of JetStream.

use std::error::Error;

use async_nats::jetstream::{
    self, ErrorCode,
    context::{
        GetStreamError, GetStreamErrorKind, PublishError, PublishErrorKind, RequestError,
        RequestErrorKind,
    },
};

use super::{
    super::{Outcome, Reason},
    connection::reason,
};

/// What became of a message that was not acknowledged. Whether the connection can still be used.
pub(super) fn of_publish(place: &str, error: &PublishError) -> (Outcome, bool) {
    let retry = |code: &str, text: &str| Outcome::Retry(reason(code, format!("{place}: {text}")));
    match error.kind() {
        PublishErrorKind::TimedOut => (retry("ack_timeout", "no acknowledgement in time"), false),
        PublishErrorKind::BrokenPipe => (retry("disconnected", "the connection ended"), false),
        PublishErrorKind::StreamNotFound => {
            let text = "no stream takes this subject any more";
            (retry("no_responders", text), true)
        }
        PublishErrorKind::MaxPayloadExceeded => (too_large(place), true),
        _ => match api_error(error) {
            Some(api) if api.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
                (too_large(place), true)
            }
            Some(api) => (Outcome::Retry(of_api(place, api)), true),
            None => (retry("nats_error", &error.to_string()), false),
        },
    }
}

/// Why the stream is unknown.
pub(super) fn of_stream(place: &str, error: &GetStreamError) -> Reason {
    match error.kind() {
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => reason(
            "bad_stream_name",
            format!("{place}: no stream can have this name"),
        ),
        GetStreamErrorKind::JetStream(api) => of_api(place, &api),
        GetStreamErrorKind::Request => {
            let source = error.source().and_then(|source| source.downcast_ref());
            match source.map(RequestError::kind) {
                Some(RequestErrorKind::NoResponders) => no_jetstream(place),
                Some(RequestErrorKind::TimedOut) => {
                    reason("timeout", format!("{place}: no answer in time"))
                }
                _ => reason("nats_error", format!("{place}: {error}")),
            }
        }
    }
}

fn of_api(place: &str, error: &jetstream::Error) -> Reason {
    let code = match error.error_code() {
        ErrorCode::STREAM_NOT_FOUND => "no_stream",
        ErrorCode::STREAM_NOT_MATCH => "wrong_stream",
        ErrorCode::STREAM_SEALED => "stream_sealed",
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            return no_jetstream(place);
        }
        ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::MEMORY_RESOURCES_EXCEEDED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED => "stream_full",
        other => return reason(&format!("nats_{}", other.0), format!("{place}: {error}")),
    };
    reason(code, format!("{place}: {error}"))
}

fn no_jetstream(place: &str) -> Reason {
    let text = format!("{place} has no JetStream for this account: enable it");
    reason("no_jetstream", text)
}

fn too_large(place: &str) -> Outcome {
    let text = format!("{place}: the event is larger than it takes");
    Outcome::Refused(reason("too_large", text))
}

fn api_error(error: &PublishError) -> Option<&jetstream::Error> {
    error.source()?.downcast_ref()
}
