//! The journal on disk: one lock, segment files, space set aside.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        FallocateFlags, FlockOperation, IFlags, fallocate, flock, ioctl_getflags, ioctl_setflags,
    },
    io::{Errno, retry_on_intr},
};

use super::{Error, LONGEST_LINE, reader, scan, verify};

/// Name of the file whose lock says who writes.
const LOCK: &str = "lock";
/// Name of a segment until its space is set aside.
const DRAFT: &str = "next";

/// How large segments are, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Ordinary part of a segment; an entry that would pass it goes to a new one.
    pub segment: u64,
    /// Set aside behind it for entries that must not wait for a full disk.
    pub reserve: u64,
}

impl Sizes {
    /// What agents use. The reserve holds some 200 entries: every interface detached, every set
    /// expired, and the agent stopped and started often, before the disk is seen to.
    pub(super) const AGENT: Self = Self {
        segment: 4 << 20,
        reserve: 64 << 10,
    };
}

/// An open journal directory; the last segment takes the entries.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    sizes: Sizes,
    firsts: Vec<u64>,
    file: File,
    /// Bytes written.
    len: u64,
    /// Bytes of disk that the file is known to own.
    allocated: u64,
    failed: bool,
    /// Held as long as this lives.
    _lock: File,
}

impl Segments {
    /// Locks and proves the journal in `dir` (made if missing), cuts off an incomplete last line
    /// and sets space aside. Also gives what the walk found.
    pub(super) fn open(
        dir: &Path,
        sizes: Sizes,
        verifier: verify::Verifier,
    ) -> Result<(Self, scan::Scan), Error> {
        make_dir(dir)?;
        let lock = lock(dir)?;
        let mut scan = scan::scan(dir, verifier)?;
        let (file, len) = if let Some(first) = scan.firsts.last() {
            let path = reader::path(dir, *first);
            let file = reopen(&path, &scan).map_err(Error::io(&path))?;
            (file, scan.complete)
        } else {
            scan.firsts.push(0);
            let (file, path) = draft(dir, sizes)?;
            publish(dir, &path, 0)?;
            (file, 0)
        };
        sync_dir(dir)?;
        let mut segments = Self {
            dir: dir.to_owned(),
            sizes,
            firsts: scan.firsts.clone(),
            file,
            len,
            allocated: 0,
            failed: false,
            _lock: lock,
        };
        segments.find_space()?;
        Ok((segments, scan))
    }

    /// Writes and syncs the line of entry `index`, newline included: one write, one fdatasync.
    pub(super) fn append(&mut self, index: u64, line: &[u8], reserved: bool) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed {
                dir: self.dir.clone(),
            });
        }
        self.make_room(index, line.len() as u64, reserved)?;
        let written = self
            .file
            .write_all_at(line, self.len)
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            self.failed = true;
            return Err(Error::io(&self.path())(source));
        }
        self.len += line.len() as u64;
        Ok(())
    }

    /// First index of each segment.
    pub(super) fn firsts(&self) -> &[u64] {
        &self.firsts
    }

    /// Directory of the segments.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self) -> PathBuf {
        let first = self.firsts.last().expect("open made the first segment");
        reader::path(&self.dir, *first)
    }

    /// Sees to it that `bytes` fit without asking the file system for space, and that an ordinary
    /// entry leaves the reserve alone.
    fn make_room(&mut self, index: u64, bytes: u64, reserved: bool) -> Result<(), Error> {
        let Sizes { segment, reserve } = self.sizes;
        let end = self.len + bytes;
        if end <= segment && end + reserve <= self.allocated {
            return Ok(());
        }
        let made = if end <= segment {
            self.allocate(segment + reserve)
        } else {
            self.roll(index)
        };
        match made {
            Err(_) if reserved && !self.failed && end <= self.allocated => Ok(()),
            // A segment's worth is not to be had; perhaps this one line's is.
            Err(_) if reserved && !self.failed => self.allocate(end),
            made => made,
        }
    }

    /// Starts the segment of entry `index`.
    fn roll(&mut self, index: u64) -> Result<(), Error> {
        let (file, path) = draft(&self.dir, self.sizes)?;
        publish(&self.dir, &path, index)?;
        // From here on the old segment is not the last: if the name does not last, neither may
        // what follows.
        if let Err(error) = sync_dir(&self.dir) {
            self.failed = true;
            return Err(error);
        }
        self.firsts.push(index);
        self.file = file;
        self.len = 0;
        self.allocated = self.sizes.segment + self.sizes.reserve;
        Ok(())
    }

    /// Finds the space that was set aside, or sets it aside. On a full disk neither may be: the
    /// journal is then still read.
    fn find_space(&mut self) -> Result<(), Error> {
        let whole = self.sizes.segment + self.sizes.reserve;
        // Asking for it again is no proof: a full XFS refuses even what the file has already.
        let owned = self
            .file
            .metadata()
            .map_err(Error::io(&self.path()))?
            .blocks()
            * 512;
        if owned >= whole {
            self.allocated = whole;
            return Ok(());
        }
        match self.allocate(whole) {
            Ok(()) | Err(Error::Full { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes the file own its first `bytes`; its length stays.
    fn allocate(&mut self, bytes: u64) -> Result<(), Error> {
        let path = self.path();
        set_aside(&self.file, &path, bytes).map_err(Error::space(&self.dir, &path))?;
        self.allocated = self.allocated.max(bytes);
        Ok(())
    }
}

/// Makes the directory, closed to others, and its name durable.
fn make_dir(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .map_err(Error::space(dir, dir))?;
    match dir.parent() {
        Some(parent) if parent != Path::new("") => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Takes the lock of whoever writes; the kernel lets it go with the process.
fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(Error::space(dir, &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(Error::Locked {
            dir: dir.to_owned(),
        }),
        Err(errno) => Err(Error::io(&path)(errno.into())),
    }
}

/// Opens the last segment for writing, without its incomplete line.
fn reopen(path: &Path, scan: &scan::Scan) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if scan.torn > 0 {
        file.set_len(scan.complete)?;
    }
    // If the agent before this one stopped at a failed fsync, the kernel may hold its last line as
    // clean though the disk never got it. Writing it again makes the next fsync mean it.
    let mut tail = vec![0; (scan.complete as usize).min(LONGEST_LINE)];
    let start = scan.complete - tail.len() as u64;
    file.read_exact_at(&mut tail, start)?;
    file.write_all_at(&tail, start)?;
    file.sync_all()?;
    Ok(file)
}

/// An empty segment that owns its space, under a name that no reader takes for a segment: without
/// space it must not appear, since the one before it then goes on in its reserve.
fn draft(dir: &Path, sizes: Sizes) -> Result<(File, PathBuf), Error> {
    let path = dir.join(DRAFT);
    let made = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|file| {
            // btrfs would write each line elsewhere, not into the space set aside, unless told so
            // while the file is empty. Other file systems do not know the flag, nor need it.
            let _ = ioctl_getflags(&file)
                .and_then(|flags| ioctl_setflags(&file, flags | IFlags::NOCOW));
            set_aside(&file, &path, sizes.segment + sizes.reserve)?;
            Ok(file)
        });
    match made {
        Ok(file) => Ok((file, path)),
        Err(error) => {
            // What it took of a nearly full disk goes back; if not, the next draft reuses it.
            let _ = fs::remove_file(&path);
            Err(Error::space(dir, &path)(error))
        }
    }
}

/// Gives a draft its name.
fn publish(dir: &Path, draft: &Path, first: u64) -> Result<(), Error> {
    let path = reader::path(dir, first);
    fs::rename(draft, &path).map_err(Error::space(dir, &path))
}

/// Makes the names in a directory durable.
fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(Error::io(dir))
}

/// Makes a file own its first `bytes` where the file system can; where it cannot, entries take
/// their space as they come, and on a full disk none is written.
fn set_aside(file: &File, path: &Path, bytes: u64) -> io::Result<()> {
    match retry_on_intr(|| fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes)) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP) => {
            tracing::warn!(
                path = %path.display(),
                "the file system cannot set space aside for the journal: a full disk will stop it"
            );
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::Scratch;

    #[test]
    fn after_a_failed_write_nothing_is_taken_until_reopened() {
        let scratch = Scratch::new("segments");
        let (mut segments, _) =
            Segments::open(&scratch.0, Sizes::AGENT, verify::Verifier::new(None)).expect("open");
        let unwritable = File::open(segments.path()).expect("read only");
        let good = std::mem::replace(&mut segments.file, unwritable);
        let failed = segments.append(0, b"line\n", true);
        assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
        segments.file = good;
        for reserved in [false, true] {
            let refused = segments.append(0, b"line\n", reserved);
            assert!(matches!(refused, Err(Error::Failed { .. })), "{refused:?}");
        }
        assert_eq!(fs::metadata(segments.path()).expect("metadata").len(), 0);
        drop(segments);
        let (mut segments, _) =
            Segments::open(&scratch.0, Sizes::AGENT, verify::Verifier::new(None)).expect("reopen");
        segments.append(0, b"line\n", false).expect("append");
    }

    #[test]
    fn files_are_closed_to_others_and_own_their_space() {
        let scratch = Scratch::new("segments");
        let dir = scratch.0.join("deep/journal");
        let (segments, _) =
            Segments::open(&dir, Sizes::AGENT, verify::Verifier::new(None)).expect("open");
        let mode = |path: &Path| fs::metadata(path).expect("metadata").mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&segments.path()), 0o600);
        assert_eq!(mode(&dir.join(LOCK)), 0o600);
        let owned = segments.file.metadata().expect("metadata").blocks() * 512;
        assert!(owned >= Sizes::AGENT.segment + Sizes::AGENT.reserve);
        assert_eq!(segments.file.metadata().expect("metadata").len(), 0);
    }
}
