//! The webhook: batches of events as NDJSON over HTTPS, signed.

mod batch;
mod key;

use std::{iter, ops::Range, time::Instant};

use jiff::Timestamp;

use super::{
    Outcome, Reason, Sink, Timeouts, View,
    web::{self, Client, Url, header},
};
use crate::config;

use batch::Batch;
use key::Key;

/// How many lines one request has at most.
const MOST: usize = 1_000;

/// After so many batches that are not understood and none that is taken, it is the recipient: the
/// rest waits.
const PATIENCE: usize = 32;

/// Posts batches of NDJSON to an HTTPS endpoint.
#[derive(Debug)]
pub struct Webhook {
    config: config::Webhook,
    timeouts: Timeouts,
    /// What is made of the files that the configuration names. Made again after a failure that they
    /// may be the reason of: a renewed certificate is used without a restart.
    ready: Option<Ready>,
    /// How many lines the recipient is known to take at once.
    most: usize,
    /// Until when the recipient asked for silence, and how.
    quiet: Option<(Instant, Reason)>,
}

#[derive(Clone, Debug)]
struct Ready {
    url: Url,
    client: Client,
    key: Option<Key>,
}

/// What became of one request.
enum Answer {
    /// The recipient has the batch.
    Taken,
    /// Not now, whatever the batch holds.
    Later(Reason),
    /// The batch is too long.
    TooLong(Reason),
    /// It is not understood.
    Wrong(Reason, Fault),
}

/// What a request that is not understood is wrong in.
#[derive(PartialEq)]
enum Fault {
    /// Its content.
    Content,
    /// Its content or the request itself.
    Unknown,
}

/// What became of each line.
struct Told {
    outcomes: Vec<Outcome>,
    /// Lines that were refused alone, though it is not known whether it is their fault.
    suspects: Vec<usize>,
}

impl Webhook {
    /// A sink for this endpoint; its files are read at the first delivery.
    #[must_use]
    pub fn new(config: &config::Webhook) -> Self {
        Self::with_timeouts(config, Timeouts::default())
    }

    /// The same, with other limits of time.
    #[must_use]
    pub fn with_timeouts(config: &config::Webhook, timeouts: Timeouts) -> Self {
        Self {
            config: config.clone(),
            timeouts,
            ready: None,
            most: MOST,
            quiet: None,
        }
    }

    fn ready(&mut self) -> Result<Ready, Reason> {
        if let Some(ready) = &self.ready {
            return Ok(ready.clone());
        }
        let key = self.config.hmac_key_file.as_deref();
        let ready = Ready {
            url: web::parse(&self.config.url)?,
            client: web::client(&self.config.tls, self.timeouts)?,
            key: key.map(Key::read).transpose()?,
        };
        Ok(self.ready.insert(ready).clone())
    }

    /// Posts a batch once.
    async fn post(&mut self, batch: &Batch) -> Answer {
        if let Some((until, reason)) = &self.quiet
            && Instant::now() < *until
        {
            return Answer::Later(reason.clone());
        }
        self.quiet = None;
        let ready = match self.ready() {
            Ok(ready) => ready,
            Err(reason) => return Answer::Later(reason),
        };
        let mut request = ready
            .client
            .post(ready.url.clone())
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header("Idempotency-Key", &batch.key);
        if let Some(key) = &ready.key {
            let signature = key.sign(Timestamp::now(), &batch.body);
            request = request.header("Marker-Sensor-Signature", signature);
        }
        match request.body(batch.body.clone()).send().await {
            Ok(answer) => self.judge(&ready.url, answer).await,
            Err(error) => {
                self.ready = None;
                Answer::Later(web::failure(&ready.url, &error))
            }
        }
    }

    async fn judge(&mut self, url: &Url, answer: web::Response) -> Answer {
        let status = answer.status();
        let wait = web::retry_after(answer.headers(), Timestamp::now());
        web::discard(answer).await;
        let reason = web::refusal(url, status);
        // Our own files may be what is wrong: nginx answers 400 to a certificate it does not know.
        if matches!(status.as_u16(), 400 | 401 | 403) {
            self.ready = None;
        }
        match status.as_u16() {
            200..300 => Answer::Taken,
            400 => Answer::Wrong(reason, Fault::Unknown),
            413 => Answer::TooLong(reason),
            422 => Answer::Wrong(reason, Fault::Content),
            _ => {
                let until = wait.and_then(|wait| Instant::now().checked_add(wait));
                self.quiet = until.map(|until| (until, reason.clone()));
                Answer::Later(reason)
            }
        }
    }

    /// Posts all of them, in halves where the recipient does not take them together.
    async fn tell(&mut self, views: &[View]) -> Told {
        let unsent = Reason {
            code: "unsent".into(),
            text: "not posted yet".into(),
        };
        let mut told = Told {
            outcomes: vec![Outcome::Retry(unsent); views.len()],
            suspects: Vec::new(),
        };
        let (mut taken, mut refused) = (false, 0);
        // The last one is posted next.
        let mut waiting: Vec<_> = iter::once(0..views.len()).collect();
        while let Some(lines) = waiting.pop() {
            if lines.len() > self.most {
                push_both(&mut waiting, &lines, self.most);
                continue;
            }
            match self.post(&Batch::new(&views[lines.clone()])).await {
                Answer::Taken => {
                    taken = true;
                    told.settle(&lines, &Outcome::Acknowledged);
                }
                Answer::TooLong(reason) if lines.len() == 1 => {
                    told.settle(&lines, &Outcome::Refused(reason));
                }
                Answer::TooLong(_) => {
                    self.most = lines.len().div_ceil(2);
                    waiting.push(lines);
                }
                Answer::Wrong(reason, fault) if taken || refused < PATIENCE => {
                    refused += 1;
                    if lines.len() > 1 {
                        push_both(&mut waiting, &lines, lines.len().div_ceil(2));
                    } else if fault == Fault::Content {
                        told.settle(&lines, &Outcome::Refused(reason));
                    } else {
                        told.settle(&lines, &Outcome::Retry(reason));
                        told.suspects.push(lines.start);
                    }
                }
                // What is true of one batch is true of those behind it.
                Answer::Later(reason) | Answer::Wrong(reason, _) => {
                    let outcome = Outcome::Retry(reason);
                    told.settle(&lines, &outcome);
                    for lines in waiting.drain(..) {
                        told.settle(&lines, &outcome);
                    }
                }
            }
        }
        told
    }
}

/// Puts both parts of `lines` on the stack, the first `length` on top.
fn push_both(waiting: &mut Vec<Range<usize>>, lines: &Range<usize>, length: usize) {
    let middle = lines.start + length;
    waiting.push(middle..lines.end);
    waiting.push(lines.start..middle);
}

impl Told {
    fn settle(&mut self, lines: &Range<usize>, outcome: &Outcome) {
        self.outcomes[lines.clone()].fill(outcome.clone());
    }

    /// The suspects are guilty: such events are never taken.
    fn condemn(&mut self) {
        for line in self.suspects.drain(..) {
            if let Outcome::Retry(reason) = &self.outcomes[line] {
                self.outcomes[line] = Outcome::Refused(reason.clone());
            }
        }
    }
}

impl Sink for Webhook {
    async fn deliver(&mut self, views: &[View]) -> Vec<Outcome> {
        if views.is_empty() {
            return Vec::new();
        }
        let mut told = self.tell(views).await;
        // It is the event's fault where the same request is taken with other events, or with none.
        if !told.suspects.is_empty()
            && (told.outcomes.contains(&Outcome::Acknowledged)
                || matches!(self.post(&Batch::new(&[])).await, Answer::Taken))
        {
            told.condemn();
        }
        told.outcomes
    }
}
