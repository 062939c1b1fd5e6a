//! Which session is open, and what is done with it.

use std::path::{Path, PathBuf};

use crate::app::Action;
use crate::app::effect::Effect;
use crate::app::files::{FilePick, PickKind};
use crate::app::kit::format;
use crate::app::screens::compare::state::CompareAction;
use crate::app::start::Start;
use crate::app::state::Status;
use crate::app::ticket::Ticket;
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Outcome, Reply, StoreJob};
use crate::evaluate::rating::{Choice, Item, Line, PairsReport, Verdict, Which, lock};
use crate::workbench::rating::{KeptSession, SessionRequest};

/// As many prompts as one can rate at a sitting.
const USUAL_NUM: usize = 40;

/// What a person did in blind rating.
#[derive(Debug, Clone, PartialEq)]
pub enum BlindAction {
    /// Blind rating, or side by side.
    Switch(bool),
    /// Prompts of the next session, at most.
    Most(usize),
    /// Who rates.
    Rater(String),
    Begin,
    /// A session of before, by its name.
    Open(String),
    /// With what was noted.
    Rate(Choice, String),
    Undo,
    ShowExpected(bool),
    /// Opens or closes the field for a note.
    Note(bool),
    /// The field for a note has the keyboard.
    NoteFocused,
    End,
    GoOn,
    /// To the list of sessions.
    Leave,
    Export,
    ExportTo(PathBuf),
    /// Opens the field for a corrected answer to a prompt, with what is in it at first; or closes it.
    Correct(Option<(usize, String)>),
    /// Brings the corrected answer into the training part.
    Add(String),
}

/// See the module.
pub struct BlindState {
    pub is_on: bool,
    /// The newest first.
    pub sessions: Vec<KeptSession>,
    pub is_listed: bool,
    pub most: usize,
    /// The session in hand, by its name.
    open: Option<String>,
    pub shows_expected: bool,
    pub shows_result: bool,
    pub has_note: bool,
    pub wants_focus: bool,
    /// The prompt whose answer is being corrected.
    pub correcting: Option<usize>,
    /// Prompts that were added to the training part while the session is open.
    pub added: Vec<usize>,
    listing: Ticket<Vec<KeptSession>>,
    beginning: Ticket<Box<KeptSession>>,
    exporting: Ticket<PairsReport>,
    keeping: Vec<JobId>,
    adding: Option<(JobId, usize)>,
}

impl Default for BlindState {
    fn default() -> Self {
        Self {
            is_on: false,
            sessions: Vec::new(),
            is_listed: false,
            most: USUAL_NUM,
            open: None,
            shows_expected: false,
            shows_result: false,
            has_note: false,
            wants_focus: false,
            correcting: None,
            added: Vec::new(),
            listing: Ticket::default(),
            beginning: Ticket::default(),
            exporting: Ticket::default(),
            keeping: Vec::new(),
            adding: None,
        }
    }
}

impl BlindState {
    pub fn opened(&self) -> Option<&KeptSession> {
        self.named(self.open.as_ref()?)
    }

    fn opened_mut(&mut self) -> Option<&mut KeptSession> {
        let name = self.open.as_ref()?;
        self.sessions.iter_mut().find(|kept| kept.rated.session.name == *name)
    }

    fn named(&self, name: &str) -> Option<&KeptSession> {
        self.sessions.iter().find(|kept| kept.rated.session.name == name)
    }

    /// The newest session with a choice in it that isn't open.
    pub fn last(&self) -> Option<&KeptSession> {
        let is_open = |kept: &KeptSession| self.open.as_ref() == Some(&kept.rated.session.name);
        self.sessions.iter().find(|kept| !is_open(kept) && !kept.rated.ratings.is_empty())
    }

    /// A session that this person began and didn't end.
    pub fn unfinished(&self, rater: &str) -> Option<&KeptSession> {
        let began =
            |kept: &&KeptSession| kept.rated.of_rater(rater).next().is_some() && kept.rated.next(rater).is_some();
        self.sessions.iter().find(began)
    }

    pub fn is_beginning(&self) -> bool {
        self.beginning.is_open()
    }

    pub fn is_adding(&self) -> bool {
        self.adding.is_some()
    }

    /// The prompt in hand.
    pub fn next(&self, rater: &str) -> Option<usize> {
        self.opened()?.rated.next(rater)
    }

    pub fn can_undo(&self, rater: &str) -> bool {
        self.opened().is_some_and(|kept| kept.rated.of_rater(rater).next().is_some())
    }

    /// Asks for the project's sessions, unless that was done.
    pub fn list(&mut self, project: &Path, jobs: &mut dyn Start) {
        if self.is_on && !self.is_listed && !self.listing.is_open() {
            self.listing.ask(JobSpec::Io(IoJob::ListRatings { project: project.to_owned() }), jobs);
        }
    }

    pub fn apply(
        &mut self,
        action: BlindAction,
        project: &Path,
        run_dir: Option<&Path>,
        rater: &str,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        match action {
            BlindAction::Switch(is_on) => {
                self.is_on = is_on;
                // What changed meanwhile is said.
                self.is_listed &= !is_on;
                self.list(project, jobs);
            }
            BlindAction::Most(most) => self.most = most.max(1),
            BlindAction::Begin => {
                if let Some(run_dir) = run_dir {
                    let request = SessionRequest { run_dir: run_dir.to_owned(), most: Some(self.most), seed: None };
                    let project = project.to_owned();
                    self.beginning.ask(JobSpec::Io(IoJob::BeginRating { project, request }), jobs);
                }
            }
            BlindAction::Open(name) => {
                let is_done = self.named(&name).is_some_and(|kept| kept.rated.next(rater).is_none());
                self.show(name);
                self.shows_result = is_done;
            }
            BlindAction::Rate(choice, note) => {
                if let Some(item) = self.next(rater) {
                    self.keep(Line::rating(item, choice, rater, &note), jobs);
                }
            }
            BlindAction::Undo if self.can_undo(rater) => self.keep(Line::undo(rater), jobs),
            BlindAction::ShowExpected(shows) => self.shows_expected = shows,
            BlindAction::Note(is_open) => (self.has_note, self.wants_focus) = (is_open, is_open),
            BlindAction::NoteFocused => self.wants_focus = false,
            BlindAction::End => self.shows_result = true,
            BlindAction::GoOn => self.shows_result = false,
            BlindAction::Leave => {
                (self.open, self.correcting) = (None, None);
                self.added.clear();
            }
            BlindAction::Export => {
                let Some(kept) = self.opened() else { return Vec::new() };
                let name = format!("preferences-{}.jsonl", kept.rated.session.name);
                let pick = FilePick { title: "Export pairs", kind: PickKind::Save { name } };
                let then = |path| -> Action { CompareAction::Blind(BlindAction::ExportTo(path)).into() };
                return vec![Effect::Pick(pick, then)];
            }
            BlindAction::ExportTo(to) => {
                if let Some(kept) = self.opened() {
                    let file = kept.file.clone();
                    self.exporting.ask(JobSpec::Io(IoJob::ExportRatedPairs { file, to }), jobs);
                }
            }
            BlindAction::Correct(correct) => self.correcting = correct.map(|(item, _)| item),
            BlindAction::Add(answer) => self.add(answer, project, jobs),
            BlindAction::Undo | BlindAction::Rater(_) => {}
        }
        Vec::new()
    }

    fn show(&mut self, name: String) {
        self.open = Some(name);
        (self.shows_expected, self.shows_result, self.has_note, self.correcting) = (false, false, false, None);
        self.added.clear();
    }

    /// Shown at once, and written in the order that it was done.
    fn keep(&mut self, line: Line, jobs: &mut dyn Start) {
        (self.shows_expected, self.has_note) = (false, false);
        let Some(kept) = self.opened_mut() else { return };
        kept.rated.apply(line.clone());
        let file = kept.file.clone();
        self.keeping.push(jobs.start(JobSpec::Io(IoJob::KeepRating { file, line })));
    }

    fn add(&mut self, answer: String, project: &Path, jobs: &mut dyn Start) {
        let Some(at) = self.correcting else { return };
        let Some(item) = self.opened().and_then(|kept| kept.rated.session.items.get(at)) else { return };
        let (project, item) = (project.to_owned(), Box::new(item.clone()));
        self.adding = Some((jobs.start(JobSpec::Store(StoreJob::AddCorrected { project, item, answer })), at));
    }

    pub fn on_event(&mut self, job: JobId, event: &EventKind, project: &Path, jobs: &mut dyn Start) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            EventKind::Reply(reply) => effects.extend(self.on_reply(job, reply)),
            EventKind::Finished(outcome) => {
                self.listing.end(job);
                self.beginning.end(job);
                self.exporting.end(job);
                let was_keeping = self.keeping.contains(&job);
                self.keeping.retain(|keeping| *keeping != job);
                if was_keeping && *outcome != Outcome::Completed {
                    // What couldn't be written isn't shown as done.
                    self.is_listed = false;
                    self.list(project, jobs);
                }
                if let Some((_, at)) = self.adding.take_if(|(adding, _)| *adding == job)
                    && *outcome == Outcome::Completed
                {
                    self.correcting = None;
                    self.added.push(at);
                    let words = "The corrected answer is in the training part; it is learned by the next run";
                    effects.push(Effect::Say(Status::from(words).act("Undo", Action::Undo)));
                }
            }
            _ => {}
        }
        effects
    }

    fn on_reply(&mut self, job: JobId, reply: &Reply) -> Option<Effect> {
        if let Some(sessions) = self.listing.take(job, reply) {
            // A choice that is still being written is known here first.
            if self.keeping.is_empty() {
                self.sessions.clone_from(sessions);
            }
            self.is_listed = true;
        } else if let Some(session) = self.beginning.take(job, reply) {
            let name = session.rated.session.name.clone();
            self.sessions.insert(0, (**session).clone());
            self.show(name);
            let num = session.rated.session.items.len();
            return Some(Effect::say(format!("Answers to all {} are ready", format::count(num, "prompt", "prompts"))));
        } else if let Some(report) = self.exporting.take(job, reply) {
            return Some(Effect::say(format!("{} to {}", report.in_words(), report.path.display())));
        }
        None
    }
}

/// The answer to begin a correction with: the one that was preferred, or the expected one, or the second model's.
pub fn better_answer(kept: &KeptSession, at: usize) -> Option<String> {
    let item = kept.rated.session.items.get(at)?;
    let better = match kept.rated.together(at) {
        Some(Verdict::Better(which)) => item.answer(which).to_owned(),
        _ => item.expected.clone().unwrap_or_else(|| item.answer(Which::Second).to_owned()),
    };
    Some(better)
}

/// Why an answer can't be added, if so.
pub fn lock_of(item: &Item) -> Option<&'static str> {
    lock(item.split)
}

/// `18 of 40`
pub fn place_of(kept: &KeptSession, at: usize) -> String {
    format!("{} of {}", format::thousands(at + 1), format::thousands(kept.rated.session.items.len()))
}
