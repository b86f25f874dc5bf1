//! Looking after the desk of the authority's requests, and whose connection reads.

use std::sync::{MutexGuard, PoisonError};

use super::Sensor;
use crate::{
    events::Store,
    model::{Actor, Role},
};

impl Sensor {
    pub(super) fn reader(&self) -> MutexGuard<'_, Store> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to read with for a role.
    pub(super) fn reader_of(&self, role: Role) -> MutexGuard<'_, Store> {
        match role {
            Role::Oversight => self.overseer.lock().unwrap_or_else(PoisonError::into_inner),
            _ => self.reader(),
        }
    }

    /// The agent stops: nobody waits for the operator's subscriber system any more.
    pub fn stop_asking(&self) {
        self.desk.stop_asking();
    }

    /// Looks after requests whose time is over, and answers that wait.
    pub(super) fn look_after_requests(&self, actor: &Actor) {
        if let Err(error) = self.desk.lapse_over(actor, self) {
            tracing::warn!(%error, "requests whose time is over could not be noted; they are not answered");
        }
        let aged = self.destruction_allowed();
        if let Err(error) = self.desk.clear_exports(actor, self.now(), aged) {
            tracing::error!(%error, "answers whose time is over could not be removed");
        }
        self.tell_old_readings(false);
    }
}
