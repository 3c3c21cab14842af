//! A panic in a model, caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a piece of a model; a panic comes back as its message.
///
/// What the piece had in its hands is thrown away by every caller, so that no half-changed state is seen afterwards.
pub(super) fn guard<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&'static str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("a panic without a message").to_owned()
    })
}
