//! The answer depends neither on how a side is split into parts nor on the types its columns have there.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;
use tieout::stage::reconcile::Outcome;
use tieout::table::build;
use tieout::table::column::Type;
use tieout::table::identity::{Identity, identity};
use tieout::table::part::{NARROW_PRECISION, identities, nothing};
use tieout::table::read;
use tieout::table::reconciliation::OPEN_ITEMS;

use super::laws::night_of;
use super::notation::{Nights, Said, items, side_of};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two nights, the second with what the first carries: in one part of published types, and in parts of any length,
    /// some of compact types.
    #[test]
    fn parts_and_types_change_nothing(
        nights in (night_of(17), night_of(18)), lengths in prop::collection::vec(0..6_usize, 1..5), compact in any::<u8>(),
    ) {
        let (mut whole, mut split) = (Nights::default(), Nights::default());
        for (night, given) in [(17, nights.0), (18, nights.1)] {
            let sides = |open_items: &RecordBatch| {
                let all = concat_batches(&OPEN_ITEMS.schema(), [&named(&items(&given.join("\n"))), open_items]).expect("one schema");
                ["provider", "merchant"].map(|side| side_of(&all, side))
            };
            let [provider, merchant] = sides(&whole.open_items);
            let one = whole.close_parts(night, &[provider], &[merchant]);
            let [provider, merchant] = sides(&split.open_items).map(|side| in_parts(&side, &lengths, compact));
            let other = split.close_parts(night, &provider, &merchant);
            prop_assert_eq!(one.batches(), other.batches());
            prop_assert_eq!(outcomes(&one), outcomes(&other));
        }
    }
}

fn outcomes(said: &Said) -> [&[(String, Outcome)]; 2] {
    [&said.provider, &said.merchant]
}

/// The provider's items under identities, as entries have them.
fn named(items: &RecordBatch) -> RecordBatch {
    let (side, id) = (read::words(items, "side"), read::text(items, "id"));
    let name = |row| if side.get(row) == "provider" { identity(&[id.value(row)]) } else { id.value(row).to_owned() };
    let names = build::texts((0..items.num_rows()).map(|row| Some(name(row))));
    OPEN_ITEMS.batch(OPEN_ITEMS.columns.iter().map(|column| {
        let array = if column.name == "id" { &names } else { read::column(items, column.name) };
        (column.name, ArrayRef::clone(array))
    }))
}

/// Parts of these lengths, again and again; those of bits that are set in `compact` are made compact.
fn in_parts(side: &RecordBatch, lengths: &[usize], compact: u8) -> Vec<RecordBatch> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for length in lengths.iter().chain([&1]).cycle() {
        if start == side.num_rows() {
            break;
        }
        let part = side.slice(start, *length.min(&(side.num_rows() - start)));
        start += part.num_rows();
        parts.push(if compact >> (parts.len() % 8) & 1 == 1 { compacted(&part) } else { part });
    }
    parts
}

fn compacted(part: &RecordBatch) -> RecordBatch {
    let columns: Vec<ArrayRef> = OPEN_ITEMS.columns.iter().map(|column| compact_column(part, column.name, column.kind)).collect();
    let fields =
        OPEN_ITEMS.columns.iter().zip(&columns).map(|(column, array)| Field::new(column.name, array.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).expect("columns of one length")
}

fn compact_column(part: &RecordBatch, name: &str, kind: Type) -> ArrayRef {
    let array = read::column(part, name);
    let to = |kind: DataType| cast(array, &kind).expect("it becomes the compact type");
    match kind {
        Type::Text if name == "id" => {
            let numbers: Option<Vec<Identity>> = array.as_string::<i32>().iter().flatten().map(Identity::parse).collect();
            numbers.map_or_else(|| array.clone(), |numbers| identities(numbers.into_iter().map(Identity::number)))
        }
        Type::Text | Type::Word | Type::Amount if array.null_count() == array.len() => nothing(array.len()),
        Type::Word => to(DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8))),
        Type::Amount => to(DataType::Decimal64(NARROW_PRECISION, 8)),
        _ => array.clone(),
    }
}
