//! Keys as text, in the form of C2SP signed-note, which other tools make and read as well:
//! `NAME+ID+BASE64` verifies, `PRIVATE+KEY+NAME+ID+BASE64` signs. The id (four bytes, hexadecimal) is
//! the head of SHA-256 of name, newline, algorithm and public key: a mistyped key does not read.

use std::fmt;

use super::{PublicKey, SecretKey, Zeroizing, base64, hex, sha256, unbase64};

/// What a signature line begins with: an em dash and a space.
pub const DASH: &str = "\u{2014} ";

/// Ed25519, in the registry of signed-note.
const ED25519: u8 = 1;
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a key does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the three parts.
    #[error("not a key: write NAME+ID+BASE64, as `sensorctl bundle keygen` prints it")]
    Form,
    /// The name holds what no name may.
    #[error("the name of a key is 1 to 64 letters, digits, `.`, `_` or `-`")]
    Name,
    /// Another kind of key.
    #[error("the key is not an Ed25519 key")]
    Algorithm,
    /// The id is not that of the key.
    #[error("the id does not fit the key: it was mistyped or cut")]
    Id,
    /// No random bytes.
    #[error(transparent)]
    Crypto(#[from] super::Error),
}

/// A key that verifies, with its owner's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// Who signs with it.
    pub name: String,
    /// Its id.
    pub id: [u8; 4],
    /// The key.
    pub key: PublicKey,
}

impl VerifierKey {
    fn of(name: &str, key: PublicKey) -> Self {
        Self {
            name: name.to_owned(),
            id: id_of(name, &key),
            key,
        }
    }

    /// Reads `NAME+ID+BASE64`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, bytes) = parts(text)?;
        let key = PublicKey::from_bytes(&bytes)?;
        let found = Self::of(name, key);
        if hex(&found.id) == id {
            Ok(found)
        } else {
            Err(KeyError::Id)
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(&self.key.bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.id), base64(&bytes))
    }
}

/// A key that signs. Its bytes are overwritten when the value is dropped.
#[derive(Debug)]
pub struct SignerKey {
    public: VerifierKey,
    secret: SecretKey,
}

impl SignerKey {
    /// A new key of this owner.
    ///
    /// # Errors
    /// [`KeyError::Name`]; no random bytes.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let name = checked(name)?;
        Ok(Self::of(name, SecretKey::generate()?))
    }

    fn of(name: &str, secret: SecretKey) -> Self {
        Self {
            public: VerifierKey::of(name, secret.public()),
            secret,
        }
    }

    /// Reads `PRIVATE+KEY+NAME+ID+BASE64`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, seed) = parts(text.strip_prefix(PRIVATE).ok_or(KeyError::Form)?)?;
        let found = Self::of(name, SecretKey::from_seed(&seed)?);
        if hex(&found.public.id) == id {
            Ok(found)
        } else {
            Err(KeyError::Id)
        }
    }

    /// The key as text; whoever has it can sign.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let seed = self.secret.seed();
        let mut bytes = Zeroizing::new(vec![ED25519]);
        bytes.extend_from_slice(&*seed);
        let VerifierKey { name, id, .. } = &self.public;
        let encoded = Zeroizing::new(base64(&bytes));
        Zeroizing::new(format!("{PRIVATE}{name}+{}+{}", hex(id), *encoded))
    }

    /// The key that verifies.
    #[must_use]
    pub const fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// A signed note (C2SP signed-note) of this text, whose last line is whole, and a blank line.
    #[must_use]
    pub fn note(&self, text: &str) -> String {
        format!("{text}\n{}\n", self.signature_line(text))
    }

    /// The signature line of a note with this text, its end included.
    #[must_use]
    pub fn signature_line(&self, text: &str) -> String {
        let mut blob = self.public.id.to_vec();
        blob.extend_from_slice(&self.secret.sign(text.as_bytes()));
        format!("{DASH}{} {}\n", self.public.name, base64(&blob))
    }
}

/// Name, id and bytes of a key; the bytes go when they are dropped.
fn parts(text: &str) -> Result<(&str, &str, Zeroizing<Vec<u8>>), KeyError> {
    let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
    // Base64 has the plus in its alphabet.
    let (id, bytes) = rest.split_once('+').ok_or(KeyError::Form)?;
    let mut bytes = Zeroizing::new(unbase64(bytes).map_err(|_| KeyError::Form)?);
    if bytes.first() != Some(&ED25519) {
        return Err(KeyError::Algorithm);
    }
    bytes.remove(0);
    Ok((checked(name)?, id, bytes))
}

fn checked(name: &str) -> Result<&str, KeyError> {
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    fits.then_some(name).ok_or(KeyError::Name)
}

fn id_of(name: &str, key: &PublicKey) -> [u8; 4] {
    let digest = sha256(&[name.as_bytes(), b"\n", &[ED25519], &key.bytes()]);
    let (id, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    *id
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP signed-note, as the Go implementation's documentation has it.
    const PUBLISHED: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn published_keys_read_and_print_alike() {
        let key = VerifierKey::parse(PUBLISHED).expect("a key");
        assert_eq!(
            (key.name.as_str(), hex(&key.id).as_str()),
            ("PeterNeumann", "c74f20a3")
        );
        assert_eq!(key.to_string(), PUBLISHED);
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let blob = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let blob = unbase64(blob).expect("base64");
        assert_eq!(blob[..4], key.id);
        let signature = blob[4..].try_into().expect("64 bytes");
        assert!(key.key.verifies(text.as_bytes(), signature));
    }

    #[test]
    fn a_signing_key_reads_back() {
        let key = SignerKey::generate("authority.example").expect("a key");
        let again = SignerKey::parse(&key.text()).expect("a key");
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains(&key.text()[30..]));
        assert_eq!(
            VerifierKey::parse(&key.public().to_string()).as_ref(),
            Ok(key.public())
        );
    }

    #[test]
    fn mistyped_keys_do_not_read() {
        let cases = [
            ("", KeyError::Form),
            ("PeterNeumann+c74f20a3", KeyError::Form),
            (&PUBLISHED.replace("c74f", "c74e"), KeyError::Id),
            (&PUBLISHED.replace("Peter", "Paul"), KeyError::Id),
            (&PUBLISHED.replace("Peter", "Peter "), KeyError::Name),
            (&PUBLISHED.replace("+ARpc", "+BBpc"), KeyError::Algorithm),
        ];
        for (text, error) in cases {
            assert_eq!(VerifierKey::parse(text), Err(error), "{text}");
        }
        assert!(SignerKey::parse(PUBLISHED).is_err());
        assert_eq!(
            SignerKey::generate("a b")
                .map(drop)
                .map_err(|e| e.to_string()),
            Err(KeyError::Name.to_string())
        );
    }
}
