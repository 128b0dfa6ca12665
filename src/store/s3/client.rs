//! Who speaks to S3: clients, one for each Region that a bucket turns out to be in, made when they
//! are first needed.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, sts::AssumeRoleProvider};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    ConfigBag, Intercept, RequestChecksumCalculation, RuntimeComponents,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use tokio::sync::OnceCell;

use crate::store::s3::error::{Asked, S3Error, S3ErrorKind};
use crate::store::s3::settings::Settings;

/// How often one request is sent before its failure is told, and how long we wait in between.
const ATTEMPTS: u32 = 6;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);

/// Clients by bucket.
pub(super) struct Clients {
    pub(super) settings: Settings,
    config: OnceCell<SdkConfig>,
    by_bucket: Mutex<HashMap<String, Client>>,
}

impl Clients {
    pub(super) fn new(settings: Settings) -> Clients {
        Clients { settings, config: OnceCell::new(), by_bucket: Mutex::default() }
    }

    /// The client for a bucket.
    async fn of(&self, bucket: &str) -> Result<Client, S3Error> {
        if let Some(client) = self.by_bucket().get(bucket) {
            return Ok(client.clone());
        }
        let config = self.config.get_or_try_init(|| config(&self.settings)).await?;
        let client = self.client(config, None);
        Ok(self.by_bucket().entry(bucket.to_owned()).or_insert(client).clone())
    }

    /// From now on the bucket is asked in another Region. False if it was asked there already.
    fn go_to(&self, bucket: &str, region: &str) -> bool {
        let Some(config) = self.config.get() else { return false };
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
        let settings = &self.settings;
        let path_style = settings.path_style.unwrap_or(config.endpoint_url().is_some());
        let mut builder = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(path_style)
            .interceptor(Plainness { is_allowed: settings.allow_http });
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
        asked: &Asked<'_>,
        send: impl Fn(Client) -> F,
    ) -> Result<T, S3Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let error = match send(self.of(asked.bucket).await?).await {
            Ok(answer) => return Ok(answer),
            Err(error) => S3Error::of(&error, asked),
        };
        match &error.region {
            Some(region) if self.go_to(asked.bucket, region) => {}
            _ => return Err(error),
        }
        let answer = send(self.of(asked.bucket).await?).await;
        answer.map_err(|error| S3Error::of(&error, asked))
    }
}

/// The settings of all clients: ours, then what the environment and the profile say.
async fn config(settings: &Settings) -> Result<SdkConfig, S3Error> {
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let stalled = StalledStreamProtectionConfig::enabled().grace_period(settings.patience());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries)
        .timeout_config(timeouts(settings.patience()))
        .stalled_stream_protection(stalled.build())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    if let Ok(name) = AppName::new(format!("segprep-{}", settings.run)) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if settings.fips {
        loader = loader.use_fips(true);
    }
    if settings.dual_stack {
        loader = loader.use_dual_stack(true);
    }
    let config = loader.load().await;
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(S3Error::new(
            S3ErrorKind::Settings,
            "no Region of AWS is set",
            "set `region` under `[aws]`, or `AWS_REGION`, or a profile that has one",
        ));
    }
    Ok(in_role(config, settings).await)
}

/// How long a server may take to begin to answer.
pub(super) fn timeouts(patience: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(patience).build()
}

async fn in_role(config: SdkConfig, settings: &Settings) -> SdkConfig {
    let Some(role) = &settings.role else { return config };
    let session = role.session_name.clone().unwrap_or_else(|| format!("segprep-{}", settings.run));
    let mut provider =
        AssumeRoleProvider::builder(role.arn.as_str()).session_name(session).configure(&config);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let provider = provider.build().await;
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    config.into_builder().credentials_provider(provider).build()
}

/// Lets no request go in the clear to another machine, unless that is allowed: wherever the
/// endpoint comes from.
#[derive(Debug)]
struct Plainness {
    is_allowed: bool,
}

impl Intercept for Plainness {
    fn name(&self) -> &'static str {
        "Plainness"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.is_allowed || is_private(context.request().uri()) {
            return Ok(());
        }
        Err(Box::new(S3Error::new(
            S3ErrorKind::Settings,
            "the endpoint is plain HTTP on another machine",
            "use `https://`, or set `allow_http = true` under `[aws]`",
        )))
    }
}

/// Whether nobody else can read what goes to this URL.
fn is_private(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return url.starts_with("https://") };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback =
        |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    host == "localhost" || host.ends_with(".localhost") || is_loopback(host)
}

/// The threads on which requests wait.
const THREADS: usize = 2;
/// How long a signal waits at most.
const SIGNAL: Duration = Duration::from_millis(100);

/// S3 for callers that wait. Nothing is started, read or asked for before it is first used.
#[derive(Clone)]
pub struct S3 {
    pub(super) clients: Arc<Clients>,
    runtime: Arc<Mutex<Threads>>,
    /// Whether the run is asked to end.
    stop: Arc<dyn Fn() -> bool + Send + Sync>,
}

#[derive(Default)]
struct Threads(Option<tokio::runtime::Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("S3")
    }
}

impl S3 {
    /// `stop` tells whether the run is asked to end: whoever waits then gets an error.
    pub fn new(settings: Settings, stop: Arc<dyn Fn() -> bool + Send + Sync>) -> S3 {
        S3 { clients: Arc::new(Clients::new(settings)), runtime: Arc::default(), stop }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.clients.settings
    }

    pub(super) fn is_stopped(&self) -> bool {
        (self.stop)()
    }

    /// Where requests run.
    pub(super) fn handle(&self) -> Result<tokio::runtime::Handle, S3Error> {
        let mut threads = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &threads.0 {
            return Ok(runtime.handle().clone());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("segprep-s3")
            .enable_all()
            .build()
            .map_err(|error| {
                let message = format!("could not start threads: {error}");
                S3Error::new(S3ErrorKind::Io, message, "raise the limit of threads")
            })?;
        let handle = runtime.handle().clone();
        threads.0 = Some(runtime);
        Ok(handle)
    }

    /// Waits for a request, unless the run is asked to end.
    pub(super) fn wait<T>(
        &self,
        request: impl Future<Output = Result<T, S3Error>>,
    ) -> Result<T, S3Error> {
        self.handle()?.block_on(async {
            let mut request = std::pin::pin!(request);
            loop {
                match tokio::time::timeout(SIGNAL, &mut request).await {
                    Ok(done) => return done,
                    Err(_) if self.is_stopped() => return Err(S3Error::stopped()),
                    Err(_) => {}
                }
            }
        })
    }

    /// Waits for what has to be done also when a run ends: publishing, and cleaning up.
    pub(super) fn see_through<T>(
        &self,
        request: impl Future<Output = Result<T, S3Error>>,
    ) -> Result<T, S3Error> {
        self.handle()?.block_on(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        for (url, expected) in [
            ("https://s3.eu-central-1.amazonaws.com/b/k", true),
            ("http://127.0.0.1:5000/b/k", true),
            ("http://[::1]:5000/b/k", true),
            ("http://localhost/b", true),
            ("http://b.localhost:80?x", true),
            ("http://10.0.0.1/b", false),
            ("http://localhost.example.com/b", false),
            ("http://s3.amazonaws.com/127.0.0.1", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(is_private(url), expected, "{url}");
        }
    }
}
