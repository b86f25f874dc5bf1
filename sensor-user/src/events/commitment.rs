//! The salts of events: each of the event's own key, and gone with it.

use super::{Error, Store};
use crate::{journal::Salt, model::EventRow};

impl Store {
    /// The salt that the journal's commitment to an event is made with; none where it was destroyed.
    ///
    /// # Errors
    /// The key file cannot be read.
    pub fn salt(&self, row: &EventRow) -> Result<Option<Salt>, Error> {
        Ok(self.keys.read(row.seq)?.map(|key| Salt::of_key(&key)))
    }
}
