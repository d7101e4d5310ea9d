//! Buckets: which objects count, and what is left of a broken transfer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tieout::error::Exit;
use tieout::source::{Answer, Databases, PlaceFile, Ready};

use super::s3::S3;
use super::{Visit, keys, real, secret};

/// A source of each kind of store, its keys in the files [`write_keys`] writes.
fn s3(endpoint: &str, key: &str) -> String {
    format!(
        "[source.objects]\nurl = \"s3://{key}\"\nendpoint = \"{endpoint}\"\nregion = \"eu-central-1\"\n\
         access_key_id = {{ file = \"id\" }}\nsecret_access_key = {{ file = \"key\" }}\n"
    )
}

fn google(endpoint: &str, key: &str) -> String {
    format!("[source.objects]\nurl = \"gs://{key}\"\nendpoint = \"{endpoint}\"\nservice_account_key = {{ file = \"google\" }}\n")
}

fn azure(endpoint: &str, account: &str, key: &str) -> String {
    format!(
        "[source.objects]\nurl = \"az://{key}\"\nendpoint = \"{endpoint}\"\naccount = \"{account}\"\n\
         account_key = {{ file = \"azure\" }}\n"
    )
}

fn write_keys(folder: &Path) {
    secret(folder, "id", "AKIAEXAMPLE");
    secret(folder, "key", "open sesame");
    secret(folder, "google", &google_key());
    secret(folder, "azure", &std::env::var("TIEOUT_TEST_AZURE_KEY").unwrap_or_default());
}

fn visit(server: &S3, key: &str) -> Visit {
    Visit::to(&s3(&format!("http://127.0.0.1:{}", server.port), &format!("bucket/{key}")), write_keys)
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

/// A real store, a bucket of its own in it, and how to put an object there.
struct Store<'s> {
    bucket: String,
    /// What a job says of it beside the key.
    source: &'s dyn Fn(&str) -> String,
    put: &'s dyn Fn(&str, &[u8]),
}

/// A name for a bucket that none had before, however often a test runs.
fn new_bucket() -> String {
    format!("tieout-{}", std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos())
}

/// Sends one request to a store, as `PUT /path`, and sees that it is taken.
fn send(endpoint: &str, request: &str, headers: &str, body: &[u8]) {
    let host = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{request}: {answer}");
}

fn is_understood(store: &Store) {
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    (store.put)("in/2026-11-20/a.csv", &bytes);
    (store.put)("in/2026-11-20/b.csv.part", b"half");
    (store.put)("in/2026-11-19/c.csv", b"the day before");
    let visit = |key: &str| Visit::to(&(store.source)(&format!("{}/{key}", store.bucket)), write_keys);
    let night = visit("in/{date:%Y-%m-%d}/*");
    assert_eq!(night.ready().unwrap(), Ready::Yes);
    let delivered = Visit::delivered(night.fetch().unwrap());
    assert!(delivered.len() == 1 && delivered[0].1 == bytes);
    assert!(!Visit::delivered(night.fetch().unwrap())[0].2, "it did not come twice");
    (store.put)("in/2026-11-20/a.csv", b"restated");
    assert_eq!(Visit::delivered(night.fetch().unwrap()), [("a.csv".to_owned(), b"restated".to_vec(), true)]);
    let alone = visit("in/{date:%Y-%m-%d}/a.csv");
    assert_eq!(Visit::delivered(alone.fetch().unwrap()), [("a.csv".to_owned(), b"restated".to_vec(), true)]);
    assert!(!Visit::delivered(alone.fetch().unwrap())[0].2, "nor where it is asked for by its key");
    assert!(matches!(visit("in/absent.csv").fetch().unwrap(), Answer::NotYet { .. }));
    assert!(matches!(visit("*.csv").fetch().unwrap(), Answer::NotYet { .. }));
    (store.put)("c.csv", b"1");
    assert_eq!(names(visit("*.csv").fetch().unwrap()), ["c.csv"]);
}

/// Signed by anybody: the server looks only whether a request is.
const SIGNED: &str = "Host: s3.amazonaws.com\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261120/us-east-1/s3/\
                      aws4_request, SignedHeaders=host, Signature=0\r\n";

/// A new bucket of a real S3.
pub(crate) fn s3_bucket(endpoint: &str) -> String {
    let bucket = new_bucket();
    send(endpoint, &format!("PUT /{bucket}"), SIGNED, b"");
    bucket
}

/// A new bucket of a real Google Cloud Storage.
pub(crate) fn google_bucket(endpoint: &str) -> String {
    let (bucket, host) = (new_bucket(), "Host: storage.googleapis.com\r\n");
    send(endpoint, "POST /storage/v1/b", host, format!("{{\"name\": \"{bucket}\"}}").as_bytes());
    bucket
}

/// The key of a service account of Google.
pub(crate) fn google_key() -> String {
    let account = serde_json::json!({
        "client_email": "reader@shop.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": keys::text("merchant.pem"),
    });
    account.to_string()
}

/// Puts something in a real Azure, or makes a container: `query` as it is sent, and `named` as it is signed.
fn put_in_azure(endpoint: &str, path: &str, [query, named]: [&str; 2], body: &[u8]) {
    let key = std::env::var("TIEOUT_TEST_AZURE_KEY").unwrap();
    let (host, account) = endpoint.rsplit_once('/').unwrap();
    // https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key
    let now = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT");
    let headers = format!("x-ms-blob-type:BlockBlob\nx-ms-date:{now}\nx-ms-version:2023-11-03\n");
    let length = if body.is_empty() { String::new() } else { body.len().to_string() };
    let signed = format!("PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{headers}/{account}/{account}{path}{named}");
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &STANDARD.decode(&key).unwrap());
    let signature = STANDARD.encode(ring::hmac::sign(&secret, signed.as_bytes()));
    let headers = headers.replace('\n', "\r\n");
    let headers = format!("Host: azure\r\n{headers}Authorization: SharedKey {account}:{signature}\r\n");
    send(host, &format!("PUT /{account}{path}{query}"), &headers, body);
}

/// A new container of a real Azure.
pub(crate) fn azure_container(endpoint: &str) -> String {
    let container = new_bucket();
    put_in_azure(endpoint, &format!("/{container}"), ["?restype=container", "\nrestype:container"], b"");
    container
}

#[test]
fn a_real_s3_is_understood() {
    let Some(endpoint) = real("TIEOUT_TEST_S3", "S3") else { return };
    let bucket = s3_bucket(&endpoint);
    let put = |path: &str, body: &[u8]| send(&endpoint, &format!("PUT {path}"), SIGNED, body);
    is_understood(&Store {
        bucket: bucket.clone(),
        source: &|key| s3(&endpoint, key),
        put: &|key, body| put(&format!("/{bucket}/{key}"), body),
    });
    let absent = Visit::to(&s3(&endpoint, "tieout-absent/*.csv"), write_keys);
    assert_eq!(absent.fetch().unwrap_err().exit, Exit::BadConfiguration);
}

#[test]
fn a_real_google_cloud_storage_is_understood() {
    let Some(endpoint) = real("TIEOUT_TEST_GOOGLE", "Google Cloud Storage") else { return };
    let bucket = google_bucket(&endpoint);
    let post = |path: &str, body: &[u8]| send(&endpoint, &format!("POST {path}"), "Host: storage.googleapis.com\r\n", body);
    is_understood(&Store {
        bucket: bucket.clone(),
        source: &|key| google(&endpoint, key),
        put: &|key, body| post(&format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={key}"), body),
    });
}

/// The server of the test above knows no keys, and says of a bucket that is not there that it failed itself.
#[test]
fn what_google_says_has_an_exit_code() {
    let server = S3::start();
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let cases = [
        (401, "AuthenticationRequired", Exit::NotPermitted),
        (403, "AccessDenied", Exit::NotPermitted),
        (404, "NoSuchBucket", Exit::BadConfiguration),
        (503, "ServiceUnavailable", Exit::TryAgain),
    ];
    for (status, code, exit) in cases {
        server.held().refuses = Some(("list-type", status, code));
        let (found, shown) = Visit::to(&google(&endpoint, "bucket/*.csv"), write_keys).refused(&["PRIVATE KEY"]);
        assert!(found == exit && shown.contains(&format!("{status} {code}")), "{shown}");
    }
}

#[test]
fn a_real_azure_is_understood() {
    let Some(endpoint) = real("TIEOUT_TEST_AZURE", "Azure Blob Storage") else { return };
    let account = endpoint.rsplit_once('/').unwrap().1;
    let bucket = azure_container(&endpoint);
    let source = |key: &str| azure(&endpoint, account, key);
    is_understood(&Store {
        bucket: bucket.clone(),
        source: &source,
        put: &|key, body| put_in_azure(&endpoint, &format!("/{bucket}/{key}"), ["", ""], body),
    });
    let absent = Visit::to(&source("tieout-absent/*.csv"), write_keys);
    assert_eq!(absent.fetch().unwrap_err().exit, Exit::BadConfiguration);
    for pattern in ["*.csv", "c.csv"] {
        let stranger = Visit::to(&source(&format!("{bucket}/{pattern}")), |folder| secret(folder, "azure", "c2VzYW1l"));
        let (exit, shown) = stranger.refused(&["c2VzYW1l", "sesame"]);
        assert!(exit == Exit::NotPermitted && shown.contains("403"), "{shown}");
    }
}

/// What does not read as a key is not repeated, however it is broken.
#[test]
fn a_broken_key_is_not_shown() {
    let endpoint = "http://127.0.0.1:1";
    let on_one_line = r#"{"client_email": "", "private_key_id": "", "private_key": "-----BEGIN PRIVATE KEY-----sesame"}"#;
    let cases = [
        (google(endpoint, "bucket/a.csv"), "google", "\"open sesame\""),
        (google(endpoint, "bucket/a.csv"), "google", on_one_line),
        (azure(endpoint, "shop", "bucket/a.csv"), "azure", "open sesame"),
    ];
    for (source, name, key) in cases {
        let (exit, shown) = Visit::to(&source, |folder| secret(folder, name, key)).refused(&["sesame"]);
        assert!(exit == Exit::BadConfiguration && shown.contains("the key is not one of this store"), "{shown}");
    }
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
        ("gs://bucket/a.csv", "endpoint = \"http://store.example.com\"", "without encryption"),
        ("az://bucket/a.csv", "account_key = { env = \"X\" }", "of no `account`"),
        (
            "abfss://in@shop.dfs.core.chinacloudapi.cn/a.csv",
            "endpoint = \"https://store.example.com\"",
            "says where its store is",
        ),
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
