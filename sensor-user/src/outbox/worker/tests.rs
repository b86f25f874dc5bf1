//! The worker between a queue in memory and a sink that answers as it is told.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::*;
use crate::{
    metrics::Metrics,
    outbox::{Extent, Place, View, view::tests::event},
};

#[derive(Default)]
struct Kept {
    /// When each is due.
    due: BTreeMap<i64, Timestamp>,
    attempts: BTreeMap<i64, u32>,
    dead: Vec<i64>,
    journalled: (u64, u64),
    journal_fails: bool,
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Kept>>);

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn view() -> View {
    View {
        event: event(
            crate::model::MatchedIn::DstIp,
            crate::model::SubscriberSide::Src,
        ),
        extent: Extent::Event,
        expires: "2100-07-31".parse().expect("a day"),
    }
}

impl Queue for Memory {
    type Error = &'static str;

    fn lease(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Leased>, Self::Error> {
        self.with(|kept| {
            let due: Vec<i64> = kept
                .due
                .iter()
                .filter(|(_, due)| **due <= now)
                .map(|(seq, _)| *seq)
                .take(most as usize)
                .collect();
            Ok(due
                .into_iter()
                .map(|seq| {
                    kept.due.insert(seq, until);
                    Leased {
                        place: Place { seq, rev: 1 },
                        attempts: kept.attempts.get(&seq).copied().unwrap_or(0),
                        since: now,
                        view: view(),
                    }
                })
                .collect())
        })
    }

    fn settle(&mut self, settled: &[Settled]) -> Result<(), Self::Error> {
        self.with(|kept| {
            for one in settled {
                match one {
                    Settled::Acknowledged(place) => drop(kept.due.remove(&place.seq)),
                    Settled::Due(place, due) => {
                        kept.due.insert(place.seq, *due);
                        *kept.attempts.entry(place.seq).or_default() += 1;
                    }
                    Settled::Dead(place, _) => {
                        kept.due.remove(&place.seq);
                        kept.dead.push(place.seq);
                    }
                }
            }
            Ok(())
        })
    }

    fn withdrawn(&mut self) -> Result<Vec<String>, Self::Error> {
        Ok(Vec::new())
    }

    fn set_forgotten(&mut self, _: &[String]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn journal(&mut self, delivered: u64, dead: u64) -> Result<(), Self::Error> {
        self.with(|kept| {
            if kept.journal_fails {
                return Err("full");
            }
            kept.journalled.0 += delivered;
            kept.journalled.1 += dead;
            Ok(())
        })
    }
}

/// Answers each batch by the next line of its script, one letter a delivery: `a`, `r`, `x`.
struct Scripted(Vec<&'static str>);

impl Sink for Scripted {
    async fn deliver(&mut self, views: &[View]) -> Vec<Outcome> {
        let line = if self.0.is_empty() {
            ""
        } else {
            self.0.remove(0)
        };
        let reason = || Reason {
            code: "scripted".into(),
            text: "as the test says".into(),
        };
        line.chars()
            .take(views.len())
            .map(|letter| match letter {
                'a' => Outcome::Acknowledged,
                'r' => Outcome::Retry(reason()),
                _ => Outcome::Refused(reason()),
            })
            .collect()
    }
}

fn worker(script: &[&'static str], events: i64) -> (Worker<Scripted, Memory>, Memory, Course) {
    let memory = Memory::default();
    memory.with(|kept| kept.due = (1..=events).map(|seq| (seq, Timestamp::now())).collect());
    let metrics = Arc::new(Metrics::new("0", "none", "pop1"));
    let (_stop, stop) = watch::channel(false);
    let worker = Worker {
        sink: Scripted(script.to_vec()),
        queue: memory.clone(),
        keeps: None,
        progress: Arc::new(Progress::new("soc", metrics)),
        bell: Arc::new(Notify::new()),
        stop,
        today: Arc::new(|| None),
        now: Arc::new(Timestamp::now),
    };
    let course = Course {
        failures: 0,
        unjournalled: (0, 0),
        journalled: Instant::now(),
        tidied: None,
    };
    (worker, memory, course)
}

#[tokio::test]
async fn a_sink_that_is_down_gets_everything_when_it_is_back() {
    let (mut worker, memory, mut course) = worker(&["rrr", "rrr", "aaa"], 3);
    let first = worker.round(&mut course).await;
    assert!(
        first < Duration::from_secs(1) && course.failures == 1,
        "{first:?}"
    );
    assert!(worker.progress.told().down);
    let _ = worker.round(&mut course).await;
    assert_eq!(course.failures, 2);
    memory.with(|kept| assert!(kept.due.values().all(|due| *due <= Timestamp::now())));
    let _ = worker.round(&mut course).await;
    let told = worker.progress.told();
    assert!(
        !told.down && told.acknowledged == 3 && told.retried == 6,
        "{told:?}"
    );
    memory.with(|kept| assert!(kept.due.is_empty()));
}

#[tokio::test]
async fn what_one_delivery_meets_is_its_own() {
    let (mut worker, memory, mut course) = worker(&["arx"], 3);
    let _ = worker.round(&mut course).await;
    assert_eq!(course.failures, 0, "the sink is there");
    memory.with(|kept| {
        assert_eq!(kept.dead, [3]);
        assert!(kept.due.len() == 1 && kept.due[&2] > Timestamp::now());
    });
    // Its time has not come.
    let wait = worker.round(&mut course).await;
    assert_eq!(wait, LOOK);
}

#[tokio::test]
async fn an_outcome_that_is_missing_is_no_acknowledgement() {
    let (mut worker, memory, mut course) = worker(&["a"], 2);
    let _ = worker.round(&mut course).await;
    memory.with(|kept| assert_eq!(kept.due.keys().copied().collect::<Vec<_>>(), [2]));
    assert_eq!(
        worker
            .progress
            .told()
            .reason
            .map(|reason| reason.code)
            .as_deref(),
        Some("no_answer")
    );
}

#[tokio::test]
async fn nothing_is_told_while_it_cannot_be_journalled() {
    let (mut worker, memory, mut course) = worker(&["a", "a"], 1);
    memory.with(|kept| kept.journal_fails = true);
    let _ = worker.round(&mut course).await;
    let again = Timestamp::now();
    memory.with(|kept| kept.due.insert(2, again));
    course.journalled -= JOURNAL;
    let _ = worker.round(&mut course).await;
    assert_eq!(worker.progress.told().acknowledged, 1, "the second waits");
    memory.with(|kept| kept.journal_fails = false);
    let _ = worker.round(&mut course).await;
    assert_eq!(worker.progress.told().acknowledged, 2);
    assert!(worker.journal(&mut course, true));
    memory.with(|kept| assert_eq!(kept.journalled, (2, 0)));
}

#[tokio::test]
async fn what_the_recipient_would_keep_for_too_long_is_not_sent() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (mut worker, memory, mut course) = worker(&["aa"], 2);
    worker.keeps = Some(365 * 100 * DAY);
    let _ = worker.round(&mut course).await;
    let told = worker.progress.told();
    assert_eq!((told.acknowledged, told.refused), (0, 2), "{told:?}");
    assert_eq!(
        told.reason.map(|reason| reason.code),
        Some("would_outlive".into())
    );
    memory.with(|kept| assert_eq!(kept.dead, [1, 2]));

    memory.with(|kept| kept.due.insert(3, Timestamp::now()));
    worker.keeps = Some(DAY);
    let _ = worker.round(&mut course).await;
    assert_eq!(worker.progress.told().acknowledged, 1);

    // A wall clock that was set back gives nobody more time: the judged one goes on.
    memory.with(|kept| kept.due.insert(4, Timestamp::now()));
    worker.now = Arc::new(|| "2100-07-30T12:00:00Z".parse().expect("a time"));
    let _ = worker.round(&mut course).await;
    assert_eq!(worker.progress.told().refused, 3);
}
