//! The SDK: the one place, with what is below it, that names a crate of Azure's.
//!
//! `azure_storage_blobs` 0.21 is the last of its line. What it does well is used as it is. Where it cannot be used,
//! requests go through its pipeline, where they are dated, signed and sent, but are made here: reading (it asks for a
//! checksum with every small range, hides the size of the whole and takes empty blobs for errors), what is answered
//! in XML (see [`xml`]) and giving up a copy (it does not know how).

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use azure_core::auth::{AccessToken, Secret, TokenCredential};
use azure_core::date::{parse_rfc3339, to_rfc3339};
use azure_core::headers::{CONTENT_LENGTH, CONTENT_RANGE, COPY_STATUS, ETAG, Headers, IF_MATCH, MS_RANGE};
use azure_core::hmac::hmac_sha256;
use azure_core::prelude::IfMatchCondition;
use azure_core::{ClientOptions, Context, Method, Pipeline, RetryOptions, TransportOptions, Url};
use azure_storage::clients::{ServiceType, new_pipeline_from_options};
use azure_storage::shared_access_signature::SasProtocol;
use azure_storage::shared_access_signature::service_sas::{
    BlobSasPermissions, BlobSharedAccessSignature, BlobSignedResource, SasKey, UserDeligationKey,
};
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::blob::CopyStatus as SdkCopyStatus;
use azure_storage_blobs::prelude::{BlobBlockType, BlobClient, BlockList, ClientBuilder, ContainerClient};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use time::OffsetDateTime;
use wharf_http_client::HttpClient;

use self::wire::{AnswerIsBlob, Measure, Outgoing, Wire, failure};
use crate::config::{Config, Credentials, InvalidConfig};
use crate::failure::{Failure, FailureKind};
use crate::segments::Segments;
use crate::service::{
    BlockId, Condition, CopyState, CopyStatus, DelegationKey, Depth, Download, Etag, ListQuery, Page,
    Properties, Service, Signing, Span, Window,
};
use crate::token::Tokens;

mod wire;
mod xml;

const CONTENT_TYPE: &str = "application/octet-stream";

/// A container as the SDK sees it.
pub(crate) struct Sdk {
    container: ContainerClient,
    pipeline: Pipeline,
    /// `/blob/ACCOUNT/CONTAINER/`, which signatures are about.
    resource: String,
    key: Option<Secret>,
    /// The signature that every request carries, which a copy's source needs too.
    sas: Option<String>,
    signing: Signing,
    protocol: SasProtocol,
}

impl Sdk {
    pub(crate) fn new(config: &Config, http: HttpClient) -> Result<Self, InvalidConfig> {
        let uri = config.service_url();
        let scheme = Url::parse(&uri).ok().filter(|url| url.has_host()).map(|url| url.scheme().to_owned());
        let protocol = match scheme.as_deref() {
            Some("https") => SasProtocol::Https,
            Some("http") => SasProtocol::HttpHttps,
            _ => return Err(InvalidConfig("the service URL is no http or https URL")),
        };
        let (mut key, mut sas, mut signing) = (None, None, Signing::Impossible);
        let credentials = match &config.credentials {
            Credentials::SharedKey(text) => {
                let secret = Secret::new(text.clone());
                hmac_sha256("", &secret).map_err(|_| InvalidConfig("the account key is no base64"))?;
                (key, signing) = (Some(secret.clone()), Signing::OwnKey);
                StorageCredentials::access_key(config.account.clone(), secret)
            }
            Credentials::Sas(text) => {
                let text = text.trim_start_matches('?');
                sas = Some(text.to_owned());
                StorageCredentials::sas_token(text)
                    .map_err(|_| InvalidConfig("the shared access signature is no query string"))?
            }
            _ => {
                let tokens = Tokens::new(config, http.clone())?.ok_or(InvalidConfig("no identity"))?;
                signing = Signing::Delegated;
                StorageCredentials::token_credential(Arc::new(Identity(tokens)))
            }
        };
        let wire = Arc::new(Wire(http));
        let options = ClientOptions::new(TransportOptions::new_custom_policy(wire.clone()))
            .retry(RetryOptions::none())
            .per_call_policies(vec![Arc::new(Measure) as _])
            .per_retry_policies(vec![wire as _]);
        let location = CloudLocation::Custom { account: config.account.clone(), uri };
        let client = ClientBuilder::with_location(location, credentials.clone());
        Ok(Self {
            container: client.client_options(options.clone()).container_client(&config.container),
            pipeline: new_pipeline_from_options(options, credentials),
            resource: format!("/blob/{}/{}/", config.account, config.container),
            key,
            sas,
            signing,
            protocol,
        })
    }

    fn blob(&self, key: &str) -> BlobClient {
        self.container.blob_client(key)
    }

    fn url(&self, key: &str) -> Result<Url, Failure> {
        self.blob(key).url().map_err(failure)
    }

    /// Sends a request of our own.
    async fn send(
        &self,
        url: Url,
        method: Method,
        headers: Headers,
        mut context: Context,
    ) -> Result<azure_core::Response, Failure> {
        let mut request = wire::request(url, method, headers).map_err(failure)?;
        self.pipeline.send(context.insert(ServiceType::Blob), &mut request).await.map_err(failure)
    }
}

#[async_trait]
impl Service for Sdk {
    async fn put(&self, key: &str, body: Segments, condition: Condition) -> Result<Etag, Failure> {
        let mut request = self.blob(key).put_block_blob(Bytes::new()).context(with(Outgoing(body)));
        request = request.content_type(CONTENT_TYPE);
        if let Some(condition) = if_match(condition) {
            request = request.if_match(condition);
        }
        Ok(Etag(request.await.map_err(failure)?.etag))
    }

    async fn stage_block(&self, key: &str, id: BlockId, body: Segments) -> Result<(), Failure> {
        let id = Bytes::copy_from_slice(&id.to_bytes());
        let request = self.blob(key).put_block(id, Bytes::new()).context(with(Outgoing(body)));
        request.await.map(drop).map_err(failure)
    }

    async fn commit_blocks(&self, key: &str, blocks: &[BlockId]) -> Result<(), Failure> {
        // The latest of a name, waiting or not, so that a list can be sent twice.
        let latest = |id: &BlockId| BlobBlockType::new_latest(Bytes::copy_from_slice(&id.to_bytes()));
        let list = BlockList { blocks: blocks.iter().map(latest).collect() };
        let request = self.blob(key).put_block_list(list).content_type(CONTENT_TYPE);
        request.await.map(drop).map_err(failure)
    }

    async fn get(&self, key: &str, span: Span, condition: Condition) -> Result<Download, Failure> {
        let mut headers = Headers::new();
        match span {
            Span::Whole => {}
            Span::Part(start, end) => headers.insert(MS_RANGE, format!("bytes={start}-{}", end - 1)),
            Span::From(start) => headers.insert(MS_RANGE, format!("bytes={start}-")),
        }
        if let Condition::Is(Etag(etag)) = condition {
            headers.insert(IF_MATCH, etag);
        }
        let answer = self.send(self.url(key)?, Method::Get, headers, with(AnswerIsBlob)).await?;
        let (_, headers, body) = answer.deconstruct();
        let size = match headers.get_optional_str(&CONTENT_RANGE) {
            Some(range) => range.rsplit('/').next().and_then(|size| size.parse().ok()),
            None => headers.get_as(&CONTENT_LENGTH).ok(),
        };
        let (Some(size), Some(etag)) = (size, headers.get_optional_string(&ETAG)) else {
            return Err(Failure::new(FailureKind::Other).because("an answer without size or state"));
        };
        let copy = headers.get_optional_str(&COPY_STATUS);
        Ok(Download {
            size,
            etag: Etag(etag),
            is_incomplete: copy.is_some_and(|status| status != "success"),
            body: body.map_err(std::io::Error::other).boxed(),
        })
    }

    async fn properties(&self, key: &str) -> Result<Properties, Failure> {
        let properties = self.blob(key).get_properties().await.map_err(failure)?.blob.properties;
        let copy = properties.copy_id.zip(properties.copy_status);
        Ok(Properties {
            size: properties.content_length,
            etag: Etag(properties.etag.to_string()),
            modified: properties.last_modified.into(),
            copy: copy.map(|(id, status)| CopyState { id: id.to_string(), status: status_of(&status) }),
        })
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Failure> {
        let mut url = self.container.url().map_err(failure)?;
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("restype", "container").append_pair("comp", "list");
            pairs.append_pair("maxresults", &query.max.to_string());
            if !query.prefix.is_empty() {
                pairs.append_pair("prefix", query.prefix);
            }
            if query.depth == Depth::Children {
                pairs.append_pair("delimiter", "/");
            }
            if query.uncommitted {
                pairs.append_pair("include", "uncommittedblobs");
            }
            if let Some(marker) = query.marker {
                pairs.append_pair("marker", marker);
            }
        }
        let answer = self.send(url, Method::Get, Headers::new(), Context::new()).await?;
        let page = xml::page(&text_of(answer).await?);
        page.ok_or_else(|| {
            Failure::new(FailureKind::Unavailable).because("an answer that is no page of names")
        })
    }

    async fn copy(&self, from: &str, to: &str) -> Result<CopyState, Failure> {
        let mut source = self.url(from)?;
        source.set_query(self.sas.as_deref());
        let copy = self.blob(to).copy(source).await.map_err(failure)?;
        Ok(CopyState { id: copy.copy_id.to_string(), status: status_of(&copy.copy_status) })
    }

    async fn abort_copy(&self, to: &str, id: &str) -> Result<(), Failure> {
        let mut url = self.url(to)?;
        url.query_pairs_mut().append_pair("comp", "copy").append_pair("copyid", id);
        let mut headers = Headers::new();
        headers.insert("x-ms-copy-action", "abort");
        self.send(url, Method::Put, headers, Context::new()).await.map(drop)
    }

    async fn delete(&self, key: &str, condition: Condition) -> Result<(), Failure> {
        let mut request = self.blob(key).delete();
        if let Some(condition) = if_match(condition) {
            request = request.if_match(condition);
        }
        request.await.map(drop).map_err(failure)
    }

    fn signing(&self) -> Signing {
        self.signing
    }

    async fn delegation_key(&self, window: Window) -> Result<DelegationKey, Failure> {
        let mut url = self.container.service_client().url().map_err(failure)?;
        url.query_pairs_mut().append_pair("restype", "service").append_pair("comp", "userdelegationkey");
        let [start, expiry] = [window.start, window.end].map(|time| to_rfc3339(&moment(time)));
        let info = format!("<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>");
        let answer =
            self.send(url, Method::Post, Headers::new(), with(Outgoing(Bytes::from(info).into()))).await?;
        let time = |text: &str| parse_rfc3339(text).ok().map(SystemTime::from);
        let key = xml::delegation_key(&text_of(answer).await?, time);
        key.ok_or_else(|| Failure::new(FailureKind::Other).because("an answer that is no key for signing"))
    }

    fn sign_url(
        &self,
        key: &str,
        window: Window,
        delegation: Option<&DelegationKey>,
    ) -> Result<String, Failure> {
        let own = self.key.clone().map(SasKey::Key);
        let secret = delegation.and_then(delegated).map(SasKey::UserDelegationKey).or(own);
        let secret =
            secret.ok_or_else(|| Failure::new(FailureKind::Other).because("nothing to sign with"))?;
        let permissions = BlobSasPermissions { read: true, ..BlobSasPermissions::default() };
        let resource = format!("{}{key}", self.resource);
        let signature = Signature(secret);
        let signature = BlobSharedAccessSignature::new(
            signature,
            resource,
            permissions,
            moment(window.end),
            BlobSignedResource::Blob,
        )
        .start(moment(window.start))
        .protocol(self.protocol);
        self.blob(key).generate_signed_blob_url(&signature).map(String::from).map_err(failure)
    }
}

/// A [`SasKey`], which the SDK takes only as something that turns into one.
struct Signature(SasKey);

impl From<Signature> for SasKey {
    fn from(signature: Signature) -> Self {
        signature.0
    }
}

/// Our tokens, as the SDK asks for them.
#[derive(Debug)]
struct Identity(Tokens);

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, _: &[&str]) -> azure_core::Result<AccessToken> {
        let token = self.0.get().await;
        let token =
            token.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Credential, error))?;
        Ok(AccessToken::new(token.secret, moment(token.ends)))
    }

    async fn clear_cache(&self) -> azure_core::Result<()> {
        self.0.forget().await;
        Ok(())
    }
}

fn with<T: Send + Sync + 'static>(extra: T) -> Context {
    let mut context = Context::new();
    context.insert(extra);
    context
}

async fn text_of(answer: azure_core::Response) -> Result<String, Failure> {
    let text = answer.into_body().collect_string().await;
    text.map_err(|error| Failure::new(FailureKind::Unavailable).because(error))
}

fn if_match(condition: Condition) -> Option<IfMatchCondition> {
    match condition {
        Condition::None => None,
        Condition::Absent => Some(IfMatchCondition::NotMatch("*".to_owned())),
        Condition::Is(Etag(etag)) => Some(IfMatchCondition::Match(etag)),
    }
}

fn status_of(status: &SdkCopyStatus) -> CopyStatus {
    match status {
        SdkCopyStatus::Pending => CopyStatus::Pending,
        SdkCopyStatus::Success => CopyStatus::Success,
        SdkCopyStatus::Aborted => CopyStatus::Aborted,
        _ => CopyStatus::Failed,
    }
}

fn delegated(key: &DelegationKey) -> Option<UserDeligationKey> {
    Some(UserDeligationKey {
        signed_oid: key.object.parse().ok()?,
        signed_tid: key.tenant.parse().ok()?,
        signed_start: moment(key.window.start),
        signed_expiry: moment(key.window.end),
        signed_service: key.service.clone(),
        signed_version: key.version.clone(),
        value: Secret::new(key.secret.clone()),
    })
}

fn moment(time: SystemTime) -> OffsetDateTime {
    // The service knows whole seconds.
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time)
}

#[cfg(test)]
mod tests;
