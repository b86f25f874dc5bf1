//! Encryption to a recipient's public key: age v1 (C2SP age), X25519.

use std::io::Write as _;

use age::{Encryptor, x25519};

use super::Error;

/// A public key of age (`age1…`).
#[derive(Clone, Debug)]
pub struct AgeRecipient(x25519::Recipient);

impl AgeRecipient {
    /// Reads `age1…`.
    ///
    /// # Errors
    /// [`Error::Recipient`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| Error::Recipient)
    }

    /// Encrypts a text: only the holder of the identity opens it, not whoever made it.
    ///
    /// # Errors
    /// [`Error::Encrypt`].
    pub fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>, Error> {
        let recipients = std::iter::once(&self.0 as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(|_| Error::Encrypt)?;
        let mut encrypted = Vec::with_capacity(text.len() + 512);
        let mut writer = encryptor
            .wrap_output(&mut encrypted)
            .map_err(|_| Error::Encrypt)?;
        writer.write_all(text).map_err(|_| Error::Encrypt)?;
        writer.finish().map_err(|_| Error::Encrypt)?;
        Ok(encrypted)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use age::Decryptor;

    use super::*;

    fn opened(identity: &x25519::Identity, encrypted: &[u8]) -> Option<Vec<u8>> {
        let decryptor = Decryptor::new(encrypted).expect("a header");
        let mut reader = decryptor.decrypt(std::iter::once(identity as _)).ok()?;
        let mut text = Vec::new();
        reader.read_to_end(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn only_the_recipient_opens_it() {
        let (own, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        let recipient = AgeRecipient::parse(&own.to_public().to_string()).expect("a key");
        let encrypted = recipient.encrypt(b"text").expect("it encrypts");
        assert!(encrypted.starts_with(b"age-encryption.org/v1\n"));
        assert!(!encrypted.windows(4).any(|window| window == b"text"));
        assert_eq!(opened(&own, &encrypted).as_deref(), Some(&b"text"[..]));
        assert_eq!(opened(&other, &encrypted), None);
        assert!(AgeRecipient::parse("age1nothing").is_err());
        assert!(AgeRecipient::parse(&"a".repeat(62)).is_err());
    }
}
