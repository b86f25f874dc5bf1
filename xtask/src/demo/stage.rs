//! What the demo makes outside its own process, and the one script that takes it away again.

use std::{
    fs::{self, DirBuilder},
    io::Write as _,
    os::unix::{fs::DirBuilderExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

use super::network::Network;
use crate::process::Line;

/// A private directory and three namespaces. However this process ends (an error, Ctrl-C, SIGKILL),
/// everything goes: a shell that waits on a pipe from it then runs the script.
pub struct Stage {
    pub dir: PathBuf,
    pub network: Network,
    sweeper: Child,
}

impl Stage {
    /// Makes the directory and the bpffs in it; the network is only named.
    pub fn set() -> Result<Self> {
        let id = std::process::id();
        let dir = std::env::temp_dir().join(format!("marker-sensor-demo-{id}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("cannot make {}", dir.display()))?;
        let network = Network::named(id);
        let script = dir.join("end.sh");
        fs::write(&script, end(&dir, &network))
            .with_context(|| format!("cannot write {}", script.display()))?;
        let sweeper = Command::new("sh")
            .args(["-c", "read word; [ \"$word\" = keep ] || sh \"$1\"", "sh"])
            .arg(&script)
            .stdin(Stdio::piped())
            // Ctrl-C is for the foreground group; this one has its work to do then.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let stage = Self {
            dir,
            network,
            sweeper,
        };
        let pins = stage.path("bpf");
        fs::create_dir(&pins).with_context(|| format!("cannot make {pins}"))?;
        Line::new("mount -t bpf bpf").args([pins.as_str()]).tell()?;
        Ok(stage)
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// Leaves everything as it is.
    pub fn keep(mut self) -> Result<()> {
        let mut pipe = self.sweeper.stdin.take().context("the pipe is open")?;
        writeln!(pipe, "keep").context("cannot tell the sweeper to keep the demo")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The end of the pipe is the word to begin.
        drop(self.sweeper.stdin.take());
        if !self.sweeper.wait().is_ok_and(|status| status.success()) {
            eprintln!("demo: {} could not be taken away", self.dir.display());
        }
    }
}

/// Ends what runs in the namespaces by process id, then removes what was made. Works at any point
/// of the demo.
fn end(dir: &Path, network: &Network) -> String {
    let names = network.names().join(" ");
    let dir = dir.display();
    format!(
        "# Ends this demo and removes everything that it made.\n\
         pids() {{ for name in {names}; do ip netns pids $name 2>/dev/null; done; }}\n\
         pids | xargs -r kill 2>/dev/null\n\
         for wait in $(seq 50); do [ -z \"$(pids)\" ] && break; sleep 0.1; done\n\
         for name in {names}; do [ ! -e /run/netns/$name ] || ip netns delete $name; done\n\
         ! mountpoint -q '{dir}/bpf' || umount --lazy '{dir}/bpf'\n\
         rm -rf --one-file-system '{dir}'\n"
    )
}
