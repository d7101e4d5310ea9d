//! WeChat Pay, played by a server that checks what the real one checks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tieout::error::Exit;
use tieout::source::http::hexadecimal;
use tieout::source::{Answer, Ready};
use url::Url;

use super::server::{Heard, How, Says, Server};
use super::{Visit, keys, morning, refused_at_once};

const BILL: &str = "\u{feff}交易时间,商户订单号\r\n`2026-11-20 09:00:00,`A1\r\n总交易单数\r\n`1\r\n";
const SERIAL: &str = "AB12CD34EF5678";

/// What is played once, in turn, before everything is as it should be.
#[derive(Clone)]
enum Plays {
    /// Answers the first step with this error.
    Refuses(u16, &'static str),
    /// Answers the first step with these bytes, signed by nobody.
    Unsigned,
    /// Signs another text than it sends.
    Forges,
    /// Signs as of so many seconds from now.
    SignsAt(i64),
    /// Signs with a key the merchant does not have.
    SignsAs(&'static str),
    /// Names this address for the file.
    Sends(&'static str),
    /// Answers the second step with this error.
    RefusesFile(u16, &'static str),
    /// Gives other bytes than it announced.
    Swaps,
    /// Breaks off.
    Breaks,
    /// Sends an answer in a way of its own.
    Says(How),
}

#[derive(Default)]
struct Platform {
    plays: Vec<Plays>,
    nonces: BTreeSet<String>,
    tokens: BTreeSet<String>,
    issued: usize,
}

impl Platform {
    /// What a merchant's question must be to be answered at all.
    fn check(&mut self, heard: &Heard) -> Result<(), Says> {
        let refuse = |why: &str| Err(refusal(401, "SIGN_ERROR", why));
        let Some(list) = heard.header("authorization").strip_prefix("WECHATPAY2-SHA256-RSA2048 ") else {
            return refuse("no authorization");
        };
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        };
        let given: BTreeMap<String, String> = list.split(',').map(pair).collect();
        if given["mchid"] != "1900000109" || given["serial_no"] != "5157F09E" {
            return refuse("not a certificate of this merchant");
        }
        if !heard.header("user-agent").starts_with("tieout/") || heard.header("accept").is_empty() {
            return refuse("says not who it is, or what it takes");
        }
        if given["timestamp"] != morning().timestamp().to_string() {
            return refuse("out of time");
        }
        if !self.nonces.insert(given["nonce_str"].clone()) {
            return refuse("replayed");
        }
        let message = format!("{}\n{}\n{}\n{}\n\n", heard.method, heard.target, given["timestamp"], given["nonce_str"]);
        if !keys::made("merchant.pem", message.as_bytes(), &given["signature"]) {
            return refuse("wrong signature");
        }
        Ok(())
    }

    /// The next thing to play, if it is one of these.
    fn next(&mut self, fits: impl Fn(&Plays) -> bool) -> Option<Plays> {
        let at = self.plays.iter().position(fits)?;
        Some(self.plays.remove(at))
    }

    fn first_step(&mut self, heard: &Heard) -> Says {
        let play = self.next(|play| !matches!(play, Plays::RefusesFile(..) | Plays::Swaps | Plays::Breaks));
        if let Some(Plays::Refuses(status, code)) = play {
            // Worse than the real one: it repeats what it was sent.
            let sent = heard.header("authorization").replace('"', "'");
            return signed(refusal(status, code, &sent), morning().timestamp(), "platform.pem");
        }
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        let host = heard.header("host");
        let url = match play {
            Some(Plays::Sends(url)) => url.to_owned(),
            _ => format!("http://{host}/v3/billdownload/file?token={token}"),
        };
        self.tokens.insert(token);
        let hash = hash(BILL.as_bytes());
        let body = format!(r#"{{"hash_type":"SHA1","hash_value":"{hash}","download_url":"{url}"}}"#);
        let now = morning().timestamp();
        match play {
            Some(Plays::Unsigned) => Says::new(200, body),
            Some(Plays::Forges) => {
                let mut says = signed(Says::new(200, body.clone()), now, "platform.pem");
                says.body = body.replace(&hash, &hash.replace('a', "b")).into_bytes();
                says
            }
            Some(Plays::SignsAt(seconds)) => signed(Says::new(200, body), now + seconds, "platform.pem"),
            Some(Plays::SignsAs(name)) => signed(Says::new(200, body), now, name),
            Some(Plays::Says(how)) => signed(Says::new(200, body), now, "platform.pem").how(how),
            _ => signed(Says::new(200, body), now, "platform.pem"),
        }
    }

    fn second_step(&mut self, heard: &Heard) -> Says {
        let token = heard.pairs().remove("token").unwrap_or_default();
        if !self.tokens.remove(&token) {
            return refusal(400, "INVALID_REQUEST", "used before, or never given out");
        }
        let file = gzip(BILL.as_bytes());
        match self.next(|play| matches!(play, Plays::RefusesFile(..) | Plays::Swaps | Plays::Breaks)) {
            Some(Plays::RefusesFile(status, code)) => refusal(status, code, "as played"),
            Some(Plays::Swaps) => Says::new(200, BILL.replace("A1", "A2")),
            Some(Plays::Breaks) => Says::new(200, file).how(How::BreaksAfter(20)),
            _ => Says::new(200, file),
        }
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Says {
    Says::new(status, format!(r#"{{"code":"{code}","message":"{message}"}}"#))
}

fn signed(says: Says, time: i64, key: &str) -> Says {
    let text = String::from_utf8(says.body.clone()).unwrap();
    let signature =
        keys::sign(if key == "unknown" { "stranger.pem" } else { key }, format!("{time}\nn0nce\n{text}\n").as_bytes());
    let serial = if key == "unknown" { "PUB_KEY_ID_2" } else { SERIAL };
    says.header("Wechatpay-Timestamp", time.to_string())
        .header("Wechatpay-Nonce", "n0nce")
        .header("Wechatpay-Serial", serial)
        .header("Wechatpay-Signature", signature)
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A platform that plays these things first.
fn platform(plays: &[Plays]) -> Server {
    let platform = Arc::new(Mutex::new(Platform { plays: plays.to_vec(), ..Platform::default() }));
    Server::start(move |heard| {
        let mut platform = platform.lock().unwrap();
        if let Err(says) = platform.check(heard) {
            return says;
        }
        match heard.path() {
            "/v3/bill/tradebill" | "/v3/bill/fundflowbill" | "/v3/profitsharing/bills" => platform.first_step(heard),
            "/v3/billdownload/file" => platform.second_step(heard),
            "/v3/global/statements" => overseas(heard),
            _ => Says::new(404, ""),
        }
    })
}

fn overseas(heard: &Heard) -> Says {
    assert_eq!(heard.target, "/v3/global/statements?date=20261120&mchid=1900000109");
    let (hash, time) = (hash(BILL.as_bytes()), morning().timestamp());
    let signature = keys::sign("platform.pem", format!("{time}\nn0nce\n{hash}\n").as_bytes());
    let says = match heard.header("accept-encoding") {
        "gzip" => Says::new(200, gzip(BILL.as_bytes())).header("Content-Encoding", "gzip"),
        _ => Says::new(200, BILL),
    };
    says.header("Wechatpay-Statement-Sha1", hash)
        .header("Wechatpay-Timestamp", time.to_string())
        .header("Wechatpay-Nonce", "n0nce")
        .header("Wechatpay-Serial", SERIAL)
        .header("Wechatpay-Signature", signature)
}

fn visit(server: &Server, more: &str) -> Visit {
    let source = format!(
        r#"
        [source.wechat_pay]
        serial = "5157F09E"
        key = {{ file = "secret.pem" }}
        platform_keys = {{ {SERIAL} = "platform.pem" }}
        endpoint = "{}"
        {more}
        "#,
        server.endpoint()
    );
    Visit::to(&source, |folder| {
        keys::hand_out("merchant.pem", folder);
        std::fs::copy(keys::path("platform_certificate.pem"), folder.join("platform.pem")).unwrap();
    })
}

fn trade_bill(plays: &[Plays]) -> (Server, Visit) {
    let server = platform(plays);
    let visit = visit(&server, r#"report = "trade_bill""#);
    (server, visit)
}

#[test]
fn what_is_signed_is_five_lines() {
    let url = Url::parse("https://api.mch.weixin.qq.com/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL").unwrap();
    let text = tieout::source::wechat_pay::signing_text("GET", &url, 1_554_208_460, "593BEC0C930BF1AFEB40B4A08C8FB242", "");
    assert_eq!(
        text,
        "GET\n/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n"
    );
}

#[test]
fn a_bill_comes_in_two_steps_and_once() {
    let (server, visit) = trade_bill(&[]);
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let name = "1900000109_trade_bill_20261120.csv.gz".to_owned();
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [(name.clone(), gzip(BILL.as_bytes()), true)]);
    let asked = server.heard();
    assert_eq!(asked[1].target, "/v3/bill/tradebill?bill_date=2026-11-20&tar_type=GZIP");
    assert_eq!(asked.len(), 3);
    // The hash says that it is the same one: it is not taken again.
    assert_eq!(Visit::delivered(visit.fetch().unwrap()), [(name, gzip(BILL.as_bytes()), false)]);
    assert_eq!(server.heard().len(), 4);
}

#[test]
fn each_report_is_asked_for_in_its_own_words() {
    let cases = [
        (
            "report = 'trade_bill'\nbill_type = 'ALL'\nsub_merchant = '1900000110'",
            "/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL&sub_mchid=1900000110&tar_type=GZIP",
        ),
        (
            "report = 'fund_flow_bill'\naccount_type = 'BASIC'",
            "/v3/bill/fundflowbill?bill_date=2026-11-20&account_type=BASIC&tar_type=GZIP",
        ),
        ("report = 'profit_sharing_bill'\ncompressed = false", "/v3/profitsharing/bills?bill_date=2026-11-20"),
    ];
    for (keys, target) in cases {
        let server = platform(&[]);
        visit(&server, keys).fetch().unwrap();
        assert_eq!(server.heard()[0].target, target);
    }
}

#[test]
fn a_statement_from_overseas_comes_in_one_step() {
    for (compressed, name) in [(true, "csv.gz"), (false, "csv")] {
        let server = platform(&[]);
        let visit = visit(&server, &format!("report = 'overseas_statement'\ncompressed = {compressed}"));
        assert_eq!(visit.ready().unwrap(), Ready::Yes);
        let bytes = if compressed { gzip(BILL.as_bytes()) } else { BILL.as_bytes().to_vec() };
        let expected = (format!("1900000109_overseas_statement_20261120.{name}"), bytes, true);
        assert_eq!(Visit::delivered(visit.fetch().unwrap()), [expected]);
    }
}

#[test]
fn a_public_key_of_the_platform_is_asked_for_by_its_id() {
    let server = Server::start(|heard| {
        assert_eq!(heard.header("wechatpay-serial"), "PUB_KEY_ID_1");
        let body = r#"{"code":"NO_STATEMENT_EXIST","message":"as played"}"#;
        let time = morning().timestamp().to_string();
        let signature = keys::sign("platform.pem", format!("{time}\nn0nce\n{body}\n").as_bytes());
        let says = Says::new(400, body).header("Wechatpay-Timestamp", time).header("Wechatpay-Nonce", "n0nce");
        says.header("Wechatpay-Serial", "PUB_KEY_ID_1").header("Wechatpay-Signature", signature)
    });
    let source = format!(
        "[source.wechat_pay]\nreport = 'trade_bill'\nserial = '5157F09E'\nkey = {{ file = 'secret.pem' }}\n\
         platform_keys = {{ PUB_KEY_ID_1 = 'platform.pem' }}\nendpoint = '{}'",
        server.endpoint()
    );
    let visit = Visit::to(&source, |folder| {
        keys::hand_out("merchant.pem", folder);
        std::fs::copy(keys::path("platform_public.pem"), folder.join("platform.pem")).unwrap();
    });
    assert!(matches!(visit.ready().unwrap(), Ready::NoBill { .. }));
}

#[test]
fn no_bill_and_not_yet_are_answers() {
    let (_server, visit) = trade_bill(&[Plays::Refuses(400, "NO_STATEMENT_EXIST")]);
    assert!(matches!(visit.fetch().unwrap(), Answer::NoBill { said } if said.starts_with("NO_STATEMENT_EXIST")));
    let (_server, visit) = trade_bill(&[Plays::Refuses(400, "NO_STATEMENT_EXIST")]);
    assert!(matches!(visit.ready().unwrap(), Ready::NoBill { .. }));
    let (_server, visit) = trade_bill(&[Plays::Refuses(400, "STATEMENT_CREATING")]);
    let Answer::NotYet { again_in, .. } = visit.fetch().unwrap() else { panic!("it is being made") };
    assert_eq!(again_in, Some(Duration::from_mins(30)));
}

#[test]
fn what_passes_is_tried_again() {
    let cases: [&[Plays]; 7] = [
        &[Plays::Refuses(500, "SYSTEM_ERROR")],
        &[Plays::Refuses(429, "FREQUENCY_LIMITED"), Plays::Refuses(403, "RATELIMIT_EXCEEDED")],
        &[Plays::RefusesFile(400, "INVALID_REQUEST")],
        &[Plays::Swaps],
        &[Plays::Breaks],
        &[Plays::Says(How::BreaksAfter(10))],
        &[Plays::Says(How::InPieces)],
    ];
    for plays in cases {
        let (_server, visit) = trade_bill(plays);
        assert_eq!(Visit::delivered(visit.fetch().unwrap()).len(), 1);
    }
}

#[test]
fn what_does_not_pass_ends_the_visit() {
    let again = |play: Plays| vec![play.clone(), play.clone(), play];
    let cases: Vec<(Vec<Plays>, Exit, &str)> = vec![
        (vec![Plays::Refuses(403, "NO_AUTH")], Exit::NotPermitted, "does not give this bill"),
        (vec![Plays::Refuses(401, "SIGN_ERROR")], Exit::NotPermitted, "does not accept the signature"),
        (vec![Plays::Refuses(400, "PARAM_ERROR")], Exit::BadConfiguration, "PARAM_ERROR"),
        (again(Plays::Refuses(500, "SYSTEM_ERROR")), Exit::TryAgain, "tried 3 times"),
        (again(Plays::RefusesFile(400, "INVALID_REQUEST")), Exit::TryAgain, "grew old"),
        (vec![Plays::RefusesFile(403, "NO_AUTH")], Exit::NotPermitted, "NO_AUTH"),
        (again(Plays::Swaps), Exit::BadData, "kept aside in"),
        (again(Plays::Breaks), Exit::TryAgain, "broke"),
        (vec![Plays::Unsigned], Exit::BadData, "not signed by WeChat Pay"),
        (vec![Plays::Forges], Exit::BadData, "not what WeChat Pay signed"),
        (vec![Plays::SignsAs("stranger.pem")], Exit::BadData, "not what WeChat Pay signed"),
        (vec![Plays::SignsAs("unknown")], Exit::BadConfiguration, "PUB_KEY_ID_2"),
        (vec![Plays::SignsAt(-301)], Exit::BadData, "not signed now"),
        (vec![Plays::SignsAt(301)], Exit::BadData, "not signed now"),
        (vec![Plays::Sends("https://example.com/v3/billdownload/file?token=t")], Exit::BadData, "not known to be its own"),
        (vec![Plays::Sends("https://api.mch.weixin.qq.com@example.com/?token=t")], Exit::BadData, "not known"),
        (vec![Plays::Sends("http://api.mch.weixin.qq.com/?token=t")], Exit::BadData, "not known"),
        (vec![Plays::Sends("https://evilmch.weixin.qq.com/?token=t")], Exit::BadData, "not known"),
        (vec![Plays::Sends("https://api.mch.weixin.qq.com:8443/?token=t")], Exit::BadData, "not known"),
    ];
    for (plays, exit, says) in cases {
        let (server, visit) = trade_bill(&plays);
        let (found, shown) = visit.refused(&["token-", "token=", &keys::bare("merchant.pem")[..40]]);
        assert_eq!(found, exit, "{shown}");
        assert!(shown.contains(says), "{shown}");
        // Not the one it was asked with either.
        let authorization = server.heard()[0].header("authorization").to_owned();
        assert!(!shown.contains(authorization.split("signature=").nth(1).unwrap().trim_matches('"')));
    }
}

#[test]
fn a_bill_that_was_swapped_is_kept_aside() {
    let (_server, visit) = trade_bill(&[Plays::Swaps, Plays::Swaps, Plays::Swaps]);
    visit.fetch().unwrap_err();
    let aside = visit.folder.path().join("lake/aside");
    let kept: Vec<_> = glob::glob(&format!("{}/**/*.gz", aside.display())).unwrap().map(Result::unwrap).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read_to_string(&kept[0]).unwrap(), BILL.replace("A1", "A2"));
}

#[test]
fn clocks_may_be_a_little_apart() {
    for seconds in [-300, 300] {
        let (_server, visit) = trade_bill(&[Plays::SignsAt(seconds)]);
        visit.fetch().unwrap();
    }
}

#[test]
fn a_job_that_cannot_work_is_refused_when_it_is_read() {
    let base = "[source.wechat_pay]\nserial = '1'\nkey = { env = 'KEY' }\n";
    let keys = "platform_keys = { A = 'a.pem' }\n";
    let cases = [
        (format!("{base}report = 'trade_bill'\nplatform_keys = {{}}"), "platform_keys"),
        (format!("{base}{keys}report = 'fund_flow_bill'\nbill_type = 'ALL'"), "bill_type"),
        (format!("{base}{keys}report = 'trade_bill'\naccount_type = 'BASIC'"), "account_type"),
        (format!("{base}{keys}report = 'trade_bill'\nbill = 1"), "unknown field"),
        (format!("{base}{keys}report = 'trade_bill'\nendpoint = 'http://api.mch.weixin.qq.com'"), "https://"),
        (format!("{base}{keys}report = 'trade_bill'\nendpoint = 'https://me@api.mch.weixin.qq.com'"), "no user"),
    ];
    for (job, says) in cases {
        let shown = refused_at_once(&job);
        assert!(shown.contains(says), "{shown}");
    }
}
