//! The implementation for FIPS builds: aws-lc's FIPS module, through `aws-lc-rs`.
//!
//! Each function is called as the documentation of the module requires for approved use. The module
//! wipes its copies of a key (`OPENSSL_cleanse`) when it frees them. Other copies are wiped by
//! `aws-lc-rs` or here.

use aws_lc_rs::{digest, hkdf as kdf, hmac, rand};
use zeroize::Zeroizing;

use super::{LANES, NoRandomness, NotInFipsMode};

/// Checks that the module is in FIPS mode. To be called once, before anything else.
///
/// # Errors
///
/// Fails if the module is not in FIPS mode. (If its self-tests fail, the module ends the process.)
pub fn check_fips_mode() -> Result<(), NotInFipsMode> {
    // The error of the module is a fixed text.
    aws_lc_rs::try_fips_mode().map_err(|_fixed_text| NotInFipsMode)
}

/// The name and version of the FIPS module, like `AWS-LC FIPS 4.2.0`, or `None` if it is not in
/// FIPS mode.
pub fn fips_module() -> Option<String> {
    check_fips_mode().ok().map(|()| format!("AWS-LC FIPS {}", aws_lc_rs::awslc_version()))
}

/// A SHA-256 digest of bytes that come in pieces.
pub struct Sha256(digest::Context);

impl Sha256 {
    pub fn new() -> Sha256 {
        Sha256(digest::Context::new(&digest::SHA256))
    }

    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    pub fn finish(self) -> [u8; 32] {
        to_array(self.0.finish().as_ref())
    }
}

/// A key of HMAC-SHA256. A worker may hold thousands of them, so the module's context, which takes
/// kilobytes, is made for each call rather than kept.
pub struct MacKey(Zeroizing<Box<[u8]>>);

impl MacKey {
    /// Accepts a key of any length.
    pub fn new(key: &[u8]) -> MacKey {
        MacKey(Zeroizing::new(Box::from(key)))
    }

    fn context(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }

    /// The HMAC-SHA256 of a value.
    pub fn mac(&self, value: &[u8]) -> [u8; 32] {
        to_array(hmac::sign(&self.context(), value).as_ref())
    }

    /// The HMAC-SHA256 of each of up to [`LANES`] values. MACs after those have no meaning.
    pub fn macs(&self, values: &[&[u8]]) -> [[u8; 32]; LANES] {
        let context = self.context();
        let mut macs = [[0; 32]; LANES];
        for (mac, value) in macs.iter_mut().zip(values) {
            *mac = to_array(hmac::sign(&context, value).as_ref());
        }
        macs
    }
}

/// Derives `out` from a master key by HKDF-SHA256 (RFC 5869). The parts of `info` are joined. `out`
/// is at most 8,160 bytes long.
pub fn hkdf(master: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    // Means the same as no salt (section 2.2). The module approves HKDF only with a salt.
    const NO_SALT: &[u8] = &[0; 32];
    let salt = if salt.is_empty() { NO_SALT } else { salt };
    let key = kdf::Salt::new(kdf::HKDF_SHA256, salt).extract(master);
    let filled = key.expand(info, Length(out.len())).and_then(|okm| okm.fill(out));
    filled.expect("no caller requests more than 8,160 bytes");
}

/// The number of bytes to derive.
struct Length(usize);

impl kdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Fills `out` with random bytes for a key, from the generator of the module.
pub fn random(out: &mut [u8]) -> Result<(), NoRandomness> {
    rand::fill(out).map_err(|error| NoRandomness(error.to_string()))
}

fn to_array(digest: &[u8]) -> [u8; 32] {
    digest.try_into().expect("a SHA-256 has 32 bytes")
}
