//! Who speaks to S3: clients, one for each Region that a bucket turns out to be in, made when they
//! are first needed.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::request::S3Request;
use super::settings::Settings;
use crate::store::aws::{AwsError, Identity, Plainness, Session};

/// Clients by bucket.
pub(super) struct Clients {
    pub(super) identity: Arc<Identity>,
    pub(super) settings: Settings,
    by_bucket: Mutex<HashMap<String, Client>>,
}

impl Clients {
    fn new(identity: Arc<Identity>, settings: Settings) -> Clients {
        Clients { identity, settings, by_bucket: Mutex::default() }
    }

    /// The client for a bucket.
    async fn of(&self, bucket: &str) -> Result<Client, AwsError> {
        if let Some(client) = self.by_bucket().get(bucket) {
            return Ok(client.clone());
        }
        let client = self.client(self.identity.config().await?, None);
        Ok(self.by_bucket().entry(bucket.to_owned()).or_insert(client).clone())
    }

    /// From now on the bucket is asked in another Region. False if it was asked there already.
    fn go_to(&self, bucket: &str, region: &str) -> bool {
        let Some(config) = self.identity.known_config() else { return false };
        let mut clients = self.by_bucket();
        let is_new = clients
            .get(bucket)
            .and_then(|client| client.config().region())
            .is_none_or(|known| known.as_ref() != region);
        if is_new {
            let region = Region::new(region.to_owned());
            clients.insert(bucket.to_owned(), self.client(config, Some(region)));
        }
        is_new
    }

    fn client(&self, config: &SdkConfig, region: Option<Region>) -> Client {
        let path_style = self.settings.path_style.unwrap_or(config.endpoint_url().is_some());
        let mut builder = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(path_style)
            .interceptor(Plainness { is_allowed: self.identity.access.allow_http });
        if let Some(region) = region {
            builder = builder.region(region);
        }
        Client::from_conf(builder.build())
    }

    fn by_bucket(&self) -> std::sync::MutexGuard<'_, HashMap<String, Client>> {
        // Each change of the map is whole.
        self.by_bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks S3 for something; a bucket that turns out to be in another Region is asked there.
    pub(super) async fn ask<T, E, F>(
        &self,
        asked: &S3Request<'_>,
        send: impl Fn(Client) -> F,
    ) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let error = match send(self.of(asked.bucket).await?).await {
            Ok(answer) => return Ok(answer),
            Err(error) => asked.error(&error),
        };
        match &error.region {
            Some(region) if self.go_to(asked.bucket, region) => {}
            _ => return Err(error),
        }
        let answer = send(self.of(asked.bucket).await?).await;
        answer.map_err(|error| asked.error(&error))
    }
}

/// S3 for callers that wait. Nothing is started, read or asked for before it is first used.
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
