//! Durations and sizes as people write them.

use std::{fmt, time::Duration};

use serde::{Deserializer, de};

/// Units of time, milliseconds each.
const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Units of size, bytes each.
const SIZES: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads `60s`, `30m`, `1h30m`, `500ms`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"60s\", \"30m\" or \"1h30m\" (units: ms, s, m, h, d)")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            sum(text, &TIMES)
                .map(Duration::from_millis)
                .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_str(Text)
}

/// The same where the key may be missing.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// Reads a number of bytes, or `256MiB`.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Size;
    impl de::Visitor<'_> for Size {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of bytes or a size such as \"256MiB\" (units: B, KiB, MiB, GiB)")
        }

        fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<u64, E> {
            u64::try_from(bytes).map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
        }

        fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<u64, E> {
            Ok(bytes)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            sum(text, &SIZES).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Size)
}

/// The sum of `NUMBER UNIT` pairs, in the smallest unit; none when malformed or too large.
fn sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, factor) = units.iter().find(|(name, _)| *name == &rest[..end])?;
        total = total.checked_add(number.checked_mul(*factor)?)?;
        rest = rest[end..].trim_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_units_and_units_need_numbers() {
        assert_eq!(sum("60s", &TIMES), Some(60_000));
        assert_eq!(sum("1h30m", &TIMES), Some(5_400_000));
        assert_eq!(sum("1h 30m", &TIMES), Some(5_400_000));
        assert_eq!(sum("500ms", &TIMES), Some(500));
        assert_eq!(sum("256MiB", &SIZES), Some(256 << 20));
        for bad in [
            "",
            "60",
            "s",
            "-1s",
            "1.5s",
            "60 seconds",
            "1y",
            "s60",
            "1é",
            "99999999999999999999s",
        ] {
            assert_eq!(sum(bad, &TIMES), None, "{bad}");
        }
        assert_eq!(sum("18446744073709551615KiB", &SIZES), None);
    }
}
