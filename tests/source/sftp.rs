//! SFTP: which server is trusted, what counts as a file, and what is left of a broken connection.

pub(crate) mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use russh::keys::HashAlg;
use russh::keys::ssh_key::LineEnding;
use tieout::error::Exit;
use tieout::source::{Answer, Databases, PlaceFile, Ready};

use super::{Visit, real, secret};
use server::{Server, ed25519, rsa};

const PASSWORD: &str = r#"password = { file = "password" }"#;

/// Visits `path` of `server`, with these further keys.
fn visit(server: &Server, path: &str, keys: &str) -> Visit {
    visit_at(server.port, &format!(r#"host_key = "{}""#, server.public_key()), path, keys)
}

fn visit_at(port: u16, trust: &str, path: &str, keys: &str) -> Visit {
    let source = format!("[source.sftp]\nurl = \"sftp://reader@127.0.0.1:{port}{path}\"\nsettle_seconds = 0\n{trust}\n{keys}\n");
    Visit::to(&source, |folder| secret(folder, "password", "open sesame\n"))
}

fn names(answer: Answer) -> Vec<String> {
    Visit::delivered(answer).into_iter().map(|(name, _, _)| name).collect()
}

fn not_yet(answer: Answer) -> String {
    let Answer::NotYet { said, .. } = answer else { panic!("{answer:?}") };
    said
}

#[test]
fn files_of_the_date_are_taken_once() {
    let server = Server::start();
    for name in ["STL-20261120.01.008.CSV", "STL-20261120.02.008.CSV", "STL-20261119.01.008.CSV"] {
        server.put(&format!("/out/{name}"), name.as_bytes());
    }
    for name in [".STL-20261120.hidden.CSV", "STL-20261120.03.CSV.part", "STL-20261120.04.CSV.FILEPART", "STL-20261120.5.CSV.tmp"]
    {
        server.put(&format!("/out/{name}"), b"half");
    }
    server.put("/out/STL-20261120.folder.CSV/", b"");
    let visit = visit(&server, "/out/STL-{date:%Y%m%d}.*", PASSWORD);
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let came = |first: bool, second: bool| {
        [("STL-20261120.01.008.CSV", first), ("STL-20261120.02.008.CSV", second)]
            .map(|(name, now)| (name.to_owned(), name.as_bytes().to_vec(), now))
    };
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), came(true, true));
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), came(false, false));
    server.held().files.get_mut("/out/STL-20261120.02.008.CSV").unwrap().modified += 1;
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), came(false, true));
}

#[test]
fn folders_have_patterns_too() {
    let server = Server::start();
    for path in
        ["/in/20261120/", "/in/20261120/a.csv", "/in/20261120b/", "/in/20261120b/b.csv", "/in/20261119/", "/in/20261119/c.csv"]
    {
        server.put(path, b"1");
    }
    assert_eq!(names(visit(&server, "/in/{date:%Y%m%d}*/*.csv", PASSWORD).fetch().unwrap()), ["a.csv", "b.csv"]);
    assert_eq!(not_yet(visit(&server, "/in/{date+1:%Y%m%d}/*.csv", PASSWORD).fetch().unwrap()), "no such folder yet");
    assert_eq!(not_yet(visit(&server, "/in/20261120/*.txt", PASSWORD).fetch().unwrap()), "nothing");
    let error = visit(&server, "/elsewhere/*.csv", PASSWORD).fetch().unwrap_err();
    assert_eq!(error.exit, Exit::BadConfiguration, "{error}");
}

#[test]
fn a_file_is_asked_for_by_its_name_where_nothing_may_be_listed() {
    let server = Server::start();
    server.put("/out/a.csv", b"1");
    server.held().no_listing = true;
    assert_eq!(names(visit(&server, "/out/a.csv", PASSWORD).fetch().unwrap()), ["a.csv"]);
    let error = visit(&server, "/out/*.csv", PASSWORD).fetch().unwrap_err();
    assert_eq!(error.exit, Exit::NotPermitted, "{error}");
    server.put("/out/secret.csv", b"1");
    let error = visit(&server, "/out/secret.csv", PASSWORD).fetch().unwrap_err();
    assert_eq!(error.exit, Exit::NotPermitted, "{error}");
}

#[test]
fn the_server_must_be_the_trusted_one_before_a_secret_is_sent() {
    let (server, other) = (Server::start(), ed25519());
    server.put("/out/a.csv", b"1");
    let shown = server.host_key.fingerprint(HashAlg::Sha256).to_string();
    let wanted = other.fingerprint(HashAlg::Sha256).to_string();
    let other = other.public_key().to_openssh().unwrap();
    let refused = |trust: &str, prepare: &dyn Fn(&Path)| {
        let visit = visit_at(server.port, trust, "/out/a.csv", PASSWORD);
        prepare(visit.folder.path());
        let error = visit.fetch().unwrap_err();
        assert_eq!(error.exit, Exit::NotPermitted, "{error}");
        assert!(error.found.as_ref().unwrap().contains(&shown), "{error}");
        assert_eq!(server.held().logins, 0, "no secret was sent");
        error
    };
    let error = refused(&format!(r#"host_key = "{other}""#), &|_| {});
    assert!(error.expected.unwrap().contains(&wanted));
    let known_hosts = r#"known_hosts = "known_hosts""#;
    let port = server.port;
    let error =
        refused(known_hosts, &|folder| fs::write(folder.join("known_hosts"), format!("[127.0.0.1]:{port} {other}\n")).unwrap());
    assert!(error.expected.unwrap().contains(&wanted));
    let error = refused(known_hosts, &|folder| fs::write(folder.join("known_hosts"), format!("example.com {other}\n")).unwrap());
    assert!(error.what.contains("not known"), "{error}");
    let visit = visit_at(port, known_hosts, "/out/a.csv", PASSWORD);
    assert_eq!(visit.fetch().unwrap_err().exit, Exit::BadConfiguration);
    fs::write(visit.folder.path().join("known_hosts"), format!("[127.0.0.1]:{port} {}\n", server.public_key())).unwrap();
    assert_eq!(names(visit.fetch().unwrap()), ["a.csv"]);
    let both = format!(r#"host_key = ["{other}", "{}"]"#, server.public_key());
    assert_eq!(names(visit_at(port, &both, "/out/a.csv", PASSWORD).fetch().unwrap()), ["a.csv"]);
}

#[test]
fn users_log_in_with_a_key_or_a_password() {
    let server = Server::with_key(rsa());
    server.put("/out/a.csv", b"1");
    for key in [ed25519(), rsa()] {
        server.held().user_key = Some(key.clone());
        let visit = visit(&server, "/out/a.csv", r#"key = { file = "key" }"#);
        secret(visit.folder.path(), "key", &key.to_openssh(LineEnding::LF).unwrap());
        assert_eq!(names(visit.fetch().unwrap()), ["a.csv"]);
        secret(visit.folder.path(), "key", &ed25519().to_openssh(LineEnding::LF).unwrap());
        let error = visit.fetch().unwrap_err();
        assert_eq!(error.exit, Exit::NotPermitted, "{error}");
    }
    server.held().asks = true;
    assert_eq!(names(visit(&server, "/out/a.csv", PASSWORD).fetch().unwrap()), ["a.csv"]);
}

#[test]
fn a_wrong_password_is_not_permitted_and_not_repeated() {
    let server = Server::start();
    let visit = visit(&server, "/out/a.csv", PASSWORD);
    secret(visit.folder.path(), "password", "close sesame");
    let error = visit.fetch().unwrap_err();
    assert_eq!(error.exit, Exit::NotPermitted, "{error}");
    assert!(!error.to_string().contains("sesame"), "{error}");
    assert_eq!(server.held().logins, 1, "a server may lock out who tries again");
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let server = Server::start();
    server.put("/out/a.csv", b"1");
    let key = ed25519();
    server.held().user_key = Some(key.clone());
    let visit = visit(&server, "/out/a.csv", "key = { file = \"key\" }\npassphrase = { file = \"password\" }");
    let encrypted = key.encrypt(&mut russh::keys::key::safe_rng(), "open sesame").unwrap();
    secret(visit.folder.path(), "key", &encrypted.to_openssh(LineEnding::LF).unwrap());
    assert_eq!(names(visit.fetch().unwrap()), ["a.csv"]);
    secret(visit.folder.path(), "password", "wrong");
    assert_eq!(visit.fetch().unwrap_err().exit, Exit::BadConfiguration);
}

#[test]
fn a_growing_file_is_waited_for() {
    let server = Server::start();
    server.put("/out/a.csv", b"1");
    server.put("/out/b.csv", b"1");
    server.held().files.get_mut("/out/b.csv").unwrap().growing = true;
    let visit = visit(&server, "/out/*.csv", PASSWORD);
    assert!(matches!(visit.ready().unwrap(), Ready::NotYet { .. }));
    assert_eq!(not_yet(visit.fetch().unwrap()), "b.csv is still being delivered");
    server.held().files.get_mut("/out/b.csv").unwrap().growing = false;
    assert_eq!(names(visit.fetch().unwrap()), ["a.csv", "b.csv"]);
}

#[test]
fn another_file_may_say_that_one_is_complete() {
    let server = Server::start();
    server.put("/out/a.csv", b"1");
    let visit = visit(&server, "/out/a*", &format!("done = \"{{name}}.done\"\n{PASSWORD}"));
    assert_eq!(not_yet(visit.fetch().unwrap()), "a.csv is not marked as complete");
    server.put("/out/a.csv.done", b"");
    assert_eq!(names(visit.fetch().unwrap()), ["a.csv"]);
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    let server = Server::start();
    let bytes: Vec<u8> = (0..1_500_000_u32).flat_map(u32::to_le_bytes).collect();
    server.put("/out/a.csv", &bytes);
    server.held().break_at = Some(4_000_000);
    let visit = visit(&server, "/out/a.csv", PASSWORD);
    let delivered = Visit::delivered(visit.fetch().unwrap());
    assert!(delivered[0].1 == bytes, "every byte once, in order");
    let held = server.held();
    assert_eq!(held.logins, 2);
    assert_eq!(held.reads.iter().filter(|&&offset| offset == 0).count(), 1, "not read from its beginning again");
}

#[test]
fn a_file_that_was_replaced_while_the_connection_was_broken_is_read_anew() {
    let server = Server::start();
    server.put("/out/a.csv", &vec![1; 3_000_000]);
    server.held().break_at = Some(2_000_000);
    let visit = visit(&server, "/out/a.csv", PASSWORD);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            while server.held().break_at.is_some() && began.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_micros(100));
            }
            server.put("/out/a.csv", &vec![2; 3_100_000]);
        });
        let delivered = Visit::delivered(visit.fetch().unwrap());
        assert!(delivered[0].1 == vec![2; 3_100_000]);
    });
}

#[test]
fn names_of_the_server_are_not_believed() {
    let server = Server::start();
    server.put("/out/a.csv", b"1");
    server.held().hostile = ["../../x.csv", "..\\x.csv", "b/../../x.csv"].map(str::to_owned).into();
    assert_eq!(names(visit(&server, "/out/*.csv", PASSWORD).fetch().unwrap()), ["a.csv"]);
    for name in ["b/x.csv", "b\n.csv", "b\\x.csv"] {
        server.held().hostile = vec![name.to_owned()];
        server.put(&format!("/out/{name}"), b"1");
        let visit = visit(&server, "/out/*.csv", PASSWORD);
        let error = visit.fetch().unwrap_err();
        assert_eq!(error.exit, Exit::BadData, "{error}");
        server.held().files.remove(&format!("/out/{name}"));
    }
    server.held().hostile = (0..10_001).map(|number| format!("{number}.csv")).collect();
    let error = visit(&server, "/out/*.csv", PASSWORD).fetch().unwrap_err();
    assert_eq!(error.exit, Exit::BadData, "{error}");
}

#[test]
fn a_server_that_is_not_there_is_tried_again_later() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let trust = format!(r#"host_key = "{}""#, ed25519().public_key().to_openssh().unwrap());
    let error = visit_at(port, &trust, "/out/a.csv", PASSWORD).fetch().unwrap_err();
    assert_eq!(error.exit, Exit::TryAgain, "{error}");
    assert!(error.to_string().contains("tried 3 times"), "{error}");
}

/// Forwards to `port`, each way 10 milliseconds late.
fn far_away(port: u16) -> u16 {
    const LATE: Duration = Duration::from_millis(10);
    fn forward(mut from: TcpStream, mut to: TcpStream) {
        let (pieces, waiting) = mpsc::channel::<(Instant, Vec<u8>)>();
        std::thread::spawn(move || {
            for (due, piece) in waiting {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if to.write_all(&piece).is_err() {
                    return;
                }
            }
        });
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if pieces.send((Instant::now() + LATE, buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
        });
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for here in listener.incoming().map_while(Result::ok) {
            let there = TcpStream::connect(("127.0.0.1", port)).unwrap();
            forward(here.try_clone().unwrap(), there.try_clone().unwrap());
            forward(there, here);
        }
    });
    near
}

#[test]
fn many_pieces_are_under_way_at_a_time() {
    let server = Server::start();
    server.put("/out/a.csv", &vec![7; 8 << 20]);
    let trust = format!(r#"host_key = "{}""#, server.public_key());
    let visit = visit_at(far_away(server.port), &trust, "/out/a.csv", PASSWORD);
    let began = Instant::now();
    assert_eq!(names(visit.fetch().unwrap()), ["a.csv"]);
    // 256 pieces of 32 KiB, 20 milliseconds away: one at a time would take more than 5 seconds.
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
}

#[test]
fn a_real_openssh_server_is_understood() {
    let Some(url) = real("TIEOUT_TEST_SFTP", "OpenSSH server") else { return };
    let (host_key, key) = (std::env::var("TIEOUT_TEST_SFTP_HOST_KEY").unwrap(), std::env::var("TIEOUT_TEST_SFTP_KEY").unwrap());
    let folder = Path::new(&url["sftp://".len()..]).iter().skip(1).collect::<std::path::PathBuf>();
    let folder = tempfile::tempdir_in(Path::new("/").join(folder)).unwrap();
    let bytes: Vec<u8> = (0..8_000_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(folder.path().join("a_20261120.csv"), &bytes).unwrap();
    fs::write(folder.path().join("b_20261120.csv.part"), "half").unwrap();
    std::os::unix::fs::symlink("a_20261120.csv", folder.path().join("c_20261120.csv")).unwrap();
    let name = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
    let source = |host_key: &str| {
        format!(
            "[source.sftp]\nurl = \"{url}/{name}/*_{{date:%Y%m%d}}.csv\"\nsettle_seconds = 1\nhost_key = \"{host_key}\"\n\
             key = {{ file = \"{key}\" }}\n"
        )
    };
    let visit = Visit::to(&source(&host_key), |_| {});
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let delivered = Visit::delivered(visit.fetch().unwrap());
    assert_eq!(delivered.iter().map(|file| file.0.as_str()).collect::<Vec<_>>(), ["a_20261120.csv", "c_20261120.csv"]);
    assert!(delivered.iter().all(|file| file.1 == bytes));
    assert!(Visit::delivered(visit.fetch().unwrap()).iter().all(|file| !file.2), "nothing came twice");
    let other = Visit::to(&source(&ed25519().public_key().to_openssh().unwrap()), |_| {});
    assert_eq!(other.fetch().unwrap_err().exit, Exit::NotPermitted);
}

#[test]
fn mistakes_are_found_when_the_job_is_opened() {
    let key = format!(r#"host_key = "{}""#, ed25519().public_key().to_openssh().unwrap());
    let cases = [
        ("sftp://u@h/a.csv", "", PASSWORD, "which server is trusted"),
        ("sftp://u@h/a.csv", r#"host_key = "ssh-ed25519 AAAA""#, PASSWORD, "not a host key"),
        ("sftp://u@h/a.csv", &key, "", "neither `password` nor `key`"),
        ("sftp://u@h/a.csv", &key, "passphrase = { env = \"X\" }\npassword = { env = \"X\" }", "without a key"),
        ("sftp://u:sesame@h/a.csv", &key, PASSWORD, "a secret has no place"),
        ("sftp://h/a.csv", &key, PASSWORD, "the user is missing"),
        ("ftp://u@h/a.csv", &key, PASSWORD, "not the address"),
        ("sftp://u@h/out/", &key, PASSWORD, "a folder, where the name"),
        ("sftp://u@h/out/{day}", &key, PASSWORD, "only the date"),
        ("sftp://u@h/out/[a", &key, PASSWORD, "not a pattern"),
        ("sftp://u@h/a.csv", &key, "settle_seconds = 60\npassword = { env = \"X\" }", "too long"),
        ("sftp://u@h/a.csv", &key, "done = \"x/{name}\"\npassword = { env = \"X\" }", "says another is complete"),
    ];
    for (url, trust, keys, wrong) in cases {
        let table: toml::Table = toml::from_str(&format!("[sftp]\nurl = \"{url}\"\n{trust}\n{keys}\n")).unwrap();
        let file: PlaceFile = table.try_into().unwrap();
        let error = file.open(Path::new(""), &Databases::default()).unwrap_err();
        assert_eq!(error.exit, Exit::BadConfiguration, "{url}: {error}");
        assert!(error.to_string().contains(wrong), "{url} {keys}: {error}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
