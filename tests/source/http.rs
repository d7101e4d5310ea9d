//! What holds for every interface: where requests go, what is tried again, and what is believed of an answer. Shown on
//! the plainest of them, which asks for a file by its name.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use tieout::error::Exit;
use tieout::format::bounds::UNPACKED_BYTES as FILE_BYTES;
use tieout::secret::SecretText;
use tieout::source::http::{ANSWER_BYTES, Endpoint, get, said, sensitive, sent_on};
use tieout::source::{Answer, Ready};
use url::Url;

use super::server::{Heard, How, Says, Server};
use super::{Visit, keys};

const FILE: &[u8] = b"Company Account,Merchant Account\nLanternKettle,LanternKettleECOM\n";
const PATH: &str = "/reports/download/MerchantAccount/LanternKettleECOM/report_2026_11_20.csv";

/// A server that says these things in turn, and the last of them for ever.
fn server(says: Vec<Says>) -> Server {
    let turn = AtomicUsize::new(0);
    Server::start(move |_| says[turn.fetch_add(1, Ordering::SeqCst).min(says.len() - 1)].clone())
}

fn visit(server: &Server) -> Visit {
    let source = format!(
        "[source.adyen]\nfile = 'report_{{date:%Y_%m_%d}}.csv'\napi_key = {{ file = 'key' }}\nendpoint = '{}'",
        server.endpoint()
    );
    let mut visit = Visit::to(&source, |folder| keys::secret(folder, "key", "AQE-secret"));
    visit.account = "LanternKettleECOM";
    visit
}

fn file() -> Says {
    Says::new(200, FILE)
}

fn whole(visit: &Visit) {
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [("report_2026_11_20.csv".to_owned(), FILE.to_vec(), true)]);
}

#[test]
fn an_interface_is_asked_in_the_open_on_this_machine_alone() {
    let endpoint = |text: &str| Endpoint::try_from(text.to_owned());
    for right in
        ["https://api.stripe.com", "https://a.example:8443/b/", "http://localhost:1", "http://127.9.9.9", "http://[::1]:80"]
    {
        assert!(endpoint(right).is_ok(), "{right}");
    }
    let wrong = [
        "http://api.stripe.com",
        "http://localhost.example",
        "http://128.0.0.1",
        "http://127.0.0.1.example",
        "ftp://api.stripe.com",
        "https://user@api.stripe.com",
        "https://:word@api.stripe.com",
        "https://api.stripe.com/?token=t",
        "https://api.stripe.com/#there",
        "api.stripe.com",
        "",
    ];
    for wrong in wrong {
        assert!(endpoint(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_address_out_of_an_answer_is_held_to_the_known_hosts() {
    let endpoint = Endpoint::try_from("https://ca-live.adyen.com".to_owned()).unwrap();
    let admits = |text: &str| endpoint.admits(&Url::parse(text).unwrap(), &[".adyen.com", "files.example.com"]).is_ok();
    for right in [
        "https://ca-live.adyen.com/a",
        "https://x.y.adyen.com/",
        "https://files.example.com/a?b",
        "https://FILES.example.com:443/",
    ] {
        assert!(admits(right), "{right}");
    }
    let wrong = [
        "http://ca-live.adyen.com/",
        "https://adyen.com/",
        "https://.adyen.com/",
        "https://evil-adyen.com/",
        "https://ca-live.adyen.com.example.com/",
        "https://ca-live.adyen.com:8443/",
        "https://key@ca-live.adyen.com/",
        "https://a.files.example.com/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "https://example.com/.adyen.com",
    ];
    for wrong in wrong {
        assert!(!admits(wrong), "{wrong}");
    }
}

#[test]
fn who_asks_says_who_it_is_and_no_more() {
    let server = server(vec![file()]);
    whole(&visit(&server));
    let Heard { headers, target, method, .. } = server.heard().remove(0);
    assert_eq!((method.as_str(), target.as_str()), ("GET", PATH));
    assert_eq!(headers["user-agent"], concat!("tieout/", env!("CARGO_PKG_VERSION")));
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["accept", "host", "user-agent", "x-api-key"]);
}

#[test]
fn what_is_sent_on_is_followed_on_the_same_host() {
    let moved = |to: &str| Says::new(302, "").header("Location", to);
    let server = server(vec![moved("/elsewhere"), moved("again?x=1"), moved("/here"), file()]);
    whole(&visit(&server));
    let heard: Vec<String> = server.heard().into_iter().map(|heard| heard.target).collect();
    assert_eq!(heard, [PATH, "/elsewhere", "/again?x=1", "/here"]);
    assert!(server.heard().iter().all(|heard| heard.header("x-api-key") == "AQE-secret"));
}

#[test]
fn what_is_sent_on_elsewhere_or_for_ever_is_not_followed() {
    let stranger = server(vec![file()]);
    for to in [
        stranger.endpoint(),
        "http://ca-live.adyen.com/".to_owned(),
        "https://example.com/".to_owned(),
        "//example.com/".to_owned(),
    ] {
        let server = server(vec![Says::new(307, "").header("Location", format!("{to}?token=t0ken"))]);
        let (exit, shown) = visit(&server).refused(&["AQE-secret", "t0ken"]);
        assert_eq!(exit, Exit::BadData, "{shown}");
        assert_eq!(server.heard().len(), 1);
    }
    assert!(stranger.heard().is_empty());
    let server = server(vec![Says::new(301, "").header("Location", "/round")]);
    let (exit, shown) = visit(&server).refused(&["AQE-secret"]);
    assert_eq!((exit, server.heard().len()), (Exit::BadData, 4), "{shown}");
}

#[test]
fn what_is_sent_on_to_another_host_carries_no_credentials() {
    let mut request = get(Url::parse("https://ca-live.adyen.com/a").unwrap());
    request.headers_mut().insert(AUTHORIZATION, sensitive("Basic c2VjcmV0").unwrap());
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
    let same = sent_on(&request, Url::parse("https://ca-live.adyen.com/b").unwrap());
    assert!(same.headers().contains_key(AUTHORIZATION) && same.url().path() == "/b");
    for other in ["https://files.adyen.com/b", "https://ca-live.adyen.com:8443/b", "http://ca-live.adyen.com/b"] {
        let other = sent_on(&request, Url::parse(other).unwrap());
        assert!(!other.headers().contains_key(AUTHORIZATION) && other.headers().contains_key(ACCEPT));
    }
}

#[test]
fn a_status_has_a_meaning_where_the_provider_gives_it_none() {
    let cases = [
        (401, Exit::NotPermitted, 1),
        (403, Exit::NotPermitted, 1),
        (400, Exit::BadConfiguration, 1),
        (410, Exit::BadConfiguration, 1),
        (304, Exit::BadConfiguration, 1),
        (408, Exit::TryAgain, 3),
        (429, Exit::TryAgain, 3),
        (500, Exit::TryAgain, 3),
        (502, Exit::TryAgain, 3),
        (503, Exit::TryAgain, 3),
    ];
    for (status, exit, tries) in cases {
        let server = server(vec![Says::new(status, "<html>")]);
        let (found, shown) = visit(&server).refused(&["AQE-secret"]);
        assert_eq!((found, server.heard().len()), (exit, tries), "{status}: {shown}");
        assert!(shown.contains(&status.to_string()), "{shown}");
    }
    let server = server(vec![Says::new(404, "")]);
    assert!(matches!(visit(&server).fetch().unwrap(), Answer::NotYet { .. }));
    assert!(matches!(visit(&server).ready().unwrap(), Ready::NotYet { .. }));
}

#[test]
fn whoever_asks_for_time_gets_it() {
    for after in ["1", "Sat, 21 Nov 2026 02:30:01 GMT"] {
        let server = server(vec![Says::new(429, "").header("Retry-After", after), file()]);
        let began = Instant::now();
        whole(&visit(&server));
        assert!(began.elapsed() >= Duration::from_secs(1), "{after}");
    }
    // Later than there is time for: said at once.
    let server = server(vec![Says::new(503, "").header("Retry-After", "3600")]);
    let (exit, shown) = visit(&server).refused(&[]);
    assert_eq!((exit, server.heard().len()), (Exit::TryAgain, 1), "{shown}");
}

#[test]
fn a_file_that_breaks_off_goes_on_where_it_broke() {
    let parts = |says: Says| says.header("ETag", "\"one\"");
    let rest = parts(Says::new(206, &FILE[20..])).header("Content-Range", format!("bytes 20-{}/{}", FILE.len() - 1, FILE.len()));
    let server = server(vec![parts(file()).how(How::BreaksAfter(20)), rest]);
    whole(&visit(&server));
    let heard = server.heard();
    assert_eq!((heard[1].header("range"), heard[1].header("if-range")), ("bytes=20-", "\"one\""));
}

#[test]
fn a_file_that_breaks_off_begins_anew_where_it_may_be_another() {
    let broken = |tag: &str| {
        let old = vec![b'x'; 40];
        Says::new(200, old).header("ETag", tag).how(How::BreaksAfter(20))
    };
    let part = |begins: usize, tag: &str| {
        let range = format!("bytes {begins}-{}/{}", FILE.len() - 1, FILE.len());
        Says::new(206, &FILE[begins..]).header("Content-Range", range).header("ETag", tag)
    };
    let cases = [
        // Nothing, or a weak tag, tells one state of it from another; or it is another now.
        vec![file().how(How::BreaksAfter(20)), file()],
        vec![broken("W/\"one\""), file()],
        vec![broken("\"one\""), file().header("ETag", "\"two\"")],
        // Parts that do not fit.
        vec![broken("\"one\""), part(10, "\"one\""), file()],
        vec![broken("\"one\""), part(20, "\"two\""), file()],
        vec![broken("\"one\""), Says::new(416, ""), file()],
        vec![part(20, "\"one\""), file()],
        vec![Says::new(200, vec![b'x'; 40]).how(How::BreaksAfter(20)), part(20, "\"one\""), file()],
    ];
    for says in cases {
        whole(&visit(&server(says)));
    }
}

#[test]
fn lengths_are_held_to() {
    // Announced and not sent.
    let server_of_less = server(vec![file().how(How::Announces(FILE.len() + 1))]);
    let (exit, shown) = visit(&server_of_less).refused(&["AQE-secret"]);
    assert_eq!((exit, server_of_less.heard().len()), (Exit::TryAgain, 3), "{shown}");
    // In pieces, without a length.
    whole(&visit(&server(vec![file().how(How::InPieces)])));
    // More than any file has, and more than any answer has.
    let length = usize::try_from(FILE_BYTES).unwrap() + 1;
    let (exit, shown) = visit(&server(vec![file().how(How::Announces(length))])).refused(&[]);
    assert_eq!(exit, Exit::BadData, "{shown}");
    let (exit, shown) = visit(&server(vec![Says::new(400, vec![b'x'; ANSWER_BYTES + 1])])).refused(&[]);
    assert_eq!(exit, Exit::BadData, "{shown}");
}

#[test]
fn silence_ends_a_try() {
    let server = server(vec![file().how(How::Stalls), file()]);
    let mut visit = visit(&server);
    visit.manners.silence = Duration::from_millis(100);
    whole(&visit);
}

#[test]
fn nobody_there_is_a_reason_to_come_back() {
    let server = server(vec![file()]);
    let visit = visit(&server);
    drop(server);
    let (exit, shown) = visit.refused(&["AQE-secret"]);
    assert_eq!(exit, Exit::TryAgain);
    assert!(shown.contains("tried 3 times"), "{shown}");
}

#[test]
fn what_was_packed_on_the_way_is_not_the_file() {
    let server = server(vec![file().header("Content-Encoding", "gzip")]);
    let (exit, shown) = visit(&server).refused(&[]);
    assert_eq!(exit, Exit::BadData);
    assert!(shown.contains("compressed"), "{shown}");
}

#[test]
fn hosts_are_not_crowded() {
    static TALKING: AtomicUsize = AtomicUsize::new(0);
    let most = std::sync::Arc::new(Mutex::new(0));
    let seen = most.clone();
    let server = Server::start(move |_| {
        let now = TALKING.fetch_add(1, Ordering::SeqCst) + 1;
        let mut most = seen.lock().unwrap();
        *most = now.max(*most);
        drop(most);
        std::thread::sleep(Duration::from_millis(30));
        TALKING.fetch_sub(1, Ordering::SeqCst);
        file()
    });
    let endpoint = Endpoint::try_from(server.endpoint()).unwrap();
    let clock = super::morning;
    let board = tieout::source::Switchboard::new(super::HASTY, &clock, &|_, _| {});
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let conversation = board.begin("adyen").unwrap();
                let client = tieout::source::http::Client::new(&conversation, &endpoint, &[]).unwrap();
                assert_eq!(client.ask(&get(endpoint.at("/").unwrap())).unwrap().body, FILE);
            });
        }
    });
    assert_eq!(*most.lock().unwrap(), super::HASTY.per_host);
}

#[test]
fn what_was_said_is_repeated_without_secrets() {
    let secret = SecretText::from("sk_live_secret");
    let signature = keys::sign("merchant.pem", b"a message");
    let text =
        format!("key sk_live_secret\r\nfor card 4111111111111111, signature=\"{signature}\" of bill_type {}", "x y".repeat(100));
    let shown = said(&text, &[&secret]);
    assert!(shown.starts_with("key …  for card ************1111, signature=\"…\" of bill_type x yx"), "{shown}");
    assert_eq!(shown.chars().count(), 240);
    // Cut off, what is left of a secret would not be known as one.
    assert_eq!(said(&format!("{} {signature}", "x ".repeat(118)), &[]).chars().last(), Some('…'));
}
