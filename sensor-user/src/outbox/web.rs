//! The one door to HTTP and TLS: a client that trusts whom the configuration says, and words for
//! what goes wrong.

mod tls;
mod words;

use std::time::Duration;

pub(super) use reqwest::{Client, Response, Url, header};

pub(super) use words::{failure, named, parse, refusal, retry_after};

use super::Reason;
use crate::config;

/// How long an endpoint may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until it is connected, TLS included.
    pub connect: Duration,
    /// From the first byte sent to the last one received, connecting included.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(20),
        }
    }
}

/// An answer's body is read up to here, so that the connection can be used again; bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// A client for one sink. It follows no redirect, uses no proxy of the environment, keeps no cookies
/// and repeats nothing by itself: whom events go to is what the configuration says, and the outbox
/// decides when they go again.
pub(super) fn client(tls: &config::Tls, timeouts: Timeouts) -> Result<Client, Reason> {
    Client::builder()
        .tls_backend_preconfigured(tls::config(tls)?)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .retry(reqwest::retry::never())
        .user_agent(concat!("marker-sensor/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .build()
        .map_err(|error| Reason {
            code: "tls".into(),
            text: format!("no HTTP client can be made: {}", words::chain(&error)),
        })
}

/// Reads and drops the body of an answer that nothing is wanted of, so that its connection can be
/// used again. A body that is longer than an answer ought to be costs the connection.
pub(super) async fn discard(mut answer: Response) {
    let mut read = 0;
    while read < LONGEST_ANSWER {
        match answer.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}
