//! Fingerprints of TLS clients: JA3 (MD5) and JA4 (its TLS part alone is free to use).

use std::{fmt, str::FromStr};

use super::PatternError;

/// Bytes of the first part of a JA4.
const HEAD: usize = 10;

/// JA3: MD5 over the fields of a ClientHello.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ja3(pub [u8; 16]);

/// JA4, the TLS client fingerprint, in the form `t13d1516h2_8daaf6152771_e5627efa2ab1`: readable
/// part, truncated hashes of the sorted ciphers and extensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ja4 {
    /// Transport, version, whether a name was sent, counts of ciphers and extensions, first and last
    /// letter of the first ALPN value.
    head: [u8; HEAD],
    ciphers: [u8; 6],
    extensions: [u8; 6],
}

impl Ja4 {
    /// Of its parts; the first must be one that the text form can have.
    #[must_use]
    pub const fn new(head: [u8; HEAD], ciphers: [u8; 6], extensions: [u8; 6]) -> Self {
        Self {
            head,
            ciphers,
            extensions,
        }
    }
}

impl FromStr for Ja3 {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        bytes(text).map(Self).ok_or(PatternError::Ja3)
    }
}

impl FromStr for Ja4 {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let read = || {
            let mut parts = text.split('_');
            let head = head(parts.next()?.as_bytes())?;
            let (ciphers, extensions) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
            parts.next().is_none().then_some(Self {
                head,
                ciphers,
                extensions,
            })
        };
        read().ok_or(PatternError::Ja4)
    }
}

/// The first part, lower case but for the letters of ALPN, whose case tells values apart.
fn head(text: &[u8]) -> Option<[u8; HEAD]> {
    let mut head: [u8; HEAD] = text.try_into().ok()?;
    head[..8].make_ascii_lowercase();
    let [transport, major, minor, name, counts @ .., _, _] = &head;
    let versions: [&[u8; 2]; 10] = [
        b"13", b"12", b"11", b"10", b"s3", b"s2", b"d1", b"d2", b"d3", b"00",
    ];
    let fits = b"tqd".contains(transport)
        && versions.contains(&&[*major, *minor])
        && b"di".contains(name)
        && counts.iter().all(u8::is_ascii_digit)
        && head[8..].iter().all(u8::is_ascii_alphanumeric);
    fits.then_some(head)
}

/// Hexadecimal digits, two a byte.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}

/// Writes digits, two a byte, to where there is place for so many.
fn write_digits(bytes: &[u8], to: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, two) in bytes.iter().zip(to.as_chunks_mut().0) {
        *two = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    }
}

fn text(bytes: &[u8]) -> Result<&str, fmt::Error> {
    str::from_utf8(bytes).map_err(|_| fmt::Error)
}

impl fmt::Display for Ja3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        write_digits(&self.0, &mut digits);
        f.write_str(text(&digits)?)
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = [b'_'; HEAD + 2 * 13];
        parts[..HEAD].copy_from_slice(&self.head);
        write_digits(&self.ciphers, &mut parts[HEAD + 1..][..12]);
        write_digits(&self.extensions, &mut parts[HEAD + 14..]);
        f.write_str(text(&parts)?)
    }
}

impl fmt::Debug for Ja3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_in_any_case_and_nothing_else_is() {
        let canonical = |text: &str| text.parse::<Ja4>().map(|ja4| ja4.to_string());
        let plain = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(canonical(plain).as_deref(), Ok(plain));
        assert_eq!(
            canonical("T13D1516h2_8DAAF6152771_E5627EFA2AB1").as_deref(),
            Ok(plain)
        );
        assert_eq!(
            canonical("q13i0310hQ_55b375c5d22e_cd85d2d88918").as_deref(),
            Ok("q13i0310hQ_55b375c5d22e_cd85d2d88918")
        );
        for bad in [
            "",
            "t13d1516h2_8daaf6152771",
            "t13d1516h2_8daaf6152771_e5627efa2ab1_00",
            "x13d1516h2_8daaf6152771_e5627efa2ab1",
            "t14d1516h2_8daaf6152771_e5627efa2ab1",
            "t13x1516h2_8daaf6152771_e5627efa2ab1",
            "t13d15a6h2_8daaf6152771_e5627efa2ab1",
            "t13d1516h-_8daaf6152771_e5627efa2ab1",
            "t13d1516h2_8daaf615277_e5627efa2ab1",
            "t13d1516h2_8daaf6152771_e5627efa2abg",
            "t13d1516é_8daaf6152771_e5627efa2ab1",
        ] {
            assert_eq!(canonical(bad), Err(PatternError::Ja4), "{bad}");
        }
        let ja3 = "E7D705A3286E19EA42F587B344EE6865".parse::<Ja3>();
        assert_eq!(
            ja3.map(|ja3| ja3.to_string()).as_deref(),
            Ok("e7d705a3286e19ea42f587b344ee6865")
        );
        assert_eq!("e7d7".parse::<Ja3>(), Err(PatternError::Ja3));
    }
}
