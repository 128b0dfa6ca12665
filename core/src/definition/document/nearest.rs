//! Finds the known name that an unknown one was probably meant to be: "did you mean …?".
//! `section.rs` asks it about unknown settings, the rules about unknown fields.

/// Returns the most similar of the known names, if it is similar enough to suggest: at most a third of
/// its characters may differ, and one always may. Case does not count.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let distance = |known: &&str| strsim::osa_distance(&lower, &known.to_lowercase());
    let best = known.into_iter().min_by_key(distance)?;
    let distance_max = (best.chars().count() / 3).max(1);
    (distance(&best) <= distance_max).then_some(best)
}

/// Lists names for a message: "`a`, `b`".
pub(crate) fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Says which names are allowed: "expected `a`" or "expected one of `a`, `b`".
pub(crate) fn expected_one_of(names: &[&str]) -> String {
    match names {
        [only] => format!("expected `{only}`"),
        _ => format!("expected one of {}", listed(names.iter().copied())),
    }
}

/// The beginning of a hint that says more: "did you mean `a`? ", or nothing if no name is similar.
pub(crate) fn guess<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(name, known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
}

/// A hint about an unknown name: the name that was probably meant, or else all known names.
pub(crate) fn advice(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => expected_one_of(known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        let known = ["from", "format", "keep", "max_bytes", "User.UserId"];
        assert_eq!(nearest(name, known), expected);
    }

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        check("form", Some("from"));
        check("fromat", Some("format"));
        check("kep", Some("keep"));
        check("maxbytes", Some("max_bytes"));
        check("user.userid", Some("User.UserId"));
        check("Users.UserID", Some("User.UserId"));
        check("drop", None);
        check("", None);
    }
}
