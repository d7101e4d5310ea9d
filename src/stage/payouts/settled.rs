//! What a night's entries say of batches and payouts, added up: of a whole night, or of a share of it.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type};
use chrono::DateTime;
use chrono_tz::Tz;
use rayon::prelude::*;

use crate::money::Amount;
use crate::table::build::day_number;
use crate::table::part::{amounts, ids, instants, texts};
use crate::table::read::{column, words};
use crate::table::rows::Rows;

/// Provider, account, currency that settles.
pub(super) type Of = [String; 3];

/// Batches and payouts of the entries of a night.
#[derive(Debug, Default)]
pub struct Settled(pub(super) BTreeMap<Of, OfAccount>);

/// Those of one account and currency.
#[derive(Debug, Default)]
pub(super) struct OfAccount {
    /// Lines by the batch they name.
    pub(super) batches: BTreeMap<String, Sums>,
    /// Payouts, by the identity of their entry.
    pub(super) stated: BTreeMap<String, Stated>,
}

/// What lines add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) lines: i64,
    /// Lines that are more than a transfer between accounts.
    pub(super) trade: i64,
    pub(super) gross: Amount,
    pub(super) refunds: Amount,
    pub(super) chargebacks: Amount,
    pub(super) fees: Amount,
    pub(super) other: Amount,
}

/// A payout as an entry states it.
#[derive(Clone, Debug)]
pub(super) struct Stated {
    /// The batch it names.
    pub(super) batch: Option<String>,
    /// What the provider calls it.
    pub(super) reference: Option<String>,
    /// What the provider calls the payout that came back, where it is one that did.
    pub(super) of: Option<String>,
    /// What else it may be called on a bank statement.
    pub(super) others: Vec<String>,
    /// What is paid; negative where it came back.
    pub(super) amount: Amount,
    /// What paying it cost.
    pub(super) fee: Amount,
    /// When it is due, or happened.
    pub(super) day: i32,
}

/// Where the gross of a kind of line is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Payment,
    Refund,
    Chargeback,
    Fee,
    Transfer,
    Other,
    Payout,
    /// Moves no money.
    Nothing,
}

impl Class {
    fn of(kind: &str) -> Self {
        match kind {
            "payment" => Self::Payment,
            "refund" | "refund_reversal" => Self::Refund,
            "chargeback" | "chargeback_reversal" => Self::Chargeback,
            "fee" | "fee_refund" | "tax" => Self::Fee,
            "transfer" => Self::Transfer,
            "payout" | "payout_reversal" => Self::Payout,
            "info" => Self::Nothing,
            _ => Self::Other,
        }
    }
}

impl Sums {
    fn line(&mut self, class: Class, gross: Amount, fee: Amount) {
        self.lines += 1;
        self.trade += i64::from(class != Class::Transfer);
        self.fees += fee;
        match class {
            Class::Payment => self.gross += gross,
            Class::Refund => self.refunds += gross,
            Class::Chargeback => self.chargebacks += gross,
            Class::Fee => self.fees -= gross,
            Class::Transfer | Class::Other | Class::Payout | Class::Nothing => self.other += gross,
        }
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.lines += more.lines;
        self.trade += more.trade;
        self.gross += more.gross;
        self.refunds += more.refunds;
        self.chargebacks += more.chargebacks;
        self.fees += more.fees;
        self.other += more.other;
    }

    /// The net of the lines.
    pub(super) fn expected(&self) -> Amount {
        self.gross + self.refunds + self.chargebacks - self.fees + self.other
    }
}

impl Settled {
    /// Of these entries; `zone` dates a payout that does not say when it is due.
    #[must_use]
    pub fn of(entries: &Rows, zone: Tz) -> Self {
        entries.parts.par_iter().map(|part| of_part(part, zone)).reduce(Self::default, Self::and)
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (of, more) in other.0 {
            let account = self.0.entry(of).or_default();
            for (batch, sums) in more.batches {
                account.batches.entry(batch).or_default().add(&sums);
            }
            account.stated.extend(more.stated);
        }
        self
    }
}

fn of_part(part: &RecordBatch, zone: Tz) -> Settled {
    let [providers, accounts, currencies, batches, kinds] =
        ["provider", "account", "currency", "batch_reference", "kind"].map(|name| words(part, name));
    let classes: Vec<Class> = kinds.values.iter().map(|kind| Class::of(kind.unwrap_or_default())).collect();
    let mut settled = Settled::default();
    let names_batches = batches.values.iter().flatten().any(|batch| !batch.is_empty());
    if !names_batches && !classes.contains(&Class::Payout) {
        return settled;
    }
    let of = |row: usize| -> Of { [providers, accounts, currencies].map(|words| words.get(row).to_owned()) };
    let (gross, fee) = (amounts(part, "gross"), amounts(part, "fee"));
    let mut numbers: HashMap<[Option<usize>; 4], usize> = HashMap::new();
    let mut sums: Vec<(usize, Sums)> = Vec::new();
    let mut before = None;
    for row in 0..part.num_rows() {
        let class = kinds.code(row).map_or(Class::Other, |code| classes[code]);
        if class == Class::Nothing {
            continue;
        }
        let [gross, fee] = [gross.get(row), fee.get(row)].map(|amount| amount.expect("an entry has a gross and a fee"));
        if class == Class::Payout {
            let (id, stated) = stated(part, row, gross, fee, zone);
            settled.0.entry(of(row)).or_default().stated.insert(id, stated);
            continue;
        }
        let Some(batch) = batches.code(row).filter(|&batch| !batches.values.value(batch).is_empty()) else { continue };
        let key = [Some(batch), providers.code(row), accounts.code(row), currencies.code(row)];
        let number = match before {
            Some((same, number)) if same == key => number,
            _ => *numbers.entry(key).or_insert_with(|| {
                sums.push((row, Sums::default()));
                sums.len() - 1
            }),
        };
        before = Some((key, number));
        sums[number].1.line(class, gross, fee);
    }
    for (row, of_batch) in sums {
        let batches_of = &mut settled.0.entry(of(row)).or_default().batches;
        batches_of.entry(batches.get(row).to_owned()).or_default().add(&of_batch);
    }
    settled
}

/// The payout a row states, and the identity of its entry.
fn stated(part: &RecordBatch, row: usize, gross: Amount, fee: Amount, zone: Tz) -> (String, Stated) {
    let text = |name: &str| texts(part, name).stated(row).map(ToOwned::to_owned);
    let due = column(part, "available_on");
    let due = match due.data_type() {
        DataType::Null => None,
        _ => Some(due.as_primitive::<Date32Type>()).filter(|days| days.is_valid(row)).map(|days| days.value(row)),
    };
    let happened = || {
        let at = instants(part, "occurred_at").get(row).expect("an entry has a time");
        let at = DateTime::from_timestamp_micros(at).expect("an instant that was read");
        day_number(at.with_timezone(&zone).date_naive())
    };
    let stated = Stated {
        batch: words(part, "batch_reference").optional(row).filter(|batch| !batch.is_empty()).map(ToOwned::to_owned),
        reference: text("provider_reference"),
        of: text("original_reference"),
        others: ["merchant_reference", "merchant_refund_reference"].into_iter().filter_map(text).collect(),
        amount: -gross,
        fee,
        day: due.unwrap_or_else(happened),
    };
    (ids(part, "entry_id").get(row).with_text(ToOwned::to_owned), stated)
}
