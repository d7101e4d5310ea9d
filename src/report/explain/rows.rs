//! Which published rows belong to the story of a name: those that bear it, and one step further, those that share a
//! name with them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::table::bank::BANK_LINES;
use crate::table::build::date_of;
use crate::table::column::{Table, Type};
use crate::table::delivery::FILES;
use crate::table::entries::ENTRIES;
use crate::table::payouts::PAYOUTS;
use crate::table::read;
use crate::table::reconciliation::{BREAKS, MATCHES, OPEN_ITEMS};
use crate::table::records::{ATTEMPTS, ORDERS, REFUNDS};

/// What a name names. Two rows are linked where they have a name of one kind in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Naming {
    Order,
    /// An entry, attempt or refund: what matching compares.
    Item,
    MerchantReference,
    MerchantRefundReference,
    ProviderReference,
    Match,
    Break,
    Payout,
    BankLine,
}

/// A table that is searched: by which columns, and which of the others are told.
struct Searched {
    table: &'static Table,
    names: &'static [(&'static str, Naming)],
    told: &'static [&'static str],
}

/// In the order of a night: records, entries, and what became of them.
static SEARCHED: [Searched; 9] = [
    Searched {
        table: &ORDERS,
        names: &[("order_id", Naming::Order)],
        told: &["created_at", "amount", "currency", "status", "channel", "country", "file_id", "line"],
    },
    Searched {
        table: &ATTEMPTS,
        names: &[
            ("attempt_id", Naming::Item),
            ("order_id", Naming::Order),
            ("merchant_reference", Naming::MerchantReference),
            ("provider_reference", Naming::ProviderReference),
        ],
        told: &[
            "provider",
            "method",
            "wallet",
            "started_at",
            "finished_at",
            "stage",
            "status",
            "failure_code",
            "amount",
            "currency",
            "outcome",
            "outcome_reason",
            "file_id",
            "line",
        ],
    },
    Searched {
        table: &REFUNDS,
        names: &[
            ("refund_id", Naming::Item),
            ("order_id", Naming::Order),
            ("merchant_reference", Naming::MerchantReference),
            ("merchant_refund_reference", Naming::MerchantRefundReference),
            ("provider_reference", Naming::ProviderReference),
        ],
        told: &["provider", "requested_at", "amount", "currency", "status", "outcome", "outcome_reason", "file_id", "line"],
    },
    Searched {
        table: &ENTRIES,
        names: &[
            ("entry_id", Naming::Item),
            ("provider_reference", Naming::ProviderReference),
            ("original_reference", Naming::ProviderReference),
            ("merchant_reference", Naming::MerchantReference),
            ("merchant_refund_reference", Naming::MerchantRefundReference),
        ],
        told: &[
            "provider",
            "account",
            "kind",
            "currency",
            "gross",
            "fee",
            "fee_rule",
            "fee_contracted",
            "net",
            "customer_amount",
            "customer_currency",
            "merchant_discount",
            "provider_discount",
            "batch_reference",
            "occurred_at",
            "provider_status",
            "outcome",
            "outcome_reason",
            "file_id",
            "line",
        ],
    },
    Searched {
        table: &MATCHES,
        names: &[
            ("match_id", Naming::Match),
            ("entry_id", Naming::Item),
            ("order_id", Naming::Order),
            ("attempt_id", Naming::Item),
            ("refund_id", Naming::Item),
        ],
        told: &[
            "kind",
            "pass",
            "cardinality",
            "provider",
            "currency",
            "merchant_amount",
            "provider_amount",
            "difference",
            "settled_after_days",
        ],
    },
    Searched {
        table: &BREAKS,
        names: &[
            ("break_id", Naming::Break),
            ("entry_id", Naming::Item),
            ("order_id", Naming::Order),
            ("attempt_id", Naming::Item),
            ("refund_id", Naming::Item),
            ("merchant_reference", Naming::MerchantReference),
            ("provider_reference", Naming::ProviderReference),
        ],
        told: &[
            "break_type",
            "state",
            "provider",
            "currency",
            "merchant_amount",
            "provider_amount",
            "difference",
            "first_seen",
            "cleared_on",
            "age_days",
            "severity",
            "suggested_action",
            "resolution",
            "detail",
        ],
    },
    Searched {
        table: &OPEN_ITEMS,
        names: &[
            ("id", Naming::Item),
            ("order_id", Naming::Order),
            ("merchant_reference", Naming::MerchantReference),
            ("provider_reference", Naming::ProviderReference),
            ("merchant_refund_reference", Naming::MerchantRefundReference),
        ],
        told: &["side", "kind", "provider", "currency", "amount", "status", "occurred_at", "first_seen", "expected_by"],
    },
    Searched {
        table: &PAYOUTS,
        names: &[("payout_id", Naming::Payout), ("reference", Naming::Payout)],
        told: &[
            "provider",
            "account",
            "currency",
            "state",
            "lines",
            "expected",
            "stated",
            "residual",
            "pass",
            "bank",
            "bank_line_ids",
            "bank_reference",
            "bank_amount",
            "booked_on",
            "expected_by",
        ],
    },
    Searched {
        table: &BANK_LINES,
        names: &[("bank_line_id", Naming::BankLine)],
        told: &["bank", "currency", "amount", "booked_on", "text", "outcome", "outcome_reason", "file_id", "line"],
    },
];

/// One published row, as text: amounts with the decimals of their currency, instants in the job's time zone.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) night: NaiveDate,
    pub(super) table: &'static Table,
    cells: BTreeMap<&'static str, String>,
    /// Name of the file it was read from.
    pub(super) file: Option<String>,
}

impl Row {
    /// The value of a column; empty text where the row leaves it empty or the story does not read it.
    pub(super) fn get(&self, name: &str) -> &str {
        self.cells.get(name).map_or("", String::as_str)
    }

    /// Whether it is a row of that table.
    pub(super) fn is_of(&self, table: &Table) -> bool {
        self.table.name == table.name
    }

    /// The row as an object, columns in the order of the table.
    pub(super) fn json(&self) -> Value {
        let mut object = Map::from_iter([("night".to_owned(), json!(self.night)), ("table".to_owned(), json!(self.table.name))]);
        for column in self.table.columns {
            if let Some(value) = self.cells.get(column.name) {
                let value = if column.kind == Type::Count { json!(value.parse::<i64>().ok()) } else { json!(value) };
                object.insert(column.name.to_owned(), value);
            }
        }
        if let Some(file) = &self.file {
            object.insert("file".to_owned(), json!(file));
        }
        Value::Object(object)
    }
}

/// The rows of a name.
#[derive(Debug)]
pub(super) struct Found {
    /// Night by night, table by table, in the order of each table.
    pub(super) rows: Vec<Row>,
    /// The columns in which the name itself stands.
    pub(super) known_as: Vec<&'static str>,
}

/// Names by what they name.
type Names = HashMap<Naming, HashSet<String>>;

/// Every row of `nights` that belongs to `id`.
pub(super) fn search(lake: &Lake, nights: &[NaiveDate], id: &str, zone: Tz) -> Result<Found> {
    let mut linked = Names::new();
    let mut known_as = Vec::new();
    for &night in nights {
        for searched in &SEARCHED {
            searched.links(lake, night, id, &mut linked, &mut known_as)?;
        }
    }
    if known_as.is_empty() {
        // Of a night that only carries it.
        known_as.push("id");
    }
    let files = nights.iter().map(|&night| file_names(lake, night)).collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<Row> = Vec::new();
    for searched in &SEARCHED {
        // From the entries to their payouts, and on to the bank; not back, to whatever else is paid out with them.
        let (naming, named) = match searched.table.name {
            // A chargeback that names its payment only is a break under a name of its own.
            "breaks" => (Naming::Item, names_in(&rows, &ENTRIES, "entry_id")),
            "payouts" => (Naming::Payout, names_in(&rows, &ENTRIES, "batch_reference")),
            "bank_lines" => (Naming::BankLine, names_in(&rows, &PAYOUTS, "bank_line_ids")),
            _ => (Naming::Item, Vec::new()),
        };
        linked.entry(naming).or_default().extend(named);
        let paid_out: HashSet<[String; 4]> = rows.iter().map(|row| batch_of(row, "batch_reference")).collect();
        for (&night, files) in nights.iter().zip(&files) {
            let mut found = searched.rows(lake, night, &linked, zone)?;
            if searched.table.name == "payouts" && !known_as.contains(&"reference") && !known_as.contains(&"payout_id") {
                // Batches of two accounts, or in two currencies, may be called the same.
                found.retain(|row| paid_out.contains(&batch_of(row, "reference")));
            }
            rows.extend(found.into_iter().map(|mut row| {
                row.file = files.get(row.get("file_id")).cloned();
                row
            }));
        }
    }
    let place = |row: &Row| SEARCHED.iter().position(|searched| searched.table.name == row.table.name);
    rows.sort_by_key(|row| (row.night, place(row)));
    Ok(Found { rows, known_as })
}

/// Whose batch in which currency a row is of, and what it is called.
fn batch_of(row: &Row, reference: &str) -> [String; 4] {
    ["provider", "account", "currency", reference].map(|column| row.get(column).to_owned())
}

/// The names in a column of the rows of a table; several with a space between them.
fn names_in(rows: &[Row], table: &Table, column: &str) -> Vec<String> {
    let of_table = rows.iter().filter(|row| row.is_of(table));
    match column {
        "bank_line_ids" => of_table.flat_map(|row| row.get(column).split_whitespace().map(ToOwned::to_owned)).collect(),
        _ => of_table.map(|row| row.get(column).to_owned()).filter(|name| !name.is_empty()).collect(),
    }
}

impl Searched {
    fn name_columns(&self) -> Vec<&'static str> {
        self.names.iter().map(|(column, _)| *column).collect()
    }

    /// Adds every name of the rows that bear `id`.
    fn links(&self, lake: &Lake, night: NaiveDate, id: &str, linked: &mut Names, known_as: &mut Vec<&'static str>) -> Result<()> {
        let batch = lake.read_columns(self.table, night, &self.name_columns())?;
        let columns: Vec<&StringArray> = batch.columns().iter().map(AsArray::as_string::<i32>).collect();
        for row in 0..batch.num_rows() {
            if !columns.iter().any(|column| is(column, row, id)) {
                continue;
            }
            for (column, &(name, naming)) in columns.iter().zip(self.names) {
                if is(column, row, id) && name != "id" && !known_as.contains(&name) {
                    known_as.push(name);
                }
                if let Some(value) = stated(column, row) {
                    linked.entry(naming).or_default().insert(value.to_owned());
                }
            }
        }
        Ok(())
    }

    /// The rows that bear one of the names.
    fn rows(&self, lake: &Lake, night: NaiveDate, linked: &Names, zone: Tz) -> Result<Vec<Row>> {
        let names = lake.read_columns(self.table, night, &self.name_columns())?;
        let columns: Vec<(&StringArray, Option<&HashSet<String>>)> = names
            .columns()
            .iter()
            .zip(self.names)
            .map(|(column, (_, naming))| (column.as_string::<i32>(), linked.get(naming)))
            .collect();
        let bears = |row: &usize| {
            columns
                .iter()
                .any(|(column, known)| known.is_some_and(|known| stated(column, *row).is_some_and(|name| known.contains(name))))
        };
        let hits: Vec<usize> = (0..names.num_rows()).filter(bears).collect();
        if hits.is_empty() {
            return Ok(Vec::new());
        }
        let told = lake.read_columns(self.table, night, self.told)?;
        Ok(hits.into_iter().map(|row| self.row(night, row, [&names, &told], zone)).collect())
    }

    fn row(&self, night: NaiveDate, row: usize, batches: [&RecordBatch; 2], zone: Tz) -> Row {
        let mut cells = BTreeMap::new();
        for batch in batches {
            for field in batch.schema_ref().fields() {
                let column = &self.table.columns[self.table.position(field.name())];
                if let Some(text) = cell(batch, column.name, row, column.unit, zone) {
                    cells.insert(column.name, text);
                }
            }
        }
        Row { night, table: self.table, cells, file: None }
    }
}

/// The value of a cell as text, if it has one. An amount is shown in the currency that its unit names.
pub(super) fn cell(batch: &RecordBatch, name: &str, row: usize, unit: &str, zone: Tz) -> Option<String> {
    let array = read::column(batch, name);
    if array.is_null(row) {
        return None;
    }
    let text = match array.data_type() {
        DataType::Dictionary(..) => read::words(batch, name).get(row).to_owned(),
        DataType::Utf8 => read::text(batch, name).value(row).to_owned(),
        DataType::Decimal128(..) => {
            let amount = read::amount(read::amounts(batch, name), row)?;
            match batch.column_by_name(unit) {
                Some(_) => amount.in_currency(read::words(batch, unit).get(row)),
                None => amount.to_string(),
            }
        }
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            let instant = DateTime::from_timestamp_micros(micros).expect("a stored instant is one");
            instant.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::AutoSi, false)
        }
        DataType::Date32 => date_of(array.as_primitive::<Date32Type>().value(row)).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        other => unreachable!("no story tells a column of type {other}"),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn stated(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row)).filter(|text| !text.is_empty())
}

fn is(column: &StringArray, row: usize, id: &str) -> bool {
    stated(column, row) == Some(id)
}

/// Names of the night's files by identity.
fn file_names(lake: &Lake, night: NaiveDate) -> Result<HashMap<String, String>> {
    let batch = lake.read_columns(&FILES, night, &["file_id", "name"])?;
    let (ids, names) = (read::text(&batch, "file_id"), read::text(&batch, "name"));
    // Of two copies the first was read.
    let mut by_id = HashMap::new();
    for row in 0..batch.num_rows() {
        by_id.entry(ids.value(row).to_owned()).or_insert_with(|| names.value(row).to_owned());
    }
    Ok(by_id)
}

/// No published row bears `id`; names those that look like it.
pub(super) fn unknown(lake: &Lake, nights: &[NaiveDate], id: &str) -> Error {
    let looked = match nights {
        [] => "no night".to_owned(),
        [only] => format!("the night {only}"),
        [first, .., last] => format!("{} nights, {first} to {last}", nights.len()),
    };
    let error = Error::data(format!("nothing published is called `{id}`"))
        .expected("an order_id, attempt_id, refund_id, entry_id, match_id, break_id, payout_id, or a reference")
        .found(format!("no such name in {looked}"));
    match nearest(lake, nights, id).as_deref() {
        Ok([]) | Err(_) => error.next("copy a name from the tables `breaks` or `orders` of the lake"),
        Ok(near) => error.next(format!("did you mean {}?", near.join(" or "))),
    }
}

/// The three names nearest to `id`: those it is a part of, then those a few letters away.
fn nearest(lake: &Lake, nights: &[NaiveDate], id: &str) -> Result<Vec<String>> {
    const SHORTEST_PART: usize = 6;
    const SHOWN: usize = 3;
    let length = id.chars().count();
    let furthest = (length / 4).min(3);
    let mut near: BTreeSet<(usize, String)> = BTreeSet::new();
    for &night in nights {
        for searched in &SEARCHED {
            let batch = lake.read_columns(searched.table, night, &searched.name_columns())?;
            for column in batch.columns() {
                for name in column.as_string::<i32>().iter().flatten() {
                    let distance = if length >= SHORTEST_PART && name.contains(id) {
                        0
                    } else if name.len().abs_diff(id.len()) <= furthest {
                        edits(name, id)
                    } else {
                        continue;
                    };
                    if distance <= furthest {
                        near.insert((distance, name.to_owned()));
                        if near.len() > SHOWN {
                            near.pop_last();
                        }
                    }
                }
            }
        }
    }
    Ok(near.into_iter().map(|(_, name)| name).collect())
}

/// Edits between two names. Names that are counted up begin alike, so what they share is set aside first.
fn edits(a: &str, b: &str) -> usize {
    let same = a.char_indices().zip(b.chars()).take_while(|((_, ours), theirs)| ours == theirs);
    let shared = same.map(|((at, letter), _)| at + letter.len_utf8()).last().unwrap_or(0);
    strsim::osa_distance(&a[shared..], &b[shared..])
}
