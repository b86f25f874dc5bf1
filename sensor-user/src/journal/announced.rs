//! What the journal announces of the catalogue, held against how far the catalogue is.

use super::Action;

/// Changes that the journal announces after some entry, and that did not fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The first of which the journal shows that the agent lived to see it done.
    pub done: Option<u64>,
    /// The last entry, of which it does not: who announced it may have died before doing it.
    pub pending: Option<u64>,
}

impl Announced {
    /// Takes the next entry: its index, the name of its action, and the entry that it is about.
    pub(super) fn take(&mut self, index: u64, action: &str, of: Option<u64>) {
        if action == "failed" && self.pending.is_some() && of == self.pending {
            self.pending = None;
            return;
        }
        // Changes come one after the other, and a start settles what the agent before it left.
        let announces = Action::OF_CATALOGUE.contains(&action);
        if announces || matches!(action, "started" | "stopped" | "envelope_accepted") {
            self.done = self.done.or(self.pending.take());
        }
        if announces {
            self.pending = Some(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&str, Option<u64>)]) -> (Option<u64>, Option<u64>) {
        let mut announced = Announced::default();
        for (index, (action, of)) in (10..).zip(entries) {
            announced.take(index, action, *of);
        }
        (announced.done, announced.pending)
    }

    #[test]
    fn only_the_last_announcement_may_be_that_of_a_dead_agent() {
        let load = ("markers_loaded", None);
        assert_eq!(of(&[("events_read", None)]), (None, None));
        assert_eq!(of(&[load, ("events_read", None)]), (None, Some(10)));
        assert_eq!(of(&[load, ("failed", Some(10))]), (None, None));
        assert_eq!(of(&[load, ("failed", Some(3))]), (None, Some(10)));
        assert_eq!(of(&[load, ("stopped", None)]), (Some(10), None));
        assert_eq!(of(&[load, ("envelope_accepted", Some(10))]).0, Some(10));
        assert_eq!(of(&[load, ("started", None), load]), (Some(10), Some(12)));
        let withdrawn = ("order_withdrawn", None);
        assert_eq!(
            of(&[load, withdrawn, ("failed", Some(11))]),
            (Some(10), None)
        );
    }
}
