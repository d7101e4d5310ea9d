//! The settlement files of UnionPay (全渠道), version 5.1.0 of its interface:
//! <https://open.unionpay.com/tjweb/acproduct/APIList?acpAPIId=791>.
//!
//! One signed form gets one signed answer, and the file is in it. The certificate the answer was signed with comes
//! along, and is believed because UnionPay's own certificates, which the job names, vouch for it.
//!
//! "There is no file" is said of a day without business and of one whose file is late. Until noon in Beijing it is
//! taken as late, afterwards as a day without a bill.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use reqwest::Request;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::conversation::Failure;
use super::http::{self, Client, Endpoint, Transfer, Tried, said};
use super::sign::{Certificate, PrivateKey};
use super::told::{Told, beijing, until_beijing};
use super::{Answer, Asked, Conversation, Place, Ready, archive};
use crate::error::{Error, Exit, Result};
use crate::format::bounds::Unpacked;
use crate::lake::Inbox;
use crate::secret::Secret;

/// The most an answer may hold: it carries the file, packed twice.
const ANSWER_BYTES: usize = 256 << 20;
/// From this hour of the next day on, in Beijing, a file that does not exist is taken as none.
const NOON: u32 = 12;
/// Whose certificate signs answers.
const SIGNER: &str = "中国银联股份有限公司";

/// The interface of UnionPay for settlement files. The account of the provider is the merchant number (merId).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnionPay {
    /// The serial number of the merchant's certificate, in decimal digits (certId).
    certificate: String,
    /// The private key of that certificate, as PEM.
    key: Secret,
    /// UnionPay's middle and root certificates; relative to the job. One of them must have issued the certificate that
    /// signs answers.
    trusted: Vec<PathBuf>,
    /// Whose certificate signs answers; 中国银联股份有限公司 unless said, `00040000:SIGN` in UnionPay's test system.
    signer: Option<String>,
    /// As what the merchant is connected; directly unless said.
    #[serde(default)]
    access: Access,
    /// Which file (fileType); `00` unless said.
    file_type: Option<String>,
    /// Where the interface is, when it is not `https://filedownload.95516.com/`.
    endpoint: Option<Endpoint>,
}

/// As what a merchant is connected (accessType).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Access {
    /// Directly.
    #[default]
    Merchant,
    /// Through an acquirer.
    Acquirer,
    /// Through a platform.
    Platform,
}

impl UnionPay {
    /// The place, its paths taken as relative to `folder`.
    pub fn open(mut self, folder: &Path) -> Result<Self> {
        self.key.resolve(folder);
        self.trusted.iter_mut().for_each(|path| *path = folder.join(&*path));
        if self.trusted.is_empty() {
            return Err(Error::configuration("without a certificate of UnionPay its answers cannot be checked")
                .column("trusted")
                .next("name the middle and the root certificate from UnionPay's merchant platform"));
        }
        let number = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
        for (key, text) in [("certificate", self.certificate.as_str()), ("file_type", self.file_type())] {
            if !number(text) {
                return Err(Error::configuration("this is not in decimal digits").column(key).found(text));
            }
        }
        Ok(self)
    }

    /// The merchant's key, and the certificates of UnionPay.
    fn keys(&self) -> Result<(PrivateKey, Vec<Certificate>)> {
        let trusted = self.trusted.iter().map(|path| Certificate::read(path)).collect::<Result<_>>()?;
        Ok((PrivateKey::read(&self.key)?, trusted))
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone().unwrap_or_else(|| Endpoint::known("https://filedownload.95516.com/"))
    }

    fn file_type(&self) -> &str {
        self.file_type.as_deref().unwrap_or("00")
    }

    fn signer(&self) -> &str {
        self.signer.as_deref().unwrap_or(SIGNER)
    }
}

impl Place for UnionPay {
    fn name(&self, asked: &Asked) -> String {
        format!("{} {} of {}", self.endpoint().host(), self.file_type(), asked.date)
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
        conversation.insist(|| visit.ask()).map(Told::ready)
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let endpoint = self.endpoint();
        let visit = Visit::new(self, asked, conversation, &endpoint)?;
        let mut transfer = Transfer::new(inbox.receive(&visit.file_name())?);
        match conversation.insist(|| visit.ask()?.and_then(|content| unpack(&content, &mut transfer))) {
            // It states nothing by which one state of the file could be told from another.
            Ok(told) => told.answer(|()| transfer.incoming.keep(&format!("{} {}", self.file_type(), asked.date), None)),
            Err(error) => Err(transfer.refuse(error)),
        }
    }
}

/// One conversation about one file.
struct Visit<'v> {
    place: &'v UnionPay,
    asked: &'v Asked,
    conversation: &'v Conversation<'v>,
    client: Client<'v, 'v>,
    address: Url,
    key: PrivateKey,
    trusted: Vec<Certificate>,
}

impl<'v> Visit<'v> {
    fn new(place: &'v UnionPay, asked: &'v Asked, conversation: &'v Conversation<'v>, endpoint: &'v Endpoint) -> Result<Self> {
        let (key, trusted) = place.keys()?;
        Ok(Self {
            place,
            asked,
            conversation,
            client: Client::new(conversation, endpoint, &[])?,
            address: endpoint.at("/")?,
            key,
            trusted,
        })
    }

    fn file_name(&self) -> String {
        format!("{}_{}.zip", self.asked.account, self.asked.date.format("%Y%m%d"))
    }

    /// The question, signed now.
    fn question(&self) -> Request {
        let time = self.conversation.now().with_timezone(&beijing()).format("%Y%m%d%H%M%S").to_string();
        let day = self.asked.date.format("%m%d").to_string();
        let access = match self.place.access {
            Access::Merchant => "0",
            Access::Acquirer => "1",
            Access::Platform => "2",
        };
        let fields = BTreeMap::from([
            ("version", "5.1.0"),
            ("encoding", "UTF-8"),
            ("certId", &self.place.certificate),
            ("signMethod", "01"),
            ("txnType", "76"),
            ("txnSubType", "01"),
            ("bizType", "000000"),
            ("accessType", access),
            ("merId", &self.asked.account),
            ("settleDate", &day),
            ("txnTime", &time),
            ("fileType", self.place.file_type()),
        ]);
        let signature = self.key.sign(signing_text(&fields).as_bytes());
        let mut form: Vec<(&str, &str)> = fields.into_iter().collect();
        form.push(("signature", &signature));
        http::post(self.address.clone(), &form)
    }

    /// Asks, and gives what is in the answer, once it is seen to be UnionPay's.
    fn ask(&self) -> Tried<Told<String>> {
        let reply = self.client.ask_for(&self.question(), ANSWER_BYTES)?;
        if !reply.status.is_success() {
            return Err(self.client.refused(&reply, ""));
        }
        let unknown = || Error::data("the answer of UnionPay is not what it documents").expected("fields such as respCode=00");
        let body = std::str::from_utf8(&reply.body).map_err(|_| unknown())?;
        let fields: Option<BTreeMap<&str, &str>> = body.split('&').map(|field| field.split_once('=')).collect();
        let fields = fields.ok_or_else(unknown)?;
        self.verify(&fields)?;
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        let words = said(&format!("{} {}", field("respCode"), field("respMsg")), &[]);
        let error = |exit, what: &str| Error::new(exit, what).found(&words);
        match field("respCode") {
            "00" if field("fileName") == self.file_name() => Ok(Told::Has(field("fileContent").to_owned())),
            // The day was asked for without its year.
            "00" => Err(Error::data("UnionPay answers with another file than was asked for")
                .expected(self.file_name())
                .found(said(field("fileName"), &[]))
                .next("ask for a day within the last year")
                .into()),
            "98" => Ok(match until_beijing(self.asked.date, NOON, self.conversation.now()) {
                Some(_) => Told::NotYet(words, None),
                None => Told::NoBill(words),
            }),
            // Closed for now, no answer in time from further behind, busy.
            "02" | "03" | "06" => {
                Err(Failure::soon(error(Exit::TryAgain, "UnionPay has trouble of its own").next("try again later")))
            }
            "11" => Err(error(Exit::NotPermitted, "UnionPay does not accept the signature")
                .next("check that `certificate` is of the certificate `key` belongs to, and that UnionPay has it")
                .into()),
            // The merchant's state, or its rights.
            "31" | "32" => Err(error(Exit::NotPermitted, "UnionPay does not give files to this merchant")
                .next("ask UnionPay for the permission to download files")
                .into()),
            _ => Err(error(Exit::BadConfiguration, "UnionPay refuses what was asked for")
                .next("compare the source of the job with the merchant's settings")
                .into()),
        }
    }

    /// Checks that UnionPay signed these fields.
    fn verify(&self, fields: &BTreeMap<&str, &str>) -> Result<()> {
        let wrong = |what: &str| Error::data(what.to_owned()).next("look for a proxy between this machine and UnionPay");
        let [Some(signature), Some(text)] = ["signature", "signPubKeyCert"].map(|name| fields.get(name)) else {
            return Err(wrong("the answer is not signed by UnionPay"));
        };
        let certificate = Certificate::parse(text).map_err(|_| wrong("the answer carries no certificate that can be read"))?;
        let now = self.conversation.now();
        let vouched = self.trusted.iter().any(|issuer| issuer.is_valid_at(now) && certificate.is_issued_by(issuer));
        if !vouched {
            return Err(wrong("no certificate of the job vouches for the one the answer is signed with")
                .found(format!("serial number {}", certificate.serial()))
                .next("name UnionPay's current middle certificate in `trusted`"));
        }
        if !certificate.is_valid_at(now) {
            return Err(wrong("the certificate the answer is signed with is not valid now")
                .found(format!("serial number {}", certificate.serial()))
                .next("check the clock of this machine; if it is right, tell UnionPay"));
        }
        // `041@8310000000083040@中国银联股份有限公司@00016493`, or a name alone.
        let holder = certificate.holder();
        if !holder.split('@').any(|part| part == self.place.signer()) {
            return Err(wrong("the answer is signed by somebody else").expected(self.place.signer()).found(said(&holder, &[])));
        }
        if certificate.key()?.verifies(signing_text(fields).as_bytes(), signature) {
            return Ok(());
        }
        Err(wrong("the answer is not what UnionPay signed"))
    }
}

/// The file out of the answer: base64, then zlib, then the archive itself.
fn unpack(content: &str, transfer: &mut Transfer) -> Tried<Told<()>> {
    transfer.forget()?;
    let wrong = |why: String| Error::data("the file in UnionPay's answer cannot be unpacked").found(why).next("fetch it again");
    let packed = STANDARD.decode(content.trim()).map_err(|error| wrong(error.to_string()))?;
    let mut file = Unpacked::new(ZlibDecoder::new(packed.as_slice()), packed.len() as u64);
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(|error| wrong(error.to_string()))?;
        if count == 0 {
            break;
        }
        transfer.incoming.push(&buffer[..count])?;
    }
    archive::check(transfer.incoming.read_back()?).map_err(Failure::soon)?;
    Ok(Told::Has(()))
}

/// What is signed: the hash, in hexadecimal digits, of the fields by name, joined as they are.
#[must_use]
pub fn signing_text(fields: &BTreeMap<&str, &str>) -> String {
    let fields = fields.iter().filter(|(name, _)| **name != "signature").map(|(name, value)| format!("{name}={value}"));
    http::hexadecimal(&Sha256::digest(fields.collect::<Vec<_>>().join("&")))
}
