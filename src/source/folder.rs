//! Folders of this machine.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::pattern::Pattern;
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Result};
use crate::lake::Inbox;

/// Files in folders of this machine, by the patterns of their names.
#[derive(Debug)]
pub struct Folder {
    /// What the patterns are relative to.
    base: PathBuf,
    patterns: Vec<Pattern>,
}

impl Folder {
    /// The files that fit one of these patterns, relative to `base`.
    pub fn new(base: &Path, patterns: &[String]) -> Result<Self> {
        let pattern = |text: &String| Pattern::new(text).map_err(|error| error.column("files"));
        Ok(Self { base: base.to_path_buf(), patterns: patterns.iter().map(pattern).collect::<Result<_>>()? })
    }
}

impl Place for Folder {
    fn name(&self, asked: &Asked) -> String {
        self.patterns.iter().map(|pattern| pattern.on(asked.date)).collect::<Vec<_>>().join(" or ")
    }

    fn is_here(&self) -> bool {
        true
    }

    fn folders(&self) -> Vec<PathBuf> {
        let is_fixed = |part: &std::path::Component| !part.as_os_str().to_string_lossy().contains(['{', '*', '?', '[']);
        let folder = |pattern: &Pattern| {
            let path = Path::new(pattern.text());
            let folder = path.parent().unwrap_or(Path::new(""));
            self.base.join(folder.components().take_while(is_fixed).collect::<PathBuf>())
        };
        self.patterns.iter().map(folder).collect()
    }

    fn patterns(&self, asked: &Asked) -> Vec<PathBuf> {
        self.patterns.iter().map(|pattern| self.base.join(pattern.on(asked.date))).collect()
    }

    fn on_this_machine(&self, asked: &Asked) -> Result<Vec<PathBuf>> {
        let base = glob::Pattern::escape(&self.base.to_string_lossy());
        let mut files = Vec::new();
        for pattern in &self.patterns {
            let path = Path::new(&base).join(pattern.on(asked.date));
            let paths = glob::glob(&path.to_string_lossy())
                .map_err(|error| Error::configuration(format!("not a pattern of file names: {error}")).found(pattern.text()))?;
            for path in paths {
                let path = path.map_err(|error| Error::io("list the folder", error.path().display(), error.error()))?;
                if path.is_file() {
                    files.push(path);
                }
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    fn ready(&self, asked: &Asked, _: &Conversation) -> Result<Ready> {
        Ok(if self.on_this_machine(asked)?.is_empty() { Ready::not_yet("nothing") } else { Ready::Yes })
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let files = self.on_this_machine(asked)?;
        if files.is_empty() {
            return Ok(Answer::not_yet("nothing"));
        }
        let received = files.par_iter().with_max_len(1).map(|file| inbox.keep_file(file)).collect::<Result<Vec<_>>>()?;
        conversation.arrived(received.iter().map(|received| received.archived.bytes).sum());
        Ok(Answer::Delivered(received))
    }
}
