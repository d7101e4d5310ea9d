//! The laws as properties of random nights, and the matching kernel against a plain map.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use proptest::prelude::*;
use tieout::money::{Amount, Price, Rounding, Terms};
use tieout::stage::reconcile::Outcome;
use tieout::stage::reconcile::keyed::{self, Keys};
use tieout::table::identity::{Identity, identity};
use tieout::table::part::{PART_ROWS, place, row_ids};
use tieout::table::read;

use super::notation::{Nights, texts};

#[test]
fn an_identity_reads_back_orders_as_its_text_and_knows_its_parts() {
    let names: Vec<String> = (0..500).map(|number| format!("name {number}")).collect();
    let mut numbers: Vec<Identity> = names.iter().map(|name| Identity::of(&[name])).collect();
    let mut texts: Vec<String> = names.iter().map(|name| identity(&[name])).collect();
    numbers.sort();
    texts.sort();
    assert_eq!(numbers.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    assert!(texts.iter().zip(&numbers).all(|(text, &number)| text.len() == 26 && Identity::parse(text) == Some(number)));
    assert_ne!(identity(&["a", "bc"]), identity(&["ab", "c"]));
    assert_eq!(Identity::parse("80000000000000000000000000"), None, "more than 128 bits");
    assert_eq!(Identity::parse("not an identity at all, no"), None);
    // Published identities never change: a break keeps its name over releases.
    assert_eq!(identity(&["break", "a"]), "4858w9r18kva0v12g54ckx74bk");
}

#[test]
fn keys_with_one_hash_are_still_told_apart() {
    // The kernel compares 32 bits of hash inside a partition; among this many keys some agree in them by chance.
    let mut by_hash: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for number in 0..300_000 {
        let key = format!("key {number}");
        by_hash.entry(xxhash_rust::xxh3::xxh3_64(key.as_bytes()) & 0xffff_ffff).or_default().push(key);
    }
    let colliding: Vec<String> = by_hash.into_values().filter(|keys| keys.len() > 1).flatten().collect();
    assert!(colliding.len() >= 4, "the test needs collisions");
    let left = one_column(colliding.iter().map(|key| Some(key.as_str())));
    let right = one_column(colliding.iter().rev().skip(1).map(|key| Some(key.as_str())));
    let groups = keyed_groups(&left, &right);
    assert_eq!(groups.len(), colliding.len() - 1);
    assert!(groups.iter().all(|(_, left, right)| left.len() == 1 && right.len() == 1));
    assert_eq!(keyed::repeated(&Keys::of(&left, &["key"])), None);
}

#[test]
fn many_partitions_give_what_one_would() {
    let key = |number: u64| format!("{:020}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 150_000);
    let left: Vec<String> = (0..200_000).map(key).collect();
    let right: Vec<String> = (100_000..350_000).map(key).collect();
    let left = one_column(left.iter().map(|key| Some(key.as_str())));
    let right = one_column(right.iter().map(|key| Some(key.as_str())));
    assert_eq!(keyed_groups(&left, &right), naive_groups(&left, &right));
    assert!(keyed::repeated(&Keys::of(&left, &["key"])).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Groups are those of a map by key; empty keys and rows left out take no part.
    #[test]
    fn the_kernel_agrees_with_a_map(
        left in prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..40),
        right in prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..40),
    ) {
        let left = one_column(left.iter().map(Option::as_deref));
        let right = one_column(right.iter().map(Option::as_deref));
        prop_assert_eq!(keyed_groups(&left, &right), naive_groups(&left, &right));
        let twice = naive_groups(&left, &left).into_iter().find(|(_, rows, _)| rows.len() > 1);
        prop_assert_eq!(keyed::repeated(&Keys::of(&left, &["key"])).is_some(), twice.is_some());
    }

    /// A price prepared for many amounts is what it is for one, by arithmetic on the whole.
    #[test]
    fn a_price_is_the_same_prepared(
        amount in prop_oneof![-10_000_000_i64..10_000_000, any::<i64>()], step in prop::sample::select(vec![1_i128, 1_000_000, 10_i128.pow(12)]),
        per_cent in prop_oneof![0_i64..1000, -10_i64.pow(10)..10_i64.pow(10)], digits in 0_u32..9,
        fixed in prop_oneof![Just(0_i128), -100_i128..100], fixed_step in prop::sample::select(vec![1_i128, 1_000_000]),
        limits in (prop::option::of(-1000_i128..1000), prop::option::of(0_i128..1000)),
        rounding in prop::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down]),
    ) {
        let (amount, percent) = (Amount(i128::from(amount % 10_i64.pow(12)) * step), Amount(i128::from(per_cent)));
        let limit = |limit: Option<i128>| limit.map(|limit| Amount(limit * 1_000_000));
        let terms = Terms { percent, fixed: Amount(fixed * fixed_step), minimum: limit(limits.0), maximum: limit(limits.1) };
        // In units of 10^-18: the sum, within its limits, and what is above or below the unit it is rounded to.
        let within = |fine: i128| {
            let fine = terms.minimum.map_or(fine, |least| fine.max(least.0 * 10_i128.pow(10)));
            terms.maximum.map_or(fine, |most| fine.min(most.0 * 10_i128.pow(10)))
        };
        let fine = within(amount.0 * percent.0 + terms.fixed.0 * 10_i128.pow(10));
        let unit = 10_i128.pow(18 - digits);
        let (below, rest) = (fine.div_euclid(unit), fine.rem_euclid(unit));
        let up = match rounding {
            Rounding::HalfUp => rest * 2 > unit || rest * 2 == unit && fine > 0,
            Rounding::HalfEven => rest * 2 > unit || rest * 2 == unit && below % 2 != 0,
            Rounding::Up => rest > 0 && fine > 0,
            Rounding::Down => rest > 0 && fine < 0,
        };
        let rounded = Amount((below + i128::from(up)) * 10_i128.pow(8 - digits));
        prop_assert_eq!(Price::new(terms, digits, rounding).of(amount), rounded);
    }

    /// Law 1 and 3, counted anew from what is published.
    #[test]
    fn every_item_ends_once(given in night_of(17)) {
        let said = Nights { within: 1, ..Nights::default() }.close(17, &given.join("\n"));
        let in_matches: Vec<&str> = texts(&said.matches, "entry_id");
        prop_assert_eq!(in_matches.iter().collect::<BTreeSet<_>>().len(), in_matches.len());
        let kinds = ["attempt_id", "refund_id"];
        let matched_records: usize =
            kinds.iter().map(|kind| texts(&said.matches, kind).into_iter().collect::<BTreeSet<_>>().len()).sum();
        let ended = |outcomes: &[(String, Outcome)], word: &str| outcomes.iter().filter(|(_, outcome)| outcome.as_str() == word).count();
        for (name, outcomes) in [("provider", &said.provider), ("merchant", &said.merchant)] {
            let words = ["match", "break", "waiting", "excluded"];
            prop_assert_eq!(words.iter().map(|word| ended(outcomes, word)).sum::<usize>(), outcomes.len());
            prop_assert_eq!(ended(outcomes, "match"), if name == "provider" { in_matches.len() } else { matched_records });
            let carried: BTreeSet<(&str, &str)> = open_ids(&said.open_items, name);
            let waiting = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Waiting(_))).count();
            prop_assert!(carried.len() >= waiting);
        }
        // A break names what ended as a break or waits with a type.
        let named = said.provider.iter().chain(&said.merchant)
            .filter(|(_, outcome)| matches!(outcome, Outcome::Break(_) | Outcome::Waiting(Some(_)))).count();
        let ids = ["entry_id", "attempt_id", "refund_id"];
        let in_breaks: usize = ids.iter().map(|name| texts(&said.tables.breaks, name).len()).sum();
        // A payment in parts is one break, whose detail names all of them.
        let details = texts(&said.tables.breaks, "detail");
        let parts = details.iter().filter_map(|detail| detail.split_once("in parts: ")).map(|(_, parts)| parts);
        let in_parts: usize = parts.map(|parts| parts.split([' ', ',']).filter(|word| word.contains('-')).count() - 2).sum();
        prop_assert_eq!(named, in_breaks + in_parts);
    }

    /// Law 4: the order of rows and the number of threads change nothing.
    #[test]
    fn order_and_threads_change_nothing(given in night_of(17).prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle()))) {
        let (given, shuffled) = given;
        let night = || Nights { within: 1, ..Nights::default() };
        let one = night().close(17, &given.join("\n"));
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let other = alone.install(|| night().close(17, &shuffled.join("\n")));
        prop_assert_eq!(one.batches(), other.batches());
        let sorted = |outcomes: &[(String, Outcome)]| { let mut all = outcomes.to_vec(); all.sort(); all };
        prop_assert_eq!(sorted(&one.provider), sorted(&other.provider));
        prop_assert_eq!(sorted(&one.merchant), sorted(&other.merchant));
    }

    /// Law 6 over three nights: a night opens with what the one before closed with, and a break is told once.
    #[test]
    fn three_nights_roll_forward(first in night_of(17), second in night_of(18), third in night_of(19)) {
        let mut nights = Nights::default();
        let mut closed: Closing = Closing::new();
        for (night, given) in [(17, first), (18, second), (19, third)] {
            let said = nights.close(night, &given.join("\n"));
            let (opening, closing) = opening_and_closing(&said.tables.rollforward);
            prop_assert_eq!(&opening, &closed);
            let mut live: Closing = Closing::new();
            let ids: BTreeSet<&str> = texts(&said.tables.breaks, "break_id").into_iter().collect();
            prop_assert_eq!(ids.len(), said.tables.breaks.num_rows());
            for row in 0..said.tables.breaks.num_rows() {
                if read::words(&said.tables.breaks, "state").get(row) != "cleared" {
                    let line = live.entry(line_name(&said.tables.breaks, row)).or_default();
                    line.0 += 1;
                    line.1 += Amount(read::amounts(&said.tables.breaks, "difference").value(row));
                }
            }
            prop_assert_eq!(&closing, &live);
            closed = closing;
        }
    }

    /// A pair that agrees, on keys of its own, adds one match and changes nothing else.
    #[test]
    fn a_pair_that_agrees_changes_only_itself(given in night_of(17)) {
        let before = Nights::default().close(17, &given.join("\n"));
        let after = Nights::default().close(17, &format!("{}\nP e-new 7 ref=new pref=new\nM m-new 7 ref=new", given.join("\n")));
        prop_assert_eq!(&before.tables.breaks, &after.tables.breaks);
        prop_assert_eq!(&before.open_items, &after.open_items);
        prop_assert_eq!(&before.tables.rollforward, &after.tables.rollforward);
        let entries = read::text(&after.matches, "entry_id");
        let others: BooleanArray = entries.iter().map(|id| Some(id != Some("e-new"))).collect();
        prop_assert_eq!(&before.matches, &filter_record_batch(&after.matches, &others).expect("one flag a row"));
        prop_assert_eq!(before.matches.num_rows() + 1, after.matches.num_rows());
    }
}

/// A night of items that often meet, in every way: few references, few amounts.
pub(super) fn night_of(night: u32) -> impl Strategy<Value = Vec<String>> {
    let side = |side: &'static str, kinds: &'static [&'static str], statuses: &'static [&'static str]| {
        let pick = |words: &'static [&'static str]| prop::sample::select(words);
        (
            (pick(kinds), pick(statuses), pick(&["wechat", "wechat", "stripe", "-"]), pick(&["CNY", "CNY", "CNY", "USD"])),
            (pick(&["-", "A", "B", "C", "D"]), pick(&["-", "-", "x", "y", "z"]), pick(&["-", "r", "s"]), 1..4_u32, 0..3_u32),
            pick(&["-", "-", "0", "0.1"]),
        )
            .prop_map(move |((kind, status, provider, currency), (reference, theirs, refund, amount, due), contracted)| {
                let provider = if side == "P" && provider == "-" { "wechat" } else { provider };
                let contracted = if side == "P" { contracted } else { "-" };
                let sign = if kind == "refund" || kind == "chargeback" { "-" } else { "" };
                format!(
                    "{sign}{amount} {kind} status={status} provider={provider} cur={currency} ref={reference} pref={theirs} rref={refund} contracted={contracted} at={amount} seen={night} due={}",
                    night + due
                )
            })
    };
    let entries = side("P", &["payment", "payment", "refund", "chargeback", "chargeback_reversal"], &["succeeded"]);
    let records = side("M", &["payment", "payment", "refund"], &["succeeded", "succeeded", "pending", "failed"]);
    let named = move |side: &'static str, lines: Vec<String>| {
        lines.into_iter().enumerate().map(move |(number, line)| format!("{side} {side}{night}-{number} {line}"))
    };
    (prop::collection::vec(entries, 0..14), prop::collection::vec(records, 0..14))
        .prop_map(move |(entries, records)| named("P", entries).chain(named("M", records)).collect())
}

fn open_ids<'b>(open_items: &'b RecordBatch, side: &str) -> BTreeSet<(&'b str, &'b str)> {
    let (sides, kinds) = (read::words(open_items, "side"), read::words(open_items, "kind"));
    let rows = (0..open_items.num_rows()).filter(|&row| sides.get(row) == side);
    rows.map(|row| (kinds.get(row), read::text(open_items, "id").value(row))).collect()
}

fn line_name(batch: &RecordBatch, row: usize) -> String {
    let word = |name| read::words(batch, name).get(row);
    format!("{} {} {}", word("provider"), word("currency"), word("break_type"))
}

/// Breaks by line of the rollforward: count and amount.
type Closing = BTreeMap<String, (i64, Amount)>;

/// Opening and closing of the lines that have any.
fn opening_and_closing(rollforward: &RecordBatch) -> (Closing, Closing) {
    let of = |count: &str, amount: &str| {
        let (counts, amounts) = (read::counts(rollforward, count), read::amounts(rollforward, amount));
        let lines = (0..rollforward.num_rows()).filter(|&row| counts.value(row) > 0);
        lines.map(|row| (line_name(rollforward, row), (counts.value(row), Amount(amounts.value(row))))).collect()
    };
    (of("opening", "opening_amount"), of("closing", "closing_amount"))
}

type Group = (String, Vec<u32>, Vec<u32>);

/// Keys in parts, shorter ones first.
fn one_column<'k>(keys: impl Iterator<Item = Option<&'k str>>) -> Vec<RecordBatch> {
    let keys: StringArray = keys.collect();
    let whole = RecordBatch::try_from_iter_with_nullable([("key", std::sync::Arc::new(keys) as _, true)]).expect("one column");
    let (mut parts, mut start) = (Vec::new(), 0);
    while start < whole.num_rows() {
        let rows = PART_ROWS.min(7 + 3 * start).min(whole.num_rows() - start);
        parts.push(whole.slice(start, rows));
        start += rows;
    }
    parts
}

fn key(parts: &[RecordBatch], row: u32) -> String {
    let (part, row) = place(row);
    read::text(&parts[part], "key").value(row).to_owned()
}

fn keyed_groups(left: &[RecordBatch], right: &[RecordBatch]) -> Vec<Group> {
    let (left_keys, right_keys) = (Keys::of(left, &["key"]), Keys::of(right, &["key"]));
    let found = keyed::groups(&left_keys, &right_keys, |found: &mut Vec<Group>, left_rows, right_rows| {
        found.push((key(left, left_rows[0]), left_rows.to_vec(), right_rows.to_vec()));
    });
    let mut found: Vec<Group> = found.into_iter().flatten().collect();
    found.sort();
    let mut pairs = keyed::pairs(&left_keys, &right_keys);
    pairs.sort_unstable();
    let each_with_each = |(_, left, right): &Group| -> Vec<(u32, u32)> {
        left.iter().flat_map(|&one| right.iter().map(move |&other| (one, other))).collect()
    };
    let mut expected: Vec<(u32, u32)> = found.iter().flat_map(each_with_each).collect();
    expected.sort_unstable();
    assert_eq!(pairs, expected, "pairs are those of the groups");
    found
}

fn naive_groups(left: &[RecordBatch], right: &[RecordBatch]) -> Vec<Group> {
    let rows = |parts: &[RecordBatch]| {
        let mut rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (row, key) in row_ids(parts).zip(parts.iter().flat_map(|part| read::text(part, "key"))) {
            if let Some(key) = key.filter(|key| !key.is_empty()) {
                rows.entry(key.to_owned()).or_default().push(row);
            }
        }
        rows
    };
    let mut right = rows(right);
    rows(left).into_iter().filter_map(|(key, left)| right.remove(&key).map(|right| (key, left, right))).collect()
}
