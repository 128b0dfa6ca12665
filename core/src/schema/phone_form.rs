//! The form of a phone number as people write it: groups of digits with separators between them.
//!
//! Only texts of this form are read as numbers. So a date, a decimal number, a number with thousands
//! separators or two numbers in one field never become a phone number:
//!
//! - At most one leading `+`. Then groups of digits, separated by a bracket, or by one or two
//!   characters out of blank, `-` and `.`, or by both.
//! - At most one pair of brackets, around the first or the second group, which is not the last one.
//! - At most one `/`, after the first group, or after the second one if the first is the code of the
//!   country.
//! - The last group has at least two digits.

/// A number of this form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenNumber {
    /// Whether it begins with `+` or `00`, so that the code of its country follows.
    pub(super) is_international: bool,
    /// The digits, without a leading `00`.
    pub(super) digits: String,
    /// Whether it has `(0)`: a 0 that is dialled or not, depending on from where.
    pub(super) has_optional_zero: bool,
}

/// One group of digits, and what is written after it.
struct Group<'a> {
    digits: &'a str,
    in_brackets: bool,
    separator: &'a str,
}

impl WrittenNumber {
    /// Parses a number without white space around it. `None` if it does not have this form. `is_code`:
    /// whether the first digits, apart from those of `+` and `00`, are the code of the country.
    pub(super) fn parse(text: &str, is_code: impl Fn(&str) -> bool) -> Option<WrittenNumber> {
        let without_plus = text.strip_prefix('+');
        let groups = groups(without_plus.unwrap_or(text))?;
        let digits: String = groups.iter().map(|group| group.digits).collect();
        let after_zeros = digits.strip_prefix("00").filter(|_| without_plus.is_none());
        let is_international = without_plus.is_some() || after_zeros.is_some();
        let has_code_first = || {
            let first = groups.first().map_or("", |group| group.digits);
            let after_zeros = first.strip_prefix("00").filter(|_| without_plus.is_none());
            is_code(after_zeros.unwrap_or(first))
        };
        let is_number = has_brackets_in_front(&groups)
            && has_slash_in_front(&groups, has_code_first)
            && groups.last().is_some_and(|group| 2 <= group.digits.len())
            && !is_date(&groups)
            && !is_decimal(&groups)
            && !has_thousands(&groups);
        let has_optional_zero = groups.iter().any(|group| group.in_brackets && group.digits == "0");
        let digits = after_zeros.map(str::to_owned).unwrap_or(digits);
        is_number.then_some(WrittenNumber { is_international, digits, has_optional_zero })
    }
}

/// Splits a number into its groups. `None` if it contains anything else.
fn groups(text: &str) -> Option<Vec<Group<'_>>> {
    let mut groups = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let opened = rest.strip_prefix('(');
        let from_digits = opened.unwrap_or(rest);
        let (digits, after) = split_where(from_digits, |c| c.is_ascii_digit());
        let after = if opened.is_some() { after.strip_prefix(')')? } else { after };
        let (separator, next) = split_where(after, is_separator);
        let is_last = next.is_empty();
        let is_divided = !separator.is_empty() || opened.is_some() || next.starts_with('(');
        let is_group = !digits.is_empty()
            && separator.chars().count() <= 2
            && is_last == (separator.is_empty() && next.is_empty())
            && (is_last || is_divided);
        if !is_group {
            return None;
        }
        groups.push(Group { digits, in_brackets: opened.is_some(), separator });
        rest = next;
    }
    Some(groups)
}

/// The longest start of which all characters satisfy `is`, and the rest.
fn split_where(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !is(c)).unwrap_or(text.len()))
}

/// Blank, hyphen and dot, each also in the forms that word processors write.
fn is_separator(char: char) -> bool {
    " -./\u{a0}\u{2010}\u{2011}\u{2012}\u{2013}".contains(char)
}

fn has_brackets_in_front(groups: &[Group<'_>]) -> bool {
    let mut bracketed = groups.iter().enumerate().filter(|(_, group)| group.in_brackets);
    let is_in_front = |(index, _): (usize, &Group<'_>)| index < 2 && index + 1 < groups.len();
    bracketed.next().is_none_or(is_in_front) && bracketed.next().is_none()
}

/// `0151/23456789`, and with the code of the country first `+49 151/23456789`.
fn has_slash_in_front(groups: &[Group<'_>], has_code_first: impl Fn() -> bool) -> bool {
    let slashes = |group: &Group<'_>| group.separator.matches('/').count();
    match groups.iter().map(slashes).sum() {
        0 => true,
        1 => {
            let place = groups.iter().position(|group| slashes(group) == 1);
            place == Some(0) || (place == Some(1) && has_code_first())
        }
        _ => false,
    }
}

/// `2024-05-06`, `06.05.2024`, `6. 5. 2024` and the like, of the years 1900 to 2099; and `31.12.99`.
fn is_date(groups: &[Group<'_>]) -> bool {
    let [one, two, three] = groups else { return false };
    let number = |group: &Group<'_>| group.digits.parse::<u32>().unwrap_or(u32::MAX);
    let is_year =
        |group: &Group<'_>| group.digits.len() == 4 && (1900..2100).contains(&number(group));
    let is_part =
        |group: &Group<'_>, most| group.digits.len() <= 2 && (1..=most).contains(&number(group));
    let is_day_of_year =
        |a, b| (is_part(a, 12) && is_part(b, 31)) || (is_part(a, 31) && is_part(b, 12));
    let is_short_year = |group: &Group<'_>| group.digits.len() == 2;
    let is_year = |group: &Group<'_>| {
        let are_marked = [one, two].iter().all(|group| group.separator.contains(['.', '-', '/']));
        is_year(group) || is_short_year(group) && are_marked
    };
    (is_year(one) && is_day_of_year(two, three)) || (is_year(three) && is_day_of_year(one, two))
}

/// `52.520008`, `4930123456.0`.
fn is_decimal(groups: &[Group<'_>]) -> bool {
    matches!(groups, [whole, fraction] if whole.separator == "." && fraction.separator.is_empty())
        && groups.iter().all(|group| !group.in_brackets)
}

/// `4.930.123.456`. A number that begins with a 0 is not one with thousands.
fn has_thousands(groups: &[Group<'_>]) -> bool {
    let [first, rest @ ..] = groups else { return false };
    2 <= rest.len()
        && first.digits.len() <= 3
        && !first.digits.starts_with('0')
        && rest.iter().all(|group| group.digits.len() == 3)
        && groups.iter().rev().skip(1).all(|group| group.separator == ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(bool, &str)>) {
        let found = WrittenNumber::parse(text, |code| code == "49");
        let found = found.as_ref().map(|number| (number.is_international, &*number.digits));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn groups_of_digits_are_a_number() {
        check("2025550191", Some((false, "2025550191")));
        check("(202) 555-0191", Some((false, "2025550191")));
        check("1 (202) 555.0191", Some((false, "12025550191")));
        check("+49 (0)30 123456", Some((true, "49030123456")));
        check("0049 - 30 123456", None);
        check("0049 30 123456", Some((true, "4930123456")));
        check("00 44 7400 123456", Some((true, "447400123456")));
        check("030 -123456", Some((false, "030123456")));
        check("0151/23456789", Some((false, "015123456789")));
        check("+49 151/23456789", Some((true, "4915123456789")));
        check("0049 151/23456789", Some((true, "4915123456789")));
        check("49 30/123456", Some((false, "4930123456")));
        check("06.12.34.56.78", Some((false, "0612345678")));
        check("31 12 99", Some((false, "311299")));
        check("202.555.0191", Some((false, "2025550191")));
        check("070.123.456", Some((false, "070123456")));
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "",
            "+",
            "-",
            "(",
            "()",
            "-4930123456",
            "++49 30 123456",
            "+ 49 30 123456",
            "2024-05-06",
            "06.05.2024",
            "31/12/1999",
            "31. 12. 1999",
            "31- 12- 1999",
            "31.12 1999",
            "1999. 12. 31",
            "31.12.99",
            "31-12-99",
            "24-05-06",
            "6. 5. 24",
            "+4930 12/3456",
            "48 30/123456",
            "4930123456.0",
            "52.520008",
            "4.930.123.456",
            "030 123456 (12)",
            "030 123 (456) 78",
            "(030) (12) 3456",
            "(030 123456",
            "030) 123456",
            "030 123456 7",
            "030   123456",
            "030 123456 ",
            "030 123456-",
            "0151/234/56789",
            "030 123/45678",
            "202-555-0191 / 202-555-0192",
            "030x123456",
            "(030)",
            "202-555-0191, 202-555-0192",
            "030 123456 ext. 5",
        ] {
            check(text, None);
        }
    }
}
