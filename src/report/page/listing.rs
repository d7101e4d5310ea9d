//! A table of the page: caption, columns, rows, and what a row unfolds into.

use chrono::NaiveDate;

use super::figure;
use super::html::Html;
use super::words::Words;
use crate::money::Amount;

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    label: String,
    is_number: bool,
    /// Whether a narrow screen does without it.
    is_minor: bool,
    /// Whether rows may be put in its order.
    sorts: bool,
}

impl Column {
    pub(super) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), is_number: false, is_minor: false, sorts: false }
    }

    pub(super) fn number(self) -> Self {
        Self { is_number: true, ..self }
    }

    pub(super) fn minor(self) -> Self {
        Self { is_minor: true, ..self }
    }

    pub(super) fn sorts(self) -> Self {
        Self { sorts: true, ..self }
    }

    fn class(&self) -> &'static str {
        match (self.is_number, self.is_minor) {
            (false, false) => "",
            (true, false) => " class=\"n\"",
            (false, true) => " class=\"minor\"",
            (true, true) => " class=\"n minor\"",
        }
    }
}

/// What stands in a row under a column.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Nothing, as the tables leave it empty.
    Nothing,
    Text(String),
    /// An identifier, or text as it came.
    Code(String),
    /// A word of a closed list, and how the language says it.
    Word {
        word: String,
        shown: String,
    },
    Money(Amount, String),
    Count(i64),
    Share(f64),
    Points(f64),
    /// A change of twelve decimals.
    ExactPoints(i128),
    /// A rate of twelve decimals.
    PerCent(i128),
    Statistic(f64),
    /// An interval, and the rate in it.
    Interval {
        low: f64,
        at: f64,
        high: f64,
    },
    Date(NaiveDate),
    /// Whether two figures tie.
    Ties {
        ties: bool,
        shown: String,
    },
}

impl Cell {
    /// A word of a list; nothing where it is empty.
    pub(super) fn word(words: &Words, list: &str, word: &str) -> Self {
        match word {
            "" => Self::Nothing,
            _ => Self::Word { word: word.to_owned(), shown: words.word(list, word).into_owned() },
        }
    }

    pub(super) fn code(text: &str) -> Self {
        if text.is_empty() { Self::Nothing } else { Self::Code(text.to_owned()) }
    }

    pub(super) fn text(text: &str) -> Self {
        if text.is_empty() { Self::Nothing } else { Self::Text(text.to_owned()) }
    }

    pub(super) fn money(amount: Option<Amount>, currency: &str) -> Self {
        amount.map_or(Self::Nothing, |amount| Self::Money(amount, currency.to_owned()))
    }

    pub(super) fn date(date: Option<NaiveDate>) -> Self {
        date.map_or(Self::Nothing, Self::Date)
    }

    pub(super) fn share(share: Option<f64>) -> Self {
        share.map_or(Self::Nothing, Self::Share)
    }

    pub(super) fn points(change: Option<f64>) -> Self {
        change.map_or(Self::Nothing, Self::Points)
    }

    pub(super) fn interval(low: Option<f64>, at: Option<f64>, high: Option<f64>) -> Self {
        match (low, at, high) {
            (Some(low), Some(at), Some(high)) => Self::Interval { low, at, high },
            _ => Self::Nothing,
        }
    }

    pub(super) fn ties(words: &Words, ties: bool) -> Self {
        Self::Ties { ties, shown: words.say(if ties { "word.ties" } else { "word.ties_not" }).to_owned() }
    }

    /// Whether nothing stands there.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    pub(super) fn write(&self, html: &mut Html) {
        match self {
            Self::Nothing => drop(html.raw("<span class=\"nothing\">·</span>")),
            Self::Text(text) => drop(html.text(text)),
            Self::Code(text) => drop(html.raw("<bdi class=\"code\">").text(text).raw("</bdi>")),
            Self::Word { word, shown } => drop(html.data(word, shown)),
            Self::Money(amount, currency) => drop(
                html.data(&amount.in_currency(currency), &figure::money(*amount, currency))
                    .raw("<span class=\"cur\"> ")
                    .text(currency)
                    .raw("</span>"),
            ),
            Self::Count(0) => drop(html.raw("<data value=\"0\" class=\"zero\">0</data>")),
            Self::Count(count) => drop(html.data(&count.to_string(), &figure::count(*count))),
            Self::Share(share) => drop(html.data(&share.to_string(), &figure::share(*share))),
            Self::Points(change) => drop(html.data(&change.to_string(), &figure::points(*change))),
            Self::ExactPoints(change) => drop(html.data(&change.to_string(), &figure::exact_points(*change))),
            Self::PerCent(rate) => drop(html.data(&rate.to_string(), &figure::per_cent(*rate))),
            Self::Statistic(value) => drop(html.data(&value.to_string(), &figure::statistic(*value))),
            Self::Interval { low, at, high } => interval(html, [*low, *at, *high]),
            Self::Date(date) => {
                let date = date.to_string();
                html.raw("<time").attribute("datetime", &date).raw(">").text(&date).raw("</time>");
            }
            Self::Ties { ties, shown } => {
                html.raw(if *ties { "<span class=\"ties\">" } else { "<span class=\"ties not\">" }).text(shown).raw("</span>");
            }
        }
    }
}

/// The two ends in figures, and a picture of where the rate stands between nothing and all.
fn interval(html: &mut Html, [low, at, high]: [f64; 3]) {
    const WIDTH: f64 = 100.0;
    let place = |share: f64| format!("{:.1}", share.clamp(0.0, 1.0) * WIDTH);
    html.data(&low.to_string(), &figure::share(low)).raw(" – ").data(&high.to_string(), &figure::share(high));
    html.raw(" <svg class=\"interval\" viewBox=\"-2 0 104 10\" aria-hidden=\"true\"><path class=\"all\" d=\"M0 5H100\"/><path class=\"range\"");
    html.attribute("d", &format!("M{} 5H{}", place(low), place(high)));
    html.raw("/><circle r=\"2\" cy=\"5\"").attribute("cx", &place(at)).raw("/></svg>");
}

/// A table in the making.
#[derive(Debug)]
pub(super) struct Listing {
    id: &'static str,
    number: usize,
    caption: String,
    columns: Vec<Column>,
    body: Html,
    rows: usize,
    unfolds: bool,
}

impl Listing {
    /// A table without rows. `id` is its own on the page, or together with a number.
    pub(super) fn new(id: &'static str, caption: &str, columns: Vec<Column>) -> Self {
        Self { id, number: 0, caption: caption.to_owned(), columns, body: Html::default(), rows: 0, unfolds: false }
    }

    /// The same, one of several.
    pub(super) fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// Rows that unfold.
    pub(super) fn unfolding(self) -> Self {
        Self { unfolds: true, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How many rows it has by now.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A row. Its first cell is its header.
    pub(super) fn row(&mut self, cells: &[Cell]) {
        if self.unfolds {
            return self.unfolding_row(cells, &[], &[]);
        }
        self.body.raw("<tr>");
        self.cells(cells);
        self.body.raw("</tr>\n");
        self.rows += 1;
    }

    /// A row that unfolds into terms and what they are. `keys` are what it is chosen by.
    pub(super) fn unfolding_row(&mut self, cells: &[Cell], into: &[(&str, Cell)], keys: &[(&'static str, &str)]) {
        self.unfold(cells, keys, |body| {
            body.raw("<dl>");
            for (term, cell) in into.iter().filter(|(_, cell)| !cell.is_nothing()) {
                body.raw("<div>").element("dt", term).raw("<dd>");
                cell.write(body);
                body.raw("</dd></div>");
            }
            body.raw("</dl>");
        });
    }

    /// A row that unfolds into another table.
    pub(super) fn row_over(&mut self, cells: &[Cell], inner: &Self) {
        self.unfold(cells, &[], |body| inner.write(body));
    }

    fn unfold(&mut self, cells: &[Cell], keys: &[(&'static str, &str)], inner: impl FnOnce(&mut Html)) {
        self.body.raw("<tbody");
        for (name, value) in keys {
            self.body.attribute(name, value);
        }
        self.body.raw("><tr>");
        self.cells(cells);
        self.body.raw("</tr><tr class=\"more\"><td colspan=\"").number(self.columns.len() as i128).raw("\">");
        inner(&mut self.body);
        self.body.raw("</td></tr></tbody>\n");
        self.rows += 1;
    }

    fn cells(&mut self, cells: &[Cell]) {
        assert_eq!(cells.len(), self.columns.len(), "{}: a row has a cell for each column", self.id);
        for (at, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
            let tag = if at == 0 { "th" } else { "td" };
            self.body.raw("<").raw(tag).raw(if at == 0 { " scope=\"row\"" } else { "" }).raw(column.class()).raw(">");
            cell.write(&mut self.body);
            self.body.raw("</").raw(tag).raw(">");
        }
    }

    /// Writes it, in a region of its own that scrolls where it is wider than the screen.
    pub(super) fn write(&self, html: &mut Html) {
        let id = if self.number == 0 { self.id.to_owned() } else { format!("{}-{}", self.id, self.number) };
        let caption = format!("{id}-caption");
        html.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\"").attribute("aria-labelledby", &caption).raw(">");
        html.raw("<table").attribute("id", &id).raw(if self.unfolds { " class=\"unfolds\">" } else { ">" });
        html.raw("<caption").attribute("id", &caption).raw(">").text(&self.caption).raw("</caption><thead><tr>");
        for column in &self.columns {
            html.raw("<th scope=\"col\"").raw(column.class()).raw(if column.sorts { " data-sorts>" } else { ">" });
            html.text(&column.label).raw("</th>");
        }
        html.raw("</tr></thead>").raw(if self.unfolds { "" } else { "<tbody>" }).append(&self.body);
        html.raw(if self.unfolds { "" } else { "</tbody>" }).raw("</table></div>");
    }
}
