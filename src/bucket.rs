//! Buckets of object stores, S3 and what speaks as it does, Google Cloud Storage, Azure: where one is, and who asks.

use std::path::Path;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::error::{Error, Exit, Result};
use crate::secret::Secret;

/// A bucket as a job describes it.
///
/// Without keys in the job, access is what the environment says, as the tools of each store read it: for S3
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, web identity,
/// container and instance credentials; for Google `GOOGLE_APPLICATION_CREDENTIALS` and the instance; for Azure
/// `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, `AZURE_STORAGE_SAS_KEY`, workload and managed identity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketFile {
    /// `s3://bucket/folder/{date:%Y-%m-%d}/settlement_*.csv`; also `gs://bucket/…`, `az://container/…` and
    /// `abfss://container@account.dfs.core.windows.net/…`. `*` stands for anything in one part between slashes. A key
    /// without it is asked for alone, which needs no permission to list.
    url: String,
    /// The region of the bucket, for S3.
    region: Option<String>,
    /// Where the store is if it is not the provider's own: `https://…`; `http://…` on this machine only. For Azure with
    /// the account behind the host, where it is no part of it.
    endpoint: Option<String>,
    /// The key id, for S3.
    access_key_id: Option<Secret>,
    /// The key, for S3.
    secret_access_key: Option<Secret>,
    /// The token that comes with keys that expire, for S3.
    session_token: Option<Secret>,
    /// The key of a service account, as JSON, for Google.
    service_account_key: Option<Secret>,
    /// The storage account, for Azure.
    account: Option<String>,
    /// Its key, for Azure.
    account_key: Option<Secret>,
}

impl BucketFile {
    /// A bucket of which nothing is said but its address.
    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            region: None,
            endpoint: None,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            service_account_key: None,
            account: None,
            account_key: None,
        }
    }

    /// The same, as the address of a folder.
    pub(crate) fn ending_in_slash(self) -> Self {
        let url = format!("{}/", self.url.trim_end_matches('/'));
        Self { url, ..self }
    }
}

/// A bucket, and who asks.
#[derive(Debug)]
pub struct Bucket {
    kind: Kind,
    name: String,
    /// Where it is, as the job says it: all of the address before the key.
    address: String,
    /// Where its store is, if it is not the provider's own.
    endpoint: Option<String>,
}

/// Whose store it is.
#[derive(Debug)]
enum Kind {
    S3 { region: Option<String>, keys: Option<(Secret, Secret)>, token: Option<Secret> },
    Google { key: Option<Secret> },
    Azure { account: Option<String>, key: Option<Secret> },
}

impl Bucket {
    /// The bucket a job describes, and the pattern of keys in it.
    pub(crate) fn new(mut file: BucketFile, folder: &Path) -> Result<(Self, String)> {
        let wrong = |what: &str| Error::configuration(what.to_owned()).column("url").next("write s3://bucket/folder/name*.csv");
        let url = file.url.clone();
        let Some((scheme, rest)) = url.split_once("://") else { return Err(wrong("not the address of objects")) };
        let Some((authority, key)) = rest.split_once('/') else { return Err(wrong("the key is missing")) };
        if authority.is_empty() || authority.contains(':') {
            return Err(wrong("not the name of a bucket"));
        }
        let secrets = [
            &mut file.access_key_id,
            &mut file.secret_access_key,
            &mut file.session_token,
            &mut file.service_account_key,
            &mut file.account_key,
        ];
        secrets.into_iter().flatten().for_each(|secret| secret.resolve(folder));
        let of_s3 = [file.region.is_some(), file.access_key_id.is_some(), file.secret_access_key.is_some()];
        let of_s3 = of_s3.contains(&true) || file.session_token.is_some();
        let of_azure = file.account.is_some() || file.account_key.is_some();
        let of_google = file.service_account_key.is_some();
        file.endpoint.as_deref().map(checked).transpose()?;
        let mut endpoint = file.endpoint;
        let (kind, name, foreign) = match scheme {
            "s3" => {
                let keys = match (file.access_key_id, file.secret_access_key) {
                    (Some(id), Some(key)) => Some((id, key)),
                    (None, None) if file.session_token.is_none() => None,
                    _ => return Err(Error::configuration("`access_key_id` and `secret_access_key` belong together")),
                };
                let kind = Kind::S3 { region: file.region, keys, token: file.session_token };
                (kind, authority.to_owned(), of_azure || of_google)
            }
            "gs" => (Kind::Google { key: file.service_account_key }, authority.to_owned(), of_s3 || of_azure),
            "az" => {
                if file.account_key.is_some() && file.account.is_none() {
                    return Err(Error::configuration("`account_key` is of no `account`").next("say whose key it is"));
                }
                let kind = Kind::Azure { account: file.account, key: file.account_key };
                (kind, authority.to_owned(), of_s3 || of_google)
            }
            "abfss" => {
                let Some((container, host)) = authority.split_once('@') else { return Err(wrong("the container is missing")) };
                if endpoint.is_some() {
                    return Err(wrong("this address says where its store is").column("endpoint").next("leave it out"));
                }
                let (account, cloud) = host.split_once('.').unwrap_or((host, "dfs.core.windows.net"));
                // Each cloud of Azure has both hosts: it is blobs that are asked for.
                endpoint = Some(format!("https://{account}.{}", cloud.replacen("dfs.", "blob.", 1)));
                let account = account.to_owned();
                let kind = Kind::Azure { account: Some(account), key: file.account_key };
                (kind, container.to_owned(), of_s3 || of_google || file.account.is_some())
            }
            _ => return Err(wrong("not the address of objects")),
        };
        if foreign {
            return Err(wrong("some keys of this source belong to another kind of store").next("leave out what is not for it"));
        }
        Ok((Self { kind, name, address: format!("{scheme}://{authority}"), endpoint }, key.to_owned()))
    }

    /// An address in it, for people.
    pub(crate) fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.address)
    }

    /// What conversations with it are counted under.
    pub(crate) fn host(&self) -> String {
        self.endpoint.as_ref().unwrap_or(&self.address).clone()
    }

    /// A key as stores take it.
    pub(crate) fn key(&self, key: &str) -> Result<Key> {
        Key::parse(key).map_err(|_| Error::configuration("not the key of an object").column("url").found(self.shown(key)))
    }

    /// Reads the secrets the job names.
    pub(crate) fn check(&self) -> Result<()> {
        let secrets = match &self.kind {
            Kind::S3 { keys, token, .. } => {
                let (id, key) = keys.as_ref().map(|(id, key)| (id, key)).unzip();
                vec![id, key, token.as_ref()]
            }
            Kind::Google { key } | Kind::Azure { key, .. } => vec![key.as_ref()],
        };
        secrets.into_iter().flatten().try_for_each(|secret| secret.read().map(drop))
    }

    /// The store, with the secrets it takes: how long it may take to answer a call; how long a request may take with all it
    /// sends and gets, if nobody else watches over that; and what is tried again.
    pub(crate) fn connect(
        &self,
        silence: Duration,
        request: Option<Duration>,
        retry: &RetryConfig,
    ) -> Result<Box<dyn ObjectStore>> {
        let patient = ClientOptions::new().with_connect_timeout(silence);
        let patient = match request {
            Some(request) => patient.with_timeout(request),
            None => patient.with_timeout_disabled(),
        };
        let failed = |error: object_store::Error| {
            Error::configuration(format!("cannot use this store: {}", plain(&error.to_string()))).file(&self.address)
        };
        // A library may quote what does not read as a key.
        let no_key =
            |expected: &str| Error::configuration("the key is not one of this store").file(&self.address).expected(expected);
        let allowing = |endpoint: Option<String>| -> Result<ClientOptions> {
            let is_plain = endpoint.as_deref().map(checked).transpose()?.unwrap_or(false);
            Ok(patient.clone().with_allow_http(is_plain))
        };
        Ok(match &self.kind {
            Kind::S3 { region, keys, token } => {
                let mut builder = match keys {
                    // Nothing of the environment is mixed with them.
                    Some((id, key)) => {
                        let (id, key) = (id.read()?, key.read()?);
                        AmazonS3Builder::new().with_access_key_id(id.reveal()).with_secret_access_key(key.reveal())
                    }
                    None => AmazonS3Builder::from_env(),
                };
                if let Some(token) = token {
                    builder = builder.with_token(token.read()?.reveal());
                }
                if let Some(region) = region {
                    builder = builder.with_region(region);
                }
                if let Some(endpoint) = &self.endpoint {
                    // The one an endpoint of the environment would go before.
                    builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
                }
                let endpoint = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
                let endpoint = endpoint.or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
                let builder = builder.with_client_options(allowing(endpoint)?).with_retry(retry.clone());
                Box::new(builder.with_bucket_name(&self.name).build().map_err(failed)?)
            }
            Kind::Google { key } => {
                let mut builder = match key {
                    Some(key) => GoogleCloudStorageBuilder::new().with_service_account_key(key.read()?.reveal()),
                    None => GoogleCloudStorageBuilder::from_env(),
                };
                if let Some(endpoint) = &self.endpoint {
                    builder = builder.with_base_url(endpoint.trim_end_matches('/'));
                }
                let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
                let builder = builder.with_client_options(allowing(endpoint)?).with_retry(retry.clone());
                let built = builder.with_bucket_name(&self.name).build();
                Box::new(built.map_err(|error| match key {
                    Some(_) => no_key("the JSON file of a service account"),
                    None => failed(error),
                })?)
            }
            Kind::Azure { account, key } => {
                let mut builder = match key {
                    Some(key) => MicrosoftAzureBuilder::new().with_access_key(key.read()?.reveal()),
                    None => MicrosoftAzureBuilder::from_env(),
                };
                if let Some(account) = account {
                    builder = builder.with_account(account);
                }
                if let Some(endpoint) = &self.endpoint {
                    builder = builder.with_endpoint(endpoint.clone());
                }
                let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
                let builder = builder.with_client_options(allowing(endpoint)?).with_retry(retry.clone());
                let built = builder.with_container_name(&self.name).build();
                Box::new(built.map_err(|error| match key {
                    Some(_) => no_key("the key of a storage account, in base64"),
                    None => failed(error),
                })?)
            }
        })
    }
}

/// Whether an endpoint is without encryption, which is for this machine only.
fn checked(endpoint: &str) -> Result<bool> {
    let wrong = |what: &str| Error::configuration(what.to_owned()).column("endpoint").next("write https://host");
    let url = Url::parse(endpoint).map_err(|error| wrong(&format!("not the address of a store: {error}")))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong("a secret has no place in an address"));
    }
    let is_near = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(false),
        "http" if is_near => Ok(true),
        _ => Err(wrong("a store elsewhere is not asked without encryption").found(host)),
    }
}

/// What a store said no with, and how a run ends by it: 77 where permission is missing, 78 where the bucket or what is said
/// of it is wrong, 75 where it may be otherwise later.
pub(crate) fn said(error: &object_store::Error) -> (Exit, String) {
    use object_store::Error as Said;
    let text = error.to_string();
    let status = match error {
        Said::NotFound { .. } => Some(404),
        Said::PermissionDenied { .. } => Some(403),
        Said::Unauthenticated { .. } => Some(401),
        // Of a listing, the status is in the words alone; of a bucket of another region, not even there.
        _ if text.contains("redirect without LOCATION") => Some(301),
        _ => text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse::<u16>().ok()),
    };
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| plain(code));
    let exit = match (status, code.as_deref()) {
        (Some(400), Some("RequestTimeout")) => Exit::TryAgain,
        (Some(400), Some("ExpiredToken" | "InvalidToken")) | (Some(401 | 403), _) => Exit::NotPermitted,
        (Some(301 | 307 | 400 | 404), _) => Exit::BadConfiguration,
        _ => Exit::TryAgain,
    };
    let found = match (status, code) {
        (Some(status), Some(code)) => format!("{status} {code}"),
        (Some(status), None) => status.to_string(),
        (None, _) => plain(&text),
    };
    (exit, found)
}

/// Words of a store, fit to be shown: without addresses, which may hold a token.
pub(crate) fn plain(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !word.contains("://") && !word.contains('?'));
    words.collect::<Vec<_>>().join(" ").chars().take(200).collect::<String>().escape_debug().to_string()
}
