//! The table that a person reads: a row for each case and controller, a mark at each figure that a band judges.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::bands::{Judgement, Verdict};
use super::campaign::Outcome;
use super::measure::{METRICS, Measures};
use super::statistics::percentile;
use crate::flows::controllers::{Entry, Skill};

/// A row: one case under one controller, all seeds together.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `5.1/rate-50ms`.
    pub id: String,
    /// The controller.
    pub controller: String,
    /// Medians over the seeds.
    pub measures: Measures,
    /// What the bands say of these.
    pub verdicts: Vec<Verdict>,
    /// What the controller lacks that the case is about.
    pub lacks: Option<Skill>,
}

impl Row {
    /// How many bands pass, of how many that are for this controller.
    pub fn passed(&self) -> (usize, usize) {
        let count = |judgement| {
            let verdicts = self.verdicts.iter();
            verdicts
                .filter(|verdict| verdict.judgement == judgement)
                .count()
        };
        let passed = count(Judgement::Pass);
        (passed, passed + count(Judgement::Fail))
    }

    /// What the bands say of a metric, if they judge it here.
    pub fn verdict(&self, metric: &str) -> Option<&Verdict> {
        self.verdicts
            .iter()
            .find(|verdict| verdict.metric == metric)
    }
}

/// A column of figures: its heading, and the metrics of which it shows the first that there is.
struct Column {
    head: &'static str,
    metrics: &'static [&'static str],
    decimals: usize,
}

const fn column(head: &'static str, metrics: &'static [&'static str], decimals: usize) -> Column {
    Column {
        head,
        metrics,
        decimals,
    }
}

const COLUMNS: &[Column] = &[
    column("kb/s", &["media_rate"], 0),
    column(
        "util",
        &[
            "utilisation_worst",
            "utilisation_sent",
            "utilisation",
            "tcp_share",
        ],
        2,
    ),
    column("start", &["converge_start"], 1),
    column("down", &["converge_down"], 1),
    column("up", &["converge_up"], 1),
    column("queue", &["queue_p95"], 0),
    column("loss", &["loss_static"], 1),
    column("drop", &["loss_decrease"], 1),
    column("exp", &["expired"], 1),
    column("osc", &["oscillation"], 2),
    column("fair", &["ratio_20s"], 2),
    column("trips", &["trips"], 0),
    column("own", OWN, 2),
];

/// What a few cases are about and others are not.
const OWN: &[&str] = &["resume", "priority_ratio", "jain_20s", "media_min"];

/// What the columns mean.
pub const LEGEND: &str = "\
kb/s   media received a flow                       util   of the capacity: worst static window (5.1 to 5.3), as sent
start  s until 70 % of the capacity is used               (loss), TCP's (5.6), else in total
down   s until a decrease is heeded                up     s until 70 % of an increase is used
queue  ms, 95th percentile                         loss   % of media lost on the way, static windows
drop   % of media lost within 2 s of a decrease    exp    % of media that never left its sender
osc    standard deviation over mean of 1 s rates   fair   greatest over least share, 20 s
trips  of circuit breakers                         own    what the case alone is about, named beside its title
\u{2713} within its band, \u{2717} not, \u{2013} not applicable: the controller lacks what it is about, no mark: not judged in that case
\u{221e} never; bands: passed, of those that apply";

/// The rows of outcomes that came in the order of a campaign, its seeds put together.
pub fn rows(
    outcomes: &[Outcome],
    judge: impl Fn(&str, &str, &Measures) -> Vec<Verdict>,
) -> Vec<Row> {
    let mut groups: Vec<Vec<&Outcome>> = Vec::new();
    for outcome in outcomes {
        let same = |group: &&mut Vec<&Outcome>| {
            let first = group[0];
            (&first.case, &first.variant, &first.controller)
                == (&outcome.case, &outcome.variant, &outcome.controller)
        };
        match groups.last_mut().filter(same) {
            Some(group) => group.push(outcome),
            None => groups.push(vec![outcome]),
        }
    }
    let row = |group: Vec<&Outcome>| {
        let first = group[0];
        let id = match first.variant.as_str() {
            "" => first.case.clone(),
            variant => format!("{}/{variant}", first.case),
        };
        let mut values: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for outcome in &group {
            for (name, value) in &outcome.measures {
                values.entry(*name).or_default().push(*value);
            }
        }
        let median = |(name, mut values): (&'static str, Vec<f64>)| {
            values.sort_by(f64::total_cmp);
            (name, percentile(&values, 0.5))
        };
        let measures: Measures = values.into_iter().map(median).collect();
        let controller = crate::flows::controllers::named(&first.controller);
        Row {
            verdicts: judge(&id, &first.controller, &measures),
            lacks: controller.and_then(|entry| lacks(&first.case, &entry)),
            controller: first.controller.clone(),
            id,
            measures,
        }
    };
    groups.into_iter().map(row).collect()
}

fn lacks(case: &str, entry: &Entry) -> Option<Skill> {
    let skill = match case {
        "6.1" => Skill::Priority,
        "6.2" => Skill::Ecn,
        _ => return None,
    };
    (!entry.has(skill)).then_some(skill)
}

/// A number as the table has it.
pub fn figure(value: f64, decimals: usize) -> String {
    match value {
        value if value.is_infinite() => "\u{221e}".into(),
        // Three digits say enough, and six characters are all that there is room for.
        value if value >= 99.5 => format!("{value:.0}"),
        value => format!("{value:.decimals$}"),
    }
}

/// The mark of a verdict.
pub fn mark(verdict: Option<&Verdict>) -> char {
    match verdict.map(|verdict| verdict.judgement) {
        None => ' ',
        Some(Judgement::Pass) => '\u{2713}',
        Some(Judgement::Fail) => '\u{2717}',
        Some(Judgement::NotApplicable) => '\u{2013}',
    }
}

/// The table as text, at most 120 columns wide; `title` says what a case is about.
pub fn text(rows: &[Row], title: impl Fn(&str) -> String) -> String {
    let mut out = format!("{:<10}", "");
    for column in COLUMNS {
        let _ = write!(out, "{:>6} ", column.head);
    }
    let _ = writeln!(out, "bands");
    let mut last = "";
    for row in rows {
        if last != row.id {
            last = &row.id;
            let own = OWN.iter().filter(|metric| row.verdict(metric).is_some());
            let own = own.map(|metric| match unit(metric) {
                "1" => format!("; own: {metric}"),
                unit => format!("; own: {metric}, {unit}"),
            });
            let own: String = own.collect();
            let _ = writeln!(out, "\n{}  {}{own}", row.id, title(&row.id));
        }
        let _ = write!(out, "  {:<8}", row.controller);
        for column in COLUMNS {
            let _ = write!(out, "{}", cell(row, column));
        }
        let (passed, of) = row.passed();
        let lacks = row.lacks;
        let lacks = lacks.map_or(String::new(), |skill| format!(" no {}", skill.as_str()));
        let _ = writeln!(out, "{:>5}{lacks}", format!("{passed}/{of}"));
    }
    out
}

fn unit(name: &str) -> &'static str {
    let metric = METRICS.iter().find(|metric| metric.name == name);
    metric.map_or("1", |metric| metric.unit)
}

/// A figure with its mark, seven characters wide.
fn cell(row: &Row, column: &Column) -> String {
    let metrics = column.metrics.iter();
    // What is judged goes before what is merely known, which in the last column would not say what it is.
    let judged = metrics.clone().find(|metric| row.verdict(metric).is_some());
    let metric = judged.or_else(|| {
        let mut known = metrics.clone();
        known.find(|metric| row.measures.contains_key(*metric) && !OWN.contains(metric))
    });
    let value = metric.and_then(|metric| row.measures.get(*metric));
    let value = value.map_or(String::new(), |value| figure(*value, column.decimals));
    let verdict = metric.and_then(|metric| row.verdict(metric));
    format!("{value:>6}{}", mark(verdict))
}

/// For each controller: bands passed, of how many, over all rows.
pub fn totals(rows: &[Row]) -> Vec<(String, usize, usize)> {
    let mut totals: Vec<(String, usize, usize)> = Vec::new();
    for row in rows {
        let (passed, of) = row.passed();
        match totals.iter_mut().find(|total| total.0 == row.controller) {
            Some(total) => {
                total.1 += passed;
                total.2 += of;
            }
            None => totals.push((row.controller.clone(), passed, of)),
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::controllers;
    use crate::rfc8867::{bands, cases};

    fn outcomes(value: f64, seeds: u64) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for run in cases::all() {
            for entry in controllers::all() {
                for seed in 1..=seeds {
                    outcomes.push(Outcome {
                        case: run.case.clone(),
                        variant: run.variant.clone(),
                        video: run.video,
                        controller: entry.name.into(),
                        seed,
                        measures: METRICS
                            .iter()
                            .map(|m| (m.name, value * seed as f64))
                            .collect(),
                        verdicts: Vec::new(),
                        log_hash: String::new(),
                        series: None,
                    });
                }
            }
        }
        outcomes
    }

    fn judge(id: &str, controller: &str, measures: &Measures) -> Vec<Verdict> {
        let bands = bands::parse(bands::FILE).expect("the built-in bands");
        let run = cases::all().into_iter().find(|run| run.id() == id);
        let entry = controllers::named(controller).expect("a controller");
        bands::judge(&bands, &run.expect("a run"), &entry, measures)
    }

    fn title(id: &str) -> String {
        let run = cases::all().into_iter().find(|run| run.id() == id);
        run.expect("a run").title
    }

    #[test]
    fn everything_fits_120_columns() {
        let rows = rows(&outcomes(98_765.432, 1), judge);
        let text = text(&rows, title) + LEGEND;
        let widest = text.lines().max_by_key(|line| line.chars().count());
        let widest = widest.expect("a line");
        assert!(widest.chars().count() <= 120, "{widest}");
    }

    #[test]
    fn seeds_are_put_together_by_their_median_and_judged_once() {
        let rows = rows(&outcomes(0.1, 3), judge);
        assert_eq!(rows.len(), cases::all().len() * controllers::all().len());
        let row = &rows[0];
        assert_eq!(row.id, "5.1/rate-50ms");
        assert_eq!(row.measures["oscillation"], 0.2);
        let judgement = |metric| row.verdict(metric).expect("a band").judgement;
        assert_eq!(judgement("oscillation"), Judgement::Fail);
        assert_eq!(judgement("loss_static"), Judgement::Pass);
        let text = text(&rows[..1], title);
        assert!(text.contains("0.20\u{2717}"), "{text}");
        assert!(text.contains("0.2\u{2713}"), "{text}");
        let (passed, of) = row.passed();
        assert!(0 < passed && passed < of);
        assert!(text.contains(&format!("{passed}/{of}")));
        assert_eq!(totals(&rows[..1]), [("fixed".to_owned(), passed, of)]);
    }

    #[test]
    fn what_a_controller_lacks_is_said_and_not_counted() {
        let rows = rows(&outcomes(1.0, 1), judge);
        let found = |id: &str, controller: &str| {
            let mut rows = rows.iter();
            let found =
                rows.find(|row| (row.id.as_str(), row.controller.as_str()) == (id, controller));
            found.expect("a row")
        };
        let marked = found("6.2/5.4", "fixed");
        assert_eq!(marked.lacks, Some(Skill::Ecn));
        assert_eq!(marked.passed().1, found("6.2/5.4", "cubic").passed().1 - 2);
        let line = text(std::slice::from_ref(found("6.1", "cubic")), title);
        assert!(line.contains("1.00\u{2013}"), "{line}");
        assert!(line.contains("no priority"), "{line}");
    }

    #[test]
    fn what_never_happened_is_no_number() {
        assert_eq!(figure(f64::INFINITY, 1), "\u{221e}");
        assert_eq!(figure(12.345, 1), "12.3");
        assert_eq!(figure(906.15, 2), "906");
        assert_eq!(figure(123_456.0, 2), "123456");
    }
}
