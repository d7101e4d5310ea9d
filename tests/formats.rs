//! Golden files of every format: a fixture in `tests/formats/<format>/`, and beside it what is read of it.
//!
//! A fixture is readable text; its name says how it is served ([`wire`]). `<case>.format.toml` beside it is a
//! format of the merchant's own. `UPDATE=1` writes what is expected; a person reads the difference.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use tieout::format::control::check_delivery;
use tieout::format::read::{self, Decoded, Part};
use tieout::format::recognise::recognise;
use tieout::format::shipped::{Library, SHIPPED};
use tieout::format::{Format, Target};
use tieout::table::part::amounts_of;

pub(crate) mod wire;

/// One fixture.
struct Case {
    format: Format,
    fixture: PathBuf,
    expected: PathBuf,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// What a case is called: the name of its fixture up to the first point.
fn case_of(path: &Path) -> &str {
    name_of(path).split('.').next().unwrap()
}

/// Every fixture, by format.
fn cases() -> Vec<Case> {
    let library = Library::shipped();
    let mut cases = Vec::new();
    for provider in entries(&root()).into_iter().filter(|path| path.is_dir()) {
        for report in entries(&provider) {
            let format = library.load(&format!("{}/{}", name_of(&provider), name_of(&report))).unwrap();
            let files = entries(&report);
            let is_fixture = |path: &&PathBuf| !matches!(extension(path), "expected" | "toml");
            for fixture in files.iter().filter(is_fixture) {
                let own = report.join(format!("{}.format.toml", case_of(fixture)));
                let format = if own.exists() { own_format(&own, &library) } else { format.clone() };
                let expected = report.join(format!("{}.expected", case_of(fixture)));
                cases.push(Case { format, fixture: fixture.clone(), expected });
            }
        }
    }
    cases
}

/// Every fixture, and the format it is of.
pub(crate) fn fixtures() -> Vec<(Format, PathBuf)> {
    cases().into_iter().map(|case| (case.format, case.fixture)).collect()
}

fn extension(path: &Path) -> &str {
    path.extension().map_or("", |extension| extension.to_str().unwrap())
}

fn own_format(path: &Path, library: &Library) -> Format {
    let text = fs::read_to_string(path).unwrap();
    Format::parse(&format!("own/{}", case_of(path)), &text, &|parent| library.text(parent).map(str::to_owned)).unwrap()
}

#[test]
fn every_fixture_reads_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let update = std::env::var_os("UPDATE").is_some();
    let mut differences = String::new();
    for case in cases() {
        let (name, bytes) = wire::served(&case.fixture);
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let found = told(&case.format, &path);
        if update {
            fs::write(&case.expected, &found).unwrap();
        }
        let expected = fs::read_to_string(&case.expected).unwrap_or_default();
        if expected != found {
            writeln!(differences, "{}\n--- expected\n{expected}\n--- found\n{found}", case.fixture.display()).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn every_expectation_has_one_fixture() {
    let cases = cases();
    let expected: Vec<&PathBuf> = cases.iter().map(|case| &case.expected).collect();
    let distinct: BTreeSet<&PathBuf> = expected.iter().copied().collect();
    assert_eq!(distinct.len(), expected.len(), "two fixtures of one case");
    for path in entries(&root()).iter().filter(|path| path.is_dir()).flat_map(|provider| entries(provider)) {
        for file in entries(&path) {
            let case = file.with_file_name(format!("{}.expected", case_of(&file)));
            assert!(distinct.contains(&case), "{} belongs to no fixture", file.display());
        }
    }
}

#[test]
fn every_shipped_format_has_a_fixture() {
    let with_fixture: BTreeSet<String> = entries(&root())
        .iter()
        .filter(|path| path.is_dir())
        .flat_map(|provider| entries(provider))
        .map(|report| report.strip_prefix(root()).unwrap().to_str().unwrap().to_owned())
        .collect();
    let shipped: BTreeSet<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(with_fixture, shipped);
}

#[test]
fn every_provider_fixture_is_recognised_by_its_layout() {
    let folder = tempfile::tempdir().unwrap();
    let formats = Library::shipped().all().unwrap();
    for case in cases().into_iter().filter(|case| matches!(case.format.target, Target::Entries | Target::BankLines)) {
        let (_, bytes) = wire::served(&case.fixture);
        let path = folder.path().join("a name that says nothing");
        fs::write(&path, bytes).unwrap();
        let fitting = recognise(&path, &formats).unwrap();
        let fitting: Vec<&str> =
            fitting.iter().filter(|candidate| candidate.fits).map(|candidate| candidate.format.as_str()).collect();
        assert!(fitting.contains(&case.format.name.as_str()), "{}: {fitting:?}", case.fixture.display());
    }
}

/// What is read of the file at `path`, as text.
fn told(format: &Format, path: &Path) -> String {
    let checked = read::read(path, format).and_then(|mut decoded| {
        decoded.tied.extend(check_delivery(format, &[&decoded])?);
        Ok(decoded)
    });
    match checked {
        Ok(decoded) => content(format, &decoded),
        Err(error) => format!("refused\n{error}\n"),
    }
}

/// Layout, counts, totals, then one line for each row and each reject.
fn content(format: &Format, decoded: &Decoded) -> String {
    let rows: usize = decoded.parts.iter().map(|part| part.lines.len()).sum();
    let mut text = format!("layout {}\n", decoded.layout);
    let Decoded { lines, framing, rejects, .. } = decoded;
    writeln!(text, "{lines} lines: {rows} rows, {} rejects, {framing} framing", rejects.len()).unwrap();
    for tied in &decoded.tied {
        writeln!(text, "ties: {} {}", tied.name, tied.figure).unwrap();
    }
    if !decoded.added.is_empty() {
        writeln!(text, "ignored: {}", decoded.added.join(", ")).unwrap();
    }
    text.push('\n');
    for part in &decoded.parts {
        (0..part.lines.len()).for_each(|row| writeln!(text, "{}", line(format, part, row)).unwrap());
    }
    for reject in rejects {
        writeln!(text, "{} rejected: {} `{}` {}", reject.line, reject.column, reject.value, reject.reason).unwrap();
    }
    text
}

/// A row: its line, its kind, and every column that is not empty.
pub(crate) fn line(format: &Format, part: &Part, row: usize) -> String {
    let kind = format.kind.get(usize::from(part.kinds[row])).map_or("", |kind| kind.is.as_str());
    let mut line = format!("{} {kind}", part.lines[row]).trim_end().to_owned();
    for (name, column) in &part.columns {
        if let Some(value) = value(column, row) {
            write!(line, "  {name}={value}").unwrap();
        }
    }
    line
}

fn value(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) || *column.data_type() == DataType::Null {
        return None;
    }
    Some(match column.data_type() {
        DataType::Decimal64(_, 8) | DataType::Decimal128(_, 8) => amounts_of(column).get(row).unwrap().to_string(),
        DataType::Timestamp(..) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            chrono::DateTime::from_timestamp_micros(micros).unwrap().format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
        }
        _ => array_value_to_string(column, row).unwrap(),
    })
}

/// Rows come in any order and name their columns in any order: neither changes what is read.
#[test]
fn order_of_columns_does_not_matter() {
    let by_reference = |case: &str| -> BTreeMap<String, String> {
        let path = root().join(format!("adyen/settlement_detail/{case}.csv"));
        let format = Library::shipped().load("adyen/settlement_detail").unwrap();
        let decoded = read::read(&path, &format).unwrap();
        let lines = decoded.parts.iter().flat_map(|part| (0..part.lines.len()).map(|row| line(&format, part, row)));
        lines.map(|line| line.split_once(' ').map(|(number, rest)| (number.to_owned(), rest.to_owned())).unwrap()).collect()
    };
    assert_eq!(by_reference("every_type"), by_reference("columns_in_another_order"));
}
