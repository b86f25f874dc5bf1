//! Directories that EVE sinks have written to, remembered in the state directory: what lies in one is
//! destroyed in time also when its sink was taken out of the configuration or writes elsewhere.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::config::Config;

/// Name of the file.
const FILE: &str = "eve.json";

/// A directory, and the sink that writes to it, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Name of the sink.
    pub sink: String,
    /// The directory.
    pub directory: PathBuf,
}

impl Place {
    /// Under which name the store tells what is to be forgotten there: a sink of the same name may write
    /// elsewhere.
    pub fn former_name(&self) -> String {
        format!("{} in {}", self.sink, self.directory.display())
    }
}

/// The directories of a configuration.
pub(super) fn configured(config: &Config) -> Vec<Place> {
    let sinks = config.sinks.iter();
    sinks
        .filter_map(|sink| {
            Some(Place {
                sink: sink.name.clone(),
                directory: sink.eve.as_ref()?.directory.clone(),
            })
        })
        .collect()
}

/// Remembers the directories of a configuration; those of former ones.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn former(config: &Config) -> Result<Vec<Place>, Error> {
    let path = config.state_dir.join(FILE);
    let failed = |source| Error::Directory {
        path: path.clone(),
        source,
    };
    let mut known: Vec<Place> = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.into()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    let now = configured(config);
    let before = known.len();
    for place in &now {
        if !known.contains(place) {
            known.push(place.clone());
        }
    }
    if known.len() != before {
        write(&config.state_dir, &path, &known).map_err(failed)?;
    }
    known.retain(|place| !now.contains(place));
    for place in &known {
        tracing::info!(
            sink = place.sink,
            directory = %place.directory.display(),
            "a former directory of EVE files is looked after"
        );
    }
    Ok(known)
}

/// Whole or not at all.
fn write(state: &Path, path: &Path, places: &[Place]) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(places)?)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(state)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::Scratch;

    #[test]
    fn a_directory_that_was_written_to_is_known_until_it_is_configured_again() {
        let scratch = Scratch::new("places");
        let configured = |directories: &[&str]| {
            let mut text = String::from("sensor = \"pop1\"\n");
            for (index, directory) in directories.iter().enumerate() {
                text += &format!(
                    "[[sink]]\nname = \"siem{index}\"\nrecipient = \"operator\"\n\
                     [sink.eve]\ndirectory = \"{directory}\"\n"
                );
            }
            let config = Config::parse(Path::new("sensor.toml"), &text).expect("loads");
            let config = Config {
                state_dir: scratch.0.clone(),
                ..config
            };
            let former = former(&config).expect("writes");
            let names = former.iter().map(Place::former_name);
            names.collect::<Vec<String>>()
        };
        assert_eq!(configured(&["/a", "/b"]), [""; 0]);
        assert_eq!(configured(&["/a", "/c"]), ["siem1 in /b"]);
        assert_eq!(
            configured(&[]),
            ["siem0 in /a", "siem1 in /b", "siem1 in /c"]
        );
        assert_eq!(configured(&["/a", "/b"]), ["siem1 in /c"]);
        fs::write(scratch.0.join(FILE), "torn").expect("writes");
        assert!(
            former(&Config {
                state_dir: scratch.0.clone(),
                ..Config::default()
            })
            .is_err()
        );
    }
}
