//! What fuzzing found (`tests/fuzz`), made small, each with what was wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tieout::error::Exit;
use tieout::format::Format;
use tieout::format::draft::draft;
use tieout::format::look::Look;
use tieout::format::read;
use tieout::format::shipped::Library;
use tieout::format::split::{Piece, Splitter};
use tieout::source::pattern::Pattern;

use super::formats::wire;

/// The fuzzer has a lock of its own. It was left behind by what the program came to use, and no fuzzer could be built.
#[test]
fn the_fuzzer_is_built_of_what_the_program_is() {
    let read = |path: &str| toml::from_str::<toml::Table>(&fs::read_to_string(path).unwrap()).unwrap();
    let locked = |path: &str| -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
        let mut packages: BTreeMap<_, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
        for package in read(path)["package"].as_array().unwrap() {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            let (versions, uses) = packages.entry(text("name")).or_default();
            versions.insert(text("version"));
            let named = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
            uses.extend(named.map(|of| of.as_str().unwrap().split(' ').next().unwrap().to_owned()));
        }
        packages
    };
    let (program, fuzzer) = (locked("Cargo.lock"), locked("tests/fuzz/Cargo.lock"));
    for (name, (versions, _)) in &fuzzer {
        let is_own = ["tieout-fuzz", "libfuzzer-sys", "arbitrary"].contains(&name.as_str());
        assert!(is_own || versions.is_subset(&program[name].0), "{name}: {versions:?}");
    }
    let manifest = read("Cargo.toml");
    let depends = |table: &toml::Value| table["dependencies"].as_table().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let needed = &depends(&manifest.clone().into()) | &depends(&manifest["target"]["cfg(unix)"]);
    assert_eq!(fuzzer["tieout"].1, needed);
}

/// Where a chunk had a quote anywhere, a `\r` ended each of its rows; elsewhere it was a letter of a cell. So the rows
/// of a file depended on where it was cut into chunks.
#[test]
fn a_return_inside_a_row_is_part_of_it_whatever_the_other_rows_hold() {
    let splitter = Splitter { delimiter: b',', quote: Some(b'"'), columns: 2, ..Splitter::default() };
    let rows = |text: &str| {
        let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
        splitter.split(text.as_bytes(), 1, |piece| match piece {
            Piece::Row { line, cells, .. } => {
                rows.push((line, (0..cells.len()).map(|at| String::from_utf8(cells.get(at).to_vec()).unwrap()).collect()));
            }
            other => panic!("every line is a row: {other:?}"),
        });
        rows
    };
    let plain = rows("a\rb,c\r\nd,e\r\n");
    assert_eq!(plain, [(1, vec!["a\rb".to_owned(), "c".to_owned()]), (2, vec!["d".to_owned(), "e".to_owned()])]);
    assert_eq!(rows("a\rb,c\r\nd,e\r\n\"f\",g\r\n")[..2], plain);
    assert_eq!(rows("\"a\rb\",\"c\"\r\n\"d\",\"e\"\r"), plain, "quoted, and the last without its whole line end");
}

/// A quote in a comment made a block end inside a row, where a quoted cell holds a line end. So the rows of a file depended
/// on where it was cut into blocks.
#[test]
fn a_block_ends_with_a_row_wherever_it_is_cut() {
    let splitter = Splitter { delimiter: b',', quote: Some(b'"'), comment: b"#".to_vec(), columns: 2, ..Splitter::default() };
    let text = "# 5\" wide\na,\"b\nb\"\n# \"\r\nc,d\n\"e\n,\"\"\",f\n\n# \"\"\"\n\"g\",\"h\n\n\"\n";
    let pieces = |text: &str, first_line: u64| {
        let mut pieces: Vec<(u64, Vec<Vec<u8>>)> = Vec::new();
        splitter.split(text.as_bytes(), first_line, |piece| {
            pieces.push(match piece {
                Piece::Row { line, cells, .. } => (line, (0..cells.len()).map(|at| cells.get(at).to_vec()).collect()),
                Piece::Framing { line, text } => (line, vec![text.to_vec()]),
                other => panic!("every line is a row or framing: {other:?}"),
            });
        });
        pieces
    };
    let whole = pieces(text, 1);
    assert_eq!(whole.iter().filter(|(_, cells)| cells.len() == 2).count(), 4, "{whole:?}");
    for cut in 0..=text.len() {
        let (block, rest) = text.split_at(splitter.whole_rows(&text.as_bytes()[..cut]));
        let lines = block.matches('\n').count() as u64;
        assert_eq!([pieces(block, 1), pieces(rest, 1 + lines)].concat(), whole, "cut at byte {cut}");
    }
}

/// Net was computed from a gross that no row had, which stopped the program.
#[test]
fn a_row_no_rule_gives_a_gross_is_a_reject() {
    let format = Format::parse("own/report", "title = \"\"\n[[layout]]\nname = \"\"\ncolumns = [\"a\"]", &|_| None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.csv");
    fs::write(&path, "a\n1\n").unwrap();
    let decoded = read::read(&path, &format).unwrap();
    assert!(decoded.parts.is_empty());
    assert_eq!((decoded.rejects[0].line, decoded.lines), (2, 2));
    assert!(decoded.rejects[0].reason.starts_with("is not a kind") || decoded.rejects[0].reason.starts_with("has no currency"));
}

/// A layout chrono knows, but not of a date, stopped the program when the first name was made.
#[test]
fn a_name_asks_a_date_only_for_what_it_has() {
    for layout in ["%H", "%z", "%s"] {
        let error = Pattern::new(&format!("bill_{{date:{layout}}}.csv")).unwrap_err();
        assert_eq!((error.exit, &error.what[..]), (Exit::BadConfiguration, "not a layout of a date"));
    }
    assert!(Pattern::new("bill_{date+1:%Y-%m-%d}.csv").is_ok());
}

/// The Parquet library asserts what a file should be; a spoiled one then looked like a mistake of the program.
#[test]
fn a_spoiled_parquet_file_is_read_or_refused() {
    let format = Library::shipped().load("merchant/orders").unwrap();
    let bytes = wire::parquet("order_id,created_at,amount,currency,status\nSO-1,2026-11-17T10:00:00+08:00,1.00,CNY,paid\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.parquet");
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(3) {
        let mut spoiled = bytes.clone();
        spoiled[at] = spoiled[at].wrapping_add(1);
        fs::write(&path, spoiled).unwrap();
        refused += u32::from(read::read(&path, &format).is_err_and(|error| error.exit == Exit::BadData));
    }
    assert!(refused > 0);
}

/// A page of a few bytes may say that it is a billion rows of nothing, each of which became a reject, until no memory was
/// left.
#[test]
fn a_parquet_file_has_no_more_rows_than_its_bytes_can_tell_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.parquet");
    // The second would not fill memory, but took a second for some kilobytes.
    for count in [2_000_000, 20_000] {
        let nothing: ArrayRef = Arc::new(StringArray::new_null(count));
        let rows = RecordBatch::try_from_iter([("order_id", nothing)]).unwrap();
        let one_page = WriterProperties::builder().set_data_page_row_count_limit(count).set_write_batch_size(count).build();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), Some(one_page)).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let bytes = fs::metadata(&path).unwrap().len();
        assert!(bytes < count as u64 / 20, "the test needs a small file, not {bytes} bytes");
        let error = read::read(&path, &Library::shipped().load("merchant/orders").unwrap()).unwrap_err();
        assert_eq!((error.exit, error.found), (Exit::BadData, Some(format!("{count} rows in {bytes} bytes"))));
    }
}

/// The Parquet library counts through a list of truth values nobody asked for without taking a byte of it, so that a few
/// bytes kept it busy for a second, as often as they were repeated.
#[test]
fn a_header_of_parquet_lists_no_more_than_its_bytes() {
    // A field of number 100 that is a list of two billion truth values; and of number 0, so that the field behind it, which
    // is told by its distance, keeps its number.
    let [late, early] =
        [&[0x09, 0xc8, 0x01, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07][..], &[0x09, 0, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07]];
    let bytes = wire::parquet("order_id,created_at,amount,currency,status\nSO-1,2026-11-17T10:00:00+08:00,1.00,CNY,paid\n");
    let (body, tail) = bytes.split_at(bytes.len() - 8);
    let length = u32::from_le_bytes(tail[..4].try_into().unwrap()) + u32::try_from(late.len()).unwrap();
    let (stop, before) = body.split_last().unwrap();
    let in_footer = [before, late, &[*stop], &length.to_le_bytes(), &tail[4..]].concat();
    let (mark, page) = bytes.split_at(4);
    let in_page = [mark, early, page].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.parquet");
    for spoiled in [in_footer, in_page] {
        fs::write(&path, spoiled).unwrap();
        let error = read::read(&path, &Library::shipped().load("merchant/orders").unwrap()).unwrap_err();
        assert_eq!(error.exit, Exit::BadData);
        assert_eq!(error.found.as_deref(), Some("a header with a list of truth values where Parquet has none"));
    }
}

/// A value with a control character stood in a comment of the draft, which no reader of TOML then took.
#[test]
fn a_draft_loads_whatever_characters_the_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.csv");
    for letter in ['\u{7f}', '\u{85}'] {
        let told = format!("kind,gro{letter}ss,wal{letter}let\npayment,1.00{letter},go{letter}gle\nrefund,-1.00,{letter}\n");
        fs::write(&path, told).unwrap();
        let text = draft(&Look::at(&path).unwrap(), Some("own/drafted"));
        Format::parse("own/drafted", &text, &|_| None).unwrap_or_else(|error| panic!("{letter:?}: {error}\n{text}"));
    }
}
