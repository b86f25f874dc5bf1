//! Authenticated encryption: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03).

use chacha20poly1305::{Key, KeyInit, Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut as _};

use super::{Error, Zeroizing};

/// Bytes of a nonce: so long that random ones do not meet.
pub const NONCE: usize = 24;

/// Seals a text; what comes out is nonce, ciphertext and tag. `associated` is not in it, but must
/// be the same when it is opened.
#[must_use]
pub fn seal(key: &[u8; 32], nonce: [u8; NONCE], associated: &[u8], text: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(NONCE + text.len() + 16);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(text);
    let tag = cipher(key)
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            associated,
            sealed[NONCE..].as_mut().into(),
        )
        .expect("a text is shorter than 256 GiB");
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`Error::Sealed`]: another key, other associated bytes, or something was changed.
pub fn open(key: &[u8; 32], associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(Error::Sealed)?;
    let (text, tag) = rest.split_last_chunk::<16>().ok_or(Error::Sealed)?;
    let mut text = Zeroizing::new(text.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            associated,
            text.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| Error::Sealed)?;
    Ok(text)
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{hex, unhex};

    /// Appendix A.3.1 of the draft.
    #[test]
    fn it_is_the_published_cipher() {
        let key: Vec<u8> = (0x80..0xa0).collect();
        let key: [u8; 32] = key.try_into().expect("32 bytes");
        let nonce: Vec<u8> = (0x40..0x58).collect();
        let nonce: [u8; NONCE] = nonce.try_into().expect("24 bytes");
        let associated = unhex("50515253c0c1c2c3c4c5c6c7").expect("hexadecimal");
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
                     for the future, sunscreen would be it.";
        let sealed = seal(&key, nonce, &associated, text);
        assert_eq!(
            hex(&sealed[NONCE..NONCE + 16]),
            "bd6d179d3e83d43b9576579493c0e939"
        );
        let tag = &sealed[sealed.len() - 16..];
        assert_eq!(hex(tag), "c0875924c1c7987947deafd8780acf49");
        let opened = open(&key, &associated, &sealed).expect("it opens");
        assert_eq!(&opened[..], text);
    }

    #[test]
    fn nothing_that_was_changed_opens() {
        let (key, nonce) = ([7; 32], [9; NONCE]);
        let sealed = seal(&key, nonce, b"place", b"text");
        assert!(open(&key, b"place", &sealed).is_ok());
        assert_eq!(open(&key, b"other", &sealed), Err(Error::Sealed));
        assert_eq!(open(&[0; 32], b"place", &sealed), Err(Error::Sealed));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"place", &changed), Err(Error::Sealed), "{at}");
        }
        for short in 0..NONCE + 16 {
            assert_eq!(open(&key, b"place", &sealed[..short]), Err(Error::Sealed));
        }
    }
}
