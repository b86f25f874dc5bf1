//! A TAXII 2.1 collection: sightings, and what was observed, as STIX 2.1 objects.

mod server;
mod status;

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Outcome, Reason, Sink, Timeouts, View, stix};
use crate::config;
use server::{Refusal, Server, reason, version};
use status::Failures;

/// Events in one envelope at most.
const MOST: usize = 200;
/// How long a server may be busy with an envelope that it took.
const PENDING: Duration = Duration::from_secs(10);
/// How long what a server says of itself is believed.
const FRESH: Duration = Duration::from_secs(600);

/// Adds events to a collection.
pub struct Taxii {
    config: config::Taxii,
    timeouts: Timeouts,
    pending: Duration,
    /// The server, and when it was asked about itself; asked again after a failure.
    server: Option<(Server, Instant)>,
    /// Until when the server asked for silence, and how.
    quiet: Option<(Instant, Reason)>,
}

impl Taxii {
    /// Of a configured sink. Its files are read, and the server is asked, at the first delivery.
    #[must_use]
    pub fn new(config: &config::Taxii) -> Self {
        Self {
            config: config.clone(),
            timeouts: Timeouts::default(),
            pending: PENDING,
            server: None,
            quiet: None,
        }
    }

    /// With other time limits: of each request, and of a server's work on an envelope that it took.
    #[must_use]
    pub fn with_time_limits(mut self, timeouts: Timeouts, pending: Duration) -> Self {
        (self.timeouts, self.pending) = (timeouts, pending);
        self
    }

    async fn server(&mut self) -> Result<(Server, Instant), Refusal> {
        let known = self.server.take();
        match known.filter(|(_, asked)| asked.elapsed() < FRESH) {
            Some(known) => Ok(known),
            None => Ok((
                Server::open(&self.config, self.timeouts).await?,
                Instant::now(),
            )),
        }
    }

    /// Adds some events, halving what the server does not take until the offender stands alone.
    /// Stops at what concerns all of them.
    async fn add_all(
        &self,
        server: &Server,
        all: &[Vec<Value>],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), Refusal> {
        let mut left: Vec<Range<usize>> = (0..all.len())
            .step_by(MOST)
            .map(|start| start..all.len().min(start + MOST))
            .rev()
            .collect();
        while let Some(range) = left.pop() {
            let events = &all[range.clone()];
            let body = envelope(events);
            let answer = if body.len() > server.longest {
                let text = format!(
                    "{} takes {} bytes, the event has {}",
                    server.name(),
                    server.longest,
                    body.len()
                );
                Err(Refusal::TooLong(reason("too_large", text)))
            } else {
                server.add(body, self.pending).await
            };
            let reason = match answer {
                Ok(failures) => {
                    let told = settle(server, events, failures).await?;
                    for (outcome, told) in outcomes[range].iter_mut().zip(told) {
                        *outcome = Some(told);
                    }
                    continue;
                }
                Err(Refusal::TooLong(why)) => reason("too_large", why.text),
                Err(Refusal::Wrong(reason)) => reason,
                Err(later) => return Err(later),
            };
            if range.len() == 1 {
                outcomes[range.start] = Some(Outcome::Refused(reason));
            } else {
                let middle = range.start + range.len() / 2;
                left.extend([middle..range.end, range.start..middle]);
            }
        }
        Ok(())
    }
}

impl Sink for Taxii {
    async fn deliver(&mut self, views: &[View]) -> Vec<Outcome> {
        if views.is_empty() {
            return Vec::new();
        }
        if let Some((until, reason)) = &self.quiet {
            if Instant::now() < *until {
                return vec![Outcome::Retry(reason.clone()); views.len()];
            }
            self.quiet = None;
        }
        let mut outcomes = vec![None; views.len()];
        let done = match self.server().await {
            Ok((server, asked)) => {
                let all: Vec<_> = views.iter().map(stix::objects).collect();
                let done = self.add_all(&server, &all, &mut outcomes).await;
                if done.is_ok() {
                    self.server = Some((server, asked));
                }
                done
            }
            Err(refusal) => Err(refusal),
        };
        let rest = match done {
            Ok(()) => reason("unreachable", "the server was not asked".into()),
            // What the server says of itself is not about an event, whatever status says so.
            Err(Refusal::Wrong(reason) | Refusal::TooLong(reason)) => reason,
            Err(Refusal::Later(reason, wait)) => {
                self.quiet = wait.map(|wait| (Instant::now() + wait, reason.clone()));
                reason
            }
        };
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Outcome::Retry(rest.clone())))
            .collect()
    }
}

/// The objects of some events, each once (TAXII 2.1 §3.7).
fn envelope(events: &[Vec<Value>]) -> Vec<u8> {
    let mut seen = HashSet::new();
    let objects: Vec<&Value> = events
        .iter()
        .flatten()
        .filter(|object| seen.insert((object["id"].as_str(), object["modified"].as_str())))
        .collect();
    json!({ "objects": objects }).to_string().into_bytes()
}

/// What became of each event. An object that failed may be one that was there before: servers exist
/// that call that a failure, against §5.4. So what failed is looked for.
async fn settle(
    server: &Server,
    events: &[Vec<Value>],
    failures: Failures,
) -> Result<Vec<Outcome>, Refusal> {
    let failed: Option<HashSet<String>> = match failures {
        Failures::Of(ids) if ids.is_empty() => {
            return Ok(vec![Outcome::Acknowledged; events.len()]);
        }
        Failures::Of(ids) => Some(ids.into_iter().collect()),
        Failures::Unnamed => None,
    };
    let doubtful = |object: &&Value| {
        let failed = failed.as_ref();
        failed.is_none_or(|failed| object["id"].as_str().is_some_and(|id| failed.contains(id)))
    };
    // The latest version that was sent of each: an earlier one is then of no use to anybody.
    let mut wanted: HashMap<String, Option<Timestamp>> = HashMap::new();
    for object in events.iter().flatten().filter(doubtful) {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        let latest = wanted.entry(id).or_default();
        *latest = (*latest).max(version(object));
    }
    let present = server.present(&wanted).await?;
    let missing = |object: &Value| match &present {
        Some(there) => object["id"].as_str().is_none_or(|id| !there.contains(id)),
        // It cannot be looked for: what many events share was taken with one of them.
        None => matches!(object["type"].as_str(), Some("sighting" | "observed-data")),
    };
    let told = events.iter().map(|objects| {
        if objects.iter().filter(doubtful).any(missing) {
            let text = format!("{} did not take all objects of the event", server.name());
            Outcome::Refused(reason("object_refused", text))
        } else {
            Outcome::Acknowledged
        }
    });
    Ok(told.collect())
}
