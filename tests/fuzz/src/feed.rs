//! What each target does with its bytes, and what must hold of what comes out.

use std::fmt::Debug;
use std::sync::LazyLock;

use chrono::NaiveDate;
use tieout::calendar::Calendar;
use tieout::error::Result;
use tieout::format::control::check_delivery;
use tieout::format::draft::draft;
use tieout::format::look::Look;
use tieout::format::read::{self, Decoded};
use tieout::format::recognise::recognise;
use tieout::format::shipped::Library;
use tieout::format::split::{Piece, Splitter};
use tieout::format::statement::Decoder;
use tieout::format::time::{Clock, Pattern as TimePattern};
use tieout::format::{Container, Format, Target};
use tieout::job::Job;
use tieout::mask::{card_numbers, masked};
use tieout::money::{Amount, SCALE};
use tieout::source::pattern::Pattern;
use tieout::source::sign::{Certificate, PrivateKey, PublicKey};

use super::Scratch;

/// The shipped formats.
pub(crate) static FORMATS: LazyLock<Vec<Format>> =
    LazyLock::new(|| Library::shipped().all().unwrap().into_iter().filter(|format| format.refuse.is_none()).collect());

/// The formats a target reads with, its first byte saying which.
pub(crate) fn formats_of(target: &str) -> Vec<&'static Format> {
    let is_of = |format: &&Format| {
        let file = &format.file;
        match target {
            "delimited" => file.decoder.is_none() && file.records.is_none() && file.fixed_width.is_empty(),
            "records" => file.records.is_some(),
            "fixed_width" => !file.fixed_width.is_empty(),
            "containers" => file.container != [Container::None],
            "camt053" => file.decoder == Some(Decoder::Camt053),
            "mt940" => file.decoder == Some(Decoder::Mt940),
            "bai2" => file.decoder == Some(Decoder::Bai2),
            "ndjson" | "parquet" => matches!(format.target, Target::Orders | Target::Attempts | Target::Refunds),
            _ => false,
        }
    };
    FORMATS.iter().filter(is_of).collect()
}

/// A target that reads a file.
macro_rules! reads {
    ($($target:ident as $extension:literal unpacked $unpacked:literal,)*) => {$(
        pub(crate) fn $target(bytes: &[u8]) {
            static OF_TARGET: LazyLock<Vec<Format>> = LazyLock::new(|| {
                let mut formats: Vec<Format> = formats_of(stringify!($target)).into_iter().cloned().collect();
                if $unpacked {
                    formats.iter_mut().for_each(|format| format.file.container = vec![Container::None]);
                }
                formats
            });
            let Some((choice, file)) = bytes.split_first() else { return };
            let format = &OF_TARGET[usize::from(*choice) % OF_TARGET.len()];
            reading(file, $extension, format);
        }
    )*};
}

reads! {
    delimited as "csv" unpacked true,
    records as "csv" unpacked true,
    fixed_width as "txt" unpacked true,
    containers as "zip" unpacked false,
    camt053 as "xml" unpacked true,
    mt940 as "sta" unpacked true,
    bai2 as "bai" unpacked true,
    ndjson as "ndjson" unpacked true,
    parquet as "parquet" unpacked true,
}

/// Reads a file: every line becomes a row, a reject or framing, and a second reading says the same.
fn reading(file: &[u8], extension: &str, format: &Format) {
    let scratch = Scratch::new(file, extension);
    let told = |result: &Result<Decoded>| match result {
        Ok(decoded) => Ok(outcome(decoded)),
        Err(error) => Err(error.to_string()),
    };
    let read = || read::read_as(&scratch.0, format, &|part| Ok(Some(part)));
    let decoded = read();
    if let Ok(decoded) = &decoded {
        let rows: usize = decoded.parts.iter().map(|part| part.lines.len()).sum();
        let counted = (rows + decoded.rejects.len()) as u64 + decoded.framing;
        assert_eq!(decoded.lines, counted, "{} lines are {rows} rows, {:?}", decoded.lines, decoded.rejects);
        for part in &decoded.parts {
            assert!(part.lines.is_sorted(), "rows are in the order of the file");
            assert!(part.columns.iter().all(|(_, column)| column.len() == part.lines.len()), "columns are of one length");
        }
        let _ = check_delivery(format, &[decoded]);
        assert_eq!(told(&read()), Ok(outcome(decoded)), "a second reading says another thing");
    }
    if format.file.decoder.is_none() && !matches!(extension, "ndjson" | "parquet") {
        in_two(file, format);
    }
}

fn outcome(decoded: &Decoded) -> impl Debug + PartialEq + use<> {
    let parts: Vec<String> = decoded.parts.iter().map(|part| format!("{:?} {:?}", part.lines, part.columns)).collect();
    (parts, format!("{:?} {:?}", decoded.rejects, decoded.tied))
}

/// Splits a text whole and in two parts, cut where one may be cut: the same rows, on the same lines.
fn in_two(text: &[u8], format: &Format) {
    // What stands behind the first line of a summary is read with it.
    if format.summary.is_some() {
        return;
    }
    let mut splitter = Splitter::of(format);
    splitter.columns = format.layout.first().map_or(8, |layout| layout.columns.len());
    let mut whole = Vec::new();
    splitter.split(text, 1, |piece| whole.push(owned(&piece)));
    if whole.iter().any(|(kind, ..)| *kind == "unpaired") {
        return;
    }
    let cut = splitter.whole_rows(&text[..text.len() / 2]);
    let lines = memchr::memchr_iter(b'\n', &text[..cut]).count() as u64;
    let mut parts = Vec::new();
    if cut > 0 {
        splitter.split(&text[..cut], 1, |piece| parts.push(owned(&piece)));
    }
    splitter.split(&text[cut..], 1 + lines, |piece| parts.push(owned(&piece)));
    assert_eq!(parts, whole, "cut at {cut}");
}

fn owned(piece: &Piece) -> (&'static str, u64, Vec<Vec<u8>>) {
    match piece {
        Piece::Row { line, cells, .. } => ("row", *line, (0..cells.len()).map(|at| cells.get(at).to_vec()).collect()),
        Piece::Unpaired { line } => ("unpaired", *line, Vec::new()),
        Piece::Framing { line, text } => ("framing", *line, vec![text.to_vec()]),
        Piece::Trailer { line, text } => ("trailer", *line, vec![text.to_vec()]),
    }
}

/// A format of the merchant's own, which reads a small file where it loads.
pub(crate) fn format(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let library = Library::shipped();
    if let Ok(format) = Format::parse("own/fuzzed", text, &|parent| library.text(parent).map(str::to_owned)) {
        let names = format.layout.first().map(|layout| layout.columns.clone()).unwrap_or_default();
        let delimiter = format.file.delimiter.to_string();
        let row = |cell: &str| vec![cell; names.len()].join(&delimiter);
        let file = [names.join(&delimiter), row("1"), row("2026-11-17"), row("")].join("\n");
        reading(file.as_bytes(), "csv", &format);
    }
}

pub(crate) fn job(bytes: &[u8]) {
    // Devices are no folders of a job, and some never end.
    if memchr::memmem::find(bytes, b"/dev").is_some() || memchr::memmem::find(bytes, b"/proc").is_some() {
        return;
    }
    let scratch = Scratch::new(bytes, "toml");
    if let Ok(job) = Job::load(&scratch.0) {
        let night = NaiveDate::from_ymd_opt(2026, 11, 17).unwrap();
        for source in job.sources() {
            let _ = source.place.name(&job.asked(&source, night));
            let _ = format!("{:?} {}", source.place, job.missing(&source, night));
        }
        let _ = job.expected(night);
        for provider in &job.providers {
            let _ = provider.due(night);
        }
    }
}

pub(crate) fn calendar(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(calendar) = Calendar::parse("fuzzed", text) {
        let date = NaiveDate::from_ymd_opt(2026, 11, 17).unwrap();
        let _ = (calendar.is_business_day(date), calendar.after(date, 3), calendar.and(&calendar));
    }
}

/// A file of which nothing is known: what it looks like, a format drafted of it, which loads, and whose it may be.
pub(crate) fn look(bytes: &[u8]) {
    let scratch = Scratch::new(bytes, "csv");
    let _ = recognise(&scratch.0, &FORMATS);
    if let Ok(look) = Look::at(&scratch.0) {
        let _ = tieout::format::difference::nearest(&look, &FORMATS);
        let text = draft(&look, Some("own/drafted"));
        if let Err(error) = Format::parse("own/drafted", &text, &|_| None) {
            panic!("a draft does not load: {error}\n{text}");
        }
    }
}

/// Keys and certificates, as a provider or a person hands them over.
pub(crate) fn keys(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = PrivateKey::parse(text);
    if let Ok(key) = PublicKey::parse(text) {
        assert!(!key.verifies(b"message", "c2lnbmF0dXJl"));
    }
    if let Ok(certificate) = Certificate::parse(text) {
        let _ = (certificate.serial(), certificate.holder(), certificate.key().is_ok());
        let _ = certificate.is_issued_by(&certificate);
    }
}

/// Small texts: amounts, times, patterns of names, what is hidden. The first line is what is read, the second how.
pub(crate) fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (word, how) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(amount) = Amount::parse(word.as_bytes(), SCALE) {
        assert_eq!(Amount::parse(amount.to_string().as_bytes(), SCALE), Ok(amount), "an amount reads back as it is written");
        let _ = (amount.in_currency("JPY"), amount.in_currency("KWD"));
    }
    let mut clock = Clock::default();
    let pattern = TimePattern::new(how);
    let _ = (clock.local(word.as_bytes(), &pattern), clock.day(word.as_bytes(), &pattern));
    let date = NaiveDate::from_ymd_opt(2026, 11, 17).unwrap();
    if let Ok(pattern) = Pattern::new(how) {
        let _ = pattern.on(date);
    }
    assert_eq!(masked(&masked(word)), masked(word), "what is hidden stays as it is");
    let _ = card_numbers(word);
}
