//! How long events are kept.

use std::{fmt, time::Duration};

use jiff::{Span, Timestamp, tz::TimeZone};

/// How long events are kept, as configured: calendar months or days, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Calendar months.
    Months(u8),
    /// Days.
    Days(u16),
}

impl Retention {
    /// The most that the law allows (L. 33-14 CPCE ¶3).
    pub const MOST: Self = Self::Months(6);
    /// Days that are never more than [`Self::MOST`], whatever the months.
    pub const MOST_DAYS: u16 = 181;

    /// How long somebody else may keep an event that he is sent on its first day: what is sure to end
    /// with it, however long its months are.
    #[must_use]
    pub fn elsewhere(self) -> Duration {
        // Of any so many months in a row, and of those of a leap year; the event's end is rounded
        // down to a day.
        const LEAST: [u64; 7] = [0, 28, 59, 89, 120, 150, 181];
        let days = match self {
            Self::Months(months) => LEAST[usize::from(months).min(6)],
            Self::Days(days) => u64::from(days.min(Self::MOST_DAYS)),
        };
        Duration::from_secs(days.saturating_sub(1) * 86_400)
    }

    /// Reads `6 months`, `1 month`, `90 days`, `1 day`, `90d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = (&text[..end], text[end..].trim_start());
        match unit {
            "month" | "months" => number.parse().ok().map(Self::Months),
            "day" | "days" | "d" => number.parse().ok().map(Self::Days),
            _ => None,
        }
    }

    /// Whether it is something, and no more than the law allows.
    #[must_use]
    pub const fn is_lawful(self) -> bool {
        match self {
            Self::Months(months) => 0 < months && months <= 6,
            Self::Days(days) => 0 < days && days <= Self::MOST_DAYS,
        }
    }

    /// The UTC day, counted from the epoch, from whose beginning an event is gone: that in which
    /// its time, counted from its first packet, or six months are over. Rounded down: never later.
    #[must_use]
    pub fn expires(self, first_seen: Timestamp) -> i32 {
        self.after(first_seen).min(Self::MOST.after(first_seen))
    }

    fn after(self, first_seen: Timestamp) -> i32 {
        let span = match self {
            Self::Months(months) => Span::new().months(months),
            Self::Days(days) => Span::new().days(days),
        };
        let end = first_seen.to_zoned(TimeZone::UTC).checked_add(span);
        // After the end of the calendar there is no later day.
        day_of(end.map_or(first_seen, |end| end.timestamp()))
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Months(1) => f.write_str("1 month"),
            Self::Months(months) => write!(f, "{months} months"),
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
        }
    }
}

/// The UTC day of a time, counted from the epoch.
#[must_use]
pub fn day_of(time: Timestamp) -> i32 {
    let day = time.as_nanosecond().div_euclid(86_400_000_000_000);
    i32::try_from(day).expect("timestamps end with the year 9999")
}

/// The date of a UTC day, counted from the epoch.
#[must_use]
pub fn date_of(day: i32) -> jiff::civil::Date {
    let midnight = Timestamp::from_second(i64::from(day) * 86_400);
    midnight
        .unwrap_or(Timestamp::MAX)
        .to_zoned(TimeZone::UTC)
        .date()
}

/// The UTC day that a date names, counted from the epoch.
#[must_use]
pub fn day_of_date(date: jiff::civil::Date) -> Option<i32> {
    let midnight = date.to_zoned(TimeZone::UTC).ok()?;
    Some(day_of(midnight.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn day(text: &str) -> i32 {
        day_of_date(text.parse().expect(text)).expect("in the calendar")
    }

    #[test]
    fn six_calendar_months_rounded_down_to_the_utc_day() {
        for (first, gone) in [
            ("2027-01-15T13:00:00Z", "2027-07-15"),
            ("2027-01-15T00:00:00Z", "2027-07-15"),
            // There is no 31st: the last day of the month.
            ("2026-08-31T23:59:59Z", "2027-02-28"),
            ("2027-08-31T00:00:00Z", "2028-02-29"),
            ("2027-08-29T12:00:00Z", "2028-02-29"),
            ("2026-08-29T12:00:00Z", "2027-02-28"),
            // A century without a leap day, and one with it.
            ("2099-08-31T12:00:00Z", "2100-02-28"),
            ("2399-08-31T12:00:00Z", "2400-02-29"),
            ("2028-02-29T12:00:00Z", "2028-08-29"),
            ("2027-10-31T12:00:00Z", "2028-04-30"),
            // Whatever the zone in which it is told, the day is that of UTC.
            ("2027-03-01T00:30:00+02:00", "2027-08-28"),
            ("2027-02-28T23:30:00-02:00", "2027-09-01"),
        ] {
            assert_eq!(Retention::MOST.expires(time(first)), day(gone), "{first}");
        }
    }

    #[test]
    fn a_configuration_only_ever_shortens() {
        let first = time("2027-01-31T12:00:00Z");
        assert_eq!(Retention::Days(1).expires(first), day("2027-02-01"));
        assert_eq!(Retention::Months(1).expires(first), day("2027-02-28"));
        for more in [Retention::Months(7), Retention::Days(400)] {
            assert_eq!(more.expires(first), day("2027-07-31"));
            assert!(!more.is_lawful());
        }
        // However the months lie, the most days are no more than six months.
        let mut first = time("2027-01-01T12:00:00Z");
        for _ in 0..1_500 {
            let days = Retention::Days(Retention::MOST_DAYS);
            assert!(days.after(first) <= Retention::MOST.after(first), "{first}");
            first += Span::new().hours(24);
        }
        assert!(!Retention::Days(Retention::MOST_DAYS + 1).is_lawful());
    }

    #[test]
    fn what_somebody_else_keeps_for_that_long_ends_with_the_event() {
        let mut first = time("2027-01-01T12:00:00Z");
        for _ in 0..1_500 {
            for kept in (1..=6).map(Retention::Months).chain([Retention::Days(30)]) {
                let sent_until = first + Span::new().hours(12);
                let ends = day_of(sent_until + kept.elsewhere());
                assert!(ends <= kept.expires(first), "{kept} from {first}");
            }
            first += Span::new().hours(24);
        }
    }

    #[test]
    fn it_is_written_as_people_say_it() {
        for (text, retention) in [
            ("6 months", Some(Retention::Months(6))),
            ("1 month", Some(Retention::Months(1))),
            ("90 days", Some(Retention::Days(90))),
            ("90d", Some(Retention::Days(90))),
            ("months", None),
            ("6", None),
            ("6 weeks", None),
            ("-1 days", None),
        ] {
            assert_eq!(Retention::parse(text), retention, "{text}");
        }
        assert_eq!(Retention::Months(6).to_string(), "6 months");
        assert_eq!(Retention::Days(1).to_string(), "1 day");
    }
}
