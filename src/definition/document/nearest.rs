//! The known name that somebody meant who wrote an unknown one.

/// The nearest of the known names, if it is near enough to be meant: a third of its characters
/// may differ, at least one, or all of them in case.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let distance = |known: &&str| strsim::osa_distance(&lower, &known.to_lowercase());
    let best = known.into_iter().min_by_key(distance)?;
    let near_enough = best.chars().count() / 3;
    (distance(&best) <= near_enough.max(1)).then_some(best)
}

/// Names as a message lists them: "`a`, `b`".
pub(crate) fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// What to do about an unknown name, given those that are known.
pub(crate) fn advice(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known here: {}", listed(known.iter().copied())),
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
