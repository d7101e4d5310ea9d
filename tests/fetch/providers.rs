//! Five providers and a bucket, played well: each checks who asks, gives what it has, and counts what it gave.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::hmac;
use serde_json::json;
use tieout::source::http::hexadecimal;

use crate::harness::Place;
use crate::nights::package;
use crate::source::keys;
use crate::source::s3::S3;
use crate::source::server::{Heard, How, Says, Server};
use crate::source::sftp::server::Server as Sftp;

/// The two merchants with WeChat Pay: the account, its serial number, its key.
pub(crate) const MERCHANTS: [(&str, &str, &str); 2] =
    [("1900000109", "5157F09E", "merchant.pem"), ("1900000110", "77A1C3E0", "stranger.pem")];
const PLATFORM_SERIAL: &str = "AB12CD34EF5678";
const PID: &str = "2088123456789012";
const STRIPE: &str = "acct_1LanternKettle";
const ADYEN: &str = "LanternKettleECOM";
const REPORT: &str = "settlement_detail_report_batch_1117.csv";

/// What is secret between the merchant and its providers, besides keys and what is made with them.
const ALIPAY_TOKEN: &str = "t0kenOfTheBill";
const APP_AUTH_TOKEN: &str = "201612BBauthorized";
const STRIPE_KEY: &str = "sk_live_51LanternSecret";
const ADYEN_KEY: &str = "AQEhorseBattery";
const ADYEN_HMAC: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const SFTP_PASSWORD: &str = "open sesame";
const BUCKET_KEY: &str = "open the bucket";

/// The providers, until they are dropped.
pub(crate) struct Providers {
    http: Server,
    sftp: Sftp,
    bucket: S3,
    shelf: Arc<Mutex<Shelf>>,
}

/// What they have, and what they do with it.
pub(crate) struct Shelf {
    /// Files by the account they are of.
    pub(crate) files: BTreeMap<&'static str, Vec<u8>>,
    /// Refusals of the first step, by account: status and code of WeChat Pay.
    pub(crate) refuses: BTreeMap<&'static str, (u16, &'static str)>,
    /// Whose next download stalls in the middle, once.
    pub(crate) stalls: Option<&'static str>,
    /// Whose bill is announced with the hash of another.
    pub(crate) miscounts: Option<&'static str>,
    /// What time it is there.
    pub(crate) now: &'static str,
    tokens: BTreeMap<String, &'static str>,
    orders: BTreeSet<String>,
}

impl Providers {
    /// Providers that have the files of 2026-11-17.
    pub(crate) fn start() -> Self {
        let files = BTreeMap::from([
            ("1900000110", gzip(&bill_of("1900000110", Some(("SO20261117000777", "176.00"))))),
            ("1900000109", gzip(&sample("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv"))),
            (PID, sample("provider/alipay/20881234567890120156_20261117.csv.zip")),
            (STRIPE, sample("provider/stripe/payout_reconciliation_20261117.csv")),
            (ADYEN, sample("provider/adyen/2026-11-17/settlement_detail_report_batch_1117.csv")),
        ]);
        let shelf = Shelf {
            files,
            refuses: BTreeMap::new(),
            stalls: None,
            miscounts: None,
            now: super::MORNING,
            tokens: BTreeMap::new(),
            orders: BTreeSet::new(),
        };
        let shelf = Arc::new(Mutex::new(shelf));
        let asked = shelf.clone();
        let http = Server::start(move |heard| asked.lock().unwrap().answer(heard));
        let (sftp, bucket) = (Sftp::start(), S3::start());
        for (name, text) in settlement_files() {
            sftp.put(&format!("/ppreports/outgoing/{name}"), text.as_bytes());
        }
        for table in ["orders", "attempts", "refunds"] {
            bucket.put(&format!("shop/{table}_20261117.csv"), &sample(&format!("merchant/{table}_20261117.csv")));
        }
        Self { http, sftp, bucket, shelf }
    }

    /// What they have.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    /// A folder with a job of all six accounts and the merchant's records, and the secrets it names.
    pub(crate) fn customer(&self) -> Place {
        let accounts = [self.wechat_pay(0), self.wechat_pay(1), self.alipay(), self.stripe(), self.adyen(), self.paypal()];
        let records = ["orders", "attempts", "refunds"].map(|table| self.records(table));
        self.place(&(accounts.join("\n") + &records.join("\n")))
    }

    /// A folder with a job of one account and the merchant's orders. `more` are keys of the account.
    pub(crate) fn small_customer(&self, account: &str, more: &str) -> Place {
        self.place(&format!("{account}{more}\n{}", self.records("orders")))
    }

    fn place(&self, sources: &str) -> Place {
        let place = Place::empty();
        let head = "name = \"six accounts\"\nlake = \"lake\"\ntimezone = \"Asia/Shanghai\"\n";
        place.write("job.toml", format!("{head}{sources}"));
        for (_, _, key) in MERCHANTS {
            place.write_secret(key, &keys::text(key));
        }
        place.write("platform_certificate.pem", keys::text("platform_certificate.pem"));
        place.write("alipay_key", keys::bare("platform_public.pem"));
        let secrets = [
            ("app_auth_token", APP_AUTH_TOKEN),
            ("stripe_key", STRIPE_KEY),
            ("adyen_key", ADYEN_KEY),
            ("adyen_hmac", ADYEN_HMAC),
            ("sftp_password", SFTP_PASSWORD),
            ("bucket_id", "AKIAEXAMPLE"),
            ("bucket_key", BUCKET_KEY),
        ];
        for (name, text) in secrets {
            place.write_secret(name, text);
        }
        place.write("webhooks/20261118T020000.json", self.webhook("2026-11-18T02:00:00+01:00"));
        place
    }

    /// One of the merchants with WeChat Pay.
    pub(crate) fn wechat_pay(&self, which: usize) -> String {
        let (account, serial, key) = MERCHANTS[which];
        let endpoint = self.http.endpoint();
        provider(
            "wechat_pay",
            account,
            "wechat_pay/trade_bill",
            &format!(
                r#"wechat_pay = {{ report = "trade_bill", serial = "{serial}", key = {{ file = "{key}" }}, platform_keys = {{ {PLATFORM_SERIAL} = "platform_certificate.pem" }}, endpoint = "{endpoint}" }}"#
            ),
        )
    }

    pub(crate) fn alipay(&self) -> String {
        let endpoint = self.http.endpoint();
        provider(
            "alipay",
            PID,
            "alipay/trade_detail",
            &format!(
                r#"alipay = {{ app_id = "2021000001", key = {{ file = "merchant.pem" }}, alipay_key = "alipay_key", bill_type = "trade", app_auth_token = {{ file = "app_auth_token" }}, endpoint = "{endpoint}/gateway.do" }}"#
            ),
        )
    }

    pub(crate) fn stripe(&self) -> String {
        let endpoint = self.http.endpoint();
        provider(
            "stripe",
            STRIPE,
            "stripe/payout_reconciliation",
            &format!(
                r#"stripe = {{ report_type = "payout_reconciliation.by_id.itemized.4", key = {{ file = "stripe_key" }}, endpoint = "{endpoint}" }}"#
            ),
        )
    }

    fn adyen(&self) -> String {
        let endpoint = self.http.endpoint();
        provider(
            "adyen",
            ADYEN,
            "adyen/settlement_detail",
            &format!(
                r#"adyen = {{ api_key = {{ file = "adyen_key" }}, trigger = "webhooks/{{date+1:%Y%m%d}}*.json", report = "settlement_detail_report_batch_*.csv", hmac_key = {{ file = "adyen_hmac" }}, endpoint = "{endpoint}" }}"#
            ),
        )
    }

    fn paypal(&self) -> String {
        let (port, key) = (self.sftp.port, self.sftp.public_key());
        provider(
            "paypal",
            "MERCHANT00001",
            "paypal/settlement",
            &format!(
                r#"sftp = {{ url = "sftp://reader@127.0.0.1:{port}/ppreports/outgoing/STL-{{date:%Y%m%d}}.*.CSV", host_key = "{key}", password = {{ file = "sftp_password" }}, settle_seconds = 0 }}"#
            ),
        )
    }

    fn records(&self, table: &str) -> String {
        let port = self.bucket.port;
        format!(
            r#"
            [merchant.{table}]
            source = {{ objects = {{ url = "s3://bucket/shop/{table}_{{date:%Y%m%d}}.csv", endpoint = "http://127.0.0.1:{port}", region = "eu-central-1", access_key_id = {{ file = "bucket_id" }}, secret_access_key = {{ file = "bucket_key" }} }} }}
            "#
        )
    }

    fn webhook(&self, date: &str) -> String {
        let key: Vec<u8> =
            (0..ADYEN_HMAC.len()).step_by(2).map(|at| u8::from_str_radix(&ADYEN_HMAC[at..at + 2], 16).unwrap()).collect();
        let text = format!("{REPORT}::{ADYEN}::0:EUR:REPORT_AVAILABLE:true");
        let signature = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()));
        let item = json!({
            "additionalData": { "hmacSignature": signature },
            "amount": { "currency": "EUR", "value": 0 },
            "eventCode": "REPORT_AVAILABLE",
            "eventDate": date,
            "merchantAccountCode": ADYEN,
            "merchantReference": "",
            "pspReference": REPORT,
            "reason": format!("{}/reports/download/MerchantAccount/{ADYEN}/{REPORT}", self.http.endpoint()),
            "success": "true",
        });
        json!({ "live": "true", "notificationItems": [{ "NotificationRequestItem": item }] }).to_string()
    }

    /// How often each file was given out whole: bills and reports by account, files of SFTP all as `sftp`, objects by key.
    pub(crate) fn given(&self) -> BTreeMap<String, usize> {
        let mut given = BTreeMap::new();
        let mut count = |name: String| *given.entry(name).or_insert(0) += 1;
        for heard in self.http.answered() {
            if let Some(account) = self.shelf().file_of(&heard) {
                count(account.to_owned());
            }
        }
        // Small enough to come in one piece each.
        self.sftp.held().reads.iter().filter(|begin| **begin == 0).for_each(|_| count("sftp".to_owned()));
        let asked = self.bucket.held().asked.clone();
        asked.iter().filter_map(|asked| asked.split_once(" bytes=")).for_each(|(asked, _)| count(asked.to_owned()));
        given
    }

    /// How many requests interfaces have had.
    pub(crate) fn requests(&self) -> usize {
        self.http.heard().len()
    }

    /// Whose download has begun and not ended.
    pub(crate) fn is_stalled(&self, account: &str) -> bool {
        let of_account = |heard: &&Heard| self.shelf().file_of(heard) == Some(account);
        self.http.heard().iter().filter(of_account).count() > self.http.answered().iter().filter(of_account).count()
    }

    /// All that nobody else may read: keys, passwords, tokens, and every signature that was sent.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        let mut secrets: BTreeSet<String> =
            [ALIPAY_TOKEN, APP_AUTH_TOKEN, STRIPE_KEY, ADYEN_KEY, ADYEN_HMAC, SFTP_PASSWORD, BUCKET_KEY]
                .map(str::to_owned)
                .into();
        // A line of the middle: keys of one kind begin alike.
        secrets.extend(MERCHANTS.iter().map(|(_, _, key)| keys::bare(key)[200..260].to_owned()));
        secrets.extend(self.shelf().tokens.keys().cloned());
        for heard in self.http.heard() {
            let signature = heard.header("authorization").split_once("signature=\"").map(|(_, rest)| rest);
            secrets.extend(signature.and_then(|rest| rest.split_once('"')).map(|(signature, _)| signature.to_owned()));
            secrets.extend(heard.pairs().remove("sign"));
        }
        secrets
    }
}

fn provider(name: &str, account: &str, format: &str, source: &str) -> String {
    format!(
        "\n[[provider]]\nname = \"{name}\"\naccount = \"{account}\"\nformat = \"{format}\"\nsource = {{ {source} }}\n\
         settles_in = \"1 business day\"\n"
    )
}

impl Shelf {
    /// The account whose file a request is for.
    fn file_of(&self, heard: &Heard) -> Option<&'static str> {
        match heard.path() {
            "/v3/billdownload/file" => self.tokens.get(&heard.pairs()["token"]).copied(),
            "/downloadBillFile.resource" => Some(PID),
            "/v1/files/file_1/contents" => Some(STRIPE),
            path if path.starts_with("/reports/download/") => Some(ADYEN),
            _ => None,
        }
    }

    fn answer(&mut self, heard: &Heard) -> Says {
        let permitted = match heard.path() {
            path if path.starts_with("/v3/") => merchant_of(heard).is_some(),
            path if path.starts_with("/v1/") => heard.header("authorization") == format!("Bearer {STRIPE_KEY}"),
            path if path.starts_with("/reports/") => heard.header("x-api-key") == ADYEN_KEY,
            "/downloadBillFile.resource" => heard.pairs().get("token").is_some_and(|token| token == ALIPAY_TOKEN),
            _ => true,
        };
        if !permitted {
            return Says::new(401, "");
        }
        if let Some(account) = self.file_of(heard) {
            let file = self.files[account].clone();
            let half = file.len() / 2;
            let stalls = self.stalls.take_if(|stalls| *stalls == account).is_some();
            return Says::new(200, file).how(if stalls { How::StallsAfter(half) } else { How::Whole });
        }
        let host = heard.header("host");
        match (heard.method.as_str(), heard.path()) {
            ("GET", "/v3/bill/tradebill") => self.bill(merchant_of(heard).unwrap(), heard),
            ("POST", "/gateway.do") => {
                let url =
                    format!("http://{host}/downloadBillFile.resource?userId={PID}0156&bizDates=20261117&token={ALIPAY_TOKEN}");
                let node = format!(r#"{{"code":"10000","msg":"Success","bill_download_url":"{url}"}}"#);
                let sign = keys::sign("platform.pem", node.as_bytes());
                Says::new(200, format!(r#"{{"alipay_data_dataservice_bill_downloadurl_query_response":{node},"sign":"{sign}"}}"#))
            }
            ("GET", path) if path.starts_with("/v1/reporting/report_types/") => {
                Says::new(200, r#"{"data_available_start":0,"data_available_end":2000000000}"#)
            }
            ("POST", "/v1/reporting/report_runs") => {
                self.orders.insert(heard.header("idempotency-key").to_owned());
                let result =
                    json!({ "url": format!("http://{host}/v1/files/file_1/contents"), "size": self.files[STRIPE].len() });
                Says::new(200, json!({ "id": "frr_1", "status": "succeeded", "result": result }).to_string())
            }
            _ => Says::new(404, ""),
        }
    }

    /// The first step of WeChat Pay.
    fn bill(&mut self, account: &'static str, heard: &Heard) -> Says {
        let host = heard.header("host");
        if let Some((status, code)) = self.refuses.get(account) {
            // Worse than the real one: it repeats what it was sent.
            let message = format!("as told: {}", heard.header("authorization"));
            return self.signed(Says::new(*status, json!({ "code": code, "message": message }).to_string()));
        }
        let token = format!("tokenOfBill{account}x{}", self.tokens.len());
        let mut bytes = ungzip(&self.files[account]);
        if self.miscounts == Some(account) {
            bytes.push(b'\n');
        }
        let hash = hexadecimal(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes).as_ref());
        let url = format!("http://{host}/v3/billdownload/file?token={token}");
        self.tokens.insert(token, account);
        self.signed(Says::new(200, json!({ "hash_type": "SHA1", "hash_value": hash, "download_url": url }).to_string()))
    }

    /// An answer as WeChat Pay signs it.
    fn signed(&self, says: Says) -> Says {
        let time = self.now.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
        let text = String::from_utf8(says.body.clone()).unwrap();
        let signature = keys::sign("platform.pem", format!("{time}\nn0nce\n{text}\n").as_bytes());
        says.header("Wechatpay-Timestamp", time.to_string())
            .header("Wechatpay-Nonce", "n0nce")
            .header("Wechatpay-Serial", PLATFORM_SERIAL)
            .header("Wechatpay-Signature", signature)
    }
}

/// The merchant with WeChat Pay that signed a request with its own key.
fn merchant_of(heard: &Heard) -> Option<&'static str> {
    let list = heard.header("authorization").strip_prefix("WECHATPAY2-SHA256-RSA2048 ")?;
    let given: BTreeMap<&str, &str> =
        list.split(',').filter_map(|part| part.split_once('=')).map(|(name, value)| (name, value.trim_matches('"'))).collect();
    let (account, _, key) =
        MERCHANTS.into_iter().find(|(account, serial, _)| (*account, *serial) == (given["mchid"], given["serial_no"]))?;
    let text = format!("{}\n{}\n{}\n{}\n\n", heard.method, heard.target, given["timestamp"], given["nonce_str"]);
    keys::made(key, text.as_bytes(), given["signature"]).then_some(account)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn ungzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut text).unwrap();
    text
}

/// A bill of one payment, or of none, with its totals.
pub(crate) fn bill_of(account: &str, payment: Option<(&str, &str)>) -> Vec<u8> {
    let sample = sample("provider/wechat_pay/1900000109_tradebill_ALL_20261117.csv");
    let lines: Vec<&str> = std::str::from_utf8(&sample).unwrap().split("\r\n").collect();
    let titles = lines.iter().find(|line| line.starts_with("总交易单数")).unwrap();
    let Some((order, amount)) = payment else {
        return [lines[0], titles, "`0,`0.00,`0.00,`0.00,`0.00,`0.00,`0.00", ""].join("\r\n").into_bytes();
    };
    let payment = lines[1].replace("1900000109", account).replace("SO20261117000001", order).replace("176.00", amount);
    // The provider's own reference, by its merchant.
    let payment = payment.replace("4200002026111764967", &format!("42000020261117{}", &account[5..]));
    let totals = format!("`1,`{amount},`0.00,`0.00,`1.06000,`{amount},`0.00");
    [lines[0], &payment, titles, &totals, ""].join("\r\n").into_bytes()
}

fn sample(path: &str) -> Vec<u8> {
    std::fs::read(package().join("sample-data").join(path)).unwrap()
}

/// A settlement report of PayPal in two files.
fn settlement_files() -> [(&'static str, String); 2] {
    let whole = std::fs::read_to_string(package().join("tests/formats/paypal/settlement/several_sections.csv")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let second = lines.iter().rposition(|line| line.starts_with("\"SH\"")).unwrap();
    let end = lines.len() - 1;
    let file = |number: &str, sections: &[&str]| {
        let number = format!("\"FH\",{number}");
        [&[lines[0], &number], sections, &["\"FF\",1", ""]].concat().join("\n")
    };
    [("STL-20261117.01.009.CSV", file("01", &lines[2..second])), ("STL-20261117.02.009.CSV", file("02", &lines[second..end]))]
}
