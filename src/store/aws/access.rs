//! The identity with which AWS is accessed, and where: plain data, without secrets. (`timeouts.rs` has
//! how long requests may take.)

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
    /// How long a server may send nothing: the setting `patience`.
    pub read_timeout: Option<Duration>,
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
