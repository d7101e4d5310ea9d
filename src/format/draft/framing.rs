//! How bytes become rows, and what stands behind the rows.

use super::super::difference::{container_name, encoding_name};
use super::super::look::Look;
use super::super::split::Splitter;
use super::super::{Container, Encoding};
use super::{Text, quoted, shown};
use crate::money::{Amount, SCALE};

/// `[file]`, with what is not said otherwise.
pub(super) fn file(text: &mut Text, look: &Look) {
    text.line("\n[file]");
    if look.container != Container::None {
        text.line(format!("container = [\"{}\"]", container_name(look.container)));
    }
    if let Some(begins) = &look.member_begins {
        text.line(format!("member_begins = {}", quoted(begins)));
    }
    if look.encoding != Encoding::Utf8 {
        text.line(format!("encoding = \"{}\"", encoding_name(look.encoding)));
    }
    text.line(format!("delimiter = {}", quoted(&look.delimiter.to_string())));
    if let Some(quote) = look.quote {
        text.line(format!("quote = {}", quoted(&quote.to_string())));
    }
    if let Some(prefix) = look.value_prefix {
        text.line(format!("value_prefix = {}", quoted(&prefix.to_string())));
    }
    match (&look.comment, &look.before[..]) {
        (Some(comment), _) => text.line(format!("comment = {}", quoted(comment))),
        (None, []) => {}
        (None, [first, ..]) => text.line(format!(
            "# TODO {} lines stand before the names of the columns and begin in no common way, the first as `{}`: none can be read past",
            look.before.len(),
            shown(first)
        )),
    }
}

/// What the file states of itself behind its rows.
pub(super) fn totals(text: &mut Text, look: &Look) {
    let is_comment = |line: &&String| look.comment.as_ref().is_some_and(|comment| line.starts_with(comment));
    let comments: Vec<&String> = look.behind.iter().filter(is_comment).collect();
    let lines: Vec<&String> = look.behind.iter().filter(|line| !is_comment(line)).collect();
    if let [names, values] = lines[..] {
        summary(text, look, names, values);
    } else if !lines.is_empty() {
        text.line("\n# TODO these lines behind the rows are read as rows, and rejected:");
    }
    if lines.len() != 2 {
        for line in &lines {
            text.line(format!("#   {}", shown(line)));
        }
    }
    if !comments.is_empty() {
        text.line("\n# TODO a [[footer]] holds the file to the figures it states, `end` in [file] to its last word:");
        for line in comments {
            text.line(format!("#   {}", shown(line)));
        }
    }
}

/// Two lines, names and values: a total for each, where the rows that were seen add up to it.
fn summary(text: &mut Text, look: &Look, names: &str, values: &str) {
    let prefix = look.value_prefix.and_then(|prefix| u8::try_from(prefix).ok());
    let splitter = Splitter { delimiter: u8::try_from(look.delimiter).unwrap_or(b','), prefix, ..Splitter::default() };
    let [names, values] = [names, values].map(|line| -> Vec<String> {
        splitter.header(line.as_bytes()).iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
    });
    let totals: Vec<Option<String>> = names.iter().zip(&values).map(|(name, value)| total(look, name, value)).collect();
    let begins = names.first().map(String::as_str).unwrap_or_default();
    let is_known = totals.len() == names.len() && totals.iter().all(Option::is_some);
    // A summary holds the file to all of its names: one that is not understood would refuse it.
    let mark = if is_known { "" } else { "# " };
    let doubt = if is_known {
        "the rows that were seen add up to these: is each of the column it names?"
    } else {
        "say what each adds up"
    };
    text.line(format!("\n# TODO {doubt}"));
    text.line(format!("{mark}[summary]"));
    text.line(format!("{mark}begins = {}", quoted(begins)));
    text.line(format!("{mark}totals = ["));
    for (name, total) in names.iter().zip(&totals) {
        let total = total.as_ref().map_or_else(String::new, |total| format!(", {total}"));
        text.line(format!("{mark}  {{ name = {}{total} }},", quoted(name)));
    }
    text.line(format!("{mark}]"));
}

/// What adds up to `value`: the rows themselves, or the column whose name is nearest.
fn total(look: &Look, name: &str, value: &str) -> Option<String> {
    let stated = Amount::parse(value.as_bytes(), SCALE).ok()?;
    if value == look.rows.len().to_string() {
        return Some("count = true".to_owned());
    }
    let adds_up = |at: &usize| {
        let cells = look.rows.iter().map(|row| row.get(*at).filter(|cell| !cell.is_empty()));
        let sum = cells.flatten().try_fold(0_i128, |sum, cell| Some(sum + Amount::parse(cell.as_bytes(), SCALE).ok()?.0));
        sum == Some(stated.0)
    };
    let columns = (0..look.header.len()).filter(adds_up);
    let nearest = columns.max_by(|one, other| {
        let alike = |at: usize| strsim::jaro(&look.header[at], name);
        alike(*one).total_cmp(&alike(*other)).then(other.cmp(one))
    })?;
    Some(format!("add = [{}]", quoted(&look.header[nearest])))
}
