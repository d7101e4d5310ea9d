//! Text and words out of cells.

use std::borrow::Cow;

use super::batch::{Batch, Span};
use super::{Refusal, refuse};
use crate::format::plan::TextFill;
use crate::format::{Case, Encoding, Otherwise};

impl TextFill {
    /// Whether a cell becomes itself, where it is not one of the empty ones.
    pub(super) fn copies(&self) -> bool {
        self.map.is_empty() && self.case.is_none() && self.otherwise == Otherwise::Keep && self.default.is_none()
    }

    /// The first cell of a row that holds something.
    #[inline]
    pub(super) fn stated(&self, batch: &Batch, row: u32) -> Option<Span> {
        if let ([only], []) = (&self.cells[..], &self.empty[..]) {
            return Some(batch.span(row, *only)).filter(|span| span.length > 0);
        }
        let spans = self.cells.iter().map(|&cell| batch.span(row, cell)).filter(|span| span.length > 0);
        { spans }.find(|&span| !self.empty.iter().any(|empty| empty == batch.at(span)))
    }

    /// The first value the cells of a row give, or the default.
    pub(super) fn value<'a>(&'a self, batch: &'a Batch, row: u32, encoding: Encoding) -> Result<Option<Cow<'a, str>>, Refusal> {
        for &source in &self.cells {
            let cell = batch.cell(row, source);
            if cell.is_empty() || self.empty.iter().any(|empty| empty == cell) {
                continue;
            }
            if let Some(value) = self.mapped(cell, source, encoding)? {
                return Ok(Some(value));
            }
        }
        Ok(self.default.as_deref().map(Cow::Borrowed))
    }

    fn mapped<'a>(&'a self, cell: &'a [u8], source: usize, encoding: Encoding) -> Result<Option<Cow<'a, str>>, Refusal> {
        let cased = match self.case {
            None => return self.chosen(cell, source, encoding),
            Some(Case::Lower) => cell.to_ascii_lowercase(),
            Some(Case::Upper) => cell.to_ascii_uppercase(),
        };
        // Owned, as its cell is: changes of case are for words of few values.
        Ok(self.chosen(&cased, source, encoding)?.map(|value| Cow::Owned(value.into_owned())))
    }

    fn chosen<'a>(&'a self, cell: &'a [u8], source: usize, encoding: Encoding) -> Result<Option<Cow<'a, str>>, Refusal> {
        if let Some((_, word)) = self.map.iter().find(|(pattern, _)| pattern.fits(cell)) {
            return Ok((!word.is_empty()).then_some(Cow::Borrowed(word)));
        }
        match self.otherwise {
            Otherwise::Keep => match text(cell, encoding) {
                Some(text) => Ok(Some(text)),
                None => refuse(Some(source), "is not text of the file's encoding"),
            },
            Otherwise::Empty => Ok(None),
            Otherwise::Reject => {
                let mut words: Vec<&str> = self.map.iter().map(|(_, word)| word.as_str()).collect();
                words.dedup();
                refuse(Some(source), format!("is not one of {}", words.join(", ")))
            }
        }
    }
}

/// A cell as UTF-8; ASCII is not copied.
pub(super) fn text(cell: &[u8], encoding: Encoding) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Gb18030 if !cell.is_ascii() => encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(cell),
        _ => std::str::from_utf8(cell).ok().map(Cow::Borrowed),
    }
}
