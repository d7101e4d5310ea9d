//! The columns of a file held against the layouts of a format.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use super::{AddedColumns, Format, Layout, Rule};
use crate::error::{Error, Result};
use crate::mask::masked;

/// A column name as it is compared: full-width forms folded, spaces around it and doubled inside it gone.
#[must_use]
pub fn folded(name: &str) -> String {
    // ASCII is its own normal form.
    if name.is_ascii() {
        return name.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    }
    name.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The layouts of a format held against a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The layout.
    pub layout: String,
    /// Columns it needs that are not there.
    pub missing: Vec<String>,
    /// Columns that are there and it does not know.
    pub added: Vec<String>,
    /// Columns it needs that are there.
    pub present: usize,
}

impl Fit {
    /// How far the header is from the layout.
    #[must_use]
    pub fn distance(&self, format: &Format) -> usize {
        self.missing.len() + if format.file.added_columns == AddedColumns::Refuse { self.added.len() } else { 0 }
    }
}

/// Every layout of `format` held against `header`, nearest first.
#[must_use]
pub fn fits(format: &Format, header: &[String]) -> Vec<Fit> {
    let there: BTreeSet<String> = header.iter().map(|name| folded(name)).collect();
    let derived = derived_layout(format);
    let layouts = if format.layout.is_empty() { std::slice::from_ref(&derived) } else { &format.layout[..] };
    let mut fits: Vec<Fit> = layouts
        .iter()
        .map(|layout| {
            let known: Vec<String> = layout.columns.iter().chain(&layout.optional).map(|name| folded(name)).collect();
            let is_known = |name: &str| {
                known.iter().any(|known| known == name || known.strip_suffix("[*]").is_some_and(|begin| name.starts_with(begin)))
            };
            let missing: Vec<String> = layout.columns.iter().filter(|name| !there.contains(&folded(name))).cloned().collect();
            Fit {
                layout: layout.name.clone(),
                present: layout.columns.len() - missing.len(),
                missing,
                added: header.iter().filter(|name| !name.is_empty() && !is_known(&folded(name))).cloned().collect(),
            }
        })
        .collect();
    fits.sort_by_key(|fit| (fit.distance(format), usize::MAX - fit.present));
    fits
}

/// Without declared layouts the columns of rules for canonical columns that are never empty are required.
fn derived_layout(format: &Format) -> Layout {
    let needed = |canonical: &str, rule: &Rule| {
        let column = &format.target.table().columns[format.target.table().position(canonical)];
        !column.nullable && rule.default.is_none() && rule.from.0.len() == 1
    };
    let columns =
        format.fill.iter().filter(|(canonical, rule)| needed(canonical, rule)).flat_map(|(_, rule)| rule.from.0.clone());
    let mut columns: Vec<String> = columns.collect();
    columns.dedup();
    let optional = format.fill.values().flat_map(|rule| rule.from.0.iter().chain(&rule.add).chain(&rule.zone_from).cloned());
    Layout { name: "default".to_owned(), optional: optional.collect(), columns, aliases: BTreeMap::new() }
}

/// The layout that `header` has.
///
/// # Errors
/// It has none, or has a column twice that the layout needs once.
pub fn layout(format: &Format, header: &[String]) -> Result<Fit> {
    let fit = fits(format, header).into_iter().next().expect("a format has at least one layout");
    if fit.distance(format) > 0 {
        return Err(layout_error(format, header, &fit));
    }
    refuse_repeated(format, header, &fit)?;
    Ok(fit)
}

/// Names of columns a message lists.
const LISTED: usize = 12;

fn layout_error(format: &Format, header: &[String], fit: &Fit) -> Error {
    let error = Error::layout(format!("the columns are not those of {}", format.title));
    if fit.present == 0 {
        // What stands there may be a row of data: it is not shown.
        return error
            .expected(format!("a line of column names, such as {}", listed(&fit.missing)))
            .found(format!("a line of {} cells, none of which is the name of a column", header.len()))
            .next("check that the file is what its name says, and that its first lines are not cut off");
    }
    let mut differences = Vec::new();
    if !fit.missing.is_empty() {
        differences.push(format!("missing: {}", listed(&fit.missing)));
    }
    if format.file.added_columns == AddedColumns::Refuse && !fit.added.is_empty() {
        differences.push(format!("not known: {}", listed(&fit.added)));
    }
    error
        .expected(format!("the columns of layout `{}` of {}", fit.layout, format.name))
        .found(differences.join("; "))
        .next("if the report has changed, describe the new layout in a format file; `tieout formats show` prints the known ones")
}

/// Names with commas between them, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| masked(name)).collect();
    let more = names.len().saturating_sub(LISTED);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Two columns of one name, where the layout needs one: nothing says which is meant.
fn refuse_repeated(format: &Format, header: &[String], fit: &Fit) -> Result<()> {
    let derived = derived_layout(format);
    let layout = format.layout.iter().find(|layout| layout.name == fit.layout).unwrap_or(&derived);
    let mut names: Vec<String> = header.iter().map(|cell| folded(cell)).collect();
    names.sort_unstable();
    let repeated: BTreeSet<&String> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    let twice = |name: &&String| !repeated.is_empty() && repeated.contains(&folded(name));
    match layout.columns.iter().chain(&layout.optional).find(twice) {
        Some(name) => Err(Error::data("two columns have one name, and nothing of the file is booked")
            .column(name)
            .expected("it once")
            .next("make the report again with each column once")),
        None => Ok(()),
    }
}
