//! One connection: made once, given up at the first trouble.

use std::{
    error::Error,
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use async_nats::{
    ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError,
    jetstream::{Context, context::ContextBuilder},
};
use tokio::sync::watch;

use super::{super::Reason, tls};
use crate::config;

/// Messages on their way at once; the library waits for room above it, so batches are not larger.
pub(super) const IN_FLIGHT: usize = 1_000;

/// What ended the use of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server is gone, or ends the connection.
    Disconnected,
    /// The server does not permit this user what was asked.
    NotAllowed,
}

/// A connection, and since when its stream is known to be fit.
pub(super) struct Connection {
    pub context: Context,
    pub checked: Option<Instant>,
    trouble: watch::Receiver<Option<Trouble>>,
}

impl Connection {
    /// One attempt, within `limit`.
    pub async fn open(config: &config::Nats, limit: Duration) -> Result<Self, Reason> {
        let address: ServerAddr = config
            .url
            .parse()
            .map_err(|error| reason("bad_url", format!("the URL of a NATS sink: {error}")))?;
        let place = place(&address);
        let (tell, trouble) = watch::channel(None);
        // The library reconnects by itself, for ever if it may. One attempt is the least that it
        // can be told; its outcome is not used, because what the stream is then is unknown.
        let mut options = ConnectOptions::new()
            .name("marker-sensor")
            .max_reconnects(1)
            .ignore_discovered_servers()
            .connection_timeout(limit)
            .request_timeout(Some(limit))
            .ping_interval(Duration::from_secs(10))
            .event_callback(move |event| {
                if let Some(found) = Trouble::of(&event) {
                    tell.send_replace(Some(found));
                }
                std::future::ready(())
            });
        if must_encrypt(&address) {
            let tls = tls::config(config.ca.as_deref())
                .map_err(|text| reason("certificate", format!("{place}: {text}")))?;
            options = options.require_tls(true).tls_client_config(tls);
        }
        if let Some(path) = &config.credentials {
            options = options
                .credentials_file(path)
                .await
                .map_err(|error| reason("credentials", format!("{}: {error}", path.display())))?;
        } else if let (Some(user), Some(password)) = (address.username(), address.password()) {
            options = options.user_and_password(user.into(), password.into());
        }
        let client = tokio::time::timeout(limit, options.connect(address))
            .await
            .map_err(|_| reason("timeout", format!("{place} did not answer in time")))?
            .map_err(|error| refused(&place, &error))?;
        let context = ContextBuilder::new()
            .timeout(limit)
            .max_ack_inflight(IN_FLIGHT)
            .build(client);
        Ok(Self {
            context,
            checked: None,
            trouble,
        })
    }

    /// What ended its use, if anything has.
    pub fn trouble(&self) -> Option<Trouble> {
        *self.trouble.borrow()
    }

    /// To await the end of its use beside something else.
    pub fn watch(&self) -> Watch {
        Watch(self.trouble.clone())
    }
}

/// Awaits trouble.
pub(super) struct Watch(watch::Receiver<Option<Trouble>>);

impl Watch {
    /// What it is, at once if it was there before.
    pub async fn trouble(&mut self) -> Trouble {
        let found = self.0.wait_for(Option::is_some).await;
        found
            .map_or(None, |found| *found)
            .unwrap_or(Trouble::Disconnected)
    }
}

impl Trouble {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Disconnected | Event::Closed => Some(Self::Disconnected),
            Event::ServerError(ServerError::AuthorizationViolation) => Some(Self::NotAllowed),
            Event::ServerError(ServerError::Other(text)) => {
                let text = text.to_ascii_lowercase();
                let denied =
                    text.contains("permissions violation") || text.contains("authorization");
                denied.then_some(Self::NotAllowed)
            }
            _ => None,
        }
    }

    /// The reason to give.
    pub fn reason(self, place: &str) -> Reason {
        match self {
            Self::Disconnected => reason("disconnected", format!("{place} ended the connection")),
            Self::NotAllowed => reason(
                "not_allowed",
                format!(
                    "{place} does not permit this: let the user publish to the subject and \
                     $JS.API.STREAM.INFO, and subscribe to _INBOX.>"
                ),
            ),
        }
    }
}

/// Host and port: a URL may hold a password.
pub(super) fn place(address: &ServerAddr) -> String {
    format!("the NATS server {}:{}", address.host(), address.port())
}

/// Events leave the machine encrypted, or not at all.
fn must_encrypt(address: &ServerAddr) -> bool {
    let host = address.host().trim_matches(['[', ']']);
    let local = host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    address.tls_required() || !local
}

fn refused(place: &str, error: &ConnectError) -> Reason {
    let code = match error.kind() {
        ConnectErrorKind::AuthorizationViolation => "unauthorized",
        ConnectErrorKind::Authentication => "credentials",
        ConnectErrorKind::TimedOut => "timeout",
        ConnectErrorKind::ServerParse => "bad_url",
        kind => match (handshake(error), kind) {
            (Some(rustls::Error::InvalidCertificate(_)), _) => "certificate",
            (Some(_), _) | (None, ConnectErrorKind::Tls) => "tls",
            (None, _) => "unreachable",
        },
    };
    reason(code, format!("{place}: {error}"))
}

/// What failed in the handshake, which the library reports as any failure of a socket.
fn handshake(error: &ConnectError) -> Option<&rustls::Error> {
    let inner: &io::Error = error.source()?.downcast_ref()?;
    inner.get_ref()?.downcast_ref()
}

pub(super) fn reason(code: &str, text: String) -> Reason {
    Reason {
        code: code.into(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        for (url, encrypted) in [
            ("nats://127.0.0.1:4222", false),
            ("nats://[::1]:4222", false),
            ("tls://127.0.0.1:4222", true),
            ("nats://192.0.2.1:4222", true),
            ("nats://localhost:4222", true),
            ("nats://hub.example", true),
        ] {
            let address = url.parse().expect("a URL");
            assert_eq!(must_encrypt(&address), encrypted, "{url}");
        }
    }

    #[test]
    fn a_reason_holds_no_password() {
        let address = "nats://user:secret@127.0.0.1:4222".parse().expect("a URL");
        assert_eq!(place(&address), "the NATS server 127.0.0.1:4222");
    }
}
