//! What is typed about nights that were published: to bring them up to date, to prove them, and to sign them.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::{Means, Moment, Telling};

/// Close the nights of a range in order, those that are stale anew.
///
/// A night is stale when a night before it was published anew after it was closed. Nights in which nothing has changed
/// publish nothing, so that a backfill run twice is one run once, and one that was stopped goes on where it was. It stops at the
/// first night that cannot be closed; with --keep-going the nights after it are closed on what there is, and become stale when it
/// is closed: `tieout retry` closes it, and them anew. A date that was never closed and of which no source has anything is named
/// and passed over.
///
/// Nights are closed one after another, however many --jobs there are: each carries in what the one before left open. What is
/// done for several at once is to fetch their files.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout backfill jobs/nightly.toml --from 2026-11-01 --to 2026-11-30
  tieout backfill jobs/nightly.toml --from 2026-11-01 --to 2026-11-30 --keep-going --jobs 4 || tieout retry jobs/nightly.toml
  tieout backfill jobs/nightly.toml --from 2026-11-18 --to 2026-11-20 --reopen --reason 'the bank restated the 17th'")]
pub struct Backfill {
    /// The job file.
    pub job: PathBuf,
    /// The first business date.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: NaiveDate,
    /// The last.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: NaiveDate,
    /// How it is done.
    #[command(flatten)]
    pub manner: Manner,
}

/// Close again the nights that the last backfill of a lake left: those that were refused, those it did not reach, and those that
/// are stale by them.
///
/// The lake remembers which they are, also when the backfill was stopped or died. Where it left none, nothing is done.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout retry jobs/nightly.toml
  tieout retry jobs/nightly.toml --partial     without the providers whose files are still missing")]
pub struct Retry {
    /// The job file.
    pub job: PathBuf,
    /// How it is done.
    #[command(flatten)]
    pub manner: Manner,
}

/// How the nights of a range are closed.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct Manner {
    /// Publish without the providers whose files are missing or refused, and mark such nights incomplete.
    #[arg(long)]
    pub partial: bool,
    /// Go on after a night that cannot be closed. The exit code says that there was one.
    #[arg(long)]
    pub keep_going: bool,
    /// Fetch the files of so many nights at once, from providers' interfaces, servers and stores. Nights are closed in order all
    /// the same.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// End with one line of JSON on stdout instead of the list.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// What it may use.
    #[command(flatten)]
    pub means: Means,
    /// What is closed.
    #[command(flatten)]
    pub reopening: Reopening,
    /// Who does it.
    #[command(flatten)]
    pub author: Author,
    /// How it is told.
    #[command(flatten)]
    pub telling: Telling,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}

/// Whether nights that are closed may be published anew.
#[derive(Args, Debug)]
pub struct Reopening {
    /// Publish a night anew although it, or one after it, is signed by preparer and reviewer, and so closed.
    #[arg(long, requires = "reason")]
    pub reopen: bool,
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", requires = "reopen", value_parser = said)]
    pub reason: Option<String>,
}

impl Reopening {
    /// Why closed nights may be published anew, if they may.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|_| self.reopen)
    }
}

/// Who does what is done.
#[derive(Args, Debug)]
pub struct Author {
    /// Who does this, for the audit trail; the user of the system when not given.
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: Option<String>,
}

/// Close published nights again from what the lake keeps, and compare hash by hash.
///
/// What a night depends on is in its lake: the files as they were received, what the sources answered, the job with its
/// formats and calendars as they were, and the nights before. So any generation of any night can be closed again: after
/// its data was deleted or replaced, the job was changed, or the sources are gone. No secret is read and no source asked.
/// The lake is left as it is.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout verify jobs/nightly.toml --date 2026-11-17
  tieout verify jobs/nightly.toml --from 2026-11-01 --to 2026-11-30
  tieout verify jobs/nightly.toml --date 2026-11-17 --generation 1 --out as-first-published
  tieout verify /backup/lake --date 2026-11-17     a lake without its job
  tieout verify jobs/nightly.toml --chain          the audit trail

Exit codes: 0 every table has the very bytes that were published, or the audit trail is whole; 65 one has not, a night \
cannot be closed again, or the trail is broken, and where.")]
pub struct Verify {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD", required_unless_present_any = ["from", "chain"], conflicts_with_all = ["from", "to", "chain"])]
    pub date: Option<NaiveDate>,
    /// Every published night from this one on.
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "chain")]
    pub from: Option<NaiveDate>,
    /// The last of them; the newest when not given.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<NaiveDate>,
    /// A generation of the night; the newest when not given.
    #[arg(long, value_name = "NUMBER", requires = "date")]
    pub generation: Option<u64>,
    /// Leave the tables that come out in this folder, laid out as in the lake: the night as it was published then.
    #[arg(long, value_name = "FOLDER", requires = "date")]
    pub out: Option<PathBuf>,
    /// Instead of closing nights again: hold the audit trail against itself, and against every manifest, signature and
    /// reopening. An edit, a deletion, a change of order and a cut-off end are found.
    #[arg(long)]
    pub chain: bool,
    /// End with one line of JSON on stdout instead of the tables.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Show what a new generation of a night changed, row by row.
///
/// Rows are told apart by the key of their table. In which file and line a row stood is not compared. The tables of the
/// generation before are there no more; they are made again from what the lake keeps, as `verify` does.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout diff jobs/nightly.toml --date 2026-11-17
  tieout diff jobs/nightly.toml --date 2026-11-17 --generation 1 --to 3 --table breaks
  tieout diff jobs/nightly.toml --date 2026-11-17 --csv > changed.csv     table, change, key, column, before, after
  tieout diff jobs/nightly.toml --date 2026-11-17 --json | tail -1 | jq .differences")]
pub struct Diff {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// The generation before; the one before the other when not given.
    #[arg(long, value_name = "NUMBER")]
    pub generation: Option<u64>,
    /// The generation after; the newest when not given.
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u64>,
    /// Only this table.
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// Rows of each table to show.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub rows: usize,
    /// Print CSV instead: a line for each value that differs.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print JSON instead: a line for each row that differs, and one at the end with the counts.
    #[arg(long)]
    pub json: bool,
}

/// Sign a night, as who prepared it or as who reviewed it.
///
/// A signature is of the hash of the night's manifest, which holds the hashes of all it published: a new generation has
/// none. The preparer signs first; the reviewer is somebody else. A night signed by both is closed: it, and what it was
/// closed on, is published anew only with `--reopen --reason`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout signoff jobs/nightly.toml --date 2026-11-17 --role preparer --by 'Anna Li'
  tieout signoff jobs/nightly.toml --date 2026-11-17 --role reviewer --by 'Ben Vogt' --comment 'nine breaks, all known'

Exit codes: 0 signed, or signed before by the same person; 77 not permitted: the reviewer is the preparer, there is no \
preparer yet, somebody else signed, or the night is stale.")]
pub struct Signoff {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// In which part.
    #[arg(long)]
    pub role: SignsAs,
    /// Who signs.
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: String,
    /// What else there is to say.
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub comment: Option<String>,
    /// Print one JSON object instead.
    #[arg(long)]
    pub json: bool,
}

/// In which part someone signs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SignsAs {
    /// Who prepared the night.
    Preparer,
    /// Who reviewed it.
    Reviewer,
}

/// Append a resolution to the job's file of them: what is done about one break, and why.
///
/// The file is a text beside the job, which people review and keep under version control. Nothing else is changed: the
/// night is published anew when it is run again, and every night after it replays what is in the file. A resolution is
/// void once its break says something else; the break is then open, and its detail tells why.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout resolve jobs/nightly.toml 5v1c0 --date 2026-11-18 --action write_off --reason 'below the cost of asking' --by 'Anna Li'

Exit codes: 0 appended, or there already; 64 no such break is open on that night, or it is resolved otherwise; 78 the job \
names no file of resolutions.")]
pub struct Resolve {
    /// The job file.
    pub job: PathBuf,
    #[expect(clippy::doc_markdown, reason = "shown as help, where a back-tick would be read")]
    /// The break_id, or a beginning of it that no other break of the night has.
    pub break_id: String,
    /// The night that has the break. The resolution holds from it on, or where it is closed from the night after.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// What is done about it.
    #[arg(long)]
    pub action: ResolvesBy,
    /// Why.
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub reason: String,
    /// Who decided; the user of the system when not given.
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: Option<String>,
    /// Print one JSON object instead.
    #[arg(long)]
    pub json: bool,
}

/// What is done about a break.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ResolvesBy {
    /// The difference is right as it is.
    Accept,
    /// The difference is lost, or kept.
    WriteOff,
    /// The two sides are one payment all the same.
    ForceMatch,
    /// Another record or entry stands for it.
    Duplicate,
    /// It belongs to somebody else.
    NotOurs,
}

/// Take the comments that people typed in a workbook, and append them to the job's file of them.
///
/// Comments are found by the break of their row, wherever it stands; an empty cell says nothing. Those that are not what
/// was said of their break last are appended to `comments.toml` beside the job, a text that people review and keep under
/// version control. They stand in the next workbook, on the page and in `tieout explain`, and change nothing a night
/// publishes. Where anything is wrong, its cell is named and nothing is taken.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout import-comments jobs/nightly.toml night-2026-11-18.xlsx --by 'Anna Li'

Exit codes: 0 appended, or nothing new; 65 a cell is wrong, or the workbook is of another job or lake, or none; 66 there is \
no such file; 75 somebody else is writing comments; 78 the file of comments is wrong.")]
pub struct ImportComments {
    /// The job file.
    pub job: PathBuf,
    /// The workbook that came back.
    #[arg(value_name = "FILE.xlsx")]
    pub file: PathBuf,
    /// Who took them, or said them; the user of the system when not given.
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: Option<String>,
    /// Print one JSON object instead.
    #[arg(long)]
    pub json: bool,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}

/// The evidence of one night, as a ZIP archive: the same night, the same bytes.
///
/// In it: the manifest, the job, formats, calendars and resolutions, every input with its hash, lines, rows and rejects, control totals
/// in = out by currency, the breaks, who signed, the lines of the audit trail, and what changed against the generation
/// before. Every CSV is safe to open in a spreadsheet, and holds no card number.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout export evidence jobs/nightly.toml --date 2026-11-17 --out evidence-2026-11-17.zip")]
pub struct Evidence {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// A generation of it; the newest when not given.
    #[arg(long, value_name = "NUMBER")]
    pub generation: Option<u64>,
    /// The file to write. What is there is replaced.
    #[arg(long, value_name = "FILE.zip")]
    pub out: PathBuf,
}

/// Write one night as an HTML page, for finance and for whoever is on call.
///
/// One file, complete in itself: it asks no network, and needs no script to be read. The verdict in words, the tie-out,
/// the breaks to search and unfold, payouts, fees, success and abandonment with the nights before, and how each number is
/// defined. The same night is the same bytes.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout export page jobs/nightly.toml --date 2026-11-17
  tieout export page jobs/nightly.toml --date 2026-11-17 --language zh --to /srv/reports/2026-11-17.html
  tieout export page jobs/nightly.toml --date 2026-11-17 --to - | gzip > night.html.gz")]
pub struct Page {
    /// The job file, or a lake.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// The language of the page.
    #[arg(long, value_enum, default_value_t = PageLanguage::En)]
    pub language: PageLanguage,
    /// The file to write, `-` for stdout; `night-2026-11-18.html`, with its date, in this folder when not given. What is there is replaced.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Write the exceptions of one night as a workbook for Excel, to work in, comment and sign.
///
/// Summary with tie-out and sign-off, ageing, the open breaks and those that wait in time, fees, payouts, bank, journals,
/// sources with their hashes, and definitions. Amounts, dates and counts are numbers, identifiers are text, and no cell is
/// a formula. Comments typed in its yellow column come back with `tieout import-comments`. The same night, signatures and
/// comments are the same bytes.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout export workbook jobs/nightly.toml --date 2026-11-17
  tieout export workbook jobs/nightly.toml --date 2026-11-17 --language zh --to /srv/reports/2026-11-17.xlsx")]
pub struct Book {
    /// The job file, or a lake: that has no comments.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// The language of the workbook.
    #[arg(long, value_enum, default_value_t = PageLanguage::En)]
    pub language: PageLanguage,
    /// The file to write; `night-2026-11-18.xlsx`, with its date, in this folder when not given. What is there is replaced.
    #[arg(long, value_name = "FILE.xlsx")]
    pub to: Option<PathBuf>,
}

/// A language of a page or a workbook.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PageLanguage {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// A text that says something.
fn said(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("it says nothing".to_owned()) } else { Ok(text.to_owned()) }
}
