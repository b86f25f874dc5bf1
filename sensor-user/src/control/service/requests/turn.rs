//! One change of requests at a time, and a way to let others have their turn while the subscriber
//! system is waited for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

/// A turn; it ends when the value is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a>(&'a Turn);

impl Turn {
    /// Waits for a turn.
    pub fn take(&self) -> Taken<'_> {
        self.begin();
        Taken(self)
    }

    /// A turn, unless somebody has one.
    pub fn try_take(&self) -> Option<Taken<'_>> {
        let mut taken = self.state();
        // Made only where it is taken: dropping it ends the turn of whoever has it.
        (!std::mem::replace(&mut *taken, true)).then(|| Taken(self))
    }

    /// Does what changes nothing while others have their turn, and waits for one again; for whoever has
    /// one now.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Also where the work panics: whoever has a turn ends it.
        struct Again<'a>(&'a Turn);
        impl Drop for Again<'_> {
            fn drop(&mut self) {
                self.0.begin();
            }
        }
        self.end();
        let _again = Again(self);
        work()
    }

    fn begin(&self) {
        let taken = self.state();
        let mut taken = self
            .free
            .wait_while(taken, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        *taken = true;
    }

    fn end(&self) {
        *self.state() = false;
        self.free.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn others_have_their_turn_while_somebody_waits_and_only_then() {
        let turn = Turn::default();
        let own = turn.take();
        assert!(turn.try_take().is_none());
        turn.aside(|| drop(turn.try_take().expect("free")));
        assert!(turn.try_take().is_none(), "it is ours again");
        let (told, tells) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _other = turn.take();
                told.send(()).expect("heard");
            });
            assert!(tells.recv_timeout(Duration::from_millis(50)).is_err());
            drop(own);
            tells.recv().expect("its turn came");
        });
    }

    #[test]
    fn a_panic_leaves_the_turn_with_whoever_had_it() {
        let turn = Turn::default();
        let panicked = thread::scope(|scope| {
            let own = scope.spawn(|| {
                let _own = turn.take();
                turn.aside(|| panic!("on purpose"));
            });
            own.join().is_err()
        });
        assert!(panicked && turn.try_take().is_some());
    }
}
