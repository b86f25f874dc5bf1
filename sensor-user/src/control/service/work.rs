//! How far changes have come; told without waiting for them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use jiff::Timestamp;

use crate::model::request::{Progress, Stage};

/// The changes under way, the oldest first: each has a thread of its own.
#[derive(Default)]
pub(super) struct Work(Mutex<Vec<(ThreadId, Progress)>>);

/// While it lives, the change of this thread is under way.
pub(super) struct Underway(Arc<Work>);

impl Work {
    pub(super) fn begin(self: &Arc<Self>) -> Underway {
        let progress = Progress {
            stage: Stage::Reading,
            done: 0,
            total: 0,
            since: Timestamp::now(),
        };
        self.all().push((thread::current().id(), progress));
        Underway(Arc::clone(self))
    }

    pub(super) fn enter(&self, stage: Stage, total: u64) {
        self.mine(|progress| (progress.stage, progress.done, progress.total) = (stage, 0, total));
    }

    pub(super) fn advance(&self, done: u64) {
        self.mine(|progress| progress.done = done);
    }

    /// Of the change that is under way longest.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.all().first().map(|(_, progress)| *progress)
    }

    fn mine(&self, change: impl FnOnce(&mut Progress)) {
        let me = thread::current().id();
        let mut all = self.all();
        if let Some((_, progress)) = all.iter_mut().find(|(thread, _)| *thread == me) {
            change(progress);
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<(ThreadId, Progress)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let me = thread::current().id();
        self.0.all().retain(|(thread, _)| *thread != me);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_and_goes_leaves_the_progress_of_another() {
        let work = Arc::new(Work::default());
        let underway = work.begin();
        work.enter(Stage::Storing, 10);
        work.advance(4);
        let beside = Arc::clone(&work);
        let other = thread::spawn(move || {
            let _underway = beside.begin();
            beside.enter(Stage::Reading, 7);
            beside.advance(7);
            beside.progress()
        });
        let seen = other.join().expect("no panic").expect("one is under way");
        let told = work.progress().expect("one is under way");
        for told in [seen, told] {
            assert_eq!((told.stage, told.done, told.total), (Stage::Storing, 4, 10));
        }
        drop(underway);
        assert!(work.progress().is_none());
    }
}
