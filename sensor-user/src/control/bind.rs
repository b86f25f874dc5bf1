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
    /// Held as long as the socket: decides between two agents that start at once.
    _lock: File,
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
        _lock: lock,
    };
    if group.is_some() {
        chown(path, None, group).map_err(failed("change the group of", path))?;
    }
    listener
        .set_nonblocking(true)
        .map_err(failed("set up", path))?;
    Ok((listener, bound))
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
