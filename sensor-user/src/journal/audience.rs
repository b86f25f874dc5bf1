//! Which entries are whose business: the table that [`Scopes`] are held against.

use super::{Action, Entry};
use crate::model::{
    RequestType, Scope, Scopes,
    request::{JournalPage, JournalRow},
};

/// Everybody who oversees: that the journal lives, and who reads it.
const EVERYBODY: &[Scope] = &[Scope::Arcep, Scope::Cnctr];
/// Requests of L. 851-1 CSI.
const CNCTR: &[Scope] = &[Scope::Cnctr];
/// The detection of L. 33-14 CPCE and the requests of L. 2321-3 C. déf. (L. 36-14 CPCE).
const ARCEP: &[Scope] = &[Scope::Arcep];

impl Action {
    /// Whose business it is. Exhaustive on purpose: whoever adds an action decides it here.
    #[must_use]
    pub const fn audience(&self) -> &'static [Scope] {
        match self {
            Self::Started { .. }
            | Self::Stopped
            | Self::Heartbeat
            | Self::KeyMade { .. }
            | Self::Recovered { .. }
            | Self::RestoreAccepted { .. }
            | Self::ClockAccepted { .. }
            | Self::OverseersChanged { .. }
            | Self::OversightUnreachable { .. }
            | Self::DisclosureKeyMade { .. }
            | Self::RequestsRead
            | Self::JournalRead { .. }
            | Self::RequestsConfigured { .. }
            | Self::Failed { .. } => EVERYBODY,
            Self::Request(entry) => match (entry.kind, &entry.issuer) {
                (Some(kind), _) => audience_of(kind),
                // A key of the authority's signed it: that of type C says its type.
                (None, Some(_)) => ARCEP,
                // Of what nobody's key signed, nothing is known but that it was refused.
                (None, None) => EVERYBODY,
            },
            Self::MarkersLoaded(_)
            | Self::MarkersAdded(_)
            | Self::MarkersRemoved(_)
            | Self::FalsePositivesRemoved(_)
            | Self::EventsDestroyed { .. }
            | Self::EventsNotUseful { .. }
            | Self::EventsErased { .. }
            | Self::Delivered { .. }
            | Self::CanaryRun { .. }
            | Self::DeadLettersReplayed { .. }
            | Self::MarkersReleased(_)
            | Self::DeclarationRecorded { .. }
            | Self::ReleaseApproved { .. }
            | Self::EnvelopeRefused { .. }
            | Self::EnvelopeAccepted { .. }
            | Self::MarkersExpired { .. }
            | Self::MarkersAdmitted { .. }
            | Self::DeadlinesRenewed { .. }
            | Self::OrderAccepted(_)
            | Self::OrderRefused { .. }
            | Self::OrderWithdrawn(_)
            | Self::OrderEnded { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerClosed { .. }
            | Self::Attached { .. }
            | Self::AttachRefused { .. }
            | Self::Detached { .. }
            | Self::InterfaceGone { .. }
            | Self::EventsRead { .. }
            | Self::EventRead { .. }
            | Self::SaltGiven { .. }
            | Self::MarkersRead { .. } => ARCEP,
        }
    }
}

/// Whose business a request of this type is.
#[must_use]
pub const fn audience_of(kind: RequestType) -> &'static [Scope] {
    match kind {
        RequestType::A | RequestType::B | RequestType::Notice => ARCEP,
        RequestType::C => CNCTR,
    }
}

/// A page as these scopes see it: of an entry outside them, only index and leaf hash.
#[must_use]
pub fn within(scopes: Scopes, mut page: JournalPage) -> JournalPage {
    for row in &mut page.rows {
        hide(scopes, row);
    }
    page
}

/// The same for one entry. One that this version does not know is hidden: nobody decided on it.
pub fn hide(scopes: Scopes, row: &mut JournalRow) {
    if scopes.is_whole() {
        return;
    }
    let seen = row.entry.as_ref().is_some_and(|raw| {
        serde_json::from_str::<Entry>(raw.get())
            .is_ok_and(|entry| scopes.holds(entry.action.audience()))
    });
    if !seen {
        row.entry = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, RequestEntry, RequestStep, Verifier, tests::ACTOR};

    #[test]
    fn a_scope_sees_its_own_entries_and_the_tree_of_all() {
        let journal = Journal::in_memory();
        let started = Action::Started {
            version: String::new(),
            sensor: "pop1".into(),
            heartbeat: None,
            unsaid_stop: None,
            overseers: None,
            disclosure_key: None,
        };
        let actions = [started, Action::EventsRead { rows: 3 }, Action::Heartbeat];
        for action in actions {
            let _receipt = journal.append(&ACTOR, action).expect("append");
        }
        let shown = |scopes| {
            let page = within(scopes, journal.page(0, 10).expect("page"));
            let mut verifier = Verifier::new(None);
            for row in &page.rows {
                verifier.row(row).expect("the tree verifies");
            }
            assert_eq!(verifier.head(), journal.head());
            page.rows.iter().map(|row| row.entry.is_some()).collect()
        };
        let seen: Vec<bool> = shown(Scopes::WHOLE);
        assert_eq!(seen, [true, true, true]);
        assert_eq!(shown(Scopes::of(&[Scope::Arcep])), [true, true, true]);
        assert_eq!(shown(Scopes::of(&[Scope::Cnctr])), [true, false, true]);
        assert_eq!(shown(Scopes::of(&[])), [false, false, false]);
    }

    #[test]
    fn requests_are_shown_to_whoever_oversees_their_ground() {
        let action = |kind| {
            let mut entry = RequestEntry::of(RequestStep::Disclosed);
            entry.kind = kind;
            Action::Request(Box::new(entry))
        };
        let (arcep, cnctr) = (Scopes::of(&[Scope::Arcep]), Scopes::of(&[Scope::Cnctr]));
        for (kind, expected) in [
            (Some(RequestType::A), [true, false]),
            (Some(RequestType::B), [true, false]),
            (Some(RequestType::Notice), [true, false]),
            (Some(RequestType::C), [false, true]),
            // Refused unread: neither is kept from knowing that somebody tried.
            (None, [true, true]),
        ] {
            let action = action(kind);
            let seen = [arcep, cnctr].map(|scopes| scopes.holds(action.audience()));
            assert_eq!(seen, expected, "{kind:?}");
        }
    }

    #[test]
    fn what_nobody_decided_on_is_hidden() {
        let raw = r#"{"index":0,"time":"1970-01-01T00:00:00Z","uid":0,"role":"agent","root_before":"","action":"shrug"}"#;
        let row = || JournalRow {
            index: 0,
            leaf: String::new(),
            entry: serde_json::value::RawValue::from_string(raw.into()).ok(),
        };
        let (mut scoped, mut whole) = (row(), row());
        hide(Scopes::of(&[Scope::Arcep, Scope::Cnctr]), &mut scoped);
        hide(Scopes::WHOLE, &mut whole);
        assert!(scoped.entry.is_none() && whole.entry.is_some());
    }
}
