//! The files of a night: found, archived, read, and what became of each.

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::Options;
use super::ledger::FileRow;
use crate::error::{Error, Exit, Result};
use crate::format::control::check_closings;
use crate::format::read::Decoded;
use crate::format::{Format, read, typed};
use crate::job::{Job, Provider};
use crate::lake::{Archived, Input, Lake, NightLock};
use crate::mask;
use crate::source::FilePattern;
use crate::stage::normalize::{Delivered, rows_of};

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A provider, by its place in the job.
    Provider(usize),
    /// The merchant's orders.
    Orders,
    /// The merchant's attempts.
    Attempts,
    /// The merchant's refunds.
    Refunds,
}

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
    /// Finds and archives every file the job names for the night. All that is missing is named at once.
    pub(super) fn fetch(job: &Job, options: Options, lake: &Lake, lock: &NightLock) -> std::result::Result<Self, Vec<Error>> {
        let mut deliveries = Self { files: Vec::new(), left_out: Vec::new() };
        let mut errors = Vec::new();
        for (at, provider) in job.providers.iter().enumerate() {
            let fetched = deliveries.fetch_source(
                Owner::Provider(at),
                &provider.name,
                &provider.account,
                &provider.files,
                options.date,
                lake,
                lock,
            );
            if let Err(error) = fetched {
                let tolerated = error.exit == Exit::MissingInput && (options.partial || !provider.required);
                if tolerated { deliveries.left_out.push(error) } else { errors.push(error) }
            }
        }
        let records = [
            (Owner::Orders, "orders", Some(&job.orders)),
            (Owner::Attempts, "attempts", job.attempts.as_ref()),
            (Owner::Refunds, "refunds", job.refunds.as_ref()),
        ];
        for (owner, name, records) in records {
            let Some(records) = records else { continue };
            if let Err(error) = deliveries.fetch_source(owner, name, "", &records.files, options.date, lake, lock) {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(deliveries) } else { Err(errors) }
    }

    #[expect(clippy::too_many_arguments, reason = "a source is a name, an account and patterns; the rest is where it goes")]
    fn fetch_source(
        &mut self,
        owner: Owner,
        source: &str,
        account: &str,
        patterns: &[FilePattern],
        date: NaiveDate,
        lake: &Lake,
        lock: &NightLock,
    ) -> Result<()> {
        let mut found = Vec::new();
        for pattern in patterns {
            found.extend(pattern.files(date)?);
        }
        found.sort();
        found.dedup();
        if found.is_empty() {
            let looked: Vec<String> = patterns.iter().map(|pattern| pattern.on(date)).collect();
            return Err(Error::new(
                Exit::MissingInput,
                format!("no file of {} for the night {date}", [source, account].join(" ").trim_end()),
            )
            .expected(looked.join(" or "))
            .found("nothing")
            .next("wait for the file, or close without it with --partial or `required = false`"));
        }
        for path in found {
            let archived = lake.archive(lock, source, &path)?;
            let duplicate = self.files.iter().any(|file| {
                (&file.source, &file.account, &file.archived.sha256)
                    == (&source.to_owned(), &account.to_owned(), &archived.sha256)
            });
            let file_id = archived.sha256[..16].to_owned();
            self.files.push(Delivery {
                owner,
                source: source.to_owned(),
                account: account.to_owned(),
                archived,
                duplicate,
                decoded: None,
                file_id,
            });
        }
        Ok(())
    }

    /// Reads every file. A provider with a refused file is left out whole where the run may be partial; otherwise
    /// every refused file is named.
    pub(super) fn read(&mut self, job: &Job, options: Options) -> std::result::Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        for file in self.files.iter_mut().filter(|file| !file.duplicate) {
            let format = format_of(job, file.owner);
            let path = &file.archived.path;
            let decoded = if typed::is_typed(path) { typed::read(path, format) } else { read::read(path, format) };
            match decoded {
                Ok(decoded) => file.decoded = Some(decoded),
                Err(error) => errors.push((file.owner, error)),
            }
        }
        for at in 0..job.providers.len() {
            if let Err(error) = self.check_closings(at) {
                errors.push((Owner::Provider(at), error));
            }
        }
        let tolerated = |owner| matches!(owner, Owner::Provider(at) if options.partial || !provider(job, at).required);
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
        let mut files = Vec::new();
        for file in self.files.iter().filter(|file| file.owner == Owner::Provider(at)) {
            if let Some(decoded) = &file.decoded {
                kept.merge(crate::format::control::Kept { closings: decoded.kept.closings.clone(), ..Default::default() });
                names = &decoded.closing_names;
                files.push(file.archived.name.clone());
            }
        }
        let tied = check_closings(names, &kept.closings).map_err(|error| error.file(files.join(" and ")))?;
        if let Some(first) = self.files.iter_mut().find(|file| file.owner == Owner::Provider(at) && file.decoded.is_some()) {
            first.decoded.as_mut().expect("it was just seen").tied.extend(tied);
        }
        Ok(())
    }

    /// The files that were read, as the stages take them.
    pub(super) fn delivered<'a>(&'a mut self, job: &'a Job) -> Sorted<'a> {
        let mut decoded: Vec<Option<Decoded>> = self.files.iter_mut().map(|file| file.decoded.take()).collect();
        let mut sorted = Sorted {
            providers: Vec::new(),
            orders: Vec::new(),
            attempts: Vec::new(),
            refunds: Vec::new(),
            deliveries: Vec::new(),
        };
        for (file, decoded) in self.files.iter().zip(&mut decoded) {
            sorted.deliveries.push(file);
            let Some(decoded) = decoded.take() else { continue };
            let delivered = Delivered {
                provider: &file.source,
                account: &file.account,
                format: format_of(job, file.owner),
                file_id: &file.file_id,
                name: &file.archived.name,
                decoded,
            };
            match file.owner {
                Owner::Provider(_) => sorted.providers.push(delivered),
                Owner::Orders => sorted.orders.push(delivered),
                Owner::Attempts => sorted.attempts.push(delivered),
                Owner::Refunds => sorted.refunds.push(delivered),
            }
        }
        sorted
    }
}

fn provider(job: &Job, at: usize) -> &Provider {
    &job.providers[at]
}

fn format_of(job: &Job, owner: Owner) -> &Format {
    match owner {
        Owner::Provider(at) => &job.providers[at].format,
        Owner::Orders => &job.orders.format,
        Owner::Attempts => &job.attempts.as_ref().expect("its file was fetched").format,
        Owner::Refunds => &job.refunds.as_ref().expect("its file was fetched").format,
    }
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
                    entries: read.map_or(0, |read| u64::try_from(rows_of(&read.decoded)).unwrap_or_default()),
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
