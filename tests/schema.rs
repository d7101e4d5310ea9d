//! The schemas for editors say what the code reads: what loads is valid, what does not is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tieout::format::schema;
use tieout::job;

use crate::nights::{files, package};

/// Keywords that say nothing of a value, or nothing of one of another type.
const SAID_ELSEWHERE: [&str; 20] = [
    "format",
    "$schema",
    "$id",
    "title",
    "description",
    "default",
    "definitions",
    "pattern",
    "then",
    "required",
    "properties",
    "additionalProperties",
    "propertyNames",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
];

/// Everything `value` has that `schema` does not allow: one line each, with its place.
///
/// Knows the keywords the schemas use, and panics at others, so that none is passed over; patterns are not held.
fn wrong(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Value::Object(keywords) = schema else {
        return if schema == &Value::Bool(false) { vec![format!("{at}: not allowed")] } else { found };
    };
    let valid = |schema: &Value| wrong(root, schema, value, at).is_empty();
    let length = |limit: &Value| usize::try_from(limit.as_u64().unwrap()).unwrap();
    for (keyword, says) in keywords {
        let holds = match (keyword.as_str(), value) {
            ("$ref", _) => {
                let definition = root.pointer(says.as_str().unwrap().strip_prefix('#').unwrap()).expect("it is defined");
                found.extend(wrong(root, definition, value, at));
                true
            }
            ("type", _) => says.as_array().unwrap_or(&vec![says.clone()]).iter().any(|kind| is_of(kind.as_str().unwrap(), value)),
            ("enum", _) => says.as_array().unwrap().contains(value),
            ("const", _) => says == value,
            ("anyOf", _) => says.as_array().unwrap().iter().any(valid),
            ("oneOf", _) => says.as_array().unwrap().iter().filter(|schema| valid(schema)).count() == 1,
            ("allOf", _) => {
                found.extend(says.as_array().unwrap().iter().flat_map(|schema| wrong(root, schema, value, at)));
                true
            }
            ("not", _) => !valid(says),
            ("if", _) => {
                if valid(says) {
                    found.extend(wrong(root, &keywords["then"], value, at));
                }
                true
            }
            ("required", Value::Object(object)) => {
                says.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
            }
            ("properties", Value::Object(object)) => {
                let both = says.as_object().unwrap().iter().filter_map(|(key, schema)| Some((key, schema, object.get(key)?)));
                found.extend(both.flat_map(|(key, schema, value)| wrong(root, schema, value, &format!("{at}.{key}"))));
                true
            }
            ("additionalProperties", Value::Object(object)) => {
                let known = |key: &str| keywords.get("properties").is_some_and(|properties| properties.get(key).is_some());
                let others = object.iter().filter(|(key, _)| !known(key));
                found.extend(others.flat_map(|(key, value)| wrong(root, says, value, &format!("{at}.{key}"))));
                true
            }
            ("propertyNames", Value::Object(object)) => {
                found.extend(object.keys().flat_map(|key| wrong(root, says, &Value::from(key.as_str()), &format!("{at}.{key}"))));
                true
            }
            ("items", Value::Array(items)) => {
                let of = |index: usize| says.get(index).unwrap_or(says);
                let items = items.iter().enumerate();
                found.extend(items.flat_map(|(index, item)| wrong(root, of(index), item, &format!("{at}[{index}]"))));
                true
            }
            ("minItems", Value::Array(items)) => items.len() >= length(says),
            ("maxItems", Value::Array(items)) => items.len() <= length(says),
            ("minLength", Value::String(text)) => text.chars().count() >= length(says),
            ("maxLength", Value::String(text)) => text.chars().count() <= length(says),
            ("minimum", Value::Number(number)) => number.as_f64() >= says.as_f64(),
            ("maximum", Value::Number(number)) => number.as_f64() <= says.as_f64(),
            (known, _) if SAID_ELSEWHERE.contains(&known) => true,
            _ => panic!("{at}: the keyword {keyword} is not known here"),
        };
        if !holds {
            found.push(format!("{at}: {keyword} {says}"));
        }
    }
    found
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        _ => panic!("the type {kind} is not known here"),
    }
}

/// The same of a whole file.
pub(crate) fn wrong_in(schema: &Value, value: &Value) -> Vec<String> {
    wrong(schema, schema, value, "")
}

fn held(schema: &Value, text: &str) -> Vec<String> {
    let value: BTreeMap<String, Value> = toml::from_str(text).unwrap();
    wrong(schema, schema, &serde_json::to_value(value).unwrap(), "")
}

/// Every TOML file below `folder`, by its path.
fn written(folder: &'static str) -> impl Iterator<Item = (String, String)> {
    let below = files(&package().join(folder)).into_iter().filter(|(path, _)| path.extension().is_some_and(|of| of == "toml"));
    below.map(move |(path, bytes)| (format!("{folder}/{}", path.display()), String::from_utf8(bytes).unwrap()))
}

#[test]
fn everything_shipped_is_valid_and_names_its_schema() {
    let [format, job] = [schema::format(), job::json_schema()];
    let formats = written("schemas/merchant").chain(written("schemas/providers")).map(|file| (file, &format, "format"));
    let mut held_to = 0;
    for ((path, text), schema, of) in formats.chain(written("jobs").map(|file| (file, &job, "job"))) {
        assert_eq!(held(schema, &text), Vec::<String>::new(), "{path}");
        let named = text.lines().next().unwrap().strip_prefix("#:schema ").unwrap_or_else(|| panic!("{path} names no schema"));
        let named = package().join(&path).parent().unwrap().join(named).canonicalize().unwrap_or_else(|_| panic!("{path}"));
        assert_eq!(named, package().join(format!("schemas/{of}.schema.json")).canonicalize().unwrap(), "{path}");
        held_to += 1;
    }
    assert!(held_to > 10);
}

const FORMAT: &str = "\
title = \"T\"
identity = [\"id\"]
[file]
encoding = \"gb18030\"
container = [\"zip\", \"none\"]
delimiter = \";\"
[[layout]]
name = \"l\"
columns = [\"id\", \"sum\", \"at\", \"what\"]
[fill]
gross = { from = \"sum\" }
currency = { value = \"EUR\" }
method = { from = [\"what\"], case = \"lower\", map = [[\"c\", \"card\"]], otherwise = \"keep\" }
occurred_at = { from = \"at\", time = \"rfc3339\", zone = \"UTC\", zones = { CET = \"Europe/Paris\" } }
[[kind]]
is = \"refund\"
when = { what = [\"back\"], sum = { sign = \"negative\" } }
fill = { gross = { subtract = [\"sum\"] } }
";

const JOB: &str = "\
name = \"n\"
lake = \"lake\"
timezone = \"UTC\"
[[provider]]
name = \"stripe\"
account = \"a\"
format = \"stripe/balance_change\"
settles_in = \"1 business day\"
source = { files = \"*.csv\" }
fee = [{ percent = \"1\", rounding = \"half_even\" }]
calendar = \"CN\"
expected_by = \"10:00\"
publishes = \"business days\"
[merchant.orders]
source = { files = [\"a.csv\", \"b.csv\"] }
[[tolerance]]
currency = \"EUR\"
absolute = \"0.01\"
";

/// A text of `FORMAT` or `JOB`, what it is replaced by, and where the schema says it is wrong.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (FORMAT, "title =", "titel =", ".titel: not allowed"),
    (FORMAT, "title = \"T\"\n", "", "required"),
    (FORMAT, "identity = [\"id\"]", "identity = \"id\"", ".identity: type"),
    (FORMAT, "identity = [\"id\"]", "target = \"entry\"", ".target: oneOf"),
    (FORMAT, "\"gb18030\"", "\"gbk\"", ".file.encoding: oneOf"),
    (FORMAT, "\"zip\"", "\"rar\"", ".file.container[0]: oneOf"),
    (FORMAT, "\";\"", "\";;\"", ".file.delimiter: maxLength"),
    (FORMAT, "delimiter", "delimeter", ".file.delimeter: not allowed"),
    (FORMAT, "name = \"l\"\n", "", ".layout[0]: required"),
    (FORMAT, "gross = { from", "gros = { from", ".fill.gros: not allowed"),
    (FORMAT, "gross = { from", "entry_id = { from", ".fill.entry_id: not allowed"),
    (FORMAT, "gross = { from", "order_id = { from", ".fill.order_id: enum"),
    (FORMAT, "identity = [\"id\"]", "target = \"orders\"", ".fill.gross: enum"),
    (FORMAT, "case = \"lower\"", "case = \"title\"", ".fill.method.case: "),
    (FORMAT, "[\"c\", \"card\"]", "[\"c\"]", ".fill.method.map[0]: minItems"),
    (FORMAT, "otherwise = \"keep\"", "otherwise = \"drop\"", ".fill.method.otherwise: oneOf"),
    (FORMAT, "{ value = \"EUR\" }", "\"EUR\"", ".fill.currency: type"),
    (FORMAT, "{ value = \"EUR\" }", "{ value = 1 }", ".fill.currency.value: type"),
    (FORMAT, "is = \"refund\"", "is = \"sale\"", ".kind[0].is: enum"),
    (FORMAT, "sign = \"negative\"", "sign = \"minus\"", ".kind[0].when.sum: anyOf"),
    (FORMAT, "fill = { gross", "fill = { grosss", ".kind[0].fill.grosss: not allowed"),
    (FORMAT, "fill = { gross", "fill = { order_id", ".kind[0].fill.order_id: enum"),
    (JOB, "lake =", "lakes =", ".lakes: not allowed"),
    (JOB, "lake = \"lake\"\n", "", ": required"),
    (JOB, "account = \"a\"\n", "", ".provider[0]: required"),
    (JOB, "files = \"*.csv\"", "file = \"*.csv\"", ".provider[0].source: "),
    (JOB, "percent = \"1\"", "percent = 1", ".provider[0].fee[0].percent: type"),
    (JOB, "half_even", "half_odd", ".provider[0].fee[0].rounding: oneOf"),
    (JOB, "percent = \"1\"", "percent = \"1\", on_refund = \"lost\"", ".provider[0].fee[0].on_refund: anyOf"),
    (JOB, "percent = \"1\"", "percent = \"1\", tiers = [{ percent = \"1\" }]", ".provider[0].fee[0].tiers[0]: required"),
    (JOB, "percent = \"1\"", "percent = \"1\", round = \"month\"", ".provider[0].fee[0].round: "),
    (JOB, "percent = \"1\"", "percent = \"1\", decimals = 9", ".provider[0].fee[0].decimals: maximum"),
    (JOB, "\"business days\"", "\"weekdays\"", ".provider[0].publishes: oneOf"),
    (JOB, "[merchant.orders]", "[merchant.order]", ".merchant.order: not allowed"),
    (JOB, "currency = \"EUR\"\n", "", ".tolerance[0]: required"),
];

#[test]
fn what_does_not_load_is_not_valid() {
    let [format, job] = [schema::format(), job::json_schema()];
    let of = |text: &str| if text == FORMAT { &format } else { &job };
    for right in [FORMAT, JOB] {
        assert_eq!(held(of(right), right), Vec::<String>::new());
        assert!(loads(right, right == FORMAT));
    }
    for (right, text, by, place) in WRONG {
        assert!(right.contains(text), "{text} is replaced");
        let changed = right.replacen(text, by, 1);
        let found = held(of(right), &changed);
        assert!(found.iter().any(|line| line.contains(place)), "{text} as {by}: {found:?}");
        assert!(!loads(&changed, *right == FORMAT), "{text} as {by} loads");
    }
}

fn loads(text: &str, is_format: bool) -> bool {
    if is_format {
        return tieout::format::Format::parse("a/b", text, &|_| None).is_ok();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    std::fs::write(&path, text).unwrap();
    job::Job::load(Path::new(&path)).is_ok()
}

#[test]
fn a_format_that_extends_another_says_only_what_differs() {
    let format = schema::format();
    assert_eq!(held(&format, "extends = \"merchant/orders\"\n[fill]\norder_id = { from = \"number\" }"), Vec::<String>::new());
    assert!(!held(&format, "extends = \"merchant/orders\"\n[fill]\norder = { from = \"number\" }").is_empty());
}

#[test]
fn every_key_has_a_word_of_help() {
    for schema in [schema::format(), job::json_schema()] {
        for (name, definition) in schema["definitions"].as_object().unwrap().iter().chain([(&"root".to_owned(), &schema)]) {
            for (key, says) in definition["properties"].as_object().into_iter().flatten() {
                assert!(says.get("description").is_some(), "{name}.{key}");
            }
        }
    }
}
