//! The one door to hashes, signatures and randomness: SHA-256 (FIPS 180-4), MD5 (RFC 1321), HMAC (RFC 2104),
//! Ed25519 (RFC 8032), XChaCha20-Poly1305, age, the kernel's generator (`getrandom(2)`), hexadecimal and base64 (RFC 4648).

mod keys;
pub mod quic;
mod seal;
mod signature;
mod to_recipient;
mod wiped;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

pub use keys::{DASH, KeyError, SignerKey, VerifierKey};
pub use seal::{NONCE, open, seal};
pub use signature::{PublicKey, SecretKey};
pub use to_recipient::AgeRecipient;
pub use wiped::Wiped;
pub use zeroize::{Zeroize, Zeroizing};

/// What can go wrong here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `getrandom(2)` failed.
    #[error("the kernel gives no random bytes ({0}): allow the getrandom system call")]
    Random(#[source] getrandom::Error),
    /// Odd length, or a character that is no hexadecimal digit.
    #[error("not hexadecimal: write two digits (0-9, a-f) for each byte")]
    Hex,
    /// Not base64 in its standard alphabet, with padding.
    #[error("not base64: use the standard alphabet, with padding")]
    Base64,
    /// No key, or one that everybody can sign for.
    #[error("not an Ed25519 key: it has 32 bytes and is no point of small order")]
    Key,
    /// No public key of age.
    #[error("not a public key of age: write age1…, as `age-keygen -y` prints it")]
    Recipient,
    /// Encryption to a recipient failed.
    #[error("the answer could not be encrypted to its recipient")]
    Encrypt,
    /// What was sealed does not open.
    #[error("it does not open: another key, or it was changed")]
    Sealed,
}

/// SHA-256 of the parts, one after the other. The borders between parts are not hashed: a caller
/// that needs them writes them.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// MD5, broken as it is: fingerprints of TLS clients are made of it, and nothing is proved by it.
#[must_use]
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// SHA-256 of what comes piece by piece.
#[derive(Clone, Default)]
pub struct Hashing(Sha256);

impl Hashing {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// HMAC-SHA-256 of the parts, one after the other, under a key of any length.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// `N` random bytes fit for keys.
///
/// # Errors
/// [`Error::Random`] when the kernel gives none.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// Fills a buffer with random bytes fit for keys.
///
/// # Errors
/// [`Error::Random`] when the kernel gives none.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(Error::Random)
}

/// Lower-case hexadecimal, two digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The bytes that hexadecimal text stands for; both cases are read.
///
/// # Errors
/// [`Error::Hex`] when the text is not hexadecimal.
pub fn unhex(text: &str) -> Result<Vec<u8>, Error> {
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Error::Hex);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::Hex);
    }
    pairs
        .iter()
        .map(|[high, low]| Ok((digit(*high)? << 4 | digit(*low)?) as u8))
        .collect()
}

/// Base64 with padding (RFC 4648 §4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that base64 stands for; there is one way to write them.
///
/// # Errors
/// [`Error::Base64`].
pub fn unbase64(text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|_| Error::Base64)
}

#[cfg(test)]
pub(crate) use sha2::Sha256 as SecondOpinionHash;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_gives_the_published_digests() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let long = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
        assert_eq!(hex(&sha256(&[])), empty);
        assert_eq!(hex(&sha256(&[b"a", b"", b"bc"])), abc);
        let text: &[u8] = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(&sha256(&[text])), long);
    }

    /// RFC 1321 §A.5.
    #[test]
    fn md5_gives_the_published_digest() {
        assert_eq!(hex(&md5(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn pieces_make_the_digest_of_the_whole() {
        let mut hashing = Hashing::default();
        hashing.update(b"a");
        hashing.update(b"bc");
        assert_eq!(hashing.finish(), sha256(&[b"abc"]));
    }

    #[test]
    fn base64_has_one_way_to_write_bytes() {
        assert_eq!(base64(b"Man\xff"), "TWFu/w==");
        assert_eq!(unbase64("TWFu/w=="), Ok(b"Man\xff".to_vec()));
        for bad in ["TWFu/w", "TWFu/x==", "TWFu_w==", " TWFu", "TWFu\n"] {
            assert_eq!(unbase64(bad), Err(Error::Base64), "{bad}");
        }
    }

    /// RFC 4231 §4.2, §4.3 and §4.7 (a key longer than a block).
    #[test]
    fn hmac_gives_the_digests_of_rfc_4231() {
        let case = |key: &[u8], parts: &[&[u8]]| hex(&hmac_sha256(key, parts));
        assert_eq!(
            case(&[0x0b; 20], &[b"Hi There"]),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            case(b"Jefe", &[b"what do ya want ", b"for nothing?"]),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            case(
                &[0xaa; 131],
                &[b"Test Using Larger Than Block-Size Key - Hash Key First"]
            ),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn random_bytes_fill_the_whole_array_and_differ() {
        let (one, other) = (
            random::<64>().expect("random"),
            random::<64>().expect("random"),
        );
        assert_ne!(one, other);
        assert!(one[32..].iter().any(|byte| *byte != 0));
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        assert_eq!(hex(&[0x00, 0x7f, 0xa0, 0xff]), "007fa0ff");
        assert_eq!(unhex("007fA0Ff"), Ok(vec![0x00, 0x7f, 0xa0, 0xff]));
        assert_eq!(unhex(""), Ok(vec![]));
        for bad in ["0", "0g", "+1", "é", "0x00"] {
            assert_eq!(unhex(bad), Err(Error::Hex), "{bad}");
        }
    }
}
