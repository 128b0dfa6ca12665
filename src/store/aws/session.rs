//! A session with AWS: the identity, which is established once, and the threads that requests run
//! on.

use std::{
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use aws_config::{
    AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig, sts::AssumeRoleProvider,
};
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RequestChecksumCalculation, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use tokio::sync::OnceCell;

use super::access::Access;
use super::ending::{AFTER_SIGNAL, EndingTimeouts};
use super::error::{AwsError, AwsErrorKind};
use super::https;
use super::profile::refuse_second_factor;
use super::timeouts::{CONFIG_TIMEOUT, retries};

/// The threads that requests run on.
const THREADS: usize = 2;
/// The polling interval for cancellation.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// AWS for synchronous callers. Nothing is started, read or requested before the first use.
/// Clones share one session.
#[derive(Clone)]
pub struct Session {
    pub(in crate::store) identity: Arc<Identity>,
    threads: Arc<Mutex<Threads>>,
    stop: Stop,
    /// When the first request failed because a server did not respond. From then on the run is
    /// failing, and requests get little time.
    unanswered_since: Arc<OnceLock<Instant>>,
}

/// Returns how long ago the run was asked to stop; `None` if it was not.
pub type Stop = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

/// The identity at AWS, established on first use.
pub(in crate::store) struct Identity {
    pub(in crate::store) access: Access,
    config: OnceCell<SdkConfig>,
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

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Once the run was asked to stop, requests fail with [`AwsErrorKind::Stopped`].
    pub fn new(access: Access, stop: Stop) -> Session {
        let identity = Arc::new(Identity { access, config: OnceCell::new() });
        Session { identity, threads: Arc::default(), stop, unanswered_since: Arc::default() }
    }

    /// As [`Session::new`], with an HTTP client and credentials for tests.
    #[cfg(test)]
    pub(in crate::store) fn with_client(
        access: Access,
        client: impl aws_smithy_runtime_api::client::http::HttpClient + 'static,
        credentials: aws_credential_types::Credentials,
    ) -> Session {
        let session = Session::new(access, Arc::new(|| None));
        let access = &session.identity.access;
        let found = session.wait(async {
            let loader = loader(access).http_client(client).credentials_provider(credentials);
            complete(loader.load().await, access).await
        });
        session.identity.config.set(found.expect("a Region")).expect("it is not set yet");
        session
    }

    pub(in crate::store) fn is_stopped(&self) -> bool {
        (self.stop)().is_some()
    }

    /// The runtime that requests run on, which is started now if it was not before.
    pub(in crate::store) fn handle(&self) -> Result<tokio::runtime::Handle, AwsError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &threads.0 {
            return Ok(runtime.handle().clone());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("segprep-aws")
            .enable_all()
            .build()
            .map_err(|error| {
                let message = format!("the threads for requests could not be started: {error}");
                AwsError::new(AwsErrorKind::Io, message, "raise the limit on threads")
            })?;
        let handle = runtime.handle().clone();
        threads.0 = Some(runtime);
        Ok(handle)
    }

    /// Waits for a request. Fails as soon as the run was asked to stop.
    pub(in crate::store) fn wait<T>(
        &self,
        request: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        self.wait_until(request, |waited| {
            if self.is_stopped() { Some(AwsError::stopped()) } else { self.out_of_time(waited) }
        })
    }

    /// Waits for a request for some seconds even if the run was asked to stop: for publishing and
    /// cleaning up.
    pub(in crate::store) fn wait_uninterrupted<T>(
        &self,
        request: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        self.wait_until(request, |waited| self.out_of_time(waited))
    }

    /// Waits for a request until `ended` returns an error. Its argument is how long it has waited.
    fn wait_until<T>(
        &self,
        request: impl Future<Output = Result<T, AwsError>>,
        ended: impl Fn(Duration) -> Option<AwsError>,
    ) -> Result<T, AwsError> {
        let began = Instant::now();
        self.handle()?.block_on(async {
            let mut request = std::pin::pin!(request);
            loop {
                if let Ok(result) = tokio::time::timeout(POLL_INTERVAL, &mut request).await {
                    return result.inspect_err(|error| self.note(error));
                }
                if let Some(error) = ended(began.elapsed()) {
                    return Err(error);
                }
            }
        })
    }

    /// Notes an error that ends the run. If it means that a server did not respond, requests get
    /// little time from now on.
    pub(in crate::store) fn note(&self, error: &AwsError) {
        if error.is_unanswered {
            self.unanswered_since.get_or_init(Instant::now);
        }
    }

    /// The error for a call that has waited for `waited`, if the run is ending and cannot wait any
    /// longer.
    fn out_of_time(&self, waited: Duration) -> Option<AwsError> {
        if let Some(ending) = (self.stop)()
            && AFTER_SIGNAL.is_over(ending, waited)
        {
            return Some(AwsError::stopped());
        }
        let access = &self.identity.access;
        let ending = self.unanswered_since.get()?.elapsed();
        let timeouts =
            EndingTimeouts::after_no_response(access.read_timeout(), access.operation_timeout());
        timeouts
            .is_over(ending, waited)
            .then(|| AwsError::unanswered("the server did not answer in time"))
    }
}

impl Identity {
    /// The configuration of all clients: from the definition, and otherwise from the environment
    /// and the profile.
    pub(in crate::store) async fn config(&self) -> Result<&SdkConfig, AwsError> {
        // Boxed, since it is large and would be part of every request's future.
        let load = || {
            Box::pin(async {
                let found = async {
                    refuse_second_factor(&self.access).await?;
                    let config = loader(&self.access).load().await;
                    complete(config, &self.access).await
                };
                let found = tokio::time::timeout(CONFIG_TIMEOUT, found).await;
                found.unwrap_or_else(|_| {
                    Err(AwsError::unanswered(
                        "the Region and the credentials could not be found in time",
                    ))
                })
            })
        };
        self.config.get_or_try_init(load).await
    }

    /// The configuration, if it was loaded before.
    pub(in crate::store) fn loaded_config(&self) -> Option<&SdkConfig> {
        self.config.get()
    }
}

fn loader(access: &Access) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https::client())
        .retry_config(retries())
        .timeout_config(access.timeouts())
        .stalled_stream_protection(access.stalls())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    if let Ok(name) = AppName::new(format!("segprep-{}", access.run)) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &access.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if access.fips {
        loader = loader.use_fips(true);
    }
    if access.dual_stack {
        loader = loader.use_dual_stack(true);
    }
    loader
}

/// Checks that a Region is set, and assumes the role if there is one.
async fn complete(config: SdkConfig, access: &Access) -> Result<SdkConfig, AwsError> {
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(AwsError::new(
            AwsErrorKind::Settings,
            "no AWS Region is set",
            "set `region` under `[aws]`, or `AWS_REGION`, or a profile that has one",
        ));
    }
    Ok(assume_role(config, access).await)
}

async fn assume_role(config: SdkConfig, access: &Access) -> SdkConfig {
    let Some(role) = &access.role else { return config };
    let session = role.session_name.clone().unwrap_or_else(|| format!("segprep-{}", access.run));
    let mut provider =
        AssumeRoleProvider::builder(role.arn.as_str()).session_name(session).configure(&config);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let provider = provider.build().await;
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    config.into_builder().credentials_provider(provider).build()
}

/// The Region in an ARN (`arn:PARTITION:SERVICE:REGION:ACCOUNT:…`); `None` if there is none, or if
/// the text is not an ARN.
pub(super) fn region_of_arn(arn: &str) -> Option<Region> {
    let mut fields = arn.strip_prefix("arn:")?.split(':');
    let region = fields.nth(2).filter(|region| !region.is_empty())?;
    Some(Region::new(region.to_owned()))
}

/// Refuses to send a request over plain HTTP to another machine, wherever the endpoint comes from.
#[derive(Debug)]
pub(in crate::store) struct HttpsOnly {
    pub(in crate::store) is_http_allowed: bool,
}

impl Intercept for HttpsOnly {
    fn name(&self) -> &'static str {
        "HttpsOnly"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.is_http_allowed || is_private(context.request().uri()) {
            return Ok(());
        }
        Err(Box::new(AwsError::new(
            AwsErrorKind::Settings,
            "the endpoint is plain HTTP to another machine",
            "use `https://`, or set `allow_http = true` under `[aws]`",
        )))
    }
}

/// Whether nobody can listen to requests to this URL: it is HTTPS, or on this machine.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_its_region() {
        let region = |text| region_of_arn(text).map(|region| region.to_string());
        let key = "arn:aws:kms:eu-central-1:111122223333:alias/segprep";
        assert_eq!(region(key).as_deref(), Some("eu-central-1"));
        assert_eq!(region("arn:aws:kms::1:key/a"), None);
        assert_eq!(region("alias/segprep"), None);
        assert_eq!(region("arn:aws"), None);
    }

    #[test]
    fn plain_http_is_private_only_on_this_machine() {
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
