//! The tables do not depend on the shares a night is counted in.

use std::collections::BTreeMap;
use std::slice::from_ref;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Int32Type};
use proptest::prelude::*;
use tieout::error::{Exit, Result};
use tieout::stage::analyze::{Analysis, Charges, Counted, Inputs, count, tables};
use tieout::stage::failures::FailureCategories;
use tieout::table::read;

use super::{Outcomes, any_night, batches, of_words, records, rules, run, shuffled, with_words};

/// Orders, attempts, and where matching left those.
type Records = (RecordBatch, RecordBatch, Outcomes);

/// Analyzed share by share, each added to those before.
fn run_shares(shares: &[Records]) -> Result<Analysis> {
    let failures = FailureCategories::shipped()?;
    let rules = rules(&failures);
    let mut whole: Option<Counted> = None;
    for (orders, attempts, outcomes) in shares {
        let (orders, attempts, outcomes) = (from_ref(orders), from_ref(attempts), from_ref(outcomes));
        let share = count(&Inputs { orders, attempts, outcomes, accounts: None }, &rules)?;
        whole = Some(match whole {
            None => share,
            Some(before) => before.and(&share)?,
        });
    }
    tables(&whole.unwrap(), &Charges::default(), &rules)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any share may be empty, and a word may occur in one of them alone. Rows have another order in a share, and a share
    /// knows no words but its own.
    #[test]
    fn any_shares_give_the_same_tables(
        (orders, attempts) in any_night(), words in prop::collection::vec(any::<u32>(), 42), number in 1..8_usize,
        shares in prop::collection::vec(any::<usize>(), 14), turn in any::<u64>(),
    ) {
        let whole = records(&orders, &attempts);
        let (of_orders, of_attempts) = words.split_at(12);
        let whole = (
            with_words(&whole.0, &["country", "customer_segment"], of_orders),
            with_words(&whole.1, &["method", "wallet", "card_brand", "card_funding", "currency"], of_attempts),
            whole.2,
        );
        let of_order: BTreeMap<String, usize> = (0..14).map(|id| (format!("O{id}"), shares[id] % number)).collect();
        let mut shares: Vec<Records> = (0..number).map(|share| share_of(&whole, |order| of_order[order] == share, turn)).collect();
        let expected = run(&whole.0, &whole.1, &whole.2).unwrap();
        let found = run_shares(&shares).unwrap();
        prop_assert_eq!(batches(&expected), batches(&found));
        prop_assert_eq!(words_of(&expected), words_of(&found));
        shares.reverse();
        let found = run_shares(&shares).unwrap();
        prop_assert_eq!(batches(&expected), batches(&found));
    }
}

#[test]
fn a_share_without_orders_adds_nothing_to_the_hours() {
    let words: Vec<String> = (0..1500).map(|number| format!("W{number:04}")).collect();
    // So far from 1970 that a key which told every hour since would leave no room for the words.
    let late = of_words(&words, i64::MAX / super::MINUTE);
    let expected = run(&late.0, &late.1, &late.2).unwrap();
    let nothing = || share_of(&late, |_| false, 0);
    let shares =
        [nothing(), share_of(&late, |order| order < "W0700", 1), nothing(), share_of(&late, |order| order >= "W0700", 2)];
    assert_eq!(batches(&run_shares(&shares).unwrap()), batches(&expected));
}

#[test]
fn shares_that_differ_in_more_ways_than_can_be_told_apart_are_refused() {
    let words: Vec<String> = (0..1500).map(|number| format!("W{number:04}")).collect();
    let (early, late) = words.split_at(700);
    let shares = [of_words(early, 0), of_words(late, i64::MAX / super::MINUTE)];
    for share in &shares {
        assert_eq!(run(&share.0, &share.1, &share.2).map(drop), Ok(()));
    }
    assert_eq!(run_shares(&shares).unwrap_err().exit, Exit::BadData);
}

/// The orders whose names `is_own` holds of and the attempts that name those, in an order that `turn` decides.
fn share_of((orders, attempts, outcomes): &Records, is_own: impl Fn(&str) -> bool, turn: u64) -> Records {
    let own = |batch: &RecordBatch| -> Vec<u32> {
        let names = read::text(batch, "order_id");
        (0_u32..).zip(names).filter(|(_, name)| is_own(name.unwrap())).map(|(row, _)| row).collect()
    };
    let take = |batch: &RecordBatch, rows: &[u32]| take_record_batch(batch, &UInt32Array::from(rows.to_vec())).unwrap();
    let own_attempts = own(attempts);
    let (turned, attempts) = shuffled(&take(attempts, &own_attempts), turn);
    let outcomes = turned.iter().map(|&row| outcomes[own_attempts[row as usize] as usize]).collect();
    (shuffled(&take(orders, &own(orders)), turn).1, attempts, outcomes)
}

/// The words of every column that has a dictionary, used or not, as they stand in it.
fn words_of(analysis: &Analysis) -> Vec<ArrayRef> {
    let columns = batches(analysis).into_iter().flat_map(RecordBatch::columns);
    let dictionaries = columns.filter(|column| matches!(column.data_type(), DataType::Dictionary(..)));
    dictionaries.map(|column| ArrayRef::clone(column.as_dictionary::<Int32Type>().values())).collect()
}
