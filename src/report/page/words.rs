//! What a page or a workbook says besides its figures: every word of a language in one folder, under keys all languages
//! share.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::{Table, Value};

/// A language a page or a workbook may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese in simplified characters.
    Chinese,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Its tag, as HTML names languages.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }

    fn texts(self) -> [&'static str; 3] {
        match self {
            Self::English => {
                [include_str!("words/en/page.toml"), include_str!("words/en/tables.toml"), include_str!("words/en/workbook.toml")]
            }
            Self::Chinese => {
                [include_str!("words/zh/page.toml"), include_str!("words/zh/tables.toml"), include_str!("words/zh/workbook.toml")]
            }
        }
    }
}

/// The words of a language by key: `section.key`.
#[derive(Debug)]
pub struct Words {
    pub(super) language: Language,
    texts: BTreeMap<String, String>,
}

impl Words {
    /// Those of `language`.
    #[must_use]
    pub fn of(language: Language) -> Self {
        let mut texts = BTreeMap::new();
        for text in language.texts() {
            let table: Table = text.parse().expect("the words are TOML");
            gather("", &table, &mut texts);
        }
        Self { language, texts }
    }

    /// Every key, with what it says.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }

    /// What stands under a key. A key without words is our mistake.
    pub(in crate::report) fn say(&self, key: &str) -> &str {
        self.texts.get(key).unwrap_or_else(|| panic!("no words for {key}"))
    }

    /// The same, with `{name}` replaced by what is given for it.
    pub(in crate::report) fn fill(&self, key: &str, with: &[(&str, &str)]) -> String {
        let mut parts = self.say(key).split('{');
        let mut said = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("{key} does not end a name"));
            let (_, text) = with.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{key} names {name}"));
            said.push_str(text);
            said.push_str(rest);
        }
        said
    }

    /// So many of something: one and several are under keys of their own.
    pub(in crate::report) fn counted(&self, key: &str, count: i64) -> String {
        self.counted_with(key, count, &[])
    }

    /// The same, with what else is told of them.
    pub(super) fn counted_with(&self, key: &str, count: i64, with: &[(&str, &str)]) -> String {
        let number = if count == 1 { "one" } else { "many" };
        let shown = super::figure::count(count);
        self.fill(&format!("{key}.{number}"), &[&[("count", shown.as_str())], with].concat())
    }

    /// A word of a closed list of the tables; one this list does not know as the tables spell it, without underscores.
    pub(in crate::report) fn word<'a>(&'a self, list: &str, word: &'a str) -> Cow<'a, str> {
        self.find(list, word).map_or_else(|| Cow::Owned(word.replace('_', " ")), Cow::Borrowed)
    }

    /// What a list says of a word, if it knows it.
    pub(in crate::report) fn find(&self, list: &str, word: &str) -> Option<&str> {
        self.texts.get(&format!("{list}.{word}")).map(String::as_str)
    }
}

fn gather(before: &str, table: &Table, texts: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        match value {
            Value::Table(inner) => gather(&key, inner, texts),
            Value::String(text) => drop(texts.insert(key, text.clone())),
            other => panic!("{key} is {other}, not words"),
        }
    }
}
