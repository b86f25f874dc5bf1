//! A JetStream stream: each revision a message, told apart by `Nats-Msg-Id`.

mod cause;
mod connection;
mod stream;
mod tls;

use std::time::{Duration, Instant};

use async_nats::{
    ServerAddr,
    jetstream::{context::PublishAckFuture, message::PublishMessage},
};
use bytes::Bytes;
use serde_json::Value;

use super::{Outcome, Reason, Sink, View};
use crate::config;
use connection::{Connection, IN_FLIGHT, reason};

/// Time for each step: to connect, to read what the stream is, to be acknowledged.
const STEP: Duration = Duration::from_secs(10);
/// How long what the stream was is taken for what it is.
const FRESH: Duration = Duration::from_secs(60);

/// Sends events to a stream, as long as the stream forgets them in time.
pub struct Nats {
    config: config::Nats,
    longest: Duration,
    step: Duration,
    live: Option<Connection>,
    told_of_window: bool,
}

impl Nats {
    /// Of a configured sink; `retention` is what the operator declares of its recipient. Connects at
    /// the first delivery.
    #[must_use]
    pub fn new(config: &config::Nats, retention: Option<Duration>) -> Self {
        Self {
            config: config.clone(),
            longest: stream::longest(retention),
            step: STEP,
            live: None,
            told_of_window: false,
        }
    }

    /// With another time for each step than ten seconds: to connect, to read what the stream is, to
    /// be acknowledged.
    #[must_use]
    pub fn with_time_limit(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    /// The server in words, without the password that the URL may hold.
    fn place(&self) -> String {
        let address = self.config.url.parse::<ServerAddr>();
        address.map_or_else(
            |_| "the NATS server".into(),
            |address| connection::place(&address),
        )
    }

    /// A connection whose stream is fit, and was lately.
    async fn ready(&mut self) -> Result<Connection, Reason> {
        let kept = self.live.take().filter(|live| live.trouble().is_none());
        let mut live = match kept {
            Some(live) => live,
            None => Connection::open(&self.config, self.step).await?,
        };
        if live.checked.is_none_or(|at| at.elapsed() >= FRESH) {
            live.checked = None;
            let checked = self.check(&live).await;
            if let Err(reason) = checked {
                // The connection is good, the stream is not: it is read again next time.
                self.live = live.trouble().is_none().then_some(live);
                return Err(reason);
            }
            live.checked = Some(Instant::now());
        }
        Ok(live)
    }

    async fn check(&mut self, live: &Connection) -> Result<(), Reason> {
        let place = self.place();
        let mut watch = live.watch();
        let asked = tokio::select! {
            asked = live.context.get_stream(&self.config.stream) => asked,
            trouble = watch.trouble() => return Err(trouble.reason(&place)),
        };
        let place = format!("{place}, stream {}", self.config.stream);
        let found = asked.map_err(|error| cause::of_stream(&place, &error))?;
        let config = &found.cached_info().config;
        stream::judge(config, &self.config, self.longest)
            .map_err(|unfit| reason(unfit.0, format!("{place}: {}", unfit.1)))?;
        if config.duplicate_window < stream::RETRY_SPAN && !self.told_of_window {
            self.told_of_window = true;
            tracing::info!(
                stream = %self.config.stream,
                window_s = config.duplicate_window.as_secs(),
                "the stream's duplicate window is short: what is sent again after it arrives twice, \
                 told apart by id and rev"
            );
        }
        Ok(())
    }

    /// Publishes all, then awaits all acknowledgements. Whether the connection can still be used.
    async fn publish(&self, live: &Connection, views: &[View]) -> (Vec<Outcome>, bool) {
        let place = self.place();
        let deadline = tokio::time::Instant::now() + self.step;
        let mut sent = Vec::with_capacity(views.len());
        for view in views {
            sent.push(self.send(live, view).await);
        }
        let (mut outcomes, mut usable) = (Vec::with_capacity(views.len()), true);
        let mut watch = live.watch();
        for ack in sent {
            let acknowledged = match ack {
                // The library says only that it could not: the event says why.
                Err(error) => Err(match live.trouble() {
                    Some(trouble) => (Outcome::Retry(trouble.reason(&place)), false),
                    None => cause::of_publish(&place, &error),
                }),
                // Acknowledgements that are there already count, whatever came after them.
                Ok(ack) => tokio::select! {
                    biased;
                    told = ack => match told {
                        Ok(told) if told.stream == self.config.stream => Ok(()),
                        Ok(_) => Err((Outcome::Retry(self.wrong_stream(&place)), false)),
                        Err(error) => Err(cause::of_publish(&place, &error)),
                    },
                    trouble = watch.trouble() => Err((Outcome::Retry(trouble.reason(&place)), false)),
                    () = tokio::time::sleep_until(deadline) => {
                        let text = format!("{place}: no acknowledgement in time");
                        Err((Outcome::Retry(reason("ack_timeout", text)), false))
                    }
                },
            };
            outcomes.push(match acknowledged {
                Ok(()) => Outcome::Acknowledged,
                Err((outcome, good)) => {
                    usable &= good;
                    outcome
                }
            });
        }
        (outcomes, usable)
    }

    async fn send(
        &self,
        live: &Connection,
        view: &View,
    ) -> Result<PublishAckFuture, async_nats::jetstream::context::PublishError> {
        // A stream of that name whose subjects changed, or another that has taken them over since
        // they were read, refuses the message: its retention was not looked at.
        let message = PublishMessage::build()
            .payload(Bytes::from(Value::Object(view.fields()).to_string()))
            .message_id(view.key())
            .expected_stream(&self.config.stream);
        let subject = self.config.subject.clone();
        live.context.send_publish(subject, message).await
    }

    fn wrong_stream(&self, place: &str) -> Reason {
        let text = format!(
            "{place}: another stream than {} answered for the subject {}",
            self.config.stream, self.config.subject
        );
        reason("wrong_stream", text)
    }
}

impl Sink for Nats {
    async fn deliver(&mut self, views: &[View]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(views.len());
        for batch in views.chunks(IN_FLIGHT) {
            let live = match self.ready().await {
                Ok(live) => live,
                Err(reason) => {
                    outcomes.resize(views.len(), Outcome::Retry(reason));
                    break;
                }
            };
            let (told, usable) = self.publish(&live, batch).await;
            outcomes.extend(told);
            if !usable {
                // The rest would fare no better, and each try takes its time.
                let last = outcomes
                    .iter()
                    .rev()
                    .find(|one| matches!(one, Outcome::Retry(_)));
                let last = last.cloned().unwrap_or(Outcome::Acknowledged);
                outcomes.resize(views.len(), last);
                break;
            }
            self.live = Some(live);
        }
        outcomes
    }
}
