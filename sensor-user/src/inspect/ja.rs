//! Fingerprints of a ClientHello: JA3 (Salesforce) and JA4 (FoxIO, technical details of JA4: its TLS
//! part). Both leave GREASE out (RFC 8701).

use std::fmt::Write as _;

use super::tls::{Hello, PROTOCOLS, SERVER_NAME};
use crate::{
    crypto::{md5, sha256},
    model::{Ja3, Ja4},
};

/// What a hello came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// QUIC.
    Quic,
}

/// Reserved values that clients send so that servers keep taking unknown ones.
const fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 15 == 10
}

fn plain(values: &[u16]) -> impl Iterator<Item = u16> {
    values.iter().copied().filter(|value| !is_grease(*value))
}

/// The JA3 of a hello that was read to its end.
#[must_use]
pub fn ja3(hello: &Hello) -> Ja3 {
    let numbers = hello.ciphers.len() + hello.extensions.len() + hello.groups.len();
    let mut text = Vec::with_capacity(6 * (numbers + hello.formats.len() + 1));
    decimal(&mut text, hello.version);
    for values in [&hello.ciphers, &hello.extensions, &hello.groups] {
        decimals(&mut text, plain(values));
    }
    decimals(&mut text, hello.formats.iter().copied().map(u16::from));
    Ja3(md5(&text))
}

/// A comma, and numbers with dashes between them.
fn decimals(text: &mut Vec<u8>, values: impl Iterator<Item = u16>) {
    text.push(b',');
    for (at, value) in values.enumerate() {
        if at > 0 {
            text.push(b'-');
        }
        decimal(text, value);
    }
}

/// By hand: each hello has dozens of them.
fn decimal(text: &mut Vec<u8>, value: u16) {
    let mut digits = [0; 5];
    let (mut at, mut rest) = (digits.len(), value);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
        if rest == 0 {
            return text.extend_from_slice(&digits[at..]);
        }
    }
}

/// The JA4 of a hello that was read to its end.
#[must_use]
pub fn ja4(hello: &Hello, transport: Transport) -> Ja4 {
    let mut ciphers: Vec<u16> = plain(&hello.ciphers).collect();
    let mut extensions: Vec<u16> = plain(&hello.extensions).collect();
    let mut head = String::with_capacity(10);
    head.push(match transport {
        Transport::Tcp => 't',
        Transport::Quic => 'q',
    });
    let version = plain(&hello.versions).max().unwrap_or(hello.version);
    head.push_str(version_name(version));
    let named = extensions.contains(&SERVER_NAME);
    head.push(if named { 'd' } else { 'i' });
    for count in [ciphers.len(), extensions.len()] {
        write!(head, "{:02}", count.min(99)).expect("a string takes any text");
    }
    head.extend(protocol_letters(
        hello.protocol.as_deref().unwrap_or_default(),
    ));
    ciphers.sort_unstable();
    extensions.sort_unstable();
    extensions.retain(|kind| !matches!(*kind, SERVER_NAME | PROTOCOLS));
    let mut text = hexadecimal(&extensions);
    let signatures: Vec<u16> = plain(&hello.signatures).collect();
    if !text.is_empty() && !signatures.is_empty() {
        text.push(b'_');
        text.extend(hexadecimal(&signatures));
    }
    let mut bytes = [0; 10];
    bytes.copy_from_slice(head.as_bytes());
    Ja4::new(bytes, short(&hexadecimal(&ciphers)), short(&text))
}

/// Six bytes of the digest; zeros of a blank text.
fn short(text: &[u8]) -> [u8; 6] {
    let mut short = [0; 6];
    if !text.is_empty() {
        short.copy_from_slice(&sha256(&[text])[..6]);
    }
    short
}

/// Four digits each, with commas between them.
fn hexadecimal(values: &[u16]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(5 * values.len());
    for value in values {
        if !text.is_empty() {
            text.push(b',');
        }
        let digits = [12, 8, 4, 0].map(|bits| DIGITS[usize::from(value >> bits & 15)]);
        text.extend_from_slice(&digits);
    }
    text
}

const fn version_name(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first protocol; of its hexadecimal form where one of them is
/// neither letter nor digit.
fn protocol_letters(protocol: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else {
        return ['0', '0'];
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).expect("four bits");
    [digit(first >> 4), digit(last & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tls::Extent;

    fn hello() -> Hello {
        Hello {
            version: 0x0303,
            ..Hello::unread(Extent::Whole)
        }
    }

    /// The examples of the JA3 description.
    #[test]
    fn ja3_gives_the_published_digests() {
        let mut one = hello();
        one.version = 769;
        one.ciphers = vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4];
        one.extensions = vec![0, 10, 11];
        one.groups = vec![23, 24, 25];
        one.formats = vec![0];
        assert_eq!(ja3(&one).to_string(), "ada70206e40642a3e4461f35503241d5");
        one.ciphers.insert(0, 0x0a0a);
        one.extensions.push(0xfafa);
        one.groups.insert(1, 0x5a5a);
        assert_eq!(ja3(&one).to_string(), "ada70206e40642a3e4461f35503241d5");
        let mut other = hello();
        other.version = 769;
        other.ciphers = vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99];
        assert_eq!(ja3(&other).to_string(), "de350869b8c85de67a350c8d186f11e6");
    }

    /// The example of the JA4 description.
    #[test]
    fn ja4_gives_the_published_value() {
        let mut chrome = hello();
        chrome.ciphers = vec![
            0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ];
        chrome.extensions = vec![
            0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
            0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x2a2a,
        ];
        chrome.versions = vec![0x3a3a, 0x0304, 0x0303];
        chrome.protocol = Some(b"h2".to_vec());
        chrome.signatures = vec![
            0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
        ];
        let plain = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(ja4(&chrome, Transport::Tcp).to_string(), plain);
        let quic = ja4(&chrome, Transport::Quic).to_string();
        assert_eq!(quic[1..], plain[1..]);
        assert!(quic.starts_with('q'));
        // The same description's value without signature algorithms.
        chrome.signatures.clear();
        let without = ja4(&chrome, Transport::Tcp).to_string();
        assert_eq!(without, "t13d1516h2_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn blank_and_strange_fields_have_their_own_forms() {
        let letters = |protocol: &[u8]| protocol_letters(protocol).iter().collect::<String>();
        assert_eq!(letters(b""), "00");
        assert_eq!(letters(b"h"), "hh");
        assert_eq!(letters(b"http/1.1"), "h1");
        assert_eq!(letters(b"\xab"), "ab");
        assert_eq!(letters(b"\x30\xab"), "3b");
        assert_eq!(letters(b"\xab\xcd"), "ad");
        let blank = ja4(&hello(), Transport::Tcp).to_string();
        assert_eq!(blank, "t12i000000_000000000000_000000000000");
        let many = Hello {
            ciphers: (0..200).collect(),
            ..hello()
        };
        assert!(
            ja4(&many, Transport::Tcp)
                .to_string()
                .starts_with("t12i9900")
        );
    }
}
