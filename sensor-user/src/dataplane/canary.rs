//! One packet through the program of a watched interface, without touching its traffic.

use aya::{TestRun as _, programs::TestRunOptions};

use super::{DataPlane, Error};

/// `XDP_PASS` (linux/bpf.h).
const PASS: u32 = 2;

impl DataPlane {
    /// Interfaces that are attached.
    #[must_use]
    pub fn attached(&self) -> Vec<String> {
        self.attached.keys().cloned().collect()
    }

    /// Runs a frame through the live program of an interface (BPF_PROG_TEST_RUN); whether it was
    /// passed. It is counted as a packet of the interface.
    ///
    /// # Errors
    /// When the interface is not attached, or the kernel refuses.
    pub fn run_canary(&mut self, interface: &str, frame: &[u8]) -> Result<bool, Error> {
        let Some(attached) = self.attached.get_mut(interface) else {
            return Err(Error::NotAttached {
                interface: interface.into(),
            });
        };
        let variant = attached.attachment.variant;
        let program = attached.instance.program(variant)?;
        let result = program.test_run(TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::default()
        })?;
        Ok(result.return_value == PASS)
    }
}
