//! A lake in a bucket: the same nights as in a folder, whatever fails and whoever else is there.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Place, Ran};
use crate::source::s3::{Fault, S3};
use crate::source::{objects, real};

/// The sample nights, closed into a bucket of the server.
fn place(server: &S3) -> Place {
    place_in(server, "bucket")
}

fn place_in(server: &S3, bucket: &str) -> Place {
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let lake = format!(
        "lake = {{ url = \"s3://{bucket}/shop/nights\", endpoint = \"{endpoint}\", region = \"eu-central-1\", \
         access_key_id = {{ file = \"id\" }}, secret_access_key = {{ file = \"key\" }} }}"
    );
    with_lake(&lake, &[("id", "AKIAEXAMPLE"), ("key", "open sesame")])
}

fn with_lake(lake: &str, secrets: &[(&str, &str)]) -> Place {
    let place = Place::with_sample_nights();
    place.replace("jobs/nightly.toml", "lake = \"../lake\"", lake);
    for (name, text) in secrets {
        place.write_secret(&format!("jobs/{name}"), text);
    }
    place
}

/// Runs `tieout` with a place of its own to stage in.
fn run(place: &Place, arguments: &str) -> Ran {
    place.run_with(arguments, &[("TMPDIR", place.path("").to_str().unwrap())])
}

/// What is published, and what a night is verified by: all but the record of when things were done, and leases.
fn published(server: &S3) -> BTreeMap<String, Vec<u8>> {
    lasting(server.held().objects.clone())
}

fn lasting(mut objects: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    objects.retain(|key, _| !key.ends_with("audit.jsonl") && !key.contains("/staging/"));
    objects
}

/// The tables of a lake in a folder, by their paths.
fn tables(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![place.path("lake/data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(place.path("lake")).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

const NIGHTS: [&str; 2] = ["2026-11-17", "2026-11-18"];

fn close(place: &Place, night: &str) -> Ran {
    run(place, &format!("run jobs/nightly.toml --date {night} --quiet"))
}

#[test]
fn nights_in_a_bucket_are_those_in_a_folder() {
    let (server, folder) = (S3::start(), Place::with_sample_nights());
    let place = place(&server);
    for night in NIGHTS {
        let (here, there) = (close(&folder, night), close(&place, night));
        assert_eq!((here.code, there.code), (0, 0), "{}{}", here.whole(), there.whole());
    }
    // The table `nights` names the hash of the job, in which the lakes differ.
    for (path, bytes) in tables(&folder).iter().filter(|(path, _)| !path.starts_with("data/nights/")) {
        assert!(server.held().objects.get(&format!("shop/nights/{path}")) == Some(bytes), "{path}");
    }
    assert!(!server.held().objects.keys().any(|key| key.contains("/staging/")), "no lease is left");
    let before = published(&server);
    let again = run(&place, "run jobs/nightly.toml --date 2026-11-17 --json");
    assert!(again.code == 0 && again.stdout.contains("\"changed\":false"), "{}", again.whole());
    assert!(published(&server) == before, "a night run again changes nothing");
    for arguments in [
        "verify jobs/nightly.toml --date 2026-11-18",
        "status jobs/nightly.toml",
        "explain jobs/nightly.toml SO20261117000004",
        "plan jobs/nightly.toml --date 2026-11-19",
        "check jobs/nightly.toml --date 2026-11-19",
        "export page jobs/nightly.toml --date 2026-11-17 --to page.html",
        "export workbook jobs/nightly.toml --date 2026-11-17 --to night.xlsx",
        "export evidence jobs/nightly.toml --date 2026-11-17 --out evidence.zip",
        "signoff jobs/nightly.toml --date 2026-11-17 --role preparer --by Ada",
        "fetch jobs/nightly.toml --date 2026-11-19",
        "run jobs/nightly.toml --date 2026-11-19 --quiet",
        "gc jobs/nightly.toml --received-older-than 2 --now 2026-11-20T12:00:00Z",
        "verify jobs/nightly.toml --date 2026-11-19",
        "verify jobs/nightly.toml --chain",
    ] {
        let ran = run(&place, arguments);
        assert_eq!(ran.code, 0, "{arguments}: {}", ran.whole());
        assert!(!ran.whole().contains("sesame"), "{}", ran.whole());
    }
    let are_received = |night: &str| server.held().objects.keys().any(|key| key.contains("/raw/") && key.contains(night));
    assert_eq!(["2026-11-17", "2026-11-18", "2026-11-19"].map(are_received), [false, false, true]);
    let staging = std::fs::read_dir(place.path("")).unwrap().map(|found| found.unwrap().path());
    let staging: Vec<_> = staging.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("tieout-")).collect();
    assert_eq!(staging.len(), 1);
    let left = std::fs::read_dir(staging[0].join("staging")).unwrap().count();
    assert_eq!(left, 0, "nothing is left staged on this machine");
}

#[test]
fn a_restated_file_makes_a_generation_and_a_lost_table_is_restored() {
    let server = S3::start();
    let place = place(&server);
    assert_eq!(close(&place, NIGHTS[0]).code, 0);
    let first = published(&server);
    server.held().objects.remove("shop/nights/data/breaks/date=2026-11-17/breaks.parquet");
    assert_eq!(close(&place, NIGHTS[0]).code, 0);
    assert!(published(&server) == first, "the table is back, byte for byte");
    let file = "sample-data/merchant/orders_20261117.csv";
    let text = String::from_utf8(place.read(file)).unwrap();
    place.write(file, text.replacen(",web,", ",app,", 1));
    assert_eq!(close(&place, NIGHTS[0]).code, 0);
    let second = published(&server);
    assert!(second.contains_key("shop/nights/meta/nights/2026-11-17/2.json"));
    let ran = run(&place, "verify jobs/nightly.toml --date 2026-11-17 --generation 1");
    assert_eq!(ran.code, 0, "the first one can still be closed again from the archive: {}", ran.whole());
    let ran = run(&place, "diff jobs/nightly.toml --date 2026-11-17");
    assert!(ran.code == 0 && ran.stdout.contains("orders"), "{}", ran.whole());
}

/// Longer than one request takes: its parts are one file again, here and on another machine.
#[test]
fn a_long_file_goes_in_parts() {
    let server = S3::start();
    let place = place(&server);
    let file = "sample-data/merchant/orders_20261117.csv";
    let mut bytes = place.read(file);
    bytes.resize(bytes.len() + (33 << 20), b'\n');
    place.write(file, &bytes);
    server.begin(None);
    let ran = close(&place, NIGHTS[0]);
    assert_eq!(ran.code, 0, "{}", ran.whole());
    let parts = server.held().asked.iter().filter(|asked| asked.contains("partNumber=")).count();
    assert_eq!(parts, bytes.len().div_ceil(8 << 20));
    let held: Vec<Vec<u8>> = server.held().objects.values().filter(|object| object.len() > 8 << 20).cloned().collect();
    assert!(held == [bytes]);
    let ran = run(&place, "verify jobs/nightly.toml --date 2026-11-17");
    assert_eq!(ran.code, 0, "{}", ran.whole());
}

/// What a store keeps is looked at again before anything stands on it.
#[test]
fn a_store_that_keeps_something_else_is_noticed() {
    let server = S3::start();
    let place = place(&server);
    for part in ["/raw/", "/data/breaks/"] {
        server.held().spoils = Some(part);
        let ran = close(&place, NIGHTS[0]);
        assert!(ran.code == 75 && ran.stderr.contains("another file than was sent"), "{part}: {}", ran.whole());
        assert!(!server.held().objects.keys().any(|key| key.contains("/meta/nights/")), "{part}: no night stands on it");
    }
    server.held().spoils = None;
    // What is in the archive already is believed by its size until it is read.
    server.held().objects.clear();
    assert_eq!(close(&place, NIGHTS[0]).code, 0);
    let archived = server.held().objects.keys().find(|key| key.contains("/raw/orders/")).cloned().unwrap();
    server.held().objects.get_mut(&archived).unwrap()[100] ^= 1;
    let ran = run(&place, "verify jobs/nightly.toml --date 2026-11-17");
    assert!(ran.code == 65 && ran.stderr.contains("was changed"), "{}", ran.whole());
}

#[test]
fn a_check_reaches_into_the_lake() {
    let server = S3::start();
    let place = place(&server);
    let ran = run(&place, "check jobs/nightly.toml");
    assert!(ran.code == 0 && ran.stdout.contains("lake: s3://bucket/shop/nights\n    can be reached"), "{}", ran.whole());
    for (status, code, exit) in [
        (403, "AccessDenied", 77),
        (400, "ExpiredToken", 77),
        (404, "NoSuchBucket", 78),
        (301, "", 78),
        (400, "RequestTimeout", 75),
        (503, "SlowDown", 75),
    ] {
        server.held().refuses = Some(("list-type", status, code));
        let ran = run(&place, "check jobs/nightly.toml");
        assert!(ran.code == exit && ran.stderr.contains(code), "{status} {code}: {}", ran.whole());
    }
    server.held().asked.clear();
    assert_eq!(run(&place, "check jobs/nightly.toml --offline").code, 0);
    assert!(server.held().asked.is_empty());
}

/// How many requests fewer a night may make than another time.
const MAY_BE_FEWER: usize = 10;

/// A store, and what is in front of it.
struct Faulty<'s> {
    server: &'s S3,
    place: Place,
    /// All objects, and a way to remove those whose keys hold a text.
    held: &'s dyn Fn() -> BTreeMap<String, Vec<u8>>,
    remove: &'s dyn Fn(&str),
}

impl Faulty<'_> {
    fn published(&self) -> BTreeMap<String, Vec<u8>> {
        lasting((self.held)())
    }

    /// A fault of one request, whichever it is: what is visible is one night or none, the message says so, and the next
    /// run gives what an undisturbed one gives. One request in so many is tried.
    fn is_never_half_visible(&self, step: usize) {
        let Self { server, place, .. } = self;
        server.begin(None);
        assert_eq!(close(place, NIGHTS[0]).code, 0);
        let (whole, count) = (self.published(), server.held().count);
        assert!(count > 60, "a night takes {count} requests");
        let faults = [Fault::Status(409), Fault::Status(412), Fault::Status(500), Fault::Status(403), Fault::Cut, Fault::Lost];
        let all = std::env::var_os("TIEOUT_ALL_FAULTS").is_some();
        // One of them each, and all of them where that is asked for.
        for number in (1..=count).step_by(if all { 1 } else { step }) {
            for (at, fault) in faults.into_iter().enumerate() {
                if !all && !(number / step + at).is_multiple_of(faults.len()) {
                    continue;
                }
                (self.remove)("");
                server.begin(Some((number, fault)));
                let ran = close(place, NIGHTS[0]);
                let asked = server.held().asked.get(number - 1).cloned().unwrap_or_default();
                let case = format!("request {number} ({asked}) meets {fault:?}: {}", ran.whole());
                // Two threads that look for the same bytes at once may both ask for them, or one of them.
                assert!(server.held().happened || number + MAY_BE_FEWER > count, "{case}");
                assert!([0, 75, 77, 78].contains(&ran.code), "{case}");
                let visible = self.published();
                if ran.code == 0 {
                    assert!(visible == whole, "{case}");
                } else {
                    assert!(ran.stderr.contains("next: "), "{case}");
                    assert!(visible.iter().all(|(key, bytes)| whole.get(key) == Some(bytes)), "{case}");
                }
                // As four minutes later: a lease that was left has run out.
                (self.remove)("/staging/");
                server.begin(None);
                let ran = close(place, NIGHTS[0]);
                assert_eq!(ran.code, 0, "after {case}the next run: {}", ran.whole());
                assert!(self.published() == whole, "after {case}");
            }
        }
        let ran = run(place, "verify jobs/nightly.toml --date 2026-11-17");
        assert_eq!(ran.code, 0, "{}", ran.whole());
    }
}

#[test]
fn whichever_request_fails_nothing_half_is_visible() {
    let server = S3::start();
    let faulty = Faulty {
        server: &server,
        place: place(&server),
        held: &|| server.held().objects.clone(),
        remove: &|text| server.held().objects.retain(|key, _| !key.contains(text)),
    };
    faulty.is_never_half_visible(1);
}

/// The same before a real store, with its own answers to all that meets no fault.
#[test]
fn whichever_request_to_a_real_s3_fails_nothing_half_is_visible() {
    use futures::TryStreamExt;
    use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder};
    let Some(endpoint) = real("TIEOUT_TEST_S3", "S3") else { return };
    let (server, bucket) = (S3::before(&endpoint), objects::s3_bucket(&endpoint));
    let store = AmazonS3Builder::new().with_bucket_name(&bucket).with_endpoint(&endpoint).with_allow_http(true);
    let store = store.with_access_key_id("AKIAEXAMPLE").with_secret_access_key("open sesame").build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listed = || runtime.block_on(store.list(None).try_collect::<Vec<_>>()).unwrap();
    let faulty = Faulty {
        server: &server,
        place: place_in(&server, &bucket),
        held: &|| {
            let got = |key: &object_store::path::Path| {
                runtime.block_on(async { store.get(key).await.unwrap().bytes().await.unwrap().to_vec() })
            };
            listed().into_iter().map(|found| (found.location.to_string(), got(&found.location))).collect()
        },
        remove: &|text| {
            for found in listed().into_iter().filter(|found| found.location.as_ref().contains(text)) {
                runtime.block_on(store.delete(&found.location)).unwrap();
            }
        },
    };
    faulty.is_never_half_visible(7);
}

/// A store that takes a request and never answers: a question is asked again, and where something may have been done the
/// night ends, and can be closed by the next run. Each takes two minutes, so many are tried at once.
#[test]
fn a_store_that_falls_silent_is_not_waited_for() {
    let undisturbed = S3::start();
    undisturbed.begin(None);
    assert_eq!(close(&place(&undisturbed), NIGHTS[0]).code, 0);
    let asked = undisturbed.held().asked.clone();
    let number = |what: &str| asked.iter().position(|asked| asked.contains(what)).unwrap() + 1;
    let requests = if std::env::var_os("TIEOUT_ALL_FAULTS").is_some() {
        (1..=asked.len()).collect()
    } else {
        vec![1, number("PUT /bucket/shop/nights/data/"), number("PUT /bucket/shop/nights/meta/nights/")]
    };
    let is_silent_at = |number: usize| {
        let server = S3::start();
        let place = place(&server);
        server.begin(Some((number, Fault::Silence)));
        let ran = close(&place, NIGHTS[0]);
        let case = format!("request {number} ({}): {}", asked[number - 1], ran.whole());
        assert!(server.held().happened || number + MAY_BE_FEWER > asked.len(), "{case}");
        assert!([0, 75].contains(&ran.code), "{case}");
        assert_eq!(server.held().waited_out, None, "it was waited for as long as it was silent: {case}");
        assert!(ran.code == 0 || ran.stderr.contains("next: run again"), "{case}");
        let close_again = || {
            server.begin(None);
            assert_eq!(close(&place, NIGHTS[0]).code, 0, "after {case}");
            published(&server)
        };
        let whole = close_again();
        server.held().objects.clear();
        assert!(whole == close_again(), "after {case}");
    };
    for at_once in requests.chunks(50) {
        std::thread::scope(|scope| {
            for number in at_once {
                scope.spawn(|| is_silent_at(*number));
            }
        });
    }
}

/// Killed while it waits for any request, as by kill -9: the lease it leaves has run out by the date of the server.
#[test]
fn wherever_a_run_is_killed_the_next_one_ends_it() {
    let server = S3::start();
    let place = place(&server);
    server.begin(None);
    assert_eq!(close(&place, NIGHTS[0]).code, 0);
    let (whole, count) = (published(&server), server.held().count);
    let step = if std::env::var_os("TIEOUT_ALL_FAULTS").is_some() { 1 } else { 7 };
    for number in (1..=count).step_by(step) {
        server.held().objects.clear();
        server.begin(Some((number, Fault::Silence)));
        let mut child = start(&place, NIGHTS[0]);
        while !server.held().happened && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(server.held().happened || number + MAY_BE_FEWER > count, "request {number} of {count} is made");
        let _ = child.kill();
        child.wait().unwrap();
        let visible = published(&server);
        let is_known = |(key, bytes): (&String, &Vec<u8>)| whole.get(key) == Some(bytes);
        assert!(visible.iter().all(is_known), "killed at request {number}");
        server.begin(None);
        let ran = close(&place, NIGHTS[0]);
        assert_eq!(ran.code, 0, "after a kill at request {number}: {}", ran.whole());
        assert!(published(&server) == whole, "after a kill at request {number}");
    }
    let ran = run(&place, "verify jobs/nightly.toml --chain");
    assert_eq!(ran.code, 0, "{}", ran.whole());
}

fn start(place: &Place, night: &str) -> std::process::Child {
    let mut command = place.command(&format!("run jobs/nightly.toml --date {night} --quiet"));
    command.env("TMPDIR", place.path("")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn now() -> String {
    chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Another machine holds the night; then it is silent, and the night is taken from it.
#[test]
fn a_night_that_another_machine_closes_is_left_alone() {
    let server = S3::start();
    let place = place(&server);
    let lease = "shop/nights/staging/2026-11-17.lock";
    let other = br#"{"process":7,"host":"elsewhere","since":"2026-11-21T01:00:00Z"}"#;
    server.put(lease, other);
    server.held().modified = Some(now());
    let ran = close(&place, NIGHTS[0]);
    assert!(ran.code == 75 && ran.stderr.contains("held by process 7 on elsewhere"), "{}", ran.whole());
    assert_eq!(server.held().objects.len(), 1, "nothing was written");
    server.held().modified = None;
    let ran = close(&place, NIGHTS[0]);
    assert_eq!(ran.code, 0, "the lease was not renewed for long: {}", ran.whole());
    assert!(!server.held().objects.contains_key(lease), "it is given back");
}

/// A store that does not hold conditions would let two runs publish: it is refused before anything is written.
#[test]
fn a_store_without_conditions_is_refused() {
    let server = S3::start();
    server.held().unconditional = true;
    let ran = close(&place(&server), NIGHTS[0]);
    assert!(ran.code == 78 && ran.stderr.contains("does not hold the condition"), "{}", ran.whole());
    assert!(server.held().objects.is_empty());
}

/// Several machines, each with a folder of its own to stage in, close the same nights at once.
#[test]
fn of_runs_at_once_one_publishes() {
    let server = S3::start();
    server.held().modified = Some(now());
    let places: Vec<Place> = (0..4).map(|_| place(&server)).collect();
    let children: Vec<_> = places.iter().map(|place| start(place, NIGHTS[0])).collect();
    let codes: Vec<i32> = children.into_iter().map(|mut child| child.wait().unwrap().code().unwrap()).collect();
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    let manifests = published(&server).into_keys().filter(|key| key.contains("/meta/nights/")).count();
    assert_eq!(manifests, 1, "{codes:?}");
    let trail = String::from_utf8(server.held().objects["shop/nights/meta/audit.jsonl"].clone()).unwrap();
    assert_eq!(trail.matches("\"action\":\"published\"").count(), 1, "{trail}");
    let ran = run(&places[0], "verify jobs/nightly.toml --chain");
    assert_eq!(ran.code, 0, "{}", ran.whole());
}

/// What is wrong with where a lake is said to be, is said before anybody is asked.
#[test]
fn an_address_that_cannot_be_a_lake_is_refused() {
    let cases = [
        ("lake = \"s3://bucket/nights/*\"", "a lake is in one place"),
        ("lake = \"ftp://host/nights\"", "not the address of objects"),
        ("lake = { url = \"s3://bucket/nights\", regoin = \"eu\" }", "regoin"),
        ("lake = { url = \"gs://bucket/nights\", region = \"eu\" }", "another kind of store"),
        ("lake = { url = \"s3://bucket/nights\", endpoint = \"http://example.com\" }", "without encryption"),
    ];
    for (lake, said) in cases {
        let ran = close(&with_lake(lake, &[]), NIGHTS[0]);
        assert!(ran.code == 78 && ran.stderr.contains(said), "{lake}: {}", ran.whole());
    }
}

#[test]
fn a_real_s3_keeps_a_lake() {
    let Some(endpoint) = real("TIEOUT_TEST_S3", "S3") else { return };
    let bucket = objects::s3_bucket(&endpoint);
    let lake = format!(
        "lake = {{ url = \"s3://{bucket}/nights\", endpoint = \"{endpoint}\", region = \"us-east-1\", \
         access_key_id = {{ file = \"id\" }}, secret_access_key = {{ file = \"key\" }} }}"
    );
    keeps_a_lake(&with_lake(&lake, &[("id", "AKIAEXAMPLE"), ("key", "open sesame")]));
}

/// The real server of the tests does not write by the interface that takes conditions.
#[test]
fn a_google_cloud_storage_keeps_a_lake() {
    let server = S3::start();
    server.held().modified = Some(now());
    let lake = format!(
        "lake = {{ url = \"gs://bucket/nights\", endpoint = \"http://127.0.0.1:{}\", service_account_key = {{ file = \"google\" }} }}",
        server.port
    );
    keeps_a_lake(&with_lake(&lake, &[("google", &objects::google_key())]));
}

#[test]
fn a_real_azure_keeps_a_lake() {
    let Some(endpoint) = real("TIEOUT_TEST_AZURE", "Azure Blob Storage") else { return };
    let (container, key) = (objects::azure_container(&endpoint), std::env::var("TIEOUT_TEST_AZURE_KEY").unwrap());
    let account = endpoint.rsplit_once('/').unwrap().1;
    let lake = format!(
        "lake = {{ url = \"az://{container}/nights\", endpoint = \"{endpoint}\", account = \"{account}\", \
         account_key = {{ file = \"azure\" }} }}"
    );
    keeps_a_lake(&with_lake(&lake, &[("azure", &key)]));
}

/// Two nights, closed, run again, restated and verified, and two runs at once.
fn keeps_a_lake(place: &Place) {
    for night in NIGHTS {
        let ran = close(place, night);
        assert_eq!(ran.code, 0, "{}", ran.whole());
        let again = run(place, &format!("run jobs/nightly.toml --date {night} --json"));
        assert!(again.code == 0 && again.stdout.contains("\"changed\":false"), "{}", again.whole());
    }
    let mut children = [start(place, "2026-11-19"), start(place, "2026-11-19")];
    let codes = children.each_mut().map(|child| child.wait().unwrap().code().unwrap());
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    let file = "sample-data/merchant/orders_20261118.csv";
    let text = String::from_utf8(place.read(file)).unwrap();
    place.write(file, text.replacen(",web,", ",app,", 1));
    let ran = run(place, "backfill jobs/nightly.toml --from 2026-11-17 --to 2026-11-19");
    assert_eq!(ran.code, 0, "{}", ran.whole());
    for arguments in
        ["verify jobs/nightly.toml --date 2026-11-19", "verify jobs/nightly.toml --chain", "status jobs/nightly.toml"]
    {
        let ran = run(place, arguments);
        assert_eq!(ran.code, 0, "{arguments}: {}", ran.whole());
    }
}
