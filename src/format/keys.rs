//! What people write in TOML, held against the schema of the structs that read it: every key nobody knows, at its place, with
//! the key that was meant where one is close.
//!
//! The structs refuse an unknown key themselves, but only the first, and out of context.

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Error;

/// A key, or a number in a list, on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// A place in a list, counted from nought.
    At(usize),
}

/// Line and letter of a place in a text, both counted from one.
#[must_use]
pub fn position(text: &str, offset: usize) -> (u64, u64) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() as u64 + 1, before[line..].chars().count() as u64 + 1)
}

/// A mistake in TOML, with its place, and the key that was meant where one is close.
#[must_use]
pub fn toml_error(error: &toml::de::Error, text: &str) -> Error {
    let message = error.message().replacen("unknown field", "unknown key", 1);
    let mut wrong = Error::configuration(message.clone());
    if let Some(span) = error.span() {
        let (line, letter) = position(text, span.start);
        wrong = wrong.line(line).letter(letter);
        let found = text.get(span).unwrap_or_default().lines().next().unwrap_or_default();
        if !found.is_empty() {
            wrong = wrong.found(found);
        }
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (&names[..], message.starts_with("unknown ")) {
        ([unknown, known @ ..], true) => match nearest(unknown, known.iter().copied()) {
            Some(nearest) => wrong.next(format!("did you mean `{nearest}`?")),
            None => wrong,
        },
        _ => wrong,
    }
}

/// The name nearest to one that nobody knows.
#[must_use]
pub fn nearest<'n>(unknown: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known.max_by(|a, b| strsim::jaro(a, unknown).total_cmp(&strsim::jaro(b, unknown)))
}

/// Every key of `text` that `schema` does not know. None of a text that is no TOML.
#[must_use]
pub fn unknown(text: &str, schema: &Json) -> Vec<Error> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    each_unknown(table.get_ref(), &Shape::of(schema, schema), schema, &mut Vec::new(), &mut found);
    let mut errors: Vec<(usize, Error)> = Vec::new();
    for Unknown { path, offset, known } in found {
        let Some((Step::Key(key), above)) = path.split_last() else { continue };
        let (line, letter) = position(text, offset);
        let of = if above.is_empty() { String::new() } else { format!(" in {}", shown(above)) };
        let error = Error::configuration(format!("unknown key `{key}`{of}")).line(line).letter(letter);
        let error = error.expected(if known.is_empty() { "no key".to_owned() } else { known.join(", ") });
        errors.push((
            offset,
            match nearest(key, known.iter().map(String::as_str)) {
                Some(nearest) => error.next(format!("did you mean `{nearest}`?")),
                None => error,
            },
        ));
    }
    errors.sort_by_key(|(offset, _)| *offset);
    errors.into_iter().map(|(_, error)| error).collect()
}

/// The text without the keys that `schema` does not know, as a table.
#[must_use]
pub fn without_unknown(text: &str, schema: &Json) -> Option<toml::Table> {
    let mut table: toml::Table = toml::from_str(text).ok()?;
    let spanned = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    each_unknown(spanned.get_ref(), &Shape::of(schema, schema), schema, &mut Vec::new(), &mut found);
    for Unknown { path, .. } in found {
        let Some((Step::Key(key), above)) = path.split_last() else { continue };
        let mut steps = above.iter();
        let Some(within) = first_table(&mut table, &mut steps) else { continue };
        within.remove(key);
    }
    Some(table)
}

fn first_table<'t>(table: &'t mut toml::Table, steps: &mut std::slice::Iter<Step>) -> Option<&'t mut toml::Table> {
    let Some(Step::Key(key)) = steps.next() else { return Some(table) };
    let mut value = table.get_mut(key)?;
    for step in steps {
        value = match step {
            Step::Key(key) => value.get_mut(key)?,
            Step::At(at) => value.get_mut(*at)?,
        };
    }
    value.as_table_mut()
}

/// Where in `text` the value at the end of `path` is written, or the last thing on the way that is.
#[must_use]
pub fn place(text: &str, path: &[Step]) -> Option<(u64, u64)> {
    let table = DeTable::parse(text).ok()?;
    let mut offset = None;
    let mut within: Option<&DeValue> = None;
    for step in path {
        let next = match (within, step) {
            (None, Step::Key(key)) => entry(table.get_ref(), key),
            (Some(DeValue::Table(table)), Step::Key(key)) => entry(table, key),
            (Some(DeValue::Array(list)), Step::At(at)) => list.get(*at).map(|value| (value.span().start, value)),
            _ => None,
        };
        let Some((start, value)) = next else { continue };
        offset = Some(start);
        within = Some(value.get_ref());
    }
    offset.map(|offset| position(text, offset))
}

fn entry<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<(usize, &'t Spanned<DeValue<'i>>)> {
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some((name.span().start, value))
}

/// A path for people: `provider 2, fee 1`, lists counted from one.
#[must_use]
pub fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text = format!("{text}.{key}"),
            Step::At(at) => text = format!("{text}[{}]", at + 1),
        }
    }
    text
}

struct Unknown {
    path: Vec<Step>,
    offset: usize,
    known: Vec<String>,
}

fn each_unknown(table: &DeTable, shape: &Shape, root: &Json, path: &mut Vec<Step>, found: &mut Vec<Unknown>) {
    for (key, value) in table {
        path.push(Step::Key(key.get_ref().to_string()));
        match shape.key(key.get_ref()) {
            Some(schema) => each_within(value, schema, root, path, found),
            None if shape.is_closed => found.push(Unknown {
                path: path.clone(),
                offset: key.span().start,
                known: shape.keys.iter().map(|(name, _)| (*name).to_owned()).collect(),
            }),
            None => {}
        }
        path.pop();
    }
}

fn each_within(value: &Spanned<DeValue>, schema: &Json, root: &Json, path: &mut Vec<Step>, found: &mut Vec<Unknown>) {
    let shape = Shape::of(schema, root);
    match value.get_ref() {
        DeValue::Table(table) => each_unknown(table, &shape, root, path, found),
        DeValue::Array(list) => {
            let Some(items) = shape.items else { return };
            for (at, value) in list.iter().enumerate() {
                path.push(Step::At(at));
                each_within(value, items, root, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What a schema says of the tables and lists that fit it: where it has alternatives, of all of them.
pub struct Shape<'s> {
    /// The keys of a table, each with its schema.
    pub keys: Vec<(&'s str, &'s Json)>,
    /// The schema of keys that are not among them.
    pub others: Option<&'s Json>,
    /// Whether no other key is allowed.
    pub is_closed: bool,
    /// The schema of what a list holds.
    pub items: Option<&'s Json>,
    /// Whether a table has one of its keys, and not all.
    pub is_choice: bool,
    /// Whether there are keys a table must have.
    pub requires: bool,
}

impl<'s> Shape<'s> {
    /// What `schema`, a part of `root`, says.
    #[must_use]
    pub fn of(schema: &'s Json, root: &'s Json) -> Self {
        let mut shape = Self { keys: Vec::new(), others: None, is_closed: false, items: None, is_choice: false, requires: false };
        shape.take(schema, root);
        shape
    }

    /// The schema of a key.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'s Json> {
        self.keys.iter().find(|(known, _)| *known == name).map(|(_, schema)| *schema).or(self.others)
    }

    fn take(&mut self, schema: &'s Json, root: &'s Json) {
        if let Some(named) = schema.get("$ref").and_then(Json::as_str) {
            let named = named.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            if let Some(schema) = named {
                self.take(schema, root);
            }
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            self.is_choice |= word != "allOf" && schema.get(word).is_some();
            for schema in schema.get(word).and_then(Json::as_array).into_iter().flatten() {
                self.take(schema, root);
            }
        }
        for (name, schema) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            if self.keys.iter().all(|(known, _)| *known != name) {
                self.keys.push((name, schema));
            }
        }
        self.requires |= schema.get("required").and_then(Json::as_array).is_some_and(|keys| !keys.is_empty());
        match schema.get("additionalProperties") {
            Some(Json::Bool(false)) => self.is_closed = true,
            Some(others) if others.is_object() => self.others = Some(others),
            _ => {}
        }
        self.items = self.items.or(schema.get("items").filter(|items| items.is_object()));
    }
}
