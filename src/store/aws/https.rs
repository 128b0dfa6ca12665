//! The HTTP client of all requests to AWS: through the proxies that the environment names, with TLS
//! 1.2 or later and the authorities that the system trusts.
//!
//! The SDK is built without its own client, so no request can bypass this one, not even one for
//! credentials.

use aws_sdk_s3::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls::Provider};

use crate::crypto::TLS;

/// A new client, with no connection open yet.
pub(super) fn client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().tls_provider(Provider::Rustls(TLS));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}
