//! Adyen: reports by name, and by the webhooks that speak of them.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tieout::error::Exit;
use tieout::source::{Answer, Ready};

use super::server::{Says, Server};
use super::{Visit, keys, refused_at_once};

const ACCOUNT: &str = "LanternKettleECOM";
const HMAC_KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";

/// A server that has every report, and gives it to whoever may have it.
fn server() -> Server {
    Server::start(|heard| {
        let basic = format!("Basic {}", STANDARD.encode("report@Company.LanternKettle:pass:word"));
        if heard.header("authorization") != basic && heard.header("x-api-key") != "AQE-key" {
            return Says::new(401, "no");
        }
        match heard.path().rsplit_once('/').unwrap() {
            ("/reports/download/MerchantAccount/LanternKettleECOM" | "/reports/download/Company/LanternKettle", name) => {
                Says::new(200, format!("the report {name}"))
            }
            _ => Says::new(404, ""),
        }
    })
}

/// A webhook with one item.
struct Webhook {
    event: &'static str,
    date: &'static str,
    account: &'static str,
    name: String,
    url: String,
    success: &'static str,
}

impl Webhook {
    fn of(server: &Server, batch: u32) -> Self {
        let name = format!("settlement_detail_report_batch_{batch}.csv");
        Self {
            event: "REPORT_AVAILABLE",
            date: "2026-11-21T02:00:00+01:00",
            account: ACCOUNT,
            url: format!("{}/reports/download/MerchantAccount/{ACCOUNT}/{name}", server.endpoint()),
            name,
            success: "true",
        }
    }

    fn item(&self, key: Option<&str>) -> serde_json::Value {
        let signature = key.map(|key| {
            let bytes: Vec<u8> = key
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            let text = format!("{}::{}::0:EUR:{}:{}", self.name, self.account, self.event, self.success);
            STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), text.as_bytes()))
        });
        serde_json::json!({ "NotificationRequestItem": {
            "additionalData": { "hmacSignature": signature },
            "amount": { "currency": "EUR", "value": 0 },
            "eventCode": self.event,
            "eventDate": self.date,
            "merchantAccountCode": self.account,
            "merchantReference": "",
            "pspReference": self.name,
            "reason": self.url,
            "success": self.success,
        }})
    }
}

fn write(folder: &Path, name: &str, items: &[serde_json::Value]) {
    fs::create_dir_all(folder.join("webhooks")).unwrap();
    let text = serde_json::json!({ "live": "true", "notificationItems": items }).to_string();
    fs::write(folder.join("webhooks").join(name), text).unwrap();
}

fn visit(server: &Server, more: &str) -> Visit {
    let source = format!("[source.adyen]\nendpoint = '{}'\n{more}", server.endpoint());
    let mut visit = Visit::to(&source, |folder| {
        keys::secret(folder, "password", "pass:word\n");
        keys::secret(folder, "key", "AQE-key");
        keys::secret(folder, "hmac", HMAC_KEY);
    });
    visit.account = ACCOUNT;
    visit
}

const TOLD: &str =
    "api_key = { file = 'key' }\ntrigger = 'webhooks/*_{date:%Y%m%d}*.json'\nreport = 'settlement_detail_report_batch_*.csv'";

#[test]
fn a_report_is_asked_for_by_its_name() {
    let server = server();
    let logins = [
        ("user = 'report@Company.LanternKettle'\npassword = { file = 'password' }", "MerchantAccount/LanternKettleECOM"),
        ("api_key = { file = 'key' }", "MerchantAccount/LanternKettleECOM"),
        ("api_key = { file = 'key' }\ncompany = 'LanternKettle'", "Company/LanternKettle"),
    ];
    for (login, folder) in logins {
        let visit = visit(&server, &format!("{login}\nfile = 'payments_accounting_report_{{date:%Y_%m_%d}}.csv'"));
        assert_eq!(visit.ready().unwrap(), Ready::Yes);
        let name = "payments_accounting_report_2026_11_20.csv";
        let bytes = format!("the report {name}").into_bytes();
        assert_eq!(Visit::delivered(visit.fetch().unwrap()), [(name.to_owned(), bytes, true)]);
        assert_eq!(server.heard().last().unwrap().target, format!("/reports/download/{folder}/{name}"));
    }
}

#[test]
fn webhooks_say_which_reports_are_there() {
    let server = server();
    let visit = visit(&server, TOLD);
    let folder = visit.folder.path();
    assert!(matches!(visit.ready().unwrap(), Ready::NotYet { .. }));
    assert!(matches!(visit.fetch().unwrap(), Answer::NotYet { .. }));
    let item = |webhook: Webhook| webhook.item(None);
    let other = |change: fn(&mut Webhook)| {
        let mut webhook = Webhook::of(&server, 99);
        change(&mut webhook);
        webhook.item(None)
    };
    // What is not a report of this account, done, and of this kind, is not looked at.
    let others = [
        other(|webhook| webhook.event = "AUTHORISATION"),
        other(|webhook| webhook.success = "false"),
        other(|webhook| webhook.account = "SomebodyElse"),
        other(|webhook| webhook.name = "received_payments_report_2026_11_20.csv".to_owned()),
    ];
    write(
        folder,
        "a_20261120_1.json",
        &[&others[..], &[item(Webhook::of(&server, 12)), item(Webhook::of(&server, 13))]].concat(),
    );
    write(folder, "a_20261120_2.json", &[item(Webhook::of(&server, 12))]);
    write(folder, "a_20261119.json", &[item(Webhook::of(&server, 11))]);
    assert_eq!(visit.ready().unwrap(), Ready::Yes);
    let names = |now: bool| [12, 13].map(|batch| (format!("settlement_detail_report_batch_{batch}.csv"), now));
    let delivered = || Visit::delivered(visit.fetch().unwrap()).into_iter().map(|(name, _, now)| (name, now)).collect::<Vec<_>>();
    assert_eq!(delivered(), names(true));
    let asked = server.heard().len();
    assert_eq!(delivered(), names(false));
    assert_eq!(server.heard().len(), asked, "what came is not asked for again");
    // Made again: of the same name, with another webhook.
    write(folder, "a_20261120_3.json", &[Webhook { date: "2026-11-21T09:00:00+01:00", ..Webhook::of(&server, 12) }.item(None)]);
    let [mut first, second] = names(false);
    first.1 = true;
    assert_eq!(delivered(), [first, second]);
}

#[test]
fn a_report_that_is_told_of_and_not_there_is_not_yet() {
    let server = Server::start(|_| Says::new(404, ""));
    let visit = visit(&server, TOLD);
    write(visit.folder.path(), "a_20261120.json", &[Webhook::of(&server, 12).item(None)]);
    assert!(matches!(visit.ready().unwrap(), Ready::NotYet { .. }));
    assert!(matches!(visit.fetch().unwrap(), Answer::NotYet { .. }));
}

#[test]
fn a_webhook_is_not_believed() {
    let server = server();
    let path = format!("/reports/download/MerchantAccount/{ACCOUNT}/settlement_detail_report_batch_12.csv");
    let urls = [
        format!("https://example.com{path}"),
        format!("http://ca-live.adyen.com{path}"),
        format!("https://ca-live.adyen.com.example.com{path}"),
        format!("{}/reports/download/MerchantAccount/SomebodyElse/settlement_detail_report_batch_12.csv", server.endpoint()),
        format!("{}/reports/download/MerchantAccount/{ACCOUNT}/../x.csv", server.endpoint()),
        "not an address".to_owned(),
    ];
    for url in urls {
        let visit = visit(&server, TOLD);
        write(visit.folder.path(), "a_20261120.json", &[Webhook { url, ..Webhook::of(&server, 12) }.item(None)]);
        let (exit, shown) = visit.refused(&["AQE-key"]);
        assert_eq!(exit, Exit::BadData, "{shown}");
        assert!(shown.contains("a_20261120.json"), "{shown}");
    }
    let visit = visit(&server, TOLD);
    fs::create_dir(visit.folder.path().join("webhooks")).unwrap();
    fs::write(visit.folder.path().join("webhooks/a_20261120.json"), "[accepted]").unwrap();
    assert_eq!(visit.refused(&[]).0, Exit::BadData);
    assert!(server.heard().is_empty(), "nothing was sent anywhere");
}

#[test]
fn a_webhook_is_signed_where_the_job_has_its_key() {
    let server = server();
    let visit = visit(&server, &format!("{TOLD}\nhmac_key = {{ file = 'hmac' }}"));
    let webhook = Webhook::of(&server, 12);
    write(visit.folder.path(), "a_20261120.json", &[webhook.item(Some(HMAC_KEY))]);
    assert_eq!(Visit::delivered(visit.fetch().unwrap()).len(), 1);
    let other = Webhook { account: "LanternKettleECOM", ..Webhook::of(&server, 13) }.item(Some(HMAC_KEY));
    let mut swapped = webhook.item(None);
    swapped["NotificationRequestItem"]["additionalData"] = other["NotificationRequestItem"]["additionalData"].clone();
    for wrong in [webhook.item(None), webhook.item(Some("00")), swapped] {
        write(visit.folder.path(), "a_20261120.json", &[wrong]);
        let (exit, shown) = visit.refused(&["AQE-key", HMAC_KEY]);
        assert_eq!(exit, Exit::BadData, "{shown}");
        assert!(shown.contains("not signed"), "{shown}");
    }
}

#[test]
fn who_may_not_have_it_is_told_so() {
    let server = server();
    let visit = visit(&server, "api_key = { file = 'hmac' }\nfile = 'a.csv'");
    let (exit, shown) = visit.refused(&[HMAC_KEY]);
    assert_eq!(exit, Exit::NotPermitted, "{shown}");
}

#[test]
fn a_job_that_cannot_work_is_refused_when_it_is_read() {
    let key = "api_key = { env = 'KEY' }\n";
    let cases = [
        ("file = 'a.csv'".to_owned(), "api_key"),
        (format!("{key}user = 'me'\nfile = 'a.csv'"), "api_key"),
        (format!("{key}file = 'a.csv'\ntrigger = 'b.json'\nreport = '*'"), "either `file`"),
        (format!("{key}trigger = 'b.json'"), "either `file`"),
        (format!("{key}file = 'a_{{when}}.csv'"), "only the date"),
        (format!("{key}file = 'a.csv'\nhmac_key = {{ env = 'KEY' }}"), "either `file`"),
        (format!("{key}file = 'a.csv'\nendpoint = 'http://ca-live.adyen.com'"), "https://"),
        (format!("{key}fil = 'a.csv'"), "unknown field"),
    ];
    for (keys, says) in cases {
        let shown = refused_at_once(&format!("[source.adyen]\n{keys}"));
        assert!(shown.contains(says), "{shown}");
    }
}
