//! What a journal says of the authority's requests: what their store is held against.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{RequestEntry, RequestStep};
use crate::model::RequestType;

/// Code of what a start, or the next decision, writes about what an agent left half done.
pub const INTERRUPTED: &str = "interrupted";

/// Code of what says that an approval no longer counts.
pub const VOID: &str = "approval_void";

/// What a journal says of the authority's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestsPast {
    /// Each request, by its reference.
    pub cases: BTreeMap<String, RequestPast>,
    /// Digest of what was last configured about them.
    pub configured: Option<String>,
    /// Somebody took responsibility for going on with another journal than the one that was known: it
    /// may tell nothing of requests that came before.
    pub restored: bool,
    /// Entries that the store keeps something of, and that were not taken back, in their order.
    kept: Vec<u64>,
}

/// What a journal says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPast {
    /// Index of the last entry about it.
    pub index: u64,
    /// Index of the entry that says that it was accepted.
    pub submitted: Option<u64>,
    /// The step that it tells.
    pub step: RequestStep,
    /// Its type.
    pub kind: Option<RequestType>,
    /// Digest of its envelope, as it was submitted.
    pub envelope: Option<String>,
    /// Issuer and serial of its envelope.
    pub serial: Option<(String, u64)>,
    /// Approvals that count: since it came, since nobody can tell what became of an answer, or since one
    /// was void.
    pub approvals: u32,
    /// Answers that were, or may have been, handed over.
    pub handovers: u32,
    /// When the last of them was.
    pub handed: Option<Timestamp>,
    /// What was said of the last disclosure, and when.
    pub disclosed: Option<(Timestamp, Box<RequestEntry>)>,
}

impl RequestPast {
    /// Whether nothing of it was kept and nothing of it went out, so that it may be submitted again.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.step == RequestStep::Lost && self.handovers == 0
    }
}

impl RequestsPast {
    /// Takes an entry.
    pub fn note(&mut self, index: u64, time: Timestamp, entry: &RequestEntry) {
        let step = entry.step;
        if step.is_kept() {
            // What a start writes about an entry stands for it.
            if entry.code.as_deref() == Some(INTERRUPTED) {
                self.take_back(entry.of);
            }
            self.kept.push(index);
        } else if step == RequestStep::Lost {
            self.take_back(entry.of);
        } else {
            // Nothing is kept of what is refused, and another one may have its reference; who may not
            // decide changes nothing, nor does a file that goes.
            return;
        }
        let Some(reference) = &entry.reference else {
            return;
        };
        let past = self.cases.entry(reference.clone());
        let past = past.or_insert_with(|| RequestPast {
            index,
            submitted: None,
            step,
            kind: None,
            envelope: None,
            serial: None,
            approvals: 0,
            handovers: 0,
            handed: None,
            disclosed: None,
        });
        let lost_approval = step == RequestStep::Lost
            && past.step == RequestStep::Approved
            && entry.of == Some(past.index);
        past.approvals = match step {
            RequestStep::Submitted | RequestStep::Unknown => 0,
            RequestStep::NotDisclosed if entry.code.as_deref() == Some(VOID) => 0,
            RequestStep::Approved => past.approvals + 1,
            _ => past.approvals.saturating_sub(u32::from(lost_approval)),
        };
        (past.index, past.step) = (index, step);
        past.kind = entry.kind.or(past.kind);
        if step == RequestStep::Submitted {
            past.submitted = Some(index);
            past.envelope.clone_from(&entry.envelope);
            past.serial = entry.issuer.clone().zip(entry.serial);
        }
        if step.is_handover() {
            past.handovers += 1;
            past.handed = Some(time);
        }
        if step == RequestStep::Disclosed {
            past.disclosed = Some((time, Box::new(entry.clone())));
        }
    }

    fn take_back(&mut self, of: Option<u64>) {
        self.kept.retain(|index| Some(*index) != of);
    }

    /// The highest serial of each issuer and type that was accepted and kept.
    #[must_use]
    pub fn serials(&self) -> BTreeMap<(String, RequestType), u64> {
        let mut highest: BTreeMap<(String, RequestType), u64> = BTreeMap::new();
        for past in self.cases.values() {
            if let (Some((issuer, serial)), Some(kind)) = (&past.serial, past.kind)
                && !past.is_free()
            {
                let known = highest.entry((issuer.clone(), kind)).or_default();
                *known = (*known).max(*serial);
            }
        }
        highest
    }

    /// The first entry that a store must know and does not, when it last knew a journal of `size`
    /// entries. What is announced is kept before anything else is, so one alone is what a dead agent
    /// left.
    #[must_use]
    pub fn lacking(&self, size: u64) -> Option<u64> {
        let mut behind = self.kept.iter().filter(|index| **index >= size);
        let first = behind.next().copied();
        first.filter(|_| behind.next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: RequestStep, reference: &str) -> RequestEntry {
        RequestEntry {
            kind: Some(RequestType::B),
            reference: Some(reference.into()),
            ..RequestEntry::of(step)
        }
    }

    fn past(entries: &[RequestEntry]) -> RequestsPast {
        let mut past = RequestsPast::default();
        for (index, entry) in (10..).zip(entries) {
            past.note(index, Timestamp::UNIX_EPOCH, entry);
        }
        past
    }

    #[test]
    fn the_last_step_counts_and_every_handover() {
        use RequestStep as S;
        let steps = [
            S::Submitted,
            S::Begun,
            S::Unknown,
            S::Begun,
            S::Disclosed,
            S::ExportRemoved,
            S::DecisionRefused,
            S::Refused,
        ];
        let past = past(&steps.map(|step| entry(step, "r")));
        let of = &past.cases["r"];
        assert_eq!((of.index, of.step, of.handovers), (14, S::Disclosed, 2));
        assert_eq!(
            of.disclosed.as_ref().map(|(_, one)| one.step),
            Some(S::Disclosed)
        );
    }

    #[test]
    fn a_store_may_lack_the_last_entry_and_no_other() {
        use RequestStep as S;
        let all = [
            S::Submitted,
            S::Approved,
            S::Refused,
            S::Begun,
            S::Disclosed,
        ];
        let told = past(&all.map(|step| entry(step, "r")));
        assert_eq!(told.lacking(15), None);
        assert_eq!(told.lacking(14), None, "it died before it was kept");
        assert_eq!(told.lacking(12), Some(13), "an older store");
        assert_eq!(told.lacking(0), Some(10), "none at all");
        // What was taken back need not be there; what a start wrote stands for what it found.
        let of = |step, of| RequestEntry {
            of: Some(of),
            code: Some(INTERRUPTED.into()),
            ..entry(step, "r")
        };
        let lost = [
            entry(S::Submitted, "r"),
            of(S::Lost, 10),
            entry(S::Submitted, "s"),
        ];
        assert_eq!(past(&lost).lacking(0), None);
        let died = [entry(S::Begun, "r"), of(S::NotDisclosed, 10)];
        assert_eq!(past(&died).lacking(0), None);
    }

    #[test]
    fn approvals_count_until_they_are_lost_or_void() {
        use RequestStep as S;
        let count = |entries: &[RequestEntry]| past(entries).cases["r"].approvals;
        let of = |step, of, code: &str| RequestEntry {
            of: Some(of),
            code: Some(code.into()),
            ..entry(step, "r")
        };
        let both = [S::Submitted, S::Approved, S::Approved].map(|step| entry(step, "r"));
        let and = |more: RequestEntry| count(&[&both[..], &[more]].concat());
        assert_eq!(count(&both), 2);
        assert_eq!(and(of(S::Lost, 12, INTERRUPTED)), 1);
        assert_eq!(and(of(S::Lost, 9, INTERRUPTED)), 2);
        assert_eq!(and(of(S::NotDisclosed, 12, "adaptor_failed")), 2);
        assert_eq!(and(of(S::NotDisclosed, 12, VOID)), 0);
        assert_eq!(and(entry(S::Unknown, "r")), 0);
    }

    #[test]
    fn serials_are_those_of_what_was_kept() {
        use RequestStep as S;
        let signed = |step, reference, serial| RequestEntry {
            issuer: Some("authority".into()),
            serial: Some(serial),
            ..entry(step, reference)
        };
        let told = past(&[
            signed(S::Submitted, "r", 4),
            signed(S::Refused, "q", 9),
            signed(S::Submitted, "s", 5),
            entry(S::Lost, "s"),
        ]);
        let serial = |serial| BTreeMap::from([(("authority".into(), RequestType::B), serial)]);
        assert_eq!(told.serials(), serial(4));
        // An approval that was lost takes nothing back of what may have gone out before.
        let told = past(&[
            signed(S::Submitted, "s", 5),
            entry(S::Unknown, "s"),
            entry(S::Approved, "s"),
            entry(S::Lost, "s"),
        ]);
        assert_eq!(told.serials(), serial(5));
        assert!(!told.cases["s"].is_free());
    }
}
