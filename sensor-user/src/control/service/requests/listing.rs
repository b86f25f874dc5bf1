//! Requests, what went out for them and what they cost, as they are read.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use super::{Desk, internal, unknown};
use crate::{
    control::Error,
    db,
    journal::{self, Action},
    model::{
        Actor, RequestType, Role, Scopes,
        request::{CaseRow, CostRow, ManifestRow, Manifests, Page, Rows},
    },
};

/// Readings of the list and of manifests by one overseer within this time are one reading.
const READINGS: Duration = Duration::from_secs(10);

impl Desk {
    /// A page of requests, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn list(&self, page: &Page) -> Result<Rows<CaseRow>, Error> {
        Self::listed(&mut self.db(), page, Scopes::WHOLE)
    }

    /// The same of what these scopes hold, for whoever asks: nothing of the others is in it, not even a
    /// place. Oversight waits for nobody, and its reading is journalled; it needs nobody's leave.
    ///
    /// # Errors
    /// [`Error`].
    pub fn list_of(
        &self,
        actor: &Actor,
        page: &Page,
        scopes: Scopes,
    ) -> Result<Rows<CaseRow>, Error> {
        if actor.role != Role::Oversight {
            return Self::listed(&mut self.db(), page, scopes);
        }
        let mut db = self
            .overseers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let rows = Self::listed(&mut db, page, scopes)?;
        drop(db);
        self.note_reading(actor);
        Ok(rows)
    }

    fn listed(db: &mut db::Requests, page: &Page, scopes: Scopes) -> Result<Rows<CaseRow>, Error> {
        let after = cursor(page)?;
        let mut kinds = RequestType::ALL.to_vec();
        kinds.retain(|kind| scopes.holds(journal::audience_of(*kind)));
        let cases = db.cases_of(&kinds, after, page.limit);
        let cases = cases.map_err(internal)?;
        let full = cases.len() == page.limit as usize;
        let next = cases.last().map(|case| case.number.to_string());
        Ok(Rows {
            rows: cases.into_iter().map(|case| case.row).collect(),
            next: next.filter(|_| full),
        })
    }

    /// One request.
    ///
    /// # Errors
    /// [`Error`].
    pub fn show(&self, reference: &str) -> Result<CaseRow, Error> {
        self.find(reference).map(|case| case.row)
    }

    /// The manifests of what went out for a request: what oversight reads of a disclosure. It waits for
    /// nobody, and its reading is journalled.
    ///
    /// # Errors
    /// [`Error`].
    pub fn manifests(&self, actor: &Actor, reference: &str) -> Result<Manifests, Error> {
        if actor.role != Role::Oversight {
            return Self::manifests_in(&mut self.db(), reference);
        }
        let read = {
            let mut db = self
                .overseers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Self::manifests_in(&mut db, reference)
        };
        self.note_reading(actor);
        read
    }

    fn manifests_in(db: &mut db::Requests, reference: &str) -> Result<Manifests, Error> {
        let case = db.case(reference).map_err(internal)?.ok_or_else(unknown)?;
        let kept = db.manifests(case.number).map_err(internal)?;
        let row = |(handover, note)| ManifestRow { handover, note };
        Ok(Manifests {
            reference: case.row.reference,
            kind: case.row.kind,
            stage: case.row.stage,
            manifests: kept.into_iter().map(row).collect(),
        })
    }

    /// A page of the ledger of costs, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn costs(&self, page: &Page) -> Result<Rows<CostRow>, Error> {
        let after = cursor(page)?;
        let rows = self
            .db()
            .costs(after.cast_unsigned(), page.limit)
            .map_err(internal)?;
        let full = rows.len() == page.limit as usize;
        let next = rows.last().map(|row| row.line.to_string());
        Ok(Rows {
            rows,
            next: next.filter(|_| full),
        })
    }

    /// Journals that oversight read the list, or manifests, at most once in [`READINGS`].
    fn note_reading(&self, actor: &Actor) {
        {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            read.retain(|_, at| now.duration_since(*at) < READINGS);
            if read.contains_key(&actor.uid) {
                return;
            }
            read.insert(actor.uid, now);
        }
        if let Err(error) = self.journal.append(actor, Action::RequestsRead) {
            tracing::warn!(%error, "a reading of the requests by oversight is not journalled");
        }
    }
}

/// The number behind which a page begins.
fn cursor(page: &Page) -> Result<i64, Error> {
    let after = page.after.as_deref().map_or(Ok(0), str::parse::<i64>);
    let after = after.ok().filter(|after| *after >= 0);
    after.ok_or_else(|| Error::Invalid("`after` is not a cursor of an earlier answer".into()))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;
    use crate::{
        config,
        control::service::requests::DeskParts,
        db::tests::Scratch,
        envelope::{Issuers, SignerKey},
        events::{Options, Store},
        journal::Journal,
    };

    #[test]
    fn oversight_waits_for_nobody_who_has_the_store() {
        let scratch = Scratch::new("listing");
        let (events, _) = Store::open(&scratch.0, Options::default()).expect("opens");
        let journal = Arc::new(Journal::open(&scratch.0.join("journal")).expect("opens"));
        let desk = Desk::open(DeskParts {
            sensor: "pop1".into(),
            state: scratch.0.clone(),
            config: config::Requests::default(),
            issuers: Issuers::of(&[]).expect("none"),
            signer: SignerKey::generate("pop1").expect("a key"),
            journal: Arc::clone(&journal),
            events,
        })
        .expect("opens");
        let overseer = Actor {
            uid: 40_030,
            role: Role::Oversight,
        };
        let page = Page {
            limit: 10,
            after: None,
        };
        let (told, tells) = mpsc::channel();
        thread::scope(|scope| {
            let busy = desk.db.lock().expect("nobody panicked");
            scope.spawn(|| {
                let listed = desk.list_of(&overseer, &page, Scopes::WHOLE);
                let read = desk.manifests(&overseer, "REQ-1");
                told.send((
                    listed.is_ok(),
                    read.map_err(|error| error.code().to_owned()),
                ))
                .expect("heard");
            });
            let read = tells.recv_timeout(Duration::from_secs(10));
            drop(busy);
            let (listed, read) = read.expect("it waited for the store");
            assert!(listed);
            assert_eq!(read.map(drop), Err("not_found".into()));
        });
    }
}
