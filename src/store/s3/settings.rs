//! How S3 is to be spoken to, and how objects are to be stored: plain data, without a secret.

use std::time::Duration;

/// Who we are, and where S3 is. What is none is left to the standard chain of AWS: the environment,
/// profiles, and the services of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    /// The bucket in the path, and not in the host's name.
    pub path_style: Option<bool>,
    pub dual_stack: bool,
    pub fips: bool,
    /// Whether plain HTTP may go to other machines.
    pub allow_http: bool,
    pub role: Option<Role>,
    /// The account that every bucket we write to has to belong to.
    pub bucket_owner: Option<String>,
    pub checksum: Checksum,
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

/// What is sent with the bytes of an object, so that a server can tell that they are whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    #[default]
    Crc64Nvme,
    Crc32C,
    Crc32,
    Sha256,
    /// Nothing beside what the signature covers: for servers that know no checksums.
    None,
}

/// How objects are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storing {
    pub encryption: Option<Encryption>,
    pub storage_class: Option<String>,
    /// As `a=b&c=d`, percent-encoded.
    pub tags: Option<String>,
}

/// Encryption at rest, by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With keys that S3 keeps.
    S3,
    /// With a key in KMS: the bucket's own where none is named.
    Kms {
        key_id: Option<String>,
        bucket_key: Option<bool>,
        /// JSON of texts, in Base64.
        context: Option<String>,
    },
}

impl Settings {
    pub(super) fn patience(&self) -> Duration {
        const PATIENCE: Duration = Duration::from_secs(20);
        self.patience.unwrap_or(PATIENCE)
    }
}
