//! Answering a request that two persons have cleared.
//!
//! Announced in the journal, made, encrypted, written beside its place; kept as being handed over;
//! put into its place by one rename; journalled as done. So after a crash it was not done (never
//! kept as being handed over), done (the file is in its place), or unknown.

use hyper::StatusCode;
use jiff::Timestamp;

use super::{Clock, Desk, coded, entry, export, internal, notices, stage_of};
use crate::{
    control::Error,
    crypto::{Zeroizing, hex, sha256},
    db::{Case, CaseStep, Handover},
    fault,
    journal::{Receipt, RequestEntry, RequestStep},
    legal::{
        Step,
        answer::{Answer, questions},
        disclosure::Content,
    },
    model::{Actor, Category, Event, RequestType, SubscriberSide, request::CaseRow},
};

/// Events, and what the subscriber system says of each.
type Identities = Vec<(Event, Vec<(SubscriberSide, Answer)>)>;

/// An answer that is ready to be handed over.
pub(super) struct Ready {
    /// What the file holds.
    pub bytes: Vec<u8>,
    /// Extension of its name.
    pub extension: &'static str,
    /// Records in it.
    pub records: u64,
    /// Events that it answers for: those that are still held.
    pub events: Vec<String>,
    /// Categories of the data in it.
    pub categories: Vec<String>,
    /// What is kept of it for oversight, signed; a work list for the operator's own system has none.
    pub manifest: Option<String>,
}

impl Desk {
    /// Answers a request, under the lock of changes.
    pub(super) fn answer(
        &self,
        actor: &Actor,
        case: Case,
        clock: &dyn Clock,
    ) -> Result<CaseRow, Error> {
        let _busy = self.busy(case.number);
        self.check_answer(actor, &case, clock.read())?;
        let stage = stage_of(&case)?;
        let Some(making) = stage.after(Step::Begin) else {
            return Err(internal("only a cleared request is answered"));
        };
        let repeat = self.is_repeat(&case)?;
        let begun = RequestEntry {
            repeat,
            recipient: self.recipient_of(case.row.kind),
            events: Some(case.row.terms.events.len() as u64),
            ..entry(RequestStep::Begun, &case)
        };
        let receipt = self.journal(actor, begun)?;
        fault::point("request_begun").map_err(internal)?;
        let step = CaseStep {
            stage: making.name(),
            receipt: Some(receipt.index()),
            ..CaseStep::default()
        };
        self.keep_step(actor, &case, step)?;
        fault::point("request_making").map_err(internal)?;
        let case = self.find(&case.row.reference)?;
        let made = self.make(&case, repeat, clock);
        let handed = made.and_then(|(ready, repeat)| {
            let now = clock.read().time;
            self.hand(&case, ready, repeat, now, &receipt)
        });
        match handed {
            Ok(case) => self.done(actor, &case, &receipt, clock.read().time),
            Err(error) => Err(self.not_done(actor, &case.row.reference, &receipt, error)?),
        }
    }

    /// Whether the same may have been handed over before, by what the store knows and by what the
    /// journal tells.
    fn is_repeat(&self, case: &Case) -> Result<bool, Error> {
        let (kind, events) = (case.row.kind, &case.row.terms.events);
        let told = self
            .past()
            .cases
            .get(&case.row.reference)
            .map(|past| past.handovers);
        if case.row.handovers > 0 || told.is_some_and(|told| told > 0) {
            return Ok(true);
        }
        let before = self.db().disclosed_before(case.number, kind, events);
        if before.map_err(internal)? {
            return Ok(true);
        }
        // Of what the store has lost, the journal tells when it was handed over, and not of which events.
        let records = [RequestType::B, RequestType::C];
        let alike = |other| other == kind || records.contains(&other) && records.contains(&kind);
        let until = {
            let gone = self.gone();
            let of_alike = gone.iter().filter(|(other, _)| alike(**other));
            of_alike.map(|(_, until)| *until).max()
        };
        let held = self.held(case)?;
        Ok(until.is_some_and(|until| held.iter().any(|event| event.first_seen <= until)))
    }

    /// SHA-256 of the key that answers of a type are encrypted to, hexadecimal.
    fn recipient_of(&self, kind: RequestType) -> Option<String> {
        let key = self.config.recipients.of(kind)?;
        Some(hex(&sha256(&[key.as_bytes()])))
    }

    /// Makes the answer, and says whether the same may have been disclosed before; nothing of it is kept.
    fn make(&self, case: &Case, repeat: bool, clock: &dyn Clock) -> Result<(Ready, bool), Error> {
        let (kind, mut repeat) = (case.row.kind, repeat);
        let answers = match kind {
            // Others have their turn: nothing is changed, and at this stage nobody else does. One that is
            // answered meanwhile may be of the same events.
            RequestType::A => {
                let answers = self.one.aside(|| self.identities(case, clock))?;
                repeat = repeat || self.is_repeat(case)?;
                answers
            }
            _ => Vec::new(),
        };
        // Asking took its time: what is handed over counts at this moment, and is still held.
        let now = clock.read();
        self.judge_now(case, now)?;
        let (content, events) = match kind {
            RequestType::A => self.identified(answers)?,
            RequestType::B => self.records(case, true)?,
            RequestType::C => match case.row.terms.category {
                Some(Category::Kept) => self.records(case, false)?,
                // Of the others the sensor never holds anything.
                _ => (Content::default(), Vec::new()),
            },
            RequestType::Notice => {
                return notices::ready(self, case, repeat).map(|ready| (ready, repeat));
            }
        };
        let recipient = self.recipients.get(kind).ok_or_else(|| {
            let reason = "no key of a recipient is configured for this type any more";
            coded(StatusCode::CONFLICT, "not_configured", reason)
        })?;
        let mut manifest = content.manifest(&self.sensor, &case.row.terms, now.time, repeat);
        manifest.recipient = self.recipient_of(kind);
        let head = self.signer.note(&manifest.text());
        let mut text = Zeroizing::new(Vec::with_capacity(head.len() + content.lines().len()));
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(content.lines());
        let bytes = recipient.encrypt(&text).map_err(internal)?;
        let kept = manifest.for_oversight(&hex(&sha256(&[&bytes])));
        let ready = Ready {
            manifest: Some(self.signer.note(&kept)),
            bytes,
            extension: "age",
            records: content.records(),
            events,
            categories: content.categories(),
        };
        Ok((ready, repeat))
    }

    /// Type A: what the subscriber system says of each event that is there when it is asked.
    fn identities(&self, case: &Case, clock: &dyn Clock) -> Result<Identities, Error> {
        let adaptor = self.adaptor.as_ref().ok_or_else(|| {
            let reason = "no subscriber system is configured any more: see [requests.adaptor]";
            coded(StatusCode::CONFLICT, "not_configured", reason)
        })?;
        let mut all = Vec::new();
        let end = adaptor.end();
        for id in &case.row.terms.events {
            self.judge_now(case, clock.read())?;
            let Some(row) = self.event(id)? else {
                continue;
            };
            let mut answers = Vec::new();
            for question in questions(&row.event) {
                let answer = adaptor.ask(&question, end, &self.stopping)?;
                answers.push((question.side, answer));
            }
            all.push((row.event, answers));
        }
        Ok(all)
    }

    /// These answers, of events that are not destroyed meanwhile; and of which events.
    fn identified(&self, answers: Identities) -> Result<(Content, Vec<String>), Error> {
        let (mut content, mut events) = (Content::default(), Vec::new());
        for (event, answers) in answers {
            if self.event(&event.id)?.is_none() {
                continue;
            }
            for (side, answer) in answers.iter().filter(|(_, answer)| !answer.is_blank()) {
                content.add_answer(&event.id, *side, answer);
            }
            events.push(event.id);
        }
        Ok((content, events))
    }

    /// Types B and C: the events that are still there; of type B, of such as the authority was
    /// informed of.
    fn records(&self, case: &Case, acknowledged: bool) -> Result<(Content, Vec<String>), Error> {
        let (mut content, mut events) = (Content::default(), Vec::new());
        for id in &case.row.terms.events {
            let Some(row) = self.event(id)? else {
                continue;
            };
            if !acknowledged || self.is_acknowledged(row.seq)? {
                content.add_event(&row.event);
                events.push(row.event.id);
            }
        }
        Ok((content, events))
    }

    /// The events of a request that are still there.
    pub(super) fn held(&self, case: &Case) -> Result<Vec<Event>, Error> {
        let mut held = Vec::new();
        for id in &case.row.terms.events {
            held.extend(self.event(id)?.map(|row| row.event));
        }
        Ok(held)
    }

    /// Writes the file and puts it into its place.
    fn hand(
        &self,
        case: &Case,
        ready: Ready,
        repeat: bool,
        now: Timestamp,
        receipt: &Receipt,
    ) -> Result<Case, Error> {
        let directory = self.export_dir()?;
        let attempt = case.row.handovers + 1;
        let name = export::name(case.row.kind, &case.row.reference, attempt, ready.extension);
        export::check(directory)
            .map_err(|error| coded(StatusCode::CONFLICT, "export_dir", error.to_string()))?;
        self.check_place(directory)?;
        let written = export::Written::new(directory, &name, &ready.bytes).map_err(internal)?;
        let stage = stage_of(case)?.after(Step::Hand);
        let stage =
            stage.ok_or_else(|| internal("an answer that is not being made is handed over"))?;
        let digest = hex(&sha256(&[&ready.bytes]));
        let recipient = self.recipient_of(case.row.kind);
        let step = CaseStep {
            stage: stage.name(),
            handover: Some(Handover {
                file: &name,
                digest: &digest,
                categories: &ready.categories,
                records: ready.records,
                repeat,
                manifest: ready.manifest.as_deref(),
                recipient: recipient.as_deref(),
                quantity: ready.events.len() as u64,
            }),
            receipt: Some(receipt.index()),
            ..CaseStep::default()
        };
        // An answer without records holds nothing of an event.
        let events = match ready.records {
            0 => Vec::new(),
            _ => ready.events,
        };
        self.note_export(case, written.place_of(), events, now)?;
        self.db().step(case.number, &step).map_err(internal)?;
        fault::point("request_handing").map_err(internal)?;
        written.place(receipt).map_err(internal)?;
        fault::point("request_handed").map_err(internal)?;
        self.find(&case.row.reference)
    }
}
