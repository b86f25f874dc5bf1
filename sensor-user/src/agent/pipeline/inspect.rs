//! What the kernel lends, on its way to events.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{BATCH, Error, Pipeline, Progress, lock};
use crate::{fault, hits::Surroundings, lent, markers::canonical_id};

/// How often it is stored where lent packets are when nothing else is: who dies in between has lost more
/// than was.
const NOTE: Duration = Duration::from_secs(1);

impl Pipeline {
    /// Notes where lent packets are, with everything else that is stored or by itself.
    pub(super) fn note_lent(&self, progress: &mut Progress, stop: &AtomicBool) {
        let due = stop.load(Ordering::Relaxed) || progress.noted.elapsed() >= NOTE;
        if !progress.dirty && !due {
            return;
        }
        progress.noted = Instant::now();
        let lent = progress.left.with(progress.lent.0);
        progress.dirty |= progress.accounts.lent != lent;
        progress.accounts.lent = lent;
    }

    /// Takes what is announced at the start, so that it can be told what a former agent took, and had not
    /// stored, of the packets that each CPU had lent.
    pub(super) fn recover_lent(
        &mut self,
        lent: &[u64],
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        while self.inspect(progress, stop)? == BATCH {}
        // Not before: what is announced is there until it was read.
        let tap = &lock(&self.intake).tap;
        tap.zero_overdue();
        progress.left = progress.left.left(tap.lent_before(lent));
        Ok(())
    }

    /// Takes up to a batch of what was lent and accounts for what is found in it; how many packets.
    pub(super) fn inspect(
        &mut self,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> Result<usize, Error> {
        let now = self.clock.to_kernel(Timestamp::now());
        let mut intake = lock(&self.intake);
        let read = intake.inspect(self.live.indexes().image(), now);
        if read > 0 {
            // Here a test lets the agent die; to fail is nothing that it can do.
            let _ = fault::point("lent_taken");
        }
        // Together: what is stored of lent packets is of those whose findings are stored, too.
        let mut findings = intake.lending.findings();
        let inspected = intake.lending.inspected();
        progress.lent = (intake.lending.packets(), inspected.counts);
        drop(intake);
        self.told.tell(inspected);
        let indexes = self.live.indexes();
        // What no pattern covers does not wait for the store, whatever that is asked for.
        findings.retain(|finding| !indexes.covering(&finding.what, canonical_id).is_empty());
        if findings.is_empty() {
            return Ok(read);
        }
        self.limits.set_broken(self.live.broken());
        for finding in findings {
            self.ensure_key(finding.first, progress, stop)?;
            let around = Surroundings {
                indexes: &indexes,
                subscribers: &self.live.subscribers,
                clock: self.clock,
            };
            let accounts = &mut progress.accounts.findings;
            let joiner = &mut self.joiner;
            let judged = lent::judge(&finding, joiner, around, &mut self.limits, accounts);
            progress.dirty |= !judged.is_empty();
            for one in judged {
                self.floods.count(one.pattern);
            }
        }
        Ok(read)
    }
}
