//! Queries of the merchant's database: what real servers answer, and what they refuse.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use tieout::error::Exit;
use tieout::source::{Answer, DatabaseFile, Databases, PlaceFile, Ready};

use super::{Visit, keys, real, secret};

/// A server to ask, and to prepare.
struct Server {
    engine: &'static str,
    url: String,
    password: String,
}

impl Server {
    fn postgres() -> Option<Self> {
        Self::named("postgres", "TIEOUT_TEST_POSTGRES", "PostgreSQL")
    }

    fn mysql() -> Option<Self> {
        Self::named("mysql", "TIEOUT_TEST_MYSQL", "MySQL or MariaDB")
    }

    fn named(engine: &'static str, variable: &str, what: &str) -> Option<Self> {
        let url = real(variable, what)?;
        Some(Self { engine, url, password: std::env::var(format!("{variable}_PASSWORD")).unwrap() })
    }

    /// Runs statements on a connection of its own.
    fn run(&self, statements: &[&str]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let address = self.url.replacen('@', &format!(":{}@", self.password), 1);
        runtime.block_on(async {
            if self.engine == "mysql" {
                use mysql_async::prelude::Queryable;
                let mut connection = mysql_async::Conn::from_url(address).await.unwrap();
                for statement in statements {
                    connection.query_drop(*statement).await.unwrap();
                }
                connection.disconnect().await.unwrap();
            } else {
                let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                for statement in statements {
                    client.batch_execute(statement).await.unwrap();
                }
            }
        });
    }

    fn database(&self) -> String {
        format!(
            "[[database]]\nname = \"shop\"\n{} = {{ url = \"{}\", password = {{ file = \"password\" }} }}\n",
            self.engine, self.url
        )
    }

    fn visit(&self, sql: &str) -> Visit {
        Visit::to(&(self.database() + &query(sql)), |folder| secret(folder, "password", &self.password))
    }
}

/// A file with the certificate of another authority than that of the servers.
fn another_authority() -> String {
    keys::path("authority_certificate.pem").display().to_string()
}

/// The authority of the certificate a server has, which is for `localhost` and for no other name.
fn authority(variable: &str) -> Option<String> {
    real(variable, "TLS of a database")
}

fn query(sql: &str) -> String {
    format!("[source.query]\ndatabase = \"shop\"\nsql = '''{sql}'''\n")
}

fn text(answer: Answer) -> String {
    let mut delivered = Visit::delivered(answer);
    assert_eq!(delivered.len(), 1);
    let (name, bytes, _) = delivered.remove(0);
    assert_eq!(name, "shop_20261120.csv");
    String::from_utf8(bytes).unwrap()
}

#[test]
fn postgres_answers_as_it_prints() {
    let Some(server) = Server::postgres() else { return };
    server.run(&[
        "DROP TABLE IF EXISTS printed",
        "CREATE TABLE printed (id int, amount numeric(24,8), at timestamptz, name text)",
        "INSERT INTO printed VALUES (1, 12345678901234.12345678, '2026-11-20 08:00+08', 'a,\"b\"'), (2, 0.10, '2026-11-19 16:00+00', ''),
         (3, NULL, '2026-11-20 15:59:59.999999+00', NULL), (4, 1, '2026-11-20 16:00+00', 'the next day'),
         (5, 1, '2026-11-19 15:59:59+00', 'the day before')",
    ]);
    let visit = server.visit(
        "SELECT id, amount, at, name, {date} AS day FROM printed WHERE at >= {from} AND at < {to} ORDER BY id; -- all\n ;",
    );
    assert_eq!(visit.ready().unwrap_err().exit, Exit::BadConfiguration, "a statement, and more");
    let visit = server
        .visit("SELECT id, amount, at, name, {date} AS day FROM printed WHERE at >= {from} AND at < {to} ORDER BY id -- all");
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let rows = "id,amount,at,name,day\n1,12345678901234.12345678,2026-11-20 00:00:00+00,\"a,\"\"b\"\"\",2026-11-20\n\
                2,0.10000000,2026-11-19 16:00:00+00,\"\",2026-11-20\n3,,2026-11-20 15:59:59.999999+00,,2026-11-20\n";
    assert_eq!(text(visit.fetch().unwrap()), rows);
}

#[test]
fn mysql_answers_as_it_prints() {
    let Some(server) = Server::mysql() else { return };
    server.run(&[
        "DROP TABLE IF EXISTS printed",
        "CREATE TABLE printed (id int, amount decimal(24,8), at timestamp(6) NOT NULL, name text, raw varbinary(4)) CHARACTER SET utf8mb4",
        "SET time_zone = '+00:00'",
        "INSERT INTO printed VALUES (1, 12345678901234.12345678, '2026-11-20 00:00:00', 'a,\"b\"', ''), (2, 0.10, '2026-11-19 16:00:00', '', ''),
         (3, NULL, '2026-11-20 15:59:59.999999', NULL, ''), (4, 1, '2026-11-20 16:00:00', 'the next day', ''),
         (5, 1, '2026-11-19 15:59:59', '前一天', '')",
    ]);
    let visit =
        server.visit("SELECT id, amount, at, name, {date} AS day FROM printed WHERE at >= {from} AND at < {to} ORDER BY id");
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let rows = "id,amount,at,name,day\n1,12345678901234.12345678,2026-11-20 00:00:00.000000,\"a,\"\"b\"\"\",2026-11-20\n\
                2,0.10000000,2026-11-19 16:00:00.000000,\"\",2026-11-20\n3,,2026-11-20 15:59:59.999999,,2026-11-20\n";
    assert_eq!(text(visit.fetch().unwrap()), rows);
    assert_eq!(text(server.visit("SELECT name FROM printed WHERE id = 5").fetch().unwrap()), "name\n前一天\n");
    let error = server.visit("SELECT id, raw FROM printed").fetch().unwrap_err();
    assert_eq!((error.exit, error.column.as_deref()), (Exit::BadConfiguration, Some("raw")), "{error}");
}

/// What is written between two queries of a run is not seen by the second, and is by the next run.
fn one_state_for_all_queries(server: &Server, table: &str) {
    server.run(&[
        &format!("DROP TABLE IF EXISTS {table}"),
        &format!("CREATE TABLE {table} (id int)"),
        &format!("INSERT INTO {table} VALUES (1)"),
    ]);
    let mut visit = server.visit(&format!("SELECT id FROM {table}"));
    assert_eq!(text(visit.fetch().unwrap()), "id\n1\n");
    server.run(&[&format!("INSERT INTO {table} VALUES (2)")]);
    visit.turn_to(&query(&format!("SELECT count(*) AS n FROM {table}")));
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    assert_eq!(text(visit.fetch().unwrap()), "n\n1\n");
    visit.databases.hang_up();
    assert_eq!(text(visit.fetch().unwrap()), "n\n2\n");
}

#[test]
fn all_queries_of_a_run_see_one_state() {
    if let Some(server) = Server::postgres() {
        one_state_for_all_queries(&server, "stated");
    }
    if let Some(server) = Server::mysql() {
        one_state_for_all_queries(&server, "stated");
    }
}

/// Nothing a query says changes anything, and what is wrong with it is said.
fn nothing_is_changed(server: &Server) {
    server.run(&["DROP TABLE IF EXISTS kept", "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)"]);
    let wrong = [
        "DELETE FROM kept",
        "SELECT 1; DELETE FROM kept",
        "SELECT 1; COMMIT; DELETE FROM kept; SELECT 1",
        "SELECT 1) TO STDOUT; DELETE FROM kept; COPY (SELECT 1",
        "INSERT INTO kept VALUES (2) RETURNING id",
        "DROP TABLE kept",
        "SELEC id FROM kept",
        "SELECT id FROM nowhere",
    ];
    for sql in wrong {
        let error = server.visit(sql).fetch().unwrap_err();
        assert_eq!(error.exit, Exit::BadConfiguration, "{sql}: {error}");
    }
    assert_eq!(text(server.visit("SELECT count(*) AS n FROM kept").fetch().unwrap()), "n\n1\n");
    let visit = server.visit("SELECT 1 AS one");
    secret(visit.folder.path(), "password", "open barley");
    let error = visit.fetch().unwrap_err();
    assert_eq!(error.exit, Exit::NotPermitted, "{error}");
    assert!(!error.to_string().contains("barley"), "{error}");
}

#[test]
fn a_query_changes_nothing() {
    if let Some(server) = Server::postgres() {
        nothing_is_changed(&server);
        let error = server.visit("SELECT 1,\n  nothing FROM kept").fetch().unwrap_err();
        assert_eq!(error.found.as_deref(), Some("line 2 of the query: nothing FROM kept"), "{error}");
    }
    if let Some(server) = Server::mysql() {
        nothing_is_changed(&server);
    }
}

#[test]
fn large_answers_are_passed_on_as_they_come() {
    let servers = [Server::postgres(), Server::mysql()];
    let queries = [
        "SELECT n AS id, repeat('x', 100) AS filling FROM generate_series(1, 100000) n",
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1000) \
         SELECT a.n * 1000 + b.n AS id, repeat('x', 100) AS filling FROM r a, r b WHERE a.n <= 100",
    ];
    for (server, sql) in servers.into_iter().zip(queries) {
        let Some(server) = server else { continue };
        let answer = text(server.visit(sql).fetch().unwrap());
        assert_eq!((answer.lines().count(), answer.lines().map(str::len).min()), (100_001, Some("id,filling".len())));
    }
}

#[test]
fn a_database_that_is_not_there_is_tried_again_later() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for engine in ["postgres", "mysql"] {
        let server = Server { engine, url: format!("{engine}://reader@127.0.0.1:{port}/shop"), password: "sesame".to_owned() };
        let error = server.visit("SELECT 1 AS one").fetch().unwrap_err();
        assert_eq!(error.exit, Exit::TryAgain, "{error}");
        assert!(error.to_string().contains("tried 3 times") && !error.to_string().contains("sesame"), "{error}");
    }
}

/// The certificate of a server is for `localhost`, and given by this authority.
fn proves_that_it_is_the_one_named(server: &Server, authority: &str, sql: &str, plain: &str, encrypted: &str) {
    let visit = |host: &str, more: &str| {
        let url = server.url.replacen("127.0.0.1", host, 1);
        let database = format!("{} = {{ url = \"{url}\", password = {{ file = \"password\" }}, {more} }}", server.engine);
        let job = format!("[[database]]\nname = \"shop\"\n{database}\n{}", query(sql));
        Visit::to(&job, |folder| secret(folder, "password", &server.password))
    };
    let trusting = |authority: &str| format!("trusted = [\"{authority}\"]");
    assert_eq!(text(visit("localhost", &trusting(authority)).fetch().unwrap()), format!("is_encrypted\n{encrypted}\n"));
    assert_eq!(text(visit("localhost", "tls = \"disable\"").fetch().unwrap()), format!("is_encrypted\n{plain}\n"));
    let refused = [
        ("localhost", trusting(&another_authority()), Exit::NotPermitted, "UnknownIssuer"),
        ("localhost", "tls = \"verify\"".to_owned(), Exit::NotPermitted, "UnknownIssuer"),
        ("127.0.0.1", trusting(authority), Exit::NotPermitted, "not valid for name"),
        ("localhost", trusting("absent.pem"), Exit::BadConfiguration, "cannot read the key or certificate"),
        ("localhost", trusting("password"), Exit::BadConfiguration, "this is no certificate"),
    ];
    for (host, more, exit, why) in refused {
        let (found, shown) = visit(host, &more).refused(&[&server.password]);
        assert!(found == exit && shown.contains(why) && !shown.contains("tried"), "{host} {more}: {shown}");
    }
}

#[test]
fn a_database_proves_that_it_is_the_one_named() {
    if let (Some(server), Some(authority)) = (Server::postgres(), authority("TIEOUT_TEST_POSTGRES_AUTHORITY")) {
        let sql = "SELECT ssl AS is_encrypted FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        proves_that_it_is_the_one_named(&server, &authority, sql, "f", "t");
    }
    if let (Some(server), Some(authority)) = (Server::mysql(), authority("TIEOUT_TEST_MYSQL_AUTHORITY")) {
        let sql = "SELECT variable_value <> '' AS is_encrypted FROM information_schema.session_status \
                   WHERE variable_name = 'ssl_cipher'";
        proves_that_it_is_the_one_named(&server, &authority, sql, "0", "1");
    }
}

/// A server at another name than those of this machine must speak TLS, or it learns not even who asks.
#[test]
fn nothing_is_told_to_a_server_elsewhere_without_encryption() {
    // A greeting of MySQL without the flag that says it can speak TLS.
    let greeting = [
        &[10][..],
        b"8.0.0\0",
        &[1, 0, 0, 0],
        b"12345678\0",
        &[0x00, 0x82, 45, 2, 0, 0x08, 0x00, 21],
        &[0; 10],
        b"123456789012\0",
        b"mysql_native_password\0",
    ]
    .concat();
    let greeting = [&[u8::try_from(greeting.len()).unwrap(), 0, 0, 0], &greeting[..]].concat();
    for (engine, before, after) in [("postgres", &b""[..], &b"N"[..]), ("mysql", &greeting, b"")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // An address of this machine that is not written as one.
        let url = format!("{engine}://reader@127.1:{}/shop", listener.local_addr().unwrap().port());
        let (before, after) = (before.to_vec(), after.to_vec());
        let heard = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&before).unwrap();
            let mut heard = vec![0; 8];
            let first = stream.read(&mut heard).unwrap();
            heard.truncate(first);
            let _ = stream.write_all(&after);
            let _ = stream.read_to_end(&mut heard);
            heard
        });
        let server = Server { engine, url, password: "sesame".to_owned() };
        let (exit, shown) = server.visit("SELECT 1 AS one").refused(&["sesame"]);
        assert!(exit == Exit::NotPermitted && shown.contains("certificate") && !shown.contains("tried"), "{shown}");
        let heard = heard.join().unwrap();
        assert!(!heard.windows(6).any(|part| part == b"reader") && heard.len() <= 8, "{engine}: {heard:?}");
    }
}

#[test]
fn mistakes_are_found_when_the_job_is_opened() {
    let databases = [
        (r#"name = "shop""#, "one of `postgres` and `mysql`"),
        (r#"name = "../shop""#, "not a name"),
        ("name = \"shop\"\npostgres.url = \"postgres://reader:sesame@db/shop\"", "a secret has no place"),
        ("name = \"shop\"\npostgres.url = \"postgres://reader@db/shop?password=sesame\"", "not the address"),
        ("name = \"shop\"\npostgres.url = \"mysql://reader@db/shop\"", "not the address"),
        ("name = \"shop\"\nmysql.url = \"mysql://db/shop\"", "not the address"),
        ("name = \"shop\"\nmysql.url = \"mysql://reader@db\"", "not the address"),
        (
            "name = \"shop\"\nmysql = { url = \"mysql://reader@db/shop\", tls = \"disable\", trusted = [\"a.pem\"] }",
            "not be looked at",
        ),
    ];
    for (database, wrong) in databases {
        let file: DatabaseFile = toml::from_str(database).unwrap();
        let error = Databases::new(vec![file], Path::new("")).unwrap_err();
        assert_eq!(error.exit, Exit::BadConfiguration, "{database}: {error}");
        assert!(error.to_string().contains(wrong) && !error.to_string().contains("sesame"), "{database}: {error}");
    }
    let shop = || toml::from_str::<DatabaseFile>("name = \"shop\"\npostgres.url = \"postgres://reader@db/shop\"").unwrap();
    assert!(Databases::new(vec![shop(), shop()], Path::new("")).unwrap_err().to_string().contains("two databases"));
    let databases = Databases::new(vec![shop()], Path::new("")).unwrap();
    let open = |sql: &str, database: &str| {
        let table: toml::Table = toml::from_str(&query(sql).replace("\"shop\"", &format!("{database:?}"))).unwrap();
        table["source"].clone().try_into::<PlaceFile>().unwrap().open(Path::new(""), &databases).unwrap_err()
    };
    assert_eq!(open("SELECT 1", "shopp").next.as_deref(), Some("did you mean `shop`?"));
    assert!(open(" ;\n", "shop").to_string().contains("the query is empty"));
}
