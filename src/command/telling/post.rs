//! Short messages to those who watch from elsewhere: a few tries, a few seconds each, and then it is let be.

use std::thread;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use url::{Position, Url};

use crate::source::http::Endpoint;

/// How often a message is tried.
const TRIES: u32 = 3;
/// How long a try may take.
pub(super) const TRY: Duration = Duration::from_secs(5);
/// How long is waited between tries.
const BETWEEN: Duration = Duration::from_millis(500);

/// An address messages go to: by HTTPS, unless it is on this machine. What is wrong with one that is none is told without it.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "that is no address".to_owned())?;
    if !url.has_host() {
        return Err("that is no address".to_owned());
    }
    Endpoint::try_from(url[..Position::BeforePath].to_owned())?;
    Ok(url)
}

/// Posts a message. `patience` says before each try how long that may take; nothing, once the run has to end.
pub(super) fn post(to: &Url, kind: &str, message: &str, patience: &dyn Fn(u32) -> Option<Duration>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let client = Client::builder()
        .user_agent(concat!("tieout/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.without_url().to_string())?;
    let mut said = "there was no time left".to_owned();
    for number in 0..TRIES {
        let Some(within) = patience(number) else { break };
        if number > 0 {
            thread::sleep(BETWEEN);
        }
        let send =
            async { client.post(to.clone()).header(CONTENT_TYPE, kind).body(message.to_owned()).timeout(within).send().await };
        match runtime.block_on(send) {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                said = format!("the answer is {}", answer.status());
                if !is_worth_another(answer.status()) {
                    break;
                }
            }
            Err(error) if error.is_timeout() => "there was no answer in time".clone_into(&mut said),
            // The address may be a secret.
            Err(error) if error.is_connect() => "nobody answers there".clone_into(&mut said),
            Err(error) => said = error.without_url().to_string(),
        }
    }
    Err(said)
}

fn is_worth_another(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}
