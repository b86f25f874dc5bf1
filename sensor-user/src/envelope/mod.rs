//! The signed envelope: what the authority sends, whatever it is.
//!
//! A file of two parts. The head is a signed note (C2SP signed-note): two lines of text, a blank
//! line, signatures. Then a blank line, and the content, byte for byte, to the end of the file:
//!
//! ```text
//! marker-sensor-envelope 1
//! {"change":"replace","content_length":31,"content_sha256":"9f86…","expires":"…",…}
//!
//! — authority.example hE4bpm…
//!
//! ip 203.0.113.5 id=c2-17
//! ```
//!
//! The signature is over the two lines, and they hold length and digest of the content. So a
//! content of any size is verified by reading it once, in bounded memory, and nothing of it is
//! interpreted before that. [`create`] makes one, [`verify`] judges one; pure but for the reader.

mod create;
mod error;
mod issuers;
mod manifest;
mod note;
#[cfg(test)]
mod tests;

use std::io::{Read, Seek, SeekFrom};

use jiff::Timestamp;

pub use create::{Draft, create, measure};
pub use error::{Error, Refused};
pub use issuers::{IssuerError, Issuers};
pub use manifest::{Change, Manifest};

use crate::crypto::{Hashing, hex, sha256};
pub use crate::crypto::{KeyError, SignerKey, VerifierKey};

/// How far the issuer's clock may be ahead of ours.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// What an envelope is held against.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// Who may send.
    pub issuers: &'a Issuers,
    /// Name of this sensor; `None` to take what is addressed to any.
    pub recipient: Option<&'a str>,
    /// The time of judgement.
    pub now: Timestamp,
}

/// A verified envelope; its content has still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What its issuer says of it.
    pub manifest: Manifest,
    /// SHA-256 of the signed text: names the envelope.
    pub digest: [u8; 32],
    /// Where the content begins, bytes.
    pub content_at: u64,
    /// Whether the issuer is the authority (L. 33-14 ¶2), not somebody whom the operator trusts.
    pub authority: bool,
}

/// The last envelope that was accepted of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Its serial.
    pub serial: u64,
    /// Its digest; `None` where only the serial is known.
    pub digest: Option<[u8; 32]>,
}

/// Judges an envelope: signature, issuer, times and addressee first, then length and digest of the
/// content. `progress` is told bytes. Whether it was seen before is asked of [`Envelope::follows`].
///
/// # Errors
/// [`Refused`]; an issuer is named only when its signature stands.
pub fn verify<R: Read + Seek>(
    source: &mut R,
    trust: Trust<'_>,
    progress: &dyn Fn(u64),
) -> Result<Envelope, Refused> {
    judge(source, trust, progress, &|manifest| {
        check_times(manifest, trust.now)
    })
}

/// Judges an envelope again that came in time and was kept: all of it but its own times. Its key must
/// still count.
///
/// # Errors
/// [`Refused`].
pub fn verify_kept<R: Read + Seek>(source: &mut R, trust: Trust<'_>) -> Result<Envelope, Refused> {
    judge(source, trust, &|_| {}, &|_| Ok(()))
}

fn judge<R: Read + Seek>(
    source: &mut R,
    trust: Trust<'_>,
    progress: &dyn Fn(u64),
    in_time: &dyn Fn(&Manifest) -> Result<(), Error>,
) -> Result<Envelope, Refused> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let head = note::read(source)?;
    let (manifest, authority) = signed(&head, trust)?;
    let refused = |reason| Refused::of(reason, &manifest);
    in_time(&manifest).map_err(refused)?;
    if let (Some(recipient), Some(here)) = (&manifest.recipient, trust.recipient)
        && recipient != here
    {
        return Err(refused(Error::WrongRecipient));
    }
    let content_at = head.length;
    check_content(source, content_at, &manifest, progress).map_err(refused)?;
    Ok(Envelope {
        digest: sha256(&[head.text()]),
        authority,
        content_at,
        manifest,
    })
}

/// The manifest, by the first signature of its issuer whose key counts: while an issuer changes
/// keys, old and new one sign, in whatever order, and others may have signed, too. Whether the key is
/// the authority's.
fn signed(head: &note::Head, trust: Trust<'_>) -> Result<(Manifest, bool), Refused> {
    let mut reason: Option<Refused> = None;
    for key in trust.issuers.verify(head)? {
        let manifest = match Manifest::parse(head.manifest(), &key.name) {
            Ok(manifest) => manifest,
            Err(error) => {
                reason = reason.or(Some(error.into()));
                continue;
            }
        };
        let counts = trust
            .issuers
            .check_validity(&key, manifest.issued, trust.now);
        let counts = counts.and_then(|()| key.check_kind(manifest.kind));
        match counts {
            Ok(()) => return Ok((manifest, key.authority)),
            // Says more than that somebody else signed, too.
            Err(error) => reason = Some(Refused::of(error, &manifest)),
        }
    }
    Err(reason.expect("a key that signed is refused for a reason"))
}

impl Envelope {
    /// Whether it comes after the last one that was accepted of its issuer.
    ///
    /// # Errors
    /// [`Error::Replayed`], [`Error::RolledBack`].
    pub fn follows(&self, last: Option<Last>) -> Result<(), Refused> {
        let serial = self.manifest.serial;
        let Some(last) = last else { return Ok(()) };
        let reason = match serial.cmp(&last.serial) {
            std::cmp::Ordering::Greater => return Ok(()),
            std::cmp::Ordering::Less => Error::RolledBack {
                serial,
                last: last.serial,
            },
            std::cmp::Ordering::Equal => Error::Replayed {
                serial,
                same: last.digest.is_none_or(|digest| digest == self.digest),
            },
        };
        Err(Refused::of(reason, &self.manifest))
    }
}

impl Envelope {
    /// Whether it still counts.
    ///
    /// # Errors
    /// [`Error::Expired`].
    pub fn still_counts(&self, now: Timestamp) -> Result<(), Refused> {
        check_times(&self.manifest, now).map_err(|reason| Refused::of(reason, &self.manifest))
    }
}

fn check_times(manifest: &Manifest, now: Timestamp) -> Result<(), Error> {
    if manifest.issued > now + AHEAD {
        return Err(Error::NotYetValid {
            issued: manifest.issued,
        });
    }
    if manifest.expires <= now {
        return Err(Error::Expired {
            expires: manifest.expires,
        });
    }
    Ok(())
}

fn check_content(
    source: &mut (impl Read + Seek),
    at: u64,
    manifest: &Manifest,
    progress: &dyn Fn(u64),
) -> Result<(), Error> {
    let end = source.seek(SeekFrom::End(0))?;
    let (found, length) = (end.saturating_sub(at), manifest.content_length);
    if found < length {
        return Err(Error::Truncated {
            what: "the content is shorter than the manifest says",
        });
    }
    if found > length {
        return Err(Error::ContentMismatch);
    }
    source.seek(SeekFrom::Start(at))?;
    let (mut hashing, mut done) = (Hashing::default(), 0_u64);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = source.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        if done == 0 && note::is_compressed(&chunk[..read]) {
            return Err(Error::Compressed);
        }
        hashing.update(&chunk[..read]);
        done += read as u64;
        progress(done);
    }
    if hex(&hashing.finish()) == manifest.content_sha256 {
        Ok(())
    } else {
        Err(Error::ContentMismatch)
    }
}
