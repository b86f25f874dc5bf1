//! Events, envelopes and answers, as the tests have them.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use age::{Decryptor, x25519::Identity};
use jiff::Timestamp;
use sensor_user::{
    config::Commission,
    control::Error,
    model::{
        Actor, ContentKind, Event, EventRow, MarkerHandling, MatchedIn, Pap, PatternId,
        PatternKind, RequestType, Role, Spool, State, SubscriberSide, Tlp, Vantage, event::SCHEMA,
        request::CaseRow,
    },
};
use serde_json::Value;

pub fn kind_of(document: &Value) -> ContentKind {
    match document["type"].as_str() {
        Some("request-a") => ContentKind::RequestA,
        Some("request-b") => ContentKind::RequestB,
        Some("request-c") => ContentKind::RequestC,
        _ => ContentKind::RequestNotice,
    }
}

pub fn spool(bytes: &[u8]) -> Spool {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("writes");
    Spool::new(file, bytes.len() as u64)
}

pub fn decrypted(identity: &Identity, encrypted: &[u8]) -> Option<Vec<u8>> {
    let decryptor = Decryptor::new(encrypted).ok()?;
    let mut reader = decryptor.decrypt(std::iter::once(identity as _)).ok()?;
    let mut text = Vec::new();
    reader.read_to_end(&mut text).ok()?;
    Some(text)
}

pub fn id_of(seq: i64) -> String {
    let digest = sensor_user::crypto::sha256(&[&seq.to_be_bytes()]);
    sensor_user::crypto::hex(&digest[..16])
}

pub fn row(seq: i64, first_seen: Timestamp) -> EventRow {
    let event = Event {
        schema: SCHEMA,
        id: id_of(seq),
        rev: 1,
        state: State::Closed,
        sensor: "pop1".into(),
        vantage: Vantage(100 << 12),
        markers: vec!["m1".into()],
        orders: vec!["ORD-1".into()],
        pattern_kind: PatternKind::Ip,
        matched_in: MatchedIn::DstIp,
        first_seen,
        last_seen: first_seen,
        src_ip: Some([198, 51, 100, (seq % 250) as u8].into()),
        src_port: Some(40_000),
        dst_ip: Some([203, 0, 113, 77].into()),
        dst_port: Some(443),
        proto: "tcp".into(),
        packets: 3,
        bytes: 180,
        subscriber_side: SubscriberSide::Src,
        interface: "eth0".into(),
        vlan: vec![100],
        generation: 1,
        tlp: Tlp::Amber,
        pap: Pap::Amber,
        test: false,
    };
    EventRow {
        seq,
        event,
        handling: vec![MarkerHandling::default()],
        pattern: PatternId(7),
        tunnel: 0,
    }
}

pub fn code(outcome: Result<CaseRow, Error>) -> String {
    match outcome {
        Ok(row) => format!("ok: {}", row.stage),
        Err(error) => error.code().into(),
    }
}

/// Every file below a directory.
pub fn collect(directory: &Path, kept: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, kept);
        } else {
            kept.push((path.clone(), fs::read(&path).expect("a file")));
        }
    }
}

pub fn actor(uid: u32, role: Role) -> Actor {
    Actor { uid, role }
}

pub fn desk_actor() -> Actor {
    actor(40_010, Role::Desk)
}

/// A commission for every type, as the operator lists it.
pub fn commission(reference: &str) -> Commission {
    Commission {
        reference: reference.into(),
        types: RequestType::ALL.into(),
        until: "2030-01-01T00:00:00Z".parse().expect("a time"),
    }
}

/// Nobody's user; whoever is not root has only its own.
pub fn subscriber_system_user() -> u32 {
    match rustix::process::geteuid().as_raw() {
        0 => 65_534,
        own => own,
    }
}
