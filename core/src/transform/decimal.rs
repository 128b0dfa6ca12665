//! Exact decimal numbers, without binary fractions.
//!
//! A number is parsed from the text of a JSON number, compared with others, or rounded to the
//! nearest multiple of a step. Numbers of 10^309 or more are refused, so every result has a bounded
//! length.

use std::cmp::Ordering;

/// The greatest power of ten of a number, as in a double.
const POWER_MAX: i64 = 308;
/// Integers of more digits are written with an exponent, as ECMAScript does.
const PLAIN_DIGITS_MAX: i64 = 21;
/// The most digits of a step, and the most of them after the decimal point.
const STEP_DIGITS_MAX: usize = 15;
const STEP_DECIMALS_MAX: i64 = 15;

/// An exact decimal number: the integer of `digits`, times 10^`exponent`.
#[derive(Clone, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    /// 0 to 9 each. Neither the first nor the last is 0; zero has no digits.
    digits: Vec<u8>,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Parses a JSON number, such as `-12.5e3`. Returns `None` for other text, and if the absolute
    /// value is 10^309 or more.
    pub fn parse(text: &[u8]) -> Option<Decimal> {
        let (is_negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (whole, rest) = split_digits(rest);
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => {
                Some(split_digits(rest)).filter(|(digits, _)| !digits.is_empty())?
            }
            _ => (&[][..], rest),
        };
        let exponent = parse_exponent(rest)?;
        let digits = whole.iter().chain(fraction).map(|digit| digit - b'0').collect();
        let decimals = i64::try_from(fraction.len()).ok()?;
        let number = Decimal::new(is_negative, digits, exponent.saturating_sub(decimals));
        (number.power() <= POWER_MAX).then_some(number)
    }

    /// The integer of any digits, times 10^`exponent`.
    fn new(is_negative: bool, mut digits: Vec<u8>, mut exponent: i64) -> Decimal {
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        while digits.last() == Some(&0) {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        if digits.is_empty() {
            return Decimal { is_negative: false, digits, exponent: 0 };
        }
        Decimal { is_negative, digits, exponent }
    }

    /// The power of ten of the first digit; `i64::MIN` for zero.
    fn power(&self) -> i64 {
        match self.len() {
            0 => i64::MIN,
            len => self.exponent.saturating_add(len - 1),
        }
    }

    fn len(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX)
    }

    /// Rounds to the nearest multiple of a step. Ties go to the even multiple.
    #[must_use]
    pub fn round_to(&self, step: RoundingStep) -> Decimal {
        let (quotient, rest) = self.divide(step);
        let is_odd = quotient.last().is_some_and(|digit| digit % 2 == 1);
        let goes_up = rest == Ordering::Greater || (rest == Ordering::Equal && is_odd);
        let quotient = if goes_up { plus_one(quotient) } else { quotient };
        Decimal::new(self.is_negative, times(&quotient, step.digits), step.exponent)
    }

    /// Divides the absolute value by a step. Returns the quotient's digits, and how the remainder
    /// compares with half a step.
    fn divide(&self, step: RoundingStep) -> (Vec<u8>, Ordering) {
        let shift = self.exponent.saturating_sub(step.exponent);
        let whole_digits = usize::try_from(self.len().saturating_add(shift.min(0))).unwrap_or(0);
        let (whole, fraction) = self.digits.split_at(whole_digits.min(self.digits.len()));
        let zeros = usize::try_from(shift).unwrap_or(0);
        let mut quotient = Vec::with_capacity(whole.len() + zeros);
        let mut rest = 0;
        for digit in whole.iter().copied().chain(std::iter::repeat_n(0, zeros)) {
            rest = rest * 10 + u128::from(digit);
            let (times, left) = (rest / u128::from(step.digits), rest % u128::from(step.digits));
            quotient.push(u8::try_from(times).expect("the remainder is less than a step"));
            rest = left;
        }
        let leads_with_zeros = self.len().saturating_add(shift) < 0;
        let of_one = compare_with_half(fraction, leads_with_zeros);
        (quotient, compare_rest(rest, of_one, u128::from(step.digits)))
    }

    /// Appends the number in its shortest form: no redundant zeros, no `-0`, and an exponent only
    /// for integers of more than 21 digits.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.is_negative {
            out.push(b'-');
        }
        let digits = self.digits.iter().map(|digit| digit + b'0');
        let whole = self.power().saturating_add(1);
        if self.digits.is_empty() {
            out.push(b'0');
        } else if PLAIN_DIGITS_MAX < whole {
            write_scientific(digits, whole - 1, out);
        } else {
            write_plain(digits, whole, out);
        }
    }

    /// The number in its shortest form.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        self.write(&mut text);
        text.into_iter().map(char::from).collect()
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Decimal {
    /// Compares absolute values. Digits do not end in zeros, so of two with the same beginning, the
    /// longer is greater.
    fn compare_size(&self, other: &Decimal) -> Ordering {
        self.power().cmp(&other.power()).then_with(|| self.digits.cmp(&other.digits))
    }
}

/// Shows nothing of the number, which may be personal data.
impl std::fmt::Debug for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decimal(..)")
    }
}

/// The step that numbers are rounded to multiples of: `digits` times 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundingStep {
    digits: u64,
    exponent: i64,
}

impl RoundingStep {
    /// The step for a number of decimals: 0.01 for 2.
    pub fn of_decimals(decimals: u32) -> RoundingStep {
        RoundingStep { digits: 1, exponent: -i64::from(decimals) }
    }

    /// Returns `None` if the number is not positive, or has more than 15 digits or decimals.
    pub fn new(number: &Decimal) -> Option<RoundingStep> {
        let fits = !number.is_negative
            && (1..=STEP_DIGITS_MAX).contains(&number.digits.len())
            && (-STEP_DECIMALS_MAX..=STEP_DECIMALS_MAX).contains(&number.exponent);
        let digits = number.digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(*digit));
        fits.then_some(RoundingStep { digits, exponent: number.exponent })
    }

    /// The step in its shortest form.
    pub fn text(self) -> String {
        let digits = self.digits.to_string().bytes().map(|digit| digit - b'0').collect();
        Decimal::new(false, digits, self.exponent).text()
    }
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(len)
}

/// Exponents beyond this make no difference.
const FAR: i64 = 1 << 40;

/// Parses an exponent: nothing, or `e` and an integer, which is limited to [`FAR`].
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [] => return Some(0),
        [b'e' | b'E', b'-', digits @ ..] => (true, digits),
        [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => (false, digits),
        _ => return None,
    };
    let (digits, rest) = split_digits(digits);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let size = digits.iter().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(FAR)
    });
    Some(if is_negative { -size } else { size })
}

/// Compares the fraction 0.`digits` with a half. `leads_with_zeros`: there are zeros before the
/// digits.
fn compare_with_half(digits: &[u8], leads_with_zeros: bool) -> Fraction {
    match digits {
        [] => Fraction::None,
        _ if leads_with_zeros => Fraction::UnderHalf,
        [5] => Fraction::Half,
        [first, ..] if *first < 5 => Fraction::UnderHalf,
        _ => Fraction::OverHalf,
    }
}

/// A fraction of one, as far as rounding needs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fraction {
    None,
    UnderHalf,
    Half,
    OverHalf,
}

/// Compares `rest` plus a fraction of one with half of `step`.
fn compare_rest(rest: u128, fraction: Fraction, step: u128) -> Ordering {
    // Both sides are doubled: `rest` is then an even integer, and the fraction is from 0 to 2.
    let doubled = rest * 2;
    match fraction {
        Fraction::None => doubled.cmp(&step),
        Fraction::UnderHalf if doubled < step => Ordering::Less,
        Fraction::Half => (doubled + 1).cmp(&step),
        Fraction::OverHalf if doubled + 1 < step => Ordering::Less,
        Fraction::UnderHalf | Fraction::OverHalf => Ordering::Greater,
    }
}

fn plus_one(mut digits: Vec<u8>) -> Vec<u8> {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return digits;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
    digits
}

fn times(digits: &[u8], factor: u64) -> Vec<u8> {
    let mut product = Vec::with_capacity(digits.len() + STEP_DIGITS_MAX + 1);
    let mut carry: u128 = 0;
    for digit in digits.iter().rev() {
        carry += u128::from(*digit) * u128::from(factor);
        product.push(last_digit(carry));
        carry /= 10;
    }
    while 0 < carry {
        product.push(last_digit(carry));
        carry /= 10;
    }
    product.reverse();
    product
}

fn last_digit(number: u128) -> u8 {
    u8::try_from(number % 10).expect("one digit")
}

/// Writes one digit before the decimal point, and an exponent: `1.5e30`.
fn write_scientific(mut digits: impl Iterator<Item = u8>, power: i64, out: &mut Vec<u8>) {
    out.extend(digits.next());
    let mut digits = digits.peekable();
    if digits.peek().is_some() {
        out.push(b'.');
        out.extend(digits);
    }
    out.push(b'e');
    out.extend_from_slice(power.to_string().as_bytes());
}

/// Writes all digits. `whole` is the number of digits before the decimal point; less than one if
/// there are zeros after it first.
fn write_plain(mut digits: impl ExactSizeIterator<Item = u8>, whole: i64, out: &mut Vec<u8>) {
    let before = usize::try_from(whole).unwrap_or(0);
    if before == 0 {
        out.push(b'0');
    }
    for _ in 0..before {
        out.push(digits.next().unwrap_or(b'0'));
    }
    if 0 < digits.len() {
        out.push(b'.');
        let zeros = usize::try_from(whole.saturating_neg()).unwrap_or(0);
        out.extend(std::iter::repeat_n(b'0', zeros));
        out.extend(digits);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).expect(text)
    }

    #[track_caller]
    fn check_rounded(text: &str, step: &str, expected: &str) {
        let step = RoundingStep::new(&number(step)).expect("a step");
        assert_eq!(number(text).round_to(step).text(), expected, "{text}");
    }

    #[test]
    fn numbers_are_written_in_their_shortest_form() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00e5", "0"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("-12.500e-1", "-1.25"),
            ("5e-7", "0.0000005"),
            ("100000000000000000000", "100000000000000000000"),
            ("1e21", "1e21"),
            ("-123456789e30", "-1.23456789e38"),
            ("1e308", "1e308"),
            ("9.99e-99999999999999999999", "0"),
        ] {
            let written = number(text).round_to(RoundingStep::of_decimals(15)).text();
            assert_eq!(written, expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_numbers() {
        for text in [
            "",
            "-",
            "+5",
            ".5",
            "5.",
            "007",
            "1e",
            "1e+",
            "NaN",
            "Infinity",
            "0x10",
            "1,5",
            " 1",
            "1 ",
            "1_000",
            "٣",
            "--1",
            "1e1.5",
            "1e309",
            "10e308",
            "-1e999999999999999999999",
        ] {
            assert!(Decimal::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn ties_go_to_the_even_multiple() {
        check_rounded("2.675", "0.01", "2.68");
        check_rounded("2.665", "0.01", "2.66");
        check_rounded("-2.675", "0.01", "-2.68");
        check_rounded("0.5", "1", "0");
        check_rounded("1.5", "1", "2");
        check_rounded("2.5000000000000000000000000000001", "1", "3");
        check_rounded("25", "50", "0");
        check_rounded("75", "50", "100");
        check_rounded("0.15", "0.3", "0");
        check_rounded("0.45", "0.3", "0.6");
        check_rounded("99.99", "0.1", "100");
        check_rounded("1e308", "0.01", "1e308");
        check_rounded("-0.004", "0.01", "0");
        check_rounded("1234567", "1000", "1235000");
        check_rounded("7", "3", "6");
        check_rounded("7.5", "3", "6");
        check_rounded("10.5", "3", "12");
    }

    proptest! {
        /// Compares with integers of thousandths.
        #[test]
        fn rounding_is_that_of_integers(value in -10_000_000_i64..10_000_000, step in 1_i64..5000) {
            let thousandths = |number: i64| format!("{number}e-3");
            let (whole, rest) = (value.abs() / step, value.abs() % step);
            let up = step < rest * 2 || (step == rest * 2 && whole % 2 == 1);
            let expected = (whole + i64::from(up)) * step * value.signum();
            let step = RoundingStep::new(&number(&thousandths(step))).expect("a step");
            let rounded = number(&thousandths(value)).round_to(step);
            prop_assert_eq!(rounded.text(), number(&thousandths(expected)).text());
            prop_assert_eq!(rounded.round_to(step), rounded);
        }

        #[test]
        fn order_is_that_of_integers(one in any::<i32>(), other in any::<i32>(), power in -400..300) {
            let scaled = |number: i32| number_of(number, power);
            prop_assert_eq!(scaled(one).cmp(&scaled(other)), one.cmp(&other));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in "-?[0-9]{0,5}[.]?[0-9]{0,5}([eE][-+]?[0-9]{0,25})?") {
            let json = serde_json::from_str::<serde_json::Number>(&text).is_ok();
            // Just above the largest double, serde_json refuses numbers that `Decimal` parses.
            let is_beyond = text.parse().is_ok_and(f64::is_infinite);
            if let Some(number) = Decimal::parse(text.as_bytes()).filter(|_| !is_beyond) {
                prop_assert!(json);
                let rounded = number.round_to(RoundingStep::of_decimals(2));
                prop_assert!(serde_json::from_str::<f64>(&rounded.text()).is_ok());
                prop_assert!(rounded.text().len() < 400);
            }
        }
    }

    fn number_of(digits: i32, power: i32) -> Decimal {
        number(&format!("{digits}e{power}"))
    }
}
