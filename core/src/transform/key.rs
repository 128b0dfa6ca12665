//! Keys: the master keys that a definition names, and the keys derived from them for joins.
//!
//! HKDF (RFC 5869) with SHA-256 derives independent keys from a master key: fields can only be
//! linked by their tokens if the definition gives them the same join.
//!
//! Key bytes are wiped from memory when they are dropped. No `Debug` output or error shows them.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use crate::crypto::{self, MacKey};

/// The fewest bytes of a master key: the output size of HMAC-SHA256.
const MASTER_LEN_MIN: usize = 32;

/// The demo key. It is public, so its tokens protect nobody.
const DEMO: &[u8; MASTER_LEN_MIN] = b"segprep demo key protects nobody";

const CHECK_INFO: &[u8] = b"segprep/v1/check";
const HMAC_INFO: &[u8] = b"segprep/v1/hmac-sha256/";
const SHIFT_INFO: &[u8] = b"segprep/v1/date-shift/";
const COMPARED_INFO: &[u8] = b"segprep/v1/compared";

/// The secret that all keys of one key id are derived from.
pub struct MasterKey(Zeroizing<Vec<u8>>);

/// Why a text is not a master key. Shows nothing of the text, except its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key must begin with `hex:` or `base64:`")]
    UnknownForm,
    #[error("`hex:` must be followed by pairs of hexadecimal digits, without white space")]
    NotHex,
    #[error("`base64:` must be followed by standard base64 with padding, without white space")]
    NotBase64,
    #[error("a key must have at least {MASTER_LEN_MIN} bytes; this one has {bytes}")]
    TooShort { bytes: usize },
    #[error("all bytes of the key are equal")]
    AllEqual,
}

impl MasterKey {
    /// Parses `hex:…` or `base64:…`. A single line break at the end is ignored.
    ///
    /// # Errors
    ///
    /// If the text has another form, or the key has fewer than 32 bytes, or all bytes are equal.
    pub fn parse(text: &str) -> Result<MasterKey, KeyError> {
        let text =
            text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let bytes = if let Some(digits) = text.strip_prefix("hex:") {
            decode(&HEXLOWER_PERMISSIVE, digits).ok_or(KeyError::NotHex)?
        } else if let Some(digits) = text.strip_prefix("base64:") {
            decode(&BASE64, digits).ok_or(KeyError::NotBase64)?
        } else {
            return Err(KeyError::UnknownForm);
        };
        MasterKey::from_bytes(bytes)
    }

    /// Makes a master key of these bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer than 32 bytes, or all are equal.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<MasterKey, KeyError> {
        if bytes.len() < MASTER_LEN_MIN {
            return Err(KeyError::TooShort { bytes: bytes.len() });
        }
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(KeyError::AllEqual);
        }
        Ok(MasterKey(bytes))
    }

    /// The public key for demos and tests.
    pub fn demo() -> MasterKey {
        MasterKey(Zeroizing::new(DEMO.to_vec()))
    }

    /// The check value: 16 hex digits that identify the key without revealing anything about it.
    pub fn check_value(&self) -> String {
        let mut check = [0; 8];
        crypto::hkdf(&self.0, b"", &[CHECK_INFO], &mut check);
        HEXLOWER.encode(&check)
    }

    /// Derives the key for the tokens of a join. Equal values get equal tokens if scope and join
    /// are the same.
    pub fn derive(&self, scope: &Scope, join: &str) -> MacKey {
        self.join_key(scope, HMAC_INFO, join)
    }

    /// Derives the key that moves dates. All dates of a person move by the same number of days if
    /// the join is the same.
    pub fn derive_shift(&self, join: &str) -> MacKey {
        self.join_key(&Scope::Person, SHIFT_INFO, join)
    }

    /// Derives the key of the hashes by which several machines compare values. It makes no token.
    pub fn derive_compared(&self) -> MacKey {
        self.join_key(&Scope::Person, COMPARED_INFO, "")
    }

    fn join_key(&self, scope: &Scope, info: &[u8], join: &str) -> MacKey {
        let mut key = Zeroizing::new([0; 32]);
        crypto::hkdf(&self.0, scope.salt(), &[info, join.as_bytes()], &mut *key);
        MacKey::new(&*key)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

fn decode(encoding: &data_encoding::Encoding, digits: &str) -> Option<Zeroizing<Vec<u8>>> {
    // A buffer that grew would leave copies of the key in memory.
    let mut bytes = Zeroizing::new(vec![0; encoding.decode_len(digits.len()).ok()?]);
    let len = encoding.decode_mut(digits.as_bytes(), &mut bytes).ok()?;
    bytes.truncate(len);
    Some(bytes)
}

/// Which tokens can be compared: equal values have equal tokens only within one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Wherever the same key is used.
    Person,
    /// Only under the same label, such as the name of a recipient.
    Relationship(String),
}

impl Scope {
    /// Parses `person` or `relationship:LABEL`. Returns `None` for anything else, and for an empty
    /// label.
    pub fn parse(text: &str) -> Option<Scope> {
        match text.strip_prefix("relationship:") {
            Some("") => None,
            Some(label) => Some(Scope::Relationship(label.to_owned())),
            None => (text == "person").then_some(Scope::Person),
        }
    }

    /// As a definition has it.
    pub fn name(&self) -> String {
        match self {
            Scope::Person => "person".to_owned(),
            Scope::Relationship(label) => format!("relationship:{label}"),
        }
    }

    fn salt(&self) -> &[u8] {
        match self {
            Scope::Person => b"",
            Scope::Relationship(label) => label.as_bytes(),
        }
    }
}

/// Formats a new key as `hex:` and 64 digits.
pub fn new_key_text(random: [u8; 32]) -> Zeroizing<String> {
    let random = Zeroizing::new(random);
    let mut digits = Zeroizing::new([0; 64]);
    let digits = HEXLOWER.encode_mut_str(&*random, &mut *digits);
    let mut text = Zeroizing::new(String::with_capacity("hex:".len() + digits.len()));
    text.push_str("hex:");
    text.push_str(digits);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    fn vectors(list: &str) -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../../schemas/vectors/key.json")).unwrap();
        file[list].as_array().unwrap().clone()
    }

    #[test]
    fn texts_of_keys_match_the_vectors() {
        for case in vectors("check_value") {
            let parsed = MasterKey::parse(case["input"].as_str().unwrap());
            let made = match parsed {
                Ok(master) => master.check_value(),
                Err(KeyError::UnknownForm) => "unknown_form".to_owned(),
                Err(KeyError::NotHex) => "not_hex".to_owned(),
                Err(KeyError::NotBase64) => "not_base64".to_owned(),
                Err(KeyError::TooShort { bytes }) => {
                    assert!(bytes < 32);
                    "too_short".to_owned()
                }
                Err(KeyError::AllEqual) => "all_equal".to_owned(),
            };
            let expected = case.get("output").or(case.get("failed")).unwrap();
            assert_eq!(made, expected.as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn keys_of_joins_match_the_vectors() {
        for case in vectors("join_key") {
            let text = |name: &str| case["params"][name].as_str().unwrap();
            let master = MasterKey::parse(case["input"].as_str().unwrap()).unwrap();
            let made = match text("for") {
                "hmac" => master.derive(&Scope::parse(text("scope")).unwrap(), text("join")),
                _ => master.derive_shift(text("join")),
            };
            let expected = MacKey::new(&bytes(case["output"].as_str().unwrap()));
            assert_eq!(made.mac(b"a value"), expected.mac(b"a value"), "{case}");
        }
    }

    #[test]
    fn scopes_are_person_and_named_relationships() {
        assert_eq!(Scope::parse("person"), Some(Scope::Person));
        assert_eq!(Scope::parse("relationship:a:b"), Some(Scope::Relationship("a:b".to_owned())));
        for text in ["", "Person", "run", "relationship", "relationship:", "person "] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_demo_key_is_the_published_one() {
        let text = format!("hex:{}", HEXLOWER.encode(b"segprep demo key protects nobody"));
        let parsed = MasterKey::parse(&text).unwrap();
        assert_eq!(parsed.check_value(), MasterKey::demo().check_value());
    }

    /// Whether a text has four consecutive bytes of a key, in hex or as numbers.
    fn shows(text: &str, key: &[u8]) -> bool {
        let text = text.to_lowercase();
        key.windows(4).any(|part| {
            let hex = HEXLOWER.encode(part);
            let numbers = format!("{part:?}");
            text.contains(&hex) || text.contains(numbers.trim_matches(['[', ']']))
        })
    }

    #[test]
    fn the_search_for_key_bytes_finds_them() {
        let key: Vec<u8> = (100..132).collect();
        assert!(shows(&format!("MasterKey({key:?})"), &key));
        assert!(shows(&HEXLOWER.encode(&key).to_uppercase(), &key));
        assert!(!shows("MasterKey(..)", &key));
    }

    proptest! {
        /// A new key can be parsed, and no output or error shows any of it.
        #[test]
        fn nothing_shows_a_key(random in any::<[u8; 32]>(), junk in "[ xyz=\n-]{1,4}") {
            prop_assume!(random.iter().any(|byte| *byte != random[0]));
            let text = new_key_text(random);
            let master = MasterKey::parse(&text).unwrap();
            let join = master.derive(&Scope::Person, "user");
            let mut key = [0; 32];
            crypto::hkdf(&random, b"", &[HMAC_INFO, b"user"], &mut key);
            for shown in [format!("{master:?} {master:#?}"), format!("{join:?} {join:#?}")] {
                prop_assert!(!shows(&shown, &random) && !shows(&shown, &key), "{}", shown);
            }

            let wrong = format!("{}{junk}\n.", &*text);
            let error = MasterKey::parse(&wrong).unwrap_err();
            let message = format!("{error} {error:?}");
            prop_assert!(!shows(&message, &random), "{}", message);
        }

        #[test]
        fn both_forms_are_the_same_key(random in proptest::collection::vec(any::<u8>(), 33..80)) {
            prop_assume!(random.iter().any(|byte| *byte != random[0]));
            let hex = MasterKey::parse(&format!("hex:{}", HEXLOWER.encode(&random))).unwrap();
            let base64 = format!("base64:{}\r\n", BASE64.encode(&random));
            let base64 = MasterKey::parse(&base64).unwrap();
            prop_assert_eq!(hex.check_value(), base64.check_value());
        }

        #[test]
        fn any_text_is_read_or_refused(
            text in any::<String>(),
            digits in "(hex|base64):[0-9a-zA-Z+/= \n]*",
        ) {
            prop_assert!(MasterKey::parse(&text).is_err());
            MasterKey::parse(&digits).ok();
        }
    }
}
