//! One file to rows in memory, read with a shipped format; and on to one table, put in order and written as the lake
//! writes it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use arrow::array::ArrayRef;
use chrono::NaiveDate;
use tieout::error::Result;
use tieout::format::control::check_delivery;
use tieout::format::shipped::Library;
use tieout::format::{Format, Target, container, read};
use tieout::lake::Lake;
use tieout::night::VERSION;
use tieout::stage::normalize::{Delivered, Repeated, normalize};
use tieout::stage::records::records;
use tieout::table::part::{nothing, same_word};
use tieout::table::rows::Rows;
use tieout::table::sheet::Sheet;

/// How it went.
pub(crate) struct Ran {
    /// From opening the file to its rows in memory, or to the table on the disk.
    pub(crate) seconds: f64,
    /// Bytes of the file out of its container.
    pub(crate) bytes: u64,
    /// Rows it became.
    pub(crate) rows: usize,
}

/// Reads `file`, of which every line must be read and every total tie.
pub(crate) fn read(file: &Path, format: &str) -> Result<Ran> {
    let format = Library::shipped().load(format)?;
    let bytes = unpacked(file, &format)?;
    let begin = Instant::now();
    let decoded = read::read(file, &format)?;
    let seconds = begin.elapsed().as_secs_f64();
    check_delivery(&format, &[&decoded])?;
    assert_eq!(decoded.rejects, [], "a line is rejected");
    let rows = decoded.parts.iter().map(|part| part.lines.len()).sum();
    Ok(Ran { seconds, bytes, rows })
}

/// Turns `file` into the table its format is of, written to `out`.
pub(crate) fn run(file: &Path, format: &str, out: &Path) -> Result<Ran> {
    let format = Library::shipped().load(format)?;
    let bytes = unpacked(file, &format)?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let lake = tempfile::tempdir_in(folder).expect("there is room beside the table");
    let lake = Lake::open(lake.path())?;
    let night = NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day of the calendar");
    let lock = lake.lock(night)?;
    let begin = Instant::now();
    let sheet = sheet(file, &format, night)?;
    let rows = sheet.rows;
    let staging = lake.stage(&lock, VERSION);
    rayon::in_place_scope(|writers| staging.add(writers, sheet));
    let outputs = staging.finish()?;
    let seconds = begin.elapsed().as_secs_f64();
    let staged = lake.root().join(format!("staging/{night}/{}.parquet", outputs[0].table));
    fs::rename(staged, out).expect("the table is on the same disk");
    Ok(Ran { seconds, bytes, rows })
}

/// Bytes of a file out of its container.
fn unpacked(file: &Path, format: &Format) -> Result<u64> {
    container::open(file, format, |opened| Ok(io::copy(opened.text, &mut io::sink()).expect("the file is readable")))
}

/// The table of a file, matched with nothing.
fn sheet(file: &Path, format: &Format, night: NaiveDate) -> Result<Sheet> {
    let decoded = read::read(file, format)?;
    let mut delivered = [Delivered {
        number: 0,
        provider: format.provider(),
        account: "bench",
        format,
        file_id: "0123456789abcdef",
        name: "bill",
        decoded,
        rows: 0,
    }];
    let rows = match format.target {
        Target::Entries => normalize(&mut delivered, &Repeated::default(), night),
        target => records(&mut delivered, target, &Repeated::default(), night),
    };
    let said = |column: &dyn Fn(usize) -> ArrayRef| rows.parts.iter().map(|part| column(part.num_rows())).collect();
    let mut found = vec![("outcome", said(&|rows| same_word("excluded", rows))), ("outcome_reason", said(&nothing))];
    found.retain(|(name, _)| format.target.filled_by_stages().contains(name));
    Ok(Rows::sheet(&rows, format.target.table(), found))
}
