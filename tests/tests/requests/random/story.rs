//! What is asked next.

use std::collections::{BTreeMap, BTreeSet};

use sensor_tests::random::Random;
use sensor_user::{control::routes::Route, model::RequestKind as K};
use serde_json::{Value, json};

use crate::scene::{Authority, document};

/// Who asks what.
pub struct Story<'a> {
    pub random: Random,
    authority: &'a Authority,
    pub ids: Vec<String>,
    serials: BTreeMap<&'static str, u64>,
    envelopes: Vec<Vec<u8>>,
}

impl<'a> Story<'a> {
    pub fn new(authority: &'a Authority, ids: Vec<String>) -> Self {
        Self {
            random: Random::from_env(20_270_322),
            authority,
            ids,
            serials: BTreeMap::new(),
            envelopes: Vec::new(),
        }
    }

    /// One of several.
    pub fn one_of<'v, T>(&mut self, all: &'v [T]) -> &'v T {
        &all[self.random.below(all.len())]
    }

    /// A signed request, sometimes not as it should be, or one of before.
    fn request(&mut self) -> Vec<u8> {
        if !self.envelopes.is_empty() && self.random.below(10) == 0 {
            let envelopes = std::mem::take(&mut self.envelopes);
            let again = self.one_of(&envelopes).clone();
            self.envelopes = envelopes;
            return again;
        }
        let kind = *self.one_of(&["request-a", "request-b", "request-c", "request-notice"]);
        let reference = format!("REQ-{}", self.random.below(60));
        let ids = self.ids.clone();
        let events = [self.one_of(&ids).as_str(), self.one_of(&ids).as_str()];
        let events: BTreeSet<&str> = events.into();
        let events: Vec<&str> = events.into_iter().collect();
        let mut request = document(kind, &reference, &events);
        match self.random.below(20) {
            0 => request["purpose"] = "curiosity".into(),
            1 => request["motivation"] = "because".into(),
            2 => request["address"] = "10.1.0.2".into(),
            3 => request["valid_until"] = request["valid_from"].clone(),
            4 => request["agent"]["until"] = request["agent"]["from"].clone(),
            _ => {}
        }
        let key = match self.random.below(15) {
            0 => "markers",
            _ => kind,
        };
        let envelope = self.signed(key, kind, request.to_string().as_bytes(), &["--kind", kind]);
        self.envelopes.push(envelope.clone());
        envelope
    }

    fn signed(
        &mut self,
        key: &str,
        kind: &'static str,
        content: &[u8],
        options: &[&str],
    ) -> Vec<u8> {
        let serial = self.serials.entry(kind).or_default();
        *serial += 1;
        let issuer = match key {
            "request-a" => &self.authority.request_a,
            "request-b" => &self.authority.request_b,
            "request-c" => &self.authority.request_c,
            "request-notice" => &self.authority.notices,
            _ => &self.authority.orders,
        };
        issuer.envelope(*serial, content, options)
    }

    /// The body that goes with a route.
    pub fn body(&mut self, kind: K) -> Vec<u8> {
        let n = self.random.below(20);
        let marker = format!("ip 198.51.100.{n} id=m{n}\n");
        match kind {
            K::MarkersLoad | K::MarkersAdd => marker.into(),
            K::MarkersRemove | K::MarkersRelease => format!("m{n}\n").into(),
            K::DeclarationRecord => json!({"reference": format!("D-{n}"), "date": "2026-01-01"})
                .to_string()
                .into(),
            K::EnvelopeSubmit => {
                let order = format!("ORD-S{}", self.random.below(30));
                let options = ["--order", &order, "--duration", "P30D"];
                self.signed("markers", "markers", marker.as_bytes(), &options)
            }
            K::OrdersSubmit => {
                let order = format!("ORD-{n}");
                let terms = json!({"reference": order, "issuer": "authority", "duration": "30d"});
                format!("{terms}\n{marker}").into()
            }
            K::RequestsSubmit => self.request(),
            K::RequestsRefuse => b"{\"reason\":\"ground\"}".to_vec(),
            K::RequestsSettle => {
                let ids = self.ids.clone();
                let event = self.one_of(&ids);
                json!({"outcome": "impossible", "event": event, "reason": "left"})
                    .to_string()
                    .into()
            }
            _ => Vec::new(),
        }
    }

    /// Something that is there for the parameter of a route, mostly.
    pub fn parameter(&mut self, route: &Route, cases: &[Value]) -> String {
        let n = self.random.below(20);
        if route.path.starts_with("/v1/requests") {
            let waits = |row: &&Value| {
                let stage = row["stage"].as_str().unwrap_or_default();
                matches!(
                    stage,
                    "submitted" | "requested" | "approved" | "handed_over"
                )
            };
            let waiting: Vec<&Value> = cases.iter().filter(waits).collect();
            return match waiting.is_empty() {
                true => format!("REQ-{n}"),
                false => self.one_of(&waiting)["reference"]
                    .as_str()
                    .expect("text")
                    .to_owned(),
            };
        }
        let ids = self.ids.clone();
        match route.path.split('/').nth(2) {
            Some("events") => self.one_of(&ids).clone(),
            Some("markers") => format!("m{n}"),
            Some("orders") => format!("ORD-{n}"),
            Some("interfaces") => "lo".into(),
            _ => "authority".into(),
        }
    }
}
