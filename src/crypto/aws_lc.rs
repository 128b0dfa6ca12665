//! The maker of FIPS builds: aws-lc's FIPS module, through `aws-lc-rs`.
//!
//! Each function is called as the module's documentation has it for approved use. The module wipes
//! its copies of a key (`OPENSSL_cleanse`) when they go; those between it and us are wiped by
//! `aws-lc-rs` or here.

use aws_lc_rs::{digest, hkdf as kdf, hmac, rand};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use super::{LANES, NoRandomness, NotInFipsMode};

/// By what TLS is made: rustls with the module, and only what FIPS approves of TLS.
pub const TLS: CryptoMode = CryptoMode::AwsLcFips;

/// Whether the cryptography is as the build promises, to be asked once before anything else.
///
/// # Errors
///
/// Where the module is not in FIPS mode. (Where its own tests fail, it ends the process by itself.)
pub fn ready() -> Result<(), NotInFipsMode> {
    // The error is a fixed text without a cause.
    aws_lc_rs::try_fips_mode().map_err(|_fixed_text| NotInFipsMode)
}

/// The FIPS module that all of this comes from, with its version: `AWS-LC FIPS 4.2.0`.
pub fn fips_module() -> Option<String> {
    ready().ok().map(|()| format!("AWS-LC FIPS {}", aws_lc_rs::awslc_version()))
}

/// A SHA-256 of bytes that come by and by.
pub struct Sha256(digest::Context);

impl Sha256 {
    pub fn new() -> Sha256 {
        Sha256(digest::Context::new(&digest::SHA256))
    }

    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    pub fn finish(self) -> [u8; 32] {
        whole(self.0.finish().as_ref())
    }
}

/// A key of HMAC-SHA256, which has gone into the hash already. In a place of its own, so that it
/// is not copied about.
pub struct MacKey(Box<hmac::Key>);

impl MacKey {
    /// A key of any length.
    pub fn new(key: &[u8]) -> MacKey {
        MacKey(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// HMAC-SHA256 of the value.
    pub fn mac(&self, value: &[u8]) -> [u8; 32] {
        whole(hmac::sign(&self.0, value).as_ref())
    }

    /// HMAC-SHA256 of each value, up to [`LANES`] of them; zeros beyond.
    pub fn macs(&self, values: &[&[u8]]) -> [[u8; 32]; LANES] {
        let mut macs = [[0; 32]; LANES];
        for (mac, value) in macs.iter_mut().zip(values) {
            *mac = self.mac(value);
        }
        macs
    }
}

/// HKDF-SHA256 (RFC 5869) with the parts of `info` joined; at most 8,160 bytes.
pub fn hkdf(master: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    // The same as none (section 2.2), and the module approves of HKDF with a salt alone.
    const NO_SALT: &[u8] = &[0; 32];
    let salt = if salt.is_empty() { NO_SALT } else { salt };
    let key = kdf::Salt::new(kdf::HKDF_SHA256, salt).extract(master);
    let filled = key.expand(info, Length(out.len())).and_then(|okm| okm.fill(out));
    filled.expect("no caller asks for more than 8,160 bytes");
}

/// How many bytes are derived.
struct Length(usize);

impl kdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Fills `out` with bytes that nobody can guess, for a key: by the module's own generator.
pub fn random(out: &mut [u8]) -> Result<(), NoRandomness> {
    rand::fill(out).map_err(|error| NoRandomness(error.to_string()))
}

fn whole(digest: &[u8]) -> [u8; 32] {
    digest.try_into().expect("a SHA-256 has 32 bytes")
}
