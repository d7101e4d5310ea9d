//! The bills of WeChat Pay, by API v3: <https://pay.weixin.qq.com/doc/v3/merchant/4012791866>.
//!
//! A bill comes in two steps: a signed question gives an address and a hash, and a second signed question, to that
//! address while it is young, gives the file. Statements of WeChat Pay Global come in one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Request;
use reqwest::header::{self, HeaderName, HeaderValue};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::conversation::Failure;
use super::http::{self, Client, Endpoint, Reply, Transfer, Tried, said};
use super::sign::{PrivateKey, PublicKey};
use super::told::{Told, until_beijing};
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Exit, Result};
use crate::lake::{Inbox, Received};
use crate::secret::Secret;

/// How far the clocks of the two sides may be apart.
const CLOCKS_APART_SECONDS: u64 = 5 * 60;
/// How often WeChat Pay asks to come back while it makes a bill.
const MAKING: Duration = Duration::from_mins(30);

/// The interface of WeChat Pay (API v3). The merchant is the account of the provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WechatPay {
    /// Which bill.
    report: Report,
    /// Serial number of the merchant's API certificate, as the merchant platform shows it.
    serial: String,
    /// The private key of that certificate: the content of `apiclient_key.pem`.
    key: Secret,
    /// What answers are checked with: public keys (`PUB_KEY_ID_…`) or platform certificates, by their serial number;
    /// paths are relative to the job.
    platform_keys: BTreeMap<String, PathBuf>,
    /// Which lines of a trade bill; all but recharge refunds unless said.
    bill_type: Option<BillType>,
    /// Which account of a fund flow bill; the basic one unless said.
    account_type: Option<AccountType>,
    /// For service providers: the merchant the bill is about; all of theirs unless said.
    sub_merchant: Option<String>,
    /// Whether the file comes as gzip; it does unless said.
    #[serde(default = "compressed")]
    compressed: bool,
    /// Where the interface is, when it is not the usual one: `https://api2.mch.weixin.qq.com`, a proxy, a test.
    endpoint: Option<Endpoint>,
}

/// A bill WeChat Pay makes every day.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Report {
    /// What was paid and refunded.
    TradeBill,
    /// What moved on an account.
    FundFlowBill,
    /// What was shared out.
    ProfitSharingBill,
    /// The statement of WeChat Pay Global.
    OverseasStatement,
}

/// Lines of a trade bill.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BillType {
    /// Payments and refunds.
    All,
    /// Payments.
    Success,
    /// Refunds.
    Refund,
    /// Refunds of recharges.
    RechargeRefund,
    /// Of service providers: payments and refunds.
    AllSpecial,
    /// Of service providers: payments.
    SucSpecial,
    /// Of service providers: refunds.
    RefSpecial,
}

/// An account with WeChat Pay.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum AccountType {
    /// What customers paid.
    Basic,
    /// What is paid out of.
    Operation,
    /// Fees.
    Fees,
}

fn compressed() -> bool {
    true
}

impl WechatPay {
    /// The place, its paths taken as relative to `folder`.
    pub fn open(mut self, folder: &Path) -> Result<Self> {
        self.key.resolve(folder);
        self.platform_keys.values_mut().for_each(|path| *path = folder.join(&*path));
        if self.platform_keys.is_empty() {
            return Err(Error::configuration("without a key of WeChat Pay its answers cannot be checked")
                .column("platform_keys")
                .next("download the public key of WeChat Pay from the merchant platform and name it here by its id"));
        }
        let misplaced = [
            ("bill_type", self.bill_type.is_some(), self.report == Report::TradeBill),
            ("account_type", self.account_type.is_some(), self.report == Report::FundFlowBill),
        ];
        for (key, said, fits) in misplaced {
            if said && !fits {
                return Err(Error::configuration("this key is for another report").column(key).found(self.report.name()));
            }
        }
        Ok(self)
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone().unwrap_or_else(|| Endpoint::known(self.report.endpoint()))
    }

    /// The merchant's key, and those of WeChat Pay by their serial numbers.
    fn keys(&self) -> Result<(PrivateKey, BTreeMap<&str, PublicKey>)> {
        let files = self.platform_keys.iter();
        let platform = files.map(|(serial, path)| Ok((serial.as_str(), PublicKey::read(path, Some(serial))?)));
        let platform = platform.collect::<Result<_>>()?;
        Ok((PrivateKey::read(&self.key)?, platform))
    }

    /// The first question.
    fn question(&self, endpoint: &Endpoint, asked: &Asked) -> Result<Url> {
        let mut url = endpoint.at(self.report.path())?;
        let mut query = url.query_pairs_mut();
        if self.report == Report::OverseasStatement {
            query.append_pair("date", &asked.date.format("%Y%m%d").to_string());
            match &self.sub_merchant {
                None => query.append_pair("mchid", &asked.account),
                Some(sub) => query.append_pair("sp_mchid", &asked.account).append_pair("sub_mchid", sub),
            };
        } else {
            query.append_pair("bill_date", &asked.date.to_string());
            if let Some(kind) = self.bill_type {
                query.append_pair("bill_type", kind.word());
            }
            if let Some(account) = self.account_type {
                query.append_pair("account_type", account.word());
            }
            if let Some(sub) = &self.sub_merchant {
                query.append_pair("sub_mchid", sub);
            }
            if self.compressed {
                query.append_pair("tar_type", "GZIP");
            }
        }
        drop(query);
        Ok(url)
    }

    fn file_name(&self, asked: &Asked) -> String {
        let packed = if self.compressed { ".gz" } else { "" };
        format!("{}_{}_{}.csv{packed}", asked.account, self.report.name(), asked.date.format("%Y%m%d"))
    }
}

impl Place for WechatPay {
    fn name(&self, asked: &Asked) -> String {
        format!("{} {} of {}", self.endpoint().host(), self.report.name(), asked.date)
    }

    fn delivers_once(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        self.keys().map(drop)
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        let endpoint = self.endpoint();
        let visit = Visit::new(self, asked, conversation, &endpoint)?;
        if let Some(wait) = until_beijing(asked.date, 0, conversation.now()) {
            return Ok(Ready::NotYet { said: "the day is not over".to_owned(), again_in: Some(wait) });
        }
        if self.report == Report::OverseasStatement {
            let request = visit.request(visit.question.clone(), "*/*")?;
            return conversation.insist(|| {
                let reply = visit.client.look(&request)?;
                if reply.status.is_success() { Ok(Ready::Yes) } else { visit.refusal::<()>(&reply).map(Told::ready) }
            });
        }
        conversation.insist(|| visit.statement()).map(Told::ready)
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let endpoint = self.endpoint();
        let visit = Visit::new(self, asked, conversation, &endpoint)?;
        if let Some(wait) = until_beijing(asked.date, 0, conversation.now()) {
            return Ok(Answer::NotYet { said: "the day is not over".to_owned(), again_in: Some(wait) });
        }
        let mut transfer = Transfer::new(inbox.receive(&self.file_name(asked))?);
        let arrived = conversation.insist(|| match self.report {
            Report::OverseasStatement => visit.take_whole(&mut transfer),
            _ => visit.take(&mut transfer, inbox),
        });
        let told = match arrived {
            Ok(told) => told,
            Err(error) => return Err(transfer.refuse(error)),
        };
        told.answer(|arrived| match arrived {
            Arrived::Before(received) => Ok(received),
            Arrived::Now { version } => transfer.incoming.keep(visit.question.as_str(), Some(version)),
        })
    }
}

/// How the file came.
enum Arrived {
    /// It is the one that came before.
    Before(Received),
    /// It is in the transfer, and is what this version says.
    Now { version: String },
}

/// One conversation about one bill.
struct Visit<'v> {
    place: &'v WechatPay,
    asked: &'v Asked,
    conversation: &'v Conversation<'v>,
    client: Client<'v, 'v>,
    key: PrivateKey,
    platform: BTreeMap<&'v str, PublicKey>,
    question: Url,
}

/// What the first step gives.
#[derive(Deserialize)]
struct Statement {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

impl<'v> Visit<'v> {
    fn new(place: &'v WechatPay, asked: &'v Asked, conversation: &'v Conversation<'v>, endpoint: &'v Endpoint) -> Result<Self> {
        let (key, platform) = place.keys()?;
        Ok(Self {
            place,
            asked,
            conversation,
            client: Client::new(conversation, endpoint, &[".mch.weixin.qq.com"])?,
            key,
            platform,
            question: place.question(endpoint, asked)?,
        })
    }

    /// A question, signed now.
    fn request(&self, url: Url, accept: &'static str) -> Result<Request> {
        let (time, nonce) = (self.conversation.now().timestamp(), http::nonce()?);
        let signature = self.key.sign(signing_text("GET", &url, time, &nonce, "").as_bytes());
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"{nonce}\",timestamp=\"{time}\",serial_no=\"{}\",signature=\"{signature}\"",
            self.asked.account, self.place.serial,
        );
        let mut request = http::get(url);
        request.headers_mut().insert(header::AUTHORIZATION, http::sensitive(&authorization)?);
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(accept));
        // Whoever has a public key of WeChat Pay asks for answers that are signed with it.
        if let Some(id) = self.platform.keys().find(|id| id.starts_with("PUB_KEY_ID_")) {
            let id = HeaderValue::try_from(*id).map_err(|_| Error::configuration("this is no id of a key").found(id))?;
            request.headers_mut().insert(HeaderName::from_static("wechatpay-serial"), id);
        }
        Ok(request)
    }

    /// The first step.
    fn statement(&self) -> Tried<Told<Statement>> {
        let reply = self.client.ask(&self.request(self.question.clone(), "application/json")?)?;
        if !reply.status.is_success() {
            return self.refusal(&reply);
        }
        self.verify(&reply, &reply.body)?;
        let statement: Statement = reply.json()?;
        if statement.hash_type != "SHA1" {
            return Err(Error::data("the bill is hashed in a way that is not known")
                .expected("SHA1")
                .found(said(&statement.hash_type, &[]))
                .into());
        }
        Ok(Told::Has(statement))
    }

    /// Both steps. The second may find that its address has grown old: both are tried again.
    fn take(&self, transfer: &mut Transfer, inbox: &Inbox) -> Tried<Told<Arrived>> {
        self.statement()?.and_then(|statement| {
            let version = format!("sha1:{}", statement.hash_value.to_lowercase());
            if let Some(received) = inbox.unchanged(self.question.as_str(), Some(&version)) {
                return Ok(Told::Has(Arrived::Before(received)));
            }
            let url = self.client.address(&statement.download_url)?;
            let reply = self.client.download(&self.request(url, "*/*")?, transfer)?;
            if !reply.status.is_success() {
                return match code(&reply).0.as_str() {
                    "INVALID_REQUEST" => Err(Failure::soon(
                        Error::new(Exit::TryAgain, "the address of the bill grew old before it was used")
                            .next("try again later; if it stays so, look for what slows this machine down"),
                    )),
                    _ => self.refusal(&reply),
                };
            }
            compare(transfer, &statement.hash_value)?;
            Ok(Told::Has(Arrived::Now { version }))
        })
    }

    /// The one step of WeChat Pay Global: the file, with its hash in a header, and the hash signed.
    fn take_whole(&self, transfer: &mut Transfer) -> Tried<Told<Arrived>> {
        let mut request = self.request(self.question.clone(), "*/*")?;
        if self.place.compressed {
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let reply = self.client.download(&request, transfer)?;
        if !reply.status.is_success() {
            return self.refusal(&reply);
        }
        let hash = reply.header("wechatpay-statement-sha1").unwrap_or_default().to_owned();
        self.verify(&reply, hash.as_bytes())?;
        compare(transfer, &hash)?;
        Ok(Told::Has(Arrived::Now { version: format!("sha1:{}", hash.to_lowercase()) }))
    }

    /// What an answer means that is neither an address nor a file.
    fn refusal<T>(&self, reply: &Reply) -> Tried<Told<T>> {
        // An answer that is signed is checked, good or not: "no bill" is a statement too.
        if reply.header("wechatpay-signature").is_some() {
            self.verify(reply, &reply.body)?;
        }
        let (code, words) = code(reply);
        let words = if code.is_empty() { words } else { format!("{code}: {words}") };
        let error = |exit, what: &str| Error::new(exit, what).found(&words);
        match code.as_str() {
            "NO_STATEMENT_EXIST" => Ok(Told::NoBill(words)),
            "STATEMENT_CREATING" => Ok(Told::NotYet(words, Some(MAKING))),
            "NO_AUTH" => Err(error(Exit::NotPermitted, "WeChat Pay does not give this bill to this merchant")
                .next("leave out `sub_merchant` for merchants that have no bill of their own, or ask for the permission")
                .into()),
            "SIGN_ERROR" => Err(error(Exit::NotPermitted, "WeChat Pay does not accept the signature")
                .next("check that `serial` is of the certificate `key` belongs to, and both of this merchant; then the clock")
                .into()),
            "SYSTEM_ERROR" => {
                Err(Failure::soon(error(Exit::TryAgain, "WeChat Pay has trouble of its own").next("try again later")))
            }
            "FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED" if reply.status != 429 => {
                Err(Failure::soon(error(Exit::TryAgain, "WeChat Pay was asked too often").next("try again later")))
            }
            _ => Err(self.client.refused(reply, &words)),
        }
    }

    /// Checks that WeChat Pay signed `text`, now.
    fn verify(&self, reply: &Reply, text: &[u8]) -> Result<()> {
        let wrong = |what: &str| Error::data(what.to_owned()).next("look for a proxy between this machine and WeChat Pay");
        let headers = ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature"];
        let [Some(time), Some(nonce), Some(serial), Some(signature)] = headers.map(|name| reply.header(name)) else {
            return Err(wrong("the answer is not signed by WeChat Pay"));
        };
        let now = self.conversation.now().timestamp();
        if !time.parse::<i64>().is_ok_and(|time| time.abs_diff(now) <= CLOCKS_APART_SECONDS) {
            return Err(wrong("the answer was not signed now")
                .expected(format!("a time less than {CLOCKS_APART_SECONDS} s from {now}"))
                .found(said(time, &[]))
                .next("set the clock of this machine"));
        }
        let Some(key) = self.platform.get(serial) else {
            let known: Vec<&str> = self.platform.keys().copied().collect();
            return Err(Error::configuration("the answer is signed with a key of WeChat Pay that the job does not name")
                .column("platform_keys")
                .expected(known.join(", "))
                .found(said(serial, &[]))
                .next("download that key or certificate from the merchant platform, and add it"));
        };
        let message = [time.as_bytes(), nonce.as_bytes(), text].map(|part| [part, b"\n"].concat()).concat();
        if key.verifies(&message, signature) {
            return Ok(());
        }
        Err(wrong("the answer is not what WeChat Pay signed"))
    }
}

/// What is signed of a question: five lines, each with its end.
#[must_use]
pub fn signing_text(method: &str, url: &Url, time: i64, nonce: &str, body: &str) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{method}\n{}{query}\n{time}\n{nonce}\n{body}\n", url.path())
}

/// The code and the words of a refusal, where it has them.
fn code(reply: &Reply) -> (String, String) {
    match reply.json::<Refusal>() {
        Ok(refusal) => (said(&refusal.code, &[]), said(&refusal.message, &[])),
        Err(_) => (String::new(), "an answer without a code".to_owned()),
    }
}

/// The hash is that of the file before it was packed.
fn compare(transfer: &Transfer, expected: &str) -> Tried<()> {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    let mut file = transfer.unpacked()?;
    let mut buffer = vec![0_u8; 1 << 16];
    let trouble = |found: String| {
        Failure::soon(
            Error::data("the bill is not the one WeChat Pay announced").expected(expected).found(found).next("fetch it again"),
        )
    };
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) => return Err(trouble(error.to_string())),
        }
    }
    let found = http::hexadecimal(hash.finish().as_ref());
    if found.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(trouble(format!("SHA-1 {found}"))) }
}

impl Report {
    fn name(self) -> &'static str {
        match self {
            Self::TradeBill => "trade_bill",
            Self::FundFlowBill => "fund_flow_bill",
            Self::ProfitSharingBill => "profit_sharing_bill",
            Self::OverseasStatement => "overseas_statement",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::TradeBill => "/v3/bill/tradebill",
            Self::FundFlowBill => "/v3/bill/fundflowbill",
            Self::ProfitSharingBill => "/v3/profitsharing/bills",
            Self::OverseasStatement => "/v3/global/statements",
        }
    }

    fn endpoint(self) -> &'static str {
        match self {
            Self::OverseasStatement => "https://apihk.mch.weixin.qq.com",
            _ => "https://api.mch.weixin.qq.com",
        }
    }
}

impl BillType {
    fn word(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::RechargeRefund => "RECHARGE_REFUND",
            Self::AllSpecial => "ALL_SPECIAL",
            Self::SucSpecial => "SUC_SPECIAL",
            Self::RefSpecial => "REF_SPECIAL",
        }
    }
}

impl AccountType {
    fn word(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::Operation => "OPERATION",
            Self::Fees => "FEES",
        }
    }
}
