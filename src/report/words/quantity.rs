//! Numbers with units, as people read them.

/// `41,208`.
pub(in crate::report) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 login`, `12 logins`.
pub(in crate::report) fn count(number: u64, one: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{} {one}{many}", grouped(number))
}

/// `once`, `12 times`.
pub(in crate::report) fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { count(number, "time") }
}

/// A stretch of capture time in nanoseconds: `90 ms`, `3 s`, `8 min 12 s`, `2 h 5 min`, `3 d 4 h`.
pub(in crate::report) fn stretch(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds.max(0) / 1_000_000;
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200..=172_799 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts = [0, 999, 1_000, 41_208, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "41,208", "1,234,567"]);
        assert_eq!([count(1, "login"), count(2, "login")], ["1 login", "2 logins"]);
        assert_eq!([times(1), times(1_200)], ["once", "1,200 times"]);
    }

    #[test]
    fn stretches_have_the_unit_that_fits() {
        const S: i64 = 1_000_000_000;
        let texts = [90_000_000, 3 * S, 492 * S, 7_500 * S, 273_600 * S].map(stretch);
        assert_eq!(texts, ["90 ms", "3 s", "8 min 12 s", "2 h 5 min", "3 d 4 h"]);
    }
}
