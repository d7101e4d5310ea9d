//! Texts that people write, review and keep beside a job, and that commands append to: read with the line of what is wrong,
//! and changed as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use toml::Spanned;

use crate::error::{Error, Exit, Result};
use crate::format::keys::position;
use crate::mask;

/// What is in the file at `path`, which holds `what`; nothing where there is no file.
pub(super) fn text_at(path: &Path, what: &str) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::configuration(format!("cannot read the {what}: {error}"))
            .file(path.display())
            .next("name a text in UTF-8 that can be read, or one that is not there yet")),
    }
}

/// Replaces what is in the file at `path`, which holds `what`, by what `change` makes of it; it is left as it is where that
/// makes nothing. One at a time: whoever comes meanwhile is told to try again (75).
pub(super) fn change<T>(path: &Path, what: &str, change: impl FnOnce(String) -> Result<(Option<String>, T)>) -> Result<T> {
    // The file itself where the job names a link to it.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let named = real.file_name().map_or_else(Default::default, |name| name.to_string_lossy().into_owned());
    let staged = real.with_file_name(format!(".{named}.new"));
    let file = OpenOptions::new().write(true).create_new(true).open(&staged).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::new(Exit::TryAgain, format!("somebody else is writing {what}"))
            .file(staged.display())
            .next("try again; remove this file if nobody is"),
        _ => Error::io("create", staged.display(), &error),
    })?;
    let changed = text_at(&real, what).and_then(change).and_then(|(text, told)| {
        let Some(text) = text else { return Ok((false, told)) };
        replace(file, &staged, &real, &text).map(|()| (true, told))
    });
    if !matches!(changed, Ok((true, _))) {
        // Nothing has moved it, so it would stop the next one.
        let _ = fs::remove_file(&staged);
    }
    changed.map(|(_, told)| told).map_err(|error| if error.file.is_none() { error.file(path.display()) } else { error })
}

/// Writes `text` to the file `staged`, and moves that to `path`.
fn replace(mut file: File, staged: &Path, path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("write", path.display(), &error);
    if let Ok(of_file) = fs::metadata(path) {
        file.set_permissions(of_file.permissions()).map_err(failed)?;
    }
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(staged, path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Reads what a person wrote, with the line of what is wrong.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
}

impl Reader<'_> {
    pub(super) fn line<T>(&self, written: &Spanned<T>) -> u64 {
        position(self.text, written.span().start).0
    }

    /// An error about what is written there.
    pub(super) fn at<T>(&self, error: Error, written: &Spanned<T>) -> Error {
        let (line, letter) = position(self.text, written.span().start);
        error.line(line).letter(letter)
    }

    /// A value read from its text; what is wrong with one that is none, what was expected, and what to do, by `wrong`.
    pub(super) fn one<T>(
        &self,
        written: &Spanned<String>,
        column: &str,
        read: impl Fn(&str) -> Option<T>,
        wrong: impl Fn() -> (&'static str, String, &'static str),
    ) -> Result<T> {
        read(written.get_ref()).ok_or_else(|| {
            let (what, expected, next) = wrong();
            let error = self.at(Error::configuration(what), written).column(column).expected(expected);
            error.found(mask::card_numbers(written.get_ref())).next(next)
        })
    }

    /// A text that says something, and nothing that must not be published.
    pub(super) fn said(&self, written: &Spanned<String>, column: &str) -> Result<String> {
        let text = written.get_ref().trim();
        let wrong = |what: &str| self.at(Error::configuration(what), written).column(column);
        if text.is_empty() {
            return Err(wrong("it says nothing").next(format!("say the {column}: whoever reviews it has nothing else to go by")));
        }
        if mask::card_numbers(text) != text {
            return Err(wrong("it holds what may be a card number")
                .found(mask::card_numbers(text))
                .next("leave the number out: what is written here is published"));
        }
        Ok(text.to_owned())
    }
}
