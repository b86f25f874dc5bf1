//! Which patterns flood: they announce as many new flows as their limit lets through, for long.

use std::{collections::HashMap, time::Duration};

use crate::model::PatternId;

/// Share of the limit above which a pattern counts as being at it: the limit is a CPU's, and the
/// interval is not exact.
const SHARE: f64 = 0.9;
/// New flows at the limit that one more or less does not hide: so many make an interval.
const FEWEST: f64 = 10.0;

/// Counts announced flows by pattern, interval by interval.
#[derive(Debug)]
pub struct Floods {
    /// New flows of one interval from which on a pattern is at its limit.
    threshold: u32,
    /// Drains that make an interval.
    drains: u32,
    /// Drains of this interval so far.
    drained: u32,
    /// So many intervals in a row make a flood.
    intervals: u32,
    /// By pattern: flows in this interval, and intervals at the limit before it.
    patterns: HashMap<PatternId, (u32, u32)>,
}

impl Floods {
    /// For a limit of `rate` new flows a second on each CPU (0: none, and nothing floods), drained
    /// every `interval`; what stays at it for `after` floods.
    #[must_use]
    pub fn new(rate: u32, interval: Duration, after: Duration) -> Self {
        let a_drain = f64::from(rate) * interval.as_secs_f64();
        let drains = if rate == 0 {
            1.0
        } else {
            (FEWEST / a_drain).ceil().max(1.0)
        };
        let threshold = a_drain * drains * SHARE;
        let intervals = after.as_secs_f64() / (interval.as_secs_f64() * drains);
        Self {
            threshold: if rate == 0 {
                u32::MAX
            } else {
                (threshold as u32).max(1)
            },
            drains: drains as u32,
            drained: 0,
            intervals: (intervals.ceil() as u32).max(1),
            patterns: HashMap::new(),
        }
    }

    /// Counts a new flow.
    pub fn count(&mut self, pattern: PatternId) {
        let (flows, _) = self.patterns.entry(pattern).or_default();
        *flows = flows.saturating_add(1);
    }

    /// Ends a drain; the patterns that flood when it ends an interval as well.
    pub fn end_drain(&mut self) -> Option<Vec<PatternId>> {
        self.drained += 1;
        if self.drained < self.drains {
            return None;
        }
        self.drained = 0;
        let threshold = self.threshold;
        self.patterns.retain(|_, (flows, at_limit)| {
            let stays = *flows >= threshold;
            *flows = 0;
            *at_limit = at_limit.saturating_add(1);
            stays
        });
        let intervals = self.intervals;
        let flooding = self.patterns.iter();
        let flooding = flooding.filter(|(_, (_, at_limit))| *at_limit >= intervals);
        Some(flooding.map(|(pattern, _)| *pattern).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PatternId = PatternId(1);

    fn floods() -> Floods {
        Floods::new(100, Duration::from_secs(1), Duration::from_secs(3))
    }

    fn interval(floods: &mut Floods, flows: u32) -> Vec<PatternId> {
        (0..flows).for_each(|_| floods.count(ONE));
        floods.end_drain().expect("every drain ends an interval")
    }

    #[test]
    fn only_a_pattern_that_stays_at_its_limit_floods() {
        let mut floods = floods();
        assert!(interval(&mut floods, 100).is_empty());
        assert!(interval(&mut floods, 100).is_empty());
        assert_eq!(interval(&mut floods, 95), [ONE]);
        assert_eq!(interval(&mut floods, 100), [ONE]);
        assert!(interval(&mut floods, 50).is_empty());
        assert!(interval(&mut floods, 100).is_empty(), "it starts anew");
    }

    #[test]
    fn without_a_limit_nothing_floods() {
        let mut floods = Floods::new(0, Duration::from_secs(1), Duration::from_secs(1));
        assert!(interval(&mut floods, 1_000_000).is_empty());
    }

    #[test]
    fn a_low_limit_is_counted_over_several_drains() {
        // Two flows a second, drained five times a second: most drains see none at all.
        let second = Duration::from_secs(1);
        let mut floods = Floods::new(2, second / 5, second * 10);
        let told: Vec<_> = (0..100)
            .filter_map(|drain| {
                (drain % 5 < 2).then(|| floods.count(ONE));
                floods.end_drain()
            })
            .collect();
        assert_eq!(told, [vec![], vec![ONE], vec![ONE], vec![ONE]]);
    }
}
