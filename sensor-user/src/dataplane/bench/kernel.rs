//! Programs and maps that others loaded, by what the kernel says of them.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::{
    maps::loaded_maps,
    programs::{ProgramFd, loaded_programs},
};

use crate::dataplane::Error;

/// A program that is in the kernel already.
pub struct Foreign {
    fd: ProgramFd,
}

impl Foreign {
    /// By its kernel id; `None` when there is none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(id: u32) -> Result<Option<Self>, Error> {
        for info in loaded_programs() {
            let info = info?;
            if info.id() == id {
                return Ok(Some(Self { fd: info.fd()? }));
            }
        }
        Ok(None)
    }

    pub(super) const fn program_fd(&self) -> &ProgramFd {
        &self.fd
    }
}

/// A map in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapUse {
    /// Kernel id.
    pub id: u32,
    /// Name, of which the kernel keeps 15 bytes.
    pub name: String,
    /// Bytes it occupies, by the kernel's own account (exact from 6.4 on).
    pub bytes: u64,
}

/// Every map of the system. Maps that go away meanwhile are left out.
#[must_use]
pub fn map_use() -> Vec<MapUse> {
    let one = |info: aya::maps::MapInfo| {
        let fd = info.fd().ok()?;
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        let text = fs::read_to_string(path).ok()?;
        let bytes = text.lines().find_map(|line| line.strip_prefix("memlock:"));
        Some(MapUse {
            id: info.id(),
            name: info.name_as_str().unwrap_or_default().to_owned(),
            bytes: bytes?.trim().parse().ok()?,
        })
    };
    loaded_maps().filter_map(|info| one(info.ok()?)).collect()
}
