//! Sample nights: the checked-in bytes, the providers' own totals, the answer key.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use tieout::money::Amount;
use tieout::sample::{Plan, Summary, write};

/// The plan behind `sample-data/`.
fn small(out: &Path) -> Plan {
    Plan { out: out.to_owned(), orders: 24, nights: 3, seed: 7, date: day("2026-11-17") }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn written(plan: impl Fn(&Path) -> Plan) -> (tempfile::TempDir, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let summary = write(&plan(folder.path())).unwrap();
    (folder, summary)
}

/// Every file below `folder`, by its path from there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Rows of a CSV by column name.
fn rows(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
}

fn amount(text: &str) -> Amount {
    if text.is_empty() { Amount::ZERO } else { Amount::parse(text.as_bytes(), 8).unwrap() }
}

#[test]
fn the_checked_in_nights_are_what_the_plan_writes() {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data");
    if std::env::var_os("UPDATE").is_some() {
        write(&small(&checked_in)).unwrap();
    }
    let (folder, _) = written(small);
    let (written, mut kept) = (files(folder.path()), files(&checked_in));
    for by_hand in ["README.md", "resolutions.toml"] {
        assert!(kept.remove(Path::new(by_hand)).is_some(), "sample-data has {by_hand}, which a person wrote");
    }
    assert_eq!(written.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    for (path, bytes) in &written {
        assert!(kept[path] == *bytes, "{} differs: write it anew with UPDATE=1 and read the difference", path.display());
    }
}

#[test]
fn another_seed_or_date_writes_other_nights() {
    let (first, _) = written(small);
    let (seed, _) = written(|out| Plan { seed: 8, ..small(out) });
    let (date, _) = written(|out| Plan { date: day("2026-11-18"), ..small(out) });
    let orders = |folder: &Path| fs::read(folder.join("merchant/orders_20261118.csv")).unwrap();
    assert_ne!(orders(first.path()), orders(seed.path()));
    assert_ne!(orders(first.path()), orders(date.path()));
}

#[test]
fn the_wechat_bill_ties_to_its_summary() {
    for (path, bytes) in provider_files("wechat_pay") {
        let text = String::from_utf8(bytes).unwrap();
        let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{path:?}: CRLF only");
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        let [header, bill @ .., summary_header, summary] = lines.as_slice() else { panic!("{path:?} is too short") };
        assert_eq!(header.split(',').count(), 27);
        assert_eq!(summary_header.split(',').count(), 7);
        let values = |line: &str| -> Vec<String> {
            line.strip_prefix('`').expect("a back-tick before every value").split(",`").map(str::to_owned).collect()
        };
        let bill: Vec<Vec<String>> = bill.iter().map(|line| values(line)).collect();
        assert!(!bill.is_empty() && bill.iter().all(|line| line.len() == 27));
        let stated = values(summary);
        assert_eq!(stated[0], bill.len().to_string(), "{path:?}: count of lines");
        for (total, column) in [(1, 12), (2, 16), (3, 17), (4, 22), (5, 24), (6, 25)] {
            let sum: Amount = bill.iter().map(|line| amount(&line[column])).sum();
            assert_eq!(sum, amount(&stated[total]), "{path:?}: total {total}");
        }
        let date = path.to_str().unwrap().rsplit(['_', '.']).nth(1).unwrap().to_owned();
        assert!(bill.iter().all(|line| line[0][..10].replace('-', "") == date), "{path:?}: every line is of the night");
        // 0.60 %, half up, of what settles; nothing on refunds. No line of WeChat's is overcharged in the small nights.
        for line in &bill {
            let expected = amount(&line[12]).percent(Amount(60_000_000), 2, tieout::money::Rounding::HalfUp);
            assert_eq!(amount(&line[22]), expected, "fee of {}", line[6]);
        }
    }
}

#[test]
fn the_alipay_archive_ties_to_its_footer_and_summary() {
    for (path, bytes) in provider_files("alipay") {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), 2);
        let mut members = Vec::new();
        for index in 0..2 {
            let mut member = archive.by_index(index).unwrap();
            let name = encoding_rs::GBK.decode(member.name_raw()).0.into_owned();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
            let (text, _, malformed) = encoding_rs::GBK.decode(&bytes);
            assert!(!malformed && text.matches('\n').count() == text.matches("\r\n").count());
            members.push((name, text.into_owned()));
        }
        assert!(members[0].0.ends_with("_业务明细.csv") && members[1].0.ends_with("_业务明细(汇总).csv"));

        let fields = |line: &str| -> Vec<String> { line.split(',').map(|field| field.trim_end().to_owned()).collect() };
        let detail: Vec<Vec<String>> = members[0].1.lines().filter(|line| !line.starts_with('#')).skip(1).map(fields).collect();
        assert!(!detail.is_empty() && detail.iter().all(|line| line.len() == 25), "{path:?}");
        let of = |word: &str, column: usize| -> (usize, Amount) {
            let lines: Vec<_> = detail.iter().filter(|line| line[2] == word).collect();
            (lines.len(), lines.iter().map(|line| amount(&line[column])).sum())
        };
        let (paid, received) = of("交易", 12);
        let (refunded, returned) = of("退款", 12);
        let discount = of("交易", 16).1;
        assert!(
            members[0].1.contains(&format!("#交易合计：{paid}笔，商家实收共{received}元，商家优惠共{discount}元\r\n")),
            "{path:?}"
        );
        assert!(members[0].1.contains(&format!("#退款合计：{refunded}笔，商家实收退款共{returned}元，")), "{path:?}");

        let total = members[1].1.lines().find(|line| line.starts_with("合计")).map(fields).expect("a line of totals");
        let fees: Amount = detail.iter().map(|line| amount(&line[22])).sum();
        assert_eq!((total[2].as_str(), total[3].as_str()), (paid.to_string().as_str(), refunded.to_string().as_str()));
        assert_eq!(amount(&total[9]), fees);
        assert_eq!(amount(&total[11]), received + returned + fees, "{path:?}: what arrives");
        for line in &detail {
            assert_eq!(amount(&line[12]), amount(&line[11]) - amount(&line[16]), "{}: received less the discount", line[1]);
        }
    }
}

#[test]
fn an_alipay_name_is_gbk_without_the_flag_of_utf8() {
    for (path, bytes) in provider_files("alipay") {
        let flags = u16::from_le_bytes([bytes[6], bytes[7]]);
        assert_eq!(flags & (1 << 11), 0, "{path:?}");
        let name = encoding_rs::GBK.encode("_业务明细.csv").0.into_owned();
        assert!(bytes[30..].windows(name.len()).any(|window| window == name), "{path:?}");
    }
}

#[test]
fn an_adyen_batch_closes_at_zero() {
    let mut carried: BTreeMap<String, Amount> = BTreeMap::new();
    let mut transfers = 0;
    for (path, bytes) in provider_files("adyen") {
        let mut balances: BTreeMap<String, Amount> = BTreeMap::new();
        let (mut from, mut to) = (BTreeMap::new(), BTreeMap::new());
        for row in rows(&bytes) {
            let gross = amount(&row["Gross Credit (GC)"]) - amount(&row["Gross Debit (GC)"]);
            let costs = amount(&row["Commission (NC)"]) + amount(&row["Markup (NC)"]);
            let net = amount(&row["Net Credit (NC)"]) - amount(&row["Net Debit (NC)"]);
            if !row["Psp Reference"].is_empty() {
                assert_eq!(gross - costs, net, "{path:?}: {row:?}");
                assert_eq!(row["Psp Reference"].len(), 16);
            }
            if row["Type"] == "Balancetransfer" {
                transfers += 1;
                let side = if row["Modification Merchant Reference"].contains(" from ") { &mut from } else { &mut to };
                side.insert(row["Net Currency"].clone(), net);
            }
            *balances.entry(row["Net Currency"].clone()).or_default() += net;
        }
        assert!(balances.len() > 1 && balances.values().all(|balance| *balance == Amount::ZERO), "{path:?}: {balances:?}");
        assert_eq!(from, carried, "{path:?}: a batch opens with what the one before left");
        carried = to.into_iter().map(|(currency, net)| (currency, -net)).collect();
    }
    assert!(transfers >= 2, "at least one balance goes from a batch to the next");
}

#[test]
fn a_stripe_line_nets_and_its_payouts_pay_it_out() {
    let mut yen = 0;
    for (path, bytes) in provider_files("stripe") {
        let mut payouts: BTreeMap<String, Amount> = BTreeMap::new();
        for row in rows(&bytes) {
            assert_eq!(amount(&row["net"]), amount(&row["gross"]) - amount(&row["fee"]), "{path:?}: {row:?}");
            *payouts.entry(row["currency"].clone()).or_default() += amount(&row["net"]);
            if row["customer_facing_currency"] == "jpy" {
                yen += 1;
                assert!(row["currency"] == "usd" && !row["customer_facing_amount"].contains('.'));
            }
        }
        // One pays 3.00 that no line says, as the key knows.
        let unsaid = if path.to_str().unwrap().contains("20261118") { amount("-3.00") } else { Amount::ZERO };
        assert_eq!(payouts.remove("usd"), Some(unsaid), "{path:?}");
        assert!(payouts.values().all(|left| *left == Amount::ZERO), "{path:?}: {payouts:?}");
    }
    assert!(yen > 0, "a customer pays in yen");
}

#[test]
fn the_key_names_every_break_type() {
    let (folder, summary) = written(small);
    let key = rows(&fs::read(folder.path().join("answers.csv")).unwrap());
    let found: BTreeSet<&str> = key.iter().map(|row| row["break_type"].as_str()).collect();
    let expected = BTreeSet::from([
        "missing_in_provider",
        "missing_in_merchant",
        "amount_mismatch",
        "fee_mismatch",
        "currency_mismatch",
        "false_failure",
        "duplicate_in_provider",
        "duplicate_in_merchant",
        "ambiguous",
        "refund_missing_in_provider",
        "refund_missing_in_merchant",
        "refund_amount_mismatch",
        "chargeback",
        "chargeback_reversed",
        "refund_exceeds_payment",
        "payout_residual",
        "payout_not_in_bank",
        "bank_unexplained",
    ]);
    assert_eq!(found, expected);
    assert_eq!(summary.breaks.keys().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(
        key.iter().filter(|row| row["state"] == "cleared").map(|row| &row["break_type"]).collect::<BTreeSet<_>>().len(),
        4
    );
}

/// What the key says of one reference and type, as "day state" by night.
fn life(key: &[BTreeMap<String, String>], break_type: &str, reference: &str) -> Vec<String> {
    key.iter()
        .filter(|row| row["break_type"] == break_type && row["merchant_reference"] == reference)
        .map(|row| format!("{} {}", &row["night"][8..], row["state"]))
        .collect()
}

#[test]
fn a_break_lives_as_long_as_its_cause() {
    let (folder, _) = written(small);
    let key = rows(&fs::read(folder.path().join("answers.csv")).unwrap());
    for (break_type, reference, expected, why) in [
        ("missing_in_provider", "SO20261117000009", "17 waiting, 18 open, 19 open", "never comes"),
        ("missing_in_provider", "SO20261117000024", "17 waiting, 18 cleared", "comes after midnight"),
        ("missing_in_provider", "SO20261117000010", "17 waiting, 18 open, 19 cleared", "comes two nights late"),
        ("missing_in_merchant", "SO20261117000014", "17 waiting, 18 cleared", "records come a night late"),
        ("refund_missing_in_provider", "SO20261118000023", "18 waiting, 19 cleared", "refund across midnight"),
        ("fee_mismatch", "SO20261117000003", "17 open, 18 open, 19 open", "until a person resolves it"),
    ] {
        assert_eq!(life(&key, break_type, reference).join(", "), expected, "{why}");
    }
}

#[test]
fn over_a_weekend_everything_waits_for_monday() {
    // The 20th is a Friday.
    let (folder, _) = written(|out| Plan { date: day("2026-11-20"), nights: 4, ..small(out) });
    let key = rows(&fs::read(folder.path().join("answers.csv")).unwrap());
    assert_eq!(
        life(&key, "missing_in_provider", "SO20261120000009").join(", "),
        "20 waiting, 21 waiting, 22 waiting, 23 open",
        "never comes"
    );
}

#[test]
fn a_difference_is_what_the_provider_states_less_what_the_merchant_states() {
    let (folder, _) = written(small);
    for row in rows(&fs::read(folder.path().join("answers.csv")).unwrap()) {
        let difference = amount(&row["provider_amount"]) - amount(&row["merchant_amount"]);
        let expected = match row["break_type"].as_str() {
            "fee_mismatch" => -difference,
            "currency_mismatch" => {
                assert_eq!(row["provider_amount"], "", "an amount of another currency cannot stand here");
                Amount::ZERO
            }
            _ => difference,
        };
        assert_eq!(amount(&row["difference"]), expected, "{row:?}");
        assert!(!row["why"].is_empty());
    }
}

/// The key is checked against the files by the simplest reader there is: merchant references of payments, side by side.
#[test]
fn a_payment_on_one_side_only_is_in_the_key() {
    let (folder, _) = written(|out| Plan { orders: 3_000, ..small(out) });
    let key = rows(&fs::read(folder.path().join("answers.csv")).unwrap());
    let named = |break_type: &str| -> BTreeSet<String> {
        key.iter().filter(|row| row["break_type"] == break_type).map(|row| row["merchant_reference"].clone()).collect()
    };
    let (mut stated, mut recorded) = (BTreeSet::new(), BTreeSet::new());
    for (path, bytes) in files(folder.path()) {
        let path = path.to_str().unwrap();
        if path.starts_with("provider/stripe/") {
            stated.extend(
                rows(&bytes)
                    .into_iter()
                    .filter(|row| row["reporting_category"] == "charge")
                    .map(|row| row["payment_metadata[order_id]"].clone()),
            );
        } else if path.starts_with("provider/adyen/") {
            stated.extend(
                rows(&bytes).into_iter().filter(|row| row["Type"] == "Settled").map(|row| row["Merchant Reference"].clone()),
            );
        } else if path.starts_with("merchant/attempts_") {
            recorded.extend(
                rows(&bytes)
                    .into_iter()
                    .filter(|row| row["status"] == "succeeded" && (row["provider"] == "stripe" || row["provider"] == "adyen"))
                    .map(|row| row["merchant_reference"].clone()),
            );
        }
    }
    assert!(stated.len() > 1_000);
    let (missing_in_provider, missing_in_merchant, lies) =
        (named("missing_in_provider"), named("missing_in_merchant"), named("false_failure"));
    for reference in recorded.difference(&stated) {
        assert!(missing_in_provider.contains(reference), "{reference} is recorded, never stated, and not in the key");
    }
    for reference in stated.difference(&recorded) {
        assert!(
            missing_in_merchant.contains(reference) || lies.contains(reference),
            "{reference} is stated, never recorded, and not in the key"
        );
    }
}

#[test]
fn nothing_to_write_is_written_as_nothing() {
    let (folder, summary) = written(|out| Plan { orders: 0, nights: 1, ..small(out) });
    let bill = fs::read_to_string(folder.path().join("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv")).unwrap();
    assert!(bill.ends_with("`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00\r\n"));
    // The fee for having an account is paid all the same.
    assert_eq!(summary.breaks.keys().collect::<Vec<_>>(), [&"payout_not_in_bank"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "a file").unwrap();
    let error = write(&small(&taken)).unwrap_err();
    assert!(error.file.is_some_and(|file| file.contains("taken")), "the error says where");
}

/// The folder of a provider over the three nights, in the order of the nights.
fn provider_files(provider: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let (folder, _) = written(small);
    let found = files(&folder.path().join("provider").join(provider));
    assert_eq!(found.len(), 3);
    found
}
