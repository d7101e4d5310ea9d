//! Which format a file has, by its layout and not its name.

use std::path::Path;

use super::container::{self, decode, encode, read_up_to};
use super::plan::{Fit, fits};
use super::split::Splitter;
use super::{Container, Format, Layout, Target};
use crate::error::Result;

/// Bytes looked at.
const HEAD_BYTES: usize = 64 << 10;

/// A format held against a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The format.
    pub format: String,
    /// What it describes.
    pub title: String,
    /// Its nearest layout, and the difference.
    pub fit: Fit,
    /// Whether the file has this format.
    pub fits: bool,
    /// Why files of this format are never read.
    pub refuse: Option<String>,
}

/// Every format that shares anything with the file at `path`, best first: those that fit before those that nearly do.
pub fn recognise(path: &Path, formats: &[Format]) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for format in formats {
        let mut any_container = format.clone();
        any_container.file.container = vec![Container::None, Container::Gzip, Container::Zip];
        any_container.file.refuse_members.clear();
        let head = container::open(path, &any_container, |opened| {
            let mut head = vec![0; HEAD_BYTES];
            let read = read_up_to(opened.text, &mut head).unwrap_or_default();
            head.truncate(read);
            Ok(head)
        });
        if let Some(candidate) = head.ok().and_then(|head| hold(&head, format)) {
            candidates.push(candidate);
        }
    }
    candidates.sort_by_key(|candidate| {
        let fit = &candidate.fit;
        (!candidate.fits, fit.missing.len() + fit.added.len(), usize::MAX - fit.present, candidate.format.clone())
    });
    Ok(candidates)
}

/// The file's header held against one format; `None` where they share nothing.
fn hold(head: &[u8], format: &Format) -> Option<Candidate> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let file = &format.file;
    let candidate = |fit: Fit, fits: bool| Candidate {
        format: format.name.clone(),
        title: format.title.clone(),
        fit,
        fits,
        refuse: format.refuse.clone(),
    };
    if format.refuse.is_some() {
        let begins = file.begins.as_deref().is_some_and(|begins| head.starts_with(&encode(begins, file.encoding)));
        let fit = Fit { layout: "any".to_owned(), missing: Vec::new(), added: Vec::new(), present: usize::MAX };
        return begins.then(|| candidate(fit, true));
    }
    if let Some(decoder) = file.decoder {
        let Layout { name: layout, .. } = decoder.layout();
        let fit = Fit { layout, missing: Vec::new(), added: Vec::new(), present: usize::MAX };
        return decoder.knows(head).then(|| candidate(fit, true));
    }
    if !file.fixed_width.is_empty() {
        let line = head.split(|&byte| byte == b'\n').next().map(<[u8]>::trim_ascii_start).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let fit = Fit {
            layout: format.layout[0].name.clone(),
            missing: Vec::new(),
            added: Vec::new(),
            present: file.fixed_width.len(),
        };
        return (Some(line.len()) == file.row_bytes).then(|| candidate(fit, true));
    }
    let record = file.records.as_ref().map(|records| encode(&records.header, file.encoding));
    let comment = file.comment.as_deref().map(|comment| encode(comment, file.encoding));
    let splitter = Splitter {
        delimiter: u8::try_from(file.delimiter).ok()?,
        quote: file.quote.and_then(|quote| u8::try_from(quote).ok()),
        prefix: file.value_prefix.and_then(|prefix| u8::try_from(prefix).ok()),
        ..Splitter::default()
    };
    let line = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).find(|line| {
        !line.is_empty()
            && !comment.as_ref().is_some_and(|comment| line.starts_with(comment))
            && record.as_ref().is_none_or(|record| splitter.record(line) == record)
    })?;
    let header: Vec<String> = splitter.header(line).iter().map(|cell| decode(cell, file.encoding)).collect();
    let fit = fits(format, &header).into_iter().next()?;
    let is_fit = fit.distance(format) == 0;
    // A merchant's file shares `amount` or `status` with many; it counts only when it fits.
    let shares = fit.present * 2 >= fit.present + fit.missing.len() && fit.present > 0;
    (is_fit || (shares && format.target == Target::Entries)).then(|| candidate(fit, is_fit))
}
