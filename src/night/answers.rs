//! What the sources of a night answer when they are asked for its files.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, NaiveDate, Utc};

use crate::error::{Error, Exit, Result};
use crate::job::{Due, Job, Owner, Source};
use crate::lake::{Ask, Correspondent, Lake, NightLock, Received};
use crate::source::{self, Ready, Switchboard};
use crate::table::delivery::Answer;

/// Sources that are asked at a time.
const AT_A_TIME: usize = 8;

/// What one source answered.
#[derive(Debug)]
pub struct Answered<'j> {
    /// The source.
    pub source: Source<'j>,
    /// What came of it.
    pub answer: Answer,
    /// In its words, or those of the error.
    pub said: String,
    /// Its files, now or from before.
    pub files: Vec<Received>,
    /// Hashes of those that had other bytes before.
    pub restated: BTreeSet<String>,
    /// The conversation, where the place is elsewhere.
    pub ask: Option<Ask>,
    /// Why there are no files, where that stops a night.
    pub error: Option<Error>,
}

/// Which sources are asked, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Questions<'a> {
    /// Also those that have delivered all there will be.
    pub again: bool,
    /// Only sources of these names; all when none.
    pub only: &'a [String],
}

/// Takes the files of a night into the lake: every source is asked, those elsewhere several at a time.
pub fn fetch<'j>(
    job: &'j Job,
    date: NaiveDate,
    questions: Questions,
    lake: &Lake,
    lock: &NightLock,
    board: &Switchboard,
) -> Vec<Answered<'j>> {
    let sources = asked_sources(job, questions.only);
    each(&sources, |source| fetch_one(job, source, date, questions.again, lake, lock, board))
}

/// Asks whether the files of a night are there, and takes none.
pub fn ready<'j>(job: &'j Job, date: NaiveDate, only: &[String], lake: &Lake, board: &Switchboard) -> Vec<Answered<'j>> {
    each(&asked_sources(job, only), |source| ready_one(job, source, date, lake, board))
}

fn asked_sources<'j>(job: &'j Job, only: &[String]) -> Vec<Source<'j>> {
    job.sources().into_iter().filter(|source| only.is_empty() || only.iter().any(|name| name == source.name)).collect()
}

/// Asks each source: those of this machine here, one after the other, the others on threads of their own.
fn each<'j>(sources: &[Source<'j>], ask: impl Fn(Source<'j>) -> Answered<'j> + Sync) -> Vec<Answered<'j>> {
    let (here, elsewhere): (Vec<usize>, Vec<usize>) = (0..sources.len()).partition(|&at| sources[at].place.is_here());
    let answers: Mutex<Vec<(usize, Answered)>> = Mutex::default();
    let note = |at: usize| {
        let answered = ask(sources[at]);
        answers.lock().expect("nothing panics while it holds the list").push((at, answered));
    };
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..elsewhere.len().min(AT_A_TIME) {
            scope.spawn(|| {
                while let Some(&at) = elsewhere.get(next.fetch_add(1, Ordering::Relaxed)) {
                    note(at);
                }
            });
        }
        for &at in &here {
            note(at);
        }
    });
    let mut answers = answers.into_inner().expect("every thread has ended");
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answered)| answered).collect()
}

fn fetch_one<'j>(
    job: &'j Job,
    source: Source<'j>,
    date: NaiveDate,
    again: bool,
    lake: &Lake,
    lock: &NightLock,
    board: &Switchboard,
) -> Answered<'j> {
    let with = Correspondent { source: source.name, account: source.account, format: &source.format.name };
    let asking = || -> Result<Answered<'j>> {
        let mut said = lake.communication(date, with)?;
        let before = said.clone();
        let inbox = lake.inbox(lock, source.name, said.files.clone())?;
        if source.place.delivers_once()
            && !again
            && let Some(files) = inbox.all_known()
        {
            let restated = said.restated_files().into_iter().map(str::to_owned).collect();
            let ask = said.asked.iter().rfind(|ask| ask.bytes > 0 || ask.answer == "delivered").cloned();
            return Ok(Answered { restated, ask, ..Answered::delivered(source, files) });
        }
        let conversation = board.begin(source.name)?;
        let at = conversation.now();
        let asked = job.asked(&source, date);
        let answer = source.place.fetch(&asked, &conversation, &inbox);
        let mut answered = match answer {
            Ok(source::Answer::Delivered(files)) => {
                said.receive(&files);
                let restated: BTreeSet<String> = said.restated_files().into_iter().map(str::to_owned).collect();
                Answered { restated, ..Answered::delivered(source, files) }
            }
            Ok(source::Answer::NoBill { said }) => Answered::none(source, Answer::NoBill, said, None),
            Ok(source::Answer::NotYet { said, .. }) => not_there(job, source, date, said, board)?,
            Err(error) => Answered::failed(source, error),
        };
        if !source.place.is_here() {
            let ask = Ask {
                at,
                answer: answered.word().to_owned(),
                said: answered.said.clone(),
                tries: conversation.tries(),
                took: u64::try_from(conversation.took().as_millis()).unwrap_or(u64::MAX),
                bytes: conversation.bytes(),
            };
            said.ask(ask.clone());
            answered.ask = Some(ask);
        }
        if said != before {
            // What came from elsewhere is not asked for again: it is on the disk before the record that says so.
            lake.keep_communication(lock, with, &said, if source.place.is_here() { &[] } else { &answered.files })?;
        }
        Ok(answered)
    };
    asking().unwrap_or_else(|error| Answered::failed(source, error))
}

fn ready_one<'j>(job: &'j Job, source: Source<'j>, date: NaiveDate, lake: &Lake, board: &Switchboard) -> Answered<'j> {
    let with = Correspondent { source: source.name, account: source.account, format: &source.format.name };
    let asking = || -> Result<Answered<'j>> {
        let said = lake.communication(date, with)?;
        if source.place.delivers_once() && !said.files.is_empty() {
            return Ok(Answered::none(source, Answer::Delivered, "delivered before".to_owned(), None));
        }
        match source.place.ready(&job.asked(&source, date), &board.begin(source.name)?)? {
            Ready::Yes => Ok(Answered::none(source, Answer::Delivered, "there".to_owned(), None)),
            Ready::NoBill { said } => Ok(Answered::none(source, Answer::NoBill, said, None)),
            Ready::NotYet { said, .. } => not_there(job, source, date, said, board),
        }
    };
    asking().unwrap_or_else(|error| Answered::failed(source, error))
}

/// A source that has nothing yet: not due, late, or missing, by its deadline.
fn not_there<'j>(job: &Job, source: Source<'j>, date: NaiveDate, said: String, board: &Switchboard) -> Result<Answered<'j>> {
    let due = match source.owner {
        Owner::Provider(at) => job.providers[at].due(date)?,
        Owner::Merchant(_) | Owner::Bank(_) => None,
    };
    let error = job.missing(&source, date).found(&said);
    let now = (board.clock)();
    let shown = |at: DateTime<Utc>| at.with_timezone(&job.timezone).format("%Y-%m-%d %H:%M %:z").to_string();
    Ok(match due {
        Some(Due { at, .. }) if now < at => {
            let error = Error { exit: Exit::NothingDue, ..error }.next(format!("nothing is due before {}", shown(at)));
            Answered::none(source, Answer::Late, said, Some(error))
        }
        Some(Due { late_after, .. }) if now < late_after => {
            let error =
                Error { exit: Exit::TryAgain, ..error }.next(format!("try again: it is missing after {}", shown(late_after)));
            Answered::none(source, Answer::Late, said, Some(error))
        }
        _ => Answered::none(source, Answer::Missing, said, Some(error)),
    })
}

impl<'j> Answered<'j> {
    fn delivered(source: Source<'j>, files: Vec<Received>) -> Self {
        let said = match files.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        Self { files, ..Self::none(source, Answer::Delivered, said, None) }
    }

    fn none(source: Source<'j>, answer: Answer, said: String, error: Option<Error>) -> Self {
        Self { source, answer, said, files: Vec::new(), restated: BTreeSet::new(), ask: None, error }
    }

    fn failed(source: Source<'j>, error: Error) -> Self {
        let answer = match error.exit {
            Exit::BadData => Answer::Corrupt,
            Exit::TryAgain | Exit::NothingDue => Answer::Late,
            _ => Answer::Missing,
        };
        let whose = [source.name, source.account].join(" ");
        let error = if error.file.is_none() { error.file(whose.trim_end()) } else { error };
        Self::none(source, answer, error.what.clone(), Some(error))
    }

    /// The answer in one word: of several files, restated where one of them is.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.restated.is_empty() { self.answer.word() } else { Answer::Restated.word() }
    }
}
