//! The workbook of a night: its figures, that nothing in it runs, and the comments that come back from it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use calamine::{Data, Range, Reader, Xlsx};
use chrono::NaiveDate;
use rust_xlsxwriter::{Formula, Worksheet};
use tieout::job::comments::Comments;
use tieout::lake::Lake;
use tieout::money::Amount;
use tieout::report::page::Language;
use tieout::report::workbook::Workbook;
use tieout::table::column::Table;
use tieout::table::delivery::FILES;
use tieout::table::fees::FEES;
use tieout::table::payouts::PAYOUTS;
use tieout::table::reconciliation::{BREAKS, ROLLFORWARD};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::harness::{Place, Ran};
use crate::journal::ACCOUNTS;
use crate::nights::{november, rows};

const JOB: &str = "jobs/nightly.toml";
const REFUNDS: &str = "sample-data/merchant/refunds_20261118.csv";
/// What somebody may call a refund, in the hope that it is run where it is read, and one that no double holds.
const HOSTILE: [&str; 7] =
    ["=1+1", "+SUM(A1:A9)", "-2+3", "@cmd", "</t></si><f>1</f>\u{202e}&", "=HYPERLINK(\"http://x\")", "R_x0041_"];
const LARGE: &str = "1234567890123456.78";

type Rows = Vec<BTreeMap<String, String>>;

fn run(place: &Place, arguments: &str) -> String {
    let ran = place.run(arguments);
    assert_eq!(ran.code, 0, "{}", ran.whole());
    ran.stdout
}

/// Three nights, the second with hostile records.
fn nights() -> Place {
    let place = Place::with_sample_nights();
    let mut text = String::from_utf8(place.read(REFUNDS)).unwrap();
    let mut refund = |id: &str, amount: &str| {
        let id = id.replace('"', "\"\"");
        text = format!(
            "{text}\"{id}\",SO20261118000009,stripe,SO20261118000009,\"{id}\",2026-11-18T23:00:00+08:00,{amount},USD,succeeded\n"
        );
    };
    for id in HOSTILE {
        refund(id, "1.00");
    }
    refund("4111111111111111", "1.00");
    refund("R large", LARGE);
    place.write(REFUNDS, text);
    place.write(JOB, format!("{}\n{ACCOUNTS}", String::from_utf8(place.read(JOB)).unwrap()));
    for night in ["17", "18", "19"] {
        run(&place, &format!("run {JOB} --date 2026-11-{night} --quiet"));
    }
    place
}

fn closed() -> &'static Place {
    static CLOSED: OnceLock<Place> = OnceLock::new();
    CLOSED.get_or_init(nights)
}

/// The workbook of the 18th, as it is in its file.
fn exported(place: &Place, job: &str, more: &str) -> Vec<u8> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("book-{}.xlsx", NUMBER.fetch_add(1, Ordering::Relaxed));
    run(place, &format!("export workbook {job} --date 2026-11-18 --to {name} {more}"));
    place.read(&name)
}

fn sheet(bytes: &[u8], name: &str) -> Range<Data> {
    Xlsx::new(Cursor::new(bytes)).unwrap().worksheet_range(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The rows of a sheet by its headings, which stand in row `header`, down to the first that is empty.
fn table(range: &Range<Data>, header: usize) -> Vec<BTreeMap<String, Data>> {
    let mut rows = range.rows().skip(header);
    let labels: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).filter(|label| !label.is_empty()).collect();
    let filled = rows.take_while(|row| row.iter().any(|cell| !cell.to_string().is_empty()));
    filled.map(|row| labels.iter().cloned().zip(row.iter().cloned()).collect()).collect()
}

/// The row of a sheet in whose first columns a heading stands.
fn header(range: &Range<Data>, labels: &[&str]) -> usize {
    let is_it = |row: &[Data]| labels.iter().enumerate().all(|(at, label)| row.get(at).is_some_and(|cell| cell == *label));
    range.rows().position(is_it).unwrap_or_else(|| panic!("no table {labels:?}"))
}

fn published(place: &Place, table: &'static Table) -> Rows {
    rows(&Lake::open(&place.path("lake")).unwrap().read(table, november(18)).unwrap())
}

/// Whether a number is, to the last bit, what digits say.
fn is_number(number: f64, digits: &str) -> bool {
    number.total_cmp(&digits.parse().unwrap()).is_eq()
}

/// Whether a cell is the number that an amount of the tables says, or nothing where it says nothing.
#[track_caller]
fn is_amount(cell: &Data, text: &str) {
    match cell {
        Data::Float(number) => assert!(is_number(*number, text), "{number} is not {text}"),
        Data::Empty => assert_eq!(text, ""),
        Data::String(shown) => {
            let digits = text.trim_end_matches(['0', '.']).chars().filter(char::is_ascii_digit).count();
            assert!(
                digits > 15 && Amount::parse(shown.as_bytes(), 8) == Amount::parse(text.as_bytes(), 8),
                "{shown} is not {text}"
            );
        }
        other => panic!("{other:?} is no amount"),
    }
}

#[track_caller]
fn is_date(cell: &Data, text: &str) {
    let Data::DateTime(moment) = cell else { panic!("{cell:?} is no date") };
    let (year, month, day, ..) = moment.to_ymd_hms_milli();
    assert_eq!(NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).unwrap().to_string(), text);
}

/// The parts of a file of Excel by their names.
fn parts(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut read = |at| {
        let mut part = archive.by_index(at).unwrap();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        (String::from_utf8_lossy(part.name_raw()).into_owned(), text)
    };
    (0..ZipArchive::new(Cursor::new(bytes)).unwrap().len()).map(&mut read).collect()
}

#[test]
fn it_is_the_same_twice_whatever_wrote_it() {
    let place = closed();
    let first = exported(place, JOB, "");
    assert!(first == exported(place, JOB, "--language en") && first == exported(place, "lake", ""));
    run(place, &format!("export workbook {JOB} --date 2026-11-18"));
    assert!(first == place.read("night-2026-11-18.xlsx"));
    let core = &parts(&first)["docProps/core.xml"];
    assert!(core.contains("2026-11-18T00:00:00Z"), "it was made on its night: {core}");
}

#[test]
fn its_breaks_are_those_of_the_night() {
    let place = closed();
    let book = exported(place, JOB, "");
    let breaks = published(place, &BREAKS);
    for (name, state) in [("Exceptions", "open"), ("Timing", "waiting")] {
        let shown: BTreeMap<String, BTreeMap<String, Data>> =
            table(&sheet(&book, name), 0).into_iter().map(|row| (row["Break"].to_string(), row)).collect();
        let of: Vec<_> = breaks.iter().filter(|row| row["state"] == state).collect();
        assert!(of.len() > 3 && shown.len() == of.len(), "{name}: {} of {}", shown.len(), of.len());
        for row in of {
            let cells = &shown[&row["break_id"]];
            is_amount(&cells["Difference"], &row["difference"]);
            is_amount(&cells["Merchant amount"], &row["merchant_amount"]);
            is_amount(&cells["Provider amount"], &row["provider_amount"]);
            is_date(&cells["First seen"], &row["first_seen"]);
            assert_eq!(cells["Age, days"], Data::Float(row["age_days"].parse().unwrap()));
            let masked = |text: &str| text.replace("4111111111111111", "************1111").replace('\u{202e}', "\u{fffd}");
            let ids = [
                ("Order", "order_id"),
                ("Merchant reference", "merchant_reference"),
                ("Provider reference", "provider_reference"),
                ("Attempt", "attempt_id"),
                ("Refund", "refund_id"),
                ("Entry", "entry_id"),
                ("Account", "account"),
                ("Currency", "currency"),
            ];
            for (label, column) in ids {
                let text = masked(&row[column]);
                let expected = if text.is_empty() { Data::Empty } else { Data::String(text) };
                assert_eq!(cells[label], expected, "{label}");
            }
        }
    }
    let large = table(&sheet(&book, "Timing"), 0).into_iter().find(|row| row["Refund"] == "R large").unwrap();
    assert_eq!(large["Merchant amount"], Data::String(format!("-{LARGE}")), "no double holds it, so it is text");
}

#[test]
fn its_summary_and_ageing_tie_to_the_tables() {
    let place = closed();
    let book = exported(place, JOB, "");
    let summary = sheet(&book, "Summary");
    let rolled = table(&summary, header(&summary, &["Provider", "Currency", "Opening"]));
    let closing: i64 = published(place, &ROLLFORWARD).iter().map(|row| row["closing"].parse::<i64>().unwrap()).sum();
    let count = |cell: &Data| cell.to_string().parse::<i64>().unwrap();
    assert!(closing > 0 && rolled.iter().map(|row| count(&row["Closing"])).sum::<i64>() == closing);
    assert!(rolled.iter().all(|row| row["Ties?"] == "ties"));
    let by_type = table(&summary, header(&summary, &["Type", "Currency", "Opening"]));
    assert_eq!(by_type.len(), published(place, &ROLLFORWARD).len());
    let totals = table(&summary, header(&summary, &["Total", "Provider", "Currency"]));
    assert!(totals.len() > 20);
    for total in &totals {
        assert_eq!(total["Stated, count"], total["Computed, count"]);
        assert_eq!(total["Stated"], total["Computed"]);
        assert_eq!(total["Ties?"].to_string(), "ties");
    }
    let ageing = sheet(&book, "Ageing");
    let aged = table(&ageing, header(&ageing, &["Provider", "State", "Currency"]));
    let mut counted = BTreeMap::new();
    for row in published(place, &BREAKS).into_iter().filter(|row| ["open", "waiting"].contains(&row["state"].as_str())) {
        *counted.entry((row["state"].clone(), row["currency"].clone(), row["age_bucket"].clone())).or_insert(0) += 1;
    }
    let mut shown = BTreeMap::new();
    for row in &aged {
        for bucket in ["0-1", "2-3", "4-7", "8-30", ">30"] {
            let count = count(&row[&format!("{bucket} days")]);
            if count > 0 {
                *shown.entry((row["State"].to_string(), row["Currency"].to_string(), bucket.to_owned())).or_insert(0) += count;
            }
        }
    }
    assert_eq!(shown, counted);
    assert_eq!(aged.iter().map(|row| count(&row["All"])).sum::<i64>(), closing, "ageing is what the roll-forward closes with");
}

#[test]
fn its_money_sheets_have_the_rows_of_the_tables() {
    let place = closed();
    let book = exported(place, JOB, "");
    let lines: Vec<_> = table(&sheet(&book, "Fees"), 0);
    let fees = published(place, &FEES);
    assert!(!fees.is_empty() && lines.len() == fees.len());
    for (shown, row) in lines.iter().zip(&fees) {
        for (label, column) in
            [("Volume", "volume"), ("Charged", "charged"), ("Contracted", "contracted"), ("Difference", "difference")]
        {
            is_amount(&shown[label], &row[column]);
        }
        let Data::Float(rate) = shown["Effective rate"] else { continue };
        assert!(is_number(rate, &row["effective_rate"]));
    }
    let (shown, payouts) = (table(&sheet(&book, "Payouts"), 0), published(place, &PAYOUTS));
    assert_eq!(shown.len(), payouts.len());
    for row in payouts {
        let cells = shown
            .iter()
            .find(|cells| {
                [&cells["Payout"], &cells["Currency"]].map(ToString::to_string) == [&*row["reference"], &row["currency"]]
            })
            .unwrap();
        is_amount(&cells["Expected"], &row["expected"]);
        is_amount(&cells["In the bank"], &row["bank_amount"]);
    }
    let journals = table(&sheet(&book, "Journals"), 0);
    let side = |label: &str| journals.iter().filter_map(|row| row[label].to_string().parse::<f64>().ok()).sum::<f64>();
    assert!(journals.len() > 4 && (side("Debit") - side("Credit")).abs() < 0.005);
    let sources = sheet(&book, "Sources");
    let listed = table(&sources, header(&sources, &["Source", "Account", "File"]));
    let hashes: Vec<String> = listed.iter().map(|row| row["SHA-256"].to_string()).collect();
    let files: Vec<String> = published(place, &FILES).into_iter().map(|row| row["sha256"].clone()).collect();
    assert_eq!(hashes, files);
}

#[test]
fn nothing_in_it_runs() {
    for language in ["en", "zh"] {
        let parts = parts(&exported(closed(), JOB, &format!("--language {language}")));
        let all: String = parts.values().map(String::as_str).collect();
        let sheets: Vec<&String> =
            parts.iter().filter(|(name, _)| name.starts_with("xl/worksheets/")).map(|(_, text)| text).collect();
        assert_eq!(sheets.len(), 11);
        for text in sheets {
            let runs = ["<f>", "<f ", "<hyperlink", "<oleObject", "<drawing"].iter().any(|tag| text.contains(tag));
            assert!(!runs);
        }
        assert!(!parts.keys().any(|name| name.contains("externalLink") || name.contains("vba") || name.contains("connections")));
        assert!(!all.contains("4111111111111111") && !all.contains('\u{202e}'));
        for hostile in &HOSTILE[..4] {
            assert!(all.contains(&format!("<t>{hostile}</t>")), "{hostile} is there, as text");
        }
    }
}

#[test]
fn it_shows_who_signed() {
    let place = nights();
    let at = |book: &[u8]| {
        let summary = sheet(book, "Summary");
        table(&summary, header(&summary, &["Part", "Name"])).iter().map(|row| row["Name"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(at(&exported(&place, JOB, "")), ["", ""], "room for two to sign");
    run(&place, &format!("signoff {JOB} --date 2026-11-18 --role preparer --by Anna"));
    assert_eq!(at(&exported(&place, JOB, "")), ["Anna", ""]);
    run(&place, &format!("signoff {JOB} --date 2026-11-18 --role reviewer --by Ben"));
    assert_eq!(at(&exported(&place, JOB, "")), ["Anna", "Ben"]);
}

#[test]
fn what_a_sheet_does_not_hold_goes_on_in_another() {
    let lake = Lake::open(&closed().path("lake")).unwrap();
    let manifest = lake.manifest(november(18)).unwrap().unwrap();
    let comments = Comments::default();
    let write = |rows: usize| {
        let mut bytes = Cursor::new(Vec::new());
        Workbook::of(&lake, &manifest, &comments)
            .unwrap()
            .in_sheets_of(rows)
            .write(Language::English, &mut bytes, "book")
            .unwrap();
        bytes.into_inner()
    };
    let ids =
        |bytes: &[u8], name: &str| table(&sheet(bytes, name), 0).iter().map(|row| row["Break"].to_string()).collect::<Vec<_>>();
    let (whole, parts) = (write(usize::MAX), write(2));
    let all = ids(&whole, "Exceptions");
    let mut read = ids(&parts, "Exceptions");
    assert_eq!(read.len(), 2);
    for number in 2..=all.len().div_ceil(2) {
        read.extend(ids(&parts, &format!("Exceptions {number}")));
    }
    assert_eq!(read, all);
}

/// A workbook as a person sends it back: the breaks and comments of each sheet, and of which night it is.
struct Sent {
    exceptions: Vec<[String; 2]>,
    timing: Vec<[String; 2]>,
    about: [String; 3],
}

impl Sent {
    fn of(place: &Place) -> Self {
        let manifest = Lake::open(&place.path("lake")).unwrap().manifest(november(18)).unwrap().unwrap();
        Self {
            exceptions: Vec::new(),
            timing: Vec::new(),
            about: [manifest.night.job.clone(), "2026-11-18".to_owned(), manifest.sha256.clone()],
        }
    }

    fn sheet(name: &str, rows: &[[String; 2]]) -> Worksheet {
        let mut sheet = Worksheet::new();
        sheet.set_name(name).unwrap();
        sheet.write_string(0, 0, "Comment").unwrap().write_string(0, 2, "Break").unwrap();
        for (at, [id, comment]) in (1..).zip(rows) {
            sheet.write_string(at, 2, id).unwrap().write_string(at, 0, comment).unwrap();
        }
        sheet
    }

    /// Its bytes, after `change` to its sheets.
    fn bytes(&self, change: impl Fn(&mut Vec<Worksheet>)) -> Vec<u8> {
        let mut readme = Worksheet::new();
        readme.set_name("ReadMe").unwrap();
        for (at, (name, value)) in (3..).zip(["job", "business_date", "manifest_sha256"].iter().zip(&self.about)) {
            readme.write_string(at, 0, *name).unwrap().write_string(at, 1, value).unwrap();
        }
        let mut sheets = vec![Self::sheet("Exceptions", &self.exceptions), Self::sheet("Timing", &self.timing), readme];
        change(&mut sheets);
        let mut book = rust_xlsxwriter::Workbook::new();
        for sheet in sheets {
            book.push_worksheet(sheet);
        }
        book.save_to_buffer().unwrap()
    }
}

/// The first breaks of the 18th in a state.
fn ids(place: &Place, state: &str) -> Vec<String> {
    published(place, &BREAKS).into_iter().filter(|row| row["state"] == state).map(|row| row["break_id"].clone()).collect()
}

fn import(place: &Place, file: &str) -> Ran {
    place.run(&format!("import-comments {JOB} {file} --by Anna --now 2026-11-19T08:00:00Z"))
}

/// The file of Excel with one part changed.
fn with_part(bytes: &[u8], name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (part, text) in parts(bytes) {
        let text = if part == name { change(&text) } else { text };
        zip.start_file(part, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn comments_come_back() {
    let place = nights();
    let book = exported(&place, JOB, "");
    let before = place.run(&format!("verify {JOB} --date 2026-11-18 --quiet")).code;
    // Typed into the file that was exported: the third row of its sheet.
    let sheets = Xlsx::new(Cursor::new(&book[..])).unwrap().sheet_names();
    let number = sheets.iter().position(|name| name == "Exceptions").unwrap() + 1;
    let part = format!("xl/worksheets/sheet{number}.xml");
    let third = table(&sheet(&book, "Exceptions"), 0)[1]["Break"].to_string();
    let typed = with_part(&book, &part, |text| {
        let cell = text.split("<c r=\"N3\"").nth(1).unwrap().split("/>").next().unwrap();
        let said = "asked Stripe, case 4111111111111111 &amp; waiting_x000D_\n2nd line";
        text.replacen(
            &format!("<c r=\"N3\"{cell}/>"),
            &format!("<c r=\"N3\"{cell} t=\"inlineStr\"><is><t>{said}</t></is></c>"),
            1,
        )
    });
    place.write("typed.xlsx", typed);
    let ran = import(&place, "typed.xlsx");
    assert!(ran.code == 0 && ran.stdout.contains("1 comment appended to jobs/comments.toml"), "{}", ran.whole());
    let kept = String::from_utf8(place.read("jobs/comments.toml")).unwrap();
    assert!(kept.contains(&third) && kept.contains("************1111 & waiting") && !kept.contains("4111111111111111"), "{kept}");
    assert!(kept.contains("by = \"Anna\"\nat = \"2026-11-19T08:00:00Z\""), "{kept}");
    let again = import(&place, "typed.xlsx");
    assert!(again.code == 0 && again.stdout.contains("nothing new"), "{}", again.whole());
    assert_eq!(String::from_utf8(place.read("jobs/comments.toml")).unwrap(), kept);
    // They stand in the next workbook, on the page and in the story of the break; the night is what it was.
    let next = exported(&place, JOB, "");
    let row = table(&sheet(&next, "Exceptions"), 0).swap_remove(1);
    assert_eq!(row["Comment"].to_string(), "asked Stripe, case ************1111 & waiting\n2nd line");
    assert_eq!(row["Comment by"].to_string(), "Anna, 2026-11-19");
    place.write("next.xlsx", &next);
    assert!(import(&place, "next.xlsx").stdout.contains("nothing new"));
    let page = run(&place, &format!("export page {JOB} --date 2026-11-18 --to -"));
    assert!(page.contains("************1111 &amp; waiting"));
    assert!(run(&place, &format!("explain {JOB} {third}")).contains("    said: asked Stripe"));
    assert!(run(&place, &format!("explain {JOB} {third} --json")).contains("\"by\":\"Anna\""));
    assert_eq!((before, place.run(&format!("verify {JOB} --date 2026-11-18 --quiet")).code), (0, 0));
    assert!(run(&place, &format!("run {JOB} --date 2026-11-18 --json")).contains("\"changed\":false"));
}

#[test]
fn a_comment_is_taken_by_its_break_whatever_its_row_and_language() {
    let place = nights();
    let (open, waiting) = (ids(&place, "open"), ids(&place, "waiting"));
    let mut sent = Sent::of(&place);
    let said = |id: &str, text: &str| [id.to_owned(), text.to_owned()];
    sent.exceptions = vec![said(&open[1], "second"), said(&open[0], "first"), said(&open[2], "  ")];
    sent.timing = vec![said(&waiting[0], "in transit")];
    place.write("sent.xlsx", sent.bytes(|_| {}));
    let ran = import(&place, "sent.xlsx");
    assert!(ran.stdout.contains("3 comments appended"), "{}", ran.whole());
    assert!(ran.stdout.contains("1 break without one"), "{}", ran.whole());
    // What was said before is not said again over what is newer.
    sent.exceptions = vec![said(&open[0], "newer")];
    place.write("newer.xlsx", sent.bytes(|_| {}));
    assert!(import(&place, "newer.xlsx").stdout.contains("1 comment appended"));
    let ran = import(&place, "sent.xlsx");
    assert!(ran.stdout.contains("nothing new") && ran.stdout.contains("has a newer one"), "{}", ran.whole());
    let chinese = exported(&place, JOB, "--language zh");
    place.write("zh.xlsx", &chinese);
    assert!(import(&place, "zh.xlsx").stdout.contains("nothing new"));
    let rows = table(&sheet(&chinese, "差异"), 0);
    assert!(rows.iter().any(|row| row["批注"] == "newer"));
}

#[test]
fn what_is_wrong_is_told_by_its_cell_and_nothing_is_taken() {
    let place = nights();
    let open = ids(&place, "open");
    let said = |id: &str, text: &str| [id.to_owned(), text.to_owned()];
    let with = |rows: Vec<[String; 2]>| Sent { exceptions: rows, ..Sent::of(&place) };
    let good = said(&open[0], "good");
    let unknown = with(vec![good.clone(), said("7zzzzzzzzzzzzzzzzzzzzzzzzz", "what is it")]).bytes(|_| {});
    let none = with(vec![good.clone(), said("", "of which?")]).bytes(|_| {});
    let twice = with(vec![good.clone(), said(&open[0], "bad")]).bytes(|_| {});
    let long = with(vec![good.clone(), said(&open[1], &"x".repeat(2_001))]).bytes(|_| {});
    let sent = with(vec![good.clone(), said(&open[1], "b")]);
    let formula = sent.bytes(|sheets| {
        sheets[0].write_formula(2, 0, Formula::new("=1+1").set_result("2")).unwrap();
    });
    let no_sheet = sent.bytes(|sheets| drop(sheets.remove(1)));
    let no_readme = sent.bytes(|sheets| drop(sheets.remove(2)));
    let no_column = sent.bytes(|sheets| {
        sheets[0].write_string(0, 0, "Remarks").unwrap();
    });
    let two_columns = sent.bytes(|sheets| {
        sheets[0].write_string(0, 1, "Comment").unwrap();
    });
    let no_identity = sent.bytes(|sheets| {
        sheets[2].write_string(5, 0, "hash").unwrap();
    });
    let mut other = with(vec![good.clone()]);
    other.about[0] = "weekly".to_owned();
    let mut other_lake = with(vec![good]);
    other_lake.about[2] = "00".repeat(32);
    let whole = sent.bytes(|_| {});
    let huge = "<sst uniqueCount=\"99999999999\">";
    let claims = with_part(&whole, "xl/sharedStrings.xml", |text| {
        let rest = text.split_once("<sst").unwrap().1.split_once('>').unwrap().1;
        format!("{huge}{rest}")
    });
    let bomb = with_part(&whole, "xl/worksheets/sheet1.xml", |text| {
        text.replace("<sheetData>", &format!("{}<sheetData>", " ".repeat(1 << 26)))
    });
    let doctype =
        with_part(&whole, "xl/sharedStrings.xml", |text| text.replacen("<sst", "<!DOCTYPE sst [<!ENTITY a \"b\">]><sst", 1));
    let cases: [(&str, Vec<u8>, &[&str]); 17] = [
        ("unknown", unknown, &["Exceptions!C3: a comment on a break nobody knows", "7zzz"]),
        ("none", none, &["a comment on no break"]),
        ("twice", twice, &["Exceptions!A3: two comments on the break", "Exceptions!A2: good", "found: bad"]),
        ("long", long, &["Exceptions!A3: a comment that is too long", "at most 2000 letters, not 2001"]),
        ("formula", formula, &["Exceptions!A3: a formula"]),
        ("no_sheet", no_sheet, &["a sheet is missing", "expected: Timing", "found: Exceptions, ReadMe"]),
        ("no_readme", no_readme, &["a sheet is missing", "expected: ReadMe"]),
        ("no_column", no_column, &["Exceptions: a column is missing", "expected: the headings Break and Comment"]),
        ("two_columns", two_columns, &["Exceptions!B1: a heading stands twice"]),
        ("no_identity", no_identity, &["ReadMe: the workbook does not say its manifest_sha256"]),
        ("other_job", other.bytes(|_| {}), &["the workbook is of another job or lake", "found: weekly 2026-11-18"]),
        ("other_lake", other_lake.bytes(|_| {}), &["the workbook is of another job or lake"]),
        ("cut_off", whole[..whole.len() / 2].to_vec(), &["the file is no workbook of Excel"]),
        ("text", b"a,b\n".to_vec(), &["the file is no workbook of Excel", "a file of another kind"]),
        ("claims", claims, &["takes more than a workbook", "99999999999 uniqueCount"]),
        ("bomb", bomb, &["takes more than a workbook", "bytes unpacked"]),
        ("doctype", doctype, &["the file is no workbook of Excel", "DOCTYPE"]),
    ];
    for (name, bytes, told) in cases {
        let file = format!("{name}.xlsx");
        place.write(&file, bytes);
        let ran = import(&place, &file);
        assert_eq!(ran.code, 65, "{name}: {}", ran.whole());
        assert!(ran.stderr.contains(&file) && ran.stderr.contains("  next: "), "{name}: {}", ran.whole());
        for told in told {
            assert!(ran.stderr.contains(told), "{name} does not tell {told}: {}", ran.whole());
        }
        assert!(!place.path("jobs/comments.toml").exists(), "{name}");
    }
    assert_eq!(import(&place, "gone.xlsx").code, 66);
    assert_eq!(place.run("import-comments lake gone.xlsx").code, 64);
}

#[test]
fn every_mistake_in_the_file_of_comments_has_its_line() {
    let place = nights();
    place.write("sent.xlsx", Sent::of(&place).bytes(|_| {}));
    let id = &ids(&place, "open")[0];
    let comment =
        |more: &str| format!("# ours\n\n[[comment]]\nbreak_id = \"{id}\"\nby = \"Anna\"\nat = \"2026-11-19T08:00:00Z\"\n{more}");
    place.write("jobs/comments.toml", comment("text = \"fine\"\n"));
    assert!(run(&place, &format!("explain {JOB} {id}")).contains("said: fine (Anna, 2026-11-19)"));
    for (text, told) in [
        (comment("text = \"a\"\ncolour = \"red\"\n"), "comments.toml:8:1: unknown key `colour`"),
        (comment("text = \"\"\n"), ", text: it says nothing"),
        (comment("text = \"4111 1111 1111 1111\"\n"), ", text: it holds what may be a card number"),
        (comment("text = \"a\\u0007b\"\n"), ", text: a comment with a control character"),
        (comment("text = \"a\"\n").replace("2026-11-19T", "yesterday "), ", at: not a moment"),
        (comment("text = \"a\"\n").replace(id.as_str(), "5v1c0"), ", break_id: not a break_id"),
    ] {
        place.write("jobs/comments.toml", &text);
        for command in [format!("export workbook {JOB} --date 2026-11-18"), format!("import-comments {JOB} sent.xlsx")] {
            let ran = place.run(&command);
            assert!(
                ran.code == 78 && ran.stderr.contains("jobs/comments.toml") && ran.stderr.contains(told),
                "{told}: {}",
                ran.whole()
            );
        }
        assert_eq!(String::from_utf8(place.read("jobs/comments.toml")).unwrap(), text);
        // No night depends on them.
        assert_eq!(place.run(&format!("run {JOB} --date 2026-11-18 --quiet")).code, 0);
    }
}
