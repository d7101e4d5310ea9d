//! Fees against the contract: each kind of rule by hand, jobs that are refused, batches, tiers over months, and claims.
//! An independent model tries random contracts on random lines in `model`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod model;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use chrono::NaiveDate;
use tempfile::TempDir;
use tieout::job::Job;
use tieout::lake::Lake;
use tieout::money::Amount;
use tieout::night::{Closed, Memory, Options, close};
use tieout::table::column::Table;
use tieout::table::entries::ENTRIES;
use tieout::table::fees::FEES;
use tieout::table::reconciliation::{BREAKS, OPEN_ITEMS};

use crate::nights::{board, messages, november, rows};

type Row = BTreeMap<String, String>;

/// A shop with one provider `p`, account `a`, in `Asia/Shanghai`; its lines are entries under their own names.
pub(crate) struct Till {
    pub(crate) folder: TempDir,
}

const COLUMNS: [&str; 20] = [
    "kind",
    "provider_reference",
    "currency",
    "gross",
    "fee",
    "occurred_at",
    "merchant_reference",
    "merchant_refund_reference",
    "original_reference",
    "batch_reference",
    "method",
    "wallet",
    "card_brand",
    "card_funding",
    "card_country",
    "net",
    "customer_amount",
    "customer_currency",
    "merchant_discount",
    "exchange_rate",
];

impl Till {
    /// With that contract: tables of `fee = […]`, and whatever else the job says.
    pub(crate) fn new(fee: &str, more: &str) -> Self {
        let till = Self { folder: tempfile::tempdir().unwrap() };
        till.contract(fee, more);
        till
    }

    pub(crate) fn contract(&self, fee: &str, more: &str) {
        let job = format!(
            "name = \"till\"\nlake = \"lake\"\ntimezone = \"Asia/Shanghai\"\n{more}\n[[provider]]\nname = \"p\"\naccount = \"a\"\n\
             format = \"generic/entries\"\nsource = {{ files = \"lines_{{date:%Y%m%d}}.csv\" }}\nsettles_in = \"1 day\"\n\
             fee = [{fee}]\n[merchant.orders]\nsource = {{ files = \"orders.csv\" }}\n"
        );
        fs::write(self.folder.path().join("job.toml"), job).unwrap();
        let orders = "order_id,created_at,amount,currency,status\n";
        fs::write(self.folder.path().join("orders.csv"), orders).unwrap();
    }

    pub(crate) fn job(&self) -> tieout::error::Result<Job> {
        Job::load(&self.folder.path().join("job.toml"))
    }

    /// Lines of a night, written `kind gross fee column=value …`: in USD by card at noon unless they say otherwise, each
    /// called by its number.
    pub(crate) fn lines(&self, night: NaiveDate, lines: &str) {
        let mut csv = csv::Writer::from_path(self.folder.path().join(format!("lines_{}.csv", night.format("%Y%m%d")))).unwrap();
        csv.write_record(COLUMNS).unwrap();
        for (number, line) in lines.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()).enumerate() {
            let [kind, gross, fee, rest @ ..] = &line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
            let (name, at) = (format!("{night}-{number:04}"), format!("{night}T12:00:00+08:00"));
            let mut said = BTreeMap::from([("currency", "USD"), ("method", "card"), ("occurred_at", &at), ("fee", fee)]);
            said.extend([("kind", *kind), ("provider_reference", name.as_str()), ("gross", gross)]);
            said.extend(rest.iter().map(|word| word.split_once('=').unwrap()));
            assert!(said.keys().all(|column| COLUMNS.contains(column)), "{line}");
            csv.write_record(COLUMNS.map(|column| said.get(column).copied().unwrap_or_default())).unwrap();
        }
        csv.flush().unwrap();
    }

    pub(crate) fn try_close(&self, date: NaiveDate, memory: Memory) -> Result<Closed, String> {
        let job = self.job().map_err(|error| error.to_string())?;
        close(&job, Options { memory, ..Options::of(date) }, &board(), &|_| {}).map_err(|errors| messages(&errors))
    }

    pub(crate) fn close(&self, date: NaiveDate) -> Closed {
        self.try_close(date, Memory::Unlimited).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn rows(&self, table: &'static Table, night: NaiveDate) -> Vec<Row> {
        rows(&Lake::open(&self.folder.path().join("lake")).unwrap().read(table, night).unwrap())
    }

    /// What each line of a night costs, in the order of the lines: `rule contracted`.
    fn priced(&self, night: NaiveDate) -> Vec<String> {
        let mut rows = self.rows(&ENTRIES, night);
        rows.sort_by(|one, other| one["provider_reference"].cmp(&other["provider_reference"]));
        let said = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        rows.iter().map(|row| format!("{}: {}", said(&row["fee_rule"]), said(&plain(&row["fee_contracted"])))).collect()
    }

    /// What a command prints, run beside the job.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tieout"))
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

/// An amount without the zeros behind its cents.
fn plain(text: &str) -> String {
    if text.is_empty() { String::new() } else { Amount::parse(text.as_bytes(), 8).unwrap().to_string() }
}

/// Columns of a row, amounts plain: what is empty as `-`.
fn told(row: &Row, columns: &[&str]) -> String {
    let cell = |column: &&str| match row[*column].as_str() {
        "" => "-".to_owned(),
        text if text.contains('.') && *column != "effective_rate" && Amount::parse(text.as_bytes(), 8).is_ok() => plain(text),
        text => text.to_owned(),
    };
    columns.iter().map(cell).collect::<Vec<_>>().join(" ")
}

struct Case {
    why: &'static str,
    fee: &'static str,
    lines: &'static str,
    expect: &'static [&'static str],
}

const REGIONS: &str = "[region]\nhome = [\"CN\", \"HK\"]\n";

/// Each kind of rule, computed by hand.
const CASES: [Case; 14] = [
        Case {
            why: "0.60 % of 100.00 is 0.60, of 12.34 it is 0.07404",
            fee: r#"{ percent = "0.60" }"#,
            lines: "payment 100.00 0; payment 12.34 0",
            expect: &["0.60 %: 0.60", "0.60 %: 0.07"],
        },
        Case {
            why: "2.9 % of 30.50 is 0.8845, with 0.305 it is 1.1895: rounded once, to 1.19 and not to 0.88 + 0.31 or 0.305",
            fee: r#"{ percent = "2.9", fixed = "0.305" }"#,
            lines: "payment 30.50 0",
            expect: &["2.90 % + 0.305: 1.19"],
        },
        Case {
            why: "an amount alone, and in a currency without minor unit: 3.6 % of 1234 is 44.424",
            fee: r#"{ fixed = "0.25", currency = "USD" }, { percent = "3.6", currency = "JPY" }"#,
            lines: "payment 1.00 0; payment 1234 0 currency=JPY; payment 9.00 0 currency=EUR",
            expect: &["0.25 USD: 0.25", "3.60 % JPY: 44.00", "-: -"],
        },
        Case {
            why: "1 % is at least 0.50 and at most 5.00",
            fee: r#"{ percent = "1", minimum = "0.50", maximum = "5.00" }"#,
            lines: "payment 10.00 0; payment 100.00 0; payment 1000.00 0; payment 50.00 0; payment 500.00 0",
            expect: &["1.00 %: 0.50", "1.00 %: 1.00", "1.00 %: 5.00", "1.00 %: 0.50", "1.00 %: 5.00"],
        },
        Case {
            why: "0.5 % of 1.00 is half a cent, of 3.00 one and a half, of 0.20 a tenth of one, of 3.90 almost two",
            fee: r#"{ percent = "0.5", wallet = "a" }, { percent = "0.5", wallet = "b", rounding = "half_even" },
                    { percent = "0.5", wallet = "c", rounding = "up" }, { percent = "0.5", wallet = "d", rounding = "down" }"#,
            lines: "payment 1.00 0 wallet=a; payment 3.00 0 wallet=a; payment 1.00 0 wallet=b; payment 3.00 0 wallet=b
                    payment 0.20 0 wallet=c; payment 3.90 0 wallet=d",
            expect: &[
                "0.50 % a: 0.01",
                "0.50 % a: 0.02",
                "0.50 % b: 0.00",
                "0.50 % b: 0.02",
                "0.50 % c: 0.01",
                "0.50 % d: 0.01",
            ],
        },
        Case {
            why: "2.9 % of 30.50 is 0.8845: to one decimal, and to eight",
            fee: r#"{ percent = "2.9", decimals = 1, wallet = "a" }, { percent = "2.9", decimals = 8, wallet = "b" }"#,
            lines: "payment 30.50 0 wallet=a; payment 30.50 0 wallet=b",
            expect: &["2.90 % a: 0.90", "2.90 % b: 0.8845"],
        },
        Case {
            why: "the narrowest rule holds, in whatever order; a line in none of them costs what nobody says",
            fee: r#"{ name = "visa", percent = "1.5", method = "card", card_brand = "visa" }, { name = "any card", percent = "2", method = "card" },
                    { name = "debit visa", percent = "1", method = ["card"], card_brand = ["visa"], card_funding = ["debit", "prepaid"] },
                    { name = "wallets", percent = "3", method = ["wallet", "bank_redirect"] }"#,
            lines: "payment 100 0 card_brand=amex; payment 100 0 card_brand=visa; payment 100 0 card_brand=visa card_funding=debit
                    payment 100 0 card_brand=visa card_funding=credit; payment 100 0 method=wallet card_brand=visa; payment 100 0 method=cash",
            expect: &["any card: 2.00", "visa: 1.50", "debit visa: 1.00", "visa: 1.50", "wallets: 3.00", "-: -"],
        },
        Case {
            why: "Iceland is in the EEA and not in the EU; a card of no stated country is in no region",
            fee: r#"{ name = "abroad", percent = "3" }, { name = "EEA", percent = "1.5", region = ["EEA", "GB"] },
                    { name = "EU", percent = "1.4", region = "EU" }, { name = "home", percent = "1", region = "home" }"#,
            lines: "payment 100 0 card_country=DE; payment 100 0 card_country=IS; payment 100 0 card_country=GB; payment 100 0 card_country=hk
                    payment 100 0 card_country=US; payment 100 0",
            expect: &["EU: 1.40", "EEA: 1.50", "EEA: 1.50", "home: 1.00", "abroad: 3.00", "abroad: 3.00"],
        },
        Case {
            why: "the 17th begins in Shanghai at 16:00 UTC of the 16th; the last day is the one before `until`",
            fee: r#"{ name = "r", percent = "1", until = "2026-11-17" }, { name = "r", percent = "2", from = "2026-11-17", until = "2026-11-18" }"#,
            lines: "payment 100 0 occurred_at=2026-11-16T15:59:59Z; payment 100 0 occurred_at=2026-11-16T16:00:00Z
                    payment 100 0 occurred_at=2026-11-17T15:59:59Z; payment 100 0 occurred_at=2026-11-17T16:00:00Z",
            expect: &["r: 1.00", "r: 2.00", "r: 2.00", "-: -"],
        },
        Case {
            why: "a campaign within the year is narrower than the year",
            fee: r#"{ name = "year", percent = "2", from = "2026-01-01", until = "2027-01-01" }, { name = "week", percent = "0.5", from = "2026-11-16", until = "2026-11-23" }"#,
            lines: "payment 100 0; payment 100 0 occurred_at=2026-11-30T00:00:00Z",
            expect: &["week: 0.50", "year: 2.00"],
        },
        Case {
            why: "of 50.00 given back: nothing; 0.6 % back; 1 % and 0.30 on top; 0.6 % and the 0.10 back; not said",
            fee: r#"{ name = "k", percent = "0.6", fixed = "0.10", wallet = "k", on_refund = "kept" }, { name = "r", percent = "0.6", fixed = "0.10", wallet = "r", on_refund = "returned" },
                    { name = "c", percent = "0.6", wallet = "c", on_refund = { percent = "1.0", fixed = "0.30" } },
                    { name = "b", percent = "0.6", fixed = "0.10", wallet = "b", on_refund = { percent = "-0.6", fixed = "-0.10" } }, { name = "n", percent = "0.6", wallet = "n" }"#,
            lines: "refund -50 0 wallet=k; refund -50 0 wallet=r; refund -50 0 wallet=c; refund -50 0 wallet=b; refund -50 0 wallet=n",
            expect: &["k: 0.00", "r: -0.30", "c: 0.80", "b: -0.40", "-: -"],
        },
        Case {
            why: "a minimum is of payments: what comes back of 0.6 % of 1.00 is a cent, as half of one is rounded away from zero",
            fee: r#"{ name = "r", percent = "0.6", minimum = "0.20", on_refund = "returned" }"#,
            lines: "payment 1.00 0; refund -1.00 0",
            expect: &["r: 0.20", "r: -0.01"],
        },
        Case {
            why: "a chargeback costs 15.00, and another provider takes 1 % of what is taken back too; the rest is not said",
            fee: r#"{ name = "f", percent = "1", wallet = "f", on_chargeback = { fixed = "15.00" } }, { name = "p", percent = "1", wallet = "p", on_chargeback = { percent = "1", fixed = "15.00" } }, { name = "n", percent = "1", wallet = "n" }"#,
            lines: "chargeback -80 0 wallet=f; chargeback -80 0 wallet=p; chargeback -80 0 wallet=n; chargeback_reversal 80 0 wallet=f; adjustment 5 0 wallet=f",
            expect: &["f: 15.00", "p: 15.80", "-: -", "-: -", "-: -"],
        },
        Case {
            why: "3.3 % of 10.00 is 0.33; 6 % of that 0.0198, rounded to 0.02 or down to 0.01; of 0.3 % of -10.00 it comes back",
            fee: r#"{ name = "t", percent = "3.3", tax = "6", wallet = "t", on_refund = "returned" }, { name = "d", percent = "3.3", tax = "6", tax_rounding = "down", wallet = "d" }"#,
            lines: "payment 10 0 wallet=t; payment 10 0 wallet=d; refund -10 0 wallet=t",
            expect: &["t: 0.35", "d: 0.34", "t: -0.35"],
        },
];

#[test]
fn each_kind_of_rule_by_hand() {
    for case in CASES {
        let till = Till::new(case.fee, REGIONS);
        till.lines(november(17), case.lines);
        till.close(november(17));
        assert_eq!(till.priced(november(17)), case.expect, "{}", case.why);
    }
}

const TOLD: [&str; 12] = [
    "method",
    "card_brand",
    "rule",
    "batch_reference",
    "currency",
    "entries",
    "volume",
    "charged",
    "billed",
    "contracted",
    "difference",
    "effective_rate",
];

#[test]
fn the_table_holds_every_entry_and_compares_what_was_charged() {
    let till = Till::new(r#"{ name = "card", percent = "1", method = "card", on_refund = "kept", tax = "10" }"#, "");
    till.lines(
        november(17),
        "payment 100 1.10 card_brand=visa; payment 200 2.30 card_brand=visa; payment 50 0.50 card_brand=amex
         refund -40 0 card_brand=visa; chargeback -10 15 card_brand=visa; payment 30 0.90 method=cash
         fee -7.50 0 method=; tax -0.75 0 method=; fee_refund 2.00 0 method=; payout -300 0 method=
         payment 500 5 currency=EUR",
    );
    till.close(november(17));
    let fees = till.rows(&FEES, november(17));
    let said: Vec<String> = fees.iter().map(|row| told(row, &TOLD)).collect();
    // card: 1.10, 2.20 and nothing of visa, 0.55 of amex; the effective rate of visa is 3.40 / 300. A chargeback has no
    // price here, so it is told without a rule.
    assert_eq!(
        said,
        [
            "- - - - USD 4 0.00 0.00 6.25 - - -",
            "card - card - EUR 1 500.00 5.00 0.00 5.50 0.50 0.010000000000",
            "card amex card - USD 1 50.00 0.50 0.00 0.55 0.05 0.010000000000",
            "card visa - - USD 1 0.00 15.00 0.00 - - -",
            "card visa card - USD 3 300.00 3.40 0.00 3.30 -0.10 0.011333333333",
            "cash - - - USD 1 30.00 0.90 0.00 - - 0.030000000000",
        ]
    );
    assert_eq!(fees.iter().map(|row| told(row, &["tax"])).collect::<Vec<_>>(), ["-", "0.50", "0.05", "-", "0.30", "-"]);
    let night: Vec<String> = fees.iter().map(|row| told(row, &["month_volume", "last_month_volume"])).collect();
    assert!(night.iter().all(|volumes| volumes == "- -"), "without tiers no volume is kept: {night:?}");
    let (_, summary, _) = till.run(&["run", "job.toml", "--date", "2026-11-17"]);
    assert!(summary.contains("fees:         p charged 0.50 EUR below contract, p charged 0.05 USD above contract"), "{summary}");
}

#[test]
fn a_fee_that_is_not_the_contracts_is_a_break_whether_the_entry_meets_a_record_or_not() {
    let till = Till::new(r#"{ name = "r", percent = "1", on_refund = "returned", on_chargeback = { fixed = "15" } }"#, "");
    let order = |number: u32| format!("o{number},2026-11-17T04:00:00Z,100.00,USD,paid\n");
    let orders = format!("order_id,created_at,amount,currency,status\n{}{}", order(1), order(2));
    fs::write(till.folder.path().join("orders.csv"), orders).unwrap();
    till.lines(
        november(17),
        "payment 100 1.00 merchant_reference=o1; payment 100 1.01 merchant_reference=o2; payment 100 1.02 merchant_reference=o3
         refund -100 0 merchant_refund_reference=r1; chargeback -100 20",
    );
    till.close(november(17));
    let breaks = |night| {
        let rows = till.rows(&BREAKS, night);
        let mut said: Vec<String> = rows.iter().map(|row| told(row, &["break_type", "state", "difference", "detail"])).collect();
        said.sort();
        said
    };
    assert_eq!(
        breaks(november(17)),
        [
            "chargeback open -100.00 also fee_mismatch: contracted 15.00 by r, charged 20.00 USD",
            "fee_mismatch open -0.01 contracted 1.00 by r, charged 1.01 USD",
            "missing_in_merchant waiting 100.00 also fee_mismatch: contracted 1.00 by r, charged 1.02 USD",
            "refund_missing_in_merchant waiting -100.00 also fee_mismatch: contracted -1.00 by r, charged 0.00 USD",
        ]
    );
    // What waits keeps what was contracted the night it came, though the contract is another since.
    let carried = till.rows(&OPEN_ITEMS, november(17));
    let carried: Vec<String> = carried.iter().map(|row| told(row, &["kind", "fee", "fee_rule", "fee_contracted"])).collect();
    assert_eq!(carried.iter().filter(|item| item.starts_with("payment 1.02 r 1.00")).count(), 1, "{carried:?}");
    till.contract(r#"{ name = "r", percent = "5" }"#, "");
    till.lines(november(18), "");
    let order = "order_id,created_at,amount,currency,status\no3,2026-11-17T04:00:00Z,100.00,USD,paid\n";
    fs::write(till.folder.path().join("orders.csv"), order).unwrap();
    till.close(november(18));
    let of_today = "fee_mismatch open -0.02 contracted 1.00 by r, charged 1.02 USD".to_owned();
    assert!(breaks(november(18)).contains(&of_today), "{:?}", breaks(november(18)));
}

#[test]
fn a_batch_is_rounded_and_judged_as_one() {
    // 2.5 % of 0.10 is a quarter of a cent: rounded line by line three of them cost nothing, as a batch 0.0075 is a cent.
    let fee = r#"{ name = "b", percent = "2.5", round = "batch", on_refund = "returned", tax = "50" }"#;
    let till = Till::new(fee, "");
    till.lines(
        november(17),
        "payment 0.10 0 batch_reference=one card_brand=visa; payment 0.10 0 batch_reference=one; payment 0.10 0 batch_reference=one
         payment 10 0.38 batch_reference=two; refund -0.10 0 batch_reference=two; payment 10 0.50; payment 20 1 currency=EUR batch_reference=one",
    );
    till.close(november(17));
    assert_eq!(till.priced(november(17)), ["b: -"; 7]);
    let said: Vec<String> = till.rows(&FEES, november(17)).iter().map(|row| told(row, &TOLD[2..11])).collect();
    // one: 0.01 and half of it as tax, 0.005, up to a cent. two: 0.25 − 0.0025 = 0.2475, so 0.25, with tax 0.125, so 0.13.
    // Without a batch: 0.25 and 0.13. In euro 0.50 and 0.25.
    assert_eq!(
        said,
        [
            "b - USD 1 10.00 0.50 0.00 0.38 -0.12",
            "b one EUR 1 20.00 1.00 0.00 0.75 -0.25",
            "b one USD 3 0.30 0.00 0.00 0.02 0.02",
            "b two USD 2 10.00 0.38 0.00 0.38 0.00",
        ]
    );
    let breaks = till.rows(&BREAKS, november(17));
    let mut of_batches: Vec<String> = breaks
        .iter()
        .filter(|row| row["break_type"] == "fee_mismatch")
        .map(|row| told(row, &["state", "currency", "difference", "detail"]))
        .collect();
    of_batches.sort();
    assert_eq!(
        of_batches,
        [
            "open EUR -0.25 batch one, 1 entries: contracted 0.75 by b, charged 1.00",
            "open USD -0.12 entries of no batch, 1 entries: contracted 0.38 by b, charged 0.50",
            "open USD 0.02 batch one, 3 entries: contracted 0.02 by b, charged 0.00",
        ]
    );
    // They stay until a person resolves them, and roll forward like any other.
    till.lines(november(18), "");
    till.close(november(18));
    let next = till.rows(&BREAKS, november(18));
    assert_eq!(next.iter().filter(|row| row["break_type"] == "fee_mismatch" && row["age_days"] == "1").count(), 3);
    let (code, csv, said) = till.run(&["export", "claims", "job.toml", "--from", "2026-11-17", "--to", "2026-11-18"]);
    assert_eq!((code, csv.lines().count()), (0, 5), "{csv}{said}");
    assert!(csv.contains("claim,2026-11-17,p,a,2026-11-17,batch,,,one,,EUR,20.00,b,0.75,"), "{csv}");
}

#[test]
fn tiers_hold_from_the_night_after_a_volume_is_reached_and_end_with_their_month() {
    let fee = |by: &str| {
        format!(
            r#"{{ name = "t", percent = "3", tiers_by = "{by}", tiers = [{{ volume = "100", percent = "2" }}, {{ volume = "300.01", percent = "1", fixed = "0.05" }}] }}"#
        )
    };
    let nights = [
        // Opens at nothing: both at 3 %, though the first reaches the tier.
        (november(27), "payment 99 0; payment 1 0; refund -50 0; payment 10 0 currency=EUR", "t: 2.97, t: 0.03, -: -, t: 0.30"),
        // Opens at 100, exactly the tier; what was given back does not count, and euros count for themselves.
        (november(28), "payment 200 0; payment 10 0 currency=EUR", "t: 4.00, t: 0.30"),
        // Nothing happened, and the volume of 300 goes on: a cent below the next tier.
        (november(29), "", ""),
        (november(30), "payment 100 0", "t: 2.00"),
        // A new month begins at nothing.
        (NaiveDate::from_ymd_opt(2026, 12, 1).unwrap(), "payment 100 0", "t: 3.00"),
        (NaiveDate::from_ymd_opt(2026, 12, 2).unwrap(), "payment 100 0", "t: 2.00"),
    ];
    let till = Till::new(&fee("this_month"), "");
    for (night, lines, expect) in nights {
        till.lines(night, lines);
        till.close(night);
        assert_eq!(till.priced(night).join(", "), expect, "{night}");
    }
    let volumes = |till: &Till, night| -> Vec<String> {
        let rows = till.rows(&FEES, night);
        let of_rule = rows.iter().filter(|row| row["rule"] == "t");
        of_rule.map(|row| told(row, &["currency", "entries", "volume", "month_volume", "last_month_volume"])).collect()
    };
    assert_eq!(volumes(&till, november(28)), ["EUR 1 10.00 20.00 0.00", "USD 1 200.00 300.00 0.00"]);
    assert_eq!(volumes(&till, november(29)), ["EUR 0 0.00 20.00 0.00", "USD 0 0.00 300.00 0.00"]);
    assert_eq!(volumes(&till, nights[5].0), ["EUR 0 0.00 0.00 20.00", "USD 1 100.00 200.00 400.00"]);

    // By last month November has no volume before it, and December has all of November's 400.
    let till = Till::new(&fee("last_month"), "");
    let expect = ["t: 2.97, t: 0.03, -: -, t: 0.30", "t: 6.00, t: 0.30", "", "t: 3.00", "t: 1.05", "t: 1.05"];
    for ((night, lines, _), expect) in nights.into_iter().zip(expect) {
        till.lines(night, lines);
        till.close(night);
        assert_eq!(till.priced(night).join(", "), expect, "{night} by last month");
    }
    // A month without nights leaves nothing.
    let january = NaiveDate::from_ymd_opt(2027, 2, 1).unwrap();
    till.lines(january, "payment 100 0");
    till.close(january);
    assert_eq!(till.priced(january), ["t: 3.00"]);
}

#[test]
fn a_job_whose_contract_is_wrong_is_refused_by_the_key() {
    let mut wrong = String::new();
    for (fee, said) in [
        ("{ }", "fee.percent: a fee has a price"),
        (r#"{ percent = "x" }"#, "fee.percent: this is not a decimal number"),
        (r#"{ percent = "101" }"#, "fee.percent: a percentage is not above 100"),
        (r#"{ fixed = "1e3" }"#, "fee.fixed: this is not a decimal number"),
        (r#"{ percent = "1", minimum = "2", maximum = "1" }"#, "fee.maximum: the maximum is not below the minimum"),
        (r#"{ percent = "1", minimum = "" }"#, "fee.minimum: this is no amount"),
        (r#"{ percent = "1", from = "2026-1-1" }"#, "fee.from: not a date"),
        (r#"{ percent = "1", until = "2026-02-30" }"#, "fee.until: not a date"),
        (r#"{ percent = "1", from = "2026-02-01", until = "2026-02-01" }"#, "fee.until: a rule ends after it begins"),
        (r#"{ percent = "1", currency = "eur" }"#, "fee.currency: not a currency"),
        (r#"{ percent = "1", method = [] }"#, "fee.method: a rule that selects names at least one word"),
        (r#"{ percent = "1", card_brand = "" }"#, "fee.card_brand: a rule that selects names at least one word"),
        (r#"{ percent = "1", region = "Europe" }"#, "fee.region: not a region"),
        (
            r#"{ name = "t", percent = "1", tiers = [{ volume = "0", percent = "1" }] }"#,
            "fee.tiers.volume: tiers begin above zero",
        ),
        (
            r#"{ name = "t", percent = "1", tiers = [{ volume = "5", percent = "1" }, { volume = "5", percent = "1" }] }"#,
            "fee.tiers.volume: tiers begin above zero",
        ),
        (r#"{ name = "t", percent = "1", tiers = [{ volume = "5" }] }"#, "fee.tiers: a tier has a price of its own"),
        (r#"{ percent = "1", tiers = [{ volume = "5", percent = "1" }] }"#, "fee.name: a rule with tiers has a name"),
        (r#"{ percent = "1", tiers_by = "last_month" }"#, "fee.tiers_by: tiers_by says nothing without tiers"),
        (r#"{ percent = "1", tiers_by = "last_year" }"#, "unknown variant `last_year`"),
        (r#"{ percent = "1", on_refund = "lost" }"#, "`kept`, `returned`, or a price"),
        (r#"{ percent = "1", on_refund = { } }"#, "fee.on_refund: a price has percent, fixed, or both"),
        (r#"{ percent = "1", on_chargeback = { fixed = "x" } }"#, "fee.on_chargeback.fixed: this is not a decimal number"),
        (r#"{ percent = "1", tax = "-" }"#, "fee.tax: this is"),
        (r#"{ percent = "1", tax_rounding = "up" }"#, "fee.tax_rounding: tax_rounding says nothing without tax"),
        (r#"{ percent = "1", decimals = 9 }"#, "fee.decimals: an amount has no more than eight decimals"),
        (r#"{ percent = "1", round = "month" }"#, "unknown variant `month`"),
        (r#"{ percent = "1", round = "batch", minimum = "1" }"#, "fee.round: a fee that is rounded by batch has no minimum"),
        (r#"{ name = " ", percent = "1" }"#, "fee.name: a name is not empty"),
        (r#"{ percent = "1", country = "DE" }"#, "unknown key `country`"),
        // Which is meant of a visa debit card? And of two that say the same?
        (
            r#"{ name = "brand", percent = "1", card_brand = "visa" }, { name = "funding", percent = "2", card_funding = "debit" }"#,
            "two rules of p a may both fit a line, and neither is the narrower",
        ),
        (r#"{ name = "one", percent = "1" }, { name = "two", percent = "2" }"#, "`one` (1.00 %, rounded half up) and `two`"),
        (
            r#"{ name = "autumn", percent = "1", from = "2026-09-01", until = "2026-12-01" }, { name = "winter", percent = "2", from = "2026-11-30" }"#,
            "and neither is the narrower",
        ),
        (
            r#"{ name = "one", percent = "1" }, { name = "one", percent = "2", method = "card" }"#,
            "fee.name: two rules of p a are called `one` at one time",
        ),
    ] {
        let error = Till::new(fee, "").job().err().map_or_else(
            || "it is taken".to_owned(),
            |error| {
                assert_eq!(error.exit, tieout::error::Exit::BadConfiguration, "{fee}");
                error.to_string()
            },
        );
        if !error.contains(said) {
            writeln!(wrong, "{fee}\n  should say {said}\n  says {error}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let error = Till::new(r#"{ percent = "1" }"#, "[region]\nhome = [\"Germany\"]\n").job().unwrap_err().to_string();
    assert!(error.contains("region.home: a region is a list of countries"), "{error}");
    // Rules of one name one after the other in time, and rules that exclude each other.
    for fee in [
        r#"{ name = "r", percent = "1", until = "2026-11-17" }, { name = "r", percent = "2", from = "2026-11-17" }"#,
        r#"{ percent = "1", card_brand = "visa" }, { percent = "1", card_brand = ["amex", "jcb"] }"#,
        r#"{ percent = "1", card_brand = ["visa", "amex"] }, { percent = "2", card_brand = "visa", card_funding = "debit" }"#,
    ] {
        Till::new(fee, "").job().unwrap_or_else(|error| panic!("{fee}: {error}"));
    }
}

#[test]
fn claims_are_safe_to_open_and_show_their_arithmetic() {
    let till = Till::new(
        r#"{ name = "=cmd()", percent = "2.9", fixed = "0.30", maximum = "5", on_refund = "returned", tax = "10" }"#,
        "identifiers_like_cards = \"kept\"",
    );
    till.lines(
        november(17),
        "payment 30.50 1.31 merchant_reference=@SUM(A1) batch_reference=4111111111111111; payment 30.50 1.30
         payment 1000 5.51 merchant_reference=-2+3 occurred_at=2026-11-16T16:30:00Z
         refund -10 0 merchant_reference=+1 occurred_at=2026-11-17T05:00:00Z; payment 10 9 currency=EUR occurred_at=2026-11-17T06:00:00Z",
    );
    let claims = |more: &[&str]| {
        till.run(&[&["export", "claims", "job.toml", "--from", "2026-11-17", "--to", "2026-11-17"], more].concat())
    };
    let (code, csv, said) = claims(&[]);
    assert_eq!((code, csv.as_str()), (65, ""));
    assert!(said.contains("the night 2026-11-17 is not published"), "{said}");
    till.close(november(17));
    let (code, csv, said) = claims(&[]);
    assert_eq!((code, said.as_str()), (0, "charged above contract: p 8.35 EUR in 1 claim, p 0.34 USD in 3 claims\n"));
    // 2.9 % of 30.50 and 0.30 are 1.1845, so 1.18; a tenth of that is 0.12: together 1.30. Of 1000.00 they are 29.30, and
    // 5.00 at most. Of 10.00 given back 0.29 and 0.03 come back, and nothing did: 0.32 too much.
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines,
        [
            "row,night,provider,account,date,kind,provider_reference,merchant_reference,batch_reference,method,currency,amount,rule,\
             contracted,arithmetic,charged,overcharged",
            "claim,2026-11-17,p,a,2026-11-17,payment,2026-11-17-0002,'-2+3,,card,USD,1000.00,'=cmd(),5.50,\
             2.90 % of 1000.00 + 0.30 = 29.30; at most 5.00; tax 10.00 % of 5.00 = 0.50; together 5.50,5.51,0.01",
            "claim,2026-11-17,p,a,2026-11-17,payment,2026-11-17-0000,'@SUM(A1),************1111,card,USD,30.50,'=cmd(),1.30,\
             2.90 % of 30.50 + 0.30 = 1.1845; rounded half up 1.18; tax 10.00 % of 1.18 = 0.12; together 1.30,1.31,0.01",
            "claim,2026-11-17,p,a,2026-11-17,refund,2026-11-17-0003,'+1,,card,USD,-10.00,'=cmd(),-0.32,\
             2.90 % of -10.00 = -0.29; tax 10.00 % of -0.29 = -0.03; together -0.32,0.00,0.32",
            "claim,2026-11-17,p,a,2026-11-17,payment,2026-11-17-0004,,,card,EUR,10.00,'=cmd(),0.65,\
             2.90 % of 10.00 + 0.30 = 0.59; tax 10.00 % of 0.59 = 0.06; together 0.65,9.00,8.35",
            "total,,p,,,,,,,,EUR,,,0.65,1 claim,9.00,8.35",
            "total,,p,,,,,,,,USD,,,6.48,3 claims,6.82,0.34",
        ]
    );
    assert_eq!(claims(&["--provider", "p", "--out", "claims.csv"]).1, "");
    assert_eq!(fs::read_to_string(till.folder.path().join("claims.csv")).unwrap(), csv);
    let (code, _, said) = claims(&["--provider", "q"]);
    assert_eq!(code, 64);
    assert!(said.contains("the job has no provider `q`"), "{said}");
    let (code, _, said) = till.run(&["export", "claims", "job.toml", "--from", "2026-11-18", "--to", "2026-11-17"]);
    assert_eq!(code, 64);
    assert!(said.contains("the last night is before the first"), "{said}");
}

#[test]
fn claims_are_made_by_the_contract_of_the_night() {
    let till = Till::new(r#"{ name = "r", percent = "1" }"#, "");
    till.lines(november(17), "payment 100 2");
    till.close(november(17));
    let claims = || till.run(&["export", "claims", "job.toml", "--from", "2026-11-17", "--to", "2026-11-17"]);
    assert_eq!(claims().0, 0);
    // One that was corrected since would claim what the night does not say.
    till.contract(r#"{ name = "r", percent = "0.5" }"#, "");
    let (code, _, said) = claims();
    assert_eq!(code, 78);
    assert!(said.contains("the job says another fee than the night 2026-11-17 was closed with"), "{said}");
    till.close(november(17));
    let (code, csv, _) = claims();
    assert_eq!(code, 0);
    assert!(csv.contains("r,0.50,0.50 % of 100.00 = 0.50,2.00,1.50"), "{csv}");
}
