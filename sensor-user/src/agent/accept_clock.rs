//! Taking the wall clock for right where another time was believed: the first clock of a machine
//! is believed as it is, and a wrong one would otherwise stand for good.

use super::{Error, restore};
use crate::{clock, config::Config, control::service::agent, db::Catalog, journal::Action};

/// Takes the wall clock for right, whatever was believed before; journals that somebody wanted it.
/// What was over by the former time stays over. False when the two agree already. For while no
/// agent runs.
///
/// # Errors
/// An agent runs, store and journal are not of one time, or the disk fails.
pub fn accept_clock(config: &Config) -> Result<bool, Error> {
    let mut catalog = Catalog::open(&config.state_dir)?;
    let (journal, _) = restore::open_journal(&config.state_dir, &mut catalog)?;
    let reading = clock::read();
    let mut watch = clock::Watch::new(catalog.clock_mark()?, reading);
    let Some(ahead) = watch.accept(reading) else {
        return Ok(false);
    };
    let action = Action::ClockAccepted {
        ahead_seconds: ahead / 1_000_000,
    };
    let _receipt = journal.append(&agent(), action)?;
    catalog.set_clock_mark(watch.mark())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::*;
    use crate::{db::tests::Scratch, model::ClockMark};

    #[test]
    fn a_mark_of_years_to_come_goes_and_the_journal_says_so() {
        let scratch = Scratch::new("clock");
        let config = Config {
            state_dir: scratch.0.clone(),
            ..Config::default()
        };
        let year = 366 * 24 * 3_600 * 1_000_000;
        let now = clock::read();
        let far = ClockMark {
            wall: now.wall + year,
            boot: now.boot,
            boot_id: now.boot_id,
        };
        let mut catalog = Catalog::open(&scratch.0).expect("opens");
        catalog.set_clock_mark(far).expect("writes");
        assert!(accept_clock(&config).expect("no agent runs"));
        let mark = catalog.clock_mark().expect("reads").expect("is there");
        assert!(mark.wall < now.wall + year / 2, "{mark:?}");
        let mut watch = clock::Watch::new(Some(mark), clock::read());
        assert_eq!(watch.accept(clock::read()), None);
        let segments = fs::read_dir(scratch.0.join("journal")).expect("a journal");
        let read = |entry: io::Result<fs::DirEntry>| {
            let path = entry.expect("an entry").path();
            fs::read_to_string(path).expect("text")
        };
        let journal: String = segments.map(read).collect();
        assert!(
            journal.contains(r#""action":"clock_accepted","ahead_seconds":3162"#),
            "{journal}"
        );
    }
}
