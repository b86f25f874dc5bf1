//! What an export holds: the records of a request, and the manifest that says what they are. Pure.

use std::{collections::BTreeMap, io::Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use crate::{
    crypto::{Wiped, hex, sha256},
    model::{
        Beneficiary, Category, Event, Item, Pap, RequestTerms, RequestType, SubscriberSide, Tlp,
    },
};

/// First line of a manifest.
pub const MAGIC: &str = "marker-sensor-disclosure 1";

/// First line of what is kept of a manifest for oversight.
pub const MAGIC_OF_OVERSIGHT: &str = "marker-sensor-disclosed 1";

/// What the sensor signs of an export: one JSON object on the second line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the sensor.
    pub sensor: String,
    /// Reference of the request.
    pub reference: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: RequestType,
    /// Its legal ground.
    pub ground: String,
    /// What the data may be used for, to the exclusion of anything else.
    pub purpose: String,
    /// For whose security.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneficiary: Option<Beneficiary>,
    /// Number of the authorisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<String>,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// When it was made.
    pub created: Timestamp,
    /// SHA-256 of the public key that it is encrypted to (its text, `age1…`), hexadecimal: who opens it
    /// sees that it was meant for them, and whoever has the journal that it was for nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The same may have been disclosed before.
    pub repeat: bool,
    /// Nothing is held of what was asked for.
    pub nil: bool,
    /// Lines of the content.
    pub records: u64,
    /// Values by category: items of R. 10-15 CPCE (`1°` to `6°`), or the names of the three that
    /// L. 2321-3 ¶1 has.
    pub categories: BTreeMap<String, u64>,
    /// The most restrictive marking of the records.
    pub tlp: Tlp,
    /// Likewise.
    pub pap: Pap,
    /// Bytes of the content.
    pub content_length: u64,
    /// SHA-256 of the content, hexadecimal.
    pub content_sha256: String,
}

/// The records of an export, one JSON object a line. Overwritten when it is dropped.
#[derive(Debug)]
pub struct Content {
    lines: Wiped,
    records: u64,
    categories: BTreeMap<String, u64>,
    marking: (Tlp, Pap),
}

impl Default for Content {
    fn default() -> Self {
        Self {
            lines: Wiped::default(),
            records: 0,
            categories: BTreeMap::new(),
            marking: (Tlp::Clear, Pap::Clear),
        }
    }
}

/// A line of a type A answer.
#[derive(Serialize)]
struct Identified<'a> {
    event: &'a str,
    side: SubscriberSide,
    #[serde(flatten)]
    answer: &'a Answer,
}

impl Content {
    /// Adds an event: all of its fields, which are the closed list of R. 10-15 CPCE.
    pub fn add_event(&mut self, event: &Event) {
        self.line(event);
        for (item, values) in items(event) {
            *self.categories.entry(item).or_default() += values;
        }
        self.marking.0 = self.marking.0.max(event.tlp);
        self.marking.1 = self.marking.1.max(event.pap);
    }

    /// Adds what the subscriber system answers about a side of an event.
    pub fn add_answer(&mut self, event: &str, side: SubscriberSide, answer: &Answer) {
        self.line(&Identified {
            event,
            side,
            answer,
        });
        for (field, value) in Answer::FIELDS.into_iter().zip(answer.fields()) {
            if value.is_some() {
                *self.categories.entry(field.to_owned()).or_default() += 1;
            }
        }
        // Who a subscriber is, is for those alone who asked.
        self.marking = (Tlp::Red, Pap::Red);
    }

    fn line(&mut self, record: &impl Serialize) {
        serde_json::to_writer(&mut self.lines, record).expect("a record is plain JSON");
        self.lines.write_all(b"\n").expect("it grows");
        self.records += 1;
    }

    /// How many records.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The categories of which there is something.
    #[must_use]
    pub fn categories(&self) -> Vec<String> {
        self.categories.keys().cloned().collect()
    }

    /// The records.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The manifest of these records.
    #[must_use]
    pub fn manifest(
        &self,
        sensor: &str,
        terms: &RequestTerms,
        created: Timestamp,
        repeat: bool,
    ) -> Manifest {
        Manifest {
            sensor: sensor.into(),
            reference: terms.reference.clone(),
            kind: terms.kind,
            ground: terms.kind.ground().into(),
            purpose: terms.kind.purpose().into(),
            beneficiary: terms.beneficiary,
            authorisation: terms.authorisation.as_ref().map(|one| one.number.clone()),
            category: terms.category,
            created,
            recipient: None,
            repeat,
            nil: self.records == 0,
            records: self.records,
            categories: self.categories.clone(),
            tlp: self.marking.0,
            pap: self.marking.1,
            content_length: self.lines.len() as u64,
            content_sha256: hex(&sha256(&[&self.lines])),
        }
    }
}

impl Manifest {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let line = serde_json::to_string(self).expect("a manifest is plain JSON");
        format!("{MAGIC}\n{line}\n")
    }

    /// The text that is signed and kept for oversight. It outlives the records, so it has neither their
    /// length nor their digest, which would prove them to whoever guesses them: the digest of the
    /// encrypted file, which the journal has too, says which export it is of.
    #[must_use]
    pub fn for_oversight(&self, export_sha256: &str) -> String {
        let mut kept = serde_json::to_value(self).expect("a manifest is plain JSON");
        if let Some(kept) = kept.as_object_mut() {
            kept.remove("content_length");
            kept.remove("content_sha256");
            kept.insert("export_sha256".into(), export_sha256.into());
        }
        format!("{MAGIC_OF_OVERSIGHT}\n{kept}\n")
    }
}

/// The values of an event by item of R. 10-15 CPCE.
fn items(event: &Event) -> BTreeMap<String, u64> {
    let value = serde_json::to_value(event).expect("an event is plain JSON");
    let mut items = BTreeMap::new();
    for field in Event::FIELDS {
        if value.get(field.name).is_some_and(|value| !value.is_null()) {
            *items
                .entry(Item::number(field.item).to_owned())
                .or_default() += 1;
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Agent, event::tests::event};

    fn terms() -> RequestTerms {
        let kind = RequestType::B;
        RequestTerms {
            kind,
            reference: "REQ-1".into(),
            ground: kind.ground().into(),
            purpose: kind.purpose().into(),
            agent: Agent {
                designation: "AG-7".into(),
                commission: "COM-1".into(),
                from: Timestamp::MIN,
                until: Timestamp::MAX,
            },
            valid_from: Timestamp::MIN,
            valid_until: Timestamp::MAX,
            events: vec![event().id],
            beneficiary: Some(Beneficiary::OperatorArt5),
            authorisation: None,
            category: None,
        }
    }

    #[test]
    fn the_manifest_says_what_the_content_holds() {
        let mut content = Content::default();
        content.add_event(&event());
        content.add_event(&Event {
            src_port: None,
            ..event()
        });
        let manifest = content.manifest("pop1", &terms(), Timestamp::UNIX_EPOCH, true);
        assert_eq!(
            (manifest.records, manifest.nil, manifest.repeat),
            (2, false, true)
        );
        let of_item = |item: Item| {
            let fields = Event::FIELDS.iter();
            fields
                .filter(|field| field.item == item && field.name != "test")
                .count() as u64
        };
        assert_eq!(manifest.categories["1°"], 2 * of_item(Item::Origin) - 1);
        assert_eq!(manifest.categories["2°"], 2 * of_item(Item::Routing));
        assert_eq!(manifest.categories.len(), 4, "{:?}", manifest.categories);
        assert_eq!(manifest.content_length, content.lines().len() as u64);
        assert_eq!(manifest.tlp, Tlp::AmberStrict);
        assert_eq!(manifest.purpose, "characterise-threat");
        let text = manifest.text();
        let line = text.lines().nth(1).expect("a line");
        assert_eq!(
            serde_json::from_str::<Manifest>(line).expect("JSON"),
            manifest
        );
    }

    #[test]
    fn nothing_held_is_a_nil_answer() {
        let content = Content::default();
        let manifest = content.manifest("pop1", &terms(), Timestamp::UNIX_EPOCH, false);
        assert!(manifest.nil && manifest.categories.is_empty());
        assert_eq!(manifest.content_length, 0);
    }

    #[test]
    fn an_answer_counts_what_it_fills_in() {
        let mut content = Content::default();
        let answer = Answer {
            identity: Some("A".into()),
            postal_address: None,
            email: Some("a@example".into()),
        };
        content.add_answer("00ff", SubscriberSide::Src, &answer);
        assert_eq!(content.categories(), ["email", "identity"]);
        assert_eq!(
            content.lines(),
            b"{\"event\":\"00ff\",\"side\":\"src\",\"identity\":\"A\",\"postal_address\":null,\"email\":\"a@example\"}\n"
        );
    }
}
