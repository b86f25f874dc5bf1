//! What the files are called: when they were written and when they are destroyed.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

/// `eve-WRITTEN-until-UNTIL.json`, both days in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The day on which its lines were written.
    pub written: Date,
    /// The first day on which nobody may have them.
    pub until: Date,
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "eve-{}-until-{}.json", self.written, self.until)
    }
}

/// The name is one that the sensor does not write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOurs;

impl FromStr for Name {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let days = text
            .strip_prefix("eve-")
            .and_then(|rest| rest.strip_suffix(".json"))
            .and_then(|rest| rest.split_once("-until-"));
        let (written, until) = days.ok_or(NotOurs)?;
        let day = |text: &str| text.parse().map_err(|_| NotOurs);
        let name = Self {
            written: day(written)?,
            until: day(until)?,
        };
        // A date can be written in more than one way, a file of ours cannot.
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(NotOurs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_sensor_writes_are_its_own() {
        let ours = "eve-2026-02-28-until-2026-08-28.json";
        let name: Name = ours.parse().expect("ours");
        assert_eq!(name.to_string(), ours);
        for other in [
            "eve.json",
            "eve-2026-02-28.json",
            "eve-2026-02-28-until-2026-08-28.json.1",
            "eve-2026-02-28-until-2026-08-28.json.gz",
            "eve-20260228-until-2026-08-28.json",
            "eve-2026-02-30-until-2026-08-28.json",
            "eve-2026-02-28T00:00:00-until-2026-08-28.json",
            "xeve-2026-02-28-until-2026-08-28.json",
        ] {
            assert_eq!(other.parse::<Name>(), Err(NotOurs), "{other}");
        }
    }
}
