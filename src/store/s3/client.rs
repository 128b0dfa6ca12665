//! The clients that requests to S3 go through: one for each bucket, created when it is first
//! needed, since a bucket may turn out to be in another Region.
//!
//! The SDK sends a failed request again; nothing above it does. `store/aws/timeouts.rs` has the number
//! of attempts, the pauses and the timeouts. The SDK's retry quota is switched off. It is meant to keep
//! many callers from flooding a service, but a run has a bounded number of requests, and it fails as a
//! whole if one of them fails. Here the attempts and the pauses bound the load.

use std::{
    collections::HashMap,
    error::Error,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryPartition, TokenBucket};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::upload_part::UploadPartError;

use super::request::{S3Request, is_damage};
use super::settings::Settings;
use crate::store::aws::{AwsError, HttpsOnly, Identity, Session, transfer_retries};

/// S3 for synchronous callers. Nothing is started, read or requested before the first use.
#[derive(Clone)]
pub struct S3 {
    session: Session,
    pub(super) clients: Arc<Clients>,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("S3")
    }
}

impl S3 {
    pub fn new(session: Session, settings: Settings) -> S3 {
        let clients = Arc::new(Clients::new(Arc::clone(&session.identity), settings));
        S3 { session, clients }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.clients.settings
    }
}

/// The clients, by bucket.
pub(super) struct Clients {
    pub(super) identity: Arc<Identity>,
    pub(super) settings: Settings,
    by_bucket: Mutex<HashMap<String, Client>>,
}

impl Clients {
    fn new(identity: Arc<Identity>, settings: Settings) -> Clients {
        Clients { identity, settings, by_bucket: Mutex::default() }
    }

    /// Sends a request; `send` may be called twice. If the bucket turns out to be in another
    /// Region, the request is sent there, and so are all further ones for this bucket.
    pub(super) async fn send<T, E, F>(
        &self,
        request: &S3Request<'_>,
        send: impl Fn(Client) -> F,
    ) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let error = match send(self.client(request.bucket).await?).await {
            Ok(response) => return Ok(response),
            Err(error) => request.error(&error),
        };
        match &error.region {
            Some(region) if self.switch_region(request.bucket, region) => {}
            _ => return Err(error),
        }
        let response = send(self.client(request.bucket).await?).await;
        response.map_err(|error| request.error(&error))
    }

    async fn client(&self, bucket: &str) -> Result<Client, AwsError> {
        if let Some(client) = self.by_bucket().get(bucket) {
            return Ok(client.clone());
        }
        let client = self.new_client(self.identity.config().await?, None);
        Ok(self.by_bucket().entry(bucket.to_owned()).or_insert(client).clone())
    }

    /// Sends all further requests for the bucket to this Region. Returns `false` if they went there
    /// before.
    fn switch_region(&self, bucket: &str, region: &str) -> bool {
        let Some(config) = self.identity.loaded_config() else { return false };
        let mut clients = self.by_bucket();
        let is_new = clients
            .get(bucket)
            .and_then(|client| client.config().region())
            .is_none_or(|known| known.as_ref() != region);
        if is_new {
            let region = Region::new(region.to_owned());
            clients.insert(bucket.to_owned(), self.new_client(config, Some(region)));
        }
        is_new
    }

    fn new_client(&self, config: &SdkConfig, region: Option<Region>) -> Client {
        let path_style = self.settings.path_style.unwrap_or(config.endpoint_url().is_some());
        let without_quota =
            RetryPartition::custom("segprep").token_bucket(TokenBucket::unlimited()).build();
        let mut builder = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(path_style)
            .retry_partition(without_quota)
            .retry_classifier(Transient)
            .interceptor(HttpsOnly { is_http_allowed: self.identity.access.allow_http });
        if let Some(region) = region {
            builder = builder.region(region);
        }
        Client::from_conf(builder.build())
    }

    fn by_bucket(&self) -> MutexGuard<'_, HashMap<String, Client>> {
        // A panic cannot leave a change of the map half done.
        self.by_bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The overrides for requests that transfer records: more attempts than others have.
pub(super) fn transfer_overrides() -> aws_sdk_s3::config::Builder {
    Config::builder().retry_config(transfer_retries())
}

/// Retries two errors that the SDK regards as the caller's mistakes and so would not retry: bytes that
/// were damaged on the way, and the status 429, by which some servers ask to slow down.
#[derive(Debug)]
struct Transient;

impl ClassifyRetry for Transient {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if context.response().is_some_and(|response| response.status().as_u16() == 429) {
            return RetryAction::throttling_error();
        }
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_operation_error());
        let of_put = error.and_then(|error| error.downcast_ref::<PutObjectError>()?.code());
        let of_part = error.and_then(|error| error.downcast_ref::<UploadPartError>()?.code());
        if of_put.or(of_part).is_some_and(is_damage) {
            return RetryAction::transient_error();
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "damaged bytes and status 429"
    }
}
