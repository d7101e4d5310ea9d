//! HTML in the making. What we write ourselves is `&'static str`; whatever comes from data or words is escaped.

use std::fmt::Write;

/// A piece of HTML.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Our own markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A number, as we write it into markup.
    pub(super) fn number(&mut self, number: impl Into<i128>) -> &mut Self {
        write!(self.0, "{}", number.into()).expect("writing to a string does not fail");
        self
    }

    /// Text, escaped: it may stand between tags, and between double quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(letter),
                // What turns the direction of the text after it, or is no character, is shown to be there.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => self.0.push('\u{fffd}'),
                letter if letter.is_control() => self.0.push('\u{fffd}'),
                letter => self.0.push(letter),
            }
        }
        self
    }

    /// An attribute, with the space before it.
    pub(super) fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(value).raw("\"")
    }

    /// An element without attributes that holds text.
    pub(super) fn element(&mut self, tag: &'static str, text: &str) -> &mut Self {
        self.raw("<").raw(tag).raw(">").text(text).raw("</").raw(tag).raw(">")
    }

    /// What a program reads and what a person does: `<data value="-3.5">−3.50</data>`.
    pub(super) fn data(&mut self, value: &str, shown: &str) -> &mut Self {
        self.raw("<data").attribute("value", value).raw(">").text(shown).raw("</data>")
    }

    /// Another piece.
    pub(super) fn append(&mut self, piece: &Self) -> &mut Self {
        self.0.push_str(&piece.0);
        self
    }

    /// All of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}
