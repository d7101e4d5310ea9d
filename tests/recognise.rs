//! What a file is said to be: its format and account, the nearest format and the difference, or what it is instead.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use tieout::error::{Exit, Result};
use tieout::format::difference::{Difference, State, nearest};
use tieout::format::look::Look;
use tieout::format::recognise::recognise;
use tieout::format::shipped::Library;
use tieout::format::{Format, account};

use crate::formats::wire;

fn fixture(path: &str) -> (String, Vec<u8>) {
    wire::served(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(path))
}

/// Does `with` the path of a file of those bytes.
fn file<T>(bytes: impl AsRef<[u8]>, with: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    with(&path)
}

fn shipped(name: &str) -> Format {
    Library::shipped().load(name).unwrap()
}

/// A fixture, its format, and the account it states.
const ACCOUNTS: &[(&str, &str, Option<&str>)] = &[
    ("wechat_pay/trade_bill/all.csv", "wechat_pay/trade_bill", Some("1900000109")),
    ("wechat_pay/trade_bill/legacy_success.csv", "wechat_pay/trade_bill", Some("1900000109")),
    ("wechat_pay/trade_bill/packed.gz.csv", "wechat_pay/trade_bill", Some("1900000109")),
    ("wechat_pay/trade_bill/empty_day.csv", "wechat_pay/trade_bill", None),
    ("alipay/trade_detail/archive.zip", "alipay/trade_detail", Some("2088123456789012")),
    ("alipay/trade_detail/empty_day.zip", "alipay/trade_detail", Some("2088123456789012")),
    ("adyen/settlement_detail/every_type.csv", "adyen/settlement_detail", Some("LanternECOM")),
    ("adyen/settlement_detail/columns_in_another_order.csv", "adyen/settlement_detail", Some("LanternECOM")),
    ("stripe/payout_reconciliation/every_category.csv", "stripe/payout_reconciliation", None),
];

#[test]
fn a_file_says_whose_account_it_is_about() {
    for (path, format, account) in ACCOUNTS {
        let known = shipped(format);
        file(fixture(path).1, |path_of_file| {
            assert_eq!(account::stated(path_of_file, &known).unwrap().as_deref(), *account, "{path}");
            let candidates = recognise(path_of_file, std::slice::from_ref(&known)).unwrap();
            assert_eq!(candidates[0].account.as_deref(), *account, "{path}");
            account::hold(path_of_file, &known, account.unwrap_or("any")).unwrap();
            let refused = account::hold(path_of_file, &known, "another").map_err(|error| (error.exit, error.to_string()));
            match account {
                Some(account) => {
                    let (exit, said) = refused.unwrap_err();
                    assert_eq!(exit, Exit::BadData);
                    assert!(said.contains("of another account") && said.contains("another") && said.contains(account), "{said}");
                }
                None => refused.unwrap(),
            }
        });
    }
}

#[test]
fn where_the_account_stands_is_checked_when_the_format_loads() {
    let format = |account: &str| {
        let text = format!("title = \"T\"\naccount = {account}\n[[layout]]\nname = \"l\"\ncolumns = [\"id\", \"shop\"]\n");
        Format::parse("a/b", &text, &|_| None)
    };
    assert!(format("{ column = \"shop\" }").is_ok() && format("{ line = \"# of {}.\" }").is_ok());
    for (account, said) in [
        ("{ column = \"shops\" }", "did you mean `shop`?"),
        ("{ line = \"# of\" }", "has no place for it"),
        ("{ line = \"{} of {}\" }", "has no place for it"),
        ("{ row = \"x\" }", "unknown key `row`"),
    ] {
        let refused = format(account).unwrap_err().to_string();
        assert!(refused.contains(said), "{account}: {refused}");
    }
}

/// The bytes of a file that is no report, and a part of what is said of it.
const INSTEAD: &[(&[u8], &str)] = &[
    (b"", "0 bytes"),
    (b"\xef\xbb\xbf \r\n\r\n", "nothing but blanks"),
    (b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>", "a web page"),
    (b"\n<html>\n<body>x", "a web page"),
    (b"<xml><return_code>FAIL</return_code><return_msg>No Bill Exist</return_msg></xml>", "XML: No Bill Exist"),
    (b"{\"code\":\"NO_STATEMENT_EXIST\"}", "JSON"),
    (b"%PDF-1.7\n", "a PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "a spreadsheet"),
    (b"PAR1....", "a Parquet file"),
    (b"\x00\x01\x02\x03\x04\x05", "bytes that are no text"),
    (b"\xff\xfei\x00d\x00", "text in UTF-16"),
    (b"id;gr\xf6;e\n1;2;3\n", "neither UTF-8 nor GB 18030"),
    (b"PK\x03\x04 and no archive", "truncated or corrupt"),
    (b"\x1f\x8b\x08\x00 and no stream", "truncated or corrupt"),
    (b"2026-11-17,12.00,EUR\n2026-11-18,13.00,EUR\n", "no line of column names"),
];

#[test]
fn what_is_no_report_is_said_to_be_what_it_is() {
    let said = |bytes: &[u8]| file(bytes, Look::at).map_err(|error| (error.exit, error.next.clone(), error.to_string()));
    for (bytes, part) in INSTEAD {
        let (exit, next, said) = said(bytes).expect_err(part);
        assert!(exit == Exit::BadData && said.contains(part) && next.is_some(), "{said}");
    }
    let mut spreadsheet = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    spreadsheet.start_file("[Content_Types].xml", zip::write::SimpleFileOptions::default()).unwrap();
    let (_, _, said) = said(&spreadsheet.finish().unwrap().into_inner()).unwrap_err();
    assert!(said.contains("a spreadsheet"), "{said}");
}

fn difference(bytes: &[u8]) -> Result<Option<Difference>> {
    let look = file(bytes, Look::at)?;
    Ok(nearest(&look, &Library::shipped().all().unwrap()))
}

/// The columns in that state: the name in the file, and that in the layout.
fn of(difference: &Difference, state: State) -> Vec<(&str, &str)> {
    let of = difference.columns.iter().filter(|column| column.state == state);
    of.map(|column| (column.file.as_deref().unwrap_or_default(), column.layout.as_deref().unwrap_or_default())).collect()
}

#[test]
fn the_nearest_format_is_told_column_by_column() {
    let bill = String::from_utf8(fixture("wechat_pay/trade_bill/all.csv").1).unwrap();
    let changed =
        bill.replacen("应结订单金额", "结算金额", 1).replacen("费率备注", "费率备注,活动", 1).replacen("设备号,", "", 1);
    let difference_of_bill = difference(changed.as_bytes()).unwrap().unwrap();
    assert_eq!((difference_of_bill.format.as_str(), difference_of_bill.layout.as_str()), ("wechat_pay/trade_bill", "ALL"));
    assert_eq!(of(&difference_of_bill, State::PerhapsRenamed), [("结算金额", "应结订单金额")]);
    assert_eq!(of(&difference_of_bill, State::Missing), [("", "设备号")]);
    assert_eq!(of(&difference_of_bill, State::Added), [("活动", "")]);
    assert_eq!((of(&difference_of_bill, State::Same).len(), of(&difference_of_bill, State::Moved).len()), (25, 0));
    assert!(difference_of_bill.framing.is_empty());

    // The fewest that moved: one went to the end.
    let moved = bill.replacen("商户号,", "", 1).replacen("费率备注", "费率备注,商户号", 1).replacen("手续费,", "", 1);
    assert_eq!(of(&difference(moved.as_bytes()).unwrap().unwrap(), State::Moved), [("商户号", "商户号")]);
}

#[test]
fn what_differs_beside_the_columns_is_told_too() {
    let keys = |bytes: &[u8]| {
        let difference = difference(bytes).unwrap().unwrap();
        difference.framing.iter().map(|framing| format!("{} {}", framing.key, framing.file)).collect::<Vec<_>>()
    };
    let detail = String::from_utf8(fs::read("tests/formats/alipay/trade_detail/plain.gbk.csv").unwrap()).unwrap();
    assert_eq!(keys(detail.as_bytes()), ["encoding utf-8"]);
    assert_eq!(keys(&encoding_rs::GB18030.encode(&detail.replace(',', ";")).0), ["delimiter ';'"]);
    let (_, packed) = fixture("stripe/payout_reconciliation/every_category.csv");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &packed).unwrap();
    assert_eq!(keys(&gzip.finish().unwrap()), ["container gzip"]);
}

#[test]
fn a_file_that_shares_little_is_near_nothing() {
    assert!(difference(b"Buchung;Wert;Betrag\n01.02.2026;x;1,00\n").unwrap().is_none());
}

#[test]
fn the_columns_of_every_fixture_are_seen_without_its_format() {
    for (path, line, columns, quote, prefix) in [
        ("wechat_pay/trade_bill/all.csv", 1, 27, None, Some('`')),
        ("wechat_pay/trade_bill/empty_day.csv", 1, 27, None, None),
        ("alipay/trade_detail/archive.zip", 5, 25, None, None),
        ("alipay/trade_detail/commas_in_free_text.gbk.csv", 5, 25, None, None),
        ("stripe/payout_reconciliation/quoted_lines.csv", 1, 25, Some('"'), None),
        ("adyen/settlement_detail/every_type.csv", 1, 30, Some('"'), None),
    ] {
        let look = file(fixture(path).1, Look::at).unwrap();
        let seen = (look.line, look.header.len(), look.quote, look.value_prefix);
        assert_eq!(seen, (line, columns, quote, prefix), "{path}");
    }
}
