//! Journal proposals: every kind by hand, accounts that are missing or another provider's, the law as a property of
//! random entries, and the sample nights.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use arrow::array::{ArrayRef, RecordBatch};
use proptest::prelude::*;
use tieout::error::Exit;
use tieout::job::Job;
use tieout::money::Amount;
use tieout::report::journal::Journal;
use tieout::stage::journal::{BOOKED, Chart, Purpose, propose};
use tieout::table::build;
use tieout::table::entries::{ENTRIES, KINDS};

use crate::fees::Till;
use crate::nights::{Shop, csv_rows, november, three_nights};

type Row = BTreeMap<String, String>;

/// What is booked on what, as a job says it.
pub(crate) const ACCOUNTS: &str = r#"[journal.accounts]
clearing = "1122"
payments = "6001"
refunds = "6001.02"
chargebacks = "6711"
fees = "6603"
tax = "2221"
payouts = "1012"
reserves = "1221"
transfers = "1123"
adjustments = "6051"
fx = "6603.03"
"#;

fn export<'a>(till: &Till, more: &[&'a str]) -> (i32, String, String) {
    let night: &[&'a str] = &["export", "journal", "job.toml", "--date", "2026-11-17"];
    till.run(&[night, more].concat())
}

/// A row of a file: currency, line, account, debit, credit, what, entries.
fn told(row: &Row) -> String {
    let side = |name: &str| if row[name].is_empty() { "-".to_owned() } else { row[name].clone() };
    let columns = [&row["currency"], &row["line"], &row["ledger_account"], &side("debit"), &side("credit"), &row["what"]];
    columns.into_iter().chain([&row["entries"]]).map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_kind_by_hand() {
    let till = Till::new("", ACCOUNTS);
    till.lines(
        november(17),
        "payment 100 3 method=; payment 50.5 1.50; refund -20 -0.60; refund_reversal 20 0; chargeback -80 15
         chargeback_reversal 80 0; fee -7.50 0; fee_refund 2 0; tax -0.75 0; payout -30 0; payout_reversal 31 0; transfer -5 0
         fx_conversion -10 0; fx_conversion 9 0 currency=EUR; adjustment 1.01 0; adjustment -0.02 0; adjustment 0 0.04
         reserve_hold -12 0; reserve_release 4 0; info 999 0; payment 1200 0 currency=JPY",
    );
    till.close(november(17));
    let (code, csv, said) = export(&till, &[]);
    assert_eq!(code, 0, "{said}");
    let rows = csv_rows(csv.as_bytes());
    let told: Vec<String> = rows.iter().map(told).collect();
    // What comes is a debit of 1122, which the provider owes; what goes is a credit of it. Three payments settle in dollars
    // and yen; a fee given back is not set off against those charged, nor a correction up against one down.
    assert_eq!(
        told,
        [
            "EUR 1 1122 9.00 - fx 1",
            "EUR 2 6603.03 - 9.00 fx 1",
            "JPY 1 1122 1200 - payments 1",
            "JPY 2 6001 - 1200 payments 1",
            "USD 1 1122 150.50 - payments 2",
            "USD 2 6001 - 150.50 payments 2",
            "USD 3 1122 - 20.00 refunds 1",
            "USD 4 6001.02 20.00 - refunds 1",
            "USD 5 1122 20.00 - refunds 1",
            "USD 6 6001.02 - 20.00 refunds 1",
            "USD 7 1122 - 80.00 chargebacks 1",
            "USD 8 6711 80.00 - chargebacks 1",
            "USD 9 1122 80.00 - chargebacks 1",
            "USD 10 6711 - 80.00 chargebacks 1",
            "USD 11 1122 - 0.04 fees 1",
            "USD 12 6603 0.04 - fees 1",
            "USD 13 1122 - 15.00 fees 1",
            "USD 14 6603 15.00 - fees 1",
            "USD 15 1122 - 7.50 fees 1",
            "USD 16 6603 7.50 - fees 1",
            "USD 17 1122 2.00 - fees 1",
            "USD 18 6603 - 2.00 fees 1",
            "USD 19 1122 - 4.50 fees 2",
            "USD 20 6603 4.50 - fees 2",
            "USD 21 1122 0.60 - fees 1",
            "USD 22 6603 - 0.60 fees 1",
            "USD 23 1122 - 0.75 tax 1",
            "USD 24 2221 0.75 - tax 1",
            "USD 25 1122 - 30.00 payouts 1",
            "USD 26 1012 30.00 - payouts 1",
            "USD 27 1122 31.00 - payouts 1",
            "USD 28 1012 - 31.00 payouts 1",
            "USD 29 1122 - 12.00 reserves 1",
            "USD 30 1221 12.00 - reserves 1",
            "USD 31 1122 4.00 - reserves 1",
            "USD 32 1221 - 4.00 reserves 1",
            "USD 33 1122 - 5.00 transfers 1",
            "USD 34 1123 5.00 - transfers 1",
            "USD 35 1122 1.01 - adjustments 1",
            "USD 36 6051 - 1.01 adjustments 1",
            "USD 37 1122 - 0.02 adjustments 1",
            "USD 38 6051 0.02 - adjustments 1",
            "USD 39 1122 - 10.00 fx 1",
            "USD 40 6603.03 10.00 - fx 1",
        ]
    );
    let memo = |line: usize| rows[line]["memo"].as_str();
    assert_eq!(memo(4), "proposal: payments of p a, 2026-11-17");
    assert_eq!(memo(23), "proposal: fees on payments of p a, 2026-11-17");
    assert_eq!(memo(25), "proposal: fees given back on refunds of p a, 2026-11-17");
    assert_eq!(memo(43), "proposal: currency conversions of p a, 2026-11-17");
    assert!(rows.iter().all(|row| row["status"] == "proposal" && row["business_date"] == "2026-11-17"));
    assert!(rows.iter().all(|row| (row["provider"].as_str(), row["provider_account"].as_str()) == ("p", "a")));
    let ids: BTreeSet<&String> = rows.iter().map(|row| &row["journal_id"]).collect();
    assert_eq!(ids.len(), 3, "a journal a currency");
    // In dollars 289.11 are debited and 184.81 credited.
    assert_eq!(said, "proposal only, nothing is posted: 3 journals; clearing moves by p 9.00 EUR, p 1200 JPY, p 104.30 USD\n");
}

#[test]
fn a_journal_keeps_its_identity_when_the_night_is_published_anew() {
    let till = Till::new("", ACCOUNTS);
    let ids = || csv_rows(export(&till, &[]).1.as_bytes()).into_iter().map(|row| row["journal_id"].clone()).collect::<Vec<_>>();
    till.lines(november(17), "payment 100 0");
    till.close(november(17));
    let before = ids();
    till.lines(november(17), "payment 101 0");
    till.close(november(17));
    assert_eq!(ids(), before);
    till.lines(november(18), "payment 101 0");
    till.close(november(18));
    let (code, csv, _) = till.run(&["export", "journal", "job.toml", "--from", "2026-11-17", "--to", "2026-11-18"]);
    let rows = csv_rows(csv.as_bytes());
    assert_eq!((code, rows.len()), (0, 4), "{csv}");
    assert_eq!(rows[0]["journal_id"], before[0]);
    assert_ne!(rows[2]["journal_id"], before[0]);
}

#[test]
fn what_has_no_account_is_named_and_nothing_is_written() {
    let till = Till::new("", "[journal]\naccounts = { clearing = \"1122\", payments = \"6001\" }\n");
    till.lines(november(17), "payment 100 3; chargeback -80 0; payout -5 0; info 7 0");
    till.close(november(17));
    let (code, csv, said) = export(&till, &["--out", "journal.csv"]);
    assert_eq!((code, csv.as_str()), (78, ""));
    assert!(!till.folder.path().join("journal.csv").exists());
    assert_eq!(
        said,
        "error: job.toml, column journal.accounts: the job maps no account of the ledger for chargebacks, fees, payouts\n  \
         expected: an account for everything that occurs\n  \
         found: in the night 2026-11-17: chargebacks of p, fees on payments of p, payouts of p\n  \
         next: add to `accounts` of [journal], or to [journal.provider.<name>]: chargebacks = \"…\", fees = \"…\", payouts = \"…\"\n"
    );
    till.contract("", "[journal]\naccounts = { clearing = \"1122\", payments = \"6001\", fees = \"6603\", chargebacks = \"6711\", payouts = \"1012\" }\n");
    assert_eq!(export(&till, &["--out", "journal.csv"]).0, 0, "a kind without money needs no account");
    assert_eq!(fs::read_to_string(till.folder.path().join("journal.csv")).unwrap(), export(&till, &[]).1);

    till.contract("", "");
    let (code, csv, said) = export(&till, &[]);
    assert_eq!((code, csv.as_str()), (78, ""));
    assert!(said.contains("the job names no accounts of a ledger"), "{said}");
    assert!(said.contains("[journal]\naccounts = { clearing = \"…\", payments = \"…\","), "{said}");
}

#[test]
fn a_job_whose_accounts_are_wrong_is_refused_by_the_key() {
    for (journal, said) in [
        ("[journal]\n", "missing field `accounts`"),
        ("[journal]\naccounts = { clearing = \"1\", paiments = \"2\" }\n", "did you mean `payments`?"),
        ("[journal]\naccounts = {}\nposted = true\n", "unknown key `posted`"),
        ("[journal]\naccounts = { fees = \"\" }\n", "journal.accounts.fees: not an account of a ledger"),
        ("[journal]\naccounts = { fees = \"=1+1\" }\n", "journal.accounts.fees: not an account of a ledger"),
        ("[journal]\naccounts = {}\n[journal.provider.p]\ntax = \"-1\"\n", "journal.provider.p.tax: not an account of a ledger"),
        ("[journal]\naccounts = {}\n[journal.provider.q]\ntax = \"1\"\n", "journal.provider.q: the job has no such provider"),
    ] {
        let error = Till::new("", journal).job().unwrap_err();
        assert_eq!(error.exit, Exit::BadConfiguration, "{journal}");
        assert!(error.to_string().contains(said), "{journal}: {error}");
    }
    // Which is one account can be known only where both are needed.
    let till = Till::new("", "[journal]\naccounts = { clearing = \"1\", payments = \"1\", fees = \"2\" }\n");
    till.lines(november(17), "payment 100 3");
    till.close(november(17));
    let (code, _, said) = export(&till, &[]);
    assert_eq!(code, 78);
    assert!(said.contains("clearing and payments of p are one account of the ledger"), "{said}");
}

#[test]
fn accounts_of_one_provider_take_the_place_of_the_others() {
    let own = "[journal.provider.p]\nclearing = \"1122.01\"\nfees = \"6603.01\"\n";
    let till = Till::new("", &format!("{ACCOUNTS}{own}"));
    till.lines(november(17), "payment 100 3");
    till.close(november(17));
    let rows = csv_rows(export(&till, &[]).1.as_bytes());
    let accounts: Vec<&str> = rows.iter().map(|row| row["ledger_account"].as_str()).collect();
    assert_eq!(accounts, ["1122.01", "6001", "1122.01", "6603.01"]);
    let other = "[[provider]]\nname = \"q\"\naccount = \"=b\"\nformat = \"generic/entries\"\nsettles_in = \"1 day\"\n\
                 source = { files = \"lines_{date:%Y%m%d}.csv\" }\n";
    till.contract("", &format!("{ACCOUNTS}{own}{other}"));
    till.close(november(17));
    let rows = csv_rows(export(&till, &[]).1.as_bytes());
    let accounts: Vec<String> = rows
        .iter()
        .map(|row| ["provider", "provider_account", "ledger_account"].map(|name| row[name].as_str()).join(" "))
        .collect();
    assert_eq!(
        accounts,
        ["p a 1122.01", "p a 6001", "p a 1122.01", "p a 6603.01", "q '=b 1122", "q '=b 6001", "q '=b 1122", "q '=b 6603",],
        "and what a spreadsheet would run is text"
    );
}

#[test]
fn nights_are_asked_for_as_claims_are() {
    let till = Till::new("", ACCOUNTS);
    let (code, _, said) = export(&till, &[]);
    assert_eq!(code, 65);
    assert!(said.contains("the night 2026-11-17 is not published"), "{said}");
    let ask = |more: &[&str]| till.run(&[&["export", "journal", "job.toml"], more].concat());
    assert_eq!(ask(&[]).0, 64);
    assert_eq!(ask(&["--from", "2026-11-17"]).0, 64);
    assert_eq!(ask(&["--date", "2026-11-17", "--to", "2026-11-18"]).0, 64);
    let (code, _, said) = ask(&["--from", "2026-11-18", "--to", "2026-11-17"]);
    assert_eq!(code, 64);
    assert!(said.contains("the last night is before the first"), "{said}");
    till.lines(november(17), "info 5 0");
    till.close(november(17));
    let (code, csv, said) = export(&till, &[]);
    assert_eq!((code, csv.lines().count(), said.as_str()), (0, 1, "proposal only, nothing is posted: no money moved\n"));
}

#[test]
fn what_a_person_should_know_before_booking_is_said() {
    // A line that waits and is stated again the night after is an entry of both.
    let till = Till::new("", ACCOUNTS);
    let line = "payment 100 0 provider_reference=x merchant_reference=o1 occurred_at=2026-11-17T12:00:00+08:00";
    for night in [17, 18].map(november) {
        till.lines(night, line);
        till.close(night);
    }
    let (code, csv, said) = till.run(&["export", "journal", "job.toml", "--from", "2026-11-17", "--to", "2026-11-18"]);
    assert_eq!((code, csv.lines().count()), (0, 5), "{csv}");
    assert_eq!(
        said,
        "proposal only, nothing is posted: 2 journals; clearing moves by p 200.00 USD\n\
         the night 2026-11-18 states items of earlier nights again: entries among them are in the journals of both nights\n"
    );

    let shop = Shop::of_sample_data();
    shop.rewrite_job(|job| format!("{job}\n{ACCOUNTS}"));
    fs::remove_file(shop.data().join("provider/stripe/payout_reconciliation_20261117.csv")).unwrap();
    shop.try_close(november(17), true).unwrap();
    let journal = Journal::of(&Job::load(&shop.job_file()).unwrap(), &shop.lake(), [november(17); 2]).unwrap();
    let note = "the night 2026-11-17 is incomplete: of a provider that was left out nothing is booked";
    assert_eq!(journal.sentence().lines().nth(1), Some(note));
}

/// An account for everything, named as what it is for.
fn chart() -> Chart {
    Chart { accounts: Purpose::ALL.map(|purpose| (purpose, purpose.word().to_owned())).into(), ..Chart::default() }
}

/// An entry: provider, account, kind and currency by number, gross and fee.
type Entry = (usize, usize, usize, usize, i64, i64);

/// Entries as the stage reads them.
fn entries(lines: &[Entry]) -> RecordBatch {
    let word = |of: fn(&Entry) -> &'static str| build::words(lines.iter().map(|line| Some(of(line))));
    let amount = |of: fn(i128, i128) -> i128| {
        build::amounts(lines.iter().map(|line| Some(Amount(of(i128::from(line.4), i128::from(line.5))))))
    };
    let columns: [ArrayRef; 8] = [
        word(|line| ["p", "q"][line.0]),
        word(|line| ["a", "b"][line.1]),
        word(|line| KINDS[line.2]),
        word(|line| ["CNY", "JPY", "USD"][line.3]),
        amount(|gross, _| gross),
        amount(|_, fee| fee),
        amount(|gross, fee| gross - fee),
        build::same_word(None, lines.len()),
    ];
    RecordBatch::try_from_iter(BOOKED.into_iter().zip(columns)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the entries: every journal balances, the clearing account moves by their net, every one that moves money is
    /// counted, and their order changes nothing.
    #[test]
    fn journals_balance_and_tie_to_what_settles(
        (lines, shuffled) in prop::collection::vec((0_usize..2, 0_usize..2, 0_usize..16, 0_usize..3, any::<i64>(), -1000_i64..1000), 0..60)
            .prop_flat_map(|lines| (Just(lines.clone()), Just(lines).prop_shuffle())),
    ) {
        let given = entries(&lines);
        let proposed = propose(&given, &chart(), november(17)).unwrap();
        prop_assert_eq!(&proposed, &propose(&entries(&shuffled), &chart(), november(17)).unwrap());

        let mut settled: BTreeMap<[&str; 3], i128> = BTreeMap::new();
        let mut counted = 0;
        for &(provider, account, _, currency, gross, fee) in lines.iter().filter(|line| KINDS[line.2] != "info") {
            if gross == 0 && fee == 0 { continue; }
            let of = [["p", "q"][provider], ["a", "b"][account], ["CNY", "JPY", "USD"][currency]];
            *settled.entry(of).or_default() += i128::from(gross) - i128::from(fee);
            counted += u64::from(gross != 0) + u64::from(fee != 0);
        }
        let mut balance: BTreeMap<(&str, &str), Amount> = BTreeMap::new();
        let mut clearing: BTreeMap<[&str; 3], i128> = BTreeMap::new();
        let mut entries = 0;
        for line in &proposed {
            prop_assert!((line.debit == Amount::ZERO) != (line.credit == Amount::ZERO), "one of both: {line:?}");
            prop_assert!(line.debit >= Amount::ZERO && line.credit >= Amount::ZERO, "neither below zero: {line:?}");
            *balance.entry((&line.journal_id, &line.currency)).or_default() += line.debit - line.credit;
            prop_assert_eq!(line.ledger_account == "clearing", line.is_clearing);
            if line.is_clearing {
                *clearing.entry([&line.provider, &line.provider_account, &line.currency]).or_default() += (line.debit - line.credit).0;
                entries += line.entries;
            }
        }
        prop_assert!(balance.values().all(|balance| *balance == Amount::ZERO));
        prop_assert_eq!(balance.len(), clearing.len(), "a journal has one provider, account and currency");
        prop_assert_eq!(clearing, settled);
        prop_assert_eq!(entries, counted);
    }
}

#[test]
fn entries_that_do_not_add_up_are_a_broken_law() {
    let right = entries(&[(0, 0, 0, 0, 100, 3)]);
    let columns = BOOKED
        .into_iter()
        .zip(right.columns())
        .map(|(name, column)| (name, if name == "net" { build::amounts([Some(Amount(98))]) } else { ArrayRef::clone(column) }));
    let wrong = RecordBatch::try_from_iter(columns).unwrap();
    let error = propose(&wrong, &chart(), november(17)).unwrap_err();
    assert_eq!(error.exit, Exit::LawBroken);
    assert_eq!(error.found.as_deref(), Some("p a CNY"));
}

#[test]
fn the_sample_nights_are_proposed_whole() {
    let shop = Shop::of_sample_data();
    shop.rewrite_job(|job| format!("{job}\n{ACCOUNTS}"));
    for night in three_nights() {
        shop.close(night);
    }
    let [from, .., to] = three_nights();
    let journal = Journal::of(&Job::load(&shop.job_file()).unwrap(), &shop.lake(), [from, to]).unwrap();
    let amount = |text: &str| if text.is_empty() { Amount::ZERO } else { Amount::parse(text.as_bytes(), 8).unwrap() };
    let mut balance: BTreeMap<(String, String), Amount> = BTreeMap::new();
    let mut clearing: BTreeMap<[String; 3], Amount> = BTreeMap::new();
    for row in csv_rows(journal.csv().unwrap().as_bytes()) {
        let moved = amount(&row["debit"]) - amount(&row["credit"]);
        *balance.entry((row["journal_id"].clone(), row["currency"].clone())).or_default() += moved;
        if row["ledger_account"] == "1122" {
            *clearing.entry(["business_date", "provider", "currency"].map(|name| row[name].clone())).or_default() += moved;
        }
    }
    assert!(balance.len() >= 12 && balance.values().all(|balance| *balance == Amount::ZERO), "{balance:?}");
    let mut settled: BTreeMap<[String; 3], Amount> = BTreeMap::new();
    for night in three_nights() {
        for row in shop.rows(&ENTRIES, night).into_iter().filter(|row| row["kind"] != "info") {
            *settled.entry(["business_date", "provider", "currency"].map(|name| row[name].clone())).or_default() +=
                amount(&row["net"]);
        }
    }
    assert_eq!(clearing, settled);
}
