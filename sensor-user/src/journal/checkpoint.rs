//! The signed checkpoint (C2SP tlog-checkpoint): what fixes the whole journal up to a size, for
//! whoever keeps it elsewhere and for witnesses to cosign.
//!
//! A signed note (C2SP signed-note) whose text is the origin, the size in decimal digits and the root in
//! base64, a line each:
//!
//! ```text
//! pop1.operator.example
//! 1042
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — pop1.operator.example Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use super::Head;
use crate::crypto::{DASH, SignerKey, VerifierKey, base64, unbase64};

/// Longest note that is read, bytes: some hundred cosignatures fit.
const LONGEST: usize = 64 << 10;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which journal: the name of the key that it is signed with.
    pub origin: String,
    /// Size and root.
    pub head: Head,
}

/// Why a checkpoint does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Not a signed note of three lines.
    #[error("this is no signed checkpoint (C2SP tlog-checkpoint)")]
    Form,
    /// The pinned key did not sign it.
    #[error("the pinned key did not sign this checkpoint")]
    Unsigned,
    /// A signature line of the pinned key does not verify.
    #[error("the signature does not fit: the checkpoint was changed")]
    Forged,
    /// The key is of another journal.
    #[error("this checkpoint is of another journal than the pinned key")]
    Origin,
}

impl Checkpoint {
    fn text(&self) -> String {
        let Head { size, root } = &self.head;
        format!("{}\n{size}\n{}\n", self.origin, base64(root))
    }

    /// The note.
    #[must_use]
    pub fn signed(&self, key: &SignerKey) -> String {
        let text = self.text();
        let line = key.signature_line(&text);
        format!("{text}\n{line}")
    }

    /// Reads a note; with a key, only one that it signed and whose origin is its name. Lines behind
    /// the root and signatures of others are passed over.
    ///
    /// # Errors
    /// [`Unsound`].
    pub fn read(note: &str, key: Option<&VerifierKey>) -> Result<Self, Unsound> {
        if note.len() > LONGEST {
            return Err(Unsound::Form);
        }
        let end = note.rfind("\n\n").ok_or(Unsound::Form)? + 1;
        let (text, lines) = (&note[..end], &note[end + 1..]);
        let checkpoint = Self::parse(text).ok_or(Unsound::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(Unsound::Form)?;
        let mut signed = false;
        for line in lines.split('\n') {
            let (name, blob) = line
                .strip_prefix(DASH)
                .and_then(|line| line.split_once(' '))
                .ok_or(Unsound::Form)?;
            let blob = unbase64(blob).map_err(|_| Unsound::Form)?;
            let Some(key) = key else { continue };
            if name != key.name || blob.get(..4) != Some(&key.id) {
                continue;
            }
            let signature = blob[4..].try_into().map_err(|_| Unsound::Forged)?;
            if !key.key.verifies(text.as_bytes(), signature) {
                return Err(Unsound::Forged);
            }
            signed = true;
        }
        match key {
            Some(_) if !signed => Err(Unsound::Unsigned),
            Some(key) if key.name != checkpoint.origin => Err(Unsound::Origin),
            _ => Ok(checkpoint),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = lines.next()?;
        let number = size.parse::<u64>().ok()?;
        let root = unbase64(lines.next()?).ok()?.try_into().ok()?;
        // One way to write a number: no sign, no zero before it.
        (number.to_string() == size).then(|| Self {
            origin: origin.to_owned(),
            head: Head { size: number, root },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "pop1.example".into(),
            head: Head {
                size: 1042,
                root: [7; 32],
            },
        }
    }

    #[test]
    fn it_has_the_published_form() {
        let key = SignerKey::generate("pop1.example").expect("a key");
        let note = checkpoint().signed(&key);
        let lines: Vec<&str> = note.split('\n').collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0], "pop1.example");
        assert_eq!(lines[1], "1042");
        assert_eq!(lines[2], "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
        assert_eq!((lines[3], lines[5]), ("", ""));
        let blob = lines[4]
            .strip_prefix("\u{2014} pop1.example ")
            .expect("name");
        let blob = unbase64(blob).expect("base64");
        assert_eq!((&blob[..4], blob.len()), (&key.public().id[..], 68));
        assert_eq!(
            Checkpoint::read(&note, Some(key.public())),
            Ok(checkpoint())
        );
        assert_eq!(Checkpoint::read(&note, None), Ok(checkpoint()));
    }

    /// The example of C2SP tlog-checkpoint reads, with a line of its own behind the root.
    #[test]
    fn cosigned_and_extended_notes_read() {
        let (key, witness) = (
            SignerKey::generate("pop1.example").expect("a key"),
            SignerKey::generate("witness.example").expect("a key"),
        );
        let text = checkpoint().text() + "an extension\n";
        let note = format!(
            "{text}\n{}{}",
            witness.signature_line(&text),
            key.signature_line(&text)
        );
        for key in [&key, &witness] {
            let read = Checkpoint::read(&note, Some(key.public()));
            let expected = match key.public().name.as_str() {
                "pop1.example" => Ok(checkpoint()),
                _ => Err(Unsound::Origin),
            };
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_was_changed_or_signed_by_another_does_not_count() {
        let key = SignerKey::generate("pop1.example").expect("a key");
        let other = SignerKey::generate("pop1.example").expect("a key");
        let note = checkpoint().signed(&key);
        let read = |note: &str| Checkpoint::read(note, Some(key.public()));
        assert_eq!(read(&note.replace("1042", "1043")), Err(Unsound::Forged));
        assert_eq!(
            Checkpoint::read(&note, Some(other.public())),
            Err(Unsound::Unsigned)
        );
        let malformed = [
            "",
            "\n\n",
            note.trim_end(),
            &note.replace("1042", "01042"),
            &note.replace("1042", "+1042"),
            &note.replace("BwcH", "Bw"),
            &note.replace('\u{2014}', "-"),
        ];
        for bad in malformed {
            assert_eq!(read(bad), Err(Unsound::Form), "{bad}");
        }
    }
}
