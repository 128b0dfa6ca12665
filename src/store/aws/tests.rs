//! Which hosts requests are sent to, recorded by a connector that answers none of them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::*;
use crate::store::s3::{S3, Settings, Url};

#[derive(Clone, Debug, Default)]
struct Hosts(Arc<Mutex<Vec<String>>>);

impl HttpConnector for Hosts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: http::Uri = request.uri().parse().unwrap();
        assert_eq!(uri.scheme_str(), Some("https"));
        self.0.lock().unwrap().push(uri.host().unwrap().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::user("recorded".into())))
    }
}

impl HttpClient for Hosts {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The hosts that are asked for a key, a secret and a listing, in this order.
fn hosts_of(access: Access) -> Vec<String> {
    let hosts = Hosts::default();
    let credentials = Credentials::new("AKIASEGPREPTESTONLY0", "none", None, None, "test");
    let access = Access { region: Some("us-east-1".to_owned()), ..access };
    let session = Session::with_client(access, hosts.clone(), credentials);
    generate_mac(&session, "alias/a", b"text").unwrap_err();
    secret_text(&session, "a").unwrap_err();
    let s3 = S3::new(session, Settings::default());
    s3.list(&Url::parse(Path::new("s3://bucket/a/")).unwrap()).unwrap_err();
    let mut requested = hosts.0.lock().unwrap().clone();
    requested.dedup();
    requested
}

#[test]
fn fips_uses_only_fips_endpoints() {
    let hosts = hosts_of(Access { fips: true, ..Access::default() });
    assert_eq!(
        hosts,
        [
            "kms-fips.us-east-1.amazonaws.com",
            "secretsmanager-fips.us-east-1.amazonaws.com",
            "bucket.s3-fips.us-east-1.amazonaws.com",
        ]
    );
    let hosts = hosts_of(Access { fips: true, dual_stack: true, ..Access::default() });
    assert!(hosts.iter().all(|host| host.contains("-fips.")), "{hosts:?}");
    assert_eq!(hosts.last().unwrap(), "bucket.s3-fips.dualstack.us-east-1.amazonaws.com");
}

#[test]
fn fips_assumes_a_role_at_a_fips_endpoint() {
    let role =
        Role { arn: "arn:aws:iam::1:role/a".to_owned(), external_id: None, session_name: None };
    let hosts = hosts_of(Access { fips: true, role: Some(role.clone()), ..Access::default() });
    assert_eq!(
        hosts,
        ["sts-fips.us-east-1.amazonaws.com"],
        "without its credentials, nothing else is sent"
    );
    let hosts = hosts_of(Access { role: Some(role), ..Access::default() });
    assert_eq!(hosts, ["sts.us-east-1.amazonaws.com"]);
}

#[test]
fn without_fips_the_usual_endpoints_are_used() {
    let hosts = hosts_of(Access::default());
    assert_eq!(
        hosts,
        [
            "kms.us-east-1.amazonaws.com",
            "secretsmanager.us-east-1.amazonaws.com",
            "bucket.s3.us-east-1.amazonaws.com",
        ]
    );
}
