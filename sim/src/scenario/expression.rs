//! Bounds of expectations: `"80 ms"`, `"0.70*capacity"`, `"tcp.rate / 4 + 50 kb/s"`.
//!
//! Numbers with or without a unit, names of metrics, `+ - * /` and parentheses. Values are in seconds, bits per second,
//! bytes and fractions. Nothing in a run depends on them, so they are floats.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// What a number measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Seconds.
    Seconds,
    /// Bits per second.
    BitsPerSecond,
    /// Bytes.
    Bytes,
    /// A part of one.
    Fraction,
}

impl Unit {
    /// A value as people write it: `"80 ms"`, `"1.25 Mb/s"`, `"2.5 %"`; four digits that count.
    pub fn show(self, value: f64) -> String {
        let steps: &[(f64, &str)] = match self {
            Unit::Plain => return digits(value),
            Unit::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")],
            Unit::BitsPerSecond => &[(1e9, "Gb/s"), (1e6, "Mb/s"), (1e3, "kb/s"), (1.0, "b/s")],
            Unit::Bytes => &[(1e6, "MB"), (1e3, "kB"), (1.0, "B")],
            Unit::Fraction => &[(0.01, "%")],
        };
        let step = steps.iter().find(|(factor, _)| value.abs() >= *factor);
        let zero = match self {
            Unit::Seconds => steps.first(),
            _ => steps.last(),
        };
        match step.or(zero) {
            Some((factor, unit)) => format!("{} {unit}", digits(value / factor)),
            None => digits(value),
        }
    }
}

/// Four digits that count, or all before the point.
fn digits(value: f64) -> String {
    let whole = value.abs().log10().floor();
    let decimals = if whole.is_finite() {
        (3.0 - whole).clamp(0.0, 9.0) as usize
    } else {
        0
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Units that a number may have, longest first where one begins with another.
const UNITS: &[(&str, f64, Unit)] = &[
    ("Gb/s", 1e9, Unit::BitsPerSecond),
    ("Mb/s", 1e6, Unit::BitsPerSecond),
    ("kb/s", 1e3, Unit::BitsPerSecond),
    ("b/s", 1.0, Unit::BitsPerSecond),
    ("KiB", 1024.0, Unit::Bytes),
    ("MiB", 1_048_576.0, Unit::Bytes),
    ("MB", 1e6, Unit::Bytes),
    ("kB", 1e3, Unit::Bytes),
    ("B", 1.0, Unit::Bytes),
    ("min", 60.0, Unit::Seconds),
    ("ms", 1e-3, Unit::Seconds),
    ("us", 1e-6, Unit::Seconds),
    ("µs", 1e-6, Unit::Seconds),
    ("ns", 1e-9, Unit::Seconds),
    ("s", 1.0, Unit::Seconds),
    ("h", 3600.0, Unit::Seconds),
    ("%", 0.01, Unit::Fraction),
];

/// A bound of an expectation: an arithmetic expression over metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    text: String,
    root: Term,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Number(f64, Unit),
    Metric(String),
    Operation(char, Box<(Term, Term)>),
}

/// What is wrong with a bound.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct BoundError {
    /// What is wrong.
    pub message: String,
    /// The first byte at fault; the end of the text if something is missing.
    pub at: usize,
    /// How many bytes are at fault.
    pub len: usize,
}

/// Most operations in one another, so that no text exhausts the stack.
const MAX_DEPTH: usize = 32;

impl Bound {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is more than one number, so that its value says more than its text.
    pub(super) fn is_computed(&self) -> bool {
        !matches!(self.root, Term::Number(..))
    }

    /// Its value, from those of metrics; an error is the name of the first that has none.
    pub(super) fn value<'b>(
        &'b self,
        metric: &dyn Fn(&str) -> Option<f64>,
    ) -> Result<f64, &'b str> {
        self.root.value(metric)
    }

    /// What it says.
    pub(super) const fn root(&self) -> &Term {
        &self.root
    }

    /// What its value measures, as far as the text says.
    pub(super) fn unit(&self) -> Unit {
        self.root.unit()
    }
}

impl FromStr for Bound {
    type Err = BoundError;

    /// Reads a bound.
    ///
    /// # Errors
    ///
    /// [`BoundError`] where the text is no expression.
    fn from_str(text: &str) -> Result<Bound, BoundError> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let root = parser.sum()?;
        parser.space();
        match parser.rest().is_empty() {
            true => Ok(Bound {
                text: text.to_owned(),
                root,
            }),
            false => Err(parser.wrong("an operator `+ - * /` is missing before this")),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Term {
    fn value<'b>(&'b self, metric: &dyn Fn(&str) -> Option<f64>) -> Result<f64, &'b str> {
        Ok(match self {
            Term::Number(value, _) => *value,
            Term::Metric(name) => metric(name).ok_or(name.as_str())?,
            Term::Operation(operator, terms) => {
                let (a, b) = (terms.0.value(metric)?, terms.1.value(metric)?);
                match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }
            }
        })
    }

    fn unit(&self) -> Unit {
        match self {
            Term::Number(_, unit) => *unit,
            Term::Metric(_) => Unit::Plain,
            Term::Operation(_, terms) => match (terms.0.unit(), terms.1.unit()) {
                (Unit::Plain | Unit::Fraction, unit) if unit != Unit::Plain => unit,
                (unit, _) => unit,
            },
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next character that is no space, without taking it.
    fn peek(&mut self) -> Option<char> {
        self.space();
        self.rest().chars().next()
    }

    fn wrong(&self, message: &str) -> BoundError {
        BoundError {
            message: message.to_owned(),
            at: self.at,
            len: self.rest().len(),
        }
    }

    fn sum(&mut self) -> Result<Term, BoundError> {
        self.chain(&['+', '-'], Parser::product)
    }

    fn product(&mut self) -> Result<Term, BoundError> {
        self.chain(&['*', '/'], Parser::factor)
    }

    fn chain(
        &mut self,
        operators: &[char],
        operand: fn(&mut Self) -> Result<Term, BoundError>,
    ) -> Result<Term, BoundError> {
        let mut term = operand(self)?;
        let mut length = 0;
        while let Some(operator) = self.peek().filter(|c| operators.contains(c)) {
            length += 1;
            if length > MAX_DEPTH {
                return Err(self.wrong("the expression is too long"));
            }
            self.at += 1;
            let next = operand(self)?;
            term = Term::Operation(operator, Box::new((term, next)));
        }
        Ok(term)
    }

    fn factor(&mut self) -> Result<Term, BoundError> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong("the expression is too deep"));
        }
        self.depth += 1;
        let term = self.term();
        self.depth -= 1;
        term
    }

    fn term(&mut self) -> Result<Term, BoundError> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let term = self.sum()?;
                if self.peek() != Some(')') {
                    return Err(self.wrong("a `)` is missing"));
                }
                self.at += 1;
                Ok(term)
            }
            Some('-') => {
                self.at += 1;
                Ok(match self.factor()? {
                    Term::Number(value, unit) => Term::Number(-value, unit),
                    term => {
                        let zero = Term::Number(0.0, Unit::Plain);
                        Term::Operation('-', Box::new((zero, term)))
                    }
                })
            }
            Some(c) if c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() => Ok(self.metric()),
            _ => Err(self.wrong("a number or the name of a metric is missing here")),
        }
    }

    fn take(&mut self, fits: fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn metric(&mut self) -> Term {
        let name = self.take(|c| c.is_ascii_alphanumeric() || "._".contains(c));
        Term::Metric(name.to_owned())
    }

    fn number(&mut self) -> Result<Term, BoundError> {
        let start = self.at;
        let text = self.take(|c| c.is_ascii_digit() || c == '.');
        let number: f64 = text.parse().map_err(|_| BoundError {
            message: format!("`{text}` is no number"),
            at: start,
            len: text.len(),
        })?;
        self.space();
        let rest = self.rest();
        let word = |c: char| c.is_alphanumeric();
        if !rest.starts_with(|c| word(c) || c == '%') {
            return Ok(Term::Number(number, Unit::Plain));
        }
        let unit = UNITS.iter().find(|(name, ..)| {
            let after = rest.strip_prefix(name);
            after.is_some_and(|after| name.ends_with('%') || !after.starts_with(word))
        });
        match unit {
            Some((name, factor, unit)) => {
                self.at += name.len();
                Ok(Term::Number(number * factor, *unit))
            }
            None => {
                let names: Vec<&str> = UNITS.iter().map(|(name, ..)| *name).collect();
                Err(BoundError {
                    message: format!("this is no unit: use {}", names.join(", ")),
                    at: self.at,
                    len: rest.find(|c| !word(c)).unwrap_or(rest.len()),
                })
            }
        }
    }
}
