//! An array map in this process's memory, by the word.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering, fence},
};

use aya::maps::MapData;

/// The values of an array map made with `BPF_F_MMAPABLE` (5.5).
#[derive(Debug)]
pub struct Mapped {
    base: NonNull<AtomicU64>,
    bytes: usize,
    entries: u32,
    /// Words of a value.
    words: usize,
}

// SAFETY: the memory is reached through atomic words only.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps an array whose values are so many words.
    ///
    /// # Errors
    /// `InvalidInput` when the map holds values of another size; otherwise what the kernel says.
    pub fn new(map: &MapData, words: usize) -> io::Result<Self> {
        let info = map.info().map_err(io::Error::other)?;
        if info.value_size() as usize != words * size_of::<u64>() || words == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let bytes = info.max_entries() as usize * words * size_of::<u64>();
        // SAFETY: a new mapping somewhere; the kernel refuses a length that the map does not have.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.fd().as_fd().as_raw_fd(),
                0,
            )
        };
        let base = NonNull::new(base.cast()).filter(|_| base != libc::MAP_FAILED);
        Ok(Self {
            base: base.ok_or_else(io::Error::last_os_error)?,
            bytes,
            entries: info.max_entries(),
            words,
        })
    }

    /// Values of the map.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }

    /// The words of a value; `None` past the end.
    #[must_use]
    pub fn value(&self, index: u32) -> Option<&[AtomicU64]> {
        if index >= self.entries {
            return None;
        }
        // SAFETY: within the mapping, which lives as long as `self`; it begins on a page, and a value
        // is whole words. Others write to it, which atomic words allow.
        Some(unsafe {
            let first = self.base.as_ptr().add(index as usize * self.words);
            std::slice::from_raw_parts(first, self.words)
        })
    }

    /// Zeroes a value whose first word is `claim`: that becomes `mark` before and zero behind all others, so
    /// who finds it zero finds all of the value zero. False when it is another, or becomes another meanwhile.
    pub fn zero(&self, index: u32, claim: u64, mark: u64) -> bool {
        let Some([first, rest @ ..]) = self.value(index) else {
            return false;
        };
        let change = |from, to| {
            let changed = first.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
            changed.is_ok()
        };
        if !change(claim, mark) {
            return false;
        }
        for word in rest {
            word.store(0, Ordering::Relaxed);
        }
        fence(Ordering::Release);
        change(mark, 0)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`; nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
