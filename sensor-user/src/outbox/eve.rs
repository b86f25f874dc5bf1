//! Daily files of EVE JSON, as a SIEM reads them from Suricata, which are destroyed in time.

mod append;
mod destroy;
mod line;
mod name;

use std::{io, path::PathBuf};

use jiff::{civil::Date, tz::TimeZone};
use rustix::io::Errno;

use super::{Outcome, Reason, Sink, View};
use crate::{clock::KernelClock, config};

/// Appends events to files that are named by their first and last day. Nothing stays open between
/// deliveries: whoever moves or removes a file does not take events with it.
#[derive(Clone, Debug)]
pub struct Eve {
    directory: PathBuf,
}

impl Eve {
    /// A sink for this directory; it is made at the first delivery.
    #[must_use]
    pub fn new(config: &config::Eve) -> Self {
        Self {
            directory: config.directory.clone(),
        }
    }

    /// Does `work` where files may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Reason> + Send + 'static,
    ) -> Result<T, Reason> {
        let eve = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&eve)).await;
        done.unwrap_or_else(|_| {
            Err(Reason {
                code: "io".into(),
                text: format!("{}: writing was cut off", self.directory.display()),
            })
        })
    }

    fn reason(&self, error: &append::Error) -> Reason {
        let append::Error { path, source } = error;
        Reason {
            code: code(source).into(),
            text: format!("{}: {source}", path.display()),
        }
    }

    /// Writes the views that end on `expires`, all or none of them.
    fn write(&self, today: Date, expires: Date, lines: &[u8]) -> Outcome {
        if expires <= today {
            return Outcome::Refused(Reason {
                code: "expired".into(),
                text: "nobody may have it any more".into(),
            });
        }
        let name = name::Name {
            written: today,
            until: expires,
        };
        match append::append(&self.directory, &name.to_string(), lines) {
            Ok(()) => Outcome::Acknowledged,
            Err(error) => Outcome::Retry(self.reason(&error)),
        }
    }

    fn write_all(&self, today: Date, views: &[View]) -> Vec<Outcome> {
        let mut days: Vec<Date> = views.iter().map(|view| view.expires).collect();
        days.sort_unstable();
        days.dedup();
        let outcomes = days.into_iter().map(|day| {
            let lines = views.iter().filter(|view| view.expires == day);
            let text: String = lines.map(line::line).collect();
            (day, self.write(today, day, text.as_bytes()))
        });
        let outcomes: Vec<(Date, Outcome)> = outcomes.collect();
        let of = |view: &View| outcomes.iter().find(|(day, _)| *day == view.expires);
        views
            .iter()
            .map(|view| of(view).expect("each day has an outcome").1.clone())
            .collect()
    }
}

impl Sink for Eve {
    async fn deliver(&mut self, views: &[View]) -> Vec<Outcome> {
        let count = views.len();
        let views = views.to_vec();
        let written = self.blocking(move |eve| Ok(eve.write_all(today(), &views)));
        written
            .await
            .unwrap_or_else(|reason| vec![Outcome::Retry(reason); count])
    }

    async fn destroy_expired(&mut self, today: Date) -> Result<u64, Reason> {
        self.blocking(move |eve| {
            destroy::expired(&eve.directory, today).map_err(|error| eve.reason(&error))
        })
        .await
    }

    async fn forget(&mut self, ids: &[String]) -> Result<u64, Reason> {
        let ids = ids.iter().cloned().collect();
        self.blocking(move |eve| {
            destroy::forget(&eve.directory, &ids).map_err(|error| eve.reason(&error))
        })
        .await
    }
}

/// The day in UTC, as validity is judged.
fn today() -> Date {
    let now = KernelClock::Boot.judged_now();
    now.to_zoned(TimeZone::UTC).date()
}

fn code(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => "disk_full",
        Some(Errno::ROFS) => "read_only",
        Some(Errno::ACCESS | Errno::PERM) => "no_permission",
        _ => "io",
    }
}

#[cfg(test)]
mod tests;
