//! A format file to begin with, for a file no format fits: what can be seen is written, what is guessed says so.
//!
//! Every `# TODO` names what was seen, so that a person can decide. A draft loads as it is.

mod columns;
mod framing;
mod kinds;
mod vocabulary;

use std::fmt::Write;

use columns::{Fills, columns};

use super::look::Look;
use crate::mask::masked;

/// Values of a column that are shown.
const SEEN: usize = 3;

/// The text of a format file for the file that was looked at; `name` is `<provider>/<report>`.
#[must_use]
pub fn draft(look: &Look, name: Option<&str>) -> String {
    let fills = columns(look);
    let name = name.unwrap_or("provider/report");
    let mut text = Text::default();
    text.line(format!("# Drafted from one file, and to be completed: formats/{name}.toml"));
    text.line("# TODO one row per what? Which signs, which units, which clock?");
    text.line(format!("title = {}", quoted(&name.replace(['/', '_'], " "))));
    identity(&mut text, look, &fills);
    account(&mut text, look);
    framing::file(&mut text, look);
    text.line("\n[[layout]]");
    text.line("name = \"as drafted\"");
    list(&mut text, "columns", look.header.iter().filter(|name| !name.is_empty()));
    text.line("\n[fill]");
    for fill in &fills.fills {
        text.guess(format!("{} = {{ {} }}", fill.column, fill.rule), fill.doubt.as_deref());
    }
    for column in &fills.unused {
        text.line(format!("# not used: {}, with {}", quoted(&look.header[*column]), seen(look, *column)));
    }
    kinds::kinds(&mut text, look, &fills);
    if let Some([gross, sign, fee, net]) = &fills.closes {
        let sides = if sign == "-" { format!("add = [{gross}]\nsubtract = [{fee}]") } else { format!("add = [{gross}, {fee}]") };
        text.line(format!("\n# Every row that was seen holds to this.\n[[row_check]]\n{sides}\nequals = {net}"));
    }
    framing::totals(&mut text, look);
    text.0
}

/// What is written so far.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        writeln!(self.0, "{}", line.as_ref()).expect("writing to a string does not fail");
    }

    /// A line, and why it may be wrong.
    fn guess(&mut self, line: impl AsRef<str>, doubt: Option<&str>) {
        match doubt {
            Some(doubt) => self.line(format!("{}   # TODO {doubt}", line.as_ref())),
            None => self.line(line),
        }
    }
}

/// The columns that tell a row from every other.
fn identity(text: &mut Text, look: &Look, fills: &Fills) {
    let known = [fills.cell("provider_reference"), fills.kind, fills.cell("occurred_at")];
    let known: Vec<usize> = known.into_iter().flatten().collect();
    let is_distinct = |columns: &[usize]| {
        let mut rows: Vec<Vec<&str>> =
            look.rows.iter().map(|row| columns.iter().map(|&at| row.get(at).map_or("", String::as_str)).collect()).collect();
        rows.sort_unstable();
        rows.windows(2).all(|pair| pair[0] != pair[1])
    };
    let shortest = (1..=known.len()).map(|length| &known[..length]).find(|columns| is_distinct(columns));
    let doubt = match shortest {
        _ if look.rows.is_empty() => Some("no row was seen: which columns tell two rows apart?"),
        Some(_) if fills.cell("provider_reference").is_some() => None,
        Some(_) => Some("no column looks like the provider's own number: is no other row ever the same in these?"),
        None => Some("several rows are the same in these: which columns tell two rows apart?"),
    };
    let names: Vec<String> = shortest.unwrap_or(&known).iter().map(|&at| quoted(&look.header[at])).collect();
    text.guess(format!("identity = [{}]", names.join(", ")), doubt);
}

/// Where the file says whose account it is about.
fn account(text: &mut Text, look: &Look) {
    let says = |line: &&String| ["账号", "商户号", "account", "merchant"].iter().any(|word| line.to_lowercase().contains(word));
    let of_line = look.before.iter().filter(says).find_map(|line| {
        let (before, rest) = line.split_once('[')?;
        let (account, after) = rest.split_once(']')?;
        let is_one = !account.is_empty() && !after.contains(['[', '{']) && !before.contains('{');
        is_one.then(|| format!("{before}[{{}}]{after}"))
    });
    if let Some(line) = of_line {
        text.guess(format!("account = {{ line = {} }}", quoted(&line)), Some("is this the account as the job names it?"));
    } else if let Some(at) = vocabulary::account(&look.header)
        && let values = columns::distinct(look, at)
        && values.len() == 1
    {
        text.guess(
            format!("account = {{ column = {} }}", quoted(&look.header[at])),
            Some("every row says the same: is it the account as the job names it?"),
        );
    }
}

/// A list of texts, on as many lines as it takes.
fn list<'t>(text: &mut Text, key: &str, items: impl Iterator<Item = &'t String>) {
    const LETTERS: usize = 110;
    text.line(format!("{key} = ["));
    let mut line = String::from(" ");
    for item in items.map(|item| quoted(item)) {
        if line.chars().count() + item.chars().count() > LETTERS {
            text.line(&line);
            line = String::from(" ");
        }
        write!(line, " {item},").expect("writing to a string does not fail");
    }
    text.line(line);
    text.line("]");
}

/// Some values of a column, as they may be shown.
fn seen(look: &Look, column: usize) -> String {
    let values = columns::distinct(look, column);
    let shown: Vec<String> = values.iter().take(SEEN).map(|value| format!("`{}`", shown(value))).collect();
    match values.len() {
        0 => "nothing".to_owned(),
        count if count > SEEN => format!("{} and {} more", shown.join(", "), count - SEEN),
        _ => shown.join(", "),
    }
}

/// A value as it may stand in a comment: masked, and on one line.
fn shown(value: &str) -> String {
    // A comment of TOML holds no control characters.
    let printable = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    masked(&value.split_whitespace().collect::<Vec<_>>().join(" ")).chars().map(printable).collect()
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
