//! The evidence of a night: what an auditor asks for, as one ZIP archive. The same night is the same bytes: names come in
//! order, times are fixed, and nothing tells of the moment or the machine it was written on.

pub(in crate::report) mod booked;
pub(in crate::report) mod totals;

use std::io::{Seek, Write};

use booked::booked;
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::cell::cell;
use super::changes::{Manner, Teller};
use super::grid::line;
use super::spreadsheet::value as safe;
use crate::error::{Error, Exit, Result};
use crate::lake::{Act, Chain, Lake, Manifest};
use crate::night::VERSION;
use crate::night::reperform::Reperformance;
use crate::table::TABLES;
use crate::table::column::Table;
use crate::table::delivery::{FILES, REJECTS};
use crate::table::reconciliation::BREAKS;

/// What there is about a generation of a night.
pub struct Evidence<'l> {
    lake: &'l Lake,
    manifest: &'l Manifest,
    chain: Chain,
}

impl<'l> Evidence<'l> {
    /// Of a generation in `lake`. A trail that is broken is no evidence (65).
    pub fn of(lake: &'l Lake, manifest: &'l Manifest) -> Result<Self> {
        let chain = lake.chain()?;
        match chain.broken.first() {
            Some(broken) => Err(broken.clone()),
            None => Ok(Self { lake, manifest, chain }),
        }
    }

    /// Writes it to `to`, which is called `name` where it cannot be written.
    pub fn write(&self, nights: &mut Reperformance, to: impl Write + Seek, name: &str) -> Result<()> {
        let date = self.manifest.night.business_date;
        let tables = nights.tables_of(self.manifest)?;
        let mut pack = Pack { zip: ZipWriter::new(to), name };
        pack.file("README.txt", &self.page())?;
        pack.file("manifest.json", &self.lake.manifest_text(self.manifest)?)?;
        for text in &self.manifest.night.texts {
            let whose = if text.shipped { "shipped" } else { "own" };
            pack.file(&format!("{}/{whose}/{}.toml", text.kind, text.name), &self.lake.text(&text.sha256)?)?;
        }
        pack.table("inputs.csv", &tables, &FILES, self.manifest)?;
        pack.table("rejects.csv", &tables, &REJECTS, self.manifest)?;
        pack.table("breaks.csv", &tables, &BREAKS, self.manifest)?;
        pack.file(
            "control_totals.csv",
            &csv_of(
                &totals::HEADER,
                totals::of(self.manifest, &tables, &booked(&tables, date)?)?.iter().map(totals::Line::cells),
            ),
        )?;
        let acts = self.lake.acts(date)?;
        pack.file("approvals.csv", &csv_of(&ACTS, acts.iter().map(|act| self.act(act))))?;
        let lines = self.chain.lines.iter().filter(|line| line.business_date == date);
        let lines: String = lines.map(|line| json!(line).to_string() + "\n").collect();
        pack.file("audit.jsonl", &lines)?;
        self.difference(nights, &tables, &mut pack)?;
        pack.zip.finish().map_err(|error| unwritable(name, &error))?;
        Ok(())
    }

    /// What changed against the generation before.
    fn difference<W: Write + Seek>(&self, nights: &mut Reperformance, tables: &Lake, pack: &mut Pack<W>) -> Result<()> {
        let (date, generation) = (self.manifest.night.business_date, self.manifest.generation);
        if generation == 1 {
            return Ok(());
        }
        let before = self.lake.manifest_of(date, generation - 1)?;
        let was = nights.tables_of(&before)?;
        pack.begin("difference.csv")?;
        let mut teller = Teller::new(Manner::Csv, &mut pack.zip)?;
        for table in TABLES {
            tables.difference(&was, table, date, &mut |change| teller.tell(table, &change))?;
        }
        Ok(())
    }

    fn act(&self, act: &Act) -> Vec<String> {
        let counts = act.manifest_sha256 == self.manifest.sha256;
        [
            act.deed.word(),
            &act.by,
            &act.at,
            act.comment.as_deref().unwrap_or_default(),
            &act.generation.to_string(),
            &act.manifest_sha256,
            if counts { "yes" } else { "no" },
            &act.sha256,
        ]
        .map(str::to_owned)
        .into()
    }

    /// What is inside.
    fn page(&self) -> String {
        let (manifest, night) = (self.manifest, &self.manifest.night);
        let mut text = String::new();
        let mut say = |said: String| line(&mut text, said);
        say(format!(
            "Evidence of the night {} of the job {}, generation {}",
            night.business_date, night.job, manifest.generation
        ));
        say(String::new());
        say(format!("manifest     {}", manifest.sha256));
        say(format!("inputs       {}", night.inputs_sha256));
        say(format!(
            "closed by    tieout {}{}",
            night.version,
            if night.complete { "" } else { ", INCOMPLETE: a provider is left out" }
        ));
        say(format!("written by   tieout {VERSION}"));
        say(format!(
            "carried in   {}",
            night.previous_night.as_ref().map_or_else(
                || "nothing: no night was published before".to_owned(),
                |before| format!(
                    "{}, generation {}, manifest {}",
                    before.business_date, before.generation, before.manifest_sha256
                ),
            )
        ));
        let head = self.chain.head().unwrap_or("none");
        say(format!("audit trail  whole, {} lines; head {head}", self.chain.lines.len()));
        say(String::new());
        say("manifest.json       inputs and outputs of the night with their SHA-256, as it stands in the lake".to_owned());
        say("job, format, calendar, resolutions   the texts the night was closed by; `shipped` are part of tieout".to_owned());
        say("inputs.csv          every file: SHA-256 as received, lines = entries + rejects + framing, what it states of itself"
            .to_owned());
        say("rejects.csv         every line that could not be read, and why".to_owned());
        say("control_totals.csv  what came in and what went out, in count and in amount by provider and currency".to_owned());
        say("breaks.csv          every difference known at the close".to_owned());
        say("approvals.csv       who signed or reopened the night; `counts` tells whether it is of this generation".to_owned());
        say("audit.jsonl         the lines of the audit trail about this night; each has the hash of the one before it"
            .to_owned());
        if manifest.generation > 1 {
            say(format!("difference.csv      rows that differ from generation {}", manifest.generation - 1));
        }
        say(String::new());
        say("To close the night again and compare hash by hash:".to_owned());
        say(format!("  tieout verify <job or lake> --date {} --generation {}", night.business_date, manifest.generation));
        text
    }
}

const ACTS: [&str; 8] = ["deed", "by", "at", "comment", "generation", "manifest_sha256", "counts", "sha256"];

/// The archive in the making.
struct Pack<'n, W: Write + Seek> {
    zip: ZipWriter<W>,
    name: &'n str,
}

impl<W: Write + Seek> Pack<'_, W> {
    fn begin(&mut self, path: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        self.zip.start_file(path, options).map_err(|error| unwritable(self.name, &error))
    }

    fn file(&mut self, path: &str, text: &str) -> Result<()> {
        self.begin(path)?;
        self.write(text.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.zip.write_all(bytes).map_err(|error| Error::io("write", self.name, &error))
    }

    /// A table of the night as CSV, a batch at a time.
    fn table(&mut self, path: &str, tables: &Lake, table: &'static Table, manifest: &Manifest) -> Result<()> {
        self.begin(path)?;
        let names = table.names();
        self.write(csv_of(&names, std::iter::empty()).as_bytes())?;
        for batch in tables.batches(table, manifest.night.business_date)? {
            let batch = batch?;
            let row = |row| table.columns.iter().map(|about| cell(&batch, about, row).unwrap_or_default()).collect::<Vec<_>>();
            self.write(csv_of(&[], (0..batch.num_rows()).map(row)).as_bytes())?;
        }
        Ok(())
    }
}

/// Lines of CSV, safe to open in a spreadsheet.
fn csv_of(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut record = |cells: Vec<String>| writer.write_record(cells).expect("writing to memory does not fail");
    if !header.is_empty() {
        record(header.iter().map(|name| (*name).to_owned()).collect());
    }
    rows.into_iter().for_each(|row| record(row.iter().map(|text| safe(text)).collect()));
    String::from_utf8(writer.into_inner().expect("writing to memory does not fail")).expect("it was text")
}

fn unwritable(name: &str, error: &zip::result::ZipError) -> Error {
    Error::new(Exit::CannotWrite, format!("cannot write: {error}")).file(name)
}
