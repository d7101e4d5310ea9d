//! Buckets: which objects count, and what is left of a broken transfer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use tieout::error::Exit;
use tieout::source::{Answer, Databases, PlaceFile, Ready};

use super::s3::S3;
use super::{Visit, real, secret};

fn visit_at(endpoint: &str, bucket: &str, key: &str) -> Visit {
    let source = format!(
        "[source.objects]\nurl = \"s3://{bucket}/{key}\"\nendpoint = \"{endpoint}\"\nregion = \"eu-central-1\"\n\
         access_key_id = {{ file = \"id\" }}\nsecret_access_key = {{ file = \"key\" }}\n"
    );
    Visit::to(&source, |folder| {
        secret(folder, "id", "AKIAEXAMPLE");
        secret(folder, "key", "open sesame");
    })
}

fn visit(server: &S3, key: &str) -> Visit {
    visit_at(&format!("http://127.0.0.1:{}", server.port), "bucket", key)
}

fn names(answer: Answer) -> Vec<String> {
    Visit::delivered(answer).into_iter().map(|(name, _, _)| name).collect()
}

#[test]
fn objects_of_the_date_are_taken_once() {
    let server = S3::start();
    for key in ["adyen/2026-11-20/settlement_1.csv", "adyen/2026-11-20/settlement_2.csv", "adyen/2026-11-19/settlement_1.csv"] {
        server.put(key, key.as_bytes());
    }
    for key in
        ["adyen/2026-11-20/settlement_3.csv.tmp", "adyen/2026-11-20/.settlement_4.csv", "adyen/2026-11-20/settlement_5.csv/6"]
    {
        server.put(key, b"no");
    }
    server.put("adyen/2026-11-20/settlement_7.csv", b"");
    let visit = visit(&server, "adyen/{date:%Y-%m-%d}/settlement_*");
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let came = |first: bool, second: bool| {
        [("settlement_1.csv", first), ("settlement_2.csv", second)]
            .map(|(name, now)| (name.to_owned(), format!("adyen/2026-11-20/{name}").into_bytes(), now))
    };
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), came(true, true));
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), came(false, false));
    server.put("adyen/2026-11-20/settlement_2.csv", b"restated");
    let again = Visit::delivered(visit.fetch().unwrap());
    assert_eq!((again[0].2, &again[1]), (false, &("settlement_2.csv".to_owned(), b"restated".to_vec(), true)));
    assert_eq!(names(self::visit(&server, "a*/2026-11-1?/*").fetch().unwrap()), ["settlement_1.csv"]);
    assert!(matches!(self::visit(&server, "adyen/{date+1:%Y-%m-%d}/*").fetch().unwrap(), Answer::NotYet { .. }));
}

#[test]
fn an_object_is_asked_for_by_its_key_where_nothing_may_be_listed() {
    let server = S3::start();
    server.put("a.csv", b"1");
    server.held().refuses = Some(("list-type", 403, "AccessDenied"));
    assert_eq!(names(visit(&server, "a.csv").fetch().unwrap()), ["a.csv"]);
    assert!(matches!(visit(&server, "b.csv").fetch().unwrap(), Answer::NotYet { .. }));
    let error = visit(&server, "*.csv").fetch().unwrap_err();
    assert_eq!(error.exit, Exit::NotPermitted, "{error}");
    let shown = error.to_string();
    assert!(shown.contains("s3://bucket/") && shown.contains("list") && shown.contains("403 AccessDenied"), "{error}");
    assert!(!shown.contains("sesame") && !shown.contains("AKIA"), "{error}");
}

#[test]
fn what_a_store_says_has_an_exit_code() {
    let server = S3::start();
    server.put("a.csv", b"1");
    let cases = [
        ("list-type", 404, "NoSuchBucket", "*.csv", Exit::BadConfiguration, 1),
        ("list-type", 503, "SlowDown", "*.csv", Exit::TryAgain, 3),
        ("a.csv", 403, "AccessDenied", "a.csv", Exit::NotPermitted, 1),
        ("a.csv", 500, "InternalError", "a.csv", Exit::TryAgain, 3),
        ("list-type", 400, "AuthorizationHeaderMalformed", "*.csv", Exit::BadConfiguration, 1),
    ];
    for (part, status, code, key, exit, tries) in cases {
        server.held().refuses = Some((part, status, code));
        server.held().asked.clear();
        let error = visit(&server, key).fetch().unwrap_err();
        assert_eq!((error.exit, server.held().asked.len()), (exit, tries), "{status} {code}: {error}");
    }
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let server = S3::start();
    let bytes: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    server.put("a.csv", &bytes);
    server.held().break_after = Some(1_500_000);
    let delivered = Visit::delivered(visit(&server, "a.csv").fetch().unwrap());
    assert!(delivered[0].1 == bytes, "every byte once, in order");
    let held = server.held();
    let ranges: Vec<&str> = held.asked.iter().filter_map(|asked| asked.strip_prefix("GET /bucket/a.csv bytes=")).collect();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    assert!(ranges[0] == "0-1999999" && !ranges[1].starts_with("0-"), "{ranges:?}");
}

#[test]
fn an_object_that_was_replaced_is_read_anew() {
    let server = S3::start();
    server.put("a.csv", &vec![1; 2_000_000]);
    server.held().break_after = Some(1_000_000);
    server.held().replacement = Some(vec![2; 1_900_000]);
    let delivered = Visit::delivered(visit(&server, "a.csv").fetch().unwrap());
    assert!(delivered[0].1 == vec![2; 1_900_000]);
}

#[test]
fn an_object_that_keeps_changing_is_not_taken() {
    let server = S3::start();
    server.put("a.csv", b"1");
    server.held().restless = true;
    let error = visit(&server, "a.csv").fetch().unwrap_err();
    assert_eq!(error.exit, Exit::TryAgain, "{error}");
    assert!(error.what.contains("changed while it was read"), "{error}");
}

#[test]
fn a_real_store_is_understood() {
    let Some(endpoint) = real("TIEOUT_TEST_S3", "S3") else { return };
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let put = |path: &str, body: &[u8]| {
        let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
        let length = body.len();
        let head =
            format!("PUT {path} HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    // A bucket of its own, however often the test runs.
    let age = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let bucket = format!("tieout-{age}");
    put(&format!("/{bucket}"), b"");
    put(&format!("/{bucket}/in/2026-11-20/a.csv"), &bytes);
    put(&format!("/{bucket}/in/2026-11-20/b.csv.part"), b"half");
    let visit = visit_at(&endpoint, &bucket, "in/{date:%Y-%m-%d}/*");
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let delivered = Visit::delivered(visit.fetch().unwrap());
    assert!(delivered.len() == 1 && delivered[0].1 == bytes);
    assert!(!Visit::delivered(visit.fetch().unwrap())[0].2, "it did not come twice");
    assert!(matches!(visit_at(&endpoint, &bucket, "in/absent.csv").fetch().unwrap(), Answer::NotYet { .. }));
    let absent = visit_at(&endpoint, &bucket, "*.csv");
    put(&format!("/{bucket}/c.csv"), b"1");
    assert_eq!(names(absent.fetch().unwrap()), ["c.csv"]);
}

#[test]
fn mistakes_are_found_when_the_job_is_opened() {
    let cases = [
        ("ftp://bucket/a.csv", "", "not the address"),
        ("s3://bucket", "", "the key is missing"),
        ("s3://bucket/folder/", "", "a folder, where the name"),
        ("s3://bucket/{day}.csv", "", "only the date"),
        ("s3://bucket/a.csv", "access_key_id = { env = \"X\" }", "belong together"),
        ("s3://bucket/a.csv", "endpoint = \"http://store.example.com\"", "without encryption"),
        ("s3://bucket/a.csv", "endpoint = \"https://me:sesame@store.example.com\"", "a secret has no place"),
        ("s3://bucket/a.csv", "account = \"shop\"", "another kind of store"),
        ("gs://bucket/a.csv", "region = \"eu\"", "another kind of store"),
        ("abfss://shop.dfs.core.windows.net/a.csv", "", "the container is missing"),
    ];
    for (url, keys, wrong) in cases {
        let table: toml::Table = toml::from_str(&format!("[objects]\nurl = \"{url}\"\n{keys}\n")).unwrap();
        let file: PlaceFile = table.try_into().unwrap();
        let error = file.open(Path::new(""), &Databases::default()).unwrap_err();
        assert_eq!(error.exit, Exit::BadConfiguration, "{url}: {error}");
        assert!(error.to_string().contains(wrong) && !error.to_string().contains("sesame"), "{url} {keys}: {error}");
    }
}
