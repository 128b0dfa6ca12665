//! How S3 is accessed and how objects are stored: plain data.

/// How S3 is accessed, apart from the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether the bucket is in a URL's path rather than in its host name. `None`: only if an
    /// endpoint is set.
    pub path_style: Option<bool>,
    /// The AWS account that must own every bucket that is written to.
    pub bucket_owner: Option<String>,
    pub checksum: Checksum,
}

/// The checksum that is sent with an object, by which the server verifies its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    #[default]
    Crc64Nvme,
    Crc32C,
    Crc32,
    Sha256,
    /// None besides the one in the signature: for servers that support no others.
    None,
}

/// How objects are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storing {
    pub encryption: Option<Encryption>,
    pub storage_class: Option<String>,
    /// Tags as in `a=b&c=d`, percent-encoded.
    pub tags: Option<String>,
}

/// Server-side encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With keys managed by S3.
    S3,
    /// With a key in KMS. Without a `key_id`, the bucket's default key.
    Kms {
        key_id: Option<String>,
        bucket_key: Option<bool>,
        /// A JSON object of strings, in Base64.
        context: Option<String>,
    },
}
