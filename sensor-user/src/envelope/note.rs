//! The head of an envelope: a signed note (C2SP signed-note) whose text has two lines.

use std::io::{self, Read};

use super::Error;
use crate::crypto::{DASH, unbase64};

/// First line of every envelope.
pub const MAGIC: &str = "marker-sensor-envelope 1";
/// The same without its version.
const FAMILY: &str = "marker-sensor-envelope ";
/// Longest first line, bytes.
const LONGEST_MAGIC: usize = 64;
/// Longest manifest, bytes: an order that names ten thousand markers fits.
pub(super) const LONGEST_MANIFEST: usize = 2 << 20;
/// Longest signature line, bytes.
const LONGEST_SIGNATURE: usize = 512;
/// Most signatures: an issuer signs with its old and its new key while it changes them.
const MOST_SIGNATURES: usize = 8;

/// How archives and compressed files begin.
const COMPRESSED: [&[u8]; 8] = [
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\x00",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
];

/// Whether these are the first bytes of an archive or a compressed file.
pub(super) fn is_compressed(bytes: &[u8]) -> bool {
    COMPRESSED.iter().any(|magic| bytes.starts_with(magic))
}

/// A head as it was read; nothing of it is verified.
#[derive(Debug)]
pub(super) struct Head {
    text: Vec<u8>,
    /// Signatures in their order.
    pub signatures: Vec<Signature>,
    /// Bytes up to the content.
    pub length: u64,
}

/// One signature line.
#[derive(Debug)]
pub(super) struct Signature {
    /// Who signed.
    pub name: String,
    /// With which key.
    pub key_id: [u8; 4],
    /// Over the text of the note.
    pub bytes: [u8; 64],
}

impl Head {
    /// What was signed: both lines, their ends included.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The second line.
    pub fn manifest(&self) -> &[u8] {
        let line = &self.text[MAGIC.len() + 1..];
        &line[..line.len() - 1]
    }
}

/// Reads a head; no more than a line at a time is held, and the reader stands anywhere behind it.
pub(super) fn read(source: &mut impl Read) -> Result<Head, Error> {
    let mut lines = Lines {
        source: io::BufReader::with_capacity(8 << 10, source),
        length: 0,
    };
    let mut text = lines.first()?;
    let manifest = lines.next(LONGEST_MANIFEST, "the manifest")?;
    text.push(b'\n');
    text.extend_from_slice(&manifest);
    text.push(b'\n');
    if !lines.next(1, "the line behind the manifest")?.is_empty() {
        return Err(Error::BadHead("a blank line stands behind the manifest"));
    }
    let mut signatures = Vec::new();
    loop {
        let line = lines.next(LONGEST_SIGNATURE, "a signature line")?;
        if line.is_empty() {
            break;
        }
        if signatures.len() == MOST_SIGNATURES {
            return Err(Error::BadHead("it has more than eight signatures"));
        }
        // Signatures of another kind may stand beside ours: only their form is asked for.
        signatures.push(signature(&line)?);
    }
    if signatures.is_empty() {
        return Err(Error::BadHead("it has no signature"));
    }
    Ok(Head {
        text,
        signatures: signatures.into_iter().flatten().collect(),
        length: lines.length,
    })
}

/// A signature line; `None` for one that is not of Ed25519's length.
fn signature(line: &[u8]) -> Result<Option<Signature>, Error> {
    let malformed = Error::BadHead("a signature is `— NAME BASE64`");
    let parts = str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix(DASH)?.split_once(' '));
    let Some((name, Ok(blob))) = parts.map(|(name, blob)| (name, unbase64(blob))) else {
        return Err(malformed);
    };
    let Some((key_id, bytes)) = blob.split_first_chunk::<4>() else {
        return Err(malformed);
    };
    Ok(bytes.try_into().ok().map(|bytes| Signature {
        name: name.to_owned(),
        key_id: *key_id,
        bytes,
    }))
}

struct Lines<R> {
    source: io::BufReader<R>,
    length: u64,
}

impl<R: Read> Lines<R> {
    /// The first line, which tells what the file is.
    fn first(&mut self) -> Result<Vec<u8>, Error> {
        use io::BufRead as _;
        if is_compressed(self.source.fill_buf()?) {
            return Err(Error::Compressed);
        }
        let line = self.next(LONGEST_MAGIC, "the first line");
        let line = line.map_err(|error| match error {
            Error::TooLarge { .. } => Error::NotAnEnvelope,
            error => error,
        })?;
        if line == MAGIC.as_bytes() {
            Ok(line)
        } else if line.starts_with(FAMILY.as_bytes()) {
            Err(Error::UnsupportedVersion)
        } else {
            Err(Error::NotAnEnvelope)
        }
    }

    /// The next line without its end.
    fn next(&mut self, limit: usize, what: &'static str) -> Result<Vec<u8>, Error> {
        use io::BufRead as _;
        let mut line = Vec::new();
        let read = self
            .source
            .by_ref()
            .take(limit as u64 + 1)
            .read_until(b'\n', &mut line)?;
        self.length += read as u64;
        if line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(line);
        }
        if line.len() > limit {
            let limit = limit as u64;
            return Err(Error::TooLarge { what, limit });
        }
        Err(Error::Truncated {
            what: "it ends within its head",
        })
    }
}
