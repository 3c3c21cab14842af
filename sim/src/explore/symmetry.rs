//! Whether a canonical form stands for its state.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::model::Model;
use super::property::{Condition, Property};
use super::visited::identity;

/// Compares a state with its canonical form: properties, quiescence, boundary, and successors but for symmetry.
pub(super) fn audit<M: Model>(
    model: &M,
    properties: &[Property<M>],
    state: &M::State,
    enabled: &[M::Action],
) -> Result<(), String> {
    let Cow::Owned(image) = model.canonical(state) else {
        return Ok(());
    };
    if *model.canonical(&image) != image {
        return Err("a canonical form has another canonical form".into());
    }
    for property in properties {
        let same = match &property.condition {
            Condition::Always(holds) | Condition::Quiescent(holds) => {
                // Reasons may name participants, so only the answers are compared.
                let broken = |state| holds(model, state) != true.into();
                broken(state) == broken(&image)
            }
            Condition::Sometimes(holds) | Condition::AlwaysPossible(holds) => {
                holds(model, state) == holds(model, &image)
            }
            Condition::Step(_) => true,
        };
        if !same {
            return Err(format!("it decides differently on: {}", property.name()));
        }
    }
    let mut of_image = Vec::new();
    model.actions(&image, &mut of_image);
    let same = model.is_quiescent(state, enabled) == model.is_quiescent(&image, &of_image)
        && model.within(state) == model.within(&image);
    if !same {
        return Err("quiescence or boundary differ".into());
    }
    if successors(model, state, enabled) != successors(model, &image, &of_image) {
        return Err("the successors differ".into());
    }
    Ok(())
}

fn successors<M: Model>(model: &M, state: &M::State, actions: &[M::Action]) -> BTreeSet<u128> {
    let each = actions.iter().map(|action| {
        let mut next = state.clone();
        model.apply(&mut next, action);
        identity(model, &next)
    });
    each.collect()
}
