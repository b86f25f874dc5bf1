//! One sink's worker: leases what is due, delivers it, notes what became of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::{Leased, Outcome, Place, Progress, Queue, Reason, Settled, Sink, backoff::pause};

/// Most deliveries of one batch.
const BATCH: u32 = 500;
/// How long deliveries are lent for: longer than any sink takes for a batch.
const LEASE: Duration = Duration::from_secs(120);
/// Longest sleep: what was due later, and what nobody told of, is seen then.
const LOOK: Duration = Duration::from_secs(1);
/// How often what a sink holds on this machine is looked through for what is over.
const TIDY: Duration = Duration::from_secs(30);
/// Deliveries are journalled together, at most so often.
const JOURNAL: Duration = Duration::from_secs(10);

/// A sink with its queue.
pub struct Worker<S, Q> {
    /// Where deliveries go.
    pub sink: S,
    /// Where they come from.
    pub queue: Q,
    /// How long the recipient keeps the whole events that it is sent; none where it is sent alerts, or
    /// destroys them with ours.
    pub keeps: Option<Duration>,
    /// What is told of it.
    pub progress: Arc<Progress>,
    /// Rung when something was stored.
    pub bell: Arc<Notify>,
    /// True when the agent stops.
    pub stop: watch::Receiver<bool>,
    /// The day in UTC; none while the clock is not to be trusted with destroying anything.
    pub today: Arc<dyn Fn() -> Option<Date> + Send + Sync>,
    /// The time by which validity is judged: the wall clock may have been set back.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What the worker carries from batch to batch.
struct Course {
    /// Batches in a row of which nothing arrived.
    failures: u32,
    unjournalled: (u64, u64),
    journalled: Instant,
    tidied: Option<Instant>,
}

impl<S: Sink, Q: Queue> Worker<S, Q> {
    /// Runs until `stop` is true. What is lent out then is settled first.
    pub async fn run(mut self) {
        let mut course = Course {
            failures: 0,
            unjournalled: (0, 0),
            journalled: Instant::now(),
            tidied: None,
        };
        while !*self.stop.borrow() {
            let wait = self.round(&mut course).await;
            if wait.is_zero() {
                continue;
            }
            let mut stop = self.stop.clone();
            let down = course.failures > 0;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // A sink that is down is not asked more often because more is stored.
                () = self.bell.notified(), if !down => {}
                _ = stop.changed() => {}
            }
        }
        self.journal(&mut course, true);
    }

    /// One batch; how long to wait for the next.
    async fn round(&mut self, course: &mut Course) -> Duration {
        self.tidy(course).await;
        if !self.journal(course, false) {
            return LOOK;
        }
        let now = Timestamp::now();
        let until = now + LEASE;
        let leased = match self.queue.lease(now, until, BATCH) {
            Ok(leased) => leased,
            Err(error) => {
                error!(sink = self.progress.name(), %error, "deliveries cannot be read from the store");
                return LOOK;
            }
        };
        if leased.is_empty() {
            return LOOK;
        }
        let full = leased.len() == BATCH as usize;
        let judged = (self.now)();
        let (late, leased): (Vec<_>, Vec<_>) = leased
            .into_iter()
            .partition(|one| self.would_outlive(one, judged));
        let mut settled = Vec::with_capacity(late.len() + leased.len());
        for one in late {
            let reason = Reason {
                code: "would_outlive".into(),
                text: "the recipient would keep it beyond its end".into(),
            };
            settled.push(self.refuse(course, one.place, reason));
        }
        if !leased.is_empty() {
            let views: Vec<_> = leased.iter().map(|one| one.view.clone()).collect();
            let outcomes = self.sink.deliver(&views).await;
            settled.extend(self.judge(course, &leased, outcomes));
        }
        if let Err(error) = self.queue.settle(&settled) {
            // They are lent out again, and arrive again under the same keys.
            error!(sink = self.progress.name(), %error, "what was delivered cannot be noted");
            return LOOK;
        }
        match course.failures {
            0 if full => Duration::ZERO,
            0 => LOOK,
            failures => pause(failures, chance()),
        }
    }

    /// Whether the recipient would have an event for longer than anybody may.
    fn would_outlive(&self, one: &Leased, now: Timestamp) -> bool {
        let end = one.view.expires.to_zoned(TimeZone::UTC);
        let end = end.map_or(Timestamp::MIN, |end| end.timestamp());
        self.keeps.is_some_and(|keeps| now + keeps > end)
    }

    fn refuse(&self, course: &mut Course, place: Place, reason: Reason) -> Settled {
        course.unjournalled.1 += 1;
        self.progress.refused(reason.clone());
        Settled::Dead(place, reason)
    }

    /// What each outcome means for the queue.
    fn judge(
        &mut self,
        course: &mut Course,
        leased: &[Leased],
        outcomes: Vec<Outcome>,
    ) -> Vec<Settled> {
        let now = Timestamp::now();
        let missing = || {
            Outcome::Retry(Reason {
                code: "no_answer".into(),
                text: "the sink told nothing of this delivery".into(),
            })
        };
        let outcomes = outcomes
            .into_iter()
            .map(Some)
            .chain(std::iter::repeat(None));
        let judged: Vec<_> = leased
            .iter()
            .zip(outcomes)
            .map(|(one, outcome)| (one, outcome.unwrap_or_else(missing)))
            .collect();
        // A recipient that takes nothing is down, whatever was sent: the worker waits, and everything
        // is due as soon as it tries again. One that takes others has something against this one.
        let down = judged
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Retry(_)));
        course.failures = if down {
            course.failures.saturating_add(1)
        } else {
            0
        };
        let mut settled = Vec::with_capacity(judged.len());
        for (one, outcome) in judged {
            match outcome {
                Outcome::Acknowledged => {
                    course.unjournalled.0 += 1;
                    self.progress.acknowledged(one.since, now);
                    if one.view.event.test {
                        self.progress.tested(&one.view.event.id);
                    }
                    settled.push(Settled::Acknowledged(one.place));
                }
                Outcome::Retry(reason) => {
                    self.progress.retried(reason);
                    let wait = if down {
                        Duration::ZERO
                    } else {
                        pause(one.attempts + 1, chance())
                    };
                    settled.push(Settled::Due(one.place, now + wait));
                }
                Outcome::Refused(reason) => {
                    settled.push(self.refuse(course, one.place, reason));
                }
            }
        }
        self.tell(down, course.failures);
        settled
    }

    /// Says once that a sink is down, and once that it is back.
    fn tell(&self, down: bool, failures: u32) {
        let was = self.progress.set_down(down);
        let sink = self.progress.name();
        match (was, down) {
            (false, true) => {
                let reason = self.progress.reason().unwrap_or_default();
                warn!(sink, failures, "nothing can be delivered: {reason}");
            }
            (true, false) => info!(sink, "deliveries go on"),
            _ => {}
        }
    }

    /// Journals deliveries; false when that fails, so that nothing more is told to anybody.
    fn journal(&mut self, course: &mut Course, now: bool) -> bool {
        let (delivered, dead) = course.unjournalled;
        let due = now || course.journalled.elapsed() >= JOURNAL;
        if (delivered, dead) == (0, 0) || !due {
            return true;
        }
        course.journalled = Instant::now();
        match self.queue.journal(delivered, dead) {
            Ok(()) => {
                course.unjournalled = (0, 0);
                true
            }
            Err(error) => {
                error!(sink = self.progress.name(), %error, "deliveries wait: they cannot be journalled");
                // At once the next time.
                course.journalled -= JOURNAL;
                false
            }
        }
    }

    /// Has the sink destroy what it holds on this machine and may no longer.
    async fn tidy(&mut self, course: &mut Course) {
        if course.tidied.is_some_and(|since| since.elapsed() < TIDY) {
            return;
        }
        course.tidied = Some(Instant::now());
        let sink = self.progress.name().to_owned();
        if let Some(today) = (self.today)() {
            match self.sink.destroy_expired(today).await {
                Ok(0) => {}
                Ok(events) => info!(sink, events, "what was over is destroyed"),
                Err(reason) => error!(sink, "what is over is there still: {}", reason.text),
            }
        }
        let ids = match self.queue.withdrawn() {
            Ok(ids) if ids.is_empty() => return,
            Ok(ids) => ids,
            Err(error) => {
                error!(sink, %error, "what was destroyed cannot be read from the store");
                return;
            }
        };
        match self.sink.forget(&ids).await {
            Ok(_) => {
                if let Err(error) = self.queue.set_forgotten(&ids) {
                    error!(sink, %error, "what a sink destroyed cannot be noted");
                }
            }
            Err(reason) => error!(sink, "what was destroyed is there still: {}", reason.text),
        }
    }
}

/// A value for [`pause`]; without randomness, the clock's last digits do.
fn chance() -> u64 {
    crate::crypto::random().map_or_else(
        |_| Timestamp::now().as_nanosecond() as u64,
        u64::from_ne_bytes,
    )
}

#[cfg(test)]
mod tests;
