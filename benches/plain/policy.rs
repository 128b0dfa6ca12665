//! What is done to a valid endpoint: two tokens and a mask.
//!
//! Tokens are `hmac:k1:` and 64 lower hex digits of HMAC-SHA256. The key of each join comes from
//! the master key by HKDF-SHA256, without salt, so that anyone who has it can make the same.

use std::{env, error::Error};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_segmentation::UnicodeSegmentation;

use super::{endpoint::Endpoint, hex};

pub(super) struct Policy {
    endpoint_key: [u8; 32],
    user_key: [u8; 32],
}

impl Policy {
    /// With the master key of `SEGPREP_KEY_K1`, in the form `hex:0011…`.
    pub(super) fn from_env() -> Result<Policy, Box<dyn Error>> {
        // Errors of the environment and of the parser would quote the key.
        let text = env::var("SEGPREP_KEY_K1").unwrap_or_default();
        let master = text.strip_prefix("hex:").and_then(hex::parse);
        let hkdf = Hkdf::<Sha256>::new(None, &master.ok_or("no `hex:` key in `SEGPREP_KEY_K1`")?);
        Ok(Policy { endpoint_key: key(&hkdf, "endpoint"), user_key: key(&hkdf, "user") })
    }

    pub(super) fn apply(&self, endpoint: &mut Endpoint) {
        if let Some(id) = &mut endpoint.id {
            *id = token(&self.endpoint_key, id);
        }
        let Some(user) = &mut endpoint.user else { return };
        if let Some(user_id) = &mut user.user_id {
            *user_id = token(&self.user_key, user_id);
        }
        let attributes = user.user_attributes.iter_mut().flat_map(|named| &mut named.0);
        for (_, phones) in attributes.filter(|(name, _)| name == "Phone") {
            for phone in phones {
                *phone = masked(phone, 4);
            }
        }
    }
}

fn key(hkdf: &Hkdf<Sha256>, join: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let info = format!("segprep/v1/hmac-sha256/{join}");
    hkdf.expand(info.as_bytes(), &mut key).expect("32 bytes are within HKDF's limit");
    key
}

fn token(key: &[u8; 32], value: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(value.as_bytes());
    let mut token = String::with_capacity(72);
    token.push_str("hmac:k1:");
    hex::push(&mac.finalize().into_bytes(), &mut token);
    token
}

/// All but the last `keep` of what people see as characters become `*`; of a shorter text, all.
fn masked(text: &str, keep: usize) -> String {
    let count = text.graphemes(true).count();
    let hidden = if count <= keep { count } else { count - keep };
    let clusters = text.graphemes(true).enumerate();
    clusters.map(|(index, cluster)| if index < hidden { "*" } else { cluster }).collect()
}
