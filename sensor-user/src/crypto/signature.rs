//! Ed25519 (RFC 8032), verified strictly: a signature has one form only, and no key is accepted
//! under which a signature says nothing.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::{Error, Zeroizing, random};

/// A key that signs. Its bytes are overwritten when the value is dropped.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        let seed = Zeroizing::new(random::<32>()?);
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key of a seed of 32 bytes.
    ///
    /// # Errors
    /// [`Error::Key`] for another length.
    pub fn from_seed(seed: &[u8]) -> Result<Self, Error> {
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| Error::Key)?);
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Its seed: whoever has it can sign.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The key that verifies.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A key that verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// [`Error::Key`] when they are none, or a point of small order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.try_into().map_err(|_| Error::Key)?;
        VerifyingKey::from_bytes(bytes)
            .ok()
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or(Error::Key)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether the holder of the key signed this message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{hex, unhex};

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn signs_as_the_rfc_does() {
        let seed = unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = SecretKey::from_seed(&seed.expect("hexadecimal")).expect("a seed");
        assert_eq!(
            hex(&key.public().bytes()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            hex(&key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn what_was_changed_does_not_verify() {
        let key = SecretKey::generate().expect("random");
        let (public, signature) = (key.public(), key.sign(b"message"));
        assert!(public.verifies(b"message", &signature));
        assert!(!public.verifies(b"Message", &signature));
        for at in [0, 31, 32, 63] {
            let mut other = signature;
            other[at] ^= 1;
            assert!(!public.verifies(b"message", &other), "byte {at}");
        }
        let other = SecretKey::generate().expect("random");
        assert!(!other.public().verifies(b"message", &signature));
    }

    #[test]
    fn keys_that_bind_nobody_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for bytes in [&[0; 32][..], &one, &[7; 31], &[]] {
            assert_eq!(PublicKey::from_bytes(bytes), Err(Error::Key), "{bytes:?}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let key = SecretKey::from_seed(&[7; 32]).expect("a seed");
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
    }
}
