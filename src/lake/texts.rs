//! The texts a night depends on, its job, formats, calendars and resolutions: each kept once, as it is, under its
//! hash: `meta/texts/<sha256>.toml`.

use sha2::{Digest, Sha256};

use super::manifest::hex;
use super::{Lake, NightLock};
use crate::error::{Error, Result};

impl Lake {
    /// Keeps a text durably; gives its hash. One that is damaged is written again.
    pub fn keep_text(&self, lock: &NightLock, text: &str) -> Result<String> {
        let sha256 = hex(&Sha256::digest(text));
        let path = path(&sha256);
        if self.store.find(&path)?.as_deref() != Some(text.as_bytes()) {
            self.store.replace(&path, text.as_bytes(), lock.folder())?;
        }
        Ok(sha256)
    }

    /// A text that was kept (65 where it is gone or was changed).
    pub fn text(&self, sha256: &str) -> Result<String> {
        let path = path(sha256);
        let lost = |what: &str| {
            Error::data(format!("a text that a night depends on {what}"))
                .file(self.shown(&path))
                .next("restore the file from a backup of the lake")
        };
        let bytes = self.store.find(&path)?.ok_or_else(|| lost("is not there"))?;
        let text = String::from_utf8(bytes).map_err(|_| lost("was changed"))?;
        if hex(&Sha256::digest(&text)) == sha256 { Ok(text) } else { Err(lost("was changed")) }
    }
}

fn path(sha256: &str) -> String {
    format!("meta/texts/{sha256}.toml")
}
