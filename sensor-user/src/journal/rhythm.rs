//! Whether somebody was there all the time: stops that were not said, and silence between
//! heartbeats.

use jiff::{SignedDuration, Timestamp};

/// Most silences that are told one by one.
const TOLD: usize = 100;

/// A stretch of the journal in which entries are missing that the agent had promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The last entry before it.
    pub after: u64,
    /// When that was written.
    pub from: Timestamp,
    /// When the next was.
    pub until: Timestamp,
    /// The agent began anew behind it without having said that it stops: it was killed, or the machine
    /// failed.
    pub crash: bool,
}

/// An entry that is earlier than the one before it: somebody took another time for right between two
/// runs, or the clock was set back under an agent of a former version. Silence hides there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBack {
    /// The entry.
    pub index: u64,
    /// When the one before it was written.
    pub from: Timestamp,
    /// When it was.
    pub until: Timestamp,
}

/// Looks at one entry after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    last: Option<(u64, Timestamp)>,
    /// Seconds between heartbeats, as the run promised when it started.
    every: Option<u64>,
    running: bool,
    silences: Vec<Silence>,
    count: u64,
    steps_back: Vec<StepBack>,
    back: u64,
}

impl Rhythm {
    /// Takes an entry; `every` is what a start promises.
    pub fn entry(&mut self, index: u64, time: Timestamp, action: &str, every: Option<u64>) {
        let crash = action == "started" && self.running;
        if let Some((after, from)) = self.last.filter(|_| self.running)
            && (crash || self.is_long(from, time))
        {
            self.count += 1;
            if self.silences.len() < TOLD {
                self.silences.push(Silence {
                    after,
                    from,
                    until: time,
                    crash,
                });
            }
        }
        if let Some((_, from)) = self.last.filter(|(_, from)| time < *from) {
            self.back += 1;
            if self.steps_back.len() < TOLD {
                let until = time;
                self.steps_back.push(StepBack { index, from, until });
            }
        }
        match action {
            "started" => (self.running, self.every) = (true, every),
            "stopped" => self.running = false,
            _ => {}
        }
        self.last = Some((index, time));
    }

    /// Twice the interval: one heartbeat at least is missing. Time that went back hides some of it, and
    /// is told of by itself.
    fn is_long(&self, from: Timestamp, until: Timestamp) -> bool {
        let limit = self.every.and_then(|every| i64::try_from(every).ok());
        limit.is_some_and(|every| {
            until.duration_since(from) > SignedDuration::from_secs(every.saturating_mul(2))
        })
    }

    /// The last entry of a run that did not say that it stops; `None` behind an orderly stop.
    pub fn unsaid_stop(&self) -> Option<u64> {
        self.last.filter(|_| self.running).map(|(index, _)| index)
    }

    /// When the last entry was written, and whether it ends an orderly stop.
    pub fn end(&self) -> Option<(Timestamp, bool)> {
        self.last.map(|(_, time)| (time, !self.running))
    }

    /// Where time went back, at most [`TOLD`], and how often.
    pub fn steps_back(&self) -> (Vec<StepBack>, u64) {
        (self.steps_back.clone(), self.back)
    }

    /// The silences, at most [`TOLD`], and how many there are.
    pub fn silences(self) -> (Vec<Silence>, u64) {
        (self.silences, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(entries: &[(i64, &str)]) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for (index, (seconds, action)) in entries.iter().enumerate() {
            let time = Timestamp::from_second(*seconds).expect("a time");
            let every = (*action == "started").then_some(60);
            rhythm.entry(index as u64, time, action, every);
        }
        rhythm
    }

    #[test]
    fn an_orderly_stop_is_no_silence_and_a_crash_is_one() {
        let orderly = after(&[
            (0, "started"),
            (60, "heartbeat"),
            (70, "stopped"),
            (5000, "declaration_recorded"),
            (9000, "started"),
        ]);
        assert_eq!(orderly.unsaid_stop(), Some(4));
        assert_eq!(orderly.silences(), (vec![], 0));
        let crashed = after(&[(0, "started"), (60, "heartbeat"), (65, "started")]);
        let (silences, count) = crashed.silences();
        assert_eq!((silences[0].after, silences[0].crash, count), (1, true, 1));
        assert_eq!(after(&[(0, "started"), (1, "stopped")]).unsaid_stop(), None);
    }

    #[test]
    fn time_that_goes_back_is_told_of() {
        let set_back = after(&[
            (0, "started"),
            (60, "heartbeat"),
            (40, "heartbeat"),
            (50, "x"),
        ]);
        let (steps, count) = set_back.steps_back();
        assert_eq!((steps[0].index, count), (2, 1));
        assert_eq!(steps[0].from.duration_since(steps[0].until).as_secs(), 20);
        let ticking = after(&[(0, "started"), (0, "x"), (60, "heartbeat")]);
        assert_eq!(ticking.steps_back().1, 0);
    }

    #[test]
    fn missing_heartbeats_are_a_silence() {
        let ticking = after(&[(0, "started"), (60, "heartbeat"), (121, "events_read")]);
        assert_eq!(ticking.silences().1, 0);
        let silent = after(&[(0, "started"), (60, "heartbeat"), (181, "heartbeat")]);
        let (silences, _) = silent.silences();
        assert_eq!((silences[0].after, silences[0].crash), (1, false));
    }
}
