//! Every code, and what an envelope is bound to.

use std::io::Cursor;

use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::{
    config,
    crypto::base64,
    model::{ContentKind, request::Format},
};

const CONTENT: &[u8] = b"ip 203.0.113.5 id=c2-17\n";
const NAME: &str = "authority.example";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    time("2027-01-15T12:00:00Z")
}

fn draft() -> Draft {
    Draft {
        kind: ContentKind::Markers,
        change: Change::Replace,
        expires: time("2027-02-01T00:00:00Z"),
        format: Format::Text,
        issued: time("2027-01-15T00:00:00Z"),
        order: None,
        recipient: None,
        serial: 7,
    }
}

fn made(key: &SignerKey, draft: Draft) -> Vec<u8> {
    let mut bytes = Vec::new();
    create(key, draft, &mut Cursor::new(CONTENT), &mut bytes).expect("an envelope");
    bytes
}

fn key() -> SignerKey {
    SignerKey::generate(NAME).expect("a key")
}

fn pinned(key: &SignerKey) -> config::Issuer {
    config::Issuer {
        key: key.public().to_string(),
        not_before: None,
        not_after: None,
        authority: true,
        kind: ContentKind::Markers,
    }
}

fn judge(bytes: &[u8], issuers: &[config::Issuer]) -> Result<Envelope, Refused> {
    let issuers = Issuers::of(issuers).expect("keys");
    let trust = Trust {
        issuers: &issuers,
        recipient: Some("pop1"),
        now: now(),
    };
    verify(&mut Cursor::new(bytes), trust, &|_| {})
}

fn code(bytes: &[u8], issuers: &[config::Issuer]) -> &'static str {
    judge(bytes, issuers).map_or_else(|refused| refused.reason.code(), |_| "accepted")
}

/// With a manifest of one's own, signed.
fn with_manifest(key: &SignerKey, manifest: &str) -> Vec<u8> {
    [key.head(manifest).as_bytes(), CONTENT].concat()
}

fn good_manifest(key: &SignerKey) -> String {
    let bytes = made(key, draft());
    let text = String::from_utf8(bytes).expect("text");
    text.lines().nth(1).expect("a manifest").to_owned()
}

#[test]
fn what_was_made_is_accepted_and_its_content_found() {
    let key = key();
    let bytes = made(&key, draft());
    let envelope = judge(&bytes, &[pinned(&key)]).expect("accepted");
    assert_eq!(&bytes[envelope.content_at as usize..], CONTENT);
    assert_eq!(envelope.manifest.serial, 7);
    assert_eq!(envelope.manifest.issuer, NAME);
    assert!(envelope.authority);
    // Canonical JSON: keys in order, no spaces.
    let manifest = good_manifest(&key);
    let value: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let mut keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    keys.sort();
    let places: Vec<_> = keys
        .iter()
        .map(|key| manifest.find(&format!("\"{key}\":")).expect("a key"))
        .collect();
    assert!(places.is_sorted() && !manifest.contains(' '), "{manifest}");
}

#[test]
fn no_byte_can_be_changed() {
    let key = key();
    let bytes = made(&key, draft());
    let issuers = [pinned(&key)];
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_ne!(code(&changed, &issuers), "accepted", "byte {at}");
    }
    for end in 0..bytes.len() {
        assert_eq!(code(&bytes[..end], &issuers), "truncated", "{end} bytes");
    }
    let longer = [&bytes[..], b"\n"].concat();
    assert_eq!(code(&longer, &issuers), "content_mismatch");
}

#[test]
fn who_signed_counts() {
    let (key, other) = (key(), key());
    let stranger = SignerKey::generate("somebody").expect("a key");
    let bytes = made(&key, draft());
    assert_eq!(code(&bytes, &[]), "unknown_issuer");
    assert_eq!(code(&bytes, &[pinned(&stranger)]), "unknown_issuer");
    assert_eq!(code(&bytes, &[pinned(&other)]), "unknown_key");
    // Another's signature under the name and id of the pinned key.
    let text = String::from_utf8(bytes.clone()).expect("text");
    let line = text.lines().nth(3).expect("a signature").to_owned();
    let mut blob = key.public().id.to_vec();
    blob.extend([7; 64]);
    let forged = text.replace(&line, &format!("\u{2014} {NAME} {}", base64(&blob)));
    assert_eq!(code(forged.as_bytes(), &[pinned(&key)]), "bad_signature");
    // The key says who is the issuer, not the manifest.
    let manifest = good_manifest(&key).replace(NAME, "somebody");
    let bytes = with_manifest(&key, &manifest);
    assert_eq!(
        code(&bytes, &[pinned(&key), pinned(&stranger)]),
        "bad_manifest"
    );
}

#[test]
fn a_signature_of_an_unknown_kind_or_key_may_stand_beside_ours() {
    let key = key();
    let text = String::from_utf8(made(&key, draft())).expect("text");
    let line = text.lines().nth(3).expect("a signature").to_owned();
    let witness = format!("\u{2014} witness.example {}", base64(&[9; 76]));
    let new = format!("\u{2014} {NAME} {}", base64(&[9; 68]));
    for beside in [witness, new] {
        let text = text.replace(&line, &format!("{beside}\n{line}"));
        assert_eq!(code(text.as_bytes(), &[pinned(&key)]), "accepted");
    }
}

#[test]
fn a_key_counts_while_it_is_valid() {
    let key = key();
    let bytes = made(&key, draft());
    let with = |before: &str, after: &str| {
        let issuer = config::Issuer {
            not_before: Some(time(before)),
            not_after: Some(time(after)),
            ..pinned(&key)
        };
        code(&bytes, &[issuer])
    };
    assert_eq!(
        with("2027-01-01T00:00:00Z", "2027-03-01T00:00:00Z"),
        "accepted"
    );
    assert_eq!(
        with("2027-01-15T00:00:01Z", "2027-03-01T00:00:00Z"),
        "key_not_valid"
    );
    assert_eq!(
        with("2027-01-01T00:00:00Z", "2027-01-15T11:00:00Z"),
        "key_not_valid"
    );
    // Rotation: two keys of one issuer, each with its own time.
    let next = self::key();
    let issuers = [
        config::Issuer {
            not_after: Some(time("2027-01-01T00:00:00Z")),
            ..pinned(&key)
        },
        config::Issuer {
            not_before: Some(time("2027-01-01T00:00:00Z")),
            ..pinned(&next)
        },
    ];
    assert_eq!(code(&bytes, &issuers), "key_not_valid");
    assert_eq!(code(&made(&next, draft()), &issuers), "accepted");
}

#[test]
fn times_serial_and_addressee_are_held_against_ours() {
    let key = key();
    let issuers = [pinned(&key)];
    let of = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        code(&made(&key, draft), &issuers)
    };
    assert_eq!(of(&|draft| draft.expires = now()), "expired");
    assert_eq!(of(&|draft| draft.issued = now() + 4.minutes()), "accepted");
    assert_eq!(
        of(&|draft| draft.issued = now() + 6.minutes()),
        "not_yet_valid"
    );
    assert_eq!(
        of(&|draft| draft.recipient = Some("pop1".into())),
        "accepted"
    );
    assert_eq!(
        of(&|draft| draft.recipient = Some("pop2".into())),
        "wrong_recipient"
    );
    let envelope = judge(&made(&key, draft()), &issuers).expect("accepted");
    let after = |serial, digest| {
        let last = Some(Last { serial, digest });
        envelope
            .follows(last)
            .map_or_else(|refused| refused.reason.code(), |()| "accepted")
    };
    assert!(envelope.follows(None).is_ok());
    assert_eq!(after(6, None), "accepted");
    assert_eq!(after(7, Some(envelope.digest)), "replayed");
    assert_eq!(after(7, Some([0; 32])), "replayed");
    assert_eq!(after(8, None), "rolled_back");
}

#[test]
fn manifests_are_read_strictly() {
    let key = key();
    let good = good_manifest(&key);
    let issuers = [pinned(&key)];
    assert_eq!(code(&with_manifest(&key, &good), &issuers), "accepted");
    let deep = format!("{{\"order\":{}", "[".repeat(1 << 20));
    let bad = [
        good.replacen('{', "{\"extra\":1,", 1),
        good.replacen('{', "{\"serial\":7,", 1),
        good.replace("\"serial\":7", "\"serial\":0"),
        good.replace("\"serial\":7", "\"serial\":7.5"),
        good.replace("\"serial\":7", "\"serial\":18446744073709551615"),
        good.replace("\"kind\":\"markers\"", "\"kind\":\"anything\""),
        good.replace(",\"serial\":7", ""),
        good.replace("2027-02-01", "2027-01-01"),
        good.replace(
            ",\"serial\"",
            ",\"order\":{\"duration\":\"P1D\",\"duration\":\"P2D\",\"reference\":\"A\",\
             \"start\":\"2027-01-01T00:00:00Z\"},\"serial\"",
        ),
        "[]".into(),
        String::new(),
        deep,
    ];
    for manifest in bad {
        let head: String = manifest.chars().take(80).collect();
        let refused = judge(&with_manifest(&key, &manifest), &issuers).expect_err(&head);
        assert_eq!(refused.reason.code(), "bad_manifest", "{head}");
        assert!(!refused.to_string().contains("anything"), "{refused}");
    }
    let huge = with_manifest(&key, &" ".repeat((2 << 20) + 1));
    assert_eq!(code(&huge, &issuers), "too_large");
}

#[test]
fn other_files_are_told_by_their_first_bytes() {
    let key = key();
    let issuers = [pinned(&key)];
    let good = made(&key, draft());
    for magic in [&b"\x1f\x8b\x08"[..], b"PK\x03\x04", b"\x28\xb5\x2f\xfd"] {
        assert_eq!(code(&[magic, &good].concat(), &issuers), "compressed");
        let mut bytes = Vec::new();
        let inside = [magic, CONTENT].concat();
        let refused = create(&key, draft(), &mut Cursor::new(&inside), &mut bytes);
        assert_eq!(refused.expect_err("refused").code(), "compressed");
        // Signed all the same, by another tool.
        let digest = hex(&sha256(&[&inside]));
        let mut value: Manifest = serde_json::from_str(&good_manifest(&key)).expect("JSON");
        value.content_sha256 = digest;
        value.content_length = inside.len() as u64;
        let head = key.head(&value.text());
        let bytes = [head.as_bytes(), &inside].concat();
        assert_eq!(code(&bytes, &issuers), "compressed");
    }
    assert_eq!(code(b"ip 203.0.113.5\n", &issuers), "not_an_envelope");
    assert_eq!(code(&[b'{'; 1000], &issuers), "not_an_envelope");
    assert_eq!(code(b"", &issuers), "truncated");
    let next = [b"marker-sensor-envelope 2\n", &good[25..]].concat();
    assert_eq!(code(&next, &issuers), "unsupported_version");
}

#[test]
fn only_what_a_pinned_key_signed_is_named_in_a_refusal() {
    let key = key();
    let draft = Draft {
        expires: now(),
        ..draft()
    };
    let bytes = made(&key, draft);
    let refused = judge(&bytes, &[]).expect_err("refused");
    assert_eq!(refused.signed, None);
    let refused = judge(&bytes, &[pinned(&key)]).expect_err("refused");
    assert_eq!(refused.signed, Some((NAME.into(), 7)));
}

#[test]
fn pinned_keys_are_checked_at_once() {
    let key = key();
    let mistyped = config::Issuer {
        key: key.public().to_string().replace(NAME, "authority"),
        ..pinned(&key)
    };
    let error = Issuers::of(&[pinned(&key), mistyped]).expect_err("refused");
    assert!(error.to_string().starts_with("issuer[1].key: "), "{error}");
    assert_eq!(
        Issuers::of(&[pinned(&key), pinned(&key)]).map(drop),
        Err(IssuerError::Twice { at: 1 })
    );
}

#[test]
fn while_keys_are_changed_the_one_that_counts_decides_wherever_it_stands() {
    let (old, new) = (key(), key());
    let other = SignerKey::generate("other.example").expect("a key");
    let manifest = good_manifest(&new);
    let lines = |key: &SignerKey| {
        let head = key.head(&manifest);
        let at = head.rfind("\n\u{2014} ").expect("a signature") + 1;
        (
            head[..at].to_owned(),
            format!("{}\n", head[at..].trim_end()),
        )
    };
    let by = |keys: &[&SignerKey]| {
        let mut text = lines(keys[0]).0;
        text.extend(keys.iter().map(|key| lines(key).1));
        text.push('\n');
        [text.as_bytes(), CONTENT].concat()
    };
    let expired = config::Issuer {
        not_after: Some(time("2027-01-10T00:00:00Z")),
        ..pinned(&old)
    };
    let stranger = config::Issuer {
        authority: false,
        ..pinned(&other)
    };
    let issuers = [expired, pinned(&new), stranger];
    for keys in [[&old, &new], [&new, &old], [&other, &new], [&new, &other]] {
        let found = judge(&by(&keys), &issuers).expect("the new key counts");
        assert!(found.authority);
    }
    assert_eq!(code(&by(&[&other, &old]), &issuers), "key_not_valid");
    assert_eq!(code(&by(&[&old, &other]), &issuers), "key_not_valid");
    assert_eq!(code(&by(&[&other]), &issuers), "bad_manifest");
}
