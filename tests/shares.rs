//! A night taken apart into shares is the night: byte for byte, however its rows are entangled.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use tieout::job::Job;
use tieout::money::Amount;
use tieout::night::{Closed, Memory, Options, close};
use tieout::stage::items::{Expected, RecordsBefore, merchant_side};
use tieout::stage::restated::Stated;
use tieout::table::build::{amounts, instants, same_date, texts, words};
use tieout::table::column::Type;
use tieout::table::part::{PART_ROWS, ids};
use tieout::table::reconciliation::OPEN_ITEMS;
use tieout::table::rows::Rows;
use tieout::table::sheet::Pick;

use crate::laws::Chance;
use crate::nights::{board, files, messages, november};

const JOB: &str = r#"
name = "entangled"
lake = "lake"
timezone = "UTC"

[[provider]]
name = "stripe"
account = "one"
format = "stripe/payout_reconciliation"
source = { files = "../stripe_{date:%Y%m%d}*.csv" }
settles_in = "1 day"
fee = [{ percent = "1.0" }]

[[provider]]
name = "second"
account = "two"
format = "stripe/payout_reconciliation"
source = { files = "../second_{date:%Y%m%d}*.csv" }
settles_in = "2 days"

[[provider]]
name = "stripe"
account = "three"
format = "stripe/payout_reconciliation"
source = { files = "../third_{date:%Y%m%d}*.csv" }
settles_in = "1 day"

[analysis]
retry_within = "1 hour"
minimum_count = 3
pairs = [["account", "card_brand"], ["amount_band", "channel"], ["hour", "provider"]]

[merchant.orders]
source = { files = "../orders_{date:%Y%m%d}*.csv" }
ATTEMPTS
[merchant.refunds]
source = { files = "../refunds_{date:%Y%m%d}*.csv" }

[[tolerance]]
currency = "EUR"
absolute = "0.01"
cap = "0.02"
"#;

const ATTEMPTS: &str = "[merchant.attempts]\nsource = { files = \"../attempts_{date:%Y%m%d}*.csv\" }\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shares_give_the_bytes_of_the_whole(seed: u64, rows in 5_usize..120, shares in 2_usize..9, has_attempts: bool) {
        let folder = tempfile::tempdir().unwrap();
        let mut chance = Chance(seed);
        for day in 17..20 {
            write_night(folder.path(), november(day), rows, &mut chance);
        }
        for shop in ["whole", "apart"] {
            let job = JOB.replace("ATTEMPTS", if has_attempts { ATTEMPTS } else { "" });
            fs::create_dir(folder.path().join(shop)).unwrap();
            fs::write(folder.path().join(shop).join("job.toml"), job).unwrap();
        }
        for night in [17, 18, 19].map(november) {
            let [whole, apart] = ["whole", "apart"].map(|shop| folder.path().join(shop));
            let closed = close_night(&whole, night, Memory::Unlimited);
            let closed_apart = close_night(&apart, night, Memory::Shares(shares));
            prop_assert_eq!(&closed.manifest.night, &closed_apart.manifest.night);
            prop_assert_eq!(&closed.manifest.outputs, &closed_apart.manifest.outputs);
            let data = |shop: &Path| files(&shop.join("lake/data"));
            prop_assert!(data(&whole) == data(&apart), "{night}: shares give other bytes");
            prop_assert!(!apart.join("lake/staging").join(night.to_string()).exists(), "rows are left on disk");
        }
    }
}

fn close_night(shop: &Path, date: NaiveDate, memory: Memory) -> Closed {
    let job = Job::load(&shop.join("job.toml")).unwrap();
    close(&job, Options { memory, ..Options::of(date) }, &board(), &|_| {})
        .unwrap_or_else(|errors| panic!("{}", messages(&errors)))
}

/// Names out of so few that rows meet in every way there is: by each key, several at once, across providers, twice.
struct Names<'c> {
    chance: &'c mut Chance,
    few: usize,
    night: NaiveDate,
}

impl Names<'_> {
    /// A name, which other nights may have too, or one time of four nothing.
    fn name(&mut self, of: &str) -> String {
        if self.chance.below(4) == 0 { String::new() } else { format!("{of}{}", self.chance.below(self.few)) }
    }

    /// The name of an order of this night, or any.
    fn reference(&mut self) -> String {
        if self.chance.below(2) == 0 { format!("{}-{}", self.night, self.chance.below(self.few)) } else { self.name("ref") }
    }

    fn one<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.chance.below(words.len())]
    }

    fn amount(&mut self) -> String {
        self.one(&["10.00", "10.01", "25.00", "12345678901234.56"]).to_owned()
    }

    /// This night, or one time of six one of the two before: what was stated then may be stated again.
    fn stated_on(&mut self) -> NaiveDate {
        let days = if self.chance.below(6) == 0 { 1 + self.chance.below(2) } else { 0 };
        self.night - Days::new(u64::try_from(days).unwrap())
    }

    fn time(&mut self, date: NaiveDate) -> String {
        format!("{date}T0{}:00:0{}Z", self.chance.below(3), self.chance.below(3))
    }
}

fn write_night(folder: &Path, date: NaiveDate, rows: usize, chance: &mut Chance) {
    let mut names = Names { chance, few: rows / 2 + 1, night: date };
    let write = |name: &str, text: &str| fs::write(folder.join(format!("{name}_{}.csv", date.format("%Y%m%d"))), text).unwrap();
    for provider in ["stripe", "second", "third"] {
        let mut text = String::from(
            "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,automatic_payout_id,\
             payment_metadata[order_id],refund_metadata[refund_id]\n",
        );
        for row in 0..rows {
            // One of eight is the line of another night or row, with other references.
            let id = if names.chance.below(8) == 0 { names.chance.below(rows) } else { row };
            let kind = names.one(&["charge", "charge", "charge", "refund", "dispute", "fee", "payout"]);
            let (amount, sign) = (names.amount(), if kind == "charge" { "" } else { "-" });
            let time = names.time(date).replace('T', " ").replace('Z', "");
            let (charge, order, refund) = (names.name("ch"), names.reference(), names.name("rf"));
            let stated_on = names.stated_on();
            let line = format!(
                "txn{stated_on}{id},{time},{},{sign}{amount},0.00,{sign}{amount},{kind},{},{charge},po,{order},{refund}\n",
                names.one(&["eur", "eur", "usd"]),
                names.name("src"),
            );
            text += &line;
            // And some stand twice.
            if names.chance.below(10) == 0 {
                text += &line;
            }
        }
        write(provider, &text);
    }
    let mut orders = String::from("order_id,created_at,amount,currency,status,channel,country,customer_segment\n");
    let mut attempts = String::from(
        "attempt_id,order_id,provider,merchant_reference,provider_reference,method,wallet,card_brand,card_funding,started_at,\
         finished_at,stage,status,failure_code,amount,currency\n",
    );
    let mut refunds = String::from(
        "refund_id,order_id,provider,merchant_reference,merchant_refund_reference,provider_reference,requested_at,amount,currency,\
         status\n",
    );
    for row in 0..rows {
        let (time, amount, status) = (names.time(date), names.amount(), names.one(&["paid", "created", "expired", "cancelled"]));
        let stated_on = names.stated_on();
        writeln!(orders, "{stated_on}-{row},{time},{amount},EUR,{status},{},DE,", names.one(&["app", "web", ""])).unwrap();
        for _ in 0..names.chance.below(3) {
            let id = names.chance.below(3 * rows);
            let provider = names.one(&["stripe", "second", "", "unknown"]);
            let status = names.one(&["succeeded", "succeeded", "pending", "failed", "expired"]);
            let (reference, charge, stage) = (names.reference(), names.name("ch"), names.one(&["submitted", "completed", ""]));
            let stated_on = names.stated_on();
            let line = format!(
                "at{stated_on}{id},{date}-{row},{provider},{reference},{charge},card,,visa,credit,{},,{stage},{status},{},{},{}\n",
                names.time(date),
                if status == "failed" { names.one(&["card_declined", "no_such_code"]) } else { "" },
                names.amount(),
                names.one(&["EUR", "EUR", "USD"]),
            );
            attempts += &line;
            if names.chance.below(10) == 0 {
                attempts += &line;
            }
        }
        if names.chance.below(2) == 0 {
            let (reference, refund, source) = (names.reference(), names.name("rf"), names.name("src"));
            let status = names.one(&["succeeded", "pending", "failed"]);
            let provider = names.one(&["stripe", "second", ""]);
            let (time, amount) = (names.time(date), names.amount());
            let id = names.chance.below(2 * rows);
            let stated_on = names.stated_on();
            writeln!(
                refunds,
                "rfd{stated_on}{id},{date}-{row},{provider},{reference},{refund},{source},{time},{amount},EUR,{status}"
            )
            .unwrap();
        }
    }
    write("orders", &orders);
    write("attempts", &attempts);
    write("refunds", &refunds);
}

#[test]
fn a_provider_is_left_out_of_shares_as_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    write_night(folder.path(), november(17), 40, &mut Chance(11));
    // Cut in a row: all before it was read, and is on disk, when the file is refused.
    let path = folder.path().join("second_20261117.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    let [whole, apart] = [("whole", Memory::Unlimited), ("apart", Memory::Shares(3))].map(|(shop, memory)| {
        let shop = folder.path().join(shop);
        fs::create_dir(&shop).unwrap();
        fs::write(shop.join("job.toml"), JOB.replace("ATTEMPTS", ATTEMPTS)).unwrap();
        let job = Job::load(&shop.join("job.toml")).unwrap();
        let refused = close(&job, Options { memory, ..Options::of(november(17)) }, &board(), &|_| {}).unwrap_err();
        let closed = close(&job, Options { partial: true, memory, ..Options::of(november(17)) }, &board(), &|_| {}).unwrap();
        assert_eq!(messages(&refused), messages(&closed.left_out));
        assert!(!closed.manifest.night.complete);
        (closed.manifest, files(&shop.join("lake/data")))
    });
    assert_eq!(whole.0.night, apart.0.night);
    assert!(whole.1 == apart.1, "shares give other bytes");
}

// What goes on from one share to another is taken from the table it came from: also where more was carried in than a
// part holds.
#[test]
fn a_row_of_a_side_is_found_again_where_it_came_from() {
    let rows = 3 * PART_ROWS;
    let names: Vec<String> = (0..rows).map(|row| format!("item{row}")).collect();
    let side = |row: usize| if row.is_multiple_of(3) { "provider" } else { "merchant" };
    let carried = OPEN_ITEMS.batch(OPEN_ITEMS.columns.iter().map(|column| {
        let array = match (column.name, column.kind) {
            ("side", _) => words((0..rows).map(|row| Some(side(row)))),
            ("id", _) => texts(names.iter().map(Some)),
            (_, Type::Text) => texts(names.iter().map(|_| None::<&str>)),
            (_, Type::Word) => words(names.iter().map(|_| Some("word"))),
            (_, Type::Amount) => amounts(names.iter().map(|_| Some(Amount::ZERO))),
            (_, Type::Date) => same_date(november(17), rows),
            _ => instants(names.iter().map(|_| Some(0))),
        };
        (column.name, array)
    }));
    let none = || Rows { parts: Vec::new(), order: Pick::All };
    let expected = Expected { night: november(18), by_provider: &[], restated: &Stated::default() };
    let merchant = merchant_side(&none(), &none(), &carried, &expected, &RecordsBefore::default());
    assert_eq!(merchant.parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [PART_ROWS, PART_ROWS]);
    for (part, items) in merchant.parts.iter().enumerate() {
        let ids = ids(items, "id");
        for row in (0..PART_ROWS).step_by(1001) {
            assert_eq!(ids.get(row).to_string(), names[merchant.place(part, row)]);
        }
    }
}
