//! What an entry takes on disk: the table of `docs/law.md` is held against the longest entry of each
//! group.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    journal::{
        Action, Entry, EnvelopeMark, LONGEST_LINE, MarkersChange, OrderChange, Overseers,
        RequestEntry, RequestStep, Tariffed,
    },
    model::{Beneficiary, Recipient, RequestType, Role, request::Capacity},
};

/// The group of an action in the table. Exhaustive on purpose: whoever adds an action decides what it may
/// take.
const fn group(action: &Action) -> &'static str {
    match action {
        Action::Stopped
        | Action::RequestsRead
        | Action::OversightUnreachable { .. }
        | Action::Heartbeat
        | Action::Recovered { .. }
        | Action::ClockAccepted { .. }
        | Action::Failed { .. }
        | Action::CanaryRun { .. }
        | Action::BreakerOpened { .. }
        | Action::BreakerClosed { .. }
        | Action::AttachRefused { .. }
        | Action::OrderRefused { .. }
        | Action::ReleaseApproved { .. }
        | Action::Attached { .. }
        | Action::Detached { .. }
        | Action::InterfaceGone { .. } => "`heartbeat`",
        Action::EventsRead { .. }
        | Action::EventRead { .. }
        | Action::MarkersRead { .. }
        | Action::SaltGiven { .. }
        | Action::JournalRead { .. } => "`events_read`",
        Action::EventsDestroyed { .. }
        | Action::EventsNotUseful { .. }
        | Action::EventsErased { .. } => "`events_erased`",
        Action::Delivered { .. } | Action::DeadLettersReplayed { .. } => "`delivered`",
        Action::Started { .. } | Action::OverseersChanged { .. } => "`started`",
        Action::KeyMade { .. }
        | Action::RestoreAccepted { .. }
        | Action::DeclarationRecorded { .. }
        | Action::RequestsConfigured { .. }
        | Action::DisclosureKeyMade { .. }
        | Action::EnvelopeRefused { .. }
        | Action::EnvelopeAccepted { .. }
        | Action::MarkersExpired { .. }
        | Action::MarkersAdmitted { .. }
        | Action::DeadlinesRenewed { .. }
        | Action::OrderEnded { .. } => "`envelope_accepted`",
        Action::MarkersLoaded(_)
        | Action::MarkersAdded(_)
        | Action::MarkersRemoved(_)
        | Action::FalsePositivesRemoved(_)
        | Action::MarkersReleased(_) => "`markers_loaded`",
        Action::OrderAccepted(_) | Action::OrderWithdrawn(_) => "`order_accepted`",
        Action::Request(_) => "`request`",
    }
}

/// As long as references and names may be.
fn longest() -> String {
    "r".repeat(128)
}

fn digest() -> String {
    "f".repeat(64)
}

fn change() -> MarkersChange {
    MarkersChange {
        added: 16_777_214,
        removed: 16_777_214,
        total: 16_777_214,
        quarantined: 16_777_214,
        patterns: 16_777_214,
        digest: digest(),
        envelope: Some(EnvelopeMark {
            issuer: longest(),
            serial: u64::MAX,
            order: Some(longest()),
        }),
    }
}

fn request() -> RequestEntry {
    RequestEntry {
        step: RequestStep::NoticeImpossible,
        kind: Some(RequestType::Notice),
        reference: Some(longest()),
        issuer: Some(longest()),
        serial: Some(u64::MAX),
        commission: Some(longest()),
        beneficiary: Some(Beneficiary::PublicAuthority),
        capacity: Some(Capacity::Responsible),
        envelope: Some(digest()),
        events: Some(100),
        records: Some(100),
        categories: ["identity", "postal_address", "email"]
            .map(str::to_owned)
            .into(),
        digest: Some(digest()),
        manifest: Some(digest()),
        recipient: Some(digest()),
        cost: Tariffed {
            tariff_code: Some("t".repeat(64)),
            tariff_version: Some("t".repeat(64)),
            quantity: Some(100),
        },
        code: Some("authorisation_not_valid".into()),
        unsaid: Some(u64::MAX),
        repeat: true,
        of: Some(1_000_000_000),
    }
}

/// As many as an entry has room for.
fn overseers() -> Overseers {
    let list = vec![u32::MAX; Overseers::MOST];
    Overseers {
        whole: list.clone(),
        arcep: list.clone(),
        cnctr: list,
        more: 1_000_000_000,
        digest: digest(),
    }
}

/// As long as a key of a sensor with a name of 64 characters.
fn key() -> String {
    "k".repeat(64 + 1 + 8 + 1 + 44)
}

/// The longest action of each group.
fn samples() -> Vec<Action> {
    let order = OrderChange {
        reference: longest(),
        issuer: longest(),
        start: Timestamp::MAX,
        end: Timestamp::MAX,
        named: 16_777_214,
        renamed: Some(longest()),
        change: change(),
    };
    vec![
        Action::Heartbeat,
        Action::Failed {
            of: 1_000_000_000,
            code: "authorisation_not_valid".into(),
        },
        Action::InterfaceGone {
            interface: "i".repeat(15),
        },
        Action::EventsRead { rows: 10_000 },
        Action::EventRead {
            commitment: digest(),
        },
        Action::EventsErased {
            expired: 12_000_000,
            not_useful: 12_000_000,
            cap: 12_000_000,
            unreadable: 12_000_000,
        },
        Action::Delivered {
            sink: "s".repeat(64),
            recipient: Recipient::Authority,
            events: 12_000_000,
            refused: 12_000_000,
        },
        Action::RequestsConfigured { digest: digest() },
        Action::EnvelopeAccepted {
            issuer: longest(),
            serial: u64::MAX,
            digest: digest(),
            of: 1_000_000_000,
        },
        Action::Started {
            version: "10.10.10".into(),
            sensor: "s".repeat(64),
            heartbeat: Some(86_400),
            unsaid_stop: Some(1_000_000_000),
            overseers: Some(overseers()),
            disclosure_key: Some(key()),
        },
        Action::FalsePositivesRemoved(change()),
        Action::OrderAccepted(order),
        Action::Request(Box::new(request())),
    ]
}

/// Bytes of an entry in a journal that has run for long.
fn bytes(action: &Action) -> usize {
    let entry = Entry {
        index: 1_000_000_000,
        time: "2027-01-15T13:00:00.123456789Z".parse().expect("a time"),
        uid: u32::MAX,
        role: Role::Oversight,
        root_before: digest(),
        nonce: "f".repeat(32),
        action: action.clone(),
    };
    serde_json::to_string(&entry).expect("JSON").len() + 1
}

/// The table of the document: bytes at most, by group.
fn table() -> BTreeMap<String, usize> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/law.md");
    let document = std::fs::read_to_string(path).expect("the document");
    let table = document.split("| entry | bytes, at most |").nth(1);
    let lines = table.expect("a table").lines().skip(2);
    let lines = lines.take_while(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let group = cells[1].split([' ', ',', ':']).next().expect("a name");
        let bytes = cells[2].replace(',', "").parse().expect("a number");
        (group.to_owned(), bytes)
    };
    lines.map(row).collect()
}

#[test]
fn no_entry_takes_more_than_the_document_says() {
    let mut measured: BTreeMap<String, usize> = BTreeMap::new();
    for action in samples() {
        let most = measured.entry(group(&action).to_owned()).or_default();
        *most = (*most).max(bytes(&action));
    }
    let table = table();
    let groups = |of: &BTreeMap<String, usize>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(groups(&table), groups(&measured), "each group has its row");
    // A bound that is far off tells nothing.
    let holds = |bytes: usize, stated: usize| (bytes..=bytes + 64).contains(&stated);
    let wrong: Vec<_> = measured
        .iter()
        .filter(|(group, bytes)| !holds(**bytes, table[*group]))
        .collect();
    assert!(wrong.is_empty(), "otherwise than stated: {wrong:?}");
    assert!(table.values().all(|stated| *stated < LONGEST_LINE));
}
