//! Colour for a terminal: what a report says in plain text already, so that the eye falls on what is wrong first.
//!
//! Reports are written without it. Titles become bold, marks and figures that ask for somebody red, the next step blue.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

/// Words that are marks wherever a report says them.
const MARKS: [(&str, Style); 9] = [
    ("INCOMPLETE", BAD),
    ("DAMAGED", BAD),
    ("STALE", BAD),
    ("LEFT OUT", BAD),
    ("left out:", BAD),
    ("RESTATED", DOUBTFUL),
    ("ended as break", BAD),
    ("ended as match", GOOD),
    ("do first:", NEXT),
];
/// Columns whose figures ask for somebody, if there are any.
const ASKING: [&str; 3] = ["open", "8-30", ">30"];
/// What tables of breaks begin with.
const COUNTED: [&str; 2] = ["break", "night"];

const TITLE: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const NEXT: Style = AnsiColor::Blue.on_default();

/// A report as a terminal shows it.
#[must_use]
pub fn lit(report: &str) -> String {
    let mut lit = String::with_capacity(report.len() * 2);
    // Where the figures of the table a line is in end that ask for somebody.
    let mut ends: Vec<usize> = Vec::new();
    for line in report.lines() {
        let words = line.split_whitespace();
        if line.is_empty() {
            ends.clear();
        } else if ends.is_empty() && words.clone().next().is_some_and(|first| COUNTED.contains(&first)) {
            ends = ASKING.iter().filter_map(|name| end_of(line, name)).collect();
            lit.push_str(line);
        } else if line.trim_start().starts_with("next ") {
            push(&mut lit, NEXT, line);
        } else if line.starts_with(' ') {
            lit.push_str(&marked(&figures(line, &ends)));
        } else {
            push(&mut lit, TITLE, &marked(line));
        }
        lit.push('\n');
    }
    lit
}

fn push(lit: &mut String, style: Style, text: &str) {
    write!(lit, "{style}{text}{style:#}").expect("a text takes all that is written");
}

/// Where a column ends, in characters: its figures end there too.
fn end_of(header: &str, name: &str) -> Option<usize> {
    let at = header.match_indices(name).find(|(at, _)| {
        let (before, after) = (&header[..*at], &header[at + name.len()..]);
        before.ends_with(' ') && (after.is_empty() || after.starts_with(' '))
    })?;
    Some(header[..at.0].chars().count() + name.chars().count())
}

/// A line of a table, with the figures that end at `ends` in colour where they count something.
fn figures(line: &str, ends: &[usize]) -> String {
    let mut lit = String::new();
    let (mut at, mut rest) = (0, line);
    while let Some(begin) = rest.find(|of: char| of != ' ') {
        let word = rest[begin..].split(' ').next().unwrap_or_default();
        let end = at + begin + word.chars().count();
        lit.push_str(&rest[..begin]);
        if ends.contains(&end) && word.bytes().all(|byte| byte.is_ascii_digit()) && word != "0" {
            push(&mut lit, BAD, word);
        } else {
            lit.push_str(word);
        }
        rest = &rest[begin + word.len()..];
        at = end;
    }
    lit + rest
}

fn marked(line: &str) -> String {
    let mut lit = line.to_owned();
    for (mark, style) in MARKS {
        if lit.contains(mark) {
            lit = lit.replace(mark, &format!("{style}{mark}{style:#}"));
        }
    }
    lit
}
