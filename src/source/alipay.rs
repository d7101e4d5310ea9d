//! The bills of Alipay's open platform:
//! <https://opendocs.alipay.com/open/02e7gr>, `alipay.data.dataservice.bill.downloadurl.query`.
//!
//! A signed question gives an address that opens for 30 seconds and asks nobody who comes. Alipay states no hash: what
//! arrives must be a whole ZIP archive.
//!
//! "The bill does not exist" is said of a day that had no business and of one whose bill is late, and nothing tells
//! the two apart. Until noon in Beijing it is taken as late, afterwards as a day without a bill. Where an empty day
//! would be a surprise, ask once more on the next one.

use std::io::Read;
use std::path::{Path, PathBuf};

use reqwest::Request;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use url::Url;

use super::conversation::Failure;
use super::http::{self, Client, Endpoint, Reply, Transfer, Tried, said};
use super::sign::{PrivateKey, PublicKey};
use super::told::{Told, beijing, until_beijing};
use super::{Answer, Asked, Conversation, Place, Ready, archive};
use crate::error::{Error, Exit, Result};
use crate::lake::Inbox;
use crate::secret::{Secret, SecretText};

/// The one method that is called.
const METHOD: &str = "alipay.data.dataservice.bill.downloadurl.query";
/// Where its answer is.
const NODE: &str = "alipay_data_dataservice_bill_downloadurl_query_response";
/// Where files are served from.
const FILES: &str = "dwbillcenter.alipay.com";
/// From this hour of the next day on, in Beijing, a bill that does not exist is taken as none.
const NOON: u32 = 12;

/// The interface of Alipay's open platform. The account of the provider is the merchant's PID (2088…).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alipay {
    /// The application that asks.
    app_id: String,
    /// The private key of the application, for RSA2.
    key: Secret,
    /// The public key of Alipay for this application, or its certificate; relative to the job.
    alipay_key: PathBuf,
    /// Which bill.
    bill_type: BillType,
    /// For service providers: the merchant's permission.
    app_auth_token: Option<Secret>,
    /// For `trade_zft_merchant`: the merchant's number.
    sub_merchant: Option<String>,
    /// For applications with certificates: the number (SN) of the application's certificate.
    app_certificate: Option<String>,
    /// For applications with certificates: the number (SN) of Alipay's root certificate.
    alipay_root_certificate: Option<String>,
    /// Where the interface is, when it is not `https://openapi.alipay.com/gateway.do`.
    endpoint: Option<Endpoint>,
}

/// A bill Alipay makes every day.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
enum BillType {
    /// What was paid and refunded.
    #[serde(rename = "trade")]
    Trade,
    /// Every change of the balance.
    #[serde(rename = "signcustomer")]
    Account,
    /// Marketing.
    #[serde(rename = "merchant_act")]
    Marketing,
    /// What was paid to a merchant below this one.
    #[serde(rename = "trade_zft_merchant")]
    SubMerchant,
    /// What was settled together.
    #[serde(rename = "settlementMerge")]
    Settlement,
}

impl Alipay {
    /// The place, its paths taken as relative to `folder`.
    pub fn open(mut self, folder: &Path) -> Result<Self> {
        self.key.resolve(folder);
        self.alipay_key = folder.join(&self.alipay_key);
        if let Some(token) = &mut self.app_auth_token {
            token.resolve(folder);
        }
        if self.sub_merchant.is_some() != (self.bill_type == BillType::SubMerchant) {
            return Err(
                Error::configuration("`sub_merchant` belongs to `trade_zft_merchant`, and it alone").column("sub_merchant")
            );
        }
        if self.app_certificate.is_some() != self.alipay_root_certificate.is_some() {
            return Err(Error::configuration("an application with certificates names both its own and Alipay's root")
                .column("app_certificate"));
        }
        Ok(self)
    }

    /// The merchant's key, that of Alipay, and the permission of another merchant.
    fn keys(&self) -> Result<(PrivateKey, PublicKey, Option<SecretText>)> {
        let token = self.app_auth_token.as_ref().map(Secret::read).transpose()?;
        Ok((PrivateKey::read(&self.key)?, PublicKey::read(&self.alipay_key, None)?, token))
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone().unwrap_or_else(|| Endpoint::known("https://openapi.alipay.com/gateway.do"))
    }
}

impl Place for Alipay {
    fn name(&self, asked: &Asked) -> String {
        format!("{} {} of {}", self.endpoint().host(), self.bill_type.word(), asked.date)
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
        conversation.insist(|| visit.address()).map(Told::ready)
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let endpoint = self.endpoint();
        let visit = Visit::new(self, asked, conversation, &endpoint)?;
        let name = format!("{}_{}_{}.csv.zip", asked.account, self.bill_type.word(), asked.date.format("%Y%m%d"));
        let mut transfer = Transfer::new(inbox.receive(&name)?);
        match conversation.insist(|| visit.address()?.and_then(|url| visit.take(url, &mut transfer))) {
            // The same name may stand for a bill that was made anew: without a hash, what came before is asked for again.
            Ok(told) => told.answer(|()| transfer.incoming.keep(&format!("{} {}", self.bill_type.word(), asked.date), None)),
            Err(error) => Err(transfer.refuse(error)),
        }
    }
}

/// One conversation about one bill.
struct Visit<'v> {
    place: &'v Alipay,
    asked: &'v Asked,
    conversation: &'v Conversation<'v>,
    client: Client<'v, 'v>,
    gateway: Url,
    key: PrivateKey,
    alipay: PublicKey,
    token: Option<SecretText>,
}

#[derive(Deserialize)]
struct Node {
    code: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    sub_code: String,
    #[serde(default)]
    sub_msg: String,
    bill_download_url: Option<String>,
}

impl<'v> Visit<'v> {
    fn new(place: &'v Alipay, asked: &'v Asked, conversation: &'v Conversation<'v>, endpoint: &'v Endpoint) -> Result<Self> {
        let (key, alipay, token) = place.keys()?;
        Ok(Self {
            place,
            asked,
            conversation,
            client: Client::new(conversation, endpoint, &[FILES])?,
            gateway: endpoint.at("")?,
            key,
            alipay,
            token,
        })
    }

    /// The question, signed now.
    fn question(&self) -> Request {
        let mut content = Map::new();
        content.insert("bill_type".to_owned(), self.place.bill_type.word().into());
        content.insert("bill_date".to_owned(), self.asked.date.to_string().into());
        if let Some(merchant) = &self.place.sub_merchant {
            content.insert("smid".to_owned(), merchant.as_str().into());
        }
        let content = Value::Object(content).to_string();
        let time = self.conversation.now().with_timezone(&beijing()).format("%Y-%m-%d %H:%M:%S").to_string();
        let mut fields = vec![
            ("app_id", self.place.app_id.as_str()),
            ("method", METHOD),
            ("format", "JSON"),
            ("charset", "utf-8"),
            ("sign_type", "RSA2"),
            ("timestamp", &time),
            ("version", "1.0"),
            ("biz_content", &content),
            ("app_auth_token", self.token.as_ref().map_or("", SecretText::reveal)),
            ("app_cert_sn", self.place.app_certificate.as_deref().unwrap_or_default()),
            ("alipay_root_cert_sn", self.place.alipay_root_certificate.as_deref().unwrap_or_default()),
        ];
        fields.retain(|(_, value)| !value.is_empty());
        let signature = self.key.sign(signing_text(&fields).as_bytes());
        fields.push(("sign", &signature));
        http::post(self.gateway.clone(), &fields)
    }

    /// The address of the bill.
    fn address(&self) -> Tried<Told<Url>> {
        let reply = self.client.ask(&self.question())?;
        if !reply.status.is_success() {
            return Err(self.client.refused(&reply, ""));
        }
        let (node, is_signed) = self.open(&reply)?;
        let Some(address) = node.bill_download_url.as_deref().filter(|_| node.code == "10000") else {
            return self.refusal(&node, is_signed);
        };
        if !is_signed {
            return Err(unsigned().into());
        }
        let mut url = Url::parse(address).map_err(|error| Error::data(format!("Alipay names no address: {error}")))?;
        // Written with http://, as it was when that was usual.
        if url.host_str() == Some(FILES) && url.scheme() == "http" && url.port().is_none() {
            url.set_scheme("https").expect("one may stand for the other");
        }
        let url = self.client.address(url.as_str())?;
        self.is_of_the_merchant(&url)?;
        Ok(Told::Has(url))
    }

    /// Takes the file, where the address is still open.
    fn take(&self, url: Url, transfer: &mut Transfer) -> Tried<Told<()>> {
        let reply = self.client.download(&http::get(url), transfer)?;
        if !reply.status.is_success() {
            return Err(self.client.refused(&reply, ""));
        }
        let mut magic = Vec::new();
        let begin = transfer.incoming.read_back()?.take(4).read_to_end(&mut magic);
        begin.map_err(|error| Error::io("read", "the file that arrived", &error))?;
        if !matches!(magic.as_slice(), [b'P', b'K', 3 | 5, 4 | 6]) {
            transfer.forget()?;
            let error = Error::new(Exit::TryAgain, "Alipay answers with a page instead of the bill: its address grew old")
                .next("try again later; if it stays so, look for what slows this machine down");
            return Err(Failure::soon(error));
        }
        archive::check(transfer.incoming.read_back()?).map_err(Failure::soon)?;
        Ok(Told::Has(()))
    }

    /// What the answer says, and whether Alipay signed it. It signs the text between the braces as it is written.
    fn open(&self, reply: &Reply) -> Result<(Node, bool)> {
        let unknown = || Error::data("the answer of Alipay is not what it documents").expected(NODE);
        let whole: Map<String, Value> = reply.json()?;
        let name = [NODE, "error_response"].into_iter().find(|name| whole.contains_key(*name)).ok_or_else(unknown)?;
        let body = std::str::from_utf8(&reply.body).map_err(|_| unknown())?;
        let text = verbatim(body, name).ok_or_else(unknown)?;
        let is_signed = match whole.get("sign").and_then(Value::as_str) {
            None | Some("") => false,
            Some(signature) if self.alipay.verifies(text.as_bytes(), signature) => true,
            Some(_) => {
                return Err(Error::data("the answer is not what Alipay signed")
                    .next("check that `alipay_key` is Alipay's key for this application, not the application's own"));
            }
        };
        // Read out of what is signed, and not out of what surrounds it.
        Ok((serde_json::from_str(text).map_err(|_| unknown())?, is_signed))
    }

    fn refusal<T>(&self, node: &Node, is_signed: bool) -> Tried<Told<T>> {
        let secrets: Vec<&SecretText> = self.token.iter().collect();
        let words = [&node.code, &node.sub_code, &node.msg, &node.sub_msg].map(|text| said(text, &secrets));
        let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let error = |exit, what: &str| Error::new(exit, what).found(&words);
        let reason = node.sub_code.trim_start_matches("isp.").trim_start_matches("isv.").to_uppercase().replace('-', "_");
        match (node.code.as_str(), reason.as_str()) {
            (_, "NO_BILL_DATA" | "BILL_NOT_EXIST") if !is_signed => Err(unsigned().into()),
            (_, "NO_BILL_DATA") => Ok(Told::NoBill(words)),
            (_, "BILL_NOT_EXIST") => Ok(match until_beijing(self.asked.date, NOON, self.conversation.now()) {
                Some(_) => Told::NotYet(words, None),
                None => Told::NoBill(words),
            }),
            ("20000" | "40005", _) | (_, "SYSTEM_ERROR" | "UNKNOW_ERROR" | "UNKNOWN_ERROR") => {
                Err(Failure::soon(error(Exit::TryAgain, "Alipay has trouble of its own").next("try again later")))
            }
            ("40002", "INVALID_SIGNATURE") => Err(error(Exit::NotPermitted, "Alipay does not accept the signature")
                .next("check that the public key of `key` is the one Alipay has for `app_id`")
                .into()),
            ("20001" | "40006", _) => Err(error(Exit::NotPermitted, "Alipay does not give this bill to this application")
                .next("add the permission for bills to the application, and have the merchant agree to it")
                .into()),
            _ => Err(error(Exit::BadConfiguration, "Alipay refuses what was asked for")
                .next("compare the source of the job with the application's settings")
                .into()),
        }
    }

    /// An address says whose bill it leads to and of which day, and that must be the one that was asked for.
    fn is_of_the_merchant(&self, url: &Url) -> Result<()> {
        let day = self.asked.date.format("%Y%m%d").to_string();
        for (name, value) in url.query_pairs() {
            let expected = match name.as_ref() {
                "userId" => &self.asked.account,
                "bizDates" => &day,
                _ => continue,
            };
            if !value.starts_with(expected.as_str()) {
                return Err(Error::data("Alipay names the bill of another merchant, or of another day")
                    .expected(format!("{name} {expected}"))
                    .found(said(&value, &[]))
                    .next("check that the account of the provider is the merchant's PID"));
            }
        }
        Ok(())
    }
}

/// What is signed of a question: its fields by name, but those that are empty, joined as they are.
#[must_use]
pub fn signing_text(fields: &[(&str, &str)]) -> String {
    let mut fields: Vec<_> = fields.iter().filter(|(name, value)| *name != "sign" && !value.is_empty()).collect();
    fields.sort_unstable();
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The value of `name` in the text of a JSON object, letter by letter.
fn verbatim<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(&rest[..values.byte_offset()])
}

fn unsigned() -> Error {
    Error::data("the answer is not signed by Alipay").next("look for a proxy between this machine and Alipay")
}

impl BillType {
    fn word(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Account => "signcustomer",
            Self::Marketing => "merchant_act",
            Self::SubMerchant => "trade_zft_merchant",
            Self::Settlement => "settlementMerge",
        }
    }
}
