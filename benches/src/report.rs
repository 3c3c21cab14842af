//! The table, and the same for programs.

use crate::measure::Figure;

/// A goal, and whether it was reached.
pub(crate) struct Outcome {
    pub(crate) case: String,
    pub(crate) what: String,
    pub(crate) at_most: f64,
    pub(crate) is: f64,
}

impl Outcome {
    pub(crate) fn is_reached(&self) -> bool {
        self.is <= self.at_most
    }
}

pub(crate) fn print_table(title: &str, baseline: &str, figures: &[Figure]) {
    let has_instructions = figures.iter().any(|figure| figure.instructions.is_some());
    let instructions = |text: String| {
        if has_instructions {
            text
        } else {
            String::new()
        }
    };
    println!("{title}");
    println!();
    let ratio_to = format!("× {baseline}");
    println!(
        "{:<32} {:>8} {ratio_to:>14} {:>9}{}  note",
        "case",
        "ns",
        "allocs/op",
        instructions(format!(" {:>7}", "instr."))
    );
    for figure in figures {
        let count = figure
            .instructions
            .map_or("-".to_owned(), |n| format!("{n:.0}"));
        println!(
            "{:<32} {:>8.1} {:>14.3} {:>9.2}{}  {}",
            figure.name,
            figure.nanos,
            figure.ratio,
            figure.allocations,
            instructions(format!(" {count:>7}")),
            figure.note
        );
    }
    println!();
}

/// What a sum is made of; the sum is the last.
pub(crate) fn print_parts(title: &str, parts: &[Figure]) {
    let Some(all) = parts.last().and_then(|all| all.instructions) else {
        return;
    };
    println!("{title}");
    println!();
    for part in parts {
        let count = part.instructions.unwrap_or_default();
        println!(
            "{:<32} {count:>7.0} {:>6.1} %  {}",
            part.name,
            100.0 * count / all,
            part.note
        );
    }
    println!();
}

pub(crate) fn print_goals(goals: &[Outcome]) {
    for goal in goals {
        let mark = if goal.is_reached() {
            "reached"
        } else {
            "MISSED"
        };
        println!(
            "goal {mark}: {} {} is {:.3}, at most {}",
            goal.case, goal.what, goal.is, goal.at_most
        );
    }
}

/// By hand: names without quotes in them, and numbers.
pub(crate) fn print_json(group: &str, figures: &[Figure], goals: &[Outcome]) {
    let figures: Vec<_> = figures
        .iter()
        .map(|figure| {
            let instructions = figure.instructions.map_or("null".to_owned(), |n| format!("{n:.1}"));
            format!(
                r#"{{"case":"{}","ns":{:.2},"ratio":{:.4},"allocations":{:.3},"instructions":{instructions}}}"#,
                figure.name, figure.nanos, figure.ratio, figure.allocations
            )
        })
        .collect();
    let goals: Vec<_> = goals
        .iter()
        .map(|goal| {
            format!(
                r#"{{"case":"{}","what":"{}","at_most":{},"is":{:.4},"reached":{}}}"#,
                goal.case,
                goal.what,
                goal.at_most,
                goal.is,
                goal.is_reached()
            )
        })
        .collect();
    println!(
        r#"{{"bench":"{group}","figures":[{}],"goals":[{}]}}"#,
        figures.join(","),
        goals.join(",")
    );
}
