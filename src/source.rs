//! Where bytes come from. Folders today.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use chrono::format::{Item, StrftimeItems};

use crate::error::{Error, Result};

/// A pattern of file names, in which `{date:%Y%m%d}` stands for the business date and `*` for anything.
#[derive(Clone, Debug)]
pub struct FilePattern {
    folder: PathBuf,
    pattern: String,
}

impl FilePattern {
    /// A pattern relative to `folder`.
    pub fn new(folder: &Path, pattern: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::configuration(what.to_owned())
                .column("files")
                .found(pattern)
                .next("write the date as {date:%Y%m%d}, or {date:%Y-%m-%d}")
        };
        let mut rest = pattern;
        while let Some(start) = rest.find('{') {
            let Some(end) = rest[start..].find('}') else { return Err(wrong("a `{` that is not closed")) };
            let inner = &rest[start + 1..start + end];
            let Some(layout) = inner.strip_prefix("date:") else { return Err(wrong("only the date can stand in braces")) };
            if StrftimeItems::new(layout).any(|item| item == Item::Error) {
                return Err(wrong("not a layout of a date"));
            }
            rest = &rest[start + end + 1..];
        }
        Ok(Self { folder: folder.to_path_buf(), pattern: pattern.to_owned() })
    }

    /// The pattern with the date filled in, as the job names it.
    #[must_use]
    pub fn on(&self, date: NaiveDate) -> String {
        let mut name = String::new();
        let mut rest = self.pattern.as_str();
        while let Some((before, after)) = rest.split_once("{date:") {
            let (layout, after) = after.split_once('}').expect("the pattern was checked when it was made");
            name.push_str(before);
            name.push_str(&date.format(layout).to_string());
            rest = after;
        }
        name + rest
    }

    /// The files that fit on that date, by name.
    pub fn files(&self, date: NaiveDate) -> Result<Vec<PathBuf>> {
        let folder = glob::Pattern::escape(&self.folder.to_string_lossy());
        let pattern = Path::new(&folder).join(self.on(date));
        let paths = glob::glob(&pattern.to_string_lossy())
            .map_err(|error| Error::configuration(format!("not a pattern of file names: {error}")).found(&self.pattern))?;
        let mut files = Vec::new();
        for path in paths {
            let path = path.map_err(|error| Error::io("list the folder", error.path().display(), error.error()))?;
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}
