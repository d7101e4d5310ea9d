//! Looks through the headers of a Parquet file before the library reads them.
//!
//! The library steps over what it does not know by counting, and a list of truth values takes none of its bytes: five
//! bytes can say two billion, so that a file of a few kilobytes would keep it busy for minutes. No structure of Parquet
//! holds such a list where headers are read, and every other element takes a byte at least. So a file is refused that has
//! one, and a structure whose fields are not of the type they are specified to be, which the library would take for
//! something else than is looked at here.
//!
//! Source: <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift> and
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Structures inside structures: the library follows no more.
const DEEPEST: u8 = 64;
/// After the footer: its length, and the mark of the format.
const TAIL: u64 = 8;

/// Looks through the footer of a file of so many bytes. A file that has none is left to the library to refuse.
pub(super) fn look_at_footer(file: impl Read + Seek, bytes: u64) -> io::Result<()> {
    let Some(tail) = bytes.checked_sub(TAIL) else { return Ok(()) };
    let mut read = BufReader::new(file);
    read.seek(SeekFrom::Start(tail))?;
    let mut length = [0; 4];
    read.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    let Some(start) = tail.checked_sub(length) else { return Ok(()) };
    read.seek(SeekFrom::Start(start))?;
    Headers { read, left: length, page: 0 }.structure(FILE, DEEPEST)
}

/// Looks through the headers of the pages of a file that are in `length` bytes from `start` on.
pub(super) fn look_at_pages(file: impl Read + Seek, start: u64, length: u64) -> io::Result<()> {
    let mut headers = Headers { read: BufReader::new(file), left: length, page: 0 };
    headers.read.seek(SeekFrom::Start(start))?;
    while headers.left > 0 {
        headers.structure(PAGE, DEEPEST)?;
        headers.skip(headers.page)?;
    }
    Ok(())
}

/// What a field is specified to be.
enum Shape {
    Truth,
    Byte,
    /// Of 16, 32 or 64 bits: they are written alike.
    Number,
    Double,
    /// The number of bytes of the page behind the header.
    PageSize,
    Bytes,
    List(&'static Shape),
    Structure(Fields),
}

/// The fields of a structure by number; one of another number is of a later version, and stepped over.
type Fields = &'static [(i64, Shape)];

use Shape::{Byte, Bytes, Double, List, Number, PageSize, Structure, Truth};

const EMPTY: Shape = Structure(&[]);
const KEY_VALUE: Shape = Structure(&[(1, Bytes), (2, Bytes)]);
const STATISTICS: Shape =
    Structure(&[(1, Bytes), (2, Bytes), (3, Number), (4, Number), (5, Bytes), (6, Bytes), (7, Truth), (8, Truth)]);

const PAGE: Fields = &[
    (1, Number),
    (2, Number),
    (3, PageSize),
    (4, Number),
    (5, Structure(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, STATISTICS)])),
    (6, EMPTY),
    (7, Structure(&[(1, Number), (2, Number), (3, Truth)])),
    (8, Structure(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, Number), (6, Number), (7, Truth), (8, STATISTICS)])),
];

const FILE: Fields = &[
    (1, Number),
    (2, List(&SCHEMA_ELEMENT)),
    (3, Number),
    (4, List(&ROW_GROUP)),
    (5, List(&KEY_VALUE)),
    (6, Bytes),
    (7, List(&Structure(&[(1, EMPTY), (2, EMPTY)]))),
    (9, Bytes),
];

const SCHEMA_ELEMENT: Shape = Structure(&[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Bytes),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, LOGICAL_TYPE),
]);

const TIME: Shape = Structure(&[(1, Truth), (2, Structure(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))]);
const LOGICAL_TYPE: Shape = Structure(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Structure(&[(1, Number), (2, Number)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Structure(&[(1, Byte), (2, Truth)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Structure(&[(1, Byte)])),
    (17, Structure(&[(1, Bytes)])),
    (18, Structure(&[(1, Bytes), (2, Number)])),
]);

const ROW_GROUP: Shape = Structure(&[
    (1, List(&COLUMN)),
    (2, Number),
    (3, Number),
    (4, List(&Structure(&[(1, Number), (2, Truth), (3, Truth)]))),
    (5, Number),
    (6, Number),
    (7, Number),
]);

const COLUMN: Shape =
    Structure(&[(1, Bytes), (2, Number), (3, COLUMN_META_DATA), (4, Number), (5, Number), (6, Number), (7, Number), (9, Bytes)]);

const COLUMN_META_DATA: Shape = Structure(&[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Bytes)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&KEY_VALUE)),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, STATISTICS),
    (13, List(&Structure(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
    (16, Structure(&[(1, Number), (2, List(&Number)), (3, List(&Number))])),
    (17, Structure(&[(1, BOUNDING_BOX), (2, List(&Number))])),
]);

const BOUNDING_BOX: Shape =
    Structure(&[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)]);

struct Headers<R> {
    read: R,
    /// Bytes that may still be read.
    left: u64,
    /// Bytes of the page behind the header.
    page: u64,
}

impl<R: Read + Seek> Headers<BufReader<R>> {
    fn structure(&mut self, fields: Fields, deepest: u8) -> io::Result<()> {
        let mut number = 0;
        loop {
            let head = self.byte()?;
            let (further, written) = (head >> 4, head & 0xf);
            if written == 0 {
                return Ok(());
            }
            number = if further == 0 { zigzag(self.varint()?) } else { number + i64::from(further) };
            let shape = fields.iter().find(|(known, _)| *known == number).map(|(_, shape)| shape);
            match written {
                // The value of a field of truth is its type.
                1 | 2 if matches!(shape, None | Some(Truth)) => {}
                1 | 2 => return Err(broken("a truth value in the place of something else")),
                _ => self.value(written, shape, deepest)?,
            }
        }
    }

    /// Steps over a value of the type that is `written`, which is what it is specified to be, if that is known.
    fn value(&mut self, written: u8, shape: Option<&Shape>, deepest: u8) -> io::Result<()> {
        let deepest = deepest.checked_sub(1).ok_or_else(|| broken("too many structures inside each other"))?;
        match (written, shape) {
            (3, None | Some(Byte)) => self.skip(1),
            (4..=6, None | Some(Number)) => self.varint().map(|_| ()),
            (4..=6, Some(PageSize)) => {
                self.page = u64::try_from(zigzag(self.varint()?)).map_err(|_| broken("a page of less than no bytes"))?;
                Ok(())
            }
            (7, None | Some(Double)) => self.skip(8),
            (8, None | Some(Bytes)) => {
                let length = self.varint()?;
                self.skip(length)
            }
            (9 | 10, None | Some(List(_))) => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                let element = if let Some(List(element)) = shape { Some(*element) } else { None };
                if head == 0 {
                    return Ok(());
                }
                self.elements(count, &[(head & 0xf, element)], deepest)
            }
            (11, None) => match self.varint()? {
                0 => Ok(()),
                count => {
                    let types = self.byte()?;
                    self.elements(count, &[(types >> 4, None), (types & 0xf, None)], deepest)
                }
            },
            (12, None) => self.structure(&[], deepest),
            (12, Some(Structure(fields))) => self.structure(fields, deepest),
            (13, None) => self.skip(16),
            _ => Err(broken("a value of a type it is not specified to be")),
        }
    }

    fn elements(&mut self, count: u64, each: &[(u8, Option<&Shape>)], deepest: u8) -> io::Result<()> {
        if each.iter().any(|(written, _)| matches!(written, 1 | 2)) {
            return Err(broken("a list of truth values where Parquet has none"));
        }
        for _ in 0..count {
            each.iter().try_for_each(|(written, shape)| self.value(*written, *shape, deepest))?;
        }
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.left = self.left.checked_sub(1).ok_or_else(|| broken("the bytes end inside it"))?;
        let mut byte = [0];
        self.read.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken("a number of more than 64 bits"))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| broken("the bytes end inside it"))?;
        self.read.seek_relative(i64::try_from(bytes).map_err(|_| broken("the bytes end inside it"))?)
    }
}

#[expect(clippy::cast_possible_wrap, reason = "the sign is the last bit")]
fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a header with {why}"))
}
