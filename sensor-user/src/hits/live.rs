//! What the loop that consumes hits shares with those who change markers or read status.

use std::{
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use super::{Accounts, Index, Subscribers};

/// How long the index of a former generation is kept: its last records are in the ring when the
/// next one goes live.
const GRACE: Duration = Duration::from_secs(10);

/// Shared between threads; locks are held for the copy of a value only.
pub struct Live {
    indexes: RwLock<Indexes>,
    /// Subscriber prefixes, fixed for the life of the agent.
    pub subscribers: Subscribers,
    told: Mutex<Accounts>,
}

/// The index in force and the one before it.
#[derive(Clone, Default)]
pub struct Indexes {
    current: std::sync::Arc<Index>,
    former: Option<(std::sync::Arc<Index>, Instant)>,
}

impl Live {
    /// With the markers in force.
    #[must_use]
    pub fn new(index: Index, subscribers: Subscribers) -> Self {
        Self {
            indexes: RwLock::new(Indexes {
                current: index.into(),
                former: None,
            }),
            subscribers,
            told: Mutex::default(),
        }
    }

    /// The indexes now.
    #[must_use]
    pub fn indexes(&self) -> Indexes {
        self.indexes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes an index current, before its generation goes live; the former one stays for records
    /// on their way. What was before is returned, for [`Live::put_back`].
    pub fn put(&self, index: Index) -> Indexes {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        let before = indexes.clone();
        *indexes = Indexes {
            former: Some((before.current.clone(), Instant::now())),
            current: index.into(),
        };
        before
    }

    /// Takes a [`Live::put`] back.
    pub fn put_back(&self, before: Indexes) {
        *self.indexes.write().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Lets go of a former index that no record can need any more.
    pub fn retire_former(&self) {
        let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
        if indexes
            .former
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() > GRACE)
        {
            indexes.former = None;
        }
    }

    /// The agent's accounts as last told.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        *self.told()
    }

    /// Tells the agent's accounts.
    pub fn tell(&self, accounts: Accounts) {
        *self.told() = accounts;
    }

    fn told(&self) -> MutexGuard<'_, Accounts> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Indexes {
    /// Of one index alone.
    #[must_use]
    pub fn of(index: Index) -> Self {
        Self {
            current: index.into(),
            former: None,
        }
    }

    /// The indexes to ask, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Index> {
        let former = self.former.iter().map(|(index, _)| index.as_ref());
        std::iter::once(self.current.as_ref()).chain(former)
    }
}
