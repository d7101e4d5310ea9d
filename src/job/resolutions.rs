//! `resolutions.toml`: what people decided about breaks. A text that people write, review and keep beside the job, and that
//! `tieout resolve` appends to; every night replays what holds for it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Deserialize;
use toml::Spanned;

use super::beside::{self, Reader};
use crate::error::{Error, Exit, Result};
use crate::format::keys::toml_error;
use crate::mask;
use crate::money::{Amount, SCALE};
use crate::stage::reconcile::{Action, BreakType, Resolution, Said};
use crate::table::identity::Identity;

/// The resolutions of a job.
#[derive(Debug)]
pub struct Resolutions {
    /// The file they are in, which may not be there yet.
    pub path: PathBuf,
    /// Each with the line it begins on, ordered by the night it holds from and by its break.
    all: Vec<(u64, Resolution)>,
}

/// What became of a resolution that was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It begins on this line of the file.
    At(u64),
    /// It stood on this line already.
    Before(u64),
}

/// The file as a person writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolutionsFile {
    #[serde(default)]
    resolution: Vec<Spanned<ResolutionFile>>,
}

/// A resolution as a person writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolutionFile {
    break_id: Spanned<String>,
    action: Spanned<String>,
    reason: Spanned<String>,
    by: Spanned<String>,
    on: Spanned<String>,
    break_type: Spanned<String>,
    currency: Spanned<String>,
    difference: Spanned<String>,
    merchant_amount: Option<Spanned<String>>,
    provider_amount: Option<Spanned<String>>,
}

const HEADER: &str = "\
# What was decided about breaks. `tieout run` replays it every night: a break that still says what is written here is
# resolved, one that says something else stays open. `tieout resolve` appends; review what it wrote, and commit it.
";

impl Resolutions {
    /// Those in the file at `path`; none where there is no file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::parse(path.to_path_buf(), &beside::text_at(path, "resolutions")?)
            .map_err(|error| if error.file.is_none() { error.file(path.display()) } else { error })
    }

    /// Those that `text` states.
    pub(super) fn parse(path: PathBuf, text: &str) -> Result<Self> {
        let read = Reader { text };
        let file: ResolutionsFile = toml::from_str(text).map_err(|error| {
            let mut error = toml_error(&error, text);
            // It may quote what must not be shown.
            (error.what, error.found) = (mask::card_numbers(&error.what), error.found.as_deref().map(mask::card_numbers));
            if error.next.is_some() { error } else { error.next("see the section Resolutions of jobs/README.md") }
        })?;
        let mut all: Vec<(u64, Resolution)> = Vec::with_capacity(file.resolution.len());
        for written in &file.resolution {
            let (line, resolution) = (read.line(written), read.resolution(written.get_ref())?);
            match all.iter().find(|(_, before)| before.meets(&resolution)) {
                Some((_, before)) if *before == resolution => {}
                Some((first, before)) => return Err(read.at(contradicts(*first, before, &resolution), written)),
                None => all.push((line, resolution)),
            }
        }
        all.sort_by_key(|(_, resolution)| (resolution.on, resolution.break_id));
        Ok(Self { path, all })
    }

    /// Those that hold for a night.
    #[must_use]
    pub fn until(&self, night: NaiveDate) -> Vec<Resolution> {
        self.all.iter().map(|(_, resolution)| resolution).filter(|resolution| resolution.on <= night).cloned().collect()
    }

    /// The text of those that hold for a night: the same however the file orders and spaces them, and whatever is decided
    /// for later nights.
    #[must_use]
    pub fn text_until(&self, night: NaiveDate) -> Option<String> {
        let texts: Vec<String> = self.until(night).iter().map(text_of).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// Appends a resolution to the file, which keeps every byte it has. What is there in full is not written again; another
    /// decision about what the break says is not permitted beside it (64).
    pub fn append(&self, resolution: &Resolution) -> Result<Appended> {
        let change = |before: String| appended(&self.path, before, resolution);
        beside::change(&self.path, "resolutions", change)
    }
}

/// The text `before` with the resolution after it, where that is not in it; and where it is.
fn appended(path: &Path, before: String, resolution: &Resolution) -> Result<(Option<String>, Appended)> {
    // What cannot be read back is wrong as it was typed, and not in the file.
    let typed = |error: Error| Error { exit: Exit::Usage, line: None, ..error };
    Resolutions::parse(PathBuf::new(), &text_of(resolution)).map_err(typed)?;
    let known = Resolutions::parse(path.to_path_buf(), &before)?;
    let same_decision =
        |one: &Resolution| (one.action, &one.reason, &one.by) == (resolution.action, &resolution.reason, &resolution.by);
    match known.all.iter().find(|(_, known)| known.meets(resolution)) {
        Some((line, known)) if same_decision(known) => return Ok((None, Appended::Before(*line))),
        Some((line, known)) => {
            return Err(Error::new(Exit::Usage, format!("the break {} is resolved already", resolution.break_id))
                .line(*line)
                .found(known)
                .next("change that one, or remove it first"));
        }
        None => {}
    }
    let mut text = if before.is_empty() { HEADER.to_owned() } else { before };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    let line = text.matches('\n').count() as u64 + 1;
    text += &text_of(resolution);
    Resolutions::parse(path.to_path_buf(), &text)?;
    Ok((Some(text), Appended::At(line)))
}

/// A resolution as the file states it.
fn text_of(resolution: &Resolution) -> String {
    let Resolution { break_id, action, reason, by, on, said } = resolution;
    let mut text = String::from("[[resolution]]\n");
    let mut key = |name: &str, value: &str| {
        writeln!(text, "{name} = {}", toml::Value::from(value)).expect("a text takes what is written to it");
    };
    key("break_id", &break_id.to_string());
    key("action", action.word());
    key("reason", reason);
    key("by", by);
    key("on", &on.to_string());
    key("break_type", &said.break_type);
    key("currency", &said.currency);
    key("difference", &said.difference.in_currency(&said.currency));
    for (name, amount) in [("merchant_amount", said.merchant_amount), ("provider_amount", said.provider_amount)] {
        if let Some(amount) = amount {
            key(name, &amount.in_currency(&said.currency));
        }
    }
    text
}

fn contradicts(line: u64, before: &Resolution, now: &Resolution) -> Error {
    Error::configuration(format!("the break {} is resolved twice for what it says", now.break_id))
        .expected(format!("nothing beside line {line}: {before}, on {}", before.on))
        .found(format!("{now}, on {}", now.on))
        .next("remove one of the two")
}

impl Reader<'_> {
    fn resolution(&self, file: &ResolutionFile) -> Result<Resolution> {
        Ok(Resolution {
            break_id: self.one(&file.break_id, "break_id", Identity::parse, || {
                (
                    "not a break_id",
                    "26 digits and letters".to_owned(),
                    "take it from the table breaks, or let `tieout resolve` write it",
                )
            })?,
            action: self.one(
                &file.action,
                "action",
                |text| Action::ALL.into_iter().find(|action| action.word() == text),
                || ("not an action", Action::ALL.map(Action::word).join(", "), "use one of these"),
            )?,
            reason: self.said(&file.reason, "reason")?,
            by: self.said(&file.by, "by")?,
            on: self.one(
                &file.on,
                "on",
                |text| text.parse().ok(),
                || {
                    (
                        "not a date",
                        "such as \"2026-11-18\", in quotes".to_owned(),
                        "write the business date of the night from which it holds",
                    )
                },
            )?,
            said: Said {
                break_type: self.one(
                    &file.break_type,
                    "break_type",
                    |text| BreakType::ALL.into_iter().map(BreakType::as_str).find(|known| *known == text).map(str::to_owned),
                    || ("not a type of break", BreakType::ALL.map(BreakType::as_str).join(", "), "use the one the break has"),
                )?,
                currency: self.said(&file.currency, "currency")?,
                difference: self.amount(&file.difference, "difference")?,
                merchant_amount: file.merchant_amount.as_ref().map(|text| self.amount(text, "merchant_amount")).transpose()?,
                provider_amount: file.provider_amount.as_ref().map(|text| self.amount(text, "provider_amount")).transpose()?,
            },
        })
    }

    fn amount(&self, written: &Spanned<String>, column: &str) -> Result<Amount> {
        Amount::parse(written.get_ref().as_bytes(), SCALE).map_err(|why| {
            self.at(Error::configuration(format!("this is {why}")), written)
                .column(column)
                .found(mask::card_numbers(written.get_ref()))
                .next("write it as the table breaks has it, such as \"-12.00\", in quotes")
        })
    }
}
