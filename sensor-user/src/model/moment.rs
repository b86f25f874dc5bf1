//! A wall time in eight bytes.

use std::{fmt, num::NonZeroU64};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Turns the order of signed numbers into that of unsigned ones, and keeps zero free.
const SIGN: u64 = 1 << 63;

/// A wall time to the microsecond, as the catalogue keeps it. An absent one takes no more room than
/// one that is there: a million markers have two each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Timestamp", into = "Timestamp")]
pub struct Moment(NonZeroU64);

impl Moment {
    /// Microseconds since the epoch; `None` outside of what [`Timestamp`] can tell.
    #[must_use]
    pub fn from_microsecond(microseconds: i64) -> Option<Self> {
        Timestamp::from_microsecond(microseconds)
            .ok()
            .map(Self::from)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_microsecond(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// The same with jiff's arithmetic.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.as_microsecond()).expect("made from a timestamp")
    }
}

/// Cuts what is finer than a microsecond.
impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        let microseconds = time.as_nanosecond().div_euclid(1_000);
        let microseconds = i64::try_from(microseconds).expect("timestamps end with the year 9999");
        let shifted = microseconds.cast_unsigned() ^ SIGN;
        Self(NonZeroU64::new(shifted).expect("timestamps begin with the year -9999"))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        moment.timestamp()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_order_and_microseconds() {
        let times = ["-005000-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]
            .into_iter()
            .chain(["1970-01-01T00:00:00.000001Z", "2027-01-31T12:00:00.5Z"])
            .map(|text| text.parse::<Timestamp>().expect(text));
        let times: Vec<Timestamp> = times.collect();
        let moments: Vec<Moment> = times.iter().copied().map(Moment::from).collect();
        assert!(moments.is_sorted());
        assert!(moments.iter().map(|one| one.timestamp()).eq(times));
        assert_eq!(size_of::<Option<Moment>>(), 8);
        let fine: Timestamp = "2027-01-31T12:00:00.123456789Z".parse().expect("a time");
        assert_eq!(
            Moment::from(fine).to_string(),
            "2027-01-31T12:00:00.123456Z"
        );
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(
                Moment::from(edge).as_microsecond(),
                edge.as_nanosecond().div_euclid(1_000) as i64
            );
        }
    }
}
