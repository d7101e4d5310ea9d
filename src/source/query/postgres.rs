//! PostgreSQL: rows as `COPY` gives them, byte for byte.

use std::error::Error as _;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::line::{Opening, Question};
use super::{Server, plain, position};
use crate::error::{Error, Exit};
use crate::source::conversation::{Failure, Manners};

/// Opens a line and answers until nobody can ask any more.
pub(super) async fn serve(mut opening: Opening) {
    let server = opening.server.clone();
    let client = match open(&opening).await {
        Ok(client) => client,
        Err(failure) => return drop(opening.opened.send(Err(failure))),
    };
    if opening.opened.send(Ok(())).is_err() {
        return;
    }
    while let Some(question) = opening.questions.recv().await {
        let last = match answer(&client, &question, &server).await {
            Ok(()) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        };
        let is_broken = last.is_err();
        if question.answer.send(last).await.is_err() || is_broken {
            return;
        }
    }
}

async fn open(opening: &Opening) -> Result<Client, Failure> {
    let (server, manners) = (&opening.server, &opening.manners);
    let mut config = Config::new();
    config.host(&server.host).port(server.port).user(&server.user).dbname(&server.database);
    config.application_name("tieout").connect_timeout(manners.silence).keepalives_idle(manners.silence);
    config.keepalives_interval(Duration::from_secs(10)).keepalives_retries(6);
    if let Some(password) = &opening.password {
        config.password(password.reveal());
    }
    let failed = |error: tokio_postgres::Error| failure(&error, server, None);
    let client = if server.encrypted {
        let tls = encryption(server)?;
        let (client, connection) = config.ssl_mode(SslMode::Require).connect(tls).await.map_err(failed)?;
        tokio::spawn(connection);
        client
    } else {
        let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await.map_err(failed)?;
        tokio::spawn(connection);
        client
    };
    client.batch_execute(&beginning(manners)).await.map_err(failed)?;
    Ok(client)
}

/// TLS with a server that one of the trusted vouches for: those of the job, or else of the machine.
fn encryption(server: &Server) -> Result<MakeRustlsConnect, Error> {
    let trusted = server.trusted()?;
    if trusted.is_empty() {
        let (tls, _) = MakeRustlsConnect::with_native_certs().map_err(|_| {
            Error::configuration("this machine trusts no certificate authority")
                .file(server.shown())
                .next("install the ca-certificates of the system, or name a file in `trusted`")
        })?;
        return Ok(tls);
    }
    let mut roots = RootCertStore::empty();
    for text in &trusted {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text.as_bytes()).flatten());
    }
    Ok(MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Printed alike whatever the server and the user are set to, and the same at every query.
fn beginning(manners: &Manners) -> String {
    format!(
        "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; \
         SET client_encoding = 'UTF8'; SET bytea_output = 'hex'; SET statement_timeout = {}; \
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        manners.deadline.as_millis()
    )
}

async fn answer(client: &Client, question: &Question, server: &Server) -> Result<(), Failure> {
    let sql = &question.sql;
    let failed = |error: tokio_postgres::Error| failure(&error, server, Some(sql));
    // Alone first: the server refuses what is not one statement, and says where a mistake is.
    let statement = client.prepare(sql).await.map_err(failed)?;
    if statement.columns().is_empty() {
        return Err(Error::configuration("this is no query: it gives no columns").file(server.shown()).column("sql").into());
    }
    // A line end, for a query that ends in a comment.
    let copy = client.prepare(&format!("COPY ({sql}\n) TO STDOUT (FORMAT csv, HEADER)")).await;
    let copy = copy.map_err(|error| failure(&error, server, None))?;
    if !question.rows {
        return Ok(());
    }
    let copy = client.copy_out(&copy).await.map_err(|error| failure(&error, server, None))?;
    pin_mut!(copy);
    let mut piece = Vec::with_capacity(PIECE * 2);
    while let Some(row) = copy.next().await {
        piece.extend_from_slice(&row.map_err(|error| failure(&error, server, None))?);
        if piece.len() >= PIECE && question.answer.send(Ok(std::mem::take(&mut piece))).await.is_err() {
            return Err(Error::new(Exit::TryAgain, "nobody takes the answer").into());
        }
    }
    if !piece.is_empty() {
        // Whether anybody takes it shows when the end is sent.
        let _ = question.answer.send(Ok(piece)).await;
    }
    Ok(())
}

/// Rows go on in pieces of about so many bytes.
const PIECE: usize = 1 << 16;

fn failure(error: &tokio_postgres::Error, server: &Server, sql: Option<&str>) -> Failure {
    if let Some(stated) = error.as_db_error() {
        return stated_failure(stated, server, sql);
    }
    let mut text = error.to_string();
    if let Some(source) = error.source() {
        text = format!("{text}: {source}");
    }
    let error_of = |exit, next: &str| {
        Error::new(exit, format!("cannot reach the database: {}", plain(&text))).file(server.shown()).next(next)
    };
    if text.starts_with("error performing TLS") {
        let next = "let the database have a certificate for its name that this machine trusts, or name its own as `trusted`";
        return error_of(Exit::NotPermitted, next).into();
    }
    if text.starts_with("invalid configuration") || text.starts_with("authentication error") {
        return error_of(Exit::NotPermitted, "check the user and the password of the database in the job").into();
    }
    Failure::soon(error_of(Exit::TryAgain, "check that the database runs and can be reached from here"))
}

/// What the server states, by the class of its code: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn stated_failure(stated: &DbError, server: &Server, sql: Option<&str>) -> Failure {
    let code = stated.code().code();
    let error = |exit, next: &str| {
        let mut error = Error::new(exit, format!("the database says: {} ({code})", plain(stated.message()))).file(server.shown());
        if let (Some(sql), Some(ErrorPosition::Original(at))) = (sql, stated.position()) {
            error = error.column("sql").found(position(sql, *at as usize));
        }
        error.next(next)
    };
    match code {
        "42501" => error(Exit::NotPermitted, "let the user read these tables").into(),
        _ if code.starts_with("28") => {
            error(Exit::NotPermitted, "check the user and the password of the database in the job").into()
        }
        // The time a statement may take.
        "57014" => error(Exit::TryAgain, "make the query faster, or ask for less").into(),
        _ => match &code[..2] {
            "08" | "40" | "53" | "55" | "57" | "58" | "XX" => {
                Failure::soon(error(Exit::TryAgain, "run again when the database has recovered"))
            }
            "25" => error(Exit::BadConfiguration, "write a query that changes nothing").into(),
            _ => error(Exit::BadConfiguration, "correct the query or the database in the job").into(),
        },
    }
}
