//! The errors that stop a run, and the exit code of each.
//!
//! Three kinds of trouble are never mixed. A *line* that is wrong is data: a row of `rejects`. A *run* that
//! cannot go on is an [`Error`]: what was being done, where, what was expected, what was found, and one next
//! step. A mistake of *ours* is an assertion, and leaves with [`Exit::LawBroken`].

use std::fmt;

use crate::mask;

/// What every fallible function here returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run ended, as the number its caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Published; breaks or not.
    Published = 0,
    /// Published, and `--fail-on` was exceeded.
    BreaksOverLimit = 10,
    /// The command line is wrong.
    Usage = 64,
    /// A file is corrupt, of another layout, or does not tie.
    BadData = 65,
    /// A required input is missing.
    MissingInput = 66,
    /// One of the laws is broken: our mistake, nothing is published.
    LawBroken = 70,
    /// An output cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed.
    CannotWrite = 74,
    /// Another run holds the night, or a store did not answer: try again.
    TryAgain = 75,
    /// Not permitted.
    NotPermitted = 77,
    /// A job, format or rate card is wrong.
    BadConfiguration = 78,
    /// Nothing is due yet.
    NothingDue = 99,
    /// Stopped by SIGINT.
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// What it says, in words that quote nothing.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Published => "all is well",
            Self::BreaksOverLimit => "published, and more breaks are open than allowed",
            Self::Usage => "the command line is wrong",
            Self::BadData => "a file is corrupt, of another layout, or does not tie",
            Self::MissingInput => "a file is missing past its deadline",
            Self::LawBroken => "a law is broken: a defect of tieout",
            Self::CannotCreate => "an output cannot be created",
            Self::CannotWrite => "reading or writing failed",
            Self::TryAgain => "try again: another run holds the night, or a file or an answer is not there yet",
            Self::NotPermitted => "not permitted",
            Self::BadConfiguration => "the job or a format is wrong",
            Self::NothingDue => "nothing is due yet",
            Self::Interrupted | Self::Terminated => "stopped by a signal",
        }
    }
}

/// A run that cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, in one sentence without a full stop.
    pub what: String,
    /// The file it is about, as the user named it.
    pub file: Option<String>,
    /// Its line, counted from one.
    pub line: Option<u64>,
    /// The letter of the line, counted from one, where a person wrote it.
    pub letter: Option<u64>,
    /// Its column or key, by name.
    pub column: Option<String>,
    /// What should have been there.
    pub expected: Option<String>,
    /// What was there.
    pub found: Option<String>,
    /// One next step.
    pub next: Option<String>,
    /// Whether a file is of a layout no format describes; otherwise it is damaged.
    pub unknown_layout: bool,
}

impl Error {
    /// An error that ends the run with `exit`.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            file: None,
            line: None,
            letter: None,
            column: None,
            expected: None,
            found: None,
            next: None,
            unknown_layout: false,
        }
    }

    /// A file that is corrupt, of another layout, or does not tie (65).
    pub fn data(what: impl Into<String>) -> Self {
        Self::new(Exit::BadData, what)
    }

    /// A file of a layout the format does not describe (65).
    pub fn layout(what: impl Into<String>) -> Self {
        Self { unknown_layout: true, ..Self::data(what) }
    }

    /// A job, format or rate card that is wrong (78).
    pub fn configuration(what: impl Into<String>) -> Self {
        Self::new(Exit::BadConfiguration, what)
    }

    /// A broken law: our mistake, and nothing may be published (70).
    pub fn law(what: impl Into<String>) -> Self {
        Self::new(Exit::LawBroken, what).next("this is a defect of tieout: keep the input files and report it")
    }

    /// A failed read or write of `file` (74, or 77 when permission is missing).
    pub fn io(doing: &str, file: impl fmt::Display, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::NotPermitted,
            _ => Exit::CannotWrite,
        };
        let failure = Self::new(exit, format!("cannot {doing}: {error}")).file(file);
        match error.kind() {
            // What should be there, whoever asked for it knows.
            std::io::ErrorKind::NotFound => failure,
            std::io::ErrorKind::PermissionDenied => failure.next("let the user who runs tieout at it, then run again"),
            _ => failure.next("see what the system says of this disk and of its limits, then run again"),
        }
    }

    /// Says which file.
    #[must_use]
    pub fn file(mut self, file: impl fmt::Display) -> Self {
        self.file = Some(file.to_string());
        self
    }

    /// Says which line.
    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// Says which letter of the line.
    #[must_use]
    pub fn letter(mut self, letter: u64) -> Self {
        self.letter = Some(letter);
        self
    }

    /// Says which column.
    #[must_use]
    pub fn column(mut self, column: impl fmt::Display) -> Self {
        self.column = Some(column.to_string());
        self
    }

    /// Says what should have been there.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self
    }

    /// Says what was there.
    #[must_use]
    pub fn found(mut self, found: impl fmt::Display) -> Self {
        self.found = Some(found.to_string());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl fmt::Display) -> Self {
        self.next = Some(next.to_string());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is wrong with a file may quote it. The next step is in words of our own, and names what is published.
        let fit = |text: &str| if self.exit == Exit::BadData { mask::card_numbers(text) } else { text.to_owned() };
        if let Some(file) = &self.file {
            write!(f, "{file}")?;
            match (self.line, self.letter) {
                // As editors take it.
                (Some(line), Some(letter)) => write!(f, ":{line}:{letter}")?,
                (Some(line), None) => write!(f, ", line {line}")?,
                _ => {}
            }
            match &self.column {
                Some(key) if self.letter.is_some() => write!(f, ", {}", fit(key))?,
                Some(column) => write!(f, ", column {}", fit(column))?,
                None => {}
            }
            f.write_str(": ")?;
        }
        f.write_str(&fit(&self.what))?;
        for (label, text) in [("expected", &self.expected), ("found", &self.found)] {
            if let Some(text) = text {
                write!(f, "\n  {label}: {}", fit(text))?;
            }
        }
        match &self.next {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
