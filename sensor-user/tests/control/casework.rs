//! Requests of the authority with every field filled in.

use jiff::Timestamp;
use sensor_user::model::{
    Agent, Authorisation, Beneficiary, Category, RequestTerms, RequestType,
    request::{
        ApprovalRow, Capacity, CaseRow, CostRow, Impossible, ManifestRow, Manifests, TaskRow,
    },
};

fn time() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().expect("time")
}

pub fn case(reference: &str) -> CaseRow {
    let kind = RequestType::Notice;
    CaseRow {
        reference: reference.into(),
        kind,
        terms: RequestTerms {
            kind,
            reference: reference.into(),
            ground: kind.ground().into(),
            purpose: kind.purpose().into(),
            agent: Agent {
                designation: "AG-7".into(),
                commission: "COM-1".into(),
                from: time(),
                until: time(),
            },
            valid_from: time(),
            valid_until: time(),
            events: vec!["00ff".into()],
            beneficiary: Some(Beneficiary::OperatorArt5),
            authorisation: Some(Authorisation {
                number: "A-9".into(),
                technique: "L851-1".into(),
                from: time(),
                until: time(),
            }),
            category: Some(Category::Location),
        },
        issuer: "authority.example".into(),
        serial: 12,
        envelope: "00ff".repeat(16),
        stage: "handed_over".into(),
        received: time(),
        approvals: vec![ApprovalRow {
            capacity: Capacity::Responsible,
            uid: 1000,
            at: time(),
        }],
        handovers: 1,
        file: Some("request-notice-00ff-1.json".into()),
        records: Some(1),
        code: Some("interrupted".into()),
        receipt: 7,
        tasks: vec![TaskRow {
            event: "00ff".into(),
            state: "impossible".into(),
            since: time(),
            date: Some(jiff::civil::date(2027, 1, 31)),
            proof: Some("LRAR-1".into()),
            reason: Some(Impossible::Left),
        }],
    }
}

pub fn manifests(reference: &str) -> Manifests {
    Manifests {
        reference: reference.into(),
        kind: RequestType::B,
        stage: "disclosed".into(),
        manifests: vec![ManifestRow {
            handover: 1,
            note: "marker-sensor-disclosed 1\n{}\n\n— pop1 AAAA\n".into(),
        }],
    }
}

pub fn cost() -> CostRow {
    CostRow {
        line: 1,
        time: time(),
        reference: "REQ-1".into(),
        kind: RequestType::A,
        ground: "L2321-3-1".into(),
        tariff_code: "ID".into(),
        tariff_version: "2027-1".into(),
        quantity: 1,
        receipt: 7,
    }
}
