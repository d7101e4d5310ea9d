//! The reports of Stripe: <https://docs.stripe.com/reports/api>.
//!
//! A report is ordered for an interval of time, made while we wait, and then taken as a file. An order is sent under a
//! key of its own, so that one that is sent twice is one order.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use chrono::{LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use reqwest::Request;
use reqwest::header::{self, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::conversation::Failure;
use super::http::{self, Client, Endpoint, Reply, Transfer, Tried, said};
use super::told::Told;
use super::{Answer, Asked, Conversation, Place, Ready};
use crate::error::{Error, Exit, Result};
use crate::lake::Inbox;
use crate::secret::{Secret, SecretText};

/// When to come back for a report that is not there: days of other time zones are ready hours later.
const HOUR: Duration = Duration::from_hours(1);

/// The interface of Stripe for reports.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// Which report, with its version: `balance_change_from_activity.itemized.3`, `payout_reconciliation.itemized.5`.
    report_type: String,
    /// A secret or restricted key that may read reports and files.
    key: Secret,
    /// The columns, in their order; Stripe's own choice unless said.
    #[serde(default)]
    columns: Vec<String>,
    /// The time zone the times in the report are written in; that of the job unless said. The interval is always the
    /// business date in the job's time zone.
    timezone: Option<String>,
    /// One currency, in small letters; all unless said.
    currency: Option<String>,
    /// One category of lines; all unless said.
    reporting_category: Option<String>,
    /// For platforms: the connected account the report is about.
    connected_account: Option<String>,
    /// Where the interface is, when it is not `https://api.stripe.com`.
    endpoint: Option<Endpoint>,
}

impl Stripe {
    /// The place, its paths taken as relative to `folder`.
    pub fn open(mut self, folder: &Path) -> Result<Self> {
        self.key.resolve(folder);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_');
        if self.report_type.is_empty() || !self.report_type.chars().all(plain) {
            return Err(Error::configuration("this is no type of a report of Stripe")
                .column("report_type")
                .expected("a type with its version, such as balance_change_from_activity.itemized.3")
                .found(&self.report_type));
        }
        if let Some(zone) = &self.timezone {
            zone.parse::<Tz>().map_err(|_| {
                Error::configuration("this is no time zone").column("timezone").found(zone).next("write Europe/Berlin")
            })?;
        }
        Ok(self)
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone().unwrap_or_else(|| Endpoint::known("https://api.stripe.com"))
    }
}

impl Place for Stripe {
    fn name(&self, asked: &Asked) -> String {
        format!("{} {} of {}", self.endpoint().host(), self.report_type, asked.date)
    }

    fn delivers_once(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        self.key.read().map(drop)
    }

    fn ready(&self, asked: &Asked, conversation: &Conversation) -> Result<Ready> {
        let endpoint = self.endpoint();
        let visit = Visit::new(self, asked, conversation, &endpoint)?;
        visit.available().map(Told::ready)
    }

    fn fetch(&self, asked: &Asked, conversation: &Conversation, inbox: &Inbox) -> Result<Answer> {
        let endpoint = self.endpoint();
        let visit = Visit::new(self, asked, conversation, &endpoint)?;
        let name = format!("{}_{}_{}.csv", asked.account, self.report_type, asked.date.format("%Y%m%d"));
        let mut transfer = Transfer::new(inbox.receive(&name)?);
        let made = match visit.available()? {
            Told::Has(()) => visit.make()?,
            Told::NoBill(said) => Told::NoBill(said),
            Told::NotYet(said, again_in) => Told::NotYet(said, again_in),
        };
        made.answer(|file| {
            if let Err(error) = conversation.insist(|| visit.take(&file, &mut transfer)) {
                return Err(transfer.refuse(error));
            }
            // Made anew each time, a report has no state to compare.
            transfer.incoming.keep(&format!("{} {}", self.report_type, asked.date), None)
        })
    }
}

/// One conversation about one report.
struct Visit<'v> {
    place: &'v Stripe,
    asked: &'v Asked,
    conversation: &'v Conversation<'v>,
    client: Client<'v, 'v>,
    endpoint: &'v Endpoint,
    key: SecretText,
    /// Seconds since 1970: the first, and the first no more, of the business date.
    interval: (i64, i64),
}

#[derive(Deserialize)]
struct Kind {
    data_available_start: i64,
    data_available_end: i64,
}

/// An order for a report.
#[derive(Deserialize)]
struct Run {
    id: String,
    status: String,
    #[serde(default)]
    error: Option<String>,
    result: Option<File>,
}

#[derive(Deserialize)]
struct File {
    url: String,
    size: Option<u64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

impl<'v> Visit<'v> {
    fn new(place: &'v Stripe, asked: &'v Asked, conversation: &'v Conversation<'v>, endpoint: &'v Endpoint) -> Result<Self> {
        Ok(Self {
            place,
            asked,
            conversation,
            client: Client::new(conversation, endpoint, &["files.stripe.com", "api.stripe.com"])?,
            endpoint,
            key: place.key.read()?,
            interval: (begin(asked.date, asked.timezone), begin(asked.date + TimeDelta::days(1), asked.timezone)),
        })
    }

    /// Whether Stripe has the data of the whole business date.
    fn available(&self) -> Result<Told<()>> {
        let url = self.endpoint.at(&format!("/v1/reporting/report_types/{}", self.place.report_type))?;
        let kind: Kind = self.conversation.insist(|| self.ask(&self.with_key(http::get(url.clone()))?))?;
        if kind.data_available_start > self.interval.0 {
            return Err(Error::configuration("Stripe has no data of that day for this report any more, or never had")
                .expected(format!("a day that begins at {} or later", kind.data_available_start))
                .found(self.interval.0)
                .next("choose a later date"));
        }
        if kind.data_available_end < self.interval.1 {
            let said = format!("data until {}, and the day ends at {}", kind.data_available_end, self.interval.1);
            return Ok(Told::NotYet(said, Some(HOUR)));
        }
        Ok(Told::Has(()))
    }

    /// Orders the report, and waits until it is made. One that Stripe fails to make is ordered again.
    fn make(&self) -> Result<Told<File>> {
        let mut failed = None;
        for _ in 0..self.conversation.manners().tries {
            let mut run = self.order()?;
            let mut wait = self.conversation.manners().wait;
            while run.status == "pending" {
                if self.conversation.took() + wait >= self.conversation.manners().deadline {
                    return Ok(Told::NotYet(
                        format!("report run {} is still being made", said(&run.id, &[&self.key])),
                        Some(HOUR),
                    ));
                }
                sleep(wait);
                wait = (wait * 2).min(self.conversation.manners().longest);
                run = self.look_at(&run.id)?;
            }
            match (run.status.as_str(), run.result) {
                ("succeeded", Some(file)) => return Ok(Told::Has(file)),
                (status, _) => failed = Some(format!("{status}: {}", run.error.unwrap_or_default())),
            }
        }
        Err(Error::new(Exit::TryAgain, "Stripe could not make the report")
            .found(said(&failed.unwrap_or_default(), &[&self.key]))
            .next("try again later; if it stays so, order the report in Stripe's dashboard and ask its support"))
    }

    fn order(&self) -> Result<Run> {
        let (start, end) = (self.interval.0.to_string(), self.interval.1.to_string());
        let zone = self.place.timezone.as_deref().unwrap_or(self.asked.timezone.name());
        let mut form = vec![
            ("report_type", self.place.report_type.as_str()),
            ("parameters[interval_start]", &start),
            ("parameters[interval_end]", &end),
            ("parameters[timezone]", zone),
        ];
        let more = [
            ("parameters[currency]", &self.place.currency),
            ("parameters[reporting_category]", &self.place.reporting_category),
            ("parameters[connected_account]", &self.place.connected_account),
        ];
        form.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        form.extend(self.place.columns.iter().map(|column| ("parameters[columns][]", column.as_str())));
        let url = self.endpoint.at("/v1/reporting/report_runs")?;
        let mut request = self.with_key(http::post(url, &form))?;
        let order = HeaderValue::try_from(http::nonce()?).expect("digits are a value");
        request.headers_mut().insert(HeaderName::from_static("idempotency-key"), order);
        self.conversation.insist(|| self.ask(&request))
    }

    fn look_at(&self, run: &str) -> Result<Run> {
        if !run.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            return Err(Error::data("Stripe names a report run as it never does").found(said(run, &[&self.key])));
        }
        let url = self.endpoint.at(&format!("/v1/reporting/report_runs/{run}"))?;
        self.conversation.insist(|| self.ask(&self.with_key(http::get(url.clone()))?))
    }

    fn take(&self, file: &File, transfer: &mut Transfer) -> Tried<()> {
        let url: Url = self.client.address(&file.url)?;
        let reply = self.client.download(&self.with_key(http::get(url))?, transfer)?;
        if !reply.status.is_success() {
            return Err(self.refusal(&reply));
        }
        match file.size {
            Some(size) if size != transfer.incoming.bytes() => {
                let error = Error::data("the report is not as long as Stripe says")
                    .expected(format!("{size} bytes"))
                    .found(format!("{} bytes", transfer.incoming.bytes()))
                    .next("fetch it again");
                Err(Failure::soon(error))
            }
            _ => Ok(()),
        }
    }

    fn with_key(&self, mut request: Request) -> Result<Request> {
        let authorization = http::sensitive(&format!("Bearer {}", self.key.reveal()))?;
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        Ok(request)
    }

    fn ask<T: DeserializeOwned>(&self, request: &Request) -> Tried<T> {
        let reply = self.client.ask(request)?;
        if reply.status.is_success() { Ok(reply.json()?) } else { Err(self.refusal(&reply)) }
    }

    fn refusal(&self, reply: &Reply) -> Failure {
        let words = match reply.json::<Refusal>() {
            Ok(refusal) => said(&format!("{}: {}", refusal.error.kind, refusal.error.message), &[&self.key]),
            Err(_) => String::new(),
        };
        // The same order at the same moment: the first of them is still being taken.
        if reply.status == 409 {
            return Failure::soon(Error::new(Exit::TryAgain, "Stripe is still busy with the same order").found(words));
        }
        self.client.refused(reply, &words)
    }
}

/// When a day begins in a time zone, in seconds since 1970: at midnight, or where summer time takes that away, after it.
fn begin(date: NaiveDate, zone: Tz) -> i64 {
    let minutes = (0..24 * 4).map(|quarter| date.and_time(NaiveTime::MIN) + TimeDelta::minutes(15 * quarter));
    let first = minutes.map(|time| zone.from_local_datetime(&time)).find_map(LocalResult::earliest);
    // No zone skips more than a day but at the date line, where the day that is not there has no business.
    first.map_or_else(|| date.and_time(NaiveTime::MIN).and_utc().timestamp(), |time| time.timestamp())
}
