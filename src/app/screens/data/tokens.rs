//! Which tokens the editor shows: asked for a moment after the last change, and never those of another example.

use crate::app::start::Start;
use crate::data::Example;
use crate::engine::{IoJob, JobId, JobSpec};
use crate::recipe::{ModelRef, RenderSpec};
use crate::render::TokenView;

/// Tokenising takes milliseconds; this spares it for every letter of a quick typist.
const PAUSE_SECS: f64 = 0.12;

/// What decides the tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenKey {
    pub model: ModelRef,
    pub example: Example,
    pub spec: RenderSpec,
}

/// See the module.
#[derive(Default)]
pub struct Tokens {
    wanted: Option<TokenKey>,
    changed_at: f64,
    asked: Option<(JobId, TokenKey)>,
    shown: Option<(TokenKey, TokenView)>,
    failed: Option<(TokenKey, String)>,
    /// The token that was clicked.
    pub selected: Option<usize>,
}

impl Tokens {
    pub fn want(&mut self, key: Option<TokenKey>, now: f64, is_typing: bool) {
        if self.wanted != key {
            // Neither the first look at an example nor an undo needs to wait.
            let is_typing = is_typing && self.shown.is_some() && key.is_some() && self.wanted.is_some();
            self.changed_at = if is_typing { now } else { now - PAUSE_SECS };
            self.wanted = key;
        }
    }

    /// Another example: its tokens are shown at once.
    pub fn forget(&mut self) {
        self.wanted = None;
        self.selected = None;
    }

    pub fn tick(&mut self, now: f64, jobs: &mut dyn Start) {
        let Some(wanted) = &self.wanted else { return };
        let is_shown = self.shown.as_ref().is_some_and(|(key, _)| key == wanted);
        let has_failed = self.failed.as_ref().is_some_and(|(key, _)| key == wanted);
        if is_shown || has_failed || self.asked.is_some() || now - self.changed_at < PAUSE_SECS {
            return;
        }
        let key = wanted.clone();
        let spec =
            JobSpec::Io(IoJob::RenderTokens { model: key.model.clone(), example: key.example.clone(), spec: key.spec });
        self.asked = Some((jobs.start(spec), key));
    }

    pub fn on_tokens(&mut self, job: JobId, view: &TokenView) -> bool {
        let Some((_, key)) = self.asked.take_if(|(asked, _)| *asked == job) else { return false };
        self.shown = Some((key, view.clone()));
        self.failed = None;
        true
    }

    pub fn on_end(&mut self, job: JobId, failure: Option<&str>) -> bool {
        let Some((_, key)) = self.asked.take_if(|(asked, _)| *asked == job) else { return false };
        self.failed = Some((key, failure.unwrap_or("The tokens could not be counted").to_owned()));
        true
    }

    /// What to show: the newest tokens there are of this example.
    pub fn view(&self) -> Option<&TokenView> {
        let failed_now = self.failed.is_some() && self.error().is_some();
        self.shown.as_ref().filter(|_| self.wanted.is_some() && !failed_now).map(|(_, view)| view)
    }

    /// The tokens of the text as it is now are not there yet.
    pub fn is_counting(&self) -> bool {
        self.shown.as_ref().map(|(key, _)| key) != self.wanted.as_ref()
    }

    pub fn error(&self) -> Option<&str> {
        let (key, message) = self.failed.as_ref()?;
        (self.wanted.as_ref() == Some(key)).then_some(message)
    }

    /// A repaint is due after this many seconds.
    pub fn wake_in(&self, now: f64) -> Option<f64> {
        let is_shown = self.shown.as_ref().map(|(key, _)| key) == self.wanted.as_ref();
        let has_failed = self.error().is_some();
        (self.wanted.is_some() && !is_shown && !has_failed && self.asked.is_none())
            .then_some((PAUSE_SECS - (now - self.changed_at)).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Message, Role};
    use crate::engine::fake::FakeEngine;

    fn key(text: &str) -> TokenKey {
        let example = Example::from(vec![Message::new(Role::User, text)]);
        TokenKey { model: ModelRef::Starter, example, spec: RenderSpec::WHOLE }
    }

    #[test]
    fn asks_once_a_pause_and_shows_the_newest() {
        let (mut tokens, mut fake) = (Tokens::default(), FakeEngine::default());
        tokens.want(Some(key("a")), 0.0, true);
        tokens.tick(0.0, &mut fake);
        let first = fake.started()[0].0;
        tokens.want(Some(key("ab")), 0.1, true);
        tokens.tick(1.0, &mut fake);
        assert_eq!(fake.started().len(), 1, "one at a time");
        assert!(tokens.on_tokens(first, &TokenView { num_tokens: 1, ..TokenView::default() }));
        assert_eq!((tokens.view().map(|view| view.num_tokens), tokens.is_counting()), (Some(1), true));
        tokens.tick(1.0, &mut fake);
        let second = fake.started()[1].0;
        assert!(!tokens.on_tokens(first, &TokenView::default()));
        assert!(tokens.on_end(second, Some("no model")));
        assert_eq!((tokens.view().is_none(), tokens.error()), (true, Some("no model")));
        tokens.tick(2.0, &mut fake);
        assert_eq!(fake.started().len(), 2, "not again and again");
    }
}
