//! Writes an endpoint as a JSON line or a CSV row, with the fields in the order of exports.

use std::fmt::Write;

use super::endpoint::{Endpoint, INTERESTS_MAX};

const INFALLIBLE: &str = "a string has room";

pub(super) fn push_json_line(endpoint: &Endpoint, out: &mut String) {
    let e = endpoint;
    write!(
        out,
        concat!(
            r#"{{"ChannelType":"{}","Address":"{}","Id":"{}","OptOut":"{}","#,
            r#""EndpointStatus":"ACTIVE","EffectiveDate":"{}","#,
            r#""Location":{{"Country":"{}","City":"{}","PostalCode":"{}"}},"#,
            r#""Demographic":{{"Timezone":"{}","Platform":"{}"}},"#,
        ),
        e.channel_type,
        e.address,
        e.id,
        e.opt_out,
        e.effective_date,
        e.country,
        e.city,
        e.postal_code,
        e.timezone,
        e.platform,
    )
    .expect(INFALLIBLE);
    push_json_interests(&e.interests, out);
    writeln!(
        out,
        concat!(
            r#""User":{{"UserId":"{}","UserAttributes":{{"#,
            r#""FirstName":["{}"],"Email":["{}"],"Phone":["{}"]}}}}}}"#,
        ),
        e.user_id, e.first_name, e.email, e.phone,
    )
    .expect(INFALLIBLE);
}

fn push_json_interests(interests: &[&str], out: &mut String) {
    out.push_str(r#""Attributes":{"Interests":["#);
    for (index, interest) in interests.iter().enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        out.push_str(interest);
        out.push('"');
    }
    out.push_str("]},");
}

/// A field with several values has several columns with the same name.
pub(super) fn push_csv_header(out: &mut String) {
    out.push_str("ChannelType,Address,Id,OptOut,EndpointStatus,EffectiveDate,");
    out.push_str("Location.Country,Location.City,Location.PostalCode,");
    out.push_str("Demographic.Timezone,Demographic.Platform,");
    for _ in 0..INTERESTS_MAX {
        out.push_str("Attributes.Interests,");
    }
    out.push_str("User.UserId,User.UserAttributes.FirstName,");
    out.push_str("User.UserAttributes.Email,User.UserAttributes.Phone\n");
}

pub(super) fn push_csv_row(endpoint: &Endpoint, out: &mut String) {
    let e = endpoint;
    write!(
        out,
        "{},{},{},{},ACTIVE,{},{},",
        e.channel_type, e.address, e.id, e.opt_out, e.effective_date, e.country,
    )
    .expect(INFALLIBLE);
    push_csv_cell(e.city, out);
    write!(out, ",{},{},{},", e.postal_code, e.timezone, e.platform).expect(INFALLIBLE);
    for index in 0..INTERESTS_MAX {
        out.push_str(e.interests.get(index).copied().unwrap_or_default());
        out.push(',');
    }
    writeln!(out, "{},{},{},{}", e.user_id, e.first_name, e.email, e.phone).expect(INFALLIBLE);
}

fn push_csv_cell(text: &str, out: &mut String) {
    let quote = if text.contains(',') { "\"" } else { "" };
    out.extend([quote, text, quote]);
}
