//! Who we are at AWS, and where it is: plain data, without a secret.

use std::time::Duration;

/// What is none is left to the standard chain of AWS: the environment, profiles, and the services of
/// the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub dual_stack: bool,
    pub fips: bool,
    /// Whether plain HTTP may go to other machines.
    pub allow_http: bool,
    pub role: Option<Role>,
    /// How long a server may send nothing.
    pub patience: Option<Duration>,
    /// Tells this run's requests from others: it is in the user agent, and so in the trail that AWS keeps.
    pub run: String,
}

/// A role to take on.
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
}
