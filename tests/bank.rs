//! Bank statements: what is wrong is refused, pages and continuations change nothing, and a night reads a bank's files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;

use tieout::error::Exit;
use tieout::format::read::{self, Decoded};
use tieout::format::shipped::Library;
use tieout::table::bank::BANK_LINES;
use tieout::table::delivery::FILES;

use super::formats::wire;
use super::nights::{Shop, november, package};

mod generated;

/// What is read of `bytes` as the format of a bank file, or what is said of them.
fn read_as(format: &str, bytes: &[u8]) -> Result<Decoded, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let format = Library::shipped().load(&format!("bank/{format}")).unwrap();
    read::read(file.path(), &format).map_err(|error| {
        assert_eq!(error.exit, Exit::BadData);
        error.what + "; " + &error.found.unwrap_or_default()
    })
}

#[track_caller]
fn assert_refused(format: &str, bytes: &[u8], why: &str) {
    match read_as(format, bytes) {
        Ok(decoded) => panic!("{} lines were read, and not: {why}", decoded.lines),
        Err(said) => assert!(said.contains(why), "{said}\nis not: {why}"),
    }
}

fn fixture(name: &str) -> Vec<u8> {
    wire::served(&package().join("tests/formats/bank").join(name)).1
}

/// A statement in XML around these elements.
fn xml(inside: &str) -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt><Id>1</Id>{inside}</Stmt></BkToCstmrStmt></Document>"
    )
}

#[test]
fn a_file_that_is_cut_is_refused() {
    for (format, name) in [
        ("camt053", "camt053/batch_and_summary.xml"),
        ("mt940", "mt940/german_codes.latin1.sta"),
        ("mt940", "mt940/pages_of_one_statement.sta"),
        ("bai2", "bai2/two_groups.txt"),
    ] {
        let whole = fixture(name);
        assert!(read_as(format, &whole).is_ok(), "{name}");
        let text = String::from_utf8_lossy(&whole).into_owned();
        for sixteenth in 0..16 {
            let cut = &whole[..whole.len() * sixteenth / 16];
            // MT940 states no end of the file: behind a closing balance nothing says that a statement is missing.
            let stands = String::from_utf8_lossy(cut).into_owned();
            let open = stands.rfind(":20:").is_some_and(|begin| !stands[begin..].contains(":62"));
            if format == "mt940" && !open && !cut.is_empty() && stands.contains(":20:") {
                continue;
            }
            assert!(read_as(format, cut).is_err(), "{sixteenth}/16 of {name} was read:\n{stands}\nof\n{text}");
        }
    }
}

#[test]
fn xml_that_is_no_statement_is_refused() {
    let entities =
        "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>".to_owned() + &xml("&b;");
    assert_refused("camt053", entities.as_bytes(), "declares a document type");
    assert_refused("camt053", b"<!DOCTYPE Document SYSTEM \"file:///etc/passwd\"><Document/>", "declares a document type");
    assert_refused("camt053", xml("<AddtlStmtInf>&b;</AddtlStmtInf>").as_bytes(), "an entity that is not declared");
    let deep = xml(&("<a>".repeat(100) + &"</a>".repeat(100)));
    assert_refused("camt053", deep.as_bytes(), "more than 64 elements inside one another");
    assert_refused("camt053", xml("<a></b>").as_bytes(), "not well-formed");
    assert_refused("camt053", (xml("") + &xml("")).as_bytes(), "a second document");
    assert_refused("camt053", b"<Document><BkToCstmrAcctRpt/></Document>", "camt.052");
    assert_refused("camt053", b"<Document><BkToCstmrDbtCdtNtfctn/></Document>", "camt.054");
    assert_refused("camt053", b"<Document/>", "no bank statement");
    assert_refused("camt053", b"no XML at all", "no bank statement");
    let latin = xml("<Acct><Nm>\u{fc}</Nm></Acct>");
    let latin = wire::latin1(&latin);
    assert_refused("camt053", &latin, "not the provider's");
    let declared = [b"<?xml version='1.0' encoding='windows-1252'?>".as_slice(), &latin].concat();
    assert!(read_as("camt053", &declared).is_ok(), "an encoding that is declared is read");
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(xml("").encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert!(read_as("camt053", &wide).is_ok(), "UTF-16 with its mark is read");
}

#[test]
fn text_that_is_no_statement_is_refused() {
    assert_refused("mt940", b"a letter to the bank\n", "no bank statement");
    assert_refused("mt940", b":20:1\n:25:1\n:60F:C261117EUR5,\n:20:2\n", "truncated");
    assert_refused("mt940", b":20:1\n:25:1\n:60F:X261117EUR5,\n", "a balance cannot be read");
    assert_refused("mt940", b":20:1\n:25:1\n:60F:C261117EUR5,\n:62F:C261117USD5,\n", "another currency");
    assert_refused("bai2", b"a letter to the bank\n", "no record of BAI2");
    assert_refused("bai2", b"01,T,L,261117,0200,1,,,2/\n16,142,5,,,,/\n", "no record of BAI2");
    assert_refused("bai2", b"01,T,L,261117,0200,1,,,2/\n99,0,0,2/\n01,T,L,261117,0200,1,,,2/\n", "no record of BAI2");
    assert_refused("bai2", b"88,first/\n", "no record of BAI2");
}

#[test]
fn a_message_without_a_closing_balance_is_read_where_it_says_that_it_ends() {
    let decoded = read_as("mt940", b":20:1\n:25:1\n:60F:C261117EUR5,\n:61:261117C1,NTRFNONREF\n-}").unwrap();
    assert_eq!(decoded.tied[0].figure, "not checkable, it states no closing balance");
    assert_eq!((decoded.lines, decoded.framing), (2, 1));
}

/// Rows are read in batches, columns that no rule fills among them.
#[test]
fn a_long_statement_is_read_whole() {
    let lines = "16,142,1,V,261117,,,,TEXT/\n".repeat(1000);
    let head = "01,T,L,261117,0200,1,,,2/\n02,L,T,1,261117,,EUR,/\n03,1,,010,0,,,015,1000,,/\n";
    let decoded = read_as("bai2", format!("{head}{lines}49,2000,1002/\n98,2000,1,1004/\n99,2000,1,1006/\n").as_bytes()).unwrap();
    assert_eq!((decoded.lines, decoded.framing, decoded.rejects.len()), (1001, 1, 0));
}

#[test]
fn a_file_past_the_limit_is_refused_before_it_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len((256 << 20) + 1).unwrap();
    let format = Library::shipped().load("bank/mt940").unwrap();
    let error = read::read(file.path(), &format).unwrap_err();
    assert_eq!((error.exit, error.what.as_str()), (Exit::BadData, "a bank file of more than 256 MiB"));
}

/// The job of a shop, with a bank beside its providers.
fn with_bank(shop: &Shop, account: &str, required: bool) {
    let bank = format!(
        "\n[[bank]]\nname = \"house_bank\"\naccount = \"{account}\"\nformat = \"bank/mt940\"\nrequired = {required}\nsource = {{ files = \"data/bank_{{date:%Y%m%d}}.sta\" }}\n"
    );
    shop.rewrite_job(|job| format!("{job}{bank}"));
}

/// The shop of `sample-data` without the bank of its job.
fn without_bank() -> Shop {
    let shop = Shop::of_sample_data();
    shop.rewrite_job(|job| {
        let (before, rest) = job.split_once("[[bank]]").unwrap();
        format!("{before}{}", &rest[rest.find("[merchant").unwrap()..])
    });
    shop
}

const STATEMENTS: &str = "\
:20:1\n:25:NL13TEST0123456789\n:28C:7/1\n:60F:C261117EUR5,\n\
:61:261117C10,NTRFNONREF//A\n:86:paid by card 4111 1111 1111 1111\n:61:261117C10,NTRFNONREF//A\n:86:paid by card 4111 1111 1111 1111\n\
:62F:C261117EUR25,\n-\n\
:20:2\n:25:NL02TEST0000000002\n:28C:7/1\n:60F:C261117EUR0,\n:61:261116C1,NTRFNONREF\n:62F:C261117EUR1,\n-\n";

fn deliver(shop: &Shop, text: &str) {
    fs::File::create(shop.data().join("bank_20261117.sta")).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_night_reads_the_statements_of_its_account() {
    let night = november(17);
    let shop = without_bank();
    deliver(&shop, STATEMENTS);
    with_bank(&shop, "nl13 test 0123 4567 89", true);
    let closed = shop.close(night);
    assert_eq!(closed.manifest.night.totals["bank_lines"], 2);
    let rows = shop.rows(&BANK_LINES, night);
    let cells: Vec<_> = rows.iter().map(|row| ["bank", "account", "amount", "text"].map(|name| row[name].as_str())).collect();
    let line = ["house_bank", "nl13 test 0123 4567 89", "10.00000000", "paid by card **** **** **** 1111"];
    assert_eq!(cells, [line, line]);
    assert_ne!(rows[0]["bank_line_id"], rows[1]["bank_line_id"], "two equal lines are two");
    let files = shop.rows(&FILES, night);
    let file = files.iter().find(|file| file["source"] == "house_bank").unwrap();
    assert_eq!(["lines", "entries", "framing"].map(|name| file[name].as_str()), ["5", "2", "3"]);
    assert!(file["control_totals"].ends_with("left out, of other accounts (NL02TEST0000000002): 1 lines"), "{file:?}");

    // The same lines in other statements of the file, and in another order of the accounts, are the same lines.
    let other = shop.twin();
    let (first, second) = STATEMENTS.split_at(STATEMENTS.find(":20:2").unwrap());
    deliver(&other, &format!("{second}{}", first.replace(":28C:7/1", ":28C:8/1")));
    other.close(night);
    let ids = |shop: &Shop| shop.rows(&BANK_LINES, night).iter().map(|row| row["bank_line_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&shop), ids(&other));

    let apart = shop.twin();
    apart.close_in_shares(night, 3);
    assert_eq!(ids(&shop), ids(&apart), "a night taken apart has the same lines");
}

#[test]
fn two_accounts_of_one_file_are_read_each() {
    let night = november(17);
    let shop = without_bank();
    deliver(&shop, STATEMENTS);
    with_bank(&shop, "NL13TEST0123456789", true);
    with_bank(&shop, "NL02TEST0000000002", true);
    shop.close(night);
    let rows = shop.rows(&BANK_LINES, night);
    let told: Vec<_> = rows.iter().map(|row| [row["account"].as_str(), row["booked_on"].as_str()]).collect();
    let (first, second) = (["NL13TEST0123456789", "2026-11-17"], ["NL02TEST0000000002", "2026-11-16"]);
    assert_eq!(told, [second, first, first], "by day of booking");
}

#[test]
fn a_night_stops_without_its_bank_unless_it_may_lack_it() {
    let night = november(17);
    let shop = without_bank();
    with_bank(&shop, "NL13TEST0123456789", true);
    assert_eq!(shop.try_close(night, false).unwrap_err()[0].exit, Exit::MissingInput);
    deliver(&shop, &STATEMENTS.replace("NL13", "NL14"));
    let refused = &shop.try_close(night, false).unwrap_err()[0];
    assert_eq!(
        (refused.exit, refused.what.as_str()),
        (Exit::BadData, "the file is of another account, and nothing of it is booked")
    );
    deliver(&shop, &STATEMENTS.replace("EUR25,", "EUR26,"));
    assert!(shop.try_close(night, false).unwrap_err()[0].what.contains("does not tie"));
    shop.rewrite_job(|job| job.replace("required = true", "required = false"));
    let closed = shop.close(night);
    assert!(!closed.manifest.night.complete);
    assert_eq!(shop.read(&BANK_LINES, night).num_rows(), 0);
}
