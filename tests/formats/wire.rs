//! Readable fixtures to the bytes a provider serves.
//!
//! The last word of a fixture's name before its extension says what becomes of it; without one it is served as it is.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::ArrowWriter;

/// The fixture at `path` as a provider would serve it: its name and its bytes.
pub(crate) fn served(path: &Path) -> (String, Vec<u8>) {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    if path.is_dir() {
        let members = members(path);
        let members: Vec<(&str, &str)> = members.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        return (name, zip(&members));
    }
    let bytes = fs::read(path).unwrap();
    let text = || String::from_utf8(bytes.clone()).unwrap();
    let words: Vec<&str> = name.split('.').collect();
    match words[..] {
        [case, "gbk", extension] => (format!("{case}.{extension}"), gbk(&text())),
        [case, "latin1", extension] => (format!("{case}.{extension}"), latin1(&text())),
        [case, "gz", extension] => (format!("{case}.{extension}.gz"), gzip(&bytes)),
        [case, "parquet", "csv"] => (format!("{case}.parquet"), parquet(&text())),
        _ => (name, bytes),
    }
}

/// Name and text of each file in a folder, by name.
fn members(folder: &Path) -> Vec<(String, String)> {
    let mut members: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    members.sort();
    members
}

/// Text in GBK with CRLF line ends.
pub(crate) fn gbk(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    let (bytes, _, lossy) = encoding_rs::GBK.encode(&text);
    assert!(!lossy, "a fixture has a character that is not of GBK");
    bytes.into_owned()
}

/// Text in Latin-1 with CRLF line ends.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1252.encode(&text);
    assert!(!lossy, "a fixture has a character that is not of Latin-1");
    bytes.into_owned()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// An archive as Alipay makes it: names and text in GBK, without the flag that says UTF-8.
pub(crate) fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let encoded: Vec<(&str, Vec<u8>)> = members.iter().map(|(name, text)| (*name, gbk(text))).collect();
    zip_of(&encoded.iter().map(|(name, bytes)| (*name, &bytes[..])).collect::<Vec<_>>())
}

/// An archive of these bytes, names in GBK.
pub(crate) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut names = Vec::new();
    for (at, (name, bytes)) in members.iter().enumerate() {
        // The library writes names as UTF-8 and says so: a stand-in of the same length is replaced afterwards.
        let name = encoding_rs::GBK.encode(name).0.into_owned();
        let stand_in = format!("{at:#>width$}", width = name.len());
        archive.start_file(&stand_in, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
        names.push((stand_in, name));
    }
    let mut bytes = archive.finish().unwrap().into_inner();
    for (stand_in, name) in names {
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, stand_in.as_bytes()).collect();
        assert_eq!(places.len(), 2, "a name stands before its member and in the directory");
        for at in places {
            bytes[at..at + name.len()].copy_from_slice(&name);
        }
    }
    bytes
}

/// A CSV as a Parquet file: `amount` a decimal, `…_at` a time, everything else text; nothing where the cell is empty.
pub(crate) fn parquet(text: &str) -> Vec<u8> {
    parquet_with(text, |name| match name {
        "amount" => DataType::Decimal128(18, 2),
        name if name.ends_with("_at") => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    })
}

/// A CSV as a Parquet file whose columns have these types.
pub(crate) fn parquet_with(text: &str, type_of: impl Fn(&str) -> DataType) -> Vec<u8> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let columns = header.iter().enumerate().map(|(at, name)| {
        let texts = rows.iter().map(|row| Some(&row[at]).filter(|cell| !cell.is_empty()));
        let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
        let typed = match type_of(name) {
            // Text to an instant of a named zone needs a table of zones: an offset first, then the name.
            DataType::Timestamp(unit, Some(zone)) => {
                let instants = cast(&texts, &DataType::Timestamp(unit, Some("+00:00".into()))).unwrap();
                cast(&instants, &DataType::Timestamp(unit, Some(zone))).unwrap()
            }
            other => cast(&texts, &other).unwrap(),
        };
        (name, typed, true)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}
