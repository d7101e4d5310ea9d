//! Which format a file has, by its layout and not its name.

use std::path::Path;

use super::container::{self, decode, encode, read_up_to};
use super::header::{Fit, fits};
use super::split::Splitter;
use super::{Container, Format, Layout, Target};
use crate::error::Result;

/// Bytes looked at.
const HEAD_BYTES: usize = 64 << 10;
/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

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
    /// The account the file says it is about.
    pub account: Option<String>,
    /// Why files of this format are never read.
    pub refuse: Option<String>,
}

/// The first bytes of the text of a file of `format`, without a byte order mark.
pub(super) fn head(path: &Path, format: &Format) -> Result<Vec<u8>> {
    container::open(path, format, |opened| {
        let mut head = vec![0; HEAD_BYTES];
        let read = read_up_to(opened.text, &mut head).unwrap_or_default();
        head.truncate(read);
        if head.starts_with(MARK) {
            head.drain(..MARK.len());
        }
        Ok(head)
    })
}

/// Every format that shares anything with the file at `path`, best first: those that fit before those that nearly do.
pub fn recognise(path: &Path, formats: &[Format]) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for format in formats {
        let mut any_container = format.clone();
        any_container.file.container = vec![Container::None, Container::Gzip, Container::Zip];
        any_container.file.refuse_members.clear();
        if let Some(candidate) = head(path, &any_container).ok().and_then(|head| hold(&head, format)) {
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
    let file = &format.file;
    let candidate = |fit: Fit, fits: bool| Candidate {
        format: format.name.clone(),
        title: format.title.clone(),
        fit,
        fits,
        account: format.account.as_ref().and_then(|account| account.stated(head, format)),
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
    let (header, _) = header_of(head, format)?;
    let fit = fits(format, &header).into_iter().next()?;
    let is_fit = fit.distance(format) == 0;
    // A merchant's file shares `amount` or `status` with many; it counts only when it fits.
    let shares = fit.present * 2 >= fit.present + fit.missing.len() && fit.present > 0;
    (is_fit || (shares && format.target == Target::Entries)).then(|| candidate(fit, is_fit))
}

/// The names of the columns, and what comes after them.
pub(super) fn header_of<'h>(head: &'h [u8], format: &Format) -> Option<(Vec<String>, &'h [u8])> {
    if !format.file.fixed_width.is_empty() {
        return Some((format.file.fixed_width.iter().map(|(name, ..)| name.clone()).collect(), head));
    }
    let splitter = Splitter::of(format);
    let record = format.file.records.as_ref().map(|records| encode(&records.header, format.file.encoding));
    let mut rest = head;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(end);
        let line = line.trim_ascii_end();
        let is_comment = !splitter.comment.is_empty() && line.starts_with(&splitter.comment);
        let is_header = record.as_ref().is_none_or(|record| splitter.record(line) == record);
        if !line.is_empty() && !is_comment && is_header {
            let header = splitter.header(line);
            return Some((header.iter().map(|cell| decode(cell, format.file.encoding)).collect(), after));
        }
        rest = after;
    }
    None
}
