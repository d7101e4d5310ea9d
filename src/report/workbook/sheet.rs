//! Sheets in the making: cells of few kinds, each written so that a spreadsheet takes it for nothing else.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use rust_xlsxwriter::{Color, DataValidation, DataValidationRule, Format, FormatAlign, FormatBorder, Worksheet, XlsxError};

use super::rows::{Made, Rows};
use crate::job::comments::{MOST_LETTERS, turns};
use crate::mask::{card_numbers, holds_card_number};
use crate::money::{Amount, SCALE, minor_digits};
use crate::table::column::RATE_SCALE;

/// Rows below the header that a sheet holds.
pub(super) const ROWS: usize = 1_048_575;
/// Letters a cell holds, less what says that some are missing.
const LETTERS: usize = 32_000;
/// Digits of a number that a spreadsheet keeps exactly.
const DIGITS: u32 = 15;

/// Paper, as spreadsheets number it.
const A4: u8 = 9;
/// Twice that, for what is wide.
const A3: u8 = 8;
/// Letters of a line that A4 shows well enough.
const WIDE: u16 = 200;
/// How high a line of text is.
pub(super) const LINE: u16 = 15;
/// Lines of a cell that are shown at most.
const LINES: u16 = 20;

const HEADER_GROUND: Color = Color::RGB(0x001F_3A5F);
const COMMENT_GROUND: Color = Color::RGB(0x00FF_F8D6);
const INEXACT_GROUND: Color = Color::RGB(0x00FC_E0C2);
const RULE: Color = Color::RGB(0x00D5_DAE1);
const WRONG: Color = Color::RGB(0x00B3_1B1B);
const QUIET: Color = Color::RGB(0x005B_6573);

/// What stands in a cell.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Nothing, as the tables leave it empty.
    Nothing,
    /// Words or text as it came, wrapped.
    Text(String),
    /// An identifier: text, in one line.
    Id(String),
    /// An amount in a currency.
    Money(Amount, String),
    Count(i64),
    /// A rate of twelve decimals, shown in per cent.
    Rate(i128),
    Date(NaiveDate),
    /// A date and time of the job's time zone.
    Moment(NaiveDateTime),
    /// Whether two figures tie, in words.
    Ties(bool, String),
    /// Where a person types.
    Comment(String),
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        if text.is_empty() { Self::Nothing } else { Self::Text(text.to_owned()) }
    }

    pub(super) fn id(text: &str) -> Self {
        if text.is_empty() { Self::Nothing } else { Self::Id(text.to_owned()) }
    }

    pub(super) fn money(amount: Option<Amount>, currency: &str) -> Self {
        amount.map_or(Self::Nothing, |amount| Self::Money(amount, currency.to_owned()))
    }

    pub(super) fn date(date: Option<NaiveDate>) -> Self {
        date.map_or(Self::Nothing, Self::Date)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Money(..) | Self::Count(_) | Self::Rate(_))
    }

    /// Lines that a cell takes which shows so many letters in one.
    pub(super) fn lines(&self, width: u16) -> u16 {
        let (Self::Text(text) | Self::Comment(text)) = self else { return 1 };
        let wide = |letter: char| if u32::from(letter) < 0x2e80 { 1 } else { 2 };
        // A column is as wide as so many digits, and most letters are narrower.
        let room = usize::from((width + width / 10).max(1));
        let lines: usize = text.lines().map(|line| line.chars().map(wide).sum::<usize>().div_ceil(room).max(1)).sum();
        // Lines break between words, so that many lines take one more.
        u16::try_from(lines + lines / 4).unwrap_or(LINES).clamp(1, LINES)
    }

    pub(super) fn count_of(count: impl TryInto<i64>) -> Self {
        Self::Count(count.try_into().unwrap_or(i64::MAX))
    }
}

/// What a cell holds as a spreadsheet takes it.
pub(super) enum Held<'c> {
    Nothing,
    Text(Cow<'c, str>),
    /// Digits, perhaps with a sign and a point.
    Number(String),
}

/// How a cell looks: its place in [`Formats::cells`].
pub(super) type Look = usize;

const TEXT: Look = 0;
const ID: Look = 1;
const COUNT: Look = 2;
const RATE: Look = 3;
const DATE: Look = 4;
const MOMENT: Look = 5;
const PLAIN: Look = 6;
const NOT_TIES: Look = 7;
const COMMENT: Look = 8;
const INEXACT: Look = 9;
/// The first of money, which goes by decimals.
const MONEY: Look = 10;

/// How many looks there are.
pub(super) const LOOKS: usize = MONEY + SCALE as usize + 1;

impl Cell {
    /// What it holds, and how that looks.
    pub(super) fn held(&self) -> (Look, Held<'_>) {
        // Whatever text says, it is held as text: never as a formula or a link.
        let text = |look, text| (look, Held::Text(fit(text)));
        let number = |look, digits| (look, Held::Number(digits));
        match self {
            Self::Nothing => (PLAIN, Held::Nothing),
            Self::Text(said) => text(TEXT, said),
            Self::Id(said) => text(ID, said),
            Self::Ties(true, said) => text(PLAIN, said),
            Self::Ties(false, said) => text(NOT_TIES, said),
            Self::Comment(said) => text(COMMENT, said),
            Self::Money(amount, currency) if digits(amount.0) > DIGITS => {
                (INEXACT, Held::Text(Cow::Owned(amount.in_currency(currency))))
            }
            Self::Money(amount, currency) => number(MONEY + decimals(*amount, currency), decimal(amount.0, SCALE)),
            Self::Count(count) if digits(i128::from(*count)) > DIGITS => (INEXACT, Held::Text(Cow::Owned(count.to_string()))),
            Self::Count(count) => number(COUNT, count.to_string()),
            Self::Rate(rate) => number(RATE, decimal(*rate, RATE_SCALE.unsigned_abs().into())),
            Self::Date(date) => number(DATE, date.signed_duration_since(EPOCH).num_days().to_string()),
            Self::Moment(moment) => {
                let seconds = moment.signed_duration_since(EPOCH.and_hms_opt(0, 0, 0).expect("midnight is a time")).num_seconds();
                let days = number_of(&seconds.to_string()) / f64::from(24 * 60 * 60);
                number(MOMENT, days.to_string())
            }
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    label: String,
    width: u16,
    is_number: bool,
}

impl Column {
    /// Of text and dates. `width` is in letters.
    pub(super) fn text(label: impl Into<String>, width: u16) -> Self {
        Self { label: label.into(), width, is_number: false }
    }

    /// Of amounts, counts and rates, whose heading stands to the right as they do.
    pub(super) fn number(label: impl Into<String>, width: u16) -> Self {
        Self { label: label.into(), width, is_number: true }
    }
}

/// How cells look.
pub(super) struct Formats {
    title: Format,
    heading: Format,
    note: Format,
    label: Format,
    fact: Format,
    header: Format,
    header_of_numbers: Format,
    sign_here: Format,
    /// Of the cells of tables, by their [`Look`].
    cells: [Format; LOOKS],
}

impl Formats {
    pub(super) fn new() -> Self {
        let top = || Format::new().set_align(FormatAlign::Top);
        let header = Format::new()
            .set_bold()
            .set_font_color(Color::White)
            .set_background_color(HEADER_GROUND)
            .set_align(FormatAlign::VerticalCenter)
            .set_text_wrap();
        let ruled = || top().set_border_bottom(FormatBorder::Hair).set_border_bottom_color(RULE);
        let left = || ruled().set_align(FormatAlign::Left).set_indent(1);
        let number = |format: &str| ruled().set_num_format(format).set_align(FormatAlign::Right);
        let strong = Format::new().set_bold();
        Self {
            title: strong.clone().set_font_size(15).set_font_color(HEADER_GROUND),
            heading: strong.set_font_size(12).set_font_color(HEADER_GROUND),
            note: top().set_font_color(QUIET),
            label: top().set_bold(),
            fact: top().set_align(FormatAlign::Left).set_indent(1),
            header_of_numbers: header.clone().set_align(FormatAlign::Right),
            header: header.set_align(FormatAlign::Left).set_indent(1),
            sign_here: Format::new().set_border_bottom(FormatBorder::Thin),
            cells: std::array::from_fn(|look| match look {
                TEXT => left().set_text_wrap(),
                ID => left().set_num_format("@"),
                COUNT => number("#,##0"),
                RATE => number("0.0000%"),
                DATE => left().set_num_format("yyyy-mm-dd"),
                MOMENT => left().set_num_format("yyyy-mm-dd hh:mm:ss"),
                PLAIN => left(),
                NOT_TIES => left().set_bold().set_font_color(WRONG),
                COMMENT => left().set_num_format("@").set_text_wrap().set_background_color(COMMENT_GROUND).set_unlocked(),
                INEXACT => number("@").set_background_color(INEXACT_GROUND),
                money => {
                    let decimals = money - MONEY;
                    let digits = if decimals == 0 { String::new() } else { format!(".{}", "0".repeat(decimals)) };
                    number(&format!("#,##0{digits};[Red]-#,##0{digits}"))
                }
            }),
        }
    }
}

/// What every sheet of a book says at its foot, and how it looks.
pub(super) struct Style<'b> {
    pub(super) formats: &'b Formats,
    pub(super) footer: &'b str,
    /// What the column is called in which a person types.
    pub(super) comment: &'b str,
}

/// A sheet, written from the top down.
pub(super) struct Sheet<'b> {
    worksheet: Worksheet,
    style: &'b Style<'b>,
    row: u32,
    /// Letters that a column shows in one line.
    widths: Vec<u16>,
}

impl<'b> Sheet<'b> {
    pub(super) fn new(name: &str, style: &'b Style<'b>) -> Self {
        let mut worksheet = Worksheet::new();
        ours(worksheet.set_name(name));
        worksheet.set_landscape().set_paper_size(A4).set_print_fit_to_pages(1, 0).set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3);
        // An ampersand begins a code of the footer.
        let of = style.footer.replace('&', "&&");
        worksheet.set_footer(format!("&L&8{}&C&8{}&R&8&P / &N", short(&of, 120), name.replace('&', "&&")));
        worksheet.set_screen_gridlines(false);
        Self { worksheet, style, row: 0, widths: Vec::new() }
    }

    /// Sets the widths of the columns from the first on, in letters.
    pub(super) fn widths(&mut self, widths: &[u16]) {
        for (at, width) in (0_u16..).zip(widths) {
            ours(self.worksheet.set_column_width(at, f64::from(*width)));
        }
        self.widths = widths.to_vec();
    }

    pub(super) fn title(&mut self, text: &str) {
        let text = fit(text);
        ours(self.worksheet.write_string_with_format(self.row, 0, text, &self.style.formats.title));
        ours(self.worksheet.set_row_height(self.row, 24));
        self.row += 1;
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.row += 1;
        ours(self.worksheet.write_string_with_format(self.row, 0, fit(text), &self.style.formats.heading));
        self.row += 1;
    }

    /// A sentence across the sheet.
    pub(super) fn note(&mut self, text: &str) {
        ours(self.worksheet.write_string_with_format(self.row, 0, fit(text), &self.style.formats.note));
        self.row += 1;
    }

    /// What something is called, and what it is.
    pub(super) fn fact(&mut self, label: &str, value: &Cell) {
        ours(self.worksheet.write_string_with_format(self.row, 0, fit(label), &self.style.formats.label));
        match value {
            Cell::Text(text) => {
                // Across the columns beside it, where a cell of a table is wrapped.
                ours(self.worksheet.write_string_with_format(self.row, 1, fit(text), &self.style.formats.fact));
            }
            value => self.cell(self.row, 1, value),
        }
        self.row += 1;
    }

    /// A line to sign on: who signs, and room for name, date and remark.
    pub(super) fn sign_here(&mut self, label: &str) {
        let formats = self.style.formats;
        ours(self.worksheet.write_string_with_format(self.row, 0, fit(label), &formats.label));
        ours(self.worksheet.set_row_height(self.row, 26));
        for column in 1..=3 {
            ours(self.worksheet.write_blank(self.row, column, &formats.sign_here));
        }
        self.row += 1;
    }

    /// A table under what is there already.
    pub(super) fn table(&mut self, labels: &[String], rows: impl IntoIterator<Item = Vec<Cell>>) {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        self.under(&labels, rows);
    }

    /// Rows under their headings, which stand to the right where numbers do.
    fn under(&mut self, labels: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        let header = self.row;
        self.row += 1;
        let mut numbers = vec![false; labels.len()];
        for row in rows {
            assert_eq!(row.len(), labels.len(), "a row has a cell for each column");
            numbers.iter_mut().zip(&row).for_each(|(number, cell)| *number |= cell.is_number());
            self.cells(&row);
        }
        self.headings(header, labels.iter().copied().zip(numbers));
    }

    /// Headings in a row, each with whether numbers stand under it.
    fn headings<'c>(&mut self, row: u32, labels: impl Iterator<Item = (&'c str, bool)>) {
        for (at, (label, number)) in (0_u16..).zip(labels) {
            let formats = self.style.formats;
            let format = if number { &formats.header_of_numbers } else { &formats.header };
            ours(self.worksheet.write_string_with_format(row, at, fit(label), format));
        }
        ours(self.worksheet.set_row_height(row, 32));
    }

    fn cells(&mut self, cells: &[Cell]) {
        for (at, cell) in (0_u16..).zip(cells) {
            self.cell(self.row, at, cell);
        }
        // Not every program makes a row as high as what is in it.
        let lines = cells.iter().zip(&self.widths).map(|(cell, width)| cell.lines(*width)).max().unwrap_or(1);
        if lines > 1 {
            ours(self.worksheet.set_row_height(self.row, f64::from(LINE * lines)));
        }
        self.row += 1;
    }

    fn cell(&mut self, row: u32, column: u16, cell: &Cell) {
        let (look, held) = cell.held();
        let (sheet, format) = (&mut self.worksheet, &self.style.formats.cells[look]);
        match held {
            Held::Nothing => ours(sheet.write_blank(row, column, format)),
            Held::Text(text) => ours(sheet.write_string_with_format(row, column, text, format)),
            Held::Number(digits) => ours(sheet.write_number_with_format(row, column, number_of(&digits), format)),
        }
    }

    pub(super) fn into_worksheet(self) -> Worksheet {
        self.worksheet
    }
}

/// The day before the first that spreadsheets count, as they count one that never was.
const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day of the calendar");

/// A table that is a sheet by itself, or several where it has more rows than one holds: `most` a sheet. Its header stays in
/// sight, is printed on every page, and filters. `of` makes the cells of each of `rows` rows, once they are written.
pub(super) fn listing<'b>(
    name: &str,
    style: &Style,
    columns: &[Column],
    printed: usize,
    rows: usize,
    of: impl Fn(usize) -> Vec<Cell> + Send + Sync + 'b,
    most: usize,
) -> Vec<Made<'b>> {
    let of: Arc<dyn Fn(usize) -> Vec<Cell> + Send + Sync + 'b> = Arc::new(of);
    let widths: Vec<u16> = columns.iter().map(|column| column.width).collect();
    let numbers: Vec<bool> = columns.iter().map(|column| column.is_number).collect();
    let sheets = rows.div_ceil(most).max(1);
    let sheet = |at: usize| {
        let here = at * most..rows.min((at + 1) * most);
        let name = if at == 0 { name.to_owned() } else { format!("{name} {}", at + 1) };
        let mut sheet = Sheet::new(&name, style);
        sheet.widths(&widths);
        sheet.headings(0, columns.iter().map(|column| (column.label.as_str(), column.is_number)));
        if !here.is_empty() {
            sheet.looks();
        }
        let worksheet = sheet.listed(columns, printed, here.len());
        Made {
            worksheet,
            rows: Rows { widths: widths.clone(), numbers: numbers.clone(), here, of: Arc::clone(&of) }.unless_empty(),
        }
    };
    (0..sheets).map(sheet).collect()
}

impl Sheet<'_> {
    /// A cell of each look, one below the other under the header: where the rows of a listing find the number that the
    /// writer gives each, and which they take the place of.
    fn looks(&mut self) {
        for (row, format) in (1..).zip(&self.style.formats.cells) {
            ours(self.worksheet.write_blank(row, 0, format));
        }
    }

    /// The sheet, with what makes its one table of `rows` rows handy.
    fn listed(self, columns: &[Column], printed: usize, rows: usize) -> Worksheet {
        let comment = columns.iter().position(|column| column.label == self.style.comment);
        let mut sheet = self.worksheet;
        if columns.iter().take(printed).map(|column| column.width).sum::<u16>() > WIDE {
            sheet.set_paper_size(A3);
        }
        let place = |at: usize| u16::try_from(at).expect("a sheet has few columns");
        let last_row = u32::try_from(rows).expect("a sheet has fewer rows than 2^32");
        let last_column = place(columns.len() - 1);
        ours(sheet.autofilter(0, 0, last_row, last_column));
        ours(sheet.set_freeze_panes(1, 1));
        ours(sheet.set_repeat_rows(0, 0));
        ours(sheet.set_print_area(0, 0, last_row, place(printed.min(columns.len()) - 1)));
        if let (Some(at), true) = (comment, rows > 0) {
            let most = u32::try_from(MOST_LETTERS).expect("few letters");
            let short = DataValidation::new().allow_text_length(DataValidationRule::LessThanOrEqualTo(most));
            ours(sheet.add_data_validation(1, place(at), last_row, place(at), &short));
        }
        sheet
    }
}

/// Text as a cell may hold it: without card numbers, without letters that XML forbids or that turn the direction of what
/// comes after, and no longer than a cell.
pub(super) fn fit(text: &str) -> Cow<'_, str> {
    // Nearly all of them are so short and plain that nothing is to be done.
    let is_plain = |letter: &u8| matches!(letter, b' '..=b'~' | b'\n' | b'\t');
    if text.len() <= LETTERS && text.as_bytes().iter().all(is_plain) && !holds_card_number(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let shown = card_numbers(text).replace("\r\n", "\n");
    let shown = shown.chars().map(|letter| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() || turns(letter) => '\u{fffd}',
        letter => letter,
    });
    Cow::Owned(short(&shown.collect::<String>(), LETTERS))
}

/// At most so many letters, counted as a spreadsheet counts them.
fn short(text: &str, most: usize) -> String {
    let mut length = 0;
    let end = text.char_indices().find(|(_, letter)| {
        length += letter.len_utf16();
        length > most
    });
    end.map_or_else(|| text.to_owned(), |(end, _)| format!("{}…", &text[..end]))
}

/// Digits that a whole number of units needs, without the zeros at its end.
fn digits(mut units: i128) -> u32 {
    while units != 0 && units % 10 == 0 {
        units /= 10;
    }
    units.unsigned_abs().checked_ilog10().map_or(0, |digits| digits + 1)
}

/// Decimals an amount is shown with: those of its currency, or more where it has more.
fn decimals(amount: Amount, currency: &str) -> usize {
    let least = minor_digits(currency).min(SCALE);
    let decimals = (least..SCALE).find(|decimals| amount.fits_decimals(*decimals)).unwrap_or(SCALE);
    usize::try_from(decimals).expect("few decimals")
}

/// Units of which `scale` digits are decimals, without the zeros at its end.
fn decimal(units: i128, scale: u32) -> String {
    let (sign, one) = (if units < 0 { "-" } else { "" }, 10_u128.pow(scale));
    let (whole, rest) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = scale as usize).trim_end_matches('0').to_owned()
}

/// The number that the digits say. One of [`DIGITS`] is what they say, and shown as they are.
fn number_of(digits: &str) -> f64 {
    digits.parse().expect("digits are a number")
}

/// What the writer refuses is our mistake: a cell beside the sheet, a name it may not have.
fn ours<T>(written: Result<T, XlsxError>) {
    if let Err(error) = written {
        panic!("a workbook cannot be written: {error}");
    }
}
