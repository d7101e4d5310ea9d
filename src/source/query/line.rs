//! A line to a database: a thread of its own that holds one transaction, and answers what is asked one after another.
//!
//! The conversations of a run come and go; the transaction they all ask outlives each of them.

use tokio::sync::{mpsc, oneshot};

use super::{Engine, Server, mysql, postgres};
use crate::error::{Error, Exit, Result};
use crate::secret::SecretText;
use crate::source::conversation::{Again, Conversation, Failure, Manners};

/// Pieces of an answer that wait to be taken.
const PIECES: usize = 16;

/// A line to a database. Its transaction ends when it is dropped.
pub(super) struct Line {
    questions: mpsc::UnboundedSender<Question>,
    is_used: bool,
}

/// What is asked.
pub(super) struct Question {
    pub(super) sql: String,
    /// Whether rows are wanted, or only whether the query would give some.
    pub(super) rows: bool,
    pub(super) answer: Answer,
}

/// Where pieces of an answer go, in order; the last may be why there are no more.
pub(super) type Answer = mpsc::Sender<std::result::Result<Vec<u8>, Failure>>;

/// Told once whether the line stands.
pub(super) type Opened = oneshot::Sender<std::result::Result<(), Failure>>;

/// What a thread needs to open a line.
pub(super) struct Opening {
    pub(super) server: Server,
    pub(super) password: Option<SecretText>,
    pub(super) manners: Manners,
    pub(super) opened: Opened,
    pub(super) questions: mpsc::UnboundedReceiver<Question>,
}

impl Line {
    /// Connects, and begins a transaction that can change nothing and sees one state of the database.
    pub(super) fn open(server: &Server, conversation: &Conversation) -> std::result::Result<Self, Failure> {
        let (sender, questions) = mpsc::unbounded_channel();
        let (opened, is_open) = oneshot::channel();
        let opening =
            Opening { server: server.clone(), password: server.secret()?, manners: *conversation.manners(), opened, questions };
        let thread = std::thread::Builder::new().name("database".to_owned()).spawn(move || serve(opening));
        thread.map_err(|error| Error::new(Exit::TryAgain, format!("cannot start to talk: {error}")))?;
        conversation.wait(is_open)?.unwrap_or_else(|_| Err(lost(server)))?;
        Ok(Self { questions: sender, is_used: false })
    }

    /// Whether the database understands a query.
    pub(super) fn check(&self, sql: &str, conversation: &Conversation) -> std::result::Result<(), Failure> {
        self.put(sql, false, conversation, |_| Ok(()))
    }

    /// Takes the answer to a query, a piece at a time.
    pub(super) fn ask(
        &self,
        sql: &str,
        conversation: &Conversation,
        take: impl FnMut(&[u8]) -> Result<()>,
    ) -> std::result::Result<(), Failure> {
        self.put(sql, true, conversation, take)
    }

    /// Whether something was taken from it.
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Notes that something was.
    pub(super) fn used(self) -> Self {
        Self { is_used: true, ..self }
    }

    fn put(
        &self,
        sql: &str,
        rows: bool,
        conversation: &Conversation,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> std::result::Result<(), Failure> {
        let (answer, mut pieces) = mpsc::channel(PIECES);
        // A thread that is gone drops the question, and with it the answer.
        let _ = self.questions.send(Question { sql: sql.to_owned(), rows, answer });
        loop {
            let piece = match conversation.wait(pieces.recv()) {
                Ok(piece) => piece,
                // It computes. That it is still there is seen to below, by the connection.
                Err(failure) if failure.again == Again::Soon => continue,
                Err(failure) => return Err(failure),
            };
            match piece.transpose()? {
                // The end of an answer is an empty piece, so that no part is taken for the whole.
                Some(piece) if piece.is_empty() => return Ok(()),
                Some(piece) => {
                    conversation.arrived(piece.len() as u64);
                    take(&piece)?;
                }
                None => return Err(Failure::soon(Error::new(Exit::TryAgain, "the connection to the database broke"))),
            }
        }
    }
}

fn serve(opening: Opening) {
    let server = opening.server.clone();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            match server.engine {
                Engine::Postgres => postgres::serve(opening).await,
                Engine::Mysql => mysql::serve(opening).await,
            }
        }),
        // Nobody waits for an answer that is not given.
        Err(_) => drop(opening),
    }
}

fn lost(server: &Server) -> Failure {
    Failure::soon(Error::new(Exit::TryAgain, "the database hung up").file(server.shown()))
}
