//! Where a run's instructions go, out of callgrind's own file: each line of ours counts for the phase that its source
//! file stands for, wherever the compiler put it; a library's function counts for whoever called it, by what each call
//! took.

use std::collections::BTreeMap;

type Costs<K> = BTreeMap<K, f64>;

/// What a profile says: instructions by function and source file, and calls by what they took.
#[derive(Default)]
pub(crate) struct Profile {
    selfs: Costs<(String, String)>,
    calls: Costs<(String, String, String)>,
}

/// A name that may stand for itself the first time and for its number afterwards.
fn name(names: &mut BTreeMap<String, String>, text: &str) -> String {
    let (number, name) = text.split_once(' ').unwrap_or((text, ""));
    if !name.is_empty() {
        names.insert(number.to_owned(), name.to_owned());
    }
    names
        .get(number)
        .cloned()
        .unwrap_or_else(|| text.to_owned())
}

impl Profile {
    /// Reads what `--callgrind-out-file` wrote.
    pub(crate) fn parse(text: &str) -> Self {
        let mut profile = Self::default();
        let (mut files, mut functions) = (BTreeMap::new(), BTreeMap::new());
        let (mut home, mut file, mut function) = (String::new(), String::new(), String::new());
        let mut callee = None;
        for line in text.lines() {
            match line.split_once('=') {
                Some(("fl", rest)) => {
                    home = name(&mut files, rest);
                    file.clone_from(&home);
                }
                Some(("fi" | "fe", rest)) => file = name(&mut files, rest),
                Some(("fn", rest)) => function = name(&mut functions, rest),
                Some(("cfn", rest)) => callee = Some(name(&mut functions, rest)),
                Some(("cfi" | "cfl", rest)) => {
                    name(&mut files, rest);
                }
                _ if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) => {
                    let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
                    let cost: f64 = cost.unwrap_or_default();
                    // A library's line within a function of ours is a part of that function.
                    let place = if file.contains("protocol/src/") {
                        &file
                    } else {
                        &home
                    };
                    match callee.take() {
                        Some(callee) => {
                            *profile
                                .calls
                                .entry((function.clone(), place.clone(), callee))
                                .or_default() += cost;
                        }
                        None => {
                            *profile
                                .selfs
                                .entry((function.clone(), place.clone()))
                                .or_default() += cost
                        }
                    }
                }
                _ => {}
            }
        }
        profile
    }

    /// What this run took beyond a shorter one, by phase. `phase` says which one a function's lines in a file belong
    /// to; `None` is a library.
    pub(crate) fn phases(
        &self,
        shorter: &Self,
        phase: impl Fn(&str, &str) -> Option<&'static str>,
    ) -> Costs<&'static str> {
        let own = |of: &str| {
            let found = self.selfs.keys().find(|(function, _)| function == of);
            found.is_some_and(|(function, file)| phase(function, file).is_some())
        };
        let mut callers: BTreeMap<&str, Vec<(&str, &str, f64)>> = BTreeMap::new();
        for (key @ (caller, file, callee), cost) in &self.calls {
            let cost = cost - shorter.calls.get(key).unwrap_or(&0.0);
            if cost > 0.0 && caller != callee && !own(callee) {
                callers
                    .entry(callee)
                    .or_default()
                    .push((caller, file, cost));
            }
        }
        // Whom a library's function works for; libraries call each other, so it is found in rounds.
        let mut shares: BTreeMap<&str, Costs<&'static str>> = BTreeMap::new();
        for _ in 0..24 {
            let mut next: BTreeMap<&str, Costs<&'static str>> = BTreeMap::new();
            for (callee, calls) in &callers {
                let all: f64 = calls.iter().map(|(.., cost)| cost).sum();
                let mut share: Costs<&'static str> = Costs::new();
                for (caller, file, cost) in calls {
                    let weight = cost / all;
                    match phase(caller, file) {
                        Some(phase) => *share.entry(phase).or_default() += weight,
                        None => {
                            for (phase, part) in shares.get(caller).into_iter().flatten() {
                                *share.entry(phase).or_default() += weight * part;
                            }
                        }
                    }
                }
                next.insert(callee, share);
            }
            shares = next;
        }
        let mut phases: Costs<&'static str> = Costs::new();
        for (key @ (function, file), cost) in &self.selfs {
            let cost = cost - shorter.selfs.get(key).unwrap_or(&0.0);
            match phase(function, file) {
                Some(phase) => *phases.entry(phase).or_default() += cost,
                None => {
                    for (phase, part) in shares.get(function.as_str()).into_iter().flatten() {
                        *phases.entry(phase).or_default() += cost * part;
                    }
                }
            }
        }
        phases
    }
}
