//! The exceptions of a night as a workbook for Excel: for finance, who work the breaks and sign.
//!
//! ```text
//! Summary      how the night closed, roll-forward, control totals, who signed or room to sign
//! Ageing       breaks by age, provider and currency
//! Exceptions   a row per open break; people type comments in it, which `returned` reads again
//! Timing       a row per break that is waiting inside its settlement lag; likewise
//! Fees, Payouts, Bank, Journals, Sources, Definitions, ReadMe
//! ```
//!
//! It is made of the published tables, the signatures and the comments alone: the same of these are the same bytes.
//! Amounts, dates and counts are numbers; what comes from data is text and never a formula or a link.

mod ageing;
mod breaks;
mod money;
mod origin;
pub mod returned;
mod rows;
mod sheet;
mod summary;

use std::io::{Seek, Write};

use chrono::{DateTime, Datelike, NaiveDateTime};
use rust_xlsxwriter::{DocProperties, ExcelDateTime};

use self::sheet::{Formats, ROWS, Style};
use super::evidence::booked::booked;
use super::evidence::totals::{self, Line};
use super::page::night::Night;
use super::page::words::{Language, Words};
use crate::error::{Error, Exit, Result};
use crate::job::comments::Comments;
use crate::lake::{Approval, Lake, Manifest};
use crate::night::reperform::kept_job;
use crate::stage::journal::{self, BOOKED};
use crate::table::entries::ENTRIES;

/// A night, and what its workbook is made of.
pub struct Workbook<'l> {
    night: Night<'l>,
    totals: Vec<Line>,
    approval: Approval,
    journals: Journals,
    comments: &'l Comments,
    rows: usize,
}

/// What would be booked.
enum Journals {
    /// The job names no accounts.
    Unmapped,
    /// It does not name one that is needed: why.
    Refused(String),
    Proposed(Vec<journal::Line>),
}

impl<'l> Workbook<'l> {
    /// Of the night of `manifest`, the newest generation in `lake`. Data files other than it published are an error (65).
    pub fn of(lake: &'l Lake, manifest: &'l Manifest, comments: &'l Comments) -> Result<Self> {
        let date = manifest.night.business_date;
        if !lake.is_intact(manifest)? {
            return Err(Error::data(format!("the data files of {date} are not those the night published"))
                .file(lake.shown(""))
                .next("run that night again: that restores them from the archived inputs"));
        }
        Ok(Self {
            night: Night::of(lake, manifest)?,
            totals: totals::of(manifest, lake, &booked(lake, date)?)?,
            approval: lake.approval(manifest)?,
            journals: Journals::of(lake, manifest)?,
            comments,
            rows: ROWS,
        })
    }

    /// The same in sheets of at most `rows` rows below their header, where Excel takes more.
    #[must_use]
    pub fn in_sheets_of(self, rows: usize) -> Self {
        Self { rows: rows.clamp(1, ROWS), ..self }
    }

    /// Writes it in a language to `to`, which is called `name` where it cannot be written.
    pub fn write(&self, language: Language, to: impl Write + Seek + Send, name: &str) -> Result<()> {
        let words = Words::of(language);
        let about = &self.night.manifest.night;
        let date = about.business_date.to_string();
        let generation = self.night.manifest.generation.to_string();
        let of = [("job", about.job.as_str()), ("date", &date), ("generation", &generation)];
        let (footer, formats) = (words.fill("book.footer", &of), Formats::new());
        let style = Style { formats: &formats, footer: &footer, comment: words.say("book.comment") };
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let night = u16::try_from(about.business_date.year()).ok().and_then(|year| {
            ExcelDateTime::from_ymd(year, month_or_day(about.business_date.month()), month_or_day(about.business_date.day())).ok()
        });
        let properties = DocProperties::new()
            .set_title(words.fill("book.title", &of[..2]))
            .set_author(format!("Tieout {}", about.version))
            .set_creation_datetime(&night.unwrap_or_default());
        workbook.set_properties(&properties);
        let mut sheets = vec![summary::sheet(self, &words, &style).into(), ageing::sheet(self, &words, &style).into()];
        for state in breaks::STATES {
            sheets.extend(breaks::sheets(self, state, &words, &style));
        }
        sheets.extend(money::fees(self, &words, &style));
        sheets.extend(money::payouts(self, &words, &style));
        sheets.extend(money::bank(self, &words, &style));
        sheets.extend(money::journals(self, &words, &style));
        sheets.push(origin::sources(self, &words, &style).into());
        sheets.push(origin::definitions(&words, &style).into());
        sheets.push(origin::readme(self, &words, &style).into());
        rows::save(&mut workbook, sheets, to, name)
    }

    /// An instant as the clocks of the job show it, in microseconds since 1970-01-01 UTC.
    fn moment(&self, instant: i64) -> Option<NaiveDateTime> {
        DateTime::from_timestamp_micros(instant).map(|instant| instant.with_timezone(&self.night.timezone).naive_local())
    }

    /// The same of one that is written as RFC 3339 has it.
    fn moment_of(&self, text: &str) -> Option<NaiveDateTime> {
        DateTime::parse_from_rfc3339(text).ok().and_then(|instant| self.moment(instant.timestamp_micros()))
    }
}

impl Journals {
    fn of(lake: &Lake, manifest: &Manifest) -> Result<Self> {
        if manifest.night.texts.is_empty() {
            return Ok(Self::Unmapped);
        }
        let Some(chart) = kept_job(lake, manifest)?.journal else { return Ok(Self::Unmapped) };
        let date = manifest.night.business_date;
        let proposed = journal::propose(&lake.read_columns(&ENTRIES, date, &BOOKED)?, &chart, date);
        match proposed {
            Ok(lines) => Ok(Self::Proposed(lines)),
            Err(error) if error.exit == Exit::BadConfiguration => Ok(Self::Refused(error.what)),
            Err(error) => Err(error),
        }
    }
}

fn month_or_day(number: u32) -> u8 {
    u8::try_from(number).expect("months and days are few")
}
