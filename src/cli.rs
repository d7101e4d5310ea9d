//! What the user typed. The doc comments are the text of `--help`.

mod about;
mod before;
mod gc;
mod history;
mod means;
mod telling;

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use about::{Completions, Man};
pub use before::{Check, Config, ConfigAction, Plan, Ready};
pub use gc::Gc;
pub use history::{
    Author, Backfill, Book, Diff, Evidence, ImportComments, Manner, Page, PageLanguage, Reopening, Resolve, ResolvesBy, Retry,
    Signoff, SignsAs, Verify,
};
pub use means::Means;
pub use telling::{LogFormat, Telling, Watchers};

/// Closes a merchant's night: the payment providers' settlement files against the merchant's own records, to Parquet.
#[derive(Debug, Parser)]
#[command(name = "tieout", version, max_term_width = 110, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
   0  published, or nothing had changed; breaks are findings, not failures
  10  published, and --fail-on was exceeded
  64  the command line is wrong
  65  a file is corrupt, of another layout, or does not tie; nothing was published
      verify: a night does not come out as it was published, or the audit trail is broken
  66  a file is missing past its deadline; nothing was published
  70  a law is broken: a defect of tieout; nothing was published
  73  an output cannot be created        74  reading or writing failed
  75  try again: another run holds the night, or a file that is due is not there yet
  99  nothing is due yet
  77  not permitted; or the night, or one after it, is signed and so closed
  78  the job or a format is wrong
 130  stopped by SIGINT               143  stopped by SIGTERM; nothing is half published";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Close a night: read, reconcile, analyze, publish.
    Run(Run),
    /// Close the nights of a range in order, those that are stale anew.
    Backfill(Backfill),
    /// Close again the nights that the last backfill left.
    Retry(Retry),
    /// Take a night's files from where they are into the lake, without closing it.
    Fetch(Fetch),
    /// Ask whether a night's files are there, and take none: for sensors.
    Ready(Ready),
    /// Tell what a night would read and write, and why. Touches nothing and asks nobody.
    Plan(Plan),
    /// Check a job: everything it names is there and makes sense. Touches nothing.
    Check(Check),
    /// Show the nights of a job: how they closed, and what is open.
    Status(Status),
    /// Tell everything about one order, reference, entry or break.
    Explain(Explain),
    /// Close published nights again from what the lake keeps, and compare hash by hash.
    Verify(Verify),
    /// Show what a new generation of a night changed, row by row.
    Diff(Diff),
    /// Append a resolution to the job's file of them: what is done about one break, and why.
    Resolve(Resolve),
    /// Take the comments that people typed in a workbook, and append them to the job's file of them.
    ImportComments(ImportComments),
    /// Sign a night, as who prepared it or as who reviewed it.
    Signoff(Signoff),
    /// Write a file for others, out of published nights.
    Export(Export),
    /// Describe the published tables, and the files people write.
    Schema(Schema),
    /// List, show, recognise or draft file formats.
    Formats(Formats),
    /// Write sample nights of any size, with an answer key.
    Sample(Sample),
    /// Show what a job says, and what it leaves to a default.
    Config(Config),
    /// Remove from a lake what no night needs: what runs that died have left.
    Gc(Gc),
    /// Print what a shell completes commands and options by.
    Completions(Completions),
    /// Print a manual page, or write all of them into a folder.
    Man(Man),
}

/// Close a night: read, reconcile, analyze, publish.
///
/// Reads the files the job names for the business date, holds them against the merchant's records and what was
/// carried in from the night before, and publishes every table of the night at once. Running a night again without
/// change publishes nothing; a changed input makes a new generation.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[command(after_long_help = "\
Examples:
  tieout run jobs/nightly.toml --date 2026-11-17
  tieout run jobs/nightly.toml --date 2026-11-17 --json 2>/dev/null | tail -1 | jq .totals
  tieout run jobs/nightly.toml --date 2026-11-17 --fail-on 0     exit 10 when any break is open")]
pub struct Run {
    /// The job file.
    pub job: PathBuf,
    /// The business date, in the job's time zone. Always explicit: nothing depends on the clock.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// Publish without the providers whose files are missing or refused, and mark the night incomplete.
    #[arg(long)]
    pub partial: bool,
    /// Exit 10 when more than this many breaks are open at the close.
    #[arg(long, value_name = "OPEN BREAKS")]
    pub fail_on: Option<u64>,
    /// End with one line of JSON on stdout instead of the summary.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// What it may use.
    #[command(flatten)]
    pub means: Means,
    /// Tell on stderr how long each stage took, and how much of the input that is a second.
    #[arg(long)]
    pub timings: bool,
    /// What is closed.
    #[command(flatten)]
    pub reopening: Reopening,
    /// Who does it.
    #[command(flatten)]
    pub author: Author,
    /// How it is told.
    #[command(flatten)]
    pub telling: Telling,
    /// Who watches.
    #[command(flatten)]
    pub watchers: Watchers,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}

/// Take a night's files from where they are into the lake, without closing it.
///
/// Every source of the job is asked, several at a time. What came before is not taken again; what comes is verified and
/// kept as it is received. A file that was delivered before with other bytes is restated, and said to be.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout fetch jobs/nightly.toml --date 2026-11-17
  tieout fetch jobs/nightly.toml --date 2026-11-17 --only wechat_pay --again     ask for its bill anew")]
pub struct Fetch {
    /// The job file.
    pub job: PathBuf,
    /// The business date, in the job's time zone.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: NaiveDate,
    /// Only sources of this name; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Also ask sources that have delivered all there will be: what is other than before is restated.
    #[arg(long)]
    pub again: bool,
    /// End with one line of JSON on stdout instead of the list.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// What time it is.
    #[command(flatten)]
    pub moment: Moment,
}

/// The moment deadlines are held against.
#[derive(Args, Debug)]
pub struct Moment {
    /// As if it were this time: deadlines and signatures go by it. The clock when not given.
    #[arg(long, value_name = "RFC 3339", hide_short_help = true)]
    pub now: Option<DateTime<Utc>>,
}

/// Show the nights of a job: how they closed, and what is open.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout status jobs/nightly.toml
  tieout status jobs/nightly.toml --json | jq '.nights[-1].open'")]
pub struct Status {
    /// The job file.
    pub job: PathBuf,
    /// How many nights to show, the newest last.
    #[arg(long, default_value_t = 14)]
    pub nights: usize,
    /// Print one JSON object instead.
    #[arg(long)]
    pub json: bool,
}

/// Tell everything about one order, reference, entry or break.
///
/// Every line that states it, every record of it, the rule that matched them or the verdict, and, where nothing
/// matched, what came near and in what it differed.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout explain jobs/nightly.toml SO20261117000004
  tieout explain jobs/nightly.toml 4200002026111700000000000042 --date 2026-11-18")]
pub struct Explain {
    /// The job file.
    pub job: PathBuf,
    #[expect(clippy::doc_markdown, reason = "shown as help, where a back-tick would be read")]
    /// An order_id, attempt_id, refund_id, merchant or provider reference, entry_id, match_id or break_id.
    pub id: String,
    /// Only this night; all published nights when not given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<NaiveDate>,
    /// Print one JSON object instead.
    #[arg(long)]
    pub json: bool,
}

/// Write a file for others, out of published nights.
#[derive(Args, Debug)]
pub struct Export {
    /// What to write.
    #[command(subcommand)]
    pub action: ExportAction,
}

/// What to write for others.
#[derive(Debug, Subcommand)]
pub enum ExportAction {
    /// Write what providers charged above their contracts, to send to them.
    Claims(Claims),
    /// Write journals for the ledger, as proposals: nothing is posted.
    Journal(Journal),
    /// Write the evidence of one night, as a ZIP archive.
    Evidence(Evidence),
    /// Write one night as an HTML page, for finance and for whoever is on call.
    Page(Page),
    /// Write the exceptions of one night as a workbook for Excel, to work in, comment and sign.
    Workbook(Book),
}

/// Write what providers charged above their contracts, to send to them.
///
/// CSV: one row per line, or per batch where the contract rounds by batch, that was charged more than the rule it falls
/// under; then one row per provider and currency with the sums. Card numbers are masked, and no cell is a formula.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout export claims jobs/nightly.toml --from 2026-11-17 --to 2026-11-19
  tieout export claims jobs/nightly.toml --from 2026-11-01 --to 2026-11-30 --provider stripe --out stripe-2026-11.csv")]
pub struct Claims {
    /// The job file.
    pub job: PathBuf,
    /// The first night.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: NaiveDate,
    /// The last night. Every night between must be published.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: NaiveDate,
    /// Only claims against this provider.
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The file to write; stdout when not given.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Write journals for the ledger, as proposals: nothing is posted.
///
/// CSV: one row per line of a journal; a journal for each night, provider, account and currency. What the provider states
/// is booked by kind, gross and fee apart, on the accounts the job names in its section `journal`. Every journal balances to the last
/// digit, and moves the clearing account by what its entries settle. Differences that are open are not booked.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout export journal jobs/nightly.toml --date 2026-11-17
  tieout export journal jobs/nightly.toml --from 2026-11-01 --to 2026-11-30 --out journal-2026-11.csv")]
pub struct Journal {
    /// The job file.
    pub job: PathBuf,
    /// The night.
    #[arg(long, value_name = "YYYY-MM-DD", required_unless_present = "from", conflicts_with_all = ["from", "to"])]
    pub date: Option<NaiveDate>,
    /// The first night of several.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<NaiveDate>,
    /// The last night. Every night between must be published.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<NaiveDate>,
    /// The file to write; stdout when not given.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Describe the published tables, and the files people write.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout schema              the tables, one line each
  tieout schema entries      the columns of one table: type, unit, meaning, source
  tieout schema --json | jq -r '.[] | .table as $table | .columns[] | [$table, .name, .unit] | @tsv'
  tieout schema --write schemas/tables
  tieout schema --views > views.sql                      the tables and common questions as views of DuckDB
  tieout schema --json-schema job > job.schema.json      what a job may say, for an editor")]
pub struct Schema {
    /// The table.
    pub table: Option<String>,
    /// Write the pages of all tables into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "table")]
    pub write: Option<PathBuf>,
    /// Print them as one JSON text, or the one table.
    #[arg(long, conflicts_with = "write")]
    pub json: bool,
    /// Print SQL that makes views of a lake: of every table, and of common questions.
    #[arg(long, conflicts_with_all = ["table", "write", "json"])]
    pub views: bool,
    /// Print the JSON Schema of a file people write, for an editor to check and complete it by; or of the last line of a run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "write", "json", "views"])]
    pub json_schema: Option<Written>,
}

/// A file people write, or a line programs read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Written {
    /// `jobs/*.toml`.
    Job,
    /// `schemas/providers/*/*.toml` and `schemas/merchant/*.toml`.
    Format,
    /// The object a run ends with.
    Summary,
}

/// List, show, recognise or draft file formats.
#[derive(Args, Debug)]
pub struct Formats {
    /// What to do with formats.
    #[command(subcommand)]
    pub action: FormatsAction,
}

/// What to do with formats.
#[derive(Debug, Subcommand)]
pub enum FormatsAction {
    /// List the formats that are known.
    List {
        /// A folder of formats of your own, as a job names it.
        #[arg(long, value_name = "FOLDER")]
        formats: Option<PathBuf>,
    },
    /// Print a format file.
    Show {
        /// Its name, such as `wechat_pay/trade_bill`.
        name: String,
        /// A folder of formats of your own, as a job names it.
        #[arg(long, value_name = "FOLDER")]
        formats: Option<PathBuf>,
    },
    /// Read one file as a format does: what its lines become, what ties, what is rejected.
    Read {
        /// The file.
        file: PathBuf,
        /// The format; recognised by the layout when not given.
        #[arg(long, value_name = "NAME")]
        format: Option<String>,
        /// A folder of formats of your own, as a job names it.
        #[arg(long, value_name = "FOLDER")]
        formats: Option<PathBuf>,
    },
    /// Begin a format file for a file no format fits: what can be seen is written, what is guessed is marked TODO.
    Draft {
        /// The file.
        file: PathBuf,
        /// What to call it: the provider and the report.
        #[arg(long, value_name = "PROVIDER/REPORT")]
        name: Option<String>,
    },
    /// Tell which format, layout and account a file has; or the nearest format, and the difference column by column.
    Recognise {
        /// The file.
        file: PathBuf,
        /// A folder of formats of your own, as a job names it.
        #[arg(long, value_name = "FOLDER")]
        formats: Option<PathBuf>,
        /// Print one JSON object instead.
        #[arg(long)]
        json: bool,
    },
}

/// Write sample nights of any size, with an answer key.
///
/// One invented merchant, four providers in their own file formats, its bank, its own records, and `answers.csv`: every
/// break each night must find. The same arguments give the same bytes.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  tieout sample /data/sample                                       three small nights
  tieout sample /data/load --orders 1000000 --nights 1 --seed 11   one big one")]
pub struct Sample {
    /// The folder to write.
    pub out: PathBuf,
    /// Orders a night.
    #[arg(long, default_value_t = 24)]
    pub orders: u32,
    /// Nights, one after another.
    #[arg(long, default_value_t = 3)]
    pub nights: u32,
    /// What chance begins with.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// The first business date.
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-11-17")]
    pub date: NaiveDate,
}
