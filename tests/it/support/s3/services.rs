//! The operations of KMS and Secrets Manager that segprep uses, with the responses of AWS.

use bytes::Bytes;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::account::ROLE_SESSION;

/// The key in KMS.
const KEY: &[u8] = b"nobody but the test of KMS has it";
pub(crate) const SECRET: &str =
    "hex:5e9d7a1c33b2f0486d5c2e917fa0b4c8d6e1f2a3b4c5d6e7f8091a2b3c4d5e6f";

/// The MAC that KMS computes of this text: the master key of a `kms:` key.
pub(crate) fn mac(text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

type Refusal = &'static str;

/// The response to a request in AWS's JSON protocol.
pub(crate) fn answer(target: &str, body: &[u8]) -> http::Response<Bytes> {
    let request: Value = serde_json::from_slice(body).expect("JSON");
    let answered = match target {
        "TrentService.GenerateMac" => generate_mac(&request),
        "secretsmanager.GetSecretValue" => get_secret_value(&request),
        other => panic!("segprep does not use {other}"),
    };
    match answered {
        Ok(answer) => response(200, &answer),
        Err(code) => response(400, &json!({ "__type": code, "message": "said so" })),
    }
}

pub(crate) fn response(status: u16, body: &Value) -> http::Response<Bytes> {
    let response = http::Response::builder().status(status);
    let response = response.header("content-type", "application/x-amz-json-1.1");
    response.body(body.to_string().into()).expect("an answer")
}

/// The response of STS to a request to assume a role: the keys of the caller, with a session token.
pub(crate) fn assume_role(access_key: &str, secret_key: &str) -> http::Response<Bytes> {
    let credentials = format!(
        "<AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>\
         <SessionToken>{ROLE_SESSION}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    );
    let result =
        format!("<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>");
    let text = format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>");
    let response = http::Response::builder().header("content-type", "text/xml");
    response.body(text.into()).expect("an answer")
}

fn generate_mac(request: &Value) -> Result<Value, Refusal> {
    assert_eq!(request["MacAlgorithm"], "HMAC_SHA_256");
    let text = request["Message"].as_str().expect("a text").as_bytes();
    let mut mac = mac(&BASE64.decode(text).expect("Base64"));
    match request["KeyId"].as_str().expect("an id") {
        "alias/segprep" | "alias/tokens" | "arn:aws:kms:eu-west-1:111122223333:alias/tokens" => {}
        "alias/short" => mac.truncate(16),
        "alias/denied" => return Err("AccessDeniedException"),
        "alias/off" => return Err("DisabledException"),
        "alias/data" => return Err("InvalidKeyUsageException"),
        "alias/late" => return Err("ExpiredTokenException"),
        _ => return Err("NotFoundException"),
    }
    Ok(json!({ "Mac": BASE64.encode(&mac), "MacAlgorithm": "HMAC_SHA_256", "KeyId": "x" }))
}

fn get_secret_value(request: &Value) -> Result<Value, Refusal> {
    let text = match request["SecretId"].as_str().expect("a name") {
        "segprep/k1" => SECRET.to_owned(),
        "segprep/line" => format!("{SECRET}\n"),
        "segprep/json" => json!({ "k1": SECRET }).to_string(),
        "segprep/short" => "hex:0011".to_owned(),
        "segprep/bytes" => return Ok(json!({ "Name": "x", "SecretBinary": "AAECAw==" })),
        "segprep/denied" => return Err("AccessDeniedException"),
        "segprep/gone" => return Err("InvalidRequestException"),
        _ => return Err("ResourceNotFoundException"),
    };
    Ok(json!({ "Name": "x", "SecretString": text }))
}
