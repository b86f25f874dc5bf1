//! The source tree: where it is and which files belong to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::process::Line;

/// The directory of the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    // Cargo sets the variable when it runs xtask; the compiled-in path would be stale in a tree
    // that was moved with its target directory.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), Path::to_owned)
}

/// One file of the tree.
pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    pub bytes: Vec<u8>,
}

impl File {
    /// The content where it is text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
    }
}

/// Every file that git tracks or would add; without git (an unpacked archive) every file outside
/// `target`.
pub fn files(root: &Path) -> Result<Vec<File>> {
    let mut paths = match listed_by_git(root) {
        Some(paths) => paths,
        None => {
            let mut paths = Vec::new();
            walk(root, root, &mut paths).with_context(|| format!("{}", root.display()))?;
            paths
        }
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        match fs::read(root.join(&path)) {
            Ok(bytes) => files.push(File { path, bytes }),
            // Deleted but not yet staged, or a link to a directory.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::IsADirectory
                ) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        }
    }
    Ok(files)
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    // A checkout that belongs to another user (a container's bind mount) is still ours to read.
    let listing =
        Line::new("git -c safe.directory=* ls-files -z --cached --others --exclude-standard")
            .dir(root.to_owned())
            .ask()?;
    Some(
        listing
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

fn walk(root: &Path, dir: &Path, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if name != "target" && name != ".git" {
                walk(root, &entry.path(), paths)?;
            }
        } else if let Ok(path) = entry.path().strip_prefix(root) {
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_finds_what_git_tracks() {
        let root = root();
        let mut walked = Vec::new();
        walk(&root, &root, &mut walked).unwrap();
        assert!(walked.iter().any(|path| path == "xtask/src/tree.rs"));
        assert!(!walked.iter().any(|path| path.starts_with("target/")));
        let files = files(&root).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tree.rs"));
    }
}
