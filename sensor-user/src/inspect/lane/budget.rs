//! How much may be held, and how long.

use std::collections::VecDeque;

use super::flow::Flow;

/// What a handshake costs beside its bytes.
const OVERHEAD: usize = 512;

/// Limits of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Most bytes of one handshake.
    pub per_flow: usize,
    /// Most bytes of all.
    pub total: usize,
    /// Longest wait, nanoseconds.
    pub wait: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            per_flow: 16 << 10,
            total: 32 << 20,
            wait: 2_000_000_000,
        }
    }
}

/// Something does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Flow,
    Total,
}

pub(super) struct Budget {
    limits: Budgets,
    held: usize,
    serial: u64,
    /// Deadlines with flow and serial number of what waits, in the order in which they came.
    deadlines: VecDeque<(u64, Flow, u64)>,
    /// Latest time that was seen.
    now: u64,
}

impl Budget {
    pub(super) const fn new(limits: Budgets) -> Self {
        Self {
            limits,
            held: 0,
            serial: 0,
            deadlines: VecDeque::new(),
            now: 0,
        }
    }

    pub(super) const fn held(&self) -> usize {
        self.held
    }

    pub(super) const fn wait(&self) -> u64 {
        self.limits.wait
    }

    /// Begins a handshake; its serial number.
    pub(super) fn open(&mut self, flow: &Flow, time: u64) -> Result<u64, Over> {
        if self.held + OVERHEAD > self.limits.total {
            return Err(Over::Total);
        }
        self.held += OVERHEAD;
        self.serial += 1;
        let deadline = time.max(self.now).saturating_add(self.limits.wait);
        self.deadlines.push_back((deadline, *flow, self.serial));
        Ok(self.serial)
    }

    /// Whether a handshake that holds `held` bytes may hold `more`; they are charged once they do.
    pub(super) fn check(&self, held: usize, more: usize) -> Result<(), Over> {
        if held + more > self.limits.per_flow {
            return Err(Over::Flow);
        }
        if self.held + more > self.limits.total {
            return Err(Over::Total);
        }
        Ok(())
    }

    pub(super) const fn charge(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Ends a handshake that held so many bytes.
    pub(super) const fn close(&mut self, bytes: usize) {
        self.held -= bytes + OVERHEAD;
    }

    /// What waited too long, one by one.
    pub(super) fn next_over(&mut self, now: u64) -> Option<(Flow, u64)> {
        self.now = self.now.max(now);
        let over = |(deadline, ..): &mut (u64, Flow, u64)| *deadline <= self.now;
        let (_, flow, serial) = self.deadlines.pop_front_if(over)?;
        Some((flow, serial))
    }

    /// Lets go of the deadlines of what is gone, once they are most of them.
    pub(super) fn compact(&mut self, waiting: usize, waits: impl Fn(&Flow, u64) -> bool) {
        if self.deadlines.len() > 4 * waiting + 4096 {
            self.deadlines
                .retain(|(_, flow, serial)| waits(flow, *serial));
        }
    }
}
