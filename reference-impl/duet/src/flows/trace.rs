//! Recorded picture sizes, the trace model of RFC 8593 (§6): what our own encoder makes of our own test picture.

use std::sync::{Arc, OnceLock};

/// The recording that is built in: `sim/scenarios/rfc8867/x264.txt`.
const FILE: &str = include_str!("../../../../sim/scenarios/rfc8867/x264.txt");

/// Pictures that a wrap leaves out, since the first of a recording are those of an encoder that begins (RFC 8593,
/// table 2: SkipFrames).
const SKIPPED: usize = 20;

/// The sizes of the same pictures, coded at several rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Each rate in bits a second, upwards, with the bytes of each picture.
    rates: Vec<(u64, Vec<u32>)>,
    pictures: usize,
}

/// Why a text is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TraceError {
    line: usize,
    problem: &'static str,
}

impl Trace {
    /// Reads lines of a rate in bits a second, a colon, and the bytes of each picture; `#` begins a remark.
    ///
    /// # Errors
    ///
    /// [`TraceError`]: no numbers, rates that do not rise, or lines of unequal or too small length.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut rates: Vec<(u64, Vec<u32>)> = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() || content.starts_with('#') {
                continue;
            }
            let wrong = |problem| TraceError { line, problem };
            let (rate, sizes) = content
                .split_once(':')
                .ok_or(wrong("a line is a rate, a colon, and sizes"))?;
            let rate: u64 = rate.trim().parse().map_err(|_| wrong("no rate"))?;
            let sizes = sizes.split_whitespace().map(str::parse);
            let sizes: Vec<u32> = sizes
                .collect::<Result<_, _>>()
                .map_err(|_| wrong("no size"))?;
            if sizes.len() <= SKIPPED {
                return Err(wrong("too few pictures"));
            }
            match rates.last() {
                Some((before, _)) if *before >= rate => return Err(wrong("rates must rise")),
                Some((_, other)) if other.len() != sizes.len() => {
                    return Err(wrong("not as many pictures as at the rate before"));
                }
                None if rate == 0 => return Err(wrong("no rate")),
                _ => rates.push((rate, sizes)),
            }
        }
        let pictures = rates.first().map_or(0, |(_, sizes)| sizes.len());
        match pictures {
            0 => Err(TraceError {
                line: 0,
                problem: "there is no rate",
            }),
            pictures => Ok(Self { rates, pictures }),
        }
    }

    /// The recording that is built in.
    pub fn recorded() -> Arc<Self> {
        static RECORDED: OnceLock<Arc<Trace>> = OnceLock::new();
        let recorded = RECORDED.get_or_init(|| {
            let trace = Self::parse(FILE);
            Arc::new(trace.unwrap_or_else(|error| panic!("x264.txt, {error}")))
        });
        recorded.clone()
    }

    /// The bytes of a picture at any rate: between two recorded ones in proportion to the distance from either, beyond
    /// them in proportion to the rate.
    pub fn bytes(&self, picture: usize, rate: u64) -> f64 {
        let picture = match picture.checked_sub(self.pictures) {
            None => picture,
            Some(beyond) => SKIPPED + beyond % (self.pictures - SKIPPED),
        };
        let size = |index: usize| f64::from(self.rates[index].1[picture]);
        let above = self
            .rates
            .partition_point(|(recorded, _)| *recorded <= rate);
        let rate = rate as f64;
        let recorded = |index: usize| self.rates[index].0 as f64;
        let last = self.rates.len() - 1;
        match above {
            0 => size(0) * rate / recorded(0),
            above if above > last => size(last) * rate / recorded(last),
            above => {
                let (low, high) = (recorded(above - 1), recorded(above));
                let weight = (rate - low) / (high - low);
                size(above - 1) * (1.0 - weight) + size(above) * weight
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Trace {
        let sizes = |size: u32| {
            let sizes = (0..30).map(|picture| (size + picture).to_string());
            sizes.collect::<Vec<_>>().join(" ")
        };
        let text = format!("# two rates\n100: {}\n200: {}\n", sizes(100), sizes(300));
        Trace::parse(&text).expect("a recording")
    }

    #[test]
    fn sizes_lie_between_their_neighbours() {
        let trace = small();
        assert_eq!(trace.bytes(0, 100), 100.0);
        assert_eq!(trace.bytes(0, 200), 300.0);
        assert_eq!(trace.bytes(0, 125), 150.0);
        assert_eq!(trace.bytes(0, 50), 50.0, "below: in proportion");
        assert_eq!(trace.bytes(0, 400), 600.0, "above: in proportion");
    }

    #[test]
    fn a_wrap_leaves_out_the_first_pictures() {
        let trace = small();
        assert_eq!(trace.bytes(29, 100), 129.0);
        assert_eq!(trace.bytes(30, 100), 120.0);
        assert_eq!(trace.bytes(39, 100), 129.0);
        assert_eq!(trace.bytes(40, 100), 120.0);
    }

    #[test]
    fn what_was_recorded_has_the_rates_that_it_says() {
        let trace = Trace::recorded();
        for rate in [150_000, 300_000, 500_000, 1_000_000, 1_500_000] {
            let bytes: f64 = (300..600).map(|picture| trace.bytes(picture, rate)).sum();
            let share = bytes * 8.0 / 10.0 / rate as f64;
            assert!((0.96..1.02).contains(&share), "{rate}: {share}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        let sizes = "1 ".repeat(21);
        for (text, line) in [
            (String::new(), 0),
            ("100".into(), 1),
            (format!("x: {sizes}"), 1),
            (format!("0: {sizes}"), 1),
            ("100: 1 2 3".into(), 1),
            (format!("100: {sizes} x"), 1),
            (format!("100: {sizes}\n100: {sizes}"), 2),
            (format!("100: {sizes}\n200: {sizes} 5"), 2),
        ] {
            assert_eq!(Trace::parse(&text).expect_err(&text).line, line, "{text}");
        }
    }
}
