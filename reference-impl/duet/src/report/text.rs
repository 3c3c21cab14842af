//! Text and numbers as they stand in HTML: escaped, grouped, and a dash where nothing is known.

use std::fmt::{self, Display, Write as _};

/// Writes markup into a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}
pub(super) use put;

/// What stands where nothing is known.
pub(super) const UNKNOWN: &str = "–";

/// Text for element content and for quoted attributes; every text of a report that is not a literal goes through here.
pub(super) fn esc(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// [`esc`].
#[derive(Clone, Copy)]
pub(super) struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(' ')?,
                // Controls are not allowed in HTML, and direction overrides would reorder the text around them.
                c if c.is_control() => f.write_char('\u{fffd}')?,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A whole number, its thousands set apart.
pub(super) fn count(number: impl Into<u128>) -> String {
    group(&number.into().to_string())
}

/// A number with so many decimals; a dash if it is not finite.
pub(super) fn fixed(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return UNKNOWN.into();
    }
    let text = format!("{:.decimals$}", number.abs());
    let sign = if number < 0.0 && text.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        "−"
    } else {
        ""
    };
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", group(whole)),
        None => format!("{sign}{}", group(&text)),
    }
}

/// [`fixed`] with a unit, or a dash.
pub(super) fn quantity(number: Option<f64>, decimals: usize, unit: &str) -> String {
    match number.filter(|number| number.is_finite()) {
        Some(number) => format!("{}\u{a0}{unit}", fixed(number, decimals)),
        None => UNKNOWN.into(),
    }
}

/// A share in per cent. What is not all of it never reads "100 %", and what is not nothing never "0 %".
pub(super) fn percent(share: Option<f64>, decimals: usize) -> String {
    let Some(share) = share.filter(|share| share.is_finite()) else {
        return UNKNOWN.into();
    };
    let step = 0.1_f64.powi(i32::try_from(decimals).unwrap_or(0));
    let percent = share * 100.0;
    let percent = if percent > 0.0 && percent < 100.0 && 100.0 > 2.0 * step {
        percent.clamp(step, 100.0 - step)
    } else {
        percent
    };
    let decimals = if percent == 0.0 || percent == 100.0 {
        0
    } else {
        decimals
    };
    format!("{}\u{a0}%", fixed(percent, decimals))
}

/// A point in time or a duration, given in milliseconds, in seconds.
pub(super) fn seconds(millis: f64, decimals: usize) -> String {
    quantity(Some(millis / 1_000.0), decimals, "s")
}

/// A duration in whichever of milliseconds and seconds reads better.
pub(super) fn duration(millis: f64) -> String {
    if millis.abs() < 1_000.0 {
        quantity(Some(millis), 1, "ms")
    } else {
        seconds(millis, 2)
    }
}

/// At most so many characters; the last is an ellipsis if something was cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn group(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1_234_567_u64), "1,234,567");
        assert_eq!(count(12_u64), "12");
        assert_eq!(fixed(-1_234.56, 1), "−1,234.6");
        assert_eq!(fixed(-0.04, 1), "0.0");
        assert_eq!(fixed(f64::NAN, 1), UNKNOWN);
        assert_eq!(quantity(Some(f64::INFINITY), 1, "dB"), UNKNOWN);
        assert_eq!(percent(Some(1.0), 1), "100\u{a0}%");
        assert_eq!(percent(Some(0.999_99), 1), "99.9\u{a0}%");
        assert_eq!(percent(Some(0.000_01), 1), "0.1\u{a0}%");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn nothing_leaves_an_attribute_or_a_tag() {
        let escaped = esc("<a b=\"c\" d='e'>&\u{0}\u{202e}\n").to_string();
        assert_eq!(
            escaped,
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\u{fffd}\u{fffd} "
        );
    }
}
