//! What time does to the set: ends, beginnings, and a wall clock that is set.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Clock, Error, Judged, Sensor, Set,
    admission::Admission,
    change::keep_generation,
    grounds::{Sorted, each_row_of},
    internal,
    inventory::{over_rows, passed},
    listing::status_of,
};
use crate::{
    clock,
    crypto::hex,
    dataplane::Way,
    db::Over,
    hits::Index,
    journal::{Action, Receipt},
    markers,
    model::{Actor, Image, ImageRow, MarkerId, Moment, OrderNumber},
};

/// How often the clock's high-water mark is kept. Within one boot, a former mark serves as well.
const KEEP_MARK: Duration = Duration::from_secs(60);

impl Clock for Sensor {
    fn read(&self) -> Judged {
        self.judged()
    }
}

impl Sensor {
    /// The time by which validity is judged: UTC that never goes back.
    pub(super) fn now(&self) -> Timestamp {
        let mut watch = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock::judge(&mut watch)
    }

    fn judged(&self) -> Judged {
        let mut watch = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        Judged {
            time: clock::judge(&mut watch),
            trusted: watch.destruction_allowed(),
        }
    }

    /// Whether what the clock says is over may be destroyed: not after a step forward of more than
    /// an hour, until the clock is synchronised or 24 hours have passed.
    #[must_use]
    pub fn destruction_allowed(&self) -> bool {
        let mut watch = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock::judge(&mut watch);
        watch.destruction_allowed()
    }

    /// How long until a marker begins or ends; none while a change is under way, or when nothing
    /// is to come.
    #[must_use]
    pub fn until_next_edge(&self) -> Option<Duration> {
        let set = self.set.try_lock().ok()?;
        let start = set
            .starts
            .first()
            .map(|(start, ..)| Timestamp::from(*start));
        let ends = set.orders.iter().filter(|order| order.lives());
        let end = ends.map(|order| Timestamp::from(order.end)).min();
        let next = [set.image.next_end(), start, end]
            .into_iter()
            .flatten()
            .min()?;
        let pause = set
            .retry
            .map(|at| at.saturating_duration_since(Instant::now()));
        drop(set);
        let left = next.duration_since(self.now());
        let left = Duration::try_from(left).unwrap_or_default();
        Some(left.max(pause.unwrap_or_default()))
    }

    /// Lets time pass: takes out what is over (the kernel has stopped matching it by itself), lets
    /// in what begins, and writes deadlines anew when the wall clock was set. Does nothing while a
    /// change is under way: the next call comes soon.
    ///
    /// # Errors
    /// When the journal, the kernel or the store refuses; it is tried again later.
    pub fn keep_time(&self, actor: &Actor) -> Result<(), Error> {
        // Asked in any case: hits are judged by it, a change under way or not.
        let now = self.now();
        let Ok(mut set) = self.set.try_lock() else {
            return Ok(());
        };
        let set = &mut *set;
        self.keep_mark(set);
        self.catch_up(actor, set)?;
        if set.retry.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        let outcome = self
            .pass(actor, set, now)
            .and_then(|()| self.renew_deadlines(actor, set));
        set.retry = outcome
            .is_err()
            .then(|| Instant::now() + super::EXPIRE_RETRY);
        outcome
    }

    fn pass(&self, actor: &Actor, set: &mut Set, now: Timestamp) -> Result<(), Error> {
        let ended = passed(&set.orders, now);
        let over: Vec<ImageRow> = {
            let over = set.image.over(now);
            let row = |key: &(_, &str, _)| {
                let rows = set.image.rows(key.0).iter();
                rows.clone().find(|row| row.key() == *key).cloned()
            };
            over.iter().filter_map(row).collect()
        };
        let begun = begun(set, now, self.admission())?;
        if over.is_empty() && ended.is_empty() && begun.is_none() {
            return self.note_over(set);
        }
        let (rows, starts) = begun.unwrap_or_default();
        let keys: Vec<_> = over.iter().map(ImageRow::key).collect();
        let admitted = !rows.is_empty();
        let image = set.image.with(&keys, rows).map_err(internal)?;
        let (patterns, digest) = (image.count(), hex(&markers::digest(&image)));
        let mut receipt = None;
        for number in &ended {
            if let Some(order) = set.orders.get(*number) {
                let reference = order.reference.clone();
                receipt = Some(self.note(actor, Action::OrderEnded { reference })?);
            }
            // Said once, whatever comes of the rest.
            if let Some(order) = set.orders.get_mut(*number) {
                order.over = true;
            }
            set.unnoted.orders.push(*number);
        }
        if !over.is_empty() {
            let digest = digest.clone();
            receipt = Some(self.note(actor, Action::MarkersExpired { patterns, digest })?);
        }
        if admitted {
            let action = Action::MarkersAdmitted { patterns, digest };
            receipt = Some(self.note(actor, action)?);
        }
        if let Some(receipt) = receipt.filter(|_| !over.is_empty() || admitted) {
            self.go_live(actor, set, image, (Way::OneByOne, &receipt))?;
        }
        let noted = over_rows(over.iter(), &set.orders, now);
        for (id, number) in &noted.brought {
            set.orders.set_brought_over(id, *number);
        }
        set.unnoted.markers.extend(noted.markers);
        set.unnoted.brought.extend(noted.brought);
        for start in starts {
            set.starts.remove(&start);
        }
        self.tell_markers(status_of(set, self.admission()));
        self.note_over(set)
    }

    /// What is over stays over, whatever the clock says later: what could not be noted is tried
    /// again.
    fn note_over(&self, set: &mut Set) -> Result<(), Error> {
        set.catalog.set_over(&set.unnoted).map_err(internal)?;
        set.unnoted = Over::default();
        Ok(())
    }

    /// Brings the set into the kernel that is stored and that it refused before.
    fn catch_up(&self, actor: &Actor, set: &mut Set) -> Result<(), Error> {
        if set.behind.is_none_or(|at| Instant::now() < at) {
            return Ok(());
        }
        set.behind = Some(Instant::now() + super::BEHIND_RETRY);
        let action = Action::MarkersAdmitted {
            patterns: set.image.count(),
            digest: hex(&markers::digest(&set.image)),
        };
        let receipt = self.journal(actor, action)?;
        let image = set.image.clone();
        self.go_live(actor, set, image, (Way::Together, &receipt))
    }

    /// Makes an image live outside of a change of the catalogue.
    pub(super) fn go_live(
        &self,
        actor: &Actor,
        set: &mut Set,
        image: Image,
        (way, receipt): (Way, &Receipt),
    ) -> Result<(), Error> {
        let index = Index::with_orders(image.clone(), set.orders.references());
        let former = self.parts.live.put(index);
        let outcome = set
            .plane
            .prepare(&image, way)
            .and_then(|prepared| set.plane.activate(prepared, receipt));
        match outcome {
            Ok(gone) => {
                self.parts.live.tell_changed(&set.image, &image);
                set.image = image;
                set.behind = None;
                keep_generation(set);
                self.note_gone(set, &gone);
                Ok(())
            }
            Err(error) => {
                self.parts.live.put_back(former);
                self.journal_failure(actor, receipt, "data_plane");
                Err(internal(error))
            }
        }
    }

    /// The kernel's clock may not go as the time by which validity is judged when the wall clock is
    /// set: deadlines are then written anew.
    fn renew_deadlines(&self, actor: &Actor, set: &mut Set) -> Result<(), Error> {
        if !set.plane.clock_has_moved() {
            return Ok(());
        }
        let action = Action::DeadlinesRenewed {
            patterns: set.image.count(),
            digest: hex(&markers::digest(&set.image)),
        };
        let receipt = self.note(actor, action)?;
        let renewed = set
            .plane
            .prepare_anew()
            .and_then(|prepared| set.plane.activate(prepared, &receipt));
        match renewed {
            Ok(gone) => {
                keep_generation(set);
                self.tell_markers(status_of(set, self.admission()));
                self.note_gone(set, &gone);
                Ok(())
            }
            Err(error) => {
                self.journal_failure(actor, &receipt, "data_plane");
                Err(internal(error))
            }
        }
    }

    fn note(&self, actor: &Actor, action: Action) -> Result<Receipt, Error> {
        let journal = &self.parts.journal;
        journal
            .append_reserved(actor, action)
            .map_err(super::from_journal)
    }

    fn keep_mark(&self, set: &mut Set) {
        // Not by the time that is judged by: it may be far ahead for a while.
        if set.mark_kept.is_some_and(|kept| kept.elapsed() < KEEP_MARK) {
            return;
        }
        let watch = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        match set.catalog.set_clock_mark(watch.mark()) {
            Ok(()) => set.mark_kept = Some(Instant::now()),
            Err(error) => tracing::warn!(%error, "the time was not kept"),
        }
        if watch.is_contradicted() {
            tracing::warn!(
                "the wall clock is more than an hour behind the time that was \
                 believed before, by which validity is judged: nothing is destroyed; if the wall \
                 clock is right, stop the agent and run `sensord accept-clock`"
            );
        }
    }
}

/// Rows that come into force, and the beginnings that are done with.
type Begun = (Vec<ImageRow>, Vec<(Moment, MarkerId, OrderNumber)>);

/// The rows whose time has come; `None` when there is no beginning to look at.
fn begun(set: &mut Set, now: Timestamp, admission: Admission) -> Result<Option<Begun>, Error> {
    let starts: Vec<_> = set
        .starts
        .iter()
        .take_while(|(start, ..)| *start <= Moment::from(now))
        .cloned()
        .collect();
    if starts.is_empty() {
        return Ok(None);
    }
    let mut sorted = Sorted::new(admission);
    for (_, id, order) in &starts {
        let Some(held) = set.catalog.marker(id).map_err(internal)? else {
            continue;
        };
        each_row_of(&held, &set.orders, |row| {
            if row.order == *order {
                // One that was over before it was let in is nowhere.
                drop(sorted.take(row, &set.orders, now));
            }
        });
    }
    Ok(Some((sorted.rows, starts)))
}
