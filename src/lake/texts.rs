//! The texts a night depends on, its job, formats, calendars and resolutions: each kept once, as it is, under its
//! hash: `meta/texts/<sha256>.toml`.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::manifest::hex;
use super::{Lake, NightLock, durable};
use crate::error::{Error, Result};

impl Lake {
    /// Keeps a text durably; gives its hash. One that is damaged is written again.
    pub fn keep_text(&self, lock: &NightLock, text: &str) -> Result<String> {
        let sha256 = hex(&Sha256::digest(text));
        let path = self.text_path(&sha256);
        if fs::read(&path).is_ok_and(|kept| kept == text.as_bytes()) {
            return Ok(sha256);
        }
        let staged = lock.folder().join(format!("{sha256}.toml"));
        durable::write_new(&staged, text.as_bytes())?;
        durable::rename(&staged, &path)?;
        durable::settle(&self.root, [path.as_path()])?;
        Ok(sha256)
    }

    /// A text that was kept (65 where it is gone or was changed).
    pub fn text(&self, sha256: &str) -> Result<String> {
        let path = self.text_path(sha256);
        let lost = |what: &str| {
            Error::data(format!("a text that a night depends on {what}"))
                .file(path.display())
                .next("restore the file from a backup of the lake")
        };
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => lost("is not there"),
            ErrorKind::InvalidData => lost("was changed"),
            _ => durable::failed("read", &path, &error),
        })?;
        if hex(&Sha256::digest(&text)) == sha256 { Ok(text) } else { Err(lost("was changed")) }
    }

    fn text_path(&self, sha256: &str) -> PathBuf {
        self.root.join(format!("meta/texts/{sha256}.toml"))
    }
}
