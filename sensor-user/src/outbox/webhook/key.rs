//! The key that batches are signed with.

use std::{fmt, fs, path::Path};

use jiff::Timestamp;

use crate::{
    crypto::{Zeroizing, hex, hmac_sha256},
    outbox::Reason,
};

/// As many characters as 16 random bytes in hexadecimal have.
const SHORTEST: usize = 32;

/// The bytes of the file, without a line feed behind them: what `openssl rand -hex 32` wrote is used
/// as the text that it is, as receivers use it.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub fn read(path: &Path) -> Result<Self, Reason> {
        let refused = |text: String| Reason {
            code: "hmac_key".into(),
            text: format!("{}: {text}", path.display()),
        };
        let mut bytes = Zeroizing::new(fs::read(path).map_err(|error| refused(error.to_string()))?);
        if bytes.ends_with(b"\n") {
            bytes.pop();
        }
        if bytes.len() < SHORTEST {
            let text = format!(
                "a key has at least {SHORTEST} characters: make one with `openssl rand -hex 32`"
            );
            return Err(refused(text));
        }
        Ok(Self(bytes))
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA-256 of the seconds, a full stop and the body. The time is signed,
    /// so that a receiver can refuse what is replayed later.
    pub fn sign(&self, now: Timestamp, body: &[u8]) -> String {
        let time = now.as_second().to_string();
        let digest = hmac_sha256(&self.0, &[time.as_bytes(), b".", body]);
        format!("t={time},v1={}", hex(&digest))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_enough_and_is_never_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        assert_eq!(Key::read(&path).expect_err("no file").code, "hmac_key");
        fs::write(&path, "k".repeat(31) + "\n").expect("a writable directory");
        assert!(Key::read(&path).is_err());
        fs::write(&path, "k".repeat(32) + "\n").expect("a writable directory");
        let key = Key::read(&path).expect("long enough");
        assert_eq!(key.0.len(), 32, "the line feed is not part of it");
        assert!(!format!("{key:?}").contains('k'));
    }
}
