//! Whose account a file is about, where the file says so.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Format;
use super::container::decode;
use super::header::folded;
use super::recognise::{head, header_of};
use super::split::{Piece, Splitter};
use crate::error::{Error, Result};

/// Where a file says whose account it is about.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum AccountIn {
    /// In that column, where all rows that are looked at say the same: a report of a company is about several.
    Column(String),
    /// In a line of framing: how it reads, `{}` standing for the account.
    Line(String),
}

impl AccountIn {
    /// The account, out of the first bytes of a file of `format`; `None` where they do not say.
    #[must_use]
    pub fn stated(&self, head: &[u8], format: &Format) -> Option<String> {
        let account = match self {
            Self::Line(line) => {
                let (before, after) = line.split_once("{}")?;
                decode(head, format.file.encoding)
                    .lines()
                    .find_map(|line| Some(line.trim().strip_prefix(before)?.strip_suffix(after)?.to_owned()))?
            }
            Self::Column(column) => only_cell(head, format, column)?,
        };
        Some(account.trim().to_owned()).filter(|account| !account.is_empty())
    }
}

/// The account the file at `path` is about, where `format` says where to look and the file tells.
pub fn stated(path: &Path, format: &Format) -> Result<Option<String>> {
    let Some(account) = &format.account else { return Ok(None) };
    Ok(account.stated(&head(path, format)?, format))
}

/// Refuses the file at `path` where it says that it is about another account than `account`.
pub fn hold(path: &Path, format: &Format, account: &str) -> Result<()> {
    match stated(path, format)? {
        Some(found) if found != account => Err(Error::data("the file is of another account")
            .file(path.display())
            .expected(account)
            .found(found)
            .next("fetch the file of the account the job names, or name that account in the job")),
        _ => Ok(()),
    }
}

/// What every whole row of the first bytes of a file has in a column; none where they differ.
fn only_cell(head: &[u8], format: &Format, column: &str) -> Option<String> {
    let (header, rest) = header_of(head, format)?;
    let mut names = vec![column];
    names.extend(format.layout.iter().filter_map(|layout| layout.aliases.get(column)).flatten().map(String::as_str));
    let at = names.iter().find_map(|name| header.iter().position(|there| folded(there) == folded(name)))?;
    let mut splitter = Splitter::of(format);
    splitter.columns = header.len();
    // The last line may have been cut off.
    let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
    let mut found = BTreeSet::new();
    splitter.split(&rest[..whole], 1, |piece| {
        if let Piece::Row { cells, .. } = piece {
            found.insert(decode(cells.get(at), format.file.encoding).trim().to_owned());
        }
    });
    found.remove("");
    if found.len() == 1 { found.pop_first() } else { None }
}
