//! `rejects`, `files`, `nights`: what was delivered and how the close went.

use super::column::Type::{Count, Date, Flag, Instant, Text, Word};
use super::column::{Table, optional, required};

/// One row per line that could not be read.
pub static REJECTS: Table = Table {
    name: "rejects",
    grain: "line that could not be read",
    key: &["file_id", "line"],
    source: "the file the line stands in",
    columns: &[
        required("business_date", Date, "The night that read it."),
        required("file_id", Word, "The file."),
        required("line", Count, "Its line, counted from one.").unit("number of the line"),
        required("column", Word, "The column that is wrong, by the file's own name."),
        required("value", Text, "What stands there, with long digit runs masked."),
        required("reason", Word, "Why it cannot be read.").source("reading, by the format"),
    ],
};

/// What a source answers when it is asked for the files of a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A file with rows.
    Delivered,
    /// The provider states that nothing happened: a fact.
    NoBill,
    /// A whole file without rows.
    Empty,
    /// Nothing yet, and its deadline is not past.
    Late,
    /// Nothing, and its deadline is past or there is none.
    Missing,
    /// A file that came before with other bytes.
    Restated,
    /// A file no format describes.
    UnknownLayout,
    /// A file that is damaged, truncated, not what was announced, or does not tie.
    Corrupt,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::NoBill,
        Self::Empty,
        Self::Late,
        Self::Missing,
        Self::Restated,
        Self::UnknownLayout,
        Self::Corrupt,
    ];

    /// The answer of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.word() == word)
    }

    /// As it stands in `files`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::NoBill => "no_bill",
            Self::Empty => "empty",
            Self::Late => "late",
            Self::Missing => "missing",
            Self::Restated => "restated",
            Self::UnknownLayout => "unknown_layout",
            Self::Corrupt => "corrupt",
        }
    }
}

/// One row per input file of the night, or source that gave none: the audit of what was asked of whom.
pub static FILES: Table = Table {
    name: "files",
    grain: "input file, or source that gave none",
    key: &["source", "account", "format", "file_id", "name"],
    source: "the source and what it delivered",
    columns: &[
        required("business_date", Date, "The night that read it."),
        required(
            "file_id",
            Text,
            "Identity of the file: the first sixteen digits of its SHA-256. Empty text where there is no file.",
        ),
        required("source", Word, "provider or bank, or orders, attempts, refunds.").source("job"),
        required("account", Word, "The merchant's account, or empty text for the merchant's own records.").source("job"),
        required("name", Text, "Its name as received."),
        required("sha256", Text, "SHA-256 of its bytes as received."),
        required("bytes", Count, "Its size as received.").unit("bytes"),
        required("format", Word, "The format it was read with.").source("job"),
        required("layout", Word, "Which layout of that format it has.").source("reading, by the format"),
        required("state", Word, "read, duplicate (the same bytes twice), refused, or none where there is no file."),
        required(
            "answer",
            Word,
            "What the source answered: delivered, no_bill (nothing happened, it says), empty (a whole file without rows), late, missing, restated (other bytes than before), unknown_layout or corrupt.",
        ),
        optional("said", Text, "In its words, or those of the error."),
        optional("asked_at", Instant, "When it was asked; empty for folders of this machine."),
        optional("tries", Count, "How often it was tried until it answered.").unit("tries"),
        optional("took", Count, "How long it took.").unit("milliseconds"),
        required("lines", Count, "Lines it holds, framing included.").unit("lines").source("reading, by the format"),
        required("entries", Count, "Lines that became rows.").unit("lines").source("reading, by the format"),
        required("rejects", Count, "Lines that could not be read.").unit("lines").source("reading, by the format"),
        required(
            "framing",
            Count,
            "Header, comment, footer and blank lines; of a bank file its statements, and lines of accounts that are left out.",
        )
        .unit("lines")
        .source("reading, by the format"),
        optional("control_totals", Text, "What the file states of itself and was checked, as text.")
            .source("reading, by the format"),
        optional("added_columns", Text, "Columns the format does not know, ignored.").source("reading, by the format"),
    ],
};

/// One row per close.
pub static NIGHTS: Table = Table {
    name: "nights",
    grain: "close",
    key: &["business_date"],
    source: "the run",
    columns: &[
        required("business_date", Date, "The night."),
        required("job", Word, "The job.").source("job"),
        required("generation", Count, "How many times the night has been published with different content.")
            .unit("number of the generation"),
        required("complete", Flag, "Whether every provider of the job was read.").source("`files`"),
        required("timezone", Word, "Time zone of the business date.").source("job"),
        optional("previous_night", Date, "The night whose open items were carried in."),
        required("inputs_sha256", Text, "Hash of everything the night depends on: files, job, formats, carried state, version."),
        required("version", Word, "Version of tieout."),
        required("files", Count, "Files read.").unit("files").source("`files`"),
        required("entries", Count, "Entries booked.").unit("entries").source("`entries`"),
        required("rejects", Count, "Lines refused.").unit("lines").source("`rejects`"),
        required("orders", Count, "Orders read.").unit("orders").source("`orders`"),
        required("attempts", Count, "Attempts read.").unit("attempts").source("`attempts`"),
        required("refunds", Count, "Refunds read.").unit("refunds").source("`refunds`"),
        required("matches", Count, "Matches found.").unit("matches").source("`matches`"),
        required("waiting", Count, "Breaks inside their settlement lag at the close.").unit("breaks").source("`breaks`"),
        required("open", Count, "Breaks open at the close.").unit("breaks").source("`breaks`"),
        required("cleared", Count, "Breaks cleared this night.").unit("breaks").source("`breaks`"),
        required("resolved", Count, "Breaks at the close that a person resolved, this night or before.")
            .unit("breaks")
            .source("`breaks`"),
    ],
};
