//! Binding the control socket: one agent a path, no file but a dead socket is ever removed.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{FlockOperation, Mode, flock},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
    process::umask,
};

use super::accounts::Accounts;
use crate::config::Account;

/// What the mode of the socket file must not have: it is 0660.
const UMASK: Mode = Mode::from_raw_mode(0o117);

/// Why the socket cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent has it.
    #[error("another sensord is already listening on {}", .0.display())]
    Listening(PathBuf),
    /// Something else is there.
    #[error("{} exists and is not a socket; move it away or set control.socket to another path", .0.display())]
    NotASocket(PathBuf),
    /// The configured group is unknown.
    #[error("group {0:?} of control.group is not in /etc/group; create it or name another")]
    Group(Account),
    /// The kernel refuses a step.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The step.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The file of a bound socket with its lock; dropping it removes the file.
pub(super) struct Bound {
    path: PathBuf,
    /// Device and inode of the socket file: another one at the path is not ours to remove.
    file: (u64, u64),
    group: Option<u32>,
    /// Held as long as the socket: decides between two agents that start at once.
    lock: Arc<File>,
}

/// Binds and listens, with mode 0660; the listener does not block.
pub(super) fn bind(path: &Path, group: Option<&Account>) -> Result<(UnixListener, Bound), Error> {
    let group = group
        .map(|account| {
            let gid = Accounts::of_host().gid(account);
            gid.ok_or_else(|| Error::Group(account.clone()))
        })
        .transpose()?;
    make_parent(path)?;
    let lock = lock(path)?;
    clear_the_way(path)?;
    let before = umask(UMASK);
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener.map_err(failed("bind the socket", path))?;
    // From here on dropping `bound` removes the file.
    let bound = Bound {
        path: path.to_owned(),
        file: identity(path).map_err(failed("look at", path))?,
        group,
        lock: Arc::new(lock),
    };
    ready(listener, bound)
}

/// Gives the file its group.
fn ready(listener: UnixListener, bound: Bound) -> Result<(UnixListener, Bound), Error> {
    let path = &bound.path;
    if bound.group.is_some() {
        chown(path, None, bound.group).map_err(failed("change the group of", path))?;
    }
    listener
        .set_nonblocking(true)
        .map_err(failed("set up", path))?;
    Ok((listener, bound))
}

impl Bound {
    /// What the file is to be like from now on.
    pub fn guard(&self) -> Result<Guard, Error> {
        let path = &self.path;
        let file = fs::symlink_metadata(path).map_err(failed("look at", path))?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        let directory = fs::metadata(parent).map_err(failed("look at", parent))?;
        Ok(Guard {
            path: path.clone(),
            file: self.file,
            gid: file.gid(),
            passing: directory.mode() & PASSING,
            group: self.group,
            lock: Arc::clone(&self.lock),
        })
    }
}

/// What lets others than the owner through a directory.
const PASSING: u32 = 0o011;
/// Mode of a socket file.
const MODE: u32 = 0o660;

/// What became of a socket's file while the socket was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is gone.
    Missing,
    /// Another file is there.
    Replaced,
    /// Owner or group may not connect any more.
    Mode,
    /// It has another group.
    Group,
    /// Its directory lets nobody through any more.
    Directory,
}

impl Trouble {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Replaced => "replaced",
            Self::Mode => "mode",
            Self::Group => "group",
            Self::Directory => "directory",
        }
    }
}

/// Looks after the file of a socket that is served.
pub struct Guard {
    path: PathBuf,
    file: (u64, u64),
    gid: u32,
    /// Of its directory, when it was bound.
    passing: u32,
    group: Option<u32>,
    lock: Arc<File>,
}

impl Guard {
    /// What keeps clients away that could connect when it was bound.
    #[must_use]
    pub fn look(&self) -> Option<Trouble> {
        let Ok(file) = fs::symlink_metadata(&self.path) else {
            return Some(Trouble::Missing);
        };
        if (file.dev(), file.ino()) != self.file {
            return Some(Trouble::Replaced);
        }
        if file.mode() & MODE != MODE {
            return Some(Trouble::Mode);
        }
        if file.gid() != self.gid {
            return Some(Trouble::Group);
        }
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let passing = fs::metadata(parent).map_or(0, |directory| directory.mode());
        (self.passing & !passing != 0).then_some(Trouble::Directory)
    }

    /// Puts the file right; a socket that was bound anew where it had to be. The directory is not the
    /// agent's.
    pub(super) fn mend(
        &mut self,
        trouble: Trouble,
    ) -> Result<Option<(UnixListener, Bound)>, Error> {
        let path = &self.path;
        match trouble {
            Trouble::Missing | Trouble::Replaced => {}
            Trouble::Mode => {
                let mode = Permissions::from_mode(MODE);
                fs::set_permissions(path, mode).map_err(failed("change the mode of", path))?;
                return Ok(None);
            }
            Trouble::Group => {
                chown(path, None, Some(self.gid)).map_err(failed("change the group of", path))?;
                return Ok(None);
            }
            Trouble::Directory => return Ok(None),
        }
        make_parent(path)?;
        clear_the_way(path)?;
        // The umask is the whole process's, and other threads make files by now. Whoever may not write to
        // the file does not get in before its mode is set.
        let listener = UnixListener::bind(path).map_err(failed("bind the socket", path))?;
        let bound = Bound {
            path: path.clone(),
            file: identity(path).map_err(failed("look at", path))?,
            group: self.group,
            lock: Arc::clone(&self.lock),
        };
        let mode = Permissions::from_mode(MODE);
        fs::set_permissions(path, mode).map_err(failed("change the mode of", path))?;
        let ready = ready(listener, bound)?;
        *self = ready.1.guard()?;
        Ok(Some(ready))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // Nothing to do about a failure: the next agent finds a dead socket and removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        doing,
        path,
        source,
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Makes the socket's directory where it is missing, whatever the umask: clients must get through.
fn make_parent(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent().filter(|parent| !parent.exists()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)
        .and_then(|()| fs::set_permissions(parent, Permissions::from_mode(0o755)))
        .map_err(failed("create the socket's directory", parent))
}

/// Takes the lock file beside the socket.
fn lock(path: &Path) -> Result<File, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(failed("open the lock file", &lock_path))?;
    match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(Error::Listening(path.to_owned())),
        Err(errno) => Err(failed("lock", &lock_path)(errno.into())),
    }
}

/// Removes a socket that nobody listens on; refuses everything else.
fn clear_the_way(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(Error::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match probe(path) {
        // A full backlog (EAGAIN) has a listener as well.
        Ok(()) | Err(Errno::AGAIN) => Err(Error::Listening(path.to_owned())),
        Err(Errno::CONNREFUSED) => {
            fs::remove_file(path).map_err(failed("remove the dead socket", path))
        }
        // Of another type (datagram): no agent of ours made it.
        Err(Errno::PROTOTYPE) => Err(Error::NotASocket(path.to_owned())),
        Err(errno) => Err(failed("connect to", path)(errno.into())),
    }
}

/// Connects without ever waiting.
fn probe(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::db::tests::Scratch;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o777
    }

    #[test]
    fn a_socket_that_nobody_reaches_is_put_right() {
        let scratch = Scratch::new("guard");
        let path = scratch.0.join("run").join("o.sock");
        let (_first, bound) = bind(&path, None).expect("bound");
        let mut guard = bound.guard().expect("there");
        assert_eq!(guard.look(), None);
        let closed = |path: &Path| {
            fs::set_permissions(path, Permissions::from_mode(0o000)).expect("ours");
        };
        closed(&path);
        assert_eq!(guard.look(), Some(Trouble::Mode));
        assert!(guard.mend(Trouble::Mode).expect("mended").is_none());
        assert_eq!((guard.look(), mode(&path)), (None, 0o660));
        if rustix::process::geteuid().is_root() {
            chown(&path, None, Some(12_345)).expect("root may");
            assert_eq!(guard.look(), Some(Trouble::Group));
            assert!(guard.mend(Trouble::Group).expect("mended").is_none());
            assert_eq!(guard.look(), None);
        }
        closed(path.parent().expect("one"));
        assert!(matches!(
            guard.look(),
            Some(Trouble::Directory | Trouble::Missing)
        ));
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(path.parent().expect("one"), open).expect("ours");
        // Gone, then something else in its place. Served sockets keep their files' numbers taken.
        let mut served = Vec::new();
        for replaced in [false, true] {
            fs::remove_file(&path).expect("ours");
            let trouble = if replaced {
                Trouble::Replaced
            } else {
                Trouble::Missing
            };
            if replaced {
                drop(UnixListener::bind(&path).expect("bound"));
            }
            assert_eq!(guard.look(), Some(trouble));
            let (listener, again) = guard.mend(trouble).expect("mended").expect("anew");
            assert_eq!((guard.look(), mode(&path)), (None, 0o660));
            listener.set_nonblocking(false).expect("set");
            let _client = UnixStream::connect(&path).expect("it is served again");
            listener.accept().expect("a client");
            served.push(listener);
            // Dropping the former one, too, leaves the present one where it is.
            std::mem::forget(again);
        }
        drop(bound);
        assert_eq!(guard.look(), None);
        fs::remove_file(&path).expect("ours");
        fs::write(&path, "a file").expect("written");
        assert!(matches!(
            guard.mend(Trouble::Replaced),
            Err(Error::NotASocket(_))
        ));
    }
}
