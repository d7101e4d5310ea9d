//! The parts of a page: sections with a heading, and what is folded until somebody asks.

use super::html::Html;
use super::words::Words;

/// A section called `name`: its anchor, and its title and first sentence in the words.
pub(super) fn section(html: &mut Html, words: &Words, name: &'static str, body: impl FnOnce(&mut Html)) {
    html.raw("<section").attribute("id", name).attribute("aria-labelledby", &format!("{name}-title")).raw("><h2");
    html.attribute("id", &format!("{name}-title")).raw(">").text(words.say(&format!("section.{name}"))).raw("</h2>");
    html.raw("<p class=\"lead\">").text(words.say(&format!("lead.{name}"))).raw("</p>");
    body(html);
    html.raw("</section>");
}

/// What is folded: open in print.
pub(super) fn folded(html: &mut Html, summary: &str, body: impl FnOnce(&mut Html)) {
    html.raw("<details>").element("summary", summary);
    body(html);
    html.raw("</details>");
}

/// A plot of a table: which of its columns go along, up, and between which two a band lies. A page without scripts does
/// without plots.
#[derive(Clone, Debug)]
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// The id of the table.
    pub(super) table: &'a str,
    /// The columns that are lines, counted from nought.
    pub(super) lines: &'static str,
    /// The column that holds an interval.
    pub(super) band: Option<&'static str>,
    /// `share` or `count`.
    pub(super) unit: &'static str,
}

impl Plot<'_> {
    pub(super) fn write(&self, html: &mut Html) {
        html.raw("<figure class=\"plot\" hidden").attribute("data-table", self.table).attribute("data-lines", self.lines);
        if let Some(band) = self.band {
            html.attribute("data-band", band);
        }
        html.attribute("data-unit", self.unit).raw(">").element("figcaption", self.title).raw("</figure>");
    }
}
