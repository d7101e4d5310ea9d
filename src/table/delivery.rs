//! `rejects`, `files`, `nights`: what was delivered and how the close went.

use super::column::Type::{Count, Date, Flag, Text, Word};
use super::column::{Table, optional, required};

/// One row per line that could not be read.
pub static REJECTS: Table = Table {
    name: "rejects",
    grain: "line that could not be read",
    key: &["file_id", "line"],
    columns: &[
        required("business_date", Date, "The night that read it."),
        required("file_id", Word, "The file."),
        required("line", Count, "Its line, counted from one."),
        required("column", Word, "The column that is wrong, by the file's own name."),
        required("value", Text, "What stands there, with long digit runs masked."),
        required("reason", Word, "Why it cannot be read."),
    ],
};

/// One row per input file of the night.
pub static FILES: Table = Table {
    name: "files",
    grain: "input file",
    key: &["file_id", "name"],
    columns: &[
        required("business_date", Date, "The night that read it."),
        required("file_id", Text, "Identity of the file: the first sixteen digits of its SHA-256."),
        required("source", Word, "provider or bank name, or orders, attempts, refunds."),
        required("account", Word, "The merchant's account, or empty text for the merchant's own records."),
        required("name", Text, "Its name as received."),
        required("sha256", Text, "SHA-256 of its bytes as received."),
        required("bytes", Count, "Its size as received.").unit("bytes"),
        required("format", Word, "The format it was read with."),
        required("layout", Word, "Which layout of that format it has."),
        required("state", Word, "read, duplicate (the same bytes twice) or refused."),
        required("lines", Count, "Lines it holds, framing included."),
        required("entries", Count, "Lines that became rows."),
        required("rejects", Count, "Lines that could not be read."),
        required(
            "framing",
            Count,
            "Header, comment, footer and blank lines; of a bank file its statements, and lines of accounts that are left out.",
        ),
        optional("control_totals", Text, "What the file states of itself and was checked, as text."),
        optional("added_columns", Text, "Columns the format does not know, ignored."),
    ],
};

/// One row per close.
pub static NIGHTS: Table = Table {
    name: "nights",
    grain: "close",
    key: &["business_date"],
    columns: &[
        required("business_date", Date, "The night."),
        required("job", Word, "The job."),
        required("generation", Count, "How many times the night has been published with different content."),
        required("complete", Flag, "Whether every provider of the job was read."),
        required("timezone", Word, "Time zone of the business date."),
        optional("previous_night", Date, "The night whose open items were carried in."),
        required("inputs_sha256", Text, "Hash of everything the night depends on: files, job, formats, carried state, version."),
        required("version", Word, "Version of tieout."),
        required("files", Count, "Files read."),
        required("entries", Count, "Entries booked."),
        required("rejects", Count, "Lines refused."),
        required("orders", Count, "Orders read."),
        required("attempts", Count, "Attempts read."),
        required("refunds", Count, "Refunds read."),
        required("matches", Count, "Matches found."),
        required("waiting", Count, "Breaks inside their settlement lag at the close."),
        required("open", Count, "Breaks open at the close."),
        required("cleared", Count, "Breaks cleared this night."),
    ],
};
