//! Submissions that nobody judged are counted.

use std::sync::atomic::Ordering::Relaxed;

use super::Counts;

/// A request of the authority on its way in: counted as lost unless it is judged, also when its
/// client leaves.
pub(super) struct Submission<'a> {
    counts: &'a Counts,
    lost: bool,
}

impl<'a> Submission<'a> {
    /// One that is lost until it is judged; `lost` is false for what is no request of the authority.
    pub const fn new(counts: &'a Counts, lost: bool) -> Self {
        Self { counts, lost }
    }

    /// It was accepted or refused.
    pub fn judged(mut self) {
        self.lost = false;
    }
}

impl Drop for Submission<'_> {
    fn drop(&mut self) {
        if self.lost {
            self.counts.submissions_lost.fetch_add(1, Relaxed);
        }
    }
}
