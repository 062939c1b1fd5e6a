//! What the command field finds elsewhere: examples in the store, paths on the disk; and what was taken last.

use crate::app::jobs::Job;
use crate::app::paths;
use crate::app::{Action, AppState, Cx};
use crate::engine::{EventKind, JobId, JobSpec, Reply, StoreJob};
use crate::project::{ExampleQuery, ExampleRow};
use crate::task::Signal;

/// See the module.
#[derive(Debug, Default)]
pub struct Found {
    /// What the rows are for.
    pub words: String,
    pub rows: Vec<ExampleRow>,
    pub num_matching: u64,
    pub path: Option<PathFound>,
    /// Words of the acts that were taken, the newest first.
    pub recent: Vec<String>,
    /// And for which words.
    asked: Option<(JobId, String)>,
    /// A failure that the status bar shows, until something else is done.
    failure: Option<String>,
}

/// What lies at a path that was typed, and as it may go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathFound {
    pub typed: String,
    pub exists: bool,
    pub entries: Vec<String>,
    /// The text as far as all entries agree.
    pub completed: String,
}

impl PathFound {
    /// Looks at the disk: not for the window's thread.
    fn look(typed: String) -> Self {
        let going_on = paths::complete(&typed);
        let completed = paths::common_start(&typed, &going_on).unwrap_or_else(|| typed.clone());
        let entries = going_on.into_iter().map(|entry| entry.text).collect();
        Self { exists: paths::meant(&typed).exists(), entries, completed, typed }
    }
}

/// Fewer letters find half of everything.
const FEWEST_LETTERS: usize = 2;
/// Examples of the list.
const MOST_EXAMPLES: u64 = 5;
const MOST_RECENT: usize = 3;

impl Found {
    pub fn took(&mut self, words: String) {
        self.recent.retain(|other| *other != words);
        self.recent.insert(0, words);
        self.recent.truncate(MOST_RECENT);
    }
}

/// Looks for what was typed, in place of what was looked for before.
pub fn find(state: &mut AppState, words: String, cx: &Cx<'_>) {
    if let Some((old, _)) = state.found.asked.take() {
        cx.control(old, Signal::Stop { save: false });
    }
    let search = words.trim().to_owned();
    if paths::is_path(&search) {
        state.found.rows.clear();
        return cx.files.run(move || Some(Action::PathFound(PathFound::look(search))));
    }
    state.found.path = None;
    let Some(project) = state.project.as_ref().filter(|project| project.counts.total() > 0) else { return };
    if search.chars().count() < FEWEST_LETTERS {
        state.found.rows.clear();
        return;
    }
    let query = ExampleQuery { search: search.clone(), limit: MOST_EXAMPLES, ..ExampleQuery::default() };
    let spec = JobSpec::Store(StoreJob::Query { project: project.folder.clone(), query });
    state.found.asked = Some((cx.start(&mut state.jobs, spec), search));
}

pub fn on_event(state: &mut AppState, job: &Job, event: &EventKind) {
    let found = &mut state.found;
    let Some((_, words)) = found.asked.as_ref().filter(|(asked, _)| *asked == job.id) else { return };
    match event {
        EventKind::Reply(reply) => {
            if let Reply::Rows(page) = &**reply {
                found.words.clone_from(words);
                found.rows.clone_from(&page.rows);
                found.num_matching = page.num_matching;
            }
        }
        EventKind::Finished(_) => found.asked = None,
        _ => {}
    }
}

/// Says what failed in the status bar, until the next act.
pub fn fail(state: &mut AppState, words: String) {
    state.found.failure = Some(words.clone());
    state.status = words.into();
}

/// An act of the person makes the last failure old news.
pub fn forget_failure(state: &mut AppState, act: &Action) {
    let is_of_itself = match act {
        Action::Measured(_)
        | Action::RecentMissing(_)
        | Action::PathFound(_)
        | Action::LookAtProject
        | Action::CloseDialog
        | Action::Find(_) => true,
        Action::Screen(action) => action.is_by_itself(),
        _ => false,
    };
    if !is_of_itself
        && let Some(failure) = state.found.failure.take()
        && failure == state.status.words
    {
        state.status = "Ready".into();
    }
}
