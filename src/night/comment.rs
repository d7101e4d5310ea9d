//! What people typed about the breaks of a published night, appended to the comments of the job. It changes no night.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};

use crate::error::{Error, Result};
use crate::job::comments::{Comment, Comments, turns, wrong_with};
use crate::lake::Lake;
use crate::mask;
use crate::table::identity::Identity;
use crate::table::read;
use crate::table::reconciliation::BREAKS;

/// Most errors that are told of one file: who mends these sees the next.
const TOLD: usize = 20;

/// The published night that comments are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The job.
    pub job: String,
    /// The night.
    pub night: NaiveDate,
    /// SHA-256 of the manifest of its generation.
    pub manifest_sha256: String,
}

/// A comment as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// Where: the file, its sheet and cell.
    pub at: String,
    /// Where its break is told.
    pub break_at: String,
    /// The break, as it is told there.
    pub break_id: String,
    /// What was typed.
    pub text: String,
}

/// What came back in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// What it is about.
    pub about: About,
    /// Where it says so.
    pub about_at: String,
    /// Every comment in it.
    pub typed: Vec<Typed>,
    /// Rows in which nothing is typed.
    pub empty: usize,
}

/// What became of the comments of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// Where they are kept.
    pub path: PathBuf,
    /// Appended.
    pub new: usize,
    /// Said last of their break before.
    pub known: usize,
    /// Said of their break before, and something else since: left as it is.
    pub older: usize,
    /// Breaks of which nothing is typed.
    pub empty: usize,
}

/// Appends what was typed and is not what was said of its break last: all of it, or nothing where anything is wrong (65).
/// A card number keeps its last four digits.
pub fn take(
    comments: &Comments,
    lake: &Lake,
    returned: &Returned,
    (by, at): (&str, DateTime<Utc>),
) -> std::result::Result<Taken, Vec<Error>> {
    let Returned { about, about_at, typed, empty } = returned;
    is_of(lake, about, about_at).map_err(|error| vec![error])?;
    let known = breaks_of(lake, about.night).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut said: BTreeMap<Identity, (&Typed, String)> = BTreeMap::new();
    let mut empty = *empty;
    for typed in typed {
        match checked(typed, &known, about.night) {
            Ok(None) => empty += 1,
            Ok(Some((id, text))) => match said.get(&id) {
                Some((first, before)) if *before != text => errors.push(twice(first, typed)),
                Some(_) => {}
                None => drop(said.insert(id, (typed, text))),
            },
            Err(error) => errors.push(error),
        }
        if errors.len() == TOLD {
            break;
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let choose = |before: &Comments| {
        let mut taken = Taken { path: before.path().to_path_buf(), new: 0, known: 0, older: 0, empty };
        let mut more = Vec::new();
        for (break_id, (_, text)) in said {
            let known = before.of(&break_id.to_string());
            if known.last().is_some_and(|last| last.text == text) {
                taken.known += 1;
            } else if known.iter().any(|before| before.text == text) {
                taken.older += 1;
            } else {
                taken.new += 1;
                more.push(Comment { break_id, text, by: by.to_owned(), at });
            }
        }
        Ok((more, taken))
    };
    comments.append(choose).map_err(|error| vec![error])
}

/// Whether `lake` published the night that comments are about.
fn is_of(lake: &Lake, about: &About, at: &str) -> Result<()> {
    let generations = lake.generations(about.night)?;
    if generations.iter().any(|manifest| manifest.sha256 == about.manifest_sha256 && manifest.night.job == about.job) {
        return Ok(());
    }
    let night = |job: &str, sha256: &str| format!("{job} {}, manifest {sha256}", about.night);
    Err(Error::data("the workbook is of another job or lake")
        .file(at)
        .expected(match generations.last() {
            Some(newest) => night(&newest.night.job, &newest.sha256),
            None => format!("a night of the lake {}, which has none of {}", lake.shown(""), about.night),
        })
        .found(night(&about.job, &about.manifest_sha256))
        .next("name the job whose workbook it is, or export one of this job and type the comments there"))
}

/// The breaks that the newest generation of a night tells of.
fn breaks_of(lake: &Lake, night: NaiveDate) -> Result<Vec<Identity>> {
    let rows = lake.read_columns(&BREAKS, night, &["break_id"])?;
    let ids = read::text(&rows, "break_id");
    let mut known: Vec<Identity> = ids.iter().flatten().filter_map(Identity::parse).collect();
    known.sort_unstable();
    Ok(known)
}

/// The break and what is said of it, as it is kept; none where nothing is typed.
fn checked(typed: &Typed, known: &[Identity], night: NaiveDate) -> Result<Option<(Identity, String)>> {
    let text = typed.text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text.chars().filter(|letter| !turns(*letter)).collect();
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Some((what, expected)) = wrong_with(text) {
        return Err(Error::data(what)
            .file(&typed.at)
            .expected(expected)
            .next("shorten or mend it, save, and take the file again"));
    }
    let told = typed.break_id.trim();
    let id = Identity::parse(told).filter(|id| known.binary_search(id).is_ok()).ok_or_else(|| {
        let error = Error::data(if told.is_empty() { "a comment on no break" } else { "a comment on a break nobody knows" });
        error
            .file(&typed.break_at)
            .expected(format!("the break_id of a break of {night}"))
            .found(if told.is_empty() { "nothing".to_owned() } else { mask::masked(told) })
            .next("put the break's own id back, or take the comment out; if the night was published anew since, export it again")
    })?;
    Ok(Some((id, mask::card_numbers(text))))
}

fn twice(first: &Typed, second: &Typed) -> Error {
    Error::data(format!("two comments on the break {}", second.break_id.trim()))
        .file(&second.at)
        .expected(format!("what is typed in {}: {}", first.at, mask::masked(&first.text)))
        .found(mask::masked(&second.text))
        .next("leave one of the two, save, and take the file again")
}
