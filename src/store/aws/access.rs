//! The identity with which AWS is accessed, and where: plain data, without secrets.

use std::time::Duration;

/// How AWS is accessed. What is `None` comes from AWS's standard chain: the environment, profiles
/// and the machine's own services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub dual_stack: bool,
    pub fips: bool,
    /// Whether plain HTTP to other machines is allowed.
    pub allow_http: bool,
    pub role: Option<Role>,
    /// How long a server may send nothing before a request counts as failed.
    pub patience: Option<Duration>,
    /// An id of the run. It is part of the user agent, by which AWS's logs tell runs apart.
    pub run: String,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
}

impl Access {
    pub(in crate::store) fn patience(&self) -> Duration {
        const PATIENCE: Duration = Duration::from_secs(20);
        self.patience.unwrap_or(PATIENCE)
    }

    /// How long a request may take with all its retries, and how long the bytes of a body may
    /// trickle in. With the time to clean up, a run ends within five minutes of a server's last
    /// answer.
    pub(in crate::store) fn limit(&self) -> Duration {
        const LIMIT_MAX: Duration = Duration::from_secs(200);
        self.patience().saturating_mul(10).min(LIMIT_MAX)
    }
}
