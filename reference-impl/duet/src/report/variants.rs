//! Many runs: over seeds, and over the values of parameters. Two sets of them beside each other are in `comparison.rs`.
//!
//! | what differs between the variants | what is drawn of a metric |
//! |---|---|
//! | nothing | its distribution over the seeds |
//! | one parameter with numbers | a line of medians in the band of the middle 90 % |
//! | two parameters | a heat map of medians |
//! | anything else | a row for each variant |

use serde::{Deserialize, Serialize};

use super::model::*;
use super::number;
use super::stats::{median, median_interval, quantile};
use super::text::{Format, count};

/// Variants whose distributions stand in one chart at most.
const MOST_CURVES: usize = 8;
/// Metrics that have a table each at most.
const MOST_TABLES: usize = 6;
/// Rows above which a table is folded.
const LONG: usize = 14;

/// What is measured of each run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Metric {
    /// Its name in files and expectations: `on_time`.
    pub name: String,
    /// What it is, for people: "Pictures whole in time".
    pub label: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// Which values are better, if either.
    pub better: Option<Better>,
}

/// The runs of one variant, a value of each metric for each run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Its parameters in the order of the scenario, each with its value.
    pub parameters: Vec<(String, String)>,
    /// What tells its runs apart: their seeds.
    pub runs: Vec<String>,
    /// For each metric, the value of each run; NaN where a run has none.
    pub values: Vec<Samples>,
}

/// Values of one metric, one a run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Samples(#[serde(with = "number::list")] pub Vec<f64>);

/// Runs of several variants.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Runs {
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// The variants.
    pub variants: Vec<Variant>,
}

impl Variant {
    /// The values of a metric; none if there is no such metric.
    pub fn of(&self, metric: usize) -> &[f64] {
        self.values.get(metric).map_or(&[], |samples| &samples.0)
    }

    fn value(&self, parameter: &str) -> &str {
        let mut found = self.parameters.iter().filter(|(name, _)| name == parameter);
        found.next().map_or("", |(_, value)| value)
    }

    fn middle(&self, metric: usize) -> f64 {
        median(self.of(metric)).unwrap_or(f64::NAN)
    }
}

impl Metric {
    /// Its axis.
    pub fn scale(&self) -> Scale {
        let scale = Scale::new(self.label.as_str(), self.unit.as_str());
        if self.unit == "%" {
            scale.to(100.0)
        } else {
            scale
        }
    }

    fn caption(&self) -> &'static str {
        match self.better {
            Some(Better::High) => " More is better.",
            Some(Better::Low) => " Less is better.",
            None => "",
        }
    }
}

impl Runs {
    /// The parameters in which the variants differ, each with its values in the order in which they first come.
    pub fn axes(&self) -> Vec<(String, Vec<String>)> {
        let mut axes: Vec<(String, Vec<String>)> = Vec::new();
        for variant in &self.variants {
            for (name, value) in &variant.parameters {
                let at = axes.iter().position(|(other, _)| other == name);
                let at = at.unwrap_or_else(|| {
                    axes.push((name.clone(), Vec::new()));
                    axes.len() - 1
                });
                if !axes[at].1.contains(value) {
                    axes[at].1.push(value.clone());
                }
            }
        }
        axes.retain(|(_, values)| values.len() > 1);
        axes
    }

    /// What is to be said of all runs: charts, and the same in figures.
    pub fn sections(&self) -> Vec<Section> {
        vec![self.metrics_section(), self.figures()]
    }

    /// A chart of each metric; distributions beside them where the variants are few.
    pub fn metrics_section(&self) -> Section {
        let axes = self.axes();
        let metrics = 0..self.metrics.len();
        let mut charts = Section::new("metrics", "Metrics", "");
        for metric in metrics.clone() {
            charts = charts.chart(self.chart(metric, &axes));
        }
        if self.variants.len() > 1 && self.variants.len() <= MOST_CURVES {
            charts = charts.heading("Distributions over the seeds", "");
            for metric in metrics {
                charts = charts.chart(self.distribution(metric));
            }
        }
        charts
    }

    /// The chart that shows a metric of these variants best; the head of this file says which.
    pub fn chart(&self, metric: usize, axes: &[(String, Vec<String>)]) -> Chart {
        match axes {
            [] if self.variants.len() <= 1 => self.distribution(metric),
            [(name, values)] => match numbers(values) {
                Some((unit, numbers)) => self.trend(metric, name, &unit, values, &numbers),
                None => self.rows(metric),
            },
            [rows, columns] => self.heat(metric, rows, columns),
            _ => self.rows(metric),
        }
    }

    /// The distribution over the seeds, a curve for each variant.
    pub fn distribution(&self, metric: usize) -> Chart {
        let Some(what) = self.metrics.get(metric) else {
            return Chart::new("none", "", "", Plot::Cdf(Cdf::default()));
        };
        let curve = |variant: &Variant| {
            Curve::new(variant.name.as_str(), variant.of(metric).iter().copied())
        };
        let curves = self.variants.iter().take(MOST_CURVES).map(curve);
        let cdf = Cdf {
            x: what.scale(),
            curves: curves.collect(),
            uprights: Vec::new(),
        };
        let caption = format!("Share of the runs that are not above.{}", what.caption());
        Chart::new(
            format!("{}-distribution", what.name),
            what.label.as_str(),
            caption,
            Plot::Cdf(cdf),
        )
    }

    /// A row for each variant.
    pub fn rows(&self, metric: usize) -> Chart {
        let Some(what) = self.metrics.get(metric) else {
            return Chart::new("none", "", "", Plot::Spread(Spread::default()));
        };
        let row = |variant: &Variant| {
            SpreadRow::new(variant.name.as_str(), variant.of(metric).iter().copied())
        };
        let spread = Spread {
            x: what.scale(),
            rows: self.variants.iter().map(row).collect(),
            uprights: Vec::new(),
            better: what.better,
        };
        let caption =
            "Each mark is a run; the box holds the middle half of them, the bar is the median.";
        let chart = Chart::new(
            what.name.as_str(),
            what.label.as_str(),
            caption,
            Plot::Spread(spread),
        );
        let longest = self
            .variants
            .iter()
            .map(|variant| variant.name.chars().count());
        if longest.max().unwrap_or(0) > 24 {
            chart.wide()
        } else {
            chart
        }
    }

    fn trend(
        &self,
        metric: usize,
        name: &str,
        unit: &str,
        values: &[String],
        numbers: &[f64],
    ) -> Chart {
        let what = &self.metrics[metric];
        let mut points: Vec<(f64, f64, f64, f64)> = values
            .iter()
            .zip(numbers)
            .map(|(value, number)| {
                let all = self
                    .variants
                    .iter()
                    .filter(|variant| variant.value(name) == value);
                let mut samples: Vec<f64> = all
                    .flat_map(|variant| variant.of(metric))
                    .copied()
                    .collect();
                samples.retain(|sample| sample.is_finite());
                samples.sort_by(f64::total_cmp);
                let at = |share| quantile(&samples, share).unwrap_or(f64::NAN);
                (
                    *number,
                    median(&samples).unwrap_or(f64::NAN),
                    at(0.05),
                    at(0.95),
                )
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut lines = Lines::new(Scale::new(name, unit), what.scale());
        let middle = points.iter().map(|(x, y, ..)| (*x, *y));
        let band = points.iter().map(|(x, _, low, high)| (*x, *low, *high));
        lines
            .series
            .push(Series::new("", Style::Dots, middle).spread(band));
        let caption = format!(
            "Medians over the seeds, in the band of the middle 90 %.{}",
            what.caption()
        );
        Chart::new(
            what.name.as_str(),
            what.label.as_str(),
            caption,
            Plot::Lines(lines),
        )
    }

    /// A heat map of a metric's medians by two parameters, each with its values.
    pub fn heat(
        &self,
        metric: usize,
        rows: &(String, Vec<String>),
        columns: &(String, Vec<String>),
    ) -> Chart {
        let Some(what) = self.metrics.get(metric) else {
            return Chart::new("none", "", "", Plot::Heat(Heat::default()));
        };
        let mut heat = Heat {
            // The ends of the colours are those of the values, whatever the unit.
            value: Scale::new(what.label.as_str(), what.unit.as_str()),
            rows: rows.clone(),
            columns: columns.clone(),
            better: what.better,
            ..Heat::default()
        };
        let format = self.format(metric);
        for row in &rows.1 {
            for column in &columns.1 {
                let mut found = self.variants.iter().filter(|variant| {
                    variant.value(&rows.0) == row && variant.value(&columns.0) == column
                });
                let found = found.next();
                heat.values
                    .push(found.map_or(f64::NAN, |variant| variant.middle(metric)));
                heat.notes.push(found.map_or(String::new(), |variant| {
                    let runs = variant.of(metric).len();
                    match median_interval(variant.of(metric)) {
                        interval @ Some(_) => {
                            format!("95 % interval {}, {runs} runs", format.between(interval))
                        }
                        None => format!("{runs} runs"),
                    }
                }));
            }
        }
        let caption = "Medians over the seeds.";
        let chart = Chart::new(
            what.name.as_str(),
            what.label.as_str(),
            caption,
            Plot::Heat(heat),
        );
        if columns.1.len() > 7 {
            chart.wide()
        } else {
            chart
        }
    }

    /// How a metric's values are written.
    fn format(&self, metric: usize) -> Format {
        let unit = self.metrics.get(metric).map_or("", |metric| &metric.unit);
        let values = self.variants.iter().flat_map(|variant| variant.of(metric));
        Format::new(unit, values.copied())
    }

    /// All metrics of all variants in figures: a table for each metric where they are few, else one for all.
    pub fn figures(&self) -> Section {
        const HEADS: [&str; 7] = [
            "Runs",
            "Median",
            "95 % interval",
            "Least",
            "5 %",
            "95 %",
            "Greatest",
        ];
        let how = "The interval holds the median of all possible seeds with 95 % confidence (order statistics); it takes six \
                   runs at least.";
        let mut section = Section::new("figures", "In figures", how);
        let alone = self.variants.len() == 1;
        if !alone && self.metrics.len() <= MOST_TABLES {
            for (index, metric) in self.metrics.iter().enumerate() {
                let format = self.format(index);
                let mut table = Table::numbers(std::iter::once("Variant").chain(HEADS));
                for variant in &self.variants {
                    let name = std::iter::once(variant.name.clone());
                    table.row(name.chain(figures(variant.of(index), &format)));
                }
                if self.metrics.len() * self.variants.len() > LONG {
                    table.folded = Some(format.head(&metric.label));
                } else {
                    section = section.heading(format.head(&metric.label), "");
                }
                section = section.table(table);
            }
            return section;
        }
        let names: &[&str] = if alone {
            &["Metric"]
        } else {
            &["Metric", "Variant"]
        };
        let mut table = Table::numbers(names.iter().copied().chain(HEADS));
        for (index, metric) in self.metrics.iter().enumerate() {
            let format = self.format(index);
            for variant in &self.variants {
                let mut row = vec![format.head(&metric.label)];
                if !alone {
                    row.push(variant.name.clone());
                }
                row.extend(figures(variant.of(index), &format));
                table.row(row);
            }
        }
        if table.rows.len() > LONG {
            table.folded = Some(format!("All {} metrics", count(self.metrics.len() as u64)));
        }
        section.table(table)
    }
}

/// Runs, median, interval, least, 5 %, 95 %, greatest.
fn figures(values: &[f64], format: &Format) -> [String; 7] {
    let mut known: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    known.sort_by(f64::total_cmp);
    let runs = if known.len() == values.len() {
        count(known.len() as u64)
    } else {
        format!(
            "{} of {}",
            count(known.len() as u64),
            count(values.len() as u64)
        )
    };
    let at = |share| format.text(quantile(&known, share));
    [
        runs,
        format.text(median(&known)),
        format.between(median_interval(&known)),
        at(0.0),
        at(0.05),
        at(0.95),
        at(1.0),
    ]
}

/// Values of a parameter as numbers of one unit, if all are numbers with units of one kind.
fn numbers(values: &[String]) -> Option<(String, Vec<f64>)> {
    let split = |value: &String| {
        let value = value.trim();
        let end = value.find(|c: char| !(c.is_ascii_digit() || ".-".contains(c)));
        let (number, unit) = value.split_at(end.unwrap_or(value.len()));
        Some((number.parse::<f64>().ok()?, unit.trim().to_owned()))
    };
    let split: Option<Vec<(f64, String)>> = values.iter().map(split).collect();
    let split = split?;
    let first = split.first()?.1.clone();
    if split.iter().all(|(_, unit)| *unit == first) {
        return Some((first, split.into_iter().map(|(number, _)| number).collect()));
    }
    const UNITS: &[(&str, &str, f64)] = &[
        ("b/s", "b/s", 1.0),
        ("kb/s", "b/s", 1e3),
        ("Mb/s", "b/s", 1e6),
        ("Gb/s", "b/s", 1e9),
        ("us", "ms", 1e-3),
        ("ms", "ms", 1.0),
        ("s", "ms", 1e3),
        ("B", "B", 1.0),
        ("kB", "B", 1e3),
        ("MB", "B", 1e6),
    ];
    let mut base = "";
    let mut numbers = Vec::new();
    for (number, unit) in split {
        let (_, own, factor) = UNITS.iter().find(|(name, ..)| *name == unit)?;
        if !base.is_empty() && base != *own {
            return None;
        }
        base = own;
        numbers.push(number * factor);
    }
    Some((base.to_owned(), numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, better: Better) -> Metric {
        Metric {
            name: name.into(),
            label: name.into(),
            unit: "ms".into(),
            better: Some(better),
        }
    }

    fn variant(parameters: &[(&str, &str)], values: &[f64]) -> Variant {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let parameters: Vec<(String, String)> = parameters.iter().map(pair).collect();
        Variant {
            name: parameters
                .iter()
                .map(|(_, value)| value.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            parameters,
            runs: (0..values.len()).map(|seed| seed.to_string()).collect(),
            values: vec![Samples(values.to_vec())],
        }
    }

    fn runs(variants: Vec<Variant>) -> Runs {
        Runs {
            metrics: vec![metric("delay", Better::Low)],
            variants,
        }
    }

    #[test]
    fn the_parameters_decide_what_is_drawn() {
        let kind = |runs: &Runs| match runs.chart(0, &runs.axes()).plot {
            Plot::Cdf(_) => "cdf",
            Plot::Lines(_) => "lines",
            Plot::Heat(_) => "heat",
            Plot::Spread(_) => "spread",
            _ => "other",
        };
        let samples = [1.0, 2.0, 3.0];
        assert_eq!(kind(&runs(vec![variant(&[], &samples)])), "cdf");
        let by = |values: &[&str]| {
            let variants = values
                .iter()
                .map(|value| variant(&[("x", value), ("y", "1")], &samples));
            runs(variants.collect())
        };
        assert_eq!(kind(&by(&["10 ms", "20 ms"])), "lines");
        assert_eq!(kind(&by(&["500 kb/s", "1 Mb/s"])), "lines");
        assert_eq!(kind(&by(&["10 ms", "1 Mb/s"])), "spread");
        assert_eq!(kind(&by(&["cubic", "bbr"])), "spread");
        let mut both = Vec::new();
        for x in ["a", "b"] {
            for y in ["1 %", "5 %"] {
                both.push(variant(&[("x", x), ("y", y)], &samples));
            }
        }
        both.pop();
        let both = runs(both);
        assert_eq!(kind(&both), "heat");
        let Plot::Heat(heat) = both.chart(0, &both.axes()).plot else {
            panic!("a heat map")
        };
        assert_eq!(heat.values[..3], [2.0; 3]);
        assert!(heat.values[3].is_nan(), "a variant that did not run");
    }

    #[test]
    fn numbers_of_a_parameter() {
        let of =
            |values: &[&str]| numbers(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["1 %", "2.5 %"]), Some(("%".into(), vec![1.0, 2.5])));
        assert_eq!(
            of(&["500 kb/s", "2 Mb/s"]),
            Some(("b/s".into(), vec![5e5, 2e6]))
        );
        assert_eq!(of(&["3", "4"]), Some((String::new(), vec![3.0, 4.0])));
        for odd in [&["", "1"][..], &["1-2", "3"], &["1 cat", "2 dogs"], &[]] {
            assert_eq!(of(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn runs_read_back() {
        let runs = runs(vec![variant(&[("x", "a")], &[1.0, f64::NAN, 2.5])]);
        let json = serde_json::to_string(&runs).expect("JSON");
        assert!(json.contains("[1,null,2.5]"), "{json}");
        let again: Runs = serde_json::from_str(&json).expect("runs");
        assert_eq!(json, serde_json::to_string(&again).expect("JSON"));
        let figures = figures(again.variants[0].of(0), &again.format(0));
        assert_eq!(figures[..2], ["2 of 3", "1.750"]);
    }
}
