//! What a job says, key by key, and what it leaves to a default. Where secrets are is told, and nothing of what they are.

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use crate::format::keys::{Shape, Step, position, shown};

/// One key of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, with those above it: `provider[1].settles_in`, lists counted from one.
    pub key: String,
    /// Its value as TOML writes it; none where there is none, or it is a secret.
    pub value: Option<String>,
    /// Where the value is from.
    pub origin: Origin,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This line of the job.
    Line(u64),
    /// This line of the job says where the secret is: a variable of the environment, a file or a command.
    Secret(u64, String),
    /// The job does not say: this is what holds then.
    Default,
    /// The job does not say, and nothing holds.
    NotGiven,
}

/// Every key of a job that is well formed.
pub(super) fn settings(text: &str, schema: &Json) -> Vec<Setting> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let mut settings = Walk { text, root: schema, path: Vec::new(), settings: Vec::new() };
    settings.table(Some(table.get_ref()), &Shape::of(schema, schema));
    settings.settings
}

struct Walk<'t> {
    text: &'t str,
    root: &'t Json,
    path: Vec<Step>,
    settings: Vec<Setting>,
}

impl Walk<'_> {
    fn table(&mut self, table: Option<&DeTable>, shape: &Shape) {
        let given = |name: &str| table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name));
        for (name, schema) in &shape.keys {
            self.path.push(Step::Key((*name).to_owned()));
            match given(name) {
                Some((key, value)) => self.value(value.get_ref(), (key.span().start, value.span()), schema),
                // Of several places a source may be, the others say nothing.
                None if shape.is_choice => {}
                None => self.absent(schema),
            }
            self.path.pop();
        }
        let is_known = |key: &str| shape.keys.iter().any(|(name, _)| *name == key);
        for (key, value) in table.into_iter().flatten().filter(|(key, _)| !is_known(key.get_ref())) {
            let Some(schema) = shape.others else { continue };
            self.path.push(Step::Key(key.get_ref().to_string()));
            self.value(value.get_ref(), (key.span().start, value.span()), schema);
            self.path.pop();
        }
    }

    fn value(&mut self, value: &DeValue, (key, span): (usize, std::ops::Range<usize>), schema: &Json) {
        let (line, _) = position(self.text, key);
        if is_secret(schema)
            && let DeValue::Table(table) = value
        {
            return self.settle(None, Origin::Secret(line, place_of_secret(table)));
        }
        let shape = Shape::of(schema, self.root);
        match value {
            DeValue::Table(table) if !shape.keys.is_empty() || shape.others.is_some() => self.table(Some(table), &shape),
            DeValue::Array(list)
                if let Some(items) = shape.items.filter(|items| !Shape::of(items, self.root).keys.is_empty()) =>
            {
                for (at, value) in list.iter().enumerate() {
                    self.path.push(Step::At(at));
                    self.value(value.get_ref(), (value.span().start, value.span()), items);
                    self.path.pop();
                }
            }
            _ => {
                let text = self.text.get(span).unwrap_or_default();
                self.settle(Some(without_secret(text)), Origin::Line(line));
            }
        }
    }

    fn absent(&mut self, schema: &Json) {
        if let Some(default) = schema.get("default") {
            return self.settle(Some(default.to_string()), Origin::Default);
        }
        let shape = Shape::of(schema, self.root);
        if shape.keys.is_empty() || shape.is_choice || shape.requires {
            self.settle(None, Origin::NotGiven);
        } else {
            self.table(None, &shape);
        }
    }

    fn settle(&mut self, value: Option<String>, origin: Origin) {
        self.settings.push(Setting { key: shown(&self.path), value, origin });
    }
}

/// Whether a schema is that of a secret.
fn is_secret(schema: &Json) -> bool {
    let named = |schema: &Json| schema.get("$ref").and_then(Json::as_str).is_some_and(|name| name.ends_with("/Secret"));
    named(schema) || schema.get("allOf").and_then(Json::as_array).is_some_and(|all| all.iter().any(named))
}

/// Where a secret is. Of a command its program alone: its arguments may say more.
fn place_of_secret(table: &DeTable) -> String {
    let Some((kind, value)) = table.iter().next() else { return "nowhere".to_owned() };
    let first = match value.get_ref() {
        DeValue::Array(words) => words.first().and_then(|word| word.get_ref().as_str()),
        other => other.as_str(),
    };
    let kind = match &**kind.get_ref() {
        "env" => "environment variable",
        other => other,
    };
    format!("{kind} {}", first.unwrap_or("…"))
}

/// A value without what an address may hold of a secret: a password before the host, and what stands behind `?`.
fn without_secret(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let (address, rest) = rest.split_at(rest.find(['"', '\'']).unwrap_or(rest.len()));
    let (address, asked) = address.split_once('?').map_or((address, ""), |(address, _)| (address, "?…"));
    let host = address.find('/').unwrap_or(address.len());
    let address = match address[..host].rfind('@') {
        Some(at) => match address[..at].split_once(':') {
            Some((user, _)) => format!("{user}:…{}", &address[at..]),
            None => address.to_owned(),
        },
        None => address.to_owned(),
    };
    format!("{scheme}://{address}{asked}{rest}")
}
