//! The reports of Adyen: <https://docs.adyen.com/reporting/automatically-get-reports>.
//!
//! Adyen makes a report when it is due and says so in a webhook that names its address. Who receives webhooks keeps them
//! as files, and those are read here as what they are: something anybody may have sent. A report with a date in
//! its name can be asked for without them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Request;
use reqwest::header::{self, HeaderName};
use ring::hmac;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::folder::Folder;
use super::http::{self, Client, Endpoint, Reply, Transfer, Tried, shown};
use super::pattern::Pattern;
use super::told::Told;
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Exit, Result};
use crate::lake::Inbox;
use crate::secret::{Secret, SecretText};

/// The reports of Adyen. The account of the provider is the merchant account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adyen {
    /// The company account, for reports that are made for the whole company; those of the merchant account unless said.
    company: Option<String>,
    /// The user for reports, `report@Company.…`; with `password`.
    user: Option<String>,
    /// Its password.
    password: Option<Secret>,
    /// An API key with the role for reports, in place of `user` and `password`.
    api_key: Option<Secret>,
    /// The report by its name: `payments_accounting_report_{date:%Y_%m_%d}.csv`.
    file: Option<String>,
    /// The webhooks that say which reports are there: patterns of names of JSON files, relative to the job.
    trigger: Option<String>,
    /// With `trigger`: which of the reports, by a pattern of their names such as `settlement_detail_report_batch_*.csv`.
    report: Option<String>,
    /// With `trigger`: the key webhooks are signed with, in hexadecimal digits. Given, a webhook without its
    /// signature is refused.
    hmac_key: Option<Secret>,
    /// Where reports are, when it is not `https://ca-live.adyen.com`.
    endpoint: Option<Endpoint>,
}

/// Adyen's reports, ready to be asked for.
#[derive(Debug)]
pub struct Reports {
    company: Option<String>,
    login: Login,
    which: Which,
    endpoint: Endpoint,
}

#[derive(Debug)]
enum Login {
    User(String, Secret),
    Key(Secret),
}

#[derive(Debug)]
enum Which {
    /// One, by its name.
    Named(Pattern),
    /// Those that webhooks speak of.
    Told { webhooks: Folder, report: Pattern, key: Option<Secret> },
}

impl Adyen {
    /// The place: every pattern checked, its paths taken as relative to `folder`.
    pub fn open(self, folder: &Path) -> Result<Reports> {
        let resolved = |mut secret: Secret| {
            secret.resolve(folder);
            secret
        };
        let login = match (self.user, self.password, self.api_key) {
            (Some(user), Some(password), None) => Login::User(user, resolved(password)),
            (None, None, Some(key)) => Login::Key(resolved(key)),
            _ => return Err(Error::configuration("either `user` and `password`, or `api_key`").column("api_key")),
        };
        let which = match (self.file, self.trigger, self.report, self.hmac_key) {
            (Some(file), None, None, None) => Which::Named(Pattern::new(&file).map_err(|error| error.column("file"))?),
            (None, Some(trigger), Some(report), key) => Which::Told {
                webhooks: Folder::new(folder, &[trigger])?,
                report: Pattern::new(&report).map_err(|error| error.column("report"))?,
                key: key.map(resolved),
            },
            _ => {
                return Err(Error::configuration("either `file`, or `trigger` and `report`")
                    .column("file")
                    .next("name the report where its name has a date, and its webhooks where it has a number"));
            }
        };
        let endpoint = self.endpoint.unwrap_or_else(|| Endpoint::known("https://ca-live.adyen.com"));
        Ok(Reports { company: self.company, login, which, endpoint })
    }
}

impl Place for Reports {
    fn name(&self, asked: &Asked) -> String {
        match &self.which {
            Which::Named(file) => format!("{} {}", self.endpoint.host(), file.on(asked.date)),
            Which::Told { webhooks, report, .. } => format!("{}, told by {}", report.on(asked.date), webhooks.name(asked)),
        }
    }

    fn delivers_once(&self) -> bool {
        matches!(self.which, Which::Named(_))
    }

    fn check(&self) -> Result<()> {
        if let Which::Told { key: Some(key), .. } = &self.which {
            webhook_key(key)?;
        }
        self.login.read().map(drop)
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        let visit = Visit::new(self, asked, conversation)?;
        let reports = visit.reports()?;
        if reports.is_empty() {
            return Ok(Ready::not_yet("no webhook speaks of a report"));
        }
        for report in &reports {
            let request = visit.request(report.url.clone())?;
            let told = conversation.insist(|| {
                let reply = visit.client.look(&request)?;
                if reply.status.is_success() { Ok(Told::Has(())) } else { visit.refusal(&reply) }
            })?;
            if !matches!(told, Told::Has(())) {
                return Ok(told.ready());
            }
        }
        Ok(Ready::Yes)
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let visit = Visit::new(self, asked, conversation)?;
        let reports = visit.reports()?;
        if reports.is_empty() {
            return Ok(Answer::not_yet("no webhook speaks of a report"));
        }
        let mut delivered = Vec::new();
        for report in reports {
            let locator = shown(&report.url);
            if let Some(received) = inbox.unchanged(&locator, report.version.as_deref()) {
                delivered.push(received);
                continue;
            }
            let mut transfer = Transfer::new(inbox.receive(&report.name)?);
            match conversation.insist(|| visit.take(&report, &mut transfer)) {
                Ok(Told::Has(())) => delivered.push(transfer.incoming.keep(&locator, report.version)?),
                Ok(told) => return told.answer(|()| unreachable!("what is there was taken")),
                Err(error) => return Err(transfer.refuse(error)),
            }
        }
        Ok(Answer::Delivered(delivered))
    }
}

impl Login {
    fn read(&self) -> Result<SecretText> {
        let (Self::User(_, secret) | Self::Key(secret)) = self;
        secret.read()
    }
}

/// A report that is there, or should be.
struct Report {
    url: Url,
    name: String,
    /// When its webhook was made: a report that is made again has the same name, and another webhook.
    version: Option<String>,
}

/// One conversation about the reports of one night.
struct Visit<'v> {
    place: &'v Reports,
    asked: &'v Asked,
    client: Client<'v, 'v>,
    secret: SecretText,
}

/// What Adyen posts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    notification_items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "NotificationRequestItem")]
    item: Notification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    event_code: String,
    event_date: String,
    merchant_account_code: String,
    #[serde(default)]
    merchant_reference: String,
    #[serde(default)]
    original_reference: String,
    psp_reference: String,
    #[serde(default)]
    reason: String,
    success: String,
    amount: Option<Amount>,
    #[serde(default)]
    additional_data: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Amount {
    currency: String,
    value: i64,
}

impl<'v> Visit<'v> {
    fn new(place: &'v Reports, asked: &'v Asked, conversation: &'v Conversation<'v>) -> Result<Self> {
        let client = Client::new(conversation, &place.endpoint, &[".adyen.com"])?;
        Ok(Self { place, asked, client, secret: place.login.read()? })
    }

    /// The reports of the night, each once.
    fn reports(&self) -> Result<Vec<Report>> {
        match &self.place.which {
            Which::Named(file) => {
                let name = file.on(self.asked.date);
                let url = self.place.endpoint.at(&format!("{}{name}", self.folder()))?;
                Ok(vec![Report { url, name, version: None }])
            }
            Which::Told { webhooks, report, key } => {
                let key = key.as_ref().map(webhook_key).transpose()?;
                let report = report.on(self.asked.date);
                let report = glob::Pattern::new(&report)
                    .map_err(|error| Error::configuration(format!("not a pattern of names: {error}")).found(&report))?;
                let mut reports: BTreeMap<String, Report> = BTreeMap::new();
                for path in webhooks.on_this_machine(self.asked)? {
                    for told in self.told(&path, &report, key.as_ref())? {
                        // The last word on each: files come in the order of their names.
                        reports.insert(told.url.to_string(), told);
                    }
                }
                Ok(reports.into_values().collect())
            }
        }
    }

    /// The reports a file with a webhook speaks of. Its address is not believed before it is seen to be Adyen's and of
    /// this account.
    fn told(&self, path: &Path, report: &glob::Pattern, key: Option<&hmac::Key>) -> Result<Vec<Report>> {
        let wrong = |what: &str| Error::data(what.to_owned()).file(path.display());
        let webhook: Webhook = serde_json::from_slice(&read(path)?)
            .map_err(|error| wrong("this is no webhook of Adyen").line(error.line() as u64))?;
        let mut reports = Vec::new();
        for Item { item } in webhook.notification_items {
            let account = self.place.company.as_ref().unwrap_or(&self.asked.account);
            let speaks = item.event_code == "REPORT_AVAILABLE" && item.success == "true" && report.matches(&item.psp_reference);
            if !speaks || (item.merchant_account_code != *account && item.merchant_account_code != self.asked.account) {
                continue;
            }
            if key.is_some_and(|key| !item.is_signed(key)) {
                return Err(wrong("the webhook is not signed with the key of the job")
                    .next("compare `hmac_key` with the webhook's settings at Adyen; if they agree, somebody else sent this"));
            }
            let url = self.client.address(&item.reason).map_err(|error| error.file(path.display()))?;
            let expected = format!("{}{}", self.folder(), item.psp_reference);
            if url.path() != expected {
                return Err(wrong("the webhook leads to another report than it names").expected(expected).found(shown(&url)));
            }
            reports.push(Report { url, name: item.psp_reference, version: Some(item.event_date) });
        }
        Ok(reports)
    }

    /// Where the reports of the account are.
    fn folder(&self) -> String {
        match &self.place.company {
            Some(company) => format!("/reports/download/Company/{company}/"),
            None => format!("/reports/download/MerchantAccount/{}/", self.asked.account),
        }
    }

    fn request(&self, url: Url) -> Result<Request> {
        let mut request = http::get(url);
        let (name, value) = match &self.place.login {
            Login::Key(_) => (HeaderName::from_static("x-api-key"), self.secret.reveal().to_owned()),
            Login::User(user, _) => {
                let both = STANDARD.encode(format!("{user}:{}", self.secret.reveal()));
                (header::AUTHORIZATION, format!("Basic {both}"))
            }
        };
        request.headers_mut().insert(name, http::sensitive(&value)?);
        Ok(request)
    }

    fn take(&self, report: &Report, transfer: &mut Transfer) -> Tried<Told<()>> {
        let reply = self.client.download(&self.request(report.url.clone())?, transfer)?;
        if reply.status.is_success() { Ok(Told::Has(())) } else { self.refusal(&reply) }
    }

    fn refusal<T>(&self, reply: &Reply) -> Tried<Told<T>> {
        if reply.status == 404 {
            return Ok(Told::NotYet("the report is not there".to_owned(), None));
        }
        // Its pages of errors are for browsers and say nothing.
        Err(self.client.refused(reply, ""))
    }
}

impl Notification {
    /// Whether it carries the signature its key makes: <https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures>.
    fn is_signed(&self, key: &hmac::Key) -> bool {
        let signature = self.additional_data.get("hmacSignature").and_then(serde_json::Value::as_str).unwrap_or_default();
        let amount = self.amount.as_ref().map_or(("", String::new()), |amount| (&amount.currency, amount.value.to_string()));
        let parts = [
            &self.psp_reference,
            &self.original_reference,
            &self.merchant_account_code,
            &self.merchant_reference,
            &amount.1,
            amount.0,
            &self.event_code,
            &self.success,
        ];
        STANDARD.decode(signature).is_ok_and(|tag| hmac::verify(key, parts.join(":").as_bytes(), &tag).is_ok())
    }
}

/// A webhook has a few hundred bytes: more than an answer may have is none.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(http::ANSWER_BYTES as u64).read_to_end(&mut bytes));
    read.map_err(|error| Error::io("read", path.display(), &error))?;
    Ok(bytes)
}

fn webhook_key(secret: &Secret) -> Result<hmac::Key> {
    let text = secret.read()?;
    let digits: Option<Vec<u32>> = text.reveal().chars().map(|letter| letter.to_digit(16)).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2));
    let digits = digits.ok_or_else(|| {
        Error::new(Exit::BadConfiguration, "the key of the webhooks is not in hexadecimal digits").found(secret.shown())
    })?;
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits are a byte");
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &digits.chunks(2).map(byte).collect::<Vec<_>>()))
}
