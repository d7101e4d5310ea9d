//! The files of a night: found, archived, read, and what became of each.

use std::ffi::OsStr;
use std::path::Path;

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use rayon::prelude::*;

use super::Options;
use super::answers::{self, Answered, Questions};
use super::apart::{self, Apart};
use super::ledger::FileRow;
use crate::error::{Error, Exit, Result};
use crate::format::Target;
use crate::format::account;
use crate::format::control;
use crate::format::read::{self, Decoded, Reject, read_into};
use crate::job::{Job, Owner, Source};
use crate::lake::{Archived, Ask, Input, Lake, Night, NightLock, Received, Reply};
use crate::mask;
use crate::source::Switchboard;
use crate::stage::bank::OneAccount;
use crate::stage::normalize::{Delivered, OneDate};
use crate::table::delivery::Answer;

/// One file, archived.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) owner: Owner,
    pub(super) source: String,
    pub(super) account: String,
    pub(super) archived: Archived,
    /// Whether the same bytes came before, from the same source.
    pub(super) duplicate: bool,
    /// Whether its place held other bytes before.
    pub(super) restated: bool,
    /// What its source answered.
    pub(super) told: Told,
    pub(super) decoded: Option<Decoded>,
    /// The first sixteen digits of its hash.
    pub(super) file_id: String,
}

impl Delivery {
    fn new(source: &Source, archived: Archived, told: &Told, duplicate: bool, restated: bool) -> Self {
        let answer = if restated { Answer::Restated } else { Answer::Delivered };
        Self {
            owner: source.owner,
            source: source.name.to_owned(),
            account: source.account.to_owned(),
            duplicate,
            restated,
            told: Told { answer, ..told.clone() },
            decoded: None,
            file_id: archived.sha256[..16].to_owned(),
            archived,
        }
    }

    /// What a night depends on: whose bytes. Not the name, so that a renamed file changes nothing; nor a second copy.
    pub(super) fn hashed(&self) -> [&str; 3] {
        [&self.source, &self.account, if self.duplicate { "" } else { &self.archived.sha256 }]
    }
}

/// What a source answered, about one file or about none.
#[derive(Clone, Debug)]
pub struct Told {
    /// Provider or bank, or orders, attempts, refunds.
    pub source: String,
    /// The account with it.
    pub account: String,
    /// The format of its files.
    pub format: String,
    /// The answer.
    pub answer: Answer,
    /// In its words, or those of the error.
    pub said: String,
    /// The conversation, where the place is elsewhere.
    pub ask: Option<Ask>,
}

impl Told {
    /// As the manifest keeps it: its words may quote what was sent.
    fn reply(&self) -> Reply {
        Reply {
            source: self.source.clone(),
            account: self.account.clone(),
            format: self.format.clone(),
            answer: self.answer.word().to_owned(),
            said: mask::card_numbers(&self.said),
            ask: self.ask.clone().map(|ask| Ask { said: mask::card_numbers(&ask.said), ..ask }),
        }
    }

    fn kept(reply: &Reply) -> Result<Self> {
        let Reply { source, account, format, answer, said, ask } = reply.clone();
        let answer = Answer::parse(&answer).ok_or_else(|| Error::data("no source can answer this").found(answer))?;
        Ok(Self { source, account, format, answer, said, ask })
    }

    fn of(answered: &Answered) -> Self {
        Self {
            source: answered.source.name.to_owned(),
            account: answered.source.account.to_owned(),
            format: answered.source.format.name.clone(),
            answer: answered.answer,
            said: answered.said.clone(),
            ask: answered.ask.clone(),
        }
    }
}

/// All files of a night.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) files: Vec<Delivery>,
    /// What the sources said that gave no file.
    pub(super) without: Vec<Told>,
    /// Why providers were left out.
    pub(super) left_out: Vec<Error>,
    /// What every source said, in the order of the job.
    pub(super) replies: Vec<Reply>,
}

/// The files of a night as the stages take them.
pub(super) struct Sorted<'a> {
    pub(super) providers: Vec<Delivered<'a>>,
    pub(super) orders: Vec<Delivered<'a>>,
    pub(super) attempts: Vec<Delivered<'a>>,
    pub(super) refunds: Vec<Delivered<'a>>,
    pub(super) banks: Vec<Delivered<'a>>,
    deliveries: Vec<&'a Delivery>,
    without: &'a [Told],
    replies: &'a [Reply],
}

impl Deliveries {
    /// Takes every file of the night into the lake. All that is missing is named at once.
    pub(super) fn fetch(
        job: &Job,
        options: Options,
        lake: &Lake,
        lock: &NightLock,
        board: &Switchboard,
    ) -> std::result::Result<Self, Vec<Error>> {
        let answers = answers::fetch(job, options.date, Questions::default(), lake, lock, board);
        let mut deliveries = Self { files: Vec::new(), without: Vec::new(), left_out: Vec::new(), replies: Vec::new() };
        let mut errors = Vec::new();
        for answered in answers {
            let told = Told::of(&answered);
            let Answered { source, files, restated, error, .. } = answered;
            match error {
                Some(error) if is_tolerable(&error) && may_lack(&source, options) => deliveries.left_out.push(error),
                Some(error) => errors.push(error),
                None => {}
            }
            deliveries.replies.push(told.reply());
            if files.is_empty() {
                deliveries.without.push(told.clone());
            }
            for Received { archived, .. } in files {
                // One account's file is read once, whichever of its formats it is named for.
                let same = |file: &Delivery| {
                    (file.source.as_str(), file.account.as_str(), &file.archived.sha256)
                        == (source.name, source.account, &archived.sha256)
                };
                let duplicate = deliveries.files.iter().any(same);
                let restated = restated.contains(&archived.sha256);
                deliveries.files.push(Delivery::new(&source, archived, &told, duplicate, restated));
            }
        }
        // Whatever comes after this is another run, and sees the databases as they are then.
        job.databases.hang_up();
        if errors.is_empty() { Ok(deliveries) } else { Err(errors) }
    }

    /// The files that a night was closed from, out of the archive, and what their sources said then.
    pub(super) fn kept(job: &Job, lake: &Lake, night: &Night) -> Result<Self> {
        let (sources, date) = (job.sources(), night.business_date);
        let told = night.replies.iter().map(Told::kept).collect::<Result<Vec<_>>>()?;
        let mut deliveries =
            Self { files: Vec::new(), without: Vec::new(), left_out: Vec::new(), replies: night.replies.clone() };
        for input in &night.inputs {
            let whose = [&input.source, &input.account, &input.format];
            let source = sources.iter().find(|source| [source.name, source.account, &source.format.name] == whose);
            let told = told.iter().find(|told| [&told.source, &told.account, &told.format] == whose);
            let (Some(source), Some(told)) = (source, told) else {
                return Err(Error::data("the job that was kept has no such source")
                    .file(&input.name)
                    .found(whose.map(String::as_str).join(" ")));
            };
            let archived = lake.archived(date, input)?;
            deliveries.files.push(Delivery::new(source, archived, told, input.state == "duplicate", input.restated));
        }
        for told in told {
            let is_of =
                |file: &Delivery| [&file.source, &file.account, &file.told.format] == [&told.source, &told.account, &told.format];
            if deliveries.files.iter().any(is_of) {
                continue;
            }
            if matches!(told.answer, Answer::Late | Answer::Missing | Answer::Corrupt) {
                deliveries.left_out.push(Error::new(Exit::MissingInput, told.said.clone()).file(&told.source));
            }
            deliveries.without.push(told);
        }
        Ok(deliveries)
    }

    /// What each source answered, by source and account.
    pub(super) fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = self.without.clone();
        told.extend(self.files.iter().map(|file| file.told.clone()));
        told
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

    /// The files as they are archived.
    pub(super) fn archived(&self) -> Vec<Archived> {
        self.files.iter().map(|file| file.archived.clone()).collect()
    }

    /// Reads every file; of a night taken `apart` the rows go to disk. A provider with a refused file is left out whole
    /// where the run may be partial; otherwise every refused file is named.
    pub(super) fn read(&mut self, job: &Job, options: Options, apart: Option<Apart>) -> std::result::Result<(), Vec<Error>> {
        let sources = job.sources();
        let read = |(number, file): (usize, &mut Delivery)| {
            let Source { format, .. } = *source_of(&sources, file.owner);
            let one_date = OneDate::new(format, options.date);
            let one_account = OneAccount::new(format, &file.account);
            let path = &file.archived.path;
            let decoded = match apart {
                // A bank's statements are small beside the night, and are read whole in any case.
                _ if matches!(file.owner, Owner::Bank(_)) => read_into(path, format, &|part| Ok(one_account.keep(part))),
                None => read_into(path, format, &|part| Ok(one_date.keep(part))),
                Some(apart) => {
                    let (provider, account) = (file.source.as_str(), file.account.as_str());
                    let is_compared = file.owner != Owner::Merchant(Target::Orders) || job.attempts.is_none();
                    apart.read(&apart::Source { number, path, format, provider, account, is_compared }, &one_date)
                }
            };
            let of_night = decoded.and_then(|mut decoded| {
                let of_file = one_date.finish(&mut decoded).and_then(|()| one_account.finish(&mut decoded));
                let of_file = of_file.and_then(|()| match file.owner {
                    Owner::Provider(_) => account::hold(path, format, &file.account),
                    Owner::Merchant(_) | Owner::Bank(_) => Ok(()),
                });
                of_file.map_err(|error| error.file(&file.archived.name))?;
                Ok(decoded)
            });
            match of_night {
                Ok(decoded) => {
                    let is_empty = decoded.lines == decoded.framing;
                    if is_empty && file.told.answer == Answer::Delivered {
                        file.told.answer = Answer::Empty;
                    }
                    file.decoded = Some(decoded);
                    None
                }
                Err(error) => {
                    file.told.answer = if error.unknown_layout { Answer::UnknownLayout } else { Answer::Corrupt };
                    file.told.said.clone_from(&error.what);
                    Some((file.owner, error))
                }
            }
        };
        let files: Vec<(usize, &mut Delivery)> = self.files.iter_mut().enumerate().filter(|(_, file)| !file.duplicate).collect();
        let mut errors: Vec<(Owner, Error)> = files.into_par_iter().with_max_len(1).filter_map(read).collect();
        for at in 0..job.providers.len() {
            if let Err(error) = self.check_delivery(job, at) {
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

    /// A batch may be spread over files: its groups are closed, and the totals of a delivery held, over all files of
    /// the provider.
    fn check_delivery(&mut self, job: &Job, at: usize) -> Result<()> {
        let format = &job.providers[at].format;
        let files: Vec<&mut Delivery> =
            self.files.iter_mut().filter(|file| file.owner == Owner::Provider(at) && file.decoded.is_some()).collect();
        let decoded: Vec<&Decoded> = files.iter().filter_map(|file| file.decoded.as_ref()).collect();
        if decoded.is_empty() {
            return Ok(());
        }
        let tied = control::check_delivery(format, &decoded).map_err(|error| {
            let names: Vec<&str> = files.iter().map(|file| file.archived.name.as_str()).collect();
            let rejects: Vec<Reject> = decoded.iter().flat_map(|file| file.rejects.iter().cloned()).collect();
            read::with_rejects(error.file(names.join(" and ")), &rejects)
        })?;
        if let Some(first) = files.into_iter().find_map(|file| file.decoded.as_mut()) {
            first.tied.extend(tied);
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
            banks: Vec::new(),
            deliveries: Vec::new(),
            without: &self.without,
            replies: &self.replies,
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
                Owner::Bank(_) => sorted.banks.push(delivered),
            }
        }
        sorted
    }
}

fn source_of<'s, 'j>(sources: &'s [Source<'j>], owner: Owner) -> &'s Source<'j> {
    sources.iter().find(|source| source.owner == owner).expect("every file was fetched for a source of the job")
}

/// Whether it says that there are no files of a source, and not that the job or the program is wrong.
fn is_tolerable(error: &Error) -> bool {
    matches!(error.exit, Exit::MissingInput | Exit::NothingDue | Exit::TryAgain | Exit::BadData | Exit::NotPermitted)
}

/// Whether the night may be closed without a source: a provider's or a bank's, never the merchant's records.
fn may_lack(source: &Source, options: Options) -> bool {
    !matches!(source.owner, Owner::Merchant(_)) && (options.partial || !source.required)
}

/// What became of every file of the night.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) files: Vec<FileRow>,
    /// What the sources said that gave no file.
    pub(super) without: Vec<Told>,
    /// What every source said, in the order of the job.
    pub(super) replies: Vec<Reply>,
}

impl Ledger {
    /// Writes down what became of each file, and lets its rows go.
    pub(super) fn of(sorted: Sorted) -> Self {
        let mut delivered: Vec<Delivered> = sorted.providers;
        delivered.extend(sorted.orders);
        delivered.extend(sorted.attempts);
        delivered.extend(sorted.refunds);
        delivered.extend(sorted.banks);
        let row = |file: &&Delivery| {
            let is_of = |read: &Delivered| {
                (read.file_id, read.provider, read.account) == (&file.file_id, &file.source, &file.account) && !file.duplicate
            };
            let read = delivered.iter().position(is_of);
            let read = read.map(|at| &delivered[at]);
            FileRow {
                input: Input {
                    source: file.source.clone(),
                    account: file.account.clone(),
                    format: file.told.format.clone(),
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
                    restated: file.restated,
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
                told: file.told.clone(),
                table: match file.owner {
                    Owner::Provider(_) => Target::Entries,
                    Owner::Merchant(target) => target,
                    Owner::Bank(_) => Target::BankLines,
                },
            }
        };
        Self {
            files: sorted.deliveries.iter().map(row).collect(),
            without: sorted.without.to_vec(),
            replies: sorted.replies.to_vec(),
        }
    }

    /// The files as the manifest names them.
    pub(super) fn inputs(&self) -> Vec<Input> {
        self.files.iter().map(|file| file.input.clone()).collect()
    }

    /// Table `files`.
    pub(super) fn table(&self, night: NaiveDate) -> RecordBatch {
        super::ledger::files_table(self, night)
    }

    /// Table `rejects`.
    pub(super) fn rejects(&self, night: NaiveDate) -> RecordBatch {
        super::ledger::rejects_table(&self.files, night)
    }
}
