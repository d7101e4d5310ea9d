//! MySQL and MariaDB: rows as their text protocol gives them, written as CSV.

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, IoError, OptsBuilder, SslOpts, Value};

use super::line::{Opening, Question};
use super::{Server, plain};
use crate::error::{Error, Exit};
use crate::source::conversation::{Failure, Manners};

/// Rows go on in pieces of about so many bytes.
const PIECE: usize = 1 << 16;

/// The character set of columns that hold bytes, not text.
const BINARY: u16 = 63;

/// Opens a line and answers until nobody can ask any more.
pub(super) async fn serve(mut opening: Opening) {
    let server = opening.server.clone();
    let mut connection = match open(&opening).await {
        Ok(connection) => connection,
        Err(failure) => return drop(opening.opened.send(Err(failure))),
    };
    if opening.opened.send(Ok(())).is_err() {
        return;
    }
    while let Some(question) = opening.questions.recv().await {
        let last = match answer(&mut connection, &question, &server).await {
            Ok(()) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        };
        let is_broken = last.is_err();
        if question.answer.send(last).await.is_err() || is_broken {
            return;
        }
    }
    // It ends with the connection in any case.
    let _ = connection.disconnect().await;
}

async fn open(opening: &Opening) -> Result<Conn, Failure> {
    let (server, manners) = (&opening.server, &opening.manners);
    let trusted = server.trusted()?;
    let tls = SslOpts::default()
        .with_disable_built_in_roots(!trusted.is_empty())
        .with_root_certs(trusted.into_iter().map(|text| text.into_bytes().into()).collect());
    let options = OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .user(Some(&server.user))
        .pass(opening.password.as_ref().map(|password| password.reveal().to_owned()))
        .db_name(Some(&server.database))
        .prefer_socket(false)
        .tcp_keepalive(Some(manners.silence))
        .ssl_opts(server.encrypted.then_some(tls));
    let failed = |error: mysql_async::Error| failure(&error, server);
    let mut connection = Conn::new(options).await.map_err(failed)?;
    for statement in beginning(manners) {
        connection.query_drop(statement).await.map_err(failed)?;
    }
    Ok(connection)
}

/// Printed alike whatever the server and the user are set to, and the same at every query.
fn beginning(manners: &Manners) -> [String; 4] {
    [
        "SET NAMES utf8mb4".to_owned(),
        format!("SET SESSION time_zone = '+00:00', net_write_timeout = {}", manners.deadline.as_secs()),
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".to_owned(),
    ]
}

async fn answer(connection: &mut Conn, question: &Question, server: &Server) -> Result<(), Failure> {
    let sql = question.sql.as_str();
    // Prepared first, which takes one statement only: a second one could end the transaction.
    let statement = connection.prep(sql).await.map_err(|error| failure(&error, server))?;
    if statement.columns().is_empty() {
        return Err(Error::configuration("this is no query: it gives no columns").file(server.shown()).column("sql").into());
    }
    let closed = connection.close(statement).await;
    closed.map_err(|error| failure(&error, server))?;
    if !question.rows {
        return Ok(());
    }
    let mut rows = connection.query_iter(sql).await.map_err(|error| failure(&error, server))?;
    if let Some(column) = rows.columns_ref().iter().find(|column| holds_bytes(column)) {
        return Err(Error::configuration("this column holds bytes, not text")
            .file(server.shown())
            .column(column.name_str())
            .next("leave it out of the query, or write HEX(…) or CONVERT(… USING utf8mb4)")
            .into());
    }
    let mut piece = Vec::with_capacity(PIECE * 2);
    let names: Vec<Vec<u8>> = rows.columns_ref().iter().map(|column| column.name_ref().to_vec()).collect();
    line(&mut piece, names.iter().map(|name| Some(name.as_slice())));
    while let Some(row) = rows.next().await.map_err(|error| failure(&error, server))? {
        let mut cells = Vec::with_capacity(row.len());
        for at in 0..row.len() {
            cells.push(match row.as_ref(at) {
                Some(Value::Bytes(bytes)) => Some(bytes.as_slice()),
                Some(Value::NULL) => None,
                _ => return Err(Error::law("the text protocol gave a value that is no text").into()),
            });
        }
        line(&mut piece, cells.into_iter());
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

/// Whether values of the column are bytes without a character set.
fn holds_bytes(column: &Column) -> bool {
    use ColumnType::{
        MYSQL_TYPE_BIT, MYSQL_TYPE_BLOB, MYSQL_TYPE_GEOMETRY, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_STRING,
        MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_VARCHAR,
    };
    match column.column_type() {
        MYSQL_TYPE_BIT | MYSQL_TYPE_GEOMETRY => true,
        MYSQL_TYPE_TINY_BLOB
        | MYSQL_TYPE_BLOB
        | MYSQL_TYPE_MEDIUM_BLOB
        | MYSQL_TYPE_LONG_BLOB
        | MYSQL_TYPE_STRING
        | MYSQL_TYPE_VAR_STRING
        | MYSQL_TYPE_VARCHAR => column.character_set() == BINARY,
        _ => false,
    }
}

/// Writes one line of CSV as PostgreSQL would: what is missing is empty, a text without letters is `""`.
fn line<'a>(piece: &mut Vec<u8>, cells: impl Iterator<Item = Option<&'a [u8]>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            piece.push(b',');
        }
        let Some(cell) = cell else { continue };
        if !cell.is_empty() && !cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
            piece.extend_from_slice(cell);
            continue;
        }
        piece.push(b'"');
        for &byte in cell {
            if byte == b'"' {
                piece.push(b'"');
            }
            piece.push(byte);
        }
        piece.push(b'"');
    }
    piece.push(b'\n');
}

/// What the server states, by its number:
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>.
fn failure(error: &mysql_async::Error, server: &Server) -> Failure {
    let mysql_async::Error::Server(stated) = error else {
        let text = plain(&error.to_string());
        let error_of =
            |exit, next: &str| Error::new(exit, format!("cannot reach the database: {text}")).file(server.shown()).next(next);
        // Only its words tell a certificate from a cable.
        let is_tls = matches!(error, mysql_async::Error::Io(IoError::Tls(_)))
            || matches!(error, mysql_async::Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer))
            || text.contains("invalid peer certificate");
        return if is_tls {
            let next = "let the database have a certificate for its name from a public authority, or name its own as `trusted`";
            error_of(Exit::NotPermitted, next).into()
        } else {
            Failure::soon(error_of(Exit::TryAgain, "check that the database runs and can be reached from here"))
        };
    };
    let error = |exit, next: &str| {
        let what = format!("the database says: {} ({})", plain(&stated.message), stated.code);
        Error::new(exit, what).file(server.shown()).next(next)
    };
    match stated.code {
        // Access denied: to the server, to it without a password, to a database.
        1044 | 1045 | 1698 => error(Exit::NotPermitted, "check the user and the password of the database in the job").into(),
        // To a table, a column, a routine, or for want of a privilege.
        1142 | 1143 | 1227 | 1370 => error(Exit::NotPermitted, "let the user read these tables").into(),
        // Too many connections, out of memory, going down, waited too long for a lock, deadlock, killed, took too long.
        1040 | 1041 | 1053 | 1077 | 1205 | 1213 | 1317 | 1927 | 3024 | 1969 => {
            Failure::soon(error(Exit::TryAgain, "run again when the database has recovered"))
        }
        // Would change something.
        1792 => error(Exit::BadConfiguration, "write a query that changes nothing").into(),
        _ => error(Exit::BadConfiguration, "correct the query or the database in the job").into(),
    }
}
