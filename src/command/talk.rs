//! What commands that ask sources share: the clock, and a line for each source that something comes from.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::Moment;
use crate::error::{Error, Exit};

/// What time it is: as typed, or by the clock.
pub(super) fn clock(moment: &Moment) -> impl Fn() -> DateTime<Utc> + Sync + use<> {
    let typed = moment.now;
    move || typed.unwrap_or_else(Utc::now)
}

/// A line for each source that something comes from, with its bytes and rate; on a terminal only.
pub(super) struct Arrivals {
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
    shown: bool,
}

impl Arrivals {
    pub(super) fn new(shown: bool) -> Self {
        let shown = shown && std::io::stderr().is_terminal();
        Self { lines: MultiProgress::new(), bars: Mutex::default(), shown }
    }

    /// Notes bytes that came from a source.
    pub(super) fn note(&self, source: &str, bytes: u64) {
        if !self.shown {
            return;
        }
        let mut bars = self.bars.lock().expect("nothing panics while it holds the list");
        let bar = bars.entry(source.to_owned()).or_insert_with(|| {
            let style =
                ProgressStyle::with_template("{spinner} {msg} {bytes} ({bytes_per_sec})").expect("the template is well formed");
            self.lines.add(ProgressBar::no_length().with_style(style).with_message(source.to_owned()))
        });
        bar.inc(bytes);
    }

    /// Takes the lines away.
    pub(super) fn end(&self) {
        let _ = self.lines.clear();
    }
}

/// The one exit code of several errors: what a person must mend before what time mends.
pub(super) fn worst(errors: &[Error]) -> Exit {
    const ORDER: [Exit; 10] = [
        Exit::LawBroken,
        Exit::BadConfiguration,
        Exit::CannotCreate,
        Exit::CannotWrite,
        Exit::NotPermitted,
        Exit::BadData,
        Exit::MissingInput,
        Exit::TryAgain,
        Exit::NothingDue,
        Exit::Published,
    ];
    let rank = |exit: Exit| ORDER.iter().position(|known| *known == exit).unwrap_or_default();
    errors.iter().map(|error| error.exit).min_by_key(|exit| rank(*exit)).unwrap_or(Exit::Published)
}

/// The errors, the one that decides the exit code first.
pub(super) fn worst_first(mut errors: Vec<Error>) -> Vec<Error> {
    let exit = worst(&errors);
    errors.sort_by_key(|error| error.exit != exit);
    errors
}
