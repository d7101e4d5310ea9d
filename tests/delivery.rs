//! Reports that come in several files: all of them must be there, and tie together.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;

use tieout::format::control::check_delivery;
use tieout::format::read::{Decoded, read};
use tieout::format::shipped::Library;

/// One file of a PayPal settlement report: its number, its payments in hundredths of a dollar, and, in the last file, the
/// payments of all files.
fn file(number: u32, payments: &[i64], all: Option<&[i64]>) -> String {
    const COLUMNS: &str = "\"CH\",\"Transaction ID\",\"Invoice ID\",\"PayPal Reference ID\",\"PayPal Reference ID Type\",\
        \"Transaction Event Code\",\"Transaction Initiation Date\",\"Transaction Completion Date\",\"Transaction  Debit or Credit\",\
        \"Gross Transaction Amount\",\"Gross Transaction Currency\",\"Fee Debit or Credit\",\"Fee Amount\",\"Fee Currency\",\
        \"Custom Field\",\"Consumer ID\",\"Payment Tracking ID\",\"Store ID\"";
    let totals = |record: &str, payments: &[i64]| {
        let sum: i64 = payments.iter().sum();
        format!(
            "\"{record}\",\"USD\",{sum},0,0,0,\"CR\",0,\"CR\",{sum},\"CR\",0,\"CR\",{sum},\"CR\",0,\"CR\",0,{}\n",
            payments.len()
        )
    };
    let mut text =
        format!("\"RH\",2026/11/18 03:12:00 -0800,\"A\",\"M1\",009\n\"FH\",{number:02}\n\"SH\",,,\"M1\",\"\"\n{COLUMNS}\n");
    for (at, amount) in payments.iter().enumerate() {
        let time = "2026/11/17 09:00:30 -0800";
        writeln!(text, "\"SB\",\"T{number}{at}\",\"SO-{number}{at}\",\"\",\"\",\"T0006\",{time},{time},\"CR\",{amount},\"USD\",\"\",,\"\",\"\",\"P\",\"\",\"\"")
            .unwrap();
    }
    text += &totals("SF", payments);
    writeln!(text, "\"SC\",{}", payments.len()).unwrap();
    if let Some(all) = all {
        text += &totals("RF", all);
        writeln!(text, "\"RC\",{}", all.len()).unwrap();
    }
    text + &format!("\"FF\",{}\n", payments.len())
}

/// What is said of these files together.
fn together(files: &[String]) -> Result<Vec<String>, String> {
    let format = Library::shipped().load("paypal/settlement").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("STL.csv");
    let decoded: Vec<Decoded> = files
        .iter()
        .map(|text| {
            fs::write(&path, text).unwrap();
            read(&path, &format).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    let tied = check_delivery(&format, &decoded.iter().collect::<Vec<_>>()).map_err(|error| error.to_string())?;
    Ok(tied.into_iter().map(|tied| format!("{} {}", tied.name, tied.figure)).collect())
}

#[test]
fn what_the_last_file_states_is_held_against_all() {
    let files = [file(1, &[100, 250], None), file(2, &[7], Some(&[100, 250, 7]))];
    let tied = together(&files).unwrap();
    assert!(tied.contains(&"RF USD gross credits 3.57".to_owned()), "{tied:?}");
    assert!(tied.contains(&"RC rows of the report 3".to_owned()), "{tied:?}");
    let error = together(&[file(1, &[100], None), file(2, &[7], Some(&[100, 250, 7]))]).unwrap_err();
    assert!(error.contains("3.57 as the file states") && error.contains("1.07 as its lines add up"), "{error}");
}

#[test]
fn a_report_without_one_of_its_files_is_refused() {
    let all = [100, 250, 7];
    let [first, second, last] = [file(1, &[100], None), file(2, &[250], None), file(3, &[7], Some(&all))];
    assert!(together(&[first.clone(), second.clone(), last.clone()]).is_ok());
    let error = together(&[first.clone(), last.clone()]).unwrap_err();
    assert!(error.contains("a file of this report is missing") && error.contains("no file 2"), "{error}");
    let error = together(&[first.clone(), second.clone()]).unwrap_err();
    assert!(error.contains("the last file of this report is missing"), "{error}");
    assert!(together(&[last, second, first]).is_ok(), "in any order");
}
