//! The time that templates write. A run is tokenised again when it is resumed, and must become the same tokens on
//! another day.

use std::cell::RefCell;

use jiff::Zoned;

thread_local! {
    static STOPPED: RefCell<Option<Zoned>> = const { RefCell::new(None) };
}

/// Makes all templates that `f` renders on this thread write one time.
pub fn at<R>(time: &Zoned, f: impl FnOnce() -> R) -> R {
    struct Restored(Option<Zoned>);
    impl Drop for Restored {
        fn drop(&mut self) {
            STOPPED.with(|stopped| stopped.replace(self.0.take()));
        }
    }
    let _restored = Restored(STOPPED.with(|stopped| stopped.replace(Some(time.clone()))));
    f()
}

/// What the clock says, or what it was stopped at.
pub fn now() -> Zoned {
    STOPPED.with(|stopped| stopped.borrow().clone()).unwrap_or_else(Zoned::now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chat_template::ChatTemplate;

    #[test]
    fn a_template_writes_the_time_that_is_given_and_then_its_own_again() {
        let template = ChatTemplate::new(Some("{{ strftime_now('%Y-%m-%d') }}"), "", "").unwrap();
        let turns: [crate::model::Turn<'_>; 0] = [];
        let text = || template.text(&turns, false).unwrap();
        let time: Zoned = "2024-02-29T12:00:00+00:00[UTC]".parse().unwrap();
        assert_eq!(at(&time, text), "2024-02-29");
        assert_ne!(text(), "2024-02-29");
    }
}
