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
pub(crate) fn count(number: impl Into<u128>) -> String {
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

/// Bits and bytes in whichever prefix this value needs: what to divide by, and the unit then.
pub(super) fn prefix(unit: &str, most: f64) -> (f64, String) {
    if matches!(unit, "b/s" | "B" | "bit") {
        for (divisor, prefix) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
            if most >= divisor * 0.999 {
                return (divisor, format!("{prefix}{unit}"));
            }
        }
    }
    (1.0, unit.into())
}

/// How values that stand together are written: with one prefix, and as many decimals as give the greatest of them four
/// significant digits.
pub(super) struct Format {
    divisor: f64,
    decimals: usize,
    /// The unit, with the prefix.
    pub unit: String,
}

impl Format {
    /// For these values.
    pub(super) fn new(unit: &str, values: impl Iterator<Item = f64>) -> Self {
        let sizes = values.filter(|value| value.is_finite()).map(f64::abs);
        let most = sizes.fold(0.0, f64::max);
        let (divisor, unit) = prefix(unit, most);
        let digits = (most / divisor).max(1e-9).log10().floor() as i32 + 1;
        Self {
            divisor,
            decimals: usize::try_from((4 - digits).clamp(0, 4)).unwrap_or(0),
            unit,
        }
    }

    /// A value; a dash if there is none.
    pub(super) fn text(&self, value: Option<f64>) -> String {
        fixed(value.unwrap_or(f64::NAN) / self.divisor, self.decimals)
    }

    /// A difference, with its sign.
    pub(super) fn signed(&self, value: f64) -> String {
        let text = self.text(Some(value));
        let some = text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        if value > 0.0 && some {
            format!("+{text}")
        } else {
            text
        }
    }

    /// An interval.
    pub(super) fn between(&self, interval: Option<(f64, f64)>) -> String {
        interval.map_or(UNKNOWN.into(), |(low, high)| {
            format!("{} to {}", self.text(Some(low)), self.text(Some(high)))
        })
    }

    /// What these values are, with the unit in brackets.
    pub(super) fn head(&self, label: &str) -> String {
        if self.unit.is_empty() {
            label.to_owned()
        } else {
            format!("{label} ({})", self.unit)
        }
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
    fn values_that_stand_together_look_alike() {
        let rates = Format::new("b/s", [2_131_022.0, 99_000.0, f64::NAN].into_iter());
        assert_eq!(rates.head("Rate"), "Rate (Mb/s)");
        assert_eq!(rates.text(Some(99_000.0)), "0.099");
        assert_eq!(rates.text(None), UNKNOWN);
        assert_eq!(rates.signed(1e5), "+0.100");
        let delays = Format::new("ms", [159.24, 3.0].into_iter());
        assert_eq!(delays.between(Some((3.0, 159.24))), "3.0 to 159.2");
        assert_eq!(
            (delays.signed(0.01), delays.signed(-4.0)),
            ("0.0".into(), "−4.0".into())
        );
        assert_eq!(
            Format::new("", std::iter::empty()).text(Some(0.0)),
            "0.0000"
        );
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
