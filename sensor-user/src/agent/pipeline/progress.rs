//! Keys that events need, and the marks that commit with them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use tracing::error;

use super::{Error, Pipeline, Progress, RETRY};
use crate::hits::Account;

impl Pipeline {
    /// Makes sure that the joiner has the key of the month of a record; tries again as long as the
    /// store fails.
    pub(super) fn ensure_key(
        &mut self,
        time: u64,
        progress: &Progress,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        let Some(month) = self.joiner.missing_key(time, self.clock) else {
            return Ok(());
        };
        let _away = progress.out.leave(stop);
        let key = loop {
            match self.store.month_key(&month) {
                Ok(key) => break key,
                Err(error) if stop.load(Ordering::Relaxed) => return Err(error.into()),
                Err(error) => {
                    self.metrics.store_failed();
                    error!(%error, "no key for this month's events; trying again every second");
                    std::thread::sleep(RETRY);
                }
            }
        };
        self.joiner.add_key(month, *key);
        Ok(())
    }
}

impl Progress {
    /// Records between the last one accounted for and `sequence` went with a former agent.
    pub(super) fn account_gap(&mut self, cpu: u32, sequence: u64) {
        let last = self.sequences.entry(cpu).or_default();
        let lost = sequence.saturating_sub(*last + 1);
        if lost > 0 {
            self.accounts.records.add(Account::LostAtRestart, lost);
            *last = sequence - 1;
            self.dirty = true;
        }
    }

    /// Every count that commits with the events.
    pub(super) fn counted(&self) -> BTreeMap<String, u64> {
        let mut counted = self.accounts.to_stored();
        counted.extend(self.lent.1.to_stored());
        counted
    }
}
