//! The pages of a column chunk: headers, compression, and what the file's indexes say of them.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::io::{self, Read, Write};

use object_store::PutPayload;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type as Stored, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::runs::zigzag;

/// Level 1: on a million generated entries level 3 was no faster, and its file 8 % larger.
const ZSTD_LEVEL: i32 = 1;
/// A table of 16 KiB, which stays in the cache nearest to the core: a tenth less time, for the same size.
const ZSTD_HASH_LOG: u32 = 12;
/// Most bytes of the header of a page.
const HEADER: usize = 64;
/// Bytes of a text that indexes and statistics state.
const STATED: usize = 64;

/// The codec of every page.
pub(super) fn compression() -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).expect("a level of zstd"))
}

/// The least and the greatest value of a page, as statistics state values.
pub(super) type Bounds = (Vec<u8>, Vec<u8>);

/// An encoded column of a row group.
pub(super) struct Chunk {
    /// Its pages, the dictionary first, each with its header.
    pages: Vec<Vec<u8>>,
    close: ColumnCloseResult,
    bounds: Option<Bounds>,
    is_ordered: bool,
}

impl Chunk {
    /// Whether no page has a value below one of the page before, nor the first page with values one below `before`.
    pub(super) fn is_ordered_after(&self, before: Option<&[u8]>) -> bool {
        let column = self.close.metadata.column_descr_ptr();
        let follows = |(least, _): &Bounds| before.is_none_or(|before| compare(&column, before, least).is_le());
        self.is_ordered && self.bounds.as_ref().is_none_or(follows)
    }

    /// Its greatest value, if rows have one.
    pub(super) fn greatest(&self) -> Option<&[u8]> {
        self.bounds.as_ref().map(|(_, greatest)| &greatest[..])
    }

    /// Appends it to a row group of a file.
    pub(super) fn append<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        group.append_column(&Encoded(&self.pages), self.close)
    }
}

/// A column chunk in the making.
pub(super) struct Pages {
    column: ColumnDescPtr,
    pages: Vec<Vec<u8>>,
    uncompressed: usize,
    rows: usize,
    nulls: usize,
    index: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
    encodings: Vec<PageEncodingStats>,
    chunk_bounds: Option<Bounds>,
    page_bounds: Option<Bounds>,
    ascending: bool,
    descending: bool,
    /// Whether no page has a value below one of the page before: more than that its bounds are not below.
    is_ordered: bool,
}

impl Pages {
    pub(super) fn new(column: ColumnDescPtr) -> Self {
        Self {
            index: ColumnIndexBuilder::new(column.physical_type()),
            column,
            pages: Vec::new(),
            uncompressed: 0,
            rows: 0,
            nulls: 0,
            offsets: OffsetIndexBuilder::new(),
            encodings: Vec::new(),
            chunk_bounds: None,
            page_bounds: None,
            ascending: true,
            descending: true,
            is_ordered: true,
        }
    }

    /// Appends a page of `rows` rows, `nulls` of them empty. A page of values without `bounds` has none that can be
    /// ordered, and leaves the chunk without an index.
    pub(super) fn add(
        &mut self,
        body: &[u8],
        encoding: Encoding,
        rows: usize,
        nulls: usize,
        bounds: Option<Bounds>,
    ) -> Result<()> {
        self.pages.push(page(body, PageType::DATA_PAGE, encoding, rows, &mut self.uncompressed)?);
        self.offsets.append_row_count(wide(rows));
        self.rows += rows;
        self.nulls += nulls;
        match self.encodings.last_mut() {
            Some(last) if last.encoding == encoding => last.count += 1,
            _ => self.encodings.push(PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count: 1 }),
        }
        match bounds {
            Some((least, greatest)) => {
                self.order(&least, &greatest);
                if self.index.valid() {
                    let (stated_least, stated_greatest) = self.stated(&least, &greatest);
                    self.index.append(false, stated_least, stated_greatest, wide(nulls));
                }
                self.page_bounds = Some((least, greatest));
            }
            None if nulls == rows => self.index.append(true, Vec::new(), Vec::new(), wide(nulls)),
            None => self.index.to_invalid(),
        }
        Ok(())
    }

    /// The chunk, with a dictionary page of `count` values before its pages if there is one.
    pub(super) fn finish(mut self, dictionary: Option<(&[u8], usize)>) -> Result<Chunk> {
        let mut begins = 0;
        if let Some((body, count)) = dictionary {
            let page = page(body, PageType::DICTIONARY_PAGE, Encoding::PLAIN, count, &mut self.uncompressed)?;
            begins = page.len();
            self.pages.insert(0, page);
            self.encodings
                .insert(0, PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 });
        }
        let mut bytes = begins;
        for page in &self.pages[usize::from(dictionary.is_some())..] {
            let size = i32::try_from(page.len()).expect("a page has less than 2^31 bytes");
            self.offsets.append_offset_and_size(wide(bytes), size);
            bytes += page.len();
        }
        self.index.set_boundary_order(match (self.ascending, self.descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        let encodings = self.encodings.iter().map(|page| page.encoding).chain([Encoding::RLE]).collect();
        let statistics = self.statistics();
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(compression())
            .set_encodings(encodings)
            .set_page_encoding_stats(self.encodings)
            .set_total_compressed_size(wide(bytes))
            .set_total_uncompressed_size(wide(self.uncompressed))
            .set_num_values(wide(self.rows))
            .set_data_page_offset(wide(begins))
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: if self.index.valid() { Some(self.index.build()?) } else { None },
            offset_index: Some(self.offsets.build()),
        };
        Ok(Chunk { pages: self.pages, close, bounds: self.chunk_bounds, is_ordered: self.is_ordered })
    }

    fn order(&mut self, least: &[u8], greatest: &[u8]) {
        let compare = |left: &[u8], right: &[u8]| compare(&self.column, left, right);
        if let Some((least_before, greatest_before)) = &self.page_bounds {
            let orders = [compare(least_before, least), compare(greatest_before, greatest)];
            self.ascending &= !orders.contains(&Ordering::Greater);
            self.descending &= !orders.contains(&Ordering::Less);
            self.is_ordered &= compare(greatest_before, least).is_le();
        }
        match &mut self.chunk_bounds {
            Some((least_so_far, greatest_so_far)) => {
                if compare(least, least_so_far).is_lt() {
                    least_so_far.clear();
                    least_so_far.extend_from_slice(least);
                }
                if compare(greatest, greatest_so_far).is_gt() {
                    greatest_so_far.clear();
                    greatest_so_far.extend_from_slice(greatest);
                }
            }
            None => self.chunk_bounds = Some((least.to_vec(), greatest.to_vec())),
        }
    }

    /// Bounds as an index states them: of a long text its beginning, or the least text above all that begin so.
    fn stated(&self, least: &[u8], greatest: &[u8]) -> Bounds {
        match self.column.physical_type() {
            Stored::BYTE_ARRAY => (below(least), above(greatest)),
            _ => (least.to_vec(), greatest.to_vec()),
        }
    }

    fn statistics(&self) -> Statistics {
        let bounds = self.chunk_bounds.as_ref();
        let nulls = Some(self.nulls as u64);
        let (least, greatest) = (bounds.map(|bounds| &bounds.0[..]), bounds.map(|bounds| &bounds.1[..]));
        macro_rules! of {
            ($kind:ident, $value:expr) => {
                Statistics::$kind(least.map($value), greatest.map($value), None, nulls, false)
            };
        }
        match self.column.physical_type() {
            Stored::BOOLEAN => of!(boolean, |bytes| bytes[0] == 1),
            Stored::INT32 => of!(int32, |bytes| i32::from_le_bytes(sized(bytes))),
            Stored::INT64 => of!(int64, |bytes| i64::from_le_bytes(sized(bytes))),
            Stored::DOUBLE => of!(double, |bytes| f64::from_le_bytes(sized(bytes))),
            Stored::FIXED_LEN_BYTE_ARRAY => of!(fixed_len_byte_array, |bytes| bytes.to_vec().into()),
            Stored::BYTE_ARRAY => {
                let (stated_least, stated_greatest) = (least.map(below), greatest.map(above));
                let exact = [stated_least.as_deref() == least, stated_greatest.as_deref() == greatest];
                ValueStatistics::new(stated_least.map(ByteArray::from), stated_greatest.map(ByteArray::from), None, nulls, false)
                    .with_min_is_exact(exact[0])
                    .with_max_is_exact(exact[1])
                    .into()
            }
            other => unreachable!("no column of a table is stored as {other}"),
        }
    }
}

fn compare(column: &ColumnDescPtr, left: &[u8], right: &[u8]) -> Ordering {
    match column.physical_type() {
        Stored::INT32 => i32::from_le_bytes(sized(left)).cmp(&i32::from_le_bytes(sized(right))),
        Stored::INT64 => i64::from_le_bytes(sized(left)).cmp(&i64::from_le_bytes(sized(right))),
        Stored::DOUBLE => f64::from_le_bytes(sized(left)).total_cmp(&f64::from_le_bytes(sized(right))),
        // The most significant byte first: its highest bit is the sign.
        Stored::FIXED_LEN_BYTE_ARRAY => (left[0] ^ 0x80, &left[1..]).cmp(&(right[0] ^ 0x80, &right[1..])),
        _ => left.cmp(right),
    }
}

fn sized<const SIZE: usize>(bytes: &[u8]) -> [u8; SIZE] {
    bytes.try_into().expect("a bound has the bytes of its type")
}

/// A text that is not above `text`.
fn below(text: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(letters) if text.len() > STATED => text[..letters.floor_char_boundary(STATED)].to_vec(),
        _ => text.to_vec(),
    }
}

/// A text that is not below `text`.
fn above(text: &[u8]) -> Vec<u8> {
    let beginning = match std::str::from_utf8(text) {
        Ok(letters) if text.len() > STATED => &letters[..letters.floor_char_boundary(STATED)],
        _ => return text.to_vec(),
    };
    let higher = beginning.char_indices().rev().find_map(|(at, letter)| {
        let next = char::from_u32(u32::from(letter) + 1).filter(|next| next.len_utf8() == letter.len_utf8())?;
        Some(format!("{}{next}", &beginning[..at]).into_bytes())
    });
    higher.unwrap_or_else(|| text.to_vec())
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).expect("no file has 2^63 bytes")
}

thread_local! {
    static COMPRESSOR: RefCell<(Option<Compressor<'static>>, Vec<u8>)> = const { RefCell::new((None, Vec::new())) };
}

/// A page with its header, whose size before compression is added to `uncompressed`.
fn page(body: &[u8], kind: PageType, encoding: Encoding, values: usize, uncompressed: &mut usize) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|(compressor, compressed)| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            none => none.insert(new_compressor()?),
        };
        compressed.clear();
        compressed.reserve(zstd::zstd_safe::compress_bound(body.len()));
        compressor.compress_to_buffer(body, compressed)?;
        let mut page = Vec::with_capacity(HEADER + compressed.len());
        header(&mut page, [body.len(), compressed.len(), values], kind, encoding);
        *uncompressed += page.len() + body.len();
        page.extend_from_slice(compressed);
        Ok(page)
    })
}

fn new_compressor() -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(ZSTD_LEVEL)?;
    compressor.set_parameter(CParameter::HashLog(ZSTD_HASH_LOG))?;
    Ok(compressor)
}

/// Appends the header of a page, in the compact protocol of Thrift: each field as its distance from the one before
/// and its type, then its value.
fn header(out: &mut Vec<u8>, [uncompressed, compressed, values]: [usize; 3], kind: PageType, encoding: Encoding) {
    const NUMBER: u8 = 0x15;
    const STRUCT: u8 = 0x0c;
    const FALSE: u8 = 0x12;
    const END: u8 = 0;
    let mut number = |number: i64| {
        out.push(NUMBER);
        zigzag(number, out);
    };
    number(i64::from(kind as i32));
    number(wide(uncompressed));
    number(wide(compressed));
    let is_dictionary = kind == PageType::DICTIONARY_PAGE;
    // Field 5 describes a page of data, field 7 a dictionary; the sum of checks, field 4, is left out.
    let field = if is_dictionary { 7 - 3 } else { 5 - 3 };
    out.push(field << 4 | STRUCT);
    let mut number = |number: i64| {
        out.push(NUMBER);
        zigzag(number, out);
    };
    number(wide(values));
    number(i64::from(encoding as i32));
    if is_dictionary {
        out.push(FALSE);
    } else {
        number(i64::from(Encoding::RLE as i32));
        number(i64::from(Encoding::RLE as i32));
    }
    out.extend_from_slice(&[END, END]);
}

/// The bytes the writer of the file asks a chunk for, by the name one of our dependencies gives their type.
type Bytes = <PutPayload as IntoIterator>::Item;

/// A chunk as the writer of the file reads it.
struct Encoded<'a>(&'a [Vec<u8>]);

impl Length for Encoded<'_> {
    fn len(&self) -> u64 {
        self.0.iter().map(|page| page.len() as u64).sum()
    }
}

impl<'a> ChunkReader for Encoded<'a> {
    type T = PagesReader<'a>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        assert_eq!(start, 0, "a chunk is read whole");
        Ok(PagesReader { page: &[], rest: self.0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads pages end to end.
struct PagesReader<'a> {
    page: &'a [u8],
    rest: &'a [Vec<u8>],
}

impl Read for PagesReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.page.is_empty() {
            let Some((next, rest)) = self.rest.split_first() else { return Ok(0) };
            (self.page, self.rest) = (next, rest);
        }
        self.page.read(buffer)
    }
}
