//! Where links and maps are kept while no agent runs: `<bpffs>/<layout version>/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aya::maps::MapInfo;
use sensor_common::{LAYOUT_VERSION, map};

use super::{Error, Sizes};

/// The pins of one sensor.
#[derive(Debug)]
pub(super) struct Pins {
    root: PathBuf,
}

impl Pins {
    /// Makes the directories. Pins of another layout version are left alone: theirs is another
    /// directory.
    pub(super) fn open(bpffs: &Path) -> Result<Self, Error> {
        let root = bpffs.join(LAYOUT_VERSION.to_string());
        let pins = Self { root };
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

    /// Checks that the shared maps left by a former agent are those this configuration asks for.
    pub(super) fn check_shared(&self, sizes: Sizes) -> Result<(), Error> {
        let wanted = [
            (map::FLOWS[0], sizes.flow_entries),
            (map::FLOWS[1], sizes.flow_entries),
            (map::RECORDS, sizes.ring_bytes),
        ];
        for (name, expected) in wanted {
            let path = self.shared().join(name);
            if !path.exists() {
                continue;
            }
            let info = MapInfo::from_pin(&path)
                .map_err(|error| pin_error(&path, io::Error::other(error.to_string())))?;
            if info.max_entries() != expected {
                return Err(Error::PinMismatch {
                    path,
                    found: format!("{} entries", info.max_entries()),
                    expected: format!("{expected}"),
                });
            }
        }
        Ok(())
    }

    /// Whether the shared maps of a former agent are there.
    pub(super) fn has_shared(&self) -> bool {
        self.shared().join(map::RECORDS).exists()
    }

    /// Removes every pin of this layout version.
    pub(super) fn remove_all(&self) -> Result<(), Error> {
        self.end_others(None)?;
        for directory in [self.links(), self.shared(), self.root.clone()] {
            remove(&directory)?;
        }
        Ok(())
    }

    /// Interfaces that have a pinned link, by name.
    pub(super) fn linked(&self) -> Result<Vec<String>, Error> {
        let links = self.links();
        let entries = fs::read_dir(&links).map_err(|source| pin_error(&links, source))?;
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

fn remove(directory: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(pin_error(directory, source)),
    };
    for entry in entries {
        let path = entry.map_err(|source| pin_error(directory, source))?.path();
        fs::remove_file(&path).map_err(|source| pin_error(&path, source))?;
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
