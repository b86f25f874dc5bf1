//! What holds a flooding pattern back, for what the kernel does not match itself: as the kernel has it,
//! a limit of new flows and a circuit breaker.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{dataplane::Limit, hits::Account, model::PatternId};

/// Most patterns whose spending is remembered; a pattern that is forgotten begins anew.
const MOST: usize = 65_536;

/// Limits of new flows, and breakers that are open.
#[derive(Debug, Default)]
pub struct Limits {
    interval: u64,
    burst: u64,
    /// Time up to which each pattern has spent, nanoseconds.
    spent: HashMap<PatternId, u64>,
    broken: HashSet<PatternId>,
}

impl Limits {
    /// With a limit for each pattern.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        let nanoseconds = |of: Duration| u64::try_from(of.as_nanos()).unwrap_or(u64::MAX);
        Self {
            interval: nanoseconds(limit.interval),
            burst: nanoseconds(limit.burst),
            ..Self::default()
        }
    }

    /// Says whose breakers are open.
    pub fn set_broken(&mut self, patterns: impl IntoIterator<Item = PatternId>) {
        self.broken = patterns.into_iter().collect();
    }

    /// Whether a pattern's breaker is open.
    #[must_use]
    pub fn is_broken(&self, pattern: PatternId) -> bool {
        self.broken.contains(&pattern)
    }

    /// Lets a new flow of a pattern through at a time, or says why not.
    ///
    /// # Errors
    /// [`Account::Limited`].
    pub fn admit(&mut self, pattern: PatternId, time: u64) -> Result<(), Account> {
        if self.interval == 0 {
            return Ok(());
        }
        if self.spent.len() >= MOST {
            self.spent.retain(|_, until| *until > time);
        }
        let until = self.spent.get(&pattern).copied().unwrap_or(0).max(time);
        if until - time > self.burst {
            return Err(Account::Limited);
        }
        if self.spent.len() < MOST || self.spent.contains_key(&pattern) {
            self.spent.insert(pattern, until + self.interval);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_spends_its_own_limit_and_no_other_pays() {
        let mut limits = Limits::new(Limit::per_second(10, 3));
        let (one, other) = (PatternId(1), PatternId(2));
        let second = 1_000_000_000;
        let let_through = |limits: &mut Limits, pattern, time| {
            let admitted = (0..9).filter(|_| limits.admit(pattern, time).is_ok());
            admitted.count()
        };
        assert_eq!(let_through(&mut limits, one, second), 3);
        assert_eq!(let_through(&mut limits, other, second), 3);
        assert_eq!(let_through(&mut limits, one, second + second / 10), 1);
        assert_eq!(let_through(&mut limits, one, 2 * second), 3);
        assert_eq!(let_through(&mut Limits::default(), one, 0), 9);
    }
}
