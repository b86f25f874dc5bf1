//! What the kernel lends, on its way to events.

use std::sync::atomic::AtomicBool;

use jiff::Timestamp;

use super::{BATCH, Error, Pipeline, Progress};
use crate::{hits::Surroundings, lent};

impl Pipeline {
    /// Takes up to a batch of what was lent and accounts for what is found in it; how many packets.
    pub(super) fn inspect(
        &mut self,
        progress: &mut Progress,
        stop: &AtomicBool,
    ) -> Result<usize, Error> {
        self.lending.look_for(self.live.indexes().image());
        let read = self.lending.read(&mut self.tap, BATCH);
        self.lending.expire(self.clock.to_kernel(Timestamp::now()));
        let findings = self.lending.findings();
        self.told.tell(self.lending.inspected());
        if findings.is_empty() {
            return Ok(read);
        }
        let indexes = self.live.indexes();
        self.limits.set_broken(self.live.broken());
        for finding in findings {
            self.ensure_key(finding.first, stop)?;
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
