//! Records whose values are canaries, in every field and with every kind of problem.

use super::Canaries;

/// A record whose values are canaries, except values that the definition keeps. Some records are
/// invalid, in many ways; then the kept values are canaries too.
fn record(c: &mut Canaries) -> String {
    let fields = [
        format!(r#""Id":"{}""#, c.text()),
        format!(r#""Address":"{}@example.com","ChannelType":"EMAIL""#, c.text()),
        format!(r#""EffectiveDate":"2026-10-01T06:30:00.{}Z""#, c.nanoseconds()),
        format!(r#""RequestId":"{}""#, c.text()),
        format!(r#""Attributes":{}"#, attributes(c)),
        format!(r#""Metrics":{{"Visits":{},"{}#":1}}"#, c.number(), c.text()),
        format!(r#""Demographic":{{"Make":"{}","Model":"{}"}}"#, c.text(), c.text()),
        format!(
            r#""Location":{{"City":"{}","PostalCode":"{}","Latitude":12.{}}}"#,
            c.text(),
            c.text(),
            c.nanoseconds()
        ),
        format!(r#""User":{}"#, user(c)),
        format!(r#""CreationDate":"{}","CohortId":{}"#, c.text(), c.number()),
        format!(r#""nickname":{{"a":["{}"],"{}@":{{"b":{}}}}}"#, c.text(), c.text(), c.number()),
        format!(r#""+{}":"{}""#, c.text(), c.text()),
    ];
    let mut members: Vec<&str> =
        fields.iter().filter(|_| c.random(4) != 0).map(String::as_str).collect();
    let member = invalid_member(c);
    members.push(&member);
    members.retain(|member| !member.is_empty());
    let text = format!("{{{}}}", members.join(","));
    match c.random(20) {
        0 => text.trim_end_matches('}').to_owned(),
        1 => text.replacen("\":\"", "\":\"\\ud800", 1),
        2 => text.replacen("\":", "\";", 1),
        3 => format!("{text}{}", c.text()),
        4 => format!("\"{}\"", c.text()),
        5 => c.text(),
        6 => text.replacen('}', &format!(",\"x\":\"{}\"}}", c.text().repeat(150)), 1),
        _ => text,
    }
}

fn attributes(c: &mut Canaries) -> String {
    let made_anew = made_anew(c);
    let odd = serde_json::to_string(&c.odd_text()).expect("text is JSON");
    format!(
        r#"{{"Plan":["pro"],"Seen":["1988-02-09T11:22:33.{}Z","{}"],"Note":["{}",{odd}],"Search":["{}"],"{}@":["x"],"{}":[],{made_anew}}}"#,
        c.nanoseconds(),
        c.text(),
        c.text(),
        c.text(),
        c.text(),
        c.number(),
    )
}

/// For each operation, a value that it applies to and one that it fails on.
fn made_anew(c: &mut Canaries) -> String {
    let lists = [
        format!(r#""Mail":["{}@example.com","{}"]"#, c.text(), c.text()),
        format!(r#""Phone":["+1{}","{}"]"#, c.nanoseconds(), c.text()),
        format!(r#""Token":["hmac:k1:{}.","{}"]"#, c.text(), c.text()),
        format!(r#""Since":["1988-02-09","{}"]"#, c.text()),
        format!(r#""Points":["{}","{}"]"#, c.number(), c.text()),
        format!(r#""Age":["{}","{}"]"#, c.number(), c.text()),
        format!(r#""Stage":["{}"],"Team":["{}"]"#, c.text(), c.text()),
    ];
    lists.join(",")
}

fn user(c: &mut Canaries) -> String {
    let odd = serde_json::to_string(&c.odd_text()).expect("text is JSON");
    format!(
        r#"{{"UserId":"{}","UserAttributes":{{"FirstName":[{odd}],"LastName":["{}"],"Birthday":["1988-02-09T11:22:33.{}Z","{}"],"Card":["{}"],"Mother":["{}"]}}}}"#,
        c.text(),
        c.text(),
        c.nanoseconds(),
        c.text(),
        c.text(),
        c.text(),
    )
}

/// Usually nothing; sometimes a member that makes the record a reject, so that nothing of it is kept.
fn invalid_member(c: &mut Canaries) -> String {
    match c.random(30) {
        0 => format!(r#""OptOut":"{}""#, c.text()),
        1 => format!(r#""optOut":"{}""#, c.text()),
        2 => format!(r#""EndpointStatus":["{}"]"#, c.text()),
        3 => format!(r#""EndpointStatus":"INACTIVE","RequestId":"{}""#, c.text()),
        4 => format!(r#""OptOut":"ALL","OptOut":"{}""#, c.text()),
        5 => format!(r#""Metrics":"{}""#, c.text()),
        6 => format!(r#""Attributes":{{"Plan":"{}"}}"#, c.text()),
        7 => format!(r#""Attributes":{{"Plan":["{}",5]}}"#, c.text()),
        8 => format!(r#""Attributes":{{"Plan":["{}"],"Plan":[]}}"#, c.text()),
        9 => format!(r#""{}@":1,"{}@":{{"{0}":1,"{0}":2}}"#, c.text(), c.text()),
        10 => format!(r#""Attributes":{{"Plan":["{}"]}},"OptOut":"none""#, c.text().repeat(6)),
        11 => format!(r#""Demographic":["{}"]"#, c.text()),
        12 => format!(r#""x":{}"{}"{}"#, "[".repeat(70), c.text(), "]".repeat(70)),
        13 => format!(r#""ChannelType":"SMS","Address":"{}""#, c.text()),
        14 => format!(r#""ChannelType":"{}","Address":"x""#, c.text()),
        _ => String::new(),
    }
}

/// CSV rows of canaries. Some have unclosed quotes or another number of cells.
pub(crate) fn csv(c: &mut Canaries, rows: usize) -> String {
    let mut text = format!(
        "Address,ChannelType,Id,User.UserId,User.UserAttributes.FirstName,User.UserAttributes.Card,\
         Attributes.Seen,Attributes.Search,Attributes.{}#,Metrics.Visits,CohortId,OptOut,{}\n",
        c.text(),
        c.text() + "@",
    );
    for _ in 0..rows {
        let mut cells = vec![format!("{}@example.com", c.text()), "EMAIL".to_owned()];
        for _ in 0..4 {
            cells.push(c.text());
        }
        cells.push(format!("1988-02-09T11:22:33.{}Z", c.nanoseconds()));
        cells.push(format!("\"{}\n{}\"", c.text(), c.odd_text().replace('"', "\"\"")));
        cells.extend([c.text(), c.number(), c.number(), String::new(), c.text()]);
        match c.random(16) {
            0 => cells[2] = format!("\"{}", c.text()),
            1 => cells[2] = format!("\"{}\"{}", c.text(), c.text()),
            2 => cells.push(c.text()),
            3 => cells.truncate(5),
            4 => cells[11] = c.text(),
            5 => cells[9] = c.text(),
            6 => cells[3] = c.text().repeat(150),
            7 => cells[1] = c.text(),
            _ => {}
        }
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

pub(crate) fn lines(c: &mut Canaries, records: usize) -> String {
    // The format is detected from the first line.
    let mut text = "{\"Id\":\"one\"}\n".to_owned();
    for _ in 0..records {
        text += &record(c);
        text.push('\n');
    }
    text
}
