//! Notices to subscribers (L. 33-14 ¶5 CPCE): the work list for the operator's own subscriber system.
//! It names events by their id; who the subscriber is, only that system finds out. Pure.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::model::Event;

/// The French text.
pub const FRENCH: &str = include_str!("../../../deploy/notices/fr.txt");
/// The English text.
pub const ENGLISH: &str = include_str!("../../../deploy/notices/en.txt");

/// What may stand in braces in a text: nothing that tells of a marker.
pub const PLACES: [&str; 3] = ["reference", "date", "notice"];

/// A work list: one JSON document.
#[derive(Debug, Serialize)]
pub struct WorkList<'a> {
    /// The authority's reference: without one there is no notice.
    pub reference: &'a str,
    /// Name of the sensor.
    pub sensor: &'a str,
    /// The list was handed over before.
    pub repeat: bool,
    /// One for each event that is still there.
    pub tasks: Vec<Task>,
}

/// A notice to send.
#[derive(Debug, Serialize)]
pub struct Task {
    /// Id of the event, by which the operator's system asks the sensor who is concerned.
    pub event: String,
    /// The texts, filled in.
    pub texts: Texts,
}

/// A notice in both languages.
#[derive(Debug, Serialize)]
pub struct Texts {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

impl<'a> WorkList<'a> {
    /// Of these events.
    #[must_use]
    pub fn new(reference: &'a str, sensor: &'a str, repeat: bool, events: &[Event]) -> Self {
        let task = |event: &Event| Task {
            event: event.id.clone(),
            texts: Texts {
                fr: filled(FRENCH, reference, &event.id, event.first_seen, "%d/%m/%Y"),
                en: filled(ENGLISH, reference, &event.id, event.first_seen, "%Y-%m-%d"),
            },
        };
        Self {
            reference,
            sensor,
            repeat,
            tasks: events.iter().map(task).collect(),
        }
    }
}

fn filled(text: &str, reference: &str, event: &str, time: Timestamp, format: &str) -> String {
    let date = time.to_zoned(TimeZone::UTC).strftime(format).to_string();
    let notice = event.get(..Event::SHORT_ID).unwrap_or(event);
    let values = [reference, &date, notice];
    let mut text = text.to_owned();
    for (place, value) in PLACES.into_iter().zip(values) {
        text = text.replace(&format!("{{{place}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::event;

    #[test]
    fn texts_have_only_places_that_tell_of_no_marker() {
        for text in [FRENCH, ENGLISH] {
            let mut rest = text;
            let mut found = Vec::new();
            while let Some((_, tail)) = rest.split_once('{') {
                let (place, tail) = tail.split_once('}').expect("a brace is closed");
                assert!(PLACES.contains(&place), "{place}");
                found.push(place);
                rest = tail;
            }
            assert_eq!(found.len(), PLACES.len(), "{found:?}");
        }
    }

    #[test]
    fn a_work_list_has_event_ids_and_neither_address_nor_marker() {
        let event = event();
        let events = [event.clone()];
        let list = WorkList::new("REQ-1", "pop1", false, &events);
        let text = serde_json::to_string(&list).expect("JSON");
        assert!(text.contains(&event.id) && text.contains("REQ-1"));
        assert!(text.contains("01/01/2026") && text.contains("2026-01-01"));
        for value in ["198.51.100.7", "2001:db8::5", "c2", "wide", "50123", "443"] {
            assert!(!text.contains(&format!("\"{value}\"")), "{value}");
        }
        assert!(!text.contains("198.51.100.7") && !text.contains("2001:db8::5"));
        assert!(!text.contains('{') || !text.contains("{date}"));
    }
}
