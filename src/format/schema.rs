//! The JSON Schema of what people write in TOML, for editors: from the very structs that are read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{Format, Target};
use crate::table::column::Type;
use crate::table::entries::KINDS;

/// A name of the time zone database.
pub enum Zone {}

const ZONE_PATTERN: &str = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$";

impl JsonSchema for Zone {
    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A name of the time zone database, such as `Asia/Shanghai` or `UTC`.",
            "pattern": ZONE_PATTERN,
        })
    }
}

/// The schema of `T` as TOML has it: draft 7, which editors know, and without null, which TOML does not have.
#[must_use]
pub fn of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft07().with_transform(NoNull).into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// The schema of a format file as the program carries it.
pub(super) fn carried() -> Value {
    serde_json::from_str(include_str!("../../schemas/format.schema.json")).expect("it is JSON: a test writes it")
}

/// The schema of a format file, made anew.
///
/// Beside what the structs say: a format may extend another, which then has what is required, and the canonical columns
/// it fills are those of its table, each with its meaning.
#[must_use]
pub fn format() -> Value {
    let mut schema = of::<Format>();
    let root = schema.as_object_mut().expect("a schema of a struct is an object");
    root.remove("required");
    root.insert("anyOf".to_owned(), json!([{ "required": ["title"] }, { "required": ["extends"] }]));
    root.insert("allOf".to_owned(), TARGETS.map(only_its_columns).into());
    let keys = root["properties"].as_object_mut().expect("a struct has properties");
    let extends = json!({
        "description": "The format this one is laid over: `fill` and `file` key by key, all else replaced as a whole.",
        "type": "string",
    });
    keys.shift_insert(0, "extends".to_owned(), extends);
    keys["fill"] = fill(&keys["fill"]["description"]);
    let kind = root["definitions"]["Kind"]["properties"].as_object_mut().expect("a kind has properties");
    kind["is"]["enum"] = KINDS.to_vec().into();
    kind["fill"] = fill(&kind["fill"]["description"]);
    schema
}

const TARGETS: [Target; 5] = [Target::Entries, Target::Orders, Target::Attempts, Target::Refunds, Target::BankLines];

/// Canonical columns that a format of `target` may fill, with their meaning.
fn columns(target: Target) -> impl Iterator<Item = (&'static str, String)> {
    let filled = target.table().columns.iter().filter(move |column| !target.filled_by_stages().contains(&column.name));
    filled.map(|column| {
        let unit = if column.kind == Type::Amount { format!(" In units of `{}`.", column.unit) } else { String::new() };
        (column.name, format!("{}{unit}", column.meaning))
    })
}

/// Rules by canonical column: every one of every table.
fn fill(description: &Value) -> Value {
    let mut meanings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for target in TARGETS {
        for (column, meaning) in columns(target) {
            meanings.entry(column).or_default().push(format!("{}: {meaning}", target.table().name));
        }
    }
    let rules = meanings.into_iter().map(|(column, meanings)| {
        let rule = json!({ "description": meanings.join("\n\n"), "allOf": [{ "$ref": "#/definitions/Rule" }] });
        (column.to_owned(), rule)
    });
    let rules: Map<String, Value> = rules.collect();
    json!({ "description": description, "type": "object", "properties": rules, "additionalProperties": false })
}

/// A file that names `target`, or is one of entries because it names none and extends nothing, fills its columns alone.
fn only_its_columns(target: Target) -> Value {
    let says = json!({ "properties": { "target": { "const": target.table().name } }, "required": ["target"] });
    let says = if target == Target::default() {
        let by_default = json!({ "not": { "anyOf": [{ "required": ["target"] }, { "required": ["extends"] }] } });
        json!({ "anyOf": [says, by_default] })
    } else {
        says
    };
    let names = json!({ "propertyNames": { "enum": columns(target).map(|(name, _)| name).collect::<Vec<_>>() } });
    let kind = json!({ "items": { "properties": { "fill": names } } });
    json!({ "if": says, "then": { "properties": { "fill": names, "kind": kind } } })
}

#[derive(Clone)]
struct NoNull;

impl Transform for NoNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        // How a number is held says nothing to who writes it.
        object.remove("format");
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = &mut types[..] {
                object["type"] = only.take();
            }
        }
        if let Some(Value::Array(ways)) = object.get_mut("anyOf") {
            ways.retain(|way| way != &json!({ "type": "null" }));
            if let [only] = &mut ways[..] {
                let only = only.take();
                object.remove("anyOf");
                object.insert("allOf".to_owned(), json!([only]));
            }
        }
        if object.get("default") == Some(&Value::Null) {
            object.remove("default");
        }
    }
}
