//! A draft loads, has the columns of the file it was drafted from, and reads it, as far as the file tells.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use tieout::format::draft::draft;
use tieout::format::header::folded;
use tieout::format::look::Look;
use tieout::format::shipped::Library;
use tieout::format::{Format, account, read};

use crate::formats::wire;
use crate::nights::shown;

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every fixture of a format that is text in columns, as it is served, with the name of its format.
fn fixtures() -> Vec<(String, PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let reports = below(&root).into_iter().filter(|path| path.is_dir()).flat_map(|provider| below(&provider));
    let fixtures = reports.flat_map(|report| {
        let name = report.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        below(&report).into_iter().map(move |path| (name.clone(), path))
    });
    let is_text = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        ![".expected", ".toml", ".ndjson", ".parquet.csv"].iter().any(|end| name.ends_with(end))
    };
    fixtures.filter(|(_, path)| is_text(path)).map(|(name, path)| (name, path.clone(), wire::served(&path).1)).collect()
}

fn drafted(bytes: &[u8]) -> (String, Format, Result<read::Decoded, String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.csv");
    fs::write(&path, bytes).unwrap();
    let text = draft(&Look::at(&path).unwrap(), Some("northpay/settlement"));
    let format = Format::parse("northpay/settlement", &text, &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let read = read::read(&path, &format).map_err(|error| error.to_string());
    (text, format, read)
}

#[test]
fn every_fixture_drafts_a_format_that_has_its_columns() {
    let library = Library::shipped();
    let (mut drafts, mut unread) = (0, Vec::new());
    for (name, path, bytes) in fixtures() {
        let known = library.load(&name).unwrap();
        let file = &known.file;
        if known.refuse.is_some() || file.records.is_some() || !file.fixed_width.is_empty() || file.decoder.is_some() {
            continue;
        }
        let (text, format, read) = drafted(&bytes);
        let shown = path.display();
        if !known.layout.is_empty() {
            let is_known = |column: &String| {
                known.layout.iter().flat_map(|layout| layout.columns.iter().chain(&layout.optional)).any(|name| {
                    folded(name) == folded(column) || name.strip_suffix("*]").is_some_and(|begin| column.starts_with(begin))
                })
            };
            let strange: Vec<_> = format.layout[0].columns.iter().filter(|column| !is_known(column)).collect();
            assert!(strange.len() * 4 <= format.layout[0].columns.len(), "{shown}: {strange:?}");
            let drafted: Vec<String> = format.layout[0].columns.iter().map(|column| folded(column)).collect();
            let lacks = known
                .layout
                .iter()
                .map(|layout| layout.columns.iter().filter(|column| !drafted.contains(&folded(column))).count());
            assert_eq!(lacks.min(), Some(0), "{shown}: no layout has all its columns in the draft\n{text}");
        }
        assert_eq!(format.file.encoding, known.file.encoding, "{shown}");
        assert_eq!(format.file.value_prefix.is_some(), known.file.value_prefix.is_some() && text.contains("value_prefix"));
        drafts += 1;
        if let Err(error) = read {
            unread.push(format!("{shown}: {error}"));
        }
    }
    assert!(drafts > 25);
    assert!(unread.is_empty(), "{}", unread.join("\n"));
}

#[test]
fn a_draft_completed_as_the_readme_says_reads_the_file() {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/draft/northpay.csv")).unwrap();
    let (text, drafted, read) = drafted(&bytes);
    let as_drafted = read.unwrap();
    assert_eq!((as_drafted.rejects.len(), as_drafted.parts[0].lines.len()), (0, 4), "it reads as it is");
    assert_eq!(drafted.row_check.len(), 1);

    let footer = "[[footer]]\nline = \"# {} rows\"\ntotals = [{ name = \"rows\", count = true }]\n";
    let completed = text.replace("zone = \"UTC\"", "zone = \"Europe/Oslo\"").replace("is = \"info\"", "is = \"fee\"") + footer;
    let format = Format::parse("northpay/settlement", &completed, &|_| None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("northpay.csv");
    fs::write(&path, &bytes).unwrap();
    let decoded = read::read(&path, &format).unwrap();
    let part = &decoded.parts[0];
    let kinds: Vec<&str> = part.kinds.iter().map(|kind| format.kind[usize::from(*kind)].is.as_str()).collect();
    assert_eq!(kinds, ["payment", "payment", "refund", "fee"]);
    let column = |name: &str| &part.columns.iter().find(|(column, _)| *column == name).unwrap().1;
    assert_eq!(shown(column("occurred_at"), 0), "2026-11-17T08:15:00Z");
    assert_eq!(shown(column("merchant_refund_reference"), 2), "RF-1");
    assert_eq!(decoded.tied.iter().map(|tied| format!("{} {}", tied.name, tied.figure)).collect::<Vec<_>>(), ["rows 4"]);
    assert_eq!(account::stated(&path, &format).unwrap().as_deref(), Some("NP-1001"));
}

/// Lines of a file, and what its draft must say of them.
const SAID: &[(&str, &[&str])] = &[
    // A day and a month that may be the other way round, amounts that are no decimals, a currency in a name, no kinds.
    (
        "Reference,Booking Date,Amount (EUR)\nA1,01/02/2026,\"1.234,50\"\nA2,03/02/2026,\"-2,00\"\n",
        &[
            "quote = '\"'",
            "time = \"%d/%m/%Y\", zone = \"UTC\" }   # TODO %m/%d/%Y fits too: `01/02/2026`, `03/02/2026`",
            "# TODO an amount is written as `1.234,50`",
            "currency = { value = \"EUR\" }   # TODO",
            "fee = { value = \"0\" }   # TODO no column of fees was found",
            "is = \"refund\"   # TODO no column tells kinds: are there others?",
        ],
    ),
    // Fees with their sign, refunds without theirs, two words of one kind, and a card number.
    (
        "id|type|amount|fee|net|memo\n1|Sale|10.00|-0.30|9.70|4111111111111111\n2|Sale (card)|5.00|-0.10|4.90|x\n3|Refund|5.00|-0.10|4.90|y\n",
        &[
            "delimiter = \"|\"",
            "fee = { subtract = [\"fee\"] }",
            "add = [\"amount\", \"fee\"]\nequals = \"net\"",
            "is = \"payment\"   # TODO is it, for every word?\nwhen = { type = [\"Sale\", \"Sale (card)\"] }",
            "fill = { gross = { subtract = [\"amount\"] } }   # TODO written as positive here",
            "# not used: \"memo\", with `************1111`, `x`, `y`",
        ],
    ),
    // Several rows of one number; times with their offset.
    (
        "transactionId\tcreatedAt\tcurrency\tamount\tstatus\nt1\t2026-11-17T08:00:00Z\tusd\t1.00\tcaptured\nt1\t2026-11-17T09:00:00Z\tusd\t-1.00\trefunded\n",
        &[
            "identity = [\"transactionId\", \"status\"]",
            "time = \"rfc3339\" }\n",
            "currency = { from = \"currency\", case = \"upper\" }",
            "is = \"payment\"\nwhen = { status = \"captured\" }",
        ],
    ),
    // Totals behind the rows: understood, and not.
    (
        "id,type,amount\nA,sale,1.50\nB,sale,2.50\ntotal,rows\n4.00,2\n",
        &["[summary]\nbegins = \"total\"", "{ name = \"total\", add = [\"amount\"] }", "{ name = \"rows\", count = true }"],
    ),
    ("id,type,amount\nA,sale,1.50\nB,sale,2.50\ntotal,rows\n4.00,9\n", &["# [summary]", "#   { name = \"rows\" },"]),
    (
        "id,type,amount\nA,sale,1.50\nthe end\n",
        &["# TODO these lines behind the rows are read as rows, and rejected:\n#   the end"],
    ),
    // Lines before the names that no key reads past.
    ("Report of a shop\nid,type,amount\nA,sale,1.50\n", &["# TODO 1 lines stand before the names"]),
];

#[test]
fn what_is_seen_is_written_and_what_is_guessed_is_marked() {
    for (lines, said) in SAID {
        let (text, _, _) = drafted(lines.as_bytes());
        for part in *said {
            assert!(text.contains(part), "{part}\n--- in\n{text}");
        }
    }
}
