//! Where a large body waits: a file without a name, so that nothing is left of it whatever happens.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::Error;
use crate::{
    crypto::{hex, random},
    model::Spool,
};

/// A file that is being filled.
pub(super) struct File {
    /// Absent while a thread writes it.
    file: Option<fs::File>,
    length: u64,
}

impl File {
    /// Makes an empty one in a directory; only its owner may open it while it has a name.
    pub(super) async fn create(directory: PathBuf) -> Result<Self, Error> {
        let file = off(move || {
            let unique = random::<8>().map_err(|error| error.to_string())?;
            let path = directory.join(format!(".spool-{}", hex(&unique)));
            let file = fs::File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(file)
        })
        .await?;
        Ok(Self {
            file: Some(file),
            length: 0,
        })
    }

    /// Writes the next bytes.
    pub(super) async fn append(&mut self, data: Bytes) -> Result<(), Error> {
        let Some(mut file) = self.file.take() else {
            return Err(Error::Internal("the upload was broken off before".into()));
        };
        self.length += data.len() as u64;
        let written = off(move || {
            let written = file.write_all(&data);
            written.map_err(|error| error.to_string()).map(|()| file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    /// The body; it needs no fsync, because nobody looks for it after a crash.
    pub(super) fn finish(self) -> Result<Spool, Error> {
        let file = self.file;
        file.map(|file| Spool::new(file, self.length))
            .ok_or_else(|| Error::Internal("the upload was broken off before".into()))
    }
}

/// Does file work on a thread that may block.
async fn off<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Error> {
    let done = spawn_blocking(work).await;
    let done = done.map_err(|_| Error::Internal("the thread of an upload died".into()))?;
    done.map_err(|reason| {
        Error::Unavailable(format!(
            "the upload cannot be kept ({reason}); check the disk of the state directory"
        ))
    })
}
