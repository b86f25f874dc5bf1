//! A set of markers that is changed a few at a time through the socket.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sensor_user::{markers, model::Image};
use serde_json::Value;

use super::Random;
use crate::daemon::Client;

/// The set as the test knows it: the line of each id.
#[derive(Debug, Default)]
pub struct ChangedSet(BTreeMap<String, String>);

impl ChangedSet {
    /// Adds, overwrites or removes up to three markers of so many ids; the sensor's answer. `until` are the ends
    /// of lines, blank first where there is one.
    ///
    /// # Panics
    /// When the sensor refuses.
    pub fn step(
        &mut self,
        random: &mut Random,
        client: &Client,
        (patterns, until, ids): (&[&str], &[&str], usize),
    ) -> Value {
        let count = 1 + random.below(3);
        if random.percent(45) && !self.0.is_empty() {
            let held: Vec<String> = self.0.keys().cloned().collect();
            let gone: BTreeSet<&str> = (0..count)
                .map(|_| held[random.below(held.len())].as_str())
                .collect();
            let body: String = gone.iter().map(|id| format!("{id}\n")).collect();
            self.0.retain(|id, _| !gone.contains(id.as_str()));
            return post(client, "/v1/markers/remove", &body);
        }
        let new: BTreeMap<String, String> = (0..count)
            .map(|_| {
                let (pattern, until) = (random.pick(patterns), random.pick(until));
                let id = format!("m{}", random.below(ids));
                let line = format!("{pattern} id={id}{until}\n");
                (id, line)
            })
            .collect();
        let body: String = new.values().cloned().collect();
        self.0.extend(new);
        post(client, "/v1/markers", &body)
    }

    /// Markers in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The image of the whole set.
    ///
    /// # Panics
    /// When a line is no marker.
    #[must_use]
    pub fn image(&self) -> Image {
        let text: String = self.0.values().cloned().collect();
        let read = markers::read_text(&text);
        assert_eq!(read.refused_total, 0, "{:?}", read.refused);
        markers::compile(&read.markers, Timestamp::now()).expect("no collision")
    }
}

/// Posts, and reads what comes back.
///
/// # Panics
/// When the sensor refuses.
pub fn post(client: &Client, path: &str, body: &str) -> Value {
    let answer = client.post(path, body).expect("an answer");
    assert_eq!(answer.status, 200, "{body}: {:?}", answer.body);
    answer.body
}
