//! Protection of QUIC Initial packets, whose keys everybody on the path can derive: RFC 9001 §5
//! and, for version 2, RFC 9369 §3.3.

use ring::{aead, hkdf};

/// Bytes of the authentication tag.
pub const TAG: usize = 16;
/// Bytes of the sample that header protection is made from.
pub const SAMPLE: usize = 16;

/// What tells the versions apart here.
#[derive(Clone, Copy, Debug)]
pub struct InitialVersion {
    /// Salt of the initial secret.
    pub salt: [u8; 20],
    /// Labels of key, IV and header protection key.
    pub labels: [&'static [u8]; 3],
}

/// Keys that open a client's Initial packets.
pub struct InitialKeys {
    key: aead::LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    header: aead::quic::HeaderProtectionKey,
}

impl InitialKeys {
    /// From the Destination Connection ID of the client's first Initial packet.
    #[must_use]
    pub fn of_client(version: InitialVersion, destination: &[u8]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &version.salt);
        let secret: [u8; 32] = expand(&salt.extract(destination), b"client in");
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        let [key, iv, header] = version.labels;
        let key: [u8; 16] = expand(&secret, key);
        let header: [u8; 16] = expand(&secret, header);
        let fits = "AES-128 takes keys of 16 bytes";
        Self {
            key: aead::LessSafeKey::new(
                aead::UnboundKey::new(&aead::AES_128_GCM, &key).expect(fits),
            ),
            iv: expand(&secret, iv),
            header: aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &header)
                .expect(fits),
        }
    }

    /// What header protection has put over the first byte and the packet number.
    #[must_use]
    pub fn mask(&self, sample: [u8; SAMPLE]) -> [u8; 5] {
        self.header
            .new_mask(&sample)
            .expect("a sample has 16 bytes")
    }

    /// Opens a payload in place; `None` when it is not authentic.
    pub fn open<'a>(
        &self,
        number: u64,
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let opened = self
            .key
            .open_in_place(nonce, aead::Aad::from(header), payload);
        opened.ok()
    }
}

#[cfg(any(test, feature = "bench"))]
impl InitialKeys {
    /// Protects a packet whose header ends with a packet number of four bytes: what tests and benches
    /// open again.
    ///
    /// # Panics
    /// When the payload is shorter than a sample.
    #[must_use]
    pub fn protect(&self, number: u32, header: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, number) in nonce[8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let mut sealed = payload.to_vec();
        let aad = aead::Aad::from(header);
        let done = self.key.seal_in_place_append_tag(nonce, aad, &mut sealed);
        done.expect("it is short");
        let sample = sealed[..SAMPLE].try_into().expect("it is long enough");
        let mask = self.mask(sample);
        let mut packet = [header, &sealed].concat();
        packet[0] ^= mask[0] & 0x0f;
        for (byte, mask) in packet[header.len() - 4..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        packet
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label of RFC 8446 §7.1 without context.
fn expand<const N: usize>(secret: &hkdf::Prk, label: &[u8]) -> [u8; N] {
    let length = u16::try_from(N).expect("keys are short").to_be_bytes();
    let label_length = [u8::try_from(label.len() + 6).expect("labels are short")];
    let info: [&[u8]; 5] = [&length, &label_length, b"tls13 ", label, &[0]];
    let mut out = [0; N];
    secret
        .expand(&info, Length(N))
        .and_then(|okm| okm.fill(&mut out))
        .expect("it is shorter than 255 digests");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::unhex;

    /// RFC 9001 §A.1.
    #[test]
    fn keys_are_those_of_the_specification() {
        let salt = unhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a").expect("hexadecimal");
        let version = InitialVersion {
            salt: salt.try_into().expect("20 bytes"),
            labels: [b"quic key", b"quic iv", b"quic hp"],
        };
        let destination = unhex("8394c8f03e515708").expect("hexadecimal");
        let keys = InitialKeys::of_client(version, &destination);
        assert_eq!(
            keys.iv[..],
            unhex("fa044b2f42a3fd3b46fb255c").expect("hexadecimal")
        );
        // §A.2.
        let sample = unhex("d1b1c98dd7689fb8ec11d242b123dc9b").expect("hexadecimal");
        let mask = keys.mask(sample.try_into().expect("16 bytes"));
        assert_eq!(mask[..], unhex("437b9aec36").expect("hexadecimal"));
    }
}
