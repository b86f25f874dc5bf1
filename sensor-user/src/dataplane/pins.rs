//! Where links and maps are kept while no agent runs: `<bpffs>/<layout version>/`.

mod shapes;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aya::maps::MapInfo;
use sensor_common::{LAYOUT_VERSION, map};

use super::{Error, Sizes};

/// The pins of one sensor in one layout version.
#[derive(Debug)]
pub(super) struct Pins {
    bpffs: PathBuf,
    version: u32,
    root: PathBuf,
}

impl Pins {
    fn of(bpffs: &Path, version: u32) -> Self {
        Self {
            bpffs: bpffs.into(),
            version,
            root: bpffs.join(version.to_string()),
        }
    }

    /// Makes the directories of this build's layout version. Pins of another one stand in another
    /// directory, which is left alone here: see [`Pins::others`].
    pub(super) fn open(bpffs: &Path) -> Result<Self, Error> {
        let pins = Self::of(bpffs, LAYOUT_VERSION);
        // Asked before anything is made: on another file system nothing is left behind.
        let existing = bpffs.ancestors().find(|path| path.exists());
        if !is_bpffs(existing.unwrap_or(bpffs))? {
            return Err(Error::NotBpffs { path: bpffs.into() });
        }
        for directory in [pins.shared(), pins.links()] {
            fs::create_dir_all(&directory).map_err(|source| pin_error(&directory, source))?;
        }
        Ok(pins)
    }

    /// The pins that other layout versions have left, by version. What is called otherwise than a
    /// version is not ours.
    pub(super) fn others(&self) -> Result<Vec<Self>, Error> {
        let failed = |source| pin_error(&self.bpffs, source);
        let mut versions = Vec::new();
        for entry in fs::read_dir(&self.bpffs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let version = version_of(&entry.file_name().to_string_lossy());
            let is_directory = entry.file_type().map_err(failed)?.is_dir();
            versions.extend(version.filter(|version| is_directory && *version != self.version));
        }
        versions.sort_unstable();
        let pins = versions.into_iter();
        Ok(pins.map(|version| Self::of(&self.bpffs, version)).collect())
    }

    /// The layout version.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn shared(&self) -> PathBuf {
        self.root.join("shared")
    }

    fn links(&self) -> PathBuf {
        self.root.join("links")
    }

    pub(super) fn link(&self, interface: &str) -> PathBuf {
        // bpffs refuses dots in names; VLAN devices are called `eth0.100`.
        self.links().join(interface.replace('.', ":"))
    }

    pub(super) fn generation(&self, generation: u32) -> PathBuf {
        self.root.join(format!("generation-{generation}"))
    }

    /// The highest number of a generation that has pins; 0 for none.
    pub(super) fn last_generation(&self) -> Result<u32, Error> {
        let entries = fs::read_dir(&self.root).map_err(|source| pin_error(&self.root, source))?;
        let mut last = 0;
        for entry in entries {
            let name = entry
                .map_err(|source| pin_error(&self.root, source))?
                .file_name();
            let number = name.to_string_lossy();
            let number = number
                .strip_prefix("generation-")
                .and_then(|n| n.parse().ok());
            last = last.max(number.unwrap_or_default());
        }
        Ok(last)
    }

    /// Makes the directory of a generation, empty.
    pub(super) fn begin(&self, generation: u32) -> Result<PathBuf, Error> {
        let directory = self.generation(generation);
        remove(&directory)?;
        fs::create_dir(&directory).map_err(|source| pin_error(&directory, source))?;
        Ok(directory)
    }

    /// Removes the pins of every generation but `keep`: the programs that still run hold their
    /// maps themselves.
    pub(super) fn end_others(&self, keep: Option<u32>) -> Result<(), Error> {
        let keep = keep.map(|generation| self.generation(generation));
        let entries = fs::read_dir(&self.root).map_err(|source| pin_error(&self.root, source))?;
        for entry in entries {
            let path = entry
                .map_err(|source| pin_error(&self.root, source))?
                .path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("generation-") && Some(&path) != keep.as_ref() {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Checks that the shared maps left by a former agent are those that this build would create
    /// under this configuration: all of them or none. A set that a start left unfinished is
    /// removed; nothing was attached to it.
    pub(super) fn check_shared(&self, sizes: Sizes) -> Result<(), Error> {
        let shared = self.shared();
        let missing = map::SHARED
            .iter()
            .filter(|name| !shared.join(name).exists());
        let missing: Vec<&str> = missing.copied().collect();
        if missing.is_empty() {
            return shapes::of(sizes).iter().try_for_each(|shape| {
                let path = shared.join(shape.name);
                let info = MapInfo::from_pin(&path)
                    .map_err(|error| pin_error(&path, io::Error::other(error.to_string())))?;
                match shape.difference(&info) {
                    None => Ok(()),
                    Some((found, expected)) => Err(Error::PinMismatch {
                        path,
                        found,
                        expected,
                        root: self.root.clone(),
                    }),
                }
            });
        }
        if !self.linked()?.is_empty() {
            // Programs run with the maps that are missing here: new ones beside the old would be
            // counted and drained as if they were theirs.
            return Err(Error::PinsIncomplete {
                path: shared,
                missing: missing.join(", "),
                root: self.root.clone(),
            });
        }
        if missing.len() < map::SHARED.len() {
            tracing::info!(path = %shared.display(), "maps of a start that did not finish are removed");
            remove(&shared)?;
            fs::create_dir(&shared).map_err(|source| pin_error(&shared, source))?;
        }
        Ok(())
    }

    /// Whether the shared maps of a former agent are there.
    pub(super) fn has_shared(&self) -> bool {
        let shared = self.shared();
        map::SHARED.iter().all(|name| shared.join(name).exists())
    }

    /// Removes every pin of this layout version, links first.
    pub(super) fn remove_all(&self) -> Result<(), Error> {
        remove(&self.links())?;
        remove(&self.root)
    }

    /// Interfaces that have a pinned link, by name.
    pub(super) fn linked(&self) -> Result<Vec<String>, Error> {
        let links = self.links();
        let entries = match fs::read_dir(&links) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(pin_error(&links, source)),
        };
        entries
            .map(|entry| {
                let name = entry
                    .map_err(|source| pin_error(&links, source))?
                    .file_name();
                Ok(name.to_string_lossy().replace(':', "."))
            })
            .collect()
    }

    /// Removes the pin of a link: the kernel detaches the program.
    pub(super) fn remove_link(&self, interface: &str) -> Result<(), Error> {
        let path = self.link(interface);
        fs::remove_file(&path).map_err(|source| pin_error(&path, source))
    }
}

/// A directory's name, when it is that of a layout version.
fn version_of(name: &str) -> Option<u32> {
    let version: u32 = name.parse().ok()?;
    (version.to_string() == name).then_some(version)
}

/// Removes a directory and all that is in it; one that is not there is no failure.
fn remove(directory: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(pin_error(directory, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| pin_error(directory, source))?;
        let path = entry.path();
        // Not followed: a symbolic link is a file here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&path)?;
        } else {
            fs::remove_file(&path).map_err(|source| pin_error(&path, source))?;
        }
    }
    fs::remove_dir(directory).map_err(|source| pin_error(directory, source))
}

fn is_bpffs(path: &Path) -> Result<bool, Error> {
    /// `BPF_FS_MAGIC` of linux/magic.h.
    const BPF_FS_MAGIC: i64 = 0xcafe_4a11;
    let stat = rustix::fs::statfs(path).map_err(|error| pin_error(path, error.into()))?;
    #[expect(
        clippy::useless_conversion,
        reason = "the type of the magic number differs between architectures"
    )]
    Ok(i64::from(stat.f_type) == BPF_FS_MAGIC)
}

pub(super) fn pin_error(path: &Path, source: io::Error) -> Error {
    Error::Pin {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_are_taken_for_layouts() {
        assert_eq!(version_of("1"), Some(1));
        assert_eq!(version_of("4294967295"), Some(u32::MAX));
        for name in ["", "01", "+1", "-1", "1.0", "4294967296", "links", "1 "] {
            assert_eq!(version_of(name), None, "{name}");
        }
    }
}
