//! Which hosts are asked: told by a connector that notes them, and answers nothing.

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
        HttpConnectorFuture::ready(Err(ConnectorError::user("no more is asked for".into())))
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

/// The hosts that are asked for a key, a secret and an object, each once.
fn hosts(access: Access) -> Vec<String> {
    let hosts = Hosts::default();
    let credentials = Credentials::new("AKIASEGPREPTESTONLY0", "none", None, None, "test");
    let access = Access { region: Some("us-east-1".to_owned()), ..access };
    let session = Session::over(access, hosts.clone(), credentials);
    generate_mac(&session, "alias/a", b"text").unwrap_err();
    secret_text(&session, "a").unwrap_err();
    let s3 = S3::new(session, Settings::default());
    s3.list(&Url::parse(Path::new("s3://bucket/a/")).unwrap()).unwrap_err();
    let mut asked = hosts.0.lock().unwrap().clone();
    asked.dedup();
    asked
}

#[test]
fn fips_asks_fips_endpoints_alone() {
    let asked = hosts(Access { fips: true, ..Access::default() });
    assert_eq!(
        asked,
        [
            "kms-fips.us-east-1.amazonaws.com",
            "secretsmanager-fips.us-east-1.amazonaws.com",
            "bucket.s3-fips.us-east-1.amazonaws.com",
        ]
    );
    let asked = hosts(Access { fips: true, dual_stack: true, ..Access::default() });
    assert!(asked.iter().all(|host| host.contains("-fips.")), "{asked:?}");
    assert_eq!(asked.last().unwrap(), "bucket.s3-fips.dualstack.us-east-1.amazonaws.com");
}

#[test]
fn a_role_is_taken_on_at_a_fips_endpoint_too() {
    let role =
        Role { arn: "arn:aws:iam::1:role/a".to_owned(), external_id: None, session_name: None };
    let asked = hosts(Access { fips: true, role: Some(role.clone()), ..Access::default() });
    assert_eq!(asked, ["sts-fips.us-east-1.amazonaws.com"], "nothing else without its credentials");
    let asked = hosts(Access { role: Some(role), ..Access::default() });
    assert_eq!(asked, ["sts.us-east-1.amazonaws.com"]);
}

#[test]
fn without_fips_the_hosts_are_the_common_ones() {
    let asked = hosts(Access::default());
    assert_eq!(
        asked,
        [
            "kms.us-east-1.amazonaws.com",
            "secretsmanager.us-east-1.amazonaws.com",
            "bucket.s3.us-east-1.amazonaws.com",
        ]
    );
}
