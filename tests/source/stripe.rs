//! Stripe, played by a server that makes reports as the real one does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tieout::error::Exit;
use tieout::source::{Answer, Ready};

use super::server::{Heard, Says, Server};
use super::{Visit, keys, refused_at_once};

const KEY: &str = "sk_live_51Secret";
const REPORT: &str = "balance_change_from_activity.itemized.3";
const FILE: &str = "balance_transaction_id,gross\ntxn_1,10.00\n";
/// The business date in Shanghai: 2026-11-20, from 2026-11-19T16:00:00Z.
const BEGIN: i64 = 1_795_104_000;
const END: i64 = BEGIN + 86_400;

/// What is played once, in turn, before everything is as it should be.
#[derive(Clone)]
enum Plays {
    /// Has data until then.
    Until(i64),
    /// Has data since then.
    Since(i64),
    /// Answers an order with this error.
    Refuses(u16, &'static str),
    /// Takes so many looks to make a report.
    Waits(usize),
    /// Does not make it.
    Fails,
    /// Names this address for the file.
    Sends(&'static str),
    /// Gives a file that is shorter than it said.
    Shortens,
    /// Answers the download with this error.
    RefusesFile(u16),
}

#[derive(Default)]
struct Reports {
    plays: Vec<Plays>,
    orders: BTreeSet<String>,
    looks: usize,
    fails: bool,
}

impl Reports {
    fn next(&mut self, fits: impl Fn(&Plays) -> bool) -> Option<Plays> {
        let at = self.plays.iter().position(fits)?;
        Some(self.plays.remove(at))
    }

    fn answer(&mut self, heard: &Heard) -> Says {
        if heard.header("authorization") != format!("Bearer {KEY}") {
            // Worse than the real one: it repeats the key.
            return refusal(
                401,
                "invalid_request_error",
                &format!("Invalid API Key provided: {}", heard.header("authorization")),
            );
        }
        match (heard.method.as_str(), heard.path()) {
            ("GET", "/v1/reporting/report_types/balance_change_from_activity.itemized.3") => {
                let (mut since, mut until) = (0, END);
                match self.next(|play| matches!(play, Plays::Until(_) | Plays::Since(_))) {
                    Some(Plays::Until(time)) => until = time,
                    Some(Plays::Since(time)) => since = time,
                    _ => {}
                }
                Says::new(200, format!(r#"{{"data_available_start":{since},"data_available_end":{until},"updated":1}}"#))
            }
            ("POST", "/v1/reporting/report_runs") => self.order(heard),
            ("GET", path) if path.starts_with("/v1/reporting/report_runs/frr_") => {
                self.looks = self.looks.saturating_sub(1);
                self.run(heard)
            }
            ("GET", "/v1/files/file_1/contents") => {
                match self.next(|play| matches!(play, Plays::Shortens | Plays::RefusesFile(_))) {
                    Some(Plays::RefusesFile(status)) => refusal(status, "api_error", "as played"),
                    Some(Plays::Shortens) => Says::new(200, &FILE[..20]),
                    _ => Says::new(200, FILE),
                }
            }
            _ => Says::new(404, ""),
        }
    }

    fn order(&mut self, heard: &Heard) -> Says {
        let key = heard.header("idempotency-key");
        assert_eq!(key.len(), 32);
        if let Some(Plays::Refuses(status, kind)) = self.next(|play| matches!(play, Plays::Refuses(..))) {
            return refusal(status, kind, "Column `nonsense` is not there");
        }
        // The same key is the same order, and its report is what it was.
        if self.orders.insert(key.to_owned()) {
            let play = self.next(|play| matches!(play, Plays::Waits(_) | Plays::Fails));
            self.fails = matches!(play, Some(Plays::Fails));
            self.looks = if let Some(Plays::Waits(looks)) = play { looks } else { 1 };
        }
        self.run(heard)
    }

    fn run(&mut self, heard: &Heard) -> Says {
        let id = format!("frr_{}", self.orders.len());
        if self.looks > 0 {
            return Says::new(200, format!(r#"{{"id":"{id}","status":"pending","result":null}}"#));
        }
        if self.fails {
            return Says::new(200, format!(r#"{{"id":"{id}","status":"failed","error":"out of luck","result":null}}"#));
        }
        let url = match self.next(|play| matches!(play, Plays::Sends(_))) {
            Some(Plays::Sends(url)) => url.to_owned(),
            _ => format!("http://{}/v1/files/file_1/contents", heard.header("host")),
        };
        let size = FILE.len();
        let result = format!(r#"{{"id":"file_1","size":{size},"type":"csv","url":"{url}"}}"#);
        Says::new(200, format!(r#"{{"id":"{id}","status":"succeeded","error":null,"result":{result}}}"#))
    }
}

fn refusal(status: u16, kind: &str, message: &str) -> Says {
    Says::new(status, serde_json::json!({ "error": { "type": kind, "message": message } }).to_string())
}

fn visit_with(plays: &[Plays], more: &str) -> (Server, Visit) {
    let reports = Arc::new(Mutex::new(Reports { plays: plays.to_vec(), ..Reports::default() }));
    let server = Server::start(move |heard| reports.lock().unwrap().answer(heard));
    let endpoint = server.endpoint();
    let source = format!("[source.stripe]\nreport_type = '{REPORT}'\nkey = {{ file = 'key' }}\nendpoint = '{endpoint}'\n{more}");
    let mut visit = Visit::to(&source, |folder| keys::secret(folder, "key", KEY));
    visit.account = "acct_1LanternKettle";
    (server, visit)
}

fn visit(plays: &[Plays]) -> (Server, Visit) {
    visit_with(plays, "")
}

#[test]
fn a_report_is_ordered_awaited_and_taken() {
    let (server, visit) = visit(&[Plays::Waits(3)]);
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let name = "acct_1LanternKettle_balance_change_from_activity.itemized.3_20261120.csv".to_owned();
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [(name, FILE.as_bytes().to_vec(), true)]);
    let heard = server.heard();
    assert_eq!(heard.iter().filter(|heard| heard.path().contains("/frr_1")).count(), 3);
    let form = heard[2].pairs();
    let expected = [
        ("parameters[interval_end]", END.to_string()),
        ("parameters[interval_start]", BEGIN.to_string()),
        ("parameters[timezone]", "Asia/Shanghai".to_owned()),
        ("report_type", REPORT.to_owned()),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[test]
fn the_order_says_what_the_job_says() {
    let more = "columns = ['balance_transaction_id', 'gross']\ntimezone = 'Europe/Berlin'\ncurrency = 'eur'\nreporting_category = 'charge'";
    let (server, visit) = visit_with(&[], more);
    visit.fetch().unwrap();
    let body = &server.heard()[1].body;
    let columns = "parameters%5Bcolumns%5D%5B%5D=balance_transaction_id&parameters%5Bcolumns%5D%5B%5D=gross";
    assert!(body.ends_with(columns), "in their order: {body}");
    for pair in ["%5Btimezone%5D=Europe%2FBerlin", "%5Bcurrency%5D=eur", "%5Breporting_category%5D=charge"] {
        assert!(body.contains(pair), "{body}");
    }
}

#[test]
fn data_that_is_not_whole_is_waited_for() {
    let (server, visit) = visit(&[Plays::Until(END - 1), Plays::Until(END - 1)]);
    assert!(matches!(visit.ready().unwrap(), Ready::NotYet { .. }));
    assert!(matches!(visit.fetch().unwrap(), Answer::NotYet { again_in: Some(_), .. }));
    assert_eq!(server.heard().len(), 2, "nothing was ordered");
}

#[test]
fn a_report_that_takes_too_long_is_not_yet() {
    let (_server, mut visit) = visit(&[Plays::Waits(1000)]);
    visit.manners.deadline = Duration::from_millis(200);
    match visit.fetch() {
        Ok(Answer::NotYet { said, .. }) => assert!(said.contains("frr_1"), "{said}"),
        // On a busy machine the time is up within a question, which is no answer either.
        other => assert_eq!(other.unwrap_err().exit, Exit::TryAgain),
    }
}

#[test]
fn what_passes_is_tried_again() {
    let cases: [(&[Plays], usize); 4] = [
        // Sent again, it is the same order; made again after it failed, it is another.
        (&[Plays::Refuses(500, "api_error"), Plays::Refuses(429, "rate_limit_error")], 1),
        (&[Plays::Refuses(409, "idempotency_error")], 1),
        (&[Plays::Fails, Plays::Fails], 3),
        (&[Plays::Shortens, Plays::RefusesFile(503)], 1),
    ];
    for (plays, orders) in cases {
        let (server, visit) = visit(plays);
        assert_eq!(Visit::delivered(visit.fetch().unwrap())[0].1, FILE.as_bytes());
        let keys: BTreeSet<String> = server.heard().iter().map(|heard| heard.header("idempotency-key").to_owned()).collect();
        assert_eq!(keys.len() - 1, orders, "one without a key, for all that is no order");
    }
}

#[test]
fn what_does_not_pass_ends_the_visit() {
    let again = |play: Plays| vec![play.clone(), play.clone(), play];
    let cases = [
        (vec![Plays::Refuses(400, "invalid_request_error")], Exit::BadConfiguration, "Column `nonsense` is not there"),
        (vec![Plays::Refuses(401, "invalid_request_error")], Exit::NotPermitted, "401"),
        (vec![Plays::Refuses(403, "invalid_request_error")], Exit::NotPermitted, "403"),
        (vec![Plays::Since(BEGIN + 1)], Exit::BadConfiguration, "no data of that day"),
        (again(Plays::Fails), Exit::TryAgain, "out of luck"),
        (again(Plays::Refuses(500, "api_error")), Exit::TryAgain, "tried 3 times"),
        (again(Plays::Shortens), Exit::BadData, "kept aside in"),
        (vec![Plays::Sends("https://example.com/v1/files/file_1/contents")], Exit::BadData, "not known"),
        (vec![Plays::Sends("http://files.stripe.com/v1/files/file_1/contents")], Exit::BadData, "not known"),
        (vec![Plays::RefusesFile(403)], Exit::NotPermitted, "403"),
    ];
    for (plays, exit, says) in cases {
        let (_server, visit) = visit(&plays);
        let (found, shown) = visit.refused(&[KEY]);
        assert_eq!(found, exit, "{shown}");
        assert!(shown.contains(says), "{shown}");
    }
}

#[test]
fn a_key_that_is_refused_is_not_repeated() {
    let (_server, visit) = visit(&[]);
    keys::secret(visit.folder.path(), "key", "sk_live_other");
    let (exit, shown) = visit.refused(&["sk_live_other"]);
    assert_eq!(exit, Exit::NotPermitted);
    assert!(shown.contains("Invalid API Key provided"), "{shown}");
}

#[test]
fn a_job_that_cannot_work_is_refused_when_it_is_read() {
    let key = "key = { env = 'KEY' }";
    let cases = [
        (format!("report_type = '../x'\n{key}"), "report_type"),
        (format!("report_type = ''\n{key}"), "report_type"),
        (format!("report_type = '{REPORT}'\n{key}\ntimezone = 'Berlin'"), "timezone"),
        (format!("report_type = '{REPORT}'\nkey = 'sk_live_x'"), "key"),
        (format!("report_type = '{REPORT}'\n{key}\ninterval = 1"), "unknown field"),
    ];
    for (keys, says) in cases {
        let shown = refused_at_once(&format!("[source.stripe]\n{keys}"));
        assert!(shown.contains(says), "{shown}");
    }
}
