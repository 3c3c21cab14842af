//! Two sets of runs beside each other: what differs beyond noise.

use super::model::*;
use super::stats::{Comparison, compare, compare_pairs, holm};
use super::text::{Format, UNKNOWN, count, fixed};
use super::variants::{Metric, Runs, Variant};

/// Two sets of runs metric by metric: in pairs where both ran the same. Not corrected for their number.
fn compare_variants(a: &Variant, b: &Variant, metrics: usize) -> Vec<Option<Comparison>> {
    let paired = !a.runs.is_empty() && a.runs == b.runs;
    let one = |metric: usize| {
        if paired {
            compare_pairs(a.of(metric), b.of(metric))
        } else {
            compare(a.of(metric), b.of(metric))
        }
    };
    (0..metrics).map(one).collect()
}

/// What differs beyond noise between the runs of each variant in two sets: a table of all metrics, and the distributions of
/// those that do. Corrected for the number of all that is compared.
pub fn comparisons(metrics: &[Metric], variants: &[(Variant, Variant)]) -> Vec<Section> {
    let compare = |(a, b): &(Variant, Variant)| compare_variants(a, b, metrics.len());
    let mut all: Vec<Vec<Option<Comparison>>> = variants.iter().map(compare).collect();
    holm(all.iter_mut().flatten().flatten());
    let compared = all.iter().flatten().flatten().count();
    let sections = variants.iter().zip(&all).enumerate();
    sections
        .map(|(number, ((a, b), all))| Section {
            id: match number {
                0 => "comparison".to_owned(),
                number => format!("comparison-{}", number + 1),
            },
            ..section(metrics, a, b, all, compared)
        })
        .collect()
}

fn section(
    metrics: &[Metric],
    a: &Variant,
    b: &Variant,
    all: &[Option<Comparison>],
    compared: usize,
) -> Section {
    let paired = all.iter().flatten().any(|comparison| comparison.paired);
    let test = if paired {
        "Both ran the same seeds and are compared seed by seed, by Wilcoxon's signed-rank test"
    } else {
        "The seeds are not the same; compared by the Mann–Whitney test"
    };
    let how = format!(
        "{test}. Corrected by Holm's method for {} comparisons; beyond noise is what has a corrected p below 0.05. The interval of \
         the shift is that of 2,000 seeded bootstrap resamples; δ is Cliff's: ±1 where the two do not overlap.",
        count(compared as u64)
    );
    let mut table = Table::numbers([
        "Metric".to_owned(),
        a.name.clone(),
        b.name.clone(),
        "Shift".into(),
        "95 % interval".into(),
        "δ".into(),
        "p".into(),
        "Corrected".into(),
        "Verdict".into(),
    ]);
    let mut differ = Vec::new();
    for (index, (metric, comparison)) in metrics.iter().zip(all).enumerate() {
        let Some(comparison) = comparison else {
            let blank = std::iter::repeat_n(UNKNOWN.to_owned(), 7);
            let name = std::iter::once(metric.label.clone());
            table.row(name.chain(blank).chain(["no values".into()]));
            continue;
        };
        if comparison.beyond_noise() {
            differ.push(index);
        }
        let (first, second) = comparison.medians;
        let (low, high) = comparison.interval;
        let format = Format::new(&metric.unit, [first, second, low, high].into_iter());
        let mut row: Vec<Cell> = [
            format.head(&metric.label),
            format.text(Some(first)),
            format.text(Some(second)),
            format.signed(comparison.shift),
            format!("{} to {}", format.signed(low), format.signed(high)),
            fixed(comparison.delta, 2),
            small(comparison.p),
            small(comparison.adjusted),
        ]
        .map(Cell::from)
        .into();
        row.push(verdict(metric, comparison));
        table.rows.push(row);
    }
    let title = format!("{} and {}", a.name, b.name);
    let mut section = Section::new("comparison", "What differs beyond noise", how)
        .heading(title, "")
        .table(table);
    let runs = Runs {
        metrics: metrics.to_vec(),
        variants: vec![a.clone(), b.clone()],
    };
    if differ.is_empty() {
        section = section.block(Block::Text("Nothing differs beyond noise.".into()));
    }
    for metric in differ {
        section = section.chart(runs.distribution(metric));
    }
    section
}

fn verdict(metric: &Metric, comparison: &Comparison) -> Cell {
    if !comparison.beyond_noise() {
        return Cell::new("noise", Tone::Faint);
    }
    // The shift of medians may be nothing where the distributions differ all the same.
    let more = if comparison.shift == 0.0 {
        comparison.delta > 0.0
    } else {
        comparison.shift > 0.0
    };
    match (metric.better, more) {
        (Some(Better::High), true) | (Some(Better::Low), false) => {
            Cell::new("▲ better", Tone::Good)
        }
        (Some(_), _) => Cell::new("▼ worse", Tone::Bad),
        (None, true) => Cell::new("more", Tone::Plain),
        (None, false) => Cell::new("less", Tone::Plain),
    }
}

/// A probability: never "0".
fn small(p: f64) -> String {
    if p < 0.000_1 {
        "< 0.0001".into()
    } else {
        fixed(p, 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::variants::Samples;

    fn metric(name: &str, better: Better) -> Metric {
        Metric {
            name: name.into(),
            label: name.into(),
            unit: "ms".into(),
            better: Some(better),
        }
    }

    fn variant(name: &str, values: &[f64]) -> Variant {
        Variant {
            name: name.into(),
            runs: (1..=values.len()).map(|seed| seed.to_string()).collect(),
            values: vec![Samples(values.to_vec())],
            ..Variant::default()
        }
    }

    #[test]
    fn the_same_seeds_are_compared_in_pairs() {
        let a = variant("a", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let mut b = variant("b", &[1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]);
        let verdict = |a: &Variant, b: &Variant, better| {
            let section = &comparisons(&[metric("delay", better)], &[(a.clone(), b.clone())])[0];
            let table = section.blocks.iter().find_map(|block| match block {
                Block::Table(table) => Some(table.rows[0][8].text.clone()),
                _ => None,
            });
            table.expect("a table")
        };
        assert_eq!(verdict(&a, &b, Better::Low), "▼ worse");
        assert_eq!(verdict(&a, &b, Better::High), "▲ better");
        assert_eq!(verdict(&b, &a, Better::Low), "▲ better");
        b.runs.reverse();
        assert_eq!(verdict(&a, &b, Better::Low), "noise");
        b.values.clear();
        assert_eq!(verdict(&a, &b, Better::Low), "no values");
    }
}
