//! The cryptography that is aws-lc's in every build: AES-GCM for what waits on disk (`sealing.rs`), and the
//! implementation that TLS uses. Hashes and keys are the core's (`core/src/crypto/mod.rs`), and are
//! named from here as well.

mod sealing;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub use sealing::{NotSealed, SEAL_BYTES, SealingKey};
pub use segprep_core::crypto::{
    LANES, MacKey, NoRandomness, NotInFipsMode, Sha256, check_fips_mode, fips_module, hkdf, random,
    sha256,
};

/// The implementation of TLS: rustls with aws-lc.
#[cfg(not(feature = "fips"))]
pub const TLS: CryptoMode = CryptoMode::AwsLc;
/// The implementation of TLS: rustls with the FIPS module, restricted to what FIPS approves.
#[cfg(feature = "fips")]
pub const TLS: CryptoMode = CryptoMode::AwsLcFips;
