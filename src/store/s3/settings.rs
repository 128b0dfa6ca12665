//! How S3 is to be spoken to, and how objects are to be stored: plain data.

/// How S3 is spoken to, beside who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The bucket in the path, and not in the host's name.
    pub path_style: Option<bool>,
    /// The account that every bucket we write to has to belong to.
    pub bucket_owner: Option<String>,
    pub checksum: Checksum,
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
