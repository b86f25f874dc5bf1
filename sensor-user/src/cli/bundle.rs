//! `sensorctl bundle`: for whoever issues envelopes, and for whoever hands them in.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use hyper::Method;
use jiff::{SpanFieldwise, Timestamp, tz::TimeZone};
use serde_json::json;

use super::{
    args::{Bundle, Create, When},
    client::{Payload, read},
    commands::Session,
    failure::Error,
    print, progress,
};
use crate::{
    config::Config,
    crypto::hex,
    envelope::{self, Change, Draft, Issuers, Manifest, Refused, SignerKey, Trust, VerifierKey},
    model::{
        OrderTerms,
        request::{Changed, Failure},
    },
};

/// Does one command.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(session: &Session, command: Bundle) -> Result<(), Error> {
    match command {
        Bundle::Keygen { name, out } => keygen(session, &name, &out),
        Bundle::Create(create) => self::create(session, *create),
        Bundle::Verify {
            file,
            issuer,
            recipient,
            at,
        } => verify(session, &file, &issuer, recipient, at),
        Bundle::Submit { file } => submit(session, &file).await,
    }
}

fn keygen(session: &Session, name: &str, out: &Path) -> Result<(), Error> {
    let key = SignerKey::generate(name).map_err(|error| Error::Usage(error.to_string()))?;
    let mut file = fresh(out, 0o600)?;
    file.write_all(key.text().as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(|source| unwritten(out, source))?;
    let public = key.public().to_string();
    let answer = json!({"name": name, "key": public}).to_string();
    session.out.answer(answer.as_bytes(), || public)
}

fn create(session: &Session, create: Create) -> Result<(), Error> {
    let key = signer(&create.key)?;
    let issued = Timestamp::now();
    let order = order(&create, issued)?;
    let draft = Draft {
        kind: create.kind,
        // An order ends by itself: it replaces nothing.
        change: if create.add || order.is_some() {
            Change::Add
        } else {
            Change::Replace
        },
        expires: at(create.expires, issued)?,
        format: create.format,
        issued,
        order,
        recipient: create.recipient,
        serial: create.serial,
    };
    let mut content = opened(&create.content)?;
    if create.out == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        return envelope::create(&key, draft, &mut content, &mut out)
            .map(drop)
            .map_err(|error| not_made(&create.content, error));
    }
    let file = fresh(&create.out, 0o644)?;
    let made = envelope::create(&key, draft, &mut content, &mut BufWriter::new(&file))
        .map_err(|error| not_made(&create.content, error))
        .and_then(|manifest| {
            let synced = file.sync_all();
            synced
                .map(|()| manifest)
                .map_err(|source| unwritten(&create.out, source))
        });
    let manifest = made.inspect_err(|_| {
        // Half an envelope is of no use; what keeps it from being removed, nobody asked for.
        let _ = fs::remove_file(&create.out);
    })?;
    show(session, &manifest, None)
}

fn order(create: &Create, issued: Timestamp) -> Result<Option<OrderTerms>, Error> {
    let (Some(reference), Some(duration)) = (&create.order, create.duration) else {
        return Ok(None);
    };
    let mut markers = Vec::new();
    if let Some(path) = &create.named {
        let text = fs::read_to_string(path).map_err(|source| unread(path, source))?;
        let ids = text.lines().map(str::trim);
        markers.extend(
            ids.filter(|id| !id.is_empty() && !id.starts_with('#'))
                .map(Into::into),
        );
    }
    Ok(Some(OrderTerms {
        duration: SpanFieldwise(duration),
        markers,
        pap: create.pap,
        reference: reference.clone(),
        start: create.start.unwrap_or(issued),
        threat_reference: create.threat.clone(),
        tlp: create.tlp,
    }))
}

fn at(when: When, now: Timestamp) -> Result<Timestamp, Error> {
    match when {
        When::At(at) => Ok(at),
        When::After(span) => now
            .to_zoned(TimeZone::UTC)
            .checked_add(span)
            .map(|at| at.timestamp())
            .map_err(|_| Error::Usage("--expires is further away than any calendar".into())),
    }
}

fn verify(
    session: &Session,
    path: &Path,
    keys: &[String],
    recipient: Option<String>,
    at: Option<Timestamp>,
) -> Result<(), Error> {
    let (issuers, recipient) = match (&session.config, keys) {
        (_, [_, ..]) => (pinned(keys)?, recipient),
        (Some(config), []) => {
            let config = Config::load(config)?;
            let issuers =
                Issuers::of(&config.issuers).map_err(|error| Error::Usage(error.to_string()))?;
            (issuers, recipient.or(Some(config.sensor)))
        }
        (None, []) => {
            return Err(Error::Usage(
                "say whose signature counts: --issuer KEY, or --config FILE".into(),
            ));
        }
    };
    let trust = Trust {
        issuers: &issuers,
        recipient: recipient.as_deref(),
        now: at.unwrap_or_else(Timestamp::now),
    };
    let envelope = envelope::verify(&mut opened(path)?, trust, &|_| {}).map_err(refused)?;
    show(session, &envelope.manifest, Some(&envelope.digest))
}

fn pinned(keys: &[String]) -> Result<Issuers, Error> {
    let bad = |reason: String| Error::Key {
        path: "--issuer".into(),
        reason,
    };
    let pinned = keys.iter().map(|key| VerifierKey::parse(key));
    let pinned: Vec<VerifierKey> = pinned
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    Ok(Issuers::undated(pinned))
}

async fn submit(session: &Session, path: &Path) -> Result<(), Error> {
    let file = opened(path)?;
    let length = file
        .metadata()
        .map_err(|source| unread(path, source))?
        .len();
    let payload = Payload::file(file, length);
    let bytes = progress::watched(&session.client, Method::POST, "/v1/envelopes", payload).await?;
    let changed: Changed = read(&bytes)?;
    session.out.answer(&bytes, || print::changed(&changed))
}

/// A manifest, and the digest that names its envelope.
fn show(session: &Session, manifest: &Manifest, digest: Option<&[u8]>) -> Result<(), Error> {
    let mut answer = json!({"manifest": manifest});
    if let Some(digest) = digest {
        answer["digest"] = hex(digest).into();
    }
    session.out.answer(answer.to_string().as_bytes(), || {
        let mut fields = vec![
            ("issuer", manifest.issuer.clone()),
            ("serial", manifest.serial.to_string()),
            ("kind", manifest.kind.name().into()),
            ("issued", manifest.issued.to_string()),
            ("expires", manifest.expires.to_string()),
            (
                "for",
                manifest.recipient.clone().unwrap_or_else(|| "any".into()),
            ),
            (
                "content",
                format!(
                    "{} bytes, SHA-256 {}",
                    manifest.content_length, manifest.content_sha256
                ),
            ),
        ];
        if let Some(order) = &manifest.order {
            fields.push(("order", order.reference.clone()));
            fields.push(("order begins", order.start.to_string()));
            let end = order
                .end()
                .map_or_else(|| "-".into(), |end| end.to_string());
            fields.push(("order ends", end));
        }
        if let Some(digest) = digest {
            fields.push(("digest", hex(digest)));
        }
        print::fields(&fields)
    })
}

/// A signing key; a file that others can read is refused.
fn signer(path: &Path) -> Result<SignerKey, Error> {
    let bad = |reason: String| Error::Key {
        path: path.display().to_string(),
        reason,
    };
    let file = opened(path)?;
    let mode = file.metadata().map_err(|source| unread(path, source))?;
    if mode.permissions().mode() & 0o077 != 0 {
        return Err(bad(
            "others may read this key: `chmod 600` it, and think about who has".into(),
        ));
    }
    let text = crate::crypto::Zeroizing::new(
        io::read_to_string(file).map_err(|source| unread(path, source))?,
    );
    SignerKey::parse(text.trim_end()).map_err(|error| bad(error.to_string()))
}

fn opened(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| unread(path, source))
}

/// A new file; one that is there is not overwritten.
fn fresh(path: &Path, mode: u32) -> Result<File, Error> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(|source| unwritten(path, source))?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(mode))
        .map(|()| file)
        .map_err(|source| unwritten(path, source))
}

fn unread(path: &Path, source: io::Error) -> Error {
    Error::Input {
        path: path.display().to_string(),
        source,
    }
}

fn unwritten(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        source,
    }
}

fn not_made(content: &Path, error: envelope::Error) -> Error {
    match error {
        envelope::Error::Read(source) => unread(content, source),
        error => refused(error.into()),
    }
}

/// As the sensor would tell it.
fn refused(refused: Refused) -> Error {
    let failure = Failure {
        code: refused.reason.code().into(),
        error: refused.to_string(),
        refused: Vec::new(),
        refused_total: 0,
        refused_codes: BTreeMap::new(),
    };
    let mut body = serde_json::to_vec(&failure).unwrap_or_default();
    body.push(b'\n');
    Error::Refused {
        failure: Box::new(failure),
        body: body.into(),
    }
}
