//! A column of a row group, encoded: which encoding its values take, and its pages one after another.
//!
//! | values | encoding |
//! |---|---|
//! | words, and numbers that repeat | a dictionary, and codes in runs or packed |
//! | instants and counts that do not | packed differences |
//! | amounts, rates and dates that do not, ratios, flags | as they are |
//! | texts that begin as the one before does | what they do not share with it |
//! | other texts | lengths, and the texts end to end |

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal64Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type,
    UInt32Type,
};
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::{Lexicon, Number, Numbers, Words};
use super::pages::{Bounds, Chunk, Pages};
use super::parts::{Codes, Flags, Identities, Lane, Parts, Utf8, Visits};
use super::texts::{Text, Texts};
use super::{Division, delta, runs};
use crate::money::Amount;
use crate::table::column::{self, RATE_SCALE, Type};
use crate::table::identity::Identity;
use crate::table::sheet::{Picked, published};

/// A column of a sheet, to be encoded.
pub(super) struct Column<'a> {
    column: &'static column::Column,
    stored: ColumnDescPtr,
    values: Values<'a>,
}

/// Where the values are, and as what.
enum Values<'a> {
    Texts(Parts<'a, Utf8<'a>>),
    Identities(Parts<'a, Identities<'a>>),
    NarrowWords(Parts<'a, Codes<'a, u16>>, Lexicon<'a>),
    WideWords(Parts<'a, Codes<'a, i32>>, Lexicon<'a>),
    Numbers(Parts<'a, &'a [i64]>),
    WideNumbers(Parts<'a, &'a [i128]>),
    Counts(Parts<'a, &'a [u32]>),
    Days(Parts<'a, &'a [i32]>),
    Ratios(Parts<'a, &'a [f64]>),
    Flags(Parts<'a, Flags<'a>>),
}

/// The parts of a column in one type, beside those that hold nothing.
pub(super) fn alike(picked: &Picked, kind: Type) -> Cow<'_, [ArrayRef]> {
    let mut types = picked.parts.iter().map(Array::data_type).filter(|of| **of != DataType::Null);
    let first = types.next();
    let is_known = match (kind, first) {
        (_, None)
        | (Type::Text, Some(DataType::FixedSizeBinary(16)))
        | (Type::Amount, Some(DataType::Decimal64(_, 8)))
        | (Type::Rate, Some(DataType::Decimal64(_, RATE_SCALE)))
        | (Type::Count, Some(DataType::UInt32)) => true,
        (Type::Word, Some(DataType::Dictionary(codes, _))) => **codes == DataType::UInt16 || **codes == DataType::Int32,
        (_, Some(other)) => *other == kind.published(),
    };
    if is_known && types.all(|other| Some(other) == first) {
        return Cow::Borrowed(&picked.parts);
    }
    let is_nothing = |part: &ArrayRef| *part.data_type() == DataType::Null;
    let one_type = |part: &ArrayRef| if is_nothing(part) { ArrayRef::clone(part) } else { published(part, &kind.in_memory()) };
    picked.parts.iter().map(one_type).collect()
}

impl<'a> Column<'a> {
    /// The column `picked`, whose parts are `parts`, all alike.
    pub(super) fn new(column: &'static column::Column, stored: ColumnDescPtr, picked: &'a Picked, parts: &'a [ArrayRef]) -> Self {
        let of = parts.iter().map(Array::data_type).find(|of| **of != DataType::Null);
        let values = match (column.kind, of) {
            (Type::Text, Some(DataType::FixedSizeBinary(_))) => Values::Identities(Parts::new(picked, parts, |part| {
                Identities(part.as_fixed_size_binary().value_data().as_chunks().0)
            })),
            (Type::Text, _) => Values::Texts(Parts::new(picked, parts, |part| {
                let texts = part.as_string::<i32>();
                Utf8 { offsets: texts.value_offsets(), bytes: texts.value_data() }
            })),
            (Type::Word, Some(DataType::Dictionary(codes, _))) if **codes == DataType::Int32 => {
                let mut lexicon = Entries::default();
                let parts = Parts::new(picked, parts, |part| {
                    let part = part.as_dictionary::<Int32Type>();
                    Codes { codes: part.keys().values(), first: lexicon.first(part.values()) }
                });
                Values::WideWords(parts, lexicon.lexicon)
            }
            (Type::Word, _) => {
                let mut lexicon = Entries::default();
                let parts = Parts::new(picked, parts, |part| {
                    let part = part.as_dictionary::<UInt16Type>();
                    Codes { codes: part.keys().values(), first: lexicon.first(part.values()) }
                });
                Values::NarrowWords(parts, lexicon.lexicon)
            }
            (Type::Amount | Type::Rate, Some(DataType::Decimal128(..))) => {
                Values::WideNumbers(Parts::new(picked, parts, |part| &part.as_primitive::<Decimal128Type>().values()[..]))
            }
            (Type::Amount | Type::Rate, _) => {
                Values::Numbers(Parts::new(picked, parts, |part| &part.as_primitive::<Decimal64Type>().values()[..]))
            }
            (Type::Instant, _) => {
                Values::Numbers(Parts::new(picked, parts, |part| &part.as_primitive::<TimestampMicrosecondType>().values()[..]))
            }
            (Type::Count, Some(DataType::UInt32)) => {
                Values::Counts(Parts::new(picked, parts, |part| &part.as_primitive::<UInt32Type>().values()[..]))
            }
            (Type::Count, _) => Values::Numbers(Parts::new(picked, parts, |part| &part.as_primitive::<Int64Type>().values()[..])),
            (Type::Date, _) => Values::Days(Parts::new(picked, parts, |part| &part.as_primitive::<Date32Type>().values()[..])),
            (Type::Ratio, _) => {
                Values::Ratios(Parts::new(picked, parts, |part| &part.as_primitive::<Float64Type>().values()[..]))
            }
            (Type::Flag, _) => Values::Flags(Parts::new(picked, parts, |part| {
                let flags = part.as_boolean().values();
                Flags { bits: flags.values(), offset: flags.offset() }
            })),
        };
        Self { column, stored, values }
    }

    /// The rows `rows`, encoded; and the sum of their amounts.
    pub(super) fn encode(&self, rows: Range<usize>, division: Division, visits: Option<&Visits>) -> Result<(Chunk, i128)> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut making = Making {
                column: self,
                rows,
                division,
                visits,
                pages: Pages::new(self.stored.clone()),
                sum: 0,
                begins_alike: None,
                scratch,
            };
            let dictionary = match &self.values {
                Values::Texts(parts) => making.texts(parts)?,
                Values::Identities(parts) => making.identities(parts)?,
                Values::NarrowWords(parts, lexicon) => making.words(parts, lexicon)?,
                Values::WideWords(parts, lexicon) => making.words(parts, lexicon)?,
                Values::Numbers(parts) => making.numbers::<_, i64>(parts)?,
                Values::WideNumbers(parts) => making.numbers::<_, i128>(parts)?,
                Values::Counts(parts) => making.numbers::<_, i64>(parts)?,
                Values::Days(parts) => making.numbers::<_, i64>(parts)?,
                Values::Ratios(parts) => making.ratios(parts)?,
                Values::Flags(parts) => making.flags(parts)?,
            };
            let body = &making.scratch.body[..];
            let chunk = making.pages.finish(dictionary.map(|count| (body, count)))?;
            Ok((chunk, making.sum))
        })
    }
}

/// The lexicon of a column, made dictionary after dictionary.
#[derive(Default)]
struct Entries<'a> {
    lexicon: Lexicon<'a>,
    last: Option<(&'a ArrayRef, u32)>,
}

impl<'a> Entries<'a> {
    /// The place of the first entry of a dictionary. Neighbours often share theirs.
    fn first(&mut self, values: &'a ArrayRef) -> u32 {
        match self.last {
            Some((last, first)) if std::sync::Arc::ptr_eq(last, values) => first,
            _ => {
                assert_eq!(values.null_count(), 0, "a dictionary holds words");
                let first = u32::try_from(self.lexicon.len()).expect("dictionaries have less than 2^32 entries");
                values.as_string::<i32>().iter().flatten().for_each(|word| self.lexicon.add(word));
                self.last = Some((values, first));
                first
            }
        }
    }
}

/// Room that every column a thread encodes uses again.
#[derive(Default)]
struct Scratch {
    /// The page before compression; at the end, the dictionary.
    body: Vec<u8>,
    held: Vec<bool>,
    codes: Vec<u32>,
    texts: Texts,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A chunk in the making. Each kind of values returns how many the dictionary holds, if there is one.
struct Making<'m, 'a> {
    column: &'m Column<'a>,
    rows: Range<usize>,
    division: Division,
    visits: Option<&'m Visits>,
    pages: Pages,
    sum: i128,
    /// Whether texts begin as the one before does, once one page was seen.
    begins_alike: Option<bool>,
    scratch: &'m mut Scratch,
}

impl<'a> Making<'_, 'a> {
    fn texts(&mut self, parts: &Parts<'a, Utf8<'a>>) -> Result<Option<usize>> {
        for page in self.page_rows() {
            parts.gather_texts(&page, self.visits, &mut self.scratch.texts, &mut self.scratch.held);
            self.text_page(page.len())?;
        }
        Ok(None)
    }

    fn identities(&mut self, parts: &Parts<'a, Identities<'a>>) -> Result<Option<usize>> {
        let mut numbers: Vec<u128> = Vec::new();
        for page in self.page_rows() {
            parts.gather(&page, self.visits, &mut numbers, &mut self.scratch.held);
            self.scratch.texts.set(numbers.iter().map(|&number| Identity::from_number(number).digits()));
            self.text_page(page.len())?;
        }
        Ok(None)
    }

    /// Adds a page of the texts in the scratch.
    fn text_page(&mut self, rows: usize) -> Result<()> {
        let count = self.scratch.texts.len();
        self.begin(rows, count);
        let Scratch { body, texts, .. } = &mut *self.scratch;
        if self.begins_alike != Some(false) {
            let shared = texts.share();
            if count > 0 {
                self.begins_alike.get_or_insert(shared >= 2 * count);
            }
        }
        let begins_alike = self.begins_alike == Some(true);
        let encoding = if begins_alike {
            texts.encode_ends(body);
            Encoding::DELTA_BYTE_ARRAY
        } else {
            texts.encode(body);
            Encoding::DELTA_LENGTH_BYTE_ARRAY
        };
        self.pages.add(body, encoding, rows, rows - count, texts.bounds(begins_alike))
    }

    fn words<L: Lane<Value = u32>>(&mut self, parts: &Parts<'a, L>, lexicon: &Lexicon<'a>) -> Result<Option<usize>> {
        let mut dictionary = Words::new(lexicon);
        let most = self.division.dictionary;
        let mut entries: Vec<u32> = Vec::new();
        let is_constant = parts.is_full() && lexicon.only().is_some();
        for page in self.page_rows() {
            if is_constant {
                self.scratch.held.clear();
                entries.clear();
                entries.resize(page.len(), 0);
            } else {
                parts.gather(&page, self.visits, &mut entries, &mut self.scratch.held);
            }
            if dictionary.words().len() <= most {
                dictionary.encode(&entries, &mut self.scratch.codes);
            }
            if dictionary.words().len() <= most {
                let bounds = dictionary.bounds().map(|(least, greatest)| (least.to_vec(), greatest.to_vec()));
                self.code_page(page.len(), entries.len(), dictionary.words().len(), bounds)?;
            } else {
                let texts = &mut self.scratch.texts;
                texts.begin(entries.len());
                for (number, &entry) in entries.iter().enumerate() {
                    let text = lexicon.text(entry);
                    texts.put(number, Text::new(text, text.len()));
                }
                self.text_page(page.len())?;
            }
        }
        self.scratch.body.clear();
        for word in dictionary.words() {
            let length = u32::try_from(word.len()).expect("a word has less than 2^32 bytes");
            self.scratch.body.extend_from_slice(&length.to_le_bytes());
            self.scratch.body.extend_from_slice(word);
        }
        Ok(Some(dictionary.words().len()))
    }

    fn numbers<L: Lane, N: Number + From<L::Value>>(&mut self, parts: &Parts<'a, L>) -> Result<Option<usize>> {
        let stored = Stored::of(self.column.column.kind);
        let mut numbers: Vec<N> = Vec::new();
        let mut dictionary = Numbers::<N>::new(self.rows.len());
        let (mut repeats, mut is_used) = (false, false);
        for page in self.page_rows() {
            parts.gather(&page, self.visits, &mut numbers, &mut self.scratch.held);
            if self.column.column.kind == Type::Amount {
                self.sum += numbers.iter().map(|number| number.wide()).sum::<i128>();
            }
            let is_first = page.start == self.rows.start;
            if is_first || repeats {
                let looked_at = if is_first { numbers.len().min(stored.looked_at) } else { numbers.len() };
                dictionary.encode(&numbers[..looked_at], &mut self.scratch.codes);
                if is_first {
                    is_used = dictionary.values().len() <= looked_at / 4 * stored.quarters + 3;
                    repeats = is_used;
                }
                if repeats && looked_at < numbers.len() {
                    dictionary.encode(&numbers, &mut self.scratch.codes);
                }
                repeats &= dictionary.values().len() <= self.division.dictionary;
            }
            let bounds = number_bounds(&numbers, stored);
            if repeats {
                self.code_page(page.len(), numbers.len(), dictionary.values().len(), bounds)?;
                continue;
            }
            self.begin(page.len(), numbers.len());
            let body = &mut self.scratch.body;
            let encoding = if stored.differs {
                delta::encode(&numbers, narrow, body);
                Encoding::DELTA_BINARY_PACKED
            } else {
                for &number in &numbers {
                    stored.append(number, body);
                }
                Encoding::PLAIN
            };
            self.pages.add(body, encoding, page.len(), page.len() - numbers.len(), bounds)?;
        }
        if !is_used {
            return Ok(None);
        }
        self.scratch.body.clear();
        dictionary.values().iter().for_each(|&number| stored.append(number, &mut self.scratch.body));
        Ok(Some(dictionary.values().len()))
    }

    fn ratios(&mut self, parts: &Parts<'a, &'a [f64]>) -> Result<Option<usize>> {
        let mut ratios: Vec<f64> = Vec::new();
        for page in self.page_rows() {
            parts.gather(&page, self.visits, &mut ratios, &mut self.scratch.held);
            self.begin(page.len(), ratios.len());
            self.scratch.body.extend(ratios.iter().flat_map(|ratio| ratio.to_le_bytes()));
            let least = ratios.iter().copied().fold(f64::NAN, f64::min);
            let greatest = ratios.iter().copied().fold(f64::NAN, f64::max);
            // Zero has two signs: a bound is on the outer side of both.
            let least = if least == 0.0 { -0.0 } else { least };
            let greatest = if greatest == 0.0 { 0.0 } else { greatest };
            let bounds = (!least.is_nan()).then(|| (least.to_le_bytes().to_vec(), greatest.to_le_bytes().to_vec()));
            self.pages.add(&self.scratch.body, Encoding::PLAIN, page.len(), page.len() - ratios.len(), bounds)?;
        }
        Ok(None)
    }

    fn flags(&mut self, parts: &Parts<'a, Flags<'a>>) -> Result<Option<usize>> {
        let mut flags: Vec<bool> = Vec::new();
        for page in self.page_rows() {
            parts.gather(&page, self.visits, &mut flags, &mut self.scratch.held);
            self.begin(page.len(), flags.len());
            let byte = |flags: &[bool]| flags.iter().rev().fold(0, |byte, &flag| byte << 1 | u8::from(flag));
            self.scratch.body.extend(flags.chunks(8).map(byte));
            let bounds = flags.iter().min().zip(flags.iter().max());
            let bounds = bounds.map(|(&least, &greatest)| (vec![u8::from(least)], vec![u8::from(greatest)]));
            self.pages.add(&self.scratch.body, Encoding::PLAIN, page.len(), page.len() - flags.len(), bounds)?;
        }
        Ok(None)
    }

    fn page_rows(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, page) = (self.rows.clone(), self.division.page);
        rows.clone().step_by(page).map(move |start| start..rows.end.min(start + page))
    }

    /// Begins the body of a page with which of its rows hold one of its `count` values.
    fn begin(&mut self, rows: usize, count: usize) {
        let Scratch { body, held, .. } = &mut *self.scratch;
        body.clear();
        let column = self.column.column;
        if !column.nullable {
            assert_eq!(count, rows, "column {} is never empty", column.name);
            return;
        }
        body.extend_from_slice(&[0; 4]);
        if held.is_empty() {
            runs::run(u32::from(count > 0), rows, 1, body);
        } else {
            runs::encode(held, 1, body);
        }
        let size = u32::try_from(body.len() - 4).expect("levels of a page are few bytes");
        body[..4].copy_from_slice(&size.to_le_bytes());
    }

    /// Adds the page of the codes in the scratch, out of a dictionary that has come to `different` values.
    fn code_page(&mut self, rows: usize, count: usize, different: usize, bounds: Option<Bounds>) -> Result<()> {
        self.begin(rows, count);
        let Scratch { body, codes, .. } = &mut *self.scratch;
        let width = runs::width_of(different.saturating_sub(1));
        body.extend_from_slice(&width.to_le_bytes()[..1]);
        runs::encode(codes, width, body);
        self.pages.add(body, Encoding::RLE_DICTIONARY, rows, rows - count, bounds)
    }
}

/// How numbers of a kind are in the file.
#[derive(Clone, Copy)]
struct Stored {
    /// Their bytes: at the end of sixteen with the most significant first, or at the beginning of eight with it last.
    bytes: usize,
    is_decimal: bool,
    /// How many numbers of a chunk's first page are looked at, and how many quarters of them may be different, for a
    /// dictionary to pay.
    looked_at: usize,
    quarters: usize,
    /// Whether they are told as differences where they do not repeat.
    differs: bool,
}

impl Stored {
    fn of(kind: Type) -> Self {
        match kind {
            Type::Amount | Type::Rate => Self { bytes: 11, is_decimal: true, looked_at: usize::MAX, quarters: 3, differs: false },
            Type::Date => Self { bytes: 4, is_decimal: false, looked_at: usize::MAX, quarters: 3, differs: false },
            Type::Count => Self { bytes: 8, is_decimal: false, looked_at: 4096, quarters: 1, differs: true },
            _ => Self { bytes: 8, is_decimal: false, looked_at: usize::MAX, quarters: 3, differs: true },
        }
    }

    #[inline]
    fn append<N: Number>(self, number: N, out: &mut Vec<u8>) {
        if self.is_decimal {
            out.extend_from_slice(&number.wide().to_be_bytes()[16 - self.bytes..]);
        } else {
            out.extend_from_slice(&narrow(number).to_le_bytes()[..self.bytes]);
        }
    }
}

fn narrow<N: Number>(number: N) -> i64 {
    number.narrow().expect("only amounts and rates are wider")
}

fn number_bounds<N: Number>(numbers: &[N], stored: Stored) -> Option<Bounds> {
    let first = *numbers.first()?;
    let (least, greatest) =
        numbers.iter().fold((first, first), |(least, greatest), &number| (least.min(number), greatest.max(number)));
    // The file has room for more digits than the type it states: what does not fit the type must not get there.
    let fits = |number: N| !stored.is_decimal || Amount(number.wide()).fits();
    assert!(fits(least) && fits(greatest), "an amount has no more digits than it is published with");
    let bytes = |number| {
        let mut bytes = Vec::new();
        stored.append(number, &mut bytes);
        bytes
    };
    Some((bytes(least), bytes(greatest)))
}
