//! The files of a night: found, archived, read, and what became of each.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use rayon::prelude::*;

use super::Options;
use super::apart::{self, Apart};
use super::ledger::FileRow;
use crate::error::{Error, Exit, Result};
use crate::format::Target;
use crate::format::control::check_closings;
use crate::format::read::{self, Decoded, read_into};
use crate::job::{Job, Owner, Source};
use crate::lake::{Archived, Input, Lake, NightLock, Received};
use crate::mask;
use crate::source::{Answer, Manners, Switchboard};
use crate::stage::normalize::{Delivered, OneDate};

/// One file, archived.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) owner: Owner,
    pub(super) source: String,
    pub(super) account: String,
    pub(super) archived: Archived,
    /// Whether the same bytes came before, from the same source.
    pub(super) duplicate: bool,
    pub(super) decoded: Option<Decoded>,
    /// The first sixteen digits of its hash.
    pub(super) file_id: String,
}

impl Delivery {
    /// What a night depends on: whose bytes. Not the name, so that a renamed file changes nothing; nor a second copy.
    pub(super) fn hashed(&self) -> [&str; 3] {
        [&self.source, &self.account, if self.duplicate { "" } else { &self.archived.sha256 }]
    }
}

/// All files of a night.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) files: Vec<Delivery>,
    /// Why providers were left out.
    pub(super) left_out: Vec<Error>,
}

/// The files of a night as the stages take them.
pub(super) struct Sorted<'a> {
    pub(super) providers: Vec<Delivered<'a>>,
    pub(super) orders: Vec<Delivered<'a>>,
    pub(super) attempts: Vec<Delivered<'a>>,
    pub(super) refunds: Vec<Delivered<'a>>,
    deliveries: Vec<&'a Delivery>,
}

impl Deliveries {
    /// Takes every file of the night into the lake. All that is missing is named at once.
    pub(super) fn fetch(job: &Job, options: Options, lake: &Lake, lock: &NightLock) -> std::result::Result<Self, Vec<Error>> {
        let (mut left_out, mut errors) = (Vec::new(), Vec::new());
        let mut files: Vec<Delivery> = Vec::new();
        let board = Switchboard::new(Manners::default(), &|| chrono::DateTime::UNIX_EPOCH, &|_, _| {});
        for source in job.sources() {
            match ask(job, &source, options.date, &board, lake, lock) {
                Ok(received) => {
                    for Received { archived, .. } in received {
                        let same = |file: &Delivery| {
                            (file.source.as_str(), file.account.as_str(), &file.archived.sha256)
                                == (source.name, source.account, &archived.sha256)
                        };
                        files.push(Delivery {
                            owner: source.owner,
                            source: source.name.to_owned(),
                            account: source.account.to_owned(),
                            duplicate: files.iter().any(same),
                            decoded: None,
                            file_id: archived.sha256[..16].to_owned(),
                            archived,
                        });
                    }
                }
                Err(error) if error.exit == Exit::MissingInput && may_lack(&source, options) => left_out.push(error),
                Err(error) => errors.push(error),
            }
        }
        // Whatever comes after this is another run, and sees the databases as they are then.
        job.databases.hang_up();
        if errors.is_empty() { Ok(Self { files, left_out }) } else { Err(errors) }
    }

    /// About as many bytes as all files that are read have as text.
    pub(super) fn text_bytes(&self) -> u64 {
        /// What text packed in these containers mostly grows to.
        const UNPACKED: u64 = 8;
        let of_file = |file: &Delivery| {
            let extension = Path::new(&file.archived.name).extension().map(OsStr::to_ascii_lowercase).unwrap_or_default();
            let is_packed = ["gz", "zip", "parquet"].iter().any(|packed| extension == *packed);
            file.archived.bytes * if is_packed { UNPACKED } else { 1 }
        };
        self.files.iter().filter(|file| !file.duplicate).map(of_file).sum()
    }

    /// Where the archived files are.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.archived.path.clone()).collect()
    }

    /// Reads every file; of a night taken `apart` the rows go to disk. A provider with a refused file is left out whole
    /// where the run may be partial; otherwise every refused file is named.
    pub(super) fn read(&mut self, job: &Job, options: Options, apart: Option<Apart>) -> std::result::Result<(), Vec<Error>> {
        let sources = job.sources();
        let read = |(number, file): (usize, &mut Delivery)| {
            let Source { format, .. } = *source_of(&sources, file.owner);
            let one_date = OneDate::new(format, options.date);
            let path = &file.archived.path;
            let decoded = match apart {
                None => read_into(path, format, &|part| Ok(one_date.keep(part))),
                Some(apart) => {
                    let (provider, account) = (file.source.as_str(), file.account.as_str());
                    apart.read(&apart::Source { number, path, format, provider, account }, &one_date)
                }
            };
            let of_night = decoded.and_then(|mut decoded| {
                one_date.finish(&mut decoded).map_err(|error| error.file(&file.archived.name))?;
                Ok(decoded)
            });
            match of_night {
                Ok(decoded) => {
                    file.decoded = Some(decoded);
                    None
                }
                Err(error) => Some((file.owner, error)),
            }
        };
        let files: Vec<(usize, &mut Delivery)> = self.files.iter_mut().enumerate().filter(|(_, file)| !file.duplicate).collect();
        let mut errors: Vec<(Owner, Error)> = files.into_par_iter().with_max_len(1).filter_map(read).collect();
        for at in 0..job.providers.len() {
            if let Err(error) = self.check_closings(at) {
                errors.push((Owner::Provider(at), error));
            }
        }
        let tolerated = |owner| may_lack(source_of(&sources, owner), options);
        let (left_out, errors): (Vec<_>, Vec<_>) = errors.into_iter().partition(|(owner, _)| tolerated(*owner));
        for (owner, error) in left_out {
            // Other files of the provider tie, but without all of them its records cannot be told from missing ones.
            self.files.iter_mut().filter(|file| file.owner == owner).for_each(|file| file.decoded = None);
            self.left_out.push(error);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.into_iter().map(|(_, error)| error).collect()) }
    }

    /// A batch may be spread over files: its groups are closed over all files of the provider.
    fn check_closings(&mut self, at: usize) -> Result<()> {
        let mut kept = crate::format::control::Kept::default();
        let mut names: &[String] = &[];
        let (mut files, mut rejects) = (Vec::new(), Vec::new());
        for file in self.files.iter().filter(|file| file.owner == Owner::Provider(at)) {
            if let Some(decoded) = &file.decoded {
                kept.merge(crate::format::control::Kept { closings: decoded.kept.closings.clone(), ..Default::default() });
                names = &decoded.closing_names;
                files.push(file.archived.name.clone());
                rejects.extend(decoded.rejects.iter().cloned());
            }
        }
        let tied = check_closings(names, &kept.closings)
            .map_err(|error| read::with_rejects(error.file(files.join(" and ")), &rejects))?;
        if let Some(first) = self.files.iter_mut().find(|file| file.owner == Owner::Provider(at) && file.decoded.is_some()) {
            first.decoded.as_mut().expect("it was just seen").tied.extend(tied);
        }
        Ok(())
    }

    /// The files that were read, as the stages take them.
    pub(super) fn delivered<'a>(&'a mut self, job: &'a Job) -> Sorted<'a> {
        let sources = job.sources();
        let mut decoded: Vec<Option<Decoded>> = self.files.iter_mut().map(|file| file.decoded.take()).collect();
        let mut sorted = Sorted {
            providers: Vec::new(),
            orders: Vec::new(),
            attempts: Vec::new(),
            refunds: Vec::new(),
            deliveries: Vec::new(),
        };
        for (number, (file, decoded)) in self.files.iter().zip(&mut decoded).enumerate() {
            sorted.deliveries.push(file);
            let Some(decoded) = decoded.take() else { continue };
            let delivered = Delivered {
                provider: &file.source,
                account: &file.account,
                format: source_of(&sources, file.owner).format,
                file_id: &file.file_id,
                name: &file.archived.name,
                number,
                decoded,
                rows: 0,
            };
            match file.owner {
                Owner::Provider(_) => sorted.providers.push(delivered),
                Owner::Merchant(Target::Orders) => sorted.orders.push(delivered),
                Owner::Merchant(Target::Attempts) => sorted.attempts.push(delivered),
                Owner::Merchant(_) => sorted.refunds.push(delivered),
            }
        }
        sorted
    }
}

/// Asks one source for its files of a date. None is an error: a day without business has a file that says so.
fn ask(job: &Job, source: &Source, date: NaiveDate, board: &Switchboard, lake: &Lake, lock: &NightLock) -> Result<Vec<Received>> {
    let asked = job.asked(source, date);
    let inbox = lake.inbox(lock, source.name, Vec::new())?;
    match source.place.fetch(&asked, &board.begin(source.name)?, &inbox)? {
        Answer::Delivered(received) => Ok(received),
        Answer::NoBill { .. } => Ok(Vec::new()),
        Answer::NotYet { said, .. } => Err(job.missing(source, date).found(said)),
    }
}

fn source_of<'s, 'j>(sources: &'s [Source<'j>], owner: Owner) -> &'s Source<'j> {
    sources.iter().find(|source| source.owner == owner).expect("every file was fetched for a source of the job")
}

/// Whether the night may be closed without a source: a provider's only, never the merchant's records.
fn may_lack(source: &Source, options: Options) -> bool {
    matches!(source.owner, Owner::Provider(_)) && (options.partial || !source.required)
}

/// What became of every file of the night.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) files: Vec<FileRow>,
}

impl Ledger {
    /// Writes down what became of each file, and lets its rows go.
    pub(super) fn of(sorted: Sorted) -> Self {
        let mut delivered: Vec<Delivered> = sorted.providers;
        delivered.extend(sorted.orders);
        delivered.extend(sorted.attempts);
        delivered.extend(sorted.refunds);
        let row = |file: &&Delivery| {
            let read =
                delivered.iter().position(|read| read.file_id == file.file_id && read.provider == file.source && !file.duplicate);
            let read = read.map(|at| &delivered[at]);
            FileRow {
                input: Input {
                    source: file.source.clone(),
                    account: file.account.clone(),
                    format: read.map(|read| read.format.name.clone()).unwrap_or_default(),
                    layout: read.map(|read| read.decoded.layout.clone()).unwrap_or_default(),
                    name: file.archived.name.clone(),
                    sha256: file.archived.sha256.clone(),
                    bytes: file.archived.bytes,
                    state: if file.duplicate {
                        "duplicate"
                    } else if read.is_some() {
                        "read"
                    } else {
                        "refused"
                    }
                    .to_owned(),
                    lines: read.map_or(0, |read| read.decoded.lines),
                    entries: read.map_or(0, |read| read.rows as u64),
                    rejects: read.map_or(0, |read| read.decoded.rejects.len() as u64),
                },
                file_id: file.file_id.clone(),
                framing: read.map_or(0, |read| read.decoded.framing),
                tied: read
                    .map(|read| {
                        read.decoded
                            .tied
                            .iter()
                            .map(|tied| mask::card_numbers(&format!("{} {}", tied.name, tied.figure)))
                            .collect()
                    })
                    .unwrap_or_default(),
                added: read
                    .map(|read| read.decoded.added.iter().map(|name| mask::card_numbers(name)).collect())
                    .unwrap_or_default(),
                rejects: read.map(|read| read.decoded.rejects.clone()).unwrap_or_default(),
                is_provider: matches!(file.owner, Owner::Provider(_)),
            }
        };
        Self { files: sorted.deliveries.iter().map(row).collect() }
    }

    /// The files as the manifest names them.
    pub(super) fn inputs(&self) -> Vec<Input> {
        self.files.iter().map(|file| file.input.clone()).collect()
    }

    /// Table `files`.
    pub(super) fn table(&self, night: NaiveDate) -> RecordBatch {
        super::ledger::files_table(&self.files, night)
    }

    /// Table `rejects`.
    pub(super) fn rejects(&self, night: NaiveDate) -> RecordBatch {
        super::ledger::rejects_table(&self.files, night)
    }
}
