//! What is true of a job, whoever asks: the engine, which queues it, and the window, which names it. Each lane's file has
//! a table with a row for each of its jobs, and nobody else looks at all of them.

use crate::task::Phase;
use std::borrow::Cow;
use std::path::Path;

type Words = Cow<'static, str>;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What it is doing: `Importing tickets.csv`.
    pub doing: Words,
    /// The phase that `doing` speaks of: any other is named in its place. `None` for a job without phases.
    pub phase: Option<Phase>,
    /// What is said when it is done; `None` for what nobody waits for.
    pub done: Option<Done>,
    /// What is said when it was stopped.
    pub stopped: Option<Words>,
    pub subject: Subject,
    /// Whether a newer job of this kind makes the answers of older ones stale, so that they are stopped. Pages of the
    /// table don't: two of them may be wanted at once.
    pub supersedes_its_kind: bool,
    /// Whether it can take so long that what the person does must not wait for it: it is stopped, and asked for again.
    pub gives_way_to_saving: bool,
    /// Whether it is stopped as soon as something else is to be computed.
    pub gives_way_to_computing: bool,
    /// Whether it writes down what the person did; such a job is done even if the window closes before its turn.
    pub is_saving: bool,
    /// Whether its screen shows why it failed, as with glimpses that come and go while one works. The shell shows it
    /// for all others.
    pub shows_its_failure: bool,
}

/// What is said of a job that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    pub words: Words,
    /// Whether how long it took is of interest.
    pub says_how_long: bool,
}

/// What a job is about; the window has an icon for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Data,
    Model,
    Run,
    Evaluation,
    Comparison,
}

impl Facts {
    pub(super) fn doing(words: impl Into<Words>) -> Self {
        Self {
            doing: words.into(),
            phase: None,
            done: None,
            stopped: None,
            subject: Subject::Data,
            supersedes_its_kind: false,
            gives_way_to_saving: false,
            gives_way_to_computing: false,
            is_saving: false,
            shows_its_failure: false,
        }
    }

    pub(super) fn saving() -> Self {
        Self { is_saving: true, ..Self::doing("Saving") }
    }

    pub(super) fn in_phase(self, phase: Phase) -> Self {
        Self { phase: Some(phase), ..self }
    }

    pub(super) fn done(self, words: impl Into<Words>) -> Self {
        Self { done: Some(Done { words: words.into(), says_how_long: false }), ..self }
    }

    /// With how long it took.
    pub(super) fn done_in(self, words: impl Into<Words>) -> Self {
        Self { done: Some(Done { words: words.into(), says_how_long: true }), ..self }
    }

    pub(super) fn stopped(self, words: impl Into<Words>) -> Self {
        Self { stopped: Some(words.into()), ..self }
    }

    pub(super) fn about(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    pub(super) fn supersedes_its_kind(self) -> Self {
        Self { supersedes_its_kind: true, ..self }
    }

    pub(super) fn gives_way_to_saving(self) -> Self {
        Self { gives_way_to_saving: true, ..self }
    }

    pub(super) fn gives_way_to_computing(self) -> Self {
        Self { gives_way_to_computing: true, ..self }
    }

    pub(super) fn shows_its_failure(self) -> Self {
        Self { shows_its_failure: true, ..self }
    }
}

/// A file or folder as a person calls it.
pub(super) fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
