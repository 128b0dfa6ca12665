//! Keys: the master that a definition names, and the key of each join that is derived from it.
//!
//! HKDF (RFC 5869) with SHA-256 parts one master into keys that tell nothing of each other, so
//! two fields can be linked only where the definition gives them one join.
//!
//! Key bytes are wiped when they go, no `Debug` output shows them, and no error quotes them.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::JoinKey;

/// The fewest bytes of a master: what HMAC-SHA256 can make use of.
const MASTER_LEN_MIN: usize = 32;

/// Published on purpose: tokens made with it protect nobody.
const DEMO: &[u8; MASTER_LEN_MIN] = b"segprep demo key protects nobody";

const CHECK_INFO: &[u8] = b"segprep/v1/check";
const HMAC_INFO: &[u8] = b"segprep/v1/hmac-sha256/";
const SHIFT_INFO: &[u8] = b"segprep/v1/date-shift/";

/// The secret that all keys of one id are derived from.
pub struct MasterKey(Zeroizing<Vec<u8>>);

/// A text is no master key. Says nothing of the text but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key begins with `hex:` or `base64:`")]
    UnknownForm,
    #[error("`hex:` is followed by pairs of hexadecimal digits alone, without white space")]
    NotHex,
    #[error("`base64:` is followed by padded standard base64 alone, without white space")]
    NotBase64,
    #[error("a key has at least {MASTER_LEN_MIN} bytes; this one has {bytes}")]
    TooShort { bytes: usize },
    #[error("all bytes of this key are equal")]
    AllEqual,
}

impl MasterKey {
    /// Reads `hex:…` or `base64:…`; one line break at the end is stripped.
    ///
    /// # Errors
    ///
    /// Where the text has another form, or fewer than 32 bytes, or only equal ones.
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
        MasterKey::of_bytes(bytes)
    }

    /// A master of these bytes.
    ///
    /// # Errors
    ///
    /// Where they are fewer than 32, or all equal.
    pub fn of_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<MasterKey, KeyError> {
        if bytes.len() < MASTER_LEN_MIN {
            return Err(KeyError::TooShort { bytes: bytes.len() });
        }
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(KeyError::AllEqual);
        }
        Ok(MasterKey(bytes))
    }

    /// The published key for trying out.
    pub fn demo() -> MasterKey {
        MasterKey(Zeroizing::new(DEMO.to_vec()))
    }

    /// 16 hex digits that tell a wrong key from the right one, and nothing else of either.
    pub fn check_value(&self) -> String {
        let mut check = [0; 8];
        expand(&self.0, b"", &[CHECK_INFO], &mut check);
        HEXLOWER.encode(&check)
    }

    /// The key of a join: values with the same scope and join have the same tokens.
    pub fn derive(&self, scope: &Scope, join: &str) -> JoinKey {
        self.join_key(scope, HMAC_INFO, join)
    }

    /// The key that moves dates: those of one person move alike where the join is the same.
    pub fn derive_shift(&self, join: &str) -> JoinKey {
        self.join_key(&Scope::Person, SHIFT_INFO, join)
    }

    fn join_key(&self, scope: &Scope, info: &[u8], join: &str) -> JoinKey {
        let mut key = Zeroizing::new([0; 32]);
        expand(&self.0, scope.salt(), &[info, join.as_bytes()], &mut *key);
        JoinKey::new(&*key)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

fn decode(encoding: &data_encoding::Encoding, digits: &str) -> Option<Zeroizing<Vec<u8>>> {
    // Sized once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; encoding.decode_len(digits.len()).ok()?]);
    let len = encoding.decode_mut(digits.as_bytes(), &mut bytes).ok()?;
    bytes.truncate(len);
    Some(bytes)
}

/// HKDF-SHA256 with the parts of `info` joined; at most 8,160 bytes.
fn expand(master: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let (mut extracted, hkdf) = Hkdf::<Sha256>::extract(Some(salt), master);
    zeroize::Zeroize::zeroize(extracted.as_mut_slice());
    hkdf.expand_multi_info(info, out).expect("no caller asks for more than 8,160 bytes");
}

/// How far the tokens of one value are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Wherever the key is used.
    Person,
    /// Only under the same label, such as one recipient of the files.
    Relationship(String),
}

impl Scope {
    /// Reads `person` or `relationship:LABEL`; None for anything else and for an empty label.
    pub fn parse(text: &str) -> Option<Scope> {
        match text.strip_prefix("relationship:") {
            Some("") => None,
            Some(label) => Some(Scope::Relationship(label.to_owned())),
            None => (text == "person").then_some(Scope::Person),
        }
    }

    fn salt(&self) -> &[u8] {
        match self {
            Scope::Person => b"",
            Scope::Relationship(label) => label.as_bytes(),
        }
    }
}

/// How a fresh key is printed: `hex:` and 64 digits.
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
    fn texts_of_keys_hold_to_the_vectors() {
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
    fn keys_of_joins_hold_to_the_vectors() {
        for case in vectors("join_key") {
            let text = |name: &str| case["params"][name].as_str().unwrap();
            let master = MasterKey::parse(case["input"].as_str().unwrap()).unwrap();
            let made = match text("for") {
                "hmac" => master.derive(&Scope::parse(text("scope")).unwrap(), text("join")),
                _ => master.derive_shift(text("join")),
            };
            let expected = JoinKey::new(&bytes(case["output"].as_str().unwrap()));
            assert_eq!(made.mac(b"a value"), expected.mac(b"a value"), "{case}");
        }
    }

    /// RFC 4231, test cases 1 to 7; of the fifth, the RFC gives the first 128 bits.
    #[test]
    fn macs_are_those_of_rfc_4231() {
        let cases: [(Vec<u8>, &[u8], &str); 7] = [
            (
                vec![0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (vec![0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size \
                  data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            let mac = JoinKey::new(&key).mac(data);
            assert!(mac.starts_with(&bytes(expected)), "{expected}");
        }
    }

    /// RFC 5869, appendix A.1 to A.3.
    #[test]
    fn keys_are_derived_as_in_rfc_5869() {
        let all = |range: std::ops::RangeInclusive<u8>| range.collect::<Vec<u8>>();
        let cases = [
            (
                vec![0x0b; 22],
                all(0..=0x0c),
                all(0xf0..=0xf9),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf\
                 34007208d5b887185865",
            ),
            (
                all(0..=0x4f),
                all(0x60..=0xaf),
                all(0xb0..=0xff),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                 59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                 cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                Vec::new(),
                Vec::new(),
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d\
                 9d201395faa4b61a96c8",
            ),
        ];
        for (master, salt, info, expected) in cases {
            let expected = bytes(expected);
            let mut made = vec![0; expected.len()];
            let (left, right) = info.split_at(info.len() / 2);
            expand(&master, &salt, &[left, right], &mut made);
            assert_eq!(made, expected);
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

    /// Whether a text holds four neighbouring bytes of a key, in hex or as numbers.
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
        /// A fresh key can be read, and nothing that is shown of it or its errors tells it.
        #[test]
        fn nothing_shows_a_key(random in any::<[u8; 32]>(), junk in "[ xyz=\n-]{1,4}") {
            prop_assume!(random.iter().any(|byte| *byte != random[0]));
            let text = new_key_text(random);
            let master = MasterKey::parse(&text).unwrap();
            let join = master.derive(&Scope::Person, "user");
            let mut key = [0; 32];
            expand(&random, b"", &[HMAC_INFO, b"user"], &mut key);
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
