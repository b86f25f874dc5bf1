//! Captures taken with tcpdump while traffic flows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use crate::{
    command::{self, wait_until},
    netns::Netns,
};

/// Length of the header of a pcap file: it is written when packets are being captured.
const HEADER: u64 = 24;

/// A running tcpdump; killed when the value is dropped.
#[derive(Debug)]
pub struct Tcpdump {
    child: Child,
    file: PathBuf,
}

impl Tcpdump {
    /// Captures on an interface (or on `any`, with the link type named) into a file, and returns
    /// when it does.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    #[must_use]
    pub fn start(netns: &Netns, interface: &str, link_type: Option<&str>, file: &Path) -> Self {
        let path = file.to_str().expect("a path in UTF-8");
        let mut words = vec!["tcpdump", "-n", "-U", "-Z", "root", "-i", interface];
        words.extend(link_type.iter().flat_map(|name| ["-y", name]));
        words.extend(["-w", path]);
        let child = command::command(&netns.wrap(&words))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter starts");
        let capture = Self {
            child,
            file: file.to_owned(),
        };
        let size = || fs::metadata(file).map_or(0, |file| file.len());
        assert!(
            wait_until(Duration::from_secs(10), || size() >= HEADER),
            "tcpdump does not capture on {interface}"
        );
        capture
    }

    /// Ends it and returns the file, which is whole.
    ///
    /// # Panics
    /// When it does not end well.
    #[must_use]
    pub fn stop(mut self) -> PathBuf {
        // What was captured last is handed over a block at a time.
        std::thread::sleep(Duration::from_millis(1500));
        command::run(&["kill", "-INT", &self.child.id().to_string()]);
        let status = self.child.wait().expect("the child is ours");
        assert!(status.success(), "tcpdump: {status}");
        self.file.clone()
    }
}

impl Drop for Tcpdump {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
