//! Every file of the sample night and every fixture, cut and with bits turned over.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rayon::prelude::*;
use tieout::error::Exit;
use tieout::format::Format;
use tieout::format::read::{self, Decoded};
use tieout::format::shipped::Library;

use crate::formats::{self, wire};
use crate::nights::package;

/// A file that can be damaged, and what is read of it whole.
struct Good {
    name: String,
    format: Format,
    bytes: Vec<u8>,
    rows: Vec<String>,
    /// What ties, and with which figure: several statements may have one name.
    ties: BTreeSet<(String, String)>,
}

/// The files of the sample night and the fixtures that are not refused as they are.
fn good_files() -> Vec<Good> {
    let library = Library::shipped();
    let sample = [
        ("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv", "wechat_pay/trade_bill"),
        ("provider/alipay/20881234567890120156_20261117.csv.zip", "alipay/trade_detail"),
        ("provider/stripe/payout_reconciliation_20261117.csv", "stripe/payout_reconciliation"),
        ("provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv", "adyen/settlement_detail"),
        ("bank/statement_20261118.sta", "bank/mt940"),
        ("merchant/orders_20261117.csv", "merchant/orders"),
        ("merchant/attempts_20261117.csv", "merchant/attempts"),
        ("merchant/refunds_20261117.csv", "merchant/refunds"),
    ];
    let sample = sample.into_iter().map(|(path, format)| {
        let name = PathBuf::from(path).file_name().unwrap().to_str().unwrap().to_owned();
        (name, library.load(format).unwrap(), fs::read(package().join("sample-data").join(path)).unwrap())
    });
    let fixtures = formats::fixtures().into_iter().map(|(format, path)| {
        let (name, bytes) = wire::served(&path);
        (name, format, bytes)
    });
    let whole = |(name, format, bytes): (String, Format, Vec<u8>)| {
        let decoded = read_bytes(&name, &bytes, &format).ok()?;
        Some(Good { rows: rows(&format, &decoded), ties: ties(&decoded), name, format, bytes })
    };
    sample.chain(fixtures).filter_map(whole).collect()
}

fn read_bytes(name: &str, bytes: &[u8], format: &Format) -> tieout::error::Result<Decoded> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read::read_as(&path, format, &|part| Ok(Some(part)))
}

fn rows(format: &Format, decoded: &Decoded) -> Vec<String> {
    let lines = decoded.parts.iter().flat_map(|part| (0..part.lines.len()).map(|row| formats::line(format, part, row)));
    lines.collect()
}

fn ties(decoded: &Decoded) -> BTreeSet<(String, String)> {
    decoded.tied.iter().map(|tied| (tied.name.clone(), tied.figure.clone())).collect()
}

/// What is wrong with how a damaged file was read: nothing, where it is refused, or all its lines are told and what it
/// states of itself still ties to what is read.
fn wrong(good: &Good, damaged: &[u8], what: &str) -> Option<String> {
    let told = |why: &str| Some(format!("{} as {}, {what}: {why}", good.name, good.format.name));
    match read_bytes(&good.name, damaged, &good.format) {
        Err(error) if error.exit == Exit::BadData => None,
        Err(error) => told(&format!("exit {:?}: {error}", error.exit)),
        Ok(decoded) => {
            let read: usize = decoded.parts.iter().map(|part| part.lines.len()).sum();
            if decoded.lines != (read + decoded.rejects.len()) as u64 + decoded.framing {
                return told("not every line is a row, a reject or framing");
            }
            let now = ties(&decoded);
            // A total and the rows it is of cannot both be spoiled by one bit, or by what is missing.
            let is_known = |name: &String| good.ties.iter().any(|(known, _)| known == name);
            let other = now.iter().find(|tied| !good.ties.contains(*tied) && is_known(&tied.0));
            if let Some((name, figure)) = other
                && read == good.rows.len()
                && decoded.rejects.is_empty()
            {
                return told(&format!("{name} ties with {figure}"));
            }
            None
        }
    }
}

#[test]
fn a_file_that_is_cut_is_refused_or_read_as_far_as_it_goes() {
    let files = good_files();
    assert!(files.len() > 80, "{} files", files.len());
    let failed: Vec<String> = files
        .par_iter()
        .flat_map_iter(|good| {
            let length = good.bytes.len();
            let cuts = (0..64).map(move |part| length * part / 64).chain([length.saturating_sub(1)]);
            cuts.filter_map(move |cut| {
                let damaged = &good.bytes[..cut];
                let what = format!("cut at byte {cut} of {length}");
                wrong(good, damaged, &what).or_else(|| {
                    let decoded = read_bytes(&good.name, damaged, &good.format).ok()?;
                    let now = rows(&good.format, &decoded);
                    // Of a file without totals the last row may be cut in its last cell.
                    let whole = &now[..now.len().saturating_sub(1)];
                    let is_prefix = whole.iter().zip(&good.rows).all(|(now, before)| now == before);
                    let fewer = now.len() <= good.rows.len();
                    (!is_prefix || !fewer).then(|| format!("{}, {what}: other rows than its first", good.name))
                })
            })
        })
        .collect();
    assert!(failed.is_empty(), "{} of them\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn a_bit_that_is_turned_over_makes_no_total_of_its_own() {
    let files = good_files();
    let total: usize = files.iter().map(|good| good.bytes.len()).sum();
    let failed: Vec<String> = (0..1_000_u64)
        .into_par_iter()
        .filter_map(|seed| {
            // The same places every time.
            let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mut at = usize::try_from((mixed ^ mixed >> 32) % total as u64).unwrap();
            let good = files.iter().find(|good| {
                let here = at < good.bytes.len();
                if !here {
                    at -= good.bytes.len();
                }
                here
            })?;
            let mut damaged = good.bytes.clone();
            damaged[at] ^= 1 << (mixed >> 61);
            wrong(good, &damaged, &format!("bit {} of byte {at}", mixed >> 61))
        })
        .collect();
    assert!(failed.is_empty(), "{} of them\n{}", failed.len(), failed.join("\n"));
}
