//! Control totals: what a file states of itself, held against what its lines add up to.
//!
//! Totals count every line, rejected ones too: they prove that the file is whole and was read whole.

use std::collections::BTreeMap;

use super::container::{decode, encode};
use super::header::folded;
use super::plan::{Plan, totals};
use super::read::Decoded;
use super::split::Splitter;
use super::{Companion, Encoding, Format, Total, stated};
use crate::error::{Error, Result};
use crate::mask::masked;
use crate::money::Amount;

/// What was kept while reading, of one chunk or of all.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Count and sum of each total, in the order of the plan.
    pub sums: Vec<(i64, Amount)>,
    /// Sum and first line of each group, by its place in the plan and its name.
    pub groups: BTreeMap<(usize, String), (Amount, u64)>,
    /// Comment lines.
    pub comments: Vec<(u64, Vec<u8>)>,
    /// Lines of the summary.
    pub trailer: Vec<(u64, Vec<u8>)>,
    /// The first line whose own identity does not hold: line, column, computed, stated.
    pub row_check: Option<(u64, String, Amount, Amount)>,
}

impl Kept {
    /// Adds what a later chunk kept.
    pub fn merge(&mut self, later: Self) {
        self.sums.resize(self.sums.len().max(later.sums.len()), (0, Amount::ZERO));
        for (sum, (count, amount)) in self.sums.iter_mut().zip(later.sums) {
            sum.0 += count;
            sum.1 += amount;
        }
        for (group, (amount, line)) in later.groups {
            let entry = self.groups.entry(group).or_insert((Amount::ZERO, line));
            entry.0 += amount;
            entry.1 = entry.1.min(line);
        }
        self.comments.extend(later.comments);
        self.trailer.extend(later.trailer);
        self.row_check = self.row_check.take().or(later.row_check);
    }
}

/// A total that ties: its name and the figure both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tied {
    /// What the file calls it.
    pub name: String,
    /// The figure.
    pub figure: String,
}

/// Checks everything a file states of itself, or says which figure does not tie. Groups that close are checked
/// by [`check_delivery`], because a batch may be spread over files.
pub fn check(format: &Format, plan: &Plan, kept: &Kept, companion: Option<&[u8]>) -> Result<Vec<Tied>> {
    if let Some((line, column, computed, stated)) = &kept.row_check {
        let difference = *stated - *computed;
        return Err(does_not_tie(column, &stated.to_string(), &computed.to_string(), &difference.to_string()).line(*line));
    }
    let mut checker = Checker { kept, plan, next: 0, tied: Vec::new() };
    checker.end(format)?;
    checker.summary(format)?;
    checker.footers(format)?;
    checker.companion(format, companion)?;
    checker.tied.extend(stated::check(format, kept)?);
    debug_assert_eq!(checker.next, totals(format).count(), "every total has its place in the plan");
    Ok(checker.tied)
}

/// Checks what the files of one delivery state together: every group that closes does so at zero, and what a line says
/// of the whole delivery is so.
pub fn check_delivery(format: &Format, files: &[&Decoded]) -> Result<Vec<Tied>> {
    let mut tied = stated::check_delivery(format, files)?;
    let mut all = Kept::default();
    for file in files {
        all.merge(Kept { groups: file.kept.groups.clone(), ..Kept::default() });
    }
    // Behind the closings stand groups of another kind.
    for ((closing, group), (sum, line)) in all.groups.range(..(format.closing.len(), String::new())) {
        let name = &format.closing[*closing].name;
        if *sum != Amount::ZERO {
            return Err(Error::data(format!("{name} {group} does not close, and nothing of this file is booked"))
                .line(*line)
                .expected("its lines, fees, transfers and payout add up to 0.00")
                .found(format!("{sum}; difference {sum}"))
                .next("fetch the file again; if it is the same, ask the provider for the missing lines"));
        }
        tied.push(Tied { name: format!("{name} {group}"), figure: "0.00".to_owned() });
    }
    Ok(tied)
}

struct Checker<'a> {
    kept: &'a Kept,
    plan: &'a Plan,
    /// The next total, in the order of the plan.
    next: usize,
    tied: Vec<Tied>,
}

impl Checker<'_> {
    /// A format's end line must be among the comments.
    fn end(&self, format: &Format) -> Result<()> {
        let Some(end) = &format.file.end else { return Ok(()) };
        let inner = encode(end.trim_matches('*'), self.plan.encoding);
        if self.kept.comments.iter().any(|(_, text)| memchr::memmem::find(text, &inner).is_some()) {
            return Ok(());
        }
        Err(truncated(end))
    }

    fn summary(&mut self, format: &Format) -> Result<()> {
        let Some(summary) = &format.summary else { return Ok(()) };
        let [(line, names), (_, values)] = &self.kept.trailer[..] else {
            if self.kept.trailer.len() > 2 {
                let (line, _) = self.kept.trailer[2];
                return Err(Error::data("lines after the summary").line(line).next("keep the file as the provider served it"));
            }
            return Err(truncated(&summary.begins));
        };
        let splitter = Splitter {
            delimiter: b',',
            prefix: format.file.value_prefix.and_then(|prefix| u8::try_from(prefix).ok()),
            ..Splitter::default()
        };
        let (names, values) = (splitter.header(names), splitter.header(values));
        if values.len() < names.len() {
            return Err(truncated(&format!("{} figures under {}", names.len(), summary.begins)).line(line + 1));
        }
        let names: Vec<String> = names.iter().map(|name| folded(&decode(name, self.plan.encoding))).collect();
        let unknown = names.iter().find(|name| !summary.totals.iter().any(|total| folded(&total.name) == **name));
        if let Some(unknown) = unknown {
            return Err(Error::data(format!("the summary states `{unknown}`, which the format does not know"))
                .line(*line)
                .expected(summary.totals.iter().map(|total| total.name.as_str()).collect::<Vec<_>>().join(", "))
                .next("describe the total in the format file"));
        }
        for total in &summary.totals {
            if let Some(at) = names.iter().position(|name| *name == folded(&total.name)) {
                let stated = values.get(at).map(Vec::as_slice).unwrap_or_default();
                self.tie(total, stated, line + 1)?;
            }
            self.next += 1;
        }
        Ok(())
    }

    fn footers(&mut self, format: &Format) -> Result<()> {
        for footer in &format.footer {
            let found = self.kept.comments.iter().find_map(|(line, text)| {
                figures(&footer.line, &decode(text, self.plan.encoding)).map(|figures| (*line, figures))
            });
            let Some((line, figures)) = found else { return Err(truncated(&footer.line)) };
            for (total, stated) in footer.totals.iter().zip(figures) {
                self.tie(total, stated.as_bytes(), line)?;
                self.next += 1;
            }
        }
        Ok(())
    }

    fn companion(&mut self, format: &Format, text: Option<&[u8]>) -> Result<()> {
        let Some(companion) = &format.companion else { return Ok(()) };
        let Some(text) = text else {
            self.next += companion.totals.len();
            let called = companion.named.as_deref().or(companion.begins.as_deref()).unwrap_or_default();
            return if companion.required {
                Err(truncated(&format!("the member {called}, which states totals")))
            } else {
                Ok(())
            };
        };
        let encoding = companion.encoding.unwrap_or(self.plan.encoding);
        let (names, values, line) = companion_row(text, encoding, companion)
            .ok_or_else(|| truncated(&format!("{} of the summary member", companion.row)))?;
        for total in &companion.totals {
            let place = match total.at {
                Some(at) => at.checked_sub(1),
                None => names.iter().position(|name| *name == folded(&total.name)),
            };
            if let Some(at) = place {
                let stated = values.get(at).map(String::as_str).unwrap_or_default();
                self.tie(total, stated.as_bytes(), line).map_err(|mut error| {
                    let member = match (&companion.begins, &companion.named) {
                        (Some(begins), _) => format!("that begins with {begins}"),
                        (None, called) => called.clone().unwrap_or_default(),
                    };
                    error.what = format!("{}; the figure stands in the member {member}", error.what);
                    error
                })?;
            }
            self.next += 1;
        }
        Ok(())
    }

    /// Holds one stated figure against what was kept.
    fn tie(&mut self, total: &Total, stated: &[u8], line: u64) -> Result<()> {
        let (count, sum) = self.kept.sums.get(self.next).copied().unwrap_or_default();
        let computed = if total.count { Amount(i128::from(count) * 10_i128.pow(crate::money::SCALE)) } else { sum };
        let shown = |amount: Amount| if total.count { amount.in_currency("JPY") } else { amount.to_string() };
        let text = String::from_utf8_lossy(stated);
        let figure = Amount::parse(stated, 8).map_err(|why| {
            Error::data(format!("the total that the file states is {why}, and nothing of this file is booked"))
                .line(line)
                .column(&total.name)
                .expected(format!("{} as its lines add up", shown(computed)))
                .found(masked(&text))
                .next("keep the file as the provider served it, or fetch it again")
        })?;
        let (figure, computed) = if total.unsigned { (figure.abs(), computed.abs()) } else { (figure, computed) };
        if figure != computed {
            return Err(does_not_tie(&total.name, &shown(figure), &shown(computed), &shown(figure - computed)).line(line));
        }
        self.tied.push(Tied { name: total.name.clone(), figure: shown(figure) });
        Ok(())
    }
}

pub(super) fn does_not_tie(column: &str, stated: &str, computed: &str, difference: &str) -> Error {
    Error::data("the total does not tie, and nothing of this file is booked")
        .column(column)
        .expected(format!("{stated} as the file states"))
        .found(format!("{computed} as its lines add up; difference {difference}"))
        .next("fetch the file again; if it is the same, ask the provider for a corrected one")
}

pub(super) fn truncated(missing: &str) -> Error {
    Error::data("the file is truncated, and nothing of it is booked")
        .expected(format!("a closing line: {missing}"))
        .found("the end of the file")
        .next("fetch the file again")
}

/// The figures in `text` where it reads as `pattern`, `{}` standing for each.
fn figures(pattern: &str, text: &str) -> Option<Vec<String>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.trim().strip_prefix(parts.next()?)?;
    let mut figures = Vec::new();
    for part in parts {
        let end = if part.is_empty() { rest.len() } else { rest.find(part)? };
        figures.push(rest[..end].to_owned());
        rest = &rest[end + part.len()..];
    }
    Some(figures)
}

/// Names, values and line of the row of totals in the other member: names are its first line that is no comment, or
/// there are none.
fn companion_row(text: &[u8], encoding: Encoding, companion: &Companion) -> Option<(Vec<String>, Vec<String>, u64)> {
    let text = decode(text, encoding);
    let mut names = None;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty()) {
        let cells: Vec<String> = if companion.spaced {
            line.split_whitespace().map(folded).collect()
        } else {
            line.split(',').map(|cell| folded(cell.trim())).collect()
        };
        match &names {
            None if !companion.spaced => names = Some(cells),
            _ if cells.first().is_some_and(|first| *first == companion.row) => {
                return Some((names.unwrap_or_default(), cells, index as u64 + 1));
            }
            _ => {}
        }
    }
    None
}
