//! What is good enough: bands for the metrics, in one file, each with its reason.

use serde::{Deserialize, Serialize};

use super::measure::{METRICS, Measures};
use super::plan::Run;
use crate::flows::controllers::{Entry, Skill};

/// The bands that are built in: `sim/scenarios/rfc8867/bands.toml`.
pub const FILE: &str = include_str!("../../../../sim/scenarios/rfc8867/bands.toml");

/// The bounds of one metric in some cases.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The metric, by its name.
    pub metric: String,
    /// The cases and variants that it is for, as `--case` takes them.
    pub cases: Vec<String>,
    /// The least that passes.
    pub min: Option<f64>,
    /// The most that passes.
    pub max: Option<f64>,
    /// What a controller must know for it to count.
    pub needs: Option<Skill>,
    /// Why it is so.
    pub why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    band: Vec<Band>,
}

/// Why a file of bands is no such file.
#[derive(Debug, thiserror::Error)]
pub enum BandError {
    /// It is no TOML of that form.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// It says something that cannot be.
    #[error("the band of `{metric}` for {cases}: {problem}")]
    Sense {
        /// The metric.
        metric: String,
        /// The cases, as the file has them.
        cases: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// What a band says about a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The metric.
    pub metric: String,
    /// Its value; none where it is infinite or was not measured.
    pub value: Option<f64>,
    /// The least that passes.
    pub min: Option<f64>,
    /// The most that passes.
    pub max: Option<f64>,
    /// What follows.
    pub judgement: Judgement,
}

/// Whether a value lies within its band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Judgement {
    /// It does.
    #[serde(rename = "pass")]
    Pass,
    /// It does not, or never happened.
    #[serde(rename = "fail")]
    Fail,
    /// The controller does not know what the band is about.
    #[serde(rename = "n/a")]
    NotApplicable,
}

/// Reads bands.
///
/// # Errors
///
/// [`BandError`]: the form is wrong, or a band names no metric or no case, has no bound, or gives no reason.
pub fn parse(text: &str) -> Result<Vec<Band>, BandError> {
    let bands = toml::from_str::<File>(text)?.band;
    let runs = super::cases::all();
    for band in &bands {
        let meant = |case: &String| runs.iter().any(|run| run.is_meant(case));
        let problem = if METRICS.iter().all(|metric| metric.name != band.metric) {
            "there is no such metric"
        } else if band.cases.is_empty() || !band.cases.iter().all(meant) {
            "there is no such case"
        } else if band.min.is_none() && band.max.is_none() {
            "a band has a `min` or a `max`"
        } else if band.why.trim().is_empty() {
            "a band has a reason"
        } else {
            continue;
        };
        return Err(BandError::Sense {
            metric: band.metric.clone(),
            cases: band.cases.join(", "),
            problem,
        });
    }
    Ok(bands)
}

/// The bands for a run. Of several for one metric the one for the most particular case counts, and of those the last.
pub fn of<'a>(bands: &'a [Band], run: &Run) -> Vec<&'a Band> {
    let mut chosen: Vec<(usize, &Band)> = Vec::new();
    for band in bands {
        let meant = band.cases.iter().filter(|case| run.is_meant(case));
        let Some(rank) = meant.map(String::len).max() else {
            continue;
        };
        match chosen
            .iter_mut()
            .find(|(_, other)| other.metric == band.metric)
        {
            Some(other) if rank >= other.0 => *other = (rank, band),
            Some(_) => {}
            None => chosen.push((rank, band)),
        }
    }
    chosen.into_iter().map(|(_, band)| band).collect()
}

/// Holds a run's measures under a controller against its bands. What was not measured does not pass.
pub fn judge(bands: &[Band], run: &Run, entry: &Entry, measures: &Measures) -> Vec<Verdict> {
    let judge = |band: &Band| {
        let value = measures.get(band.metric.as_str()).copied();
        let above = |value: f64| band.min.is_none_or(|min| value >= min);
        let below = |value: f64| band.max.is_none_or(|max| value <= max);
        Verdict {
            metric: band.metric.clone(),
            value: value.filter(|value| value.is_finite()),
            min: band.min,
            max: band.max,
            judgement: match value {
                _ if band.needs.is_some_and(|skill| !entry.has(skill)) => Judgement::NotApplicable,
                Some(value) if above(value) && below(value) => Judgement::Pass,
                _ => Judgement::Fail,
            },
        }
    };
    of(bands, run).into_iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::controllers;
    use crate::rfc8867::cases;

    fn run(id: &str) -> Run {
        let found = cases::all().into_iter().find(|run| run.id() == id);
        found.expect("a run")
    }

    #[test]
    fn every_run_has_bands_and_every_band_a_reason() {
        let bands = parse(FILE).expect("the built-in bands");
        for run in cases::all() {
            assert!(!of(&bands, &run).is_empty(), "{} has no band", run.id());
        }
    }

    #[test]
    fn the_more_particular_band_counts() {
        let band = |cases: &[&str], max| Band {
            metric: "queue_p95".into(),
            cases: cases.iter().map(|case| (*case).to_owned()).collect(),
            min: None,
            max: Some(max),
            needs: None,
            why: "a test".into(),
        };
        let bands = [
            band(&["5.6/queue-1000ms-newreno"], 3.0),
            band(&["5", "5.6"], 2.0),
            band(&["5"], 1.0),
        ];
        let most = |id: &str| of(&bands, &run(id))[0].max;
        assert_eq!(most("5.6/queue-1000ms-newreno"), Some(3.0));
        assert_eq!(most("5.6/queue-300ms-newreno"), Some(2.0));
        assert_eq!(most("5.4"), Some(1.0));
    }

    #[test]
    fn bounds_pass_and_what_never_happened_fails() {
        let text = "[[band]]\nmetric = \"converge_up\"\ncases = [\"5.1\"]\nmax = 15.0\nwhy = \"x\"";
        let bands = parse(text).expect("a band");
        let fixed = controllers::named("fixed").expect("a controller");
        let judge = |value: Option<f64>| {
            let measures = value
                .map(|value| ("converge_up", value))
                .into_iter()
                .collect();
            judge(&bands, &run("5.1/rate-50ms"), &fixed, &measures)[0].judgement
        };
        assert_eq!(judge(Some(15.0)), Judgement::Pass);
        assert_eq!(judge(Some(15.1)), Judgement::Fail);
        assert_eq!(judge(Some(f64::INFINITY)), Judgement::Fail);
        assert_eq!(judge(None), Judgement::Fail);
    }

    #[test]
    fn who_lacks_what_a_band_needs_neither_passes_nor_fails() {
        let bands = parse(FILE).expect("the built-in bands");
        let judgement = |entry: &Entry, id: &str, metric: &str, value: f64| {
            let measures = METRICS.iter().map(|metric| (metric.name, value)).collect();
            let verdicts = judge(&bands, &run(id), entry, &measures);
            let found = verdicts
                .into_iter()
                .find(|verdict| verdict.metric == metric);
            found.expect("a band").judgement
        };
        let (fixed, cubic) = (controllers::named("fixed"), controllers::named("cubic"));
        let (fixed, cubic) = (fixed.expect("it"), cubic.expect("it"));
        let weighs = Entry {
            priority: true,
            ..fixed.clone()
        };
        let marks = ("6.2/5.4", "queue_p95");
        assert_eq!(
            judgement(&fixed, marks.0, marks.1, 1.0),
            Judgement::NotApplicable
        );
        assert_eq!(judgement(&cubic, marks.0, marks.1, 1.0), Judgement::Pass);
        assert_eq!(judgement(&cubic, marks.0, marks.1, 30.0), Judgement::Fail);
        let weights = ("6.1", "priority_ratio");
        assert_eq!(
            judgement(&cubic, weights.0, weights.1, 2.0),
            Judgement::NotApplicable
        );
        assert_eq!(
            judgement(&weighs, weights.0, weights.1, 2.0),
            Judgement::Pass
        );
        assert_eq!(
            judgement(&weighs, weights.0, weights.1, 1.0),
            Judgement::Fail
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let band = |metric: &str, case: &str, rest: &str| {
            parse(&format!(
                "[[band]]\nmetric = \"{metric}\"\ncases = [\"{case}\"]\n{rest}"
            ))
        };
        for (metric, case, rest) in [
            ("beauty", "5.1", "min = 1.0\nwhy = \"x\""),
            ("queue_p95", "5.9", "min = 1.0\nwhy = \"x\""),
            ("queue_p95", "5.1", "why = \"x\""),
            ("queue_p95", "5.1", "min = 1.0\nwhy = \" \""),
            ("queue_p95", "5.1", "min = 1.0"),
            ("queue_p95", "5.1", "min = 1.0\nwhy = \"x\"\ncolour = 1"),
            (
                "queue_p95",
                "5.1",
                "min = 1.0\nwhy = \"x\"\nneeds = \"luck\"",
            ),
        ] {
            assert!(band(metric, case, rest).is_err(), "{metric} {case} {rest}");
        }
    }
}
