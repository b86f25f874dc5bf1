//! Making an envelope, for whoever issues.

use std::io::{self, Read, Seek, SeekFrom, Write};

use jiff::Timestamp;

use super::{CHUNK, Change, Error, Manifest, SignerKey, note};
use crate::{
    crypto::{Hashing, hex},
    model::{ContentKind, OrderTerms, request::Format},
};

/// What the issuer decides; the rest of the manifest is measured.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What the content is.
    pub kind: ContentKind,
    /// What becomes of markers that the sensor holds; of markers only.
    pub change: Change,
    /// When it is no longer accepted.
    pub expires: Timestamp,
    /// Format of the content; of markers only.
    pub format: Format,
    /// When it is made.
    pub issued: Timestamp,
    /// The order that the markers come with.
    pub order: Option<OrderTerms>,
    /// The one sensor that it is for.
    pub recipient: Option<String>,
    /// Grows with each envelope.
    pub serial: u64,
}

/// Writes the envelope of a content, which is read twice: to measure it, and to copy it.
///
/// # Errors
/// [`Error::BadManifest`] for a draft that no sensor would accept, [`Error::Compressed`],
/// [`Error::ContentMismatch`] when the content changes between the two readings, I/O.
pub fn create(
    key: &SignerKey,
    draft: Draft,
    content: &mut (impl Read + Seek),
    out: &mut impl Write,
) -> Result<Manifest, Error> {
    let (content_length, content_sha256) = measure(content)?;
    let markers = draft.kind == ContentKind::Markers;
    let manifest = Manifest {
        change: markers.then_some(draft.change),
        content_length,
        content_sha256,
        expires: draft.expires,
        format: markers.then_some(draft.format),
        issued: draft.issued,
        issuer: key.public().name.clone(),
        kind: draft.kind,
        order: draft.order,
        recipient: draft.recipient,
        serial: draft.serial,
    };
    if let Some(fault) = manifest.fault() {
        return Err(Error::BadManifest(fault.into()));
    }
    let text = manifest.text();
    if text.len() > note::LONGEST_MANIFEST {
        return Err(Error::TooLarge {
            what: "the manifest",
            limit: note::LONGEST_MANIFEST as u64,
        });
    }
    out.write_all(key.head(&text).as_bytes())?;
    content.seek(SeekFrom::Start(0))?;
    if io::copy(content, out)? != manifest.content_length {
        return Err(Error::ContentMismatch);
    }
    out.flush()?;
    Ok(manifest)
}

impl SignerKey {
    /// The head of an envelope with this manifest, whatever it says, up to its content.
    #[must_use]
    pub fn head(&self, manifest: &str) -> String {
        self.note(&format!("{}\n{manifest}\n", note::MAGIC))
    }
}

/// Length and digest of a content.
///
/// # Errors
/// [`Error::Compressed`], I/O.
pub fn measure(content: &mut (impl Read + Seek)) -> Result<(u64, String), Error> {
    content.seek(SeekFrom::Start(0))?;
    let (mut hashing, mut length) = (Hashing::default(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = content.read(&mut chunk)?;
        if read == 0 {
            return Ok((length, hex(&hashing.finish())));
        }
        if length == 0 && note::is_compressed(&chunk[..read]) {
            return Err(Error::Compressed);
        }
        hashing.update(&chunk[..read]);
        length += read as u64;
    }
}
