//! What the command field offers, by what is open and what goes on.

use crate::app::parts::run_label;
use crate::app::screens::{data, dataset, model, runs, settings, train};
use crate::app::settings::ThemeChoice;
use crate::app::shell::keys;
use crate::app::shell::project_dialog::ProjectDialog;
use crate::app::shell::projects;
use crate::app::{Action, AppState, OpenDialog, Screen};
use crate::data::Split;
use crate::project::Having;
use crate::task::Signal;

/// Where an entry stands in the list; its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Path,
    Recent,
    GoTo,
    Do,
    Examples,
    Runs,
    Models,
    Labels,
    Projects,
    Settings,
}

impl Group {
    pub fn heading(self) -> &'static str {
        match self {
            Self::Path => "On this disk",
            Self::Recent => "Recent",
            Self::GoTo => "Go to",
            Self::Do => "Do",
            Self::Examples => "Examples",
            Self::Runs => "Runs",
            Self::Models => "Models",
            Self::Labels => "Labels",
            Self::Projects => "Projects",
            Self::Settings => "Settings",
        }
    }

    /// Only what was looked for is listed of these: there may be many.
    fn must_be_asked_for(self) -> bool {
        !matches!(self, Self::Path | Self::Recent | Self::GoTo | Self::Do)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub group: Group,
    pub words: String,
    /// Other words by which it is found.
    pub also: &'static str,
    /// Faint, after the words.
    pub remark: String,
    pub key: &'static str,
    /// In this order; none for what only says something.
    pub actions: Vec<Action>,
}

impl Entry {
    pub fn new(group: Group, words: impl Into<String>, actions: impl IntoIterator<Item = Action>) -> Self {
        let actions = actions.into_iter().collect();
        Self { group, words: words.into(), also: "", remark: String::new(), key: "", actions }
    }

    pub fn also(self, also: &'static str) -> Self {
        Self { also, ..self }
    }

    pub fn key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    pub fn remark(self, remark: impl Into<String>) -> Self {
        Self { remark: remark.into(), ..self }
    }
}

/// Rows of one group, where several have some.
const MOST_OF_A_GROUP: usize = 6;
/// How many entries are shown in all.
const MOST: usize = 16;

/// What fits the words, in groups; what was taken last comes first.
pub fn fitting(state: &AppState, typed: &str) -> Vec<Entry> {
    let words: Vec<String> = typed.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let place = |entry: &Entry| state.found.recent.iter().position(|words| *words == entry.words);
    let mut fitting = all(state);
    fitting.retain(|entry| {
        let text = format!("{} {}", entry.words, entry.also).to_lowercase();
        let is_wanted = !words.is_empty() || !entry.group.must_be_asked_for() || place(entry).is_some();
        is_wanted && words.iter().all(|word| text.contains(word.as_str()))
    });
    let mut recent: Vec<_> = fitting.iter().filter_map(|entry| Some((place(entry)?, entry.clone()))).collect();
    recent.sort_by_key(|(at, _)| *at);
    let recent = recent.into_iter().map(|(_, entry)| Entry { group: Group::Recent, ..entry });
    fitting.retain(|entry| place(entry).is_none());
    if state.found.words == typed.trim() && !words.is_empty() {
        fitting.extend(examples(state));
    }
    fitting.splice(0..0, recent);
    fitting.sort_by_key(|entry| entry.group);
    let mut listed: Vec<Entry> = Vec::new();
    for entry in fitting {
        let num_of_group = listed.iter().filter(|other| other.group == entry.group).count();
        if typed.trim().is_empty() || num_of_group < MOST_OF_A_GROUP {
            listed.push(entry);
        }
    }
    listed.truncate(MOST);
    listed
}

/// What lies at a path, and as it may go on.
pub fn of_path(state: &AppState, typed: &str) -> Vec<Entry> {
    let open = |path: &str| Action::OpenPath(crate::app::paths::meant(path));
    let found = state.found.path.as_ref().filter(|found| found.typed == typed);
    let mut entries = vec![match found {
        Some(found) if !found.exists => Entry::new(Group::Path, format!("{typed} does not exist"), []),
        _ => Entry::new(Group::Path, format!("Open {typed}"), [open(typed)]),
    }];
    let going_on = found.into_iter().flat_map(|found| &found.entries).filter(|path| *path != typed);
    entries.extend(going_on.take(MOST - 1).map(|path| Entry::new(Group::Path, path.clone(), [open(path)])));
    entries
}

fn all(state: &AppState) -> Vec<Entry> {
    let mut entries = places();
    entries.extend(train::commands(state));
    entries.extend(acts(state));
    entries.extend(of_projects(state));
    entries.extend(things(state));
    entries.extend(settings::ENTRIES.iter().map(|&(name, also)| {
        Entry::new(Group::Settings, name, [Action::Go(Screen::Settings)]).also(also).remark("Settings")
    }));
    // Last: their words are of whatever was done, and Enter is not to take back what somebody wants to do again.
    if let Some(project) = &state.project {
        let undo = project.undo.clone().map(|words| Entry::new(Group::Do, words, [Action::Undo]).key("Ctrl Z"));
        let redo = project.redo.clone().map(|words| Entry::new(Group::Do, words, [Action::Redo]).key("Ctrl Shift Z"));
        entries.extend(undo.into_iter().chain(redo));
    }
    entries
}

fn places() -> Vec<Entry> {
    // The steps come first.
    let keys = keys::STEPS.into_iter().map(|(_, shown)| shown).chain(std::iter::repeat(""));
    let to = |(screen, key): (&Screen, &'static str)| {
        Entry::new(Group::GoTo, format!("Go to {}", screen.name()), [Action::Go(*screen)]).key(key)
    };
    Screen::ALL.iter().zip(keys).map(to).collect()
}

/// The other steps' own acts, as far as their buttons are on.
fn acts(state: &AppState) -> Vec<Entry> {
    let mut entries = Vec::new();
    if state.project.is_some() {
        let act = |screen: &Screen| {
            let acts = [Action::Go(*screen), screen.primary(state)?];
            Some(Entry::new(Group::Do, screen.act()?, acts))
        };
        entries.extend(Screen::ALL.iter().filter_map(act));
        entries.push(Entry::new(Group::Do, "Export the tuned model…", [Action::Go(Screen::Export)]));
    }
    if state.project.as_ref().is_some_and(|project| project.counts.total() > 0) {
        let data = data::menu::commands().into_iter();
        entries.extend(data.map(|(words, action)| Entry::new(Group::Do, words, [action.into()])));
        let check = [Action::Go(Screen::Data), data::CheckAction::Check.into()];
        entries.push(Entry::new(Group::Do, "Check the examples", check).also("issues findings"));
    }
    let answering =
        state.jobs.in_front().into_iter().filter(|job| state.jobs.training().is_none_or(|run| run.id != job.id));
    entries.extend(answering.map(|job| {
        let words = format!("Stop: {}", super::super::words::doing(job));
        Entry::new(Group::Do, words, [Action::Control(job.id, Signal::Stop { save: false })]).also("cancel")
    }));
    entries.extend([
        Entry::new(Group::Do, "Import examples…", [Action::ChooseImport]).key("Ctrl I"),
        Entry::new(Group::Do, "Import a data set from the Hub…", [dataset::Action::Open.into()]),
        Entry::new(Group::Do, "Look for models", [Action::Go(Screen::Model), model::Action::LookAgain.into()]),
        Entry::new(Group::Do, "Open a GGUF model…", [model::Action::OpenGguf.into()]),
        Entry::new(Group::Do, "Dark theme", [Action::SetTheme(ThemeChoice::Dark)]),
        Entry::new(Group::Do, "Light theme", [Action::SetTheme(ThemeChoice::Light)]),
        Entry::new(Group::Do, "Help", [Action::ShowDialog(OpenDialog::Help)]).also("keys shortcuts").key("F1"),
    ]);
    entries
}

fn of_projects(state: &AppState) -> Vec<Entry> {
    let dialog = |kind| Action::ShowDialog(OpenDialog::Project(kind));
    let mut entries = vec![
        Entry::new(Group::Do, "New project…", [dialog(ProjectDialog::New)]),
        Entry::new(Group::Do, "Open project…", [Action::ChooseProject]).key("Ctrl O"),
        Entry::new(Group::Do, "Open the sample project", [Action::OpenSample]),
    ];
    if let Some(project) = &state.project {
        entries.extend([
            Entry::new(Group::Do, "Rename the project…", [dialog(ProjectDialog::Rename)]),
            Entry::new(Group::Do, "Save the project as…", [dialog(ProjectDialog::SaveAs)]).also("copy"),
            Entry::new(Group::Do, "Show the project's folder", [Action::OpenFolder(project.folder.clone())]),
            Entry::new(Group::Do, "Close project", [Action::CloseProject]),
        ]);
    }
    entries.extend(projects::recent(state).map(|(recent, is_there)| {
        let look = Action::LookForProject(recent.folder.clone());
        let words = projects::recent_words(recent, is_there);
        Entry::new(Group::Projects, words, [look]).also("recent").remark(recent.folder.display().to_string())
    }));
    entries
}

/// Runs, models and labels by their names.
fn things(state: &AppState) -> Vec<Entry> {
    let mut entries = Vec::new();
    if state.project.is_some() {
        entries.extend(state.runs.records.iter().map(|run| {
            let show = [Action::Go(Screen::Runs), runs::Action::Show(run.run_dir.clone()).into()];
            Entry::new(Group::Runs, run_label(run), show).also("run").remark(model::name_of(state, &run.model))
        }));
        entries.extend(state.model.all().map(|found| {
            let show = [Action::Go(Screen::Model), model::Action::Select(found.model.clone()).into()];
            Entry::new(Group::Models, found.name.clone(), show).also("model").remark(found.place.clone())
        }));
        entries.extend(state.data.labels().into_iter().map(|label| {
            let having = data::filters::Filter::Label(Some(Having::Value(label.to_owned())));
            let show = [Action::Go(Screen::Data), data::FilterAction::Filter(having).into()];
            Entry::new(Group::Labels, label.to_owned(), show).also("label").remark("Show these examples")
        }));
    }
    entries
}

fn examples(state: &AppState) -> Vec<Entry> {
    let rows = state.found.rows.iter().map(|row| {
        let split = match row.split {
            Split::Train => "Train",
            Split::Validation => "Validation",
            Split::Test => "Test",
        };
        let words = format!("{}: {}", row.number, row.prompt);
        Entry::new(Group::Examples, words, [Action::ShowExample(row.id)]).remark(split)
    });
    let mut entries: Vec<Entry> = rows.collect();
    if state.found.num_matching > entries.len() as u64 {
        let num = crate::app::kit::format::thousands(state.found.num_matching);
        let search = data::Action::Filters(data::FilterAction::Search(state.found.words.clone()));
        entries.push(Entry::new(
            Group::Examples,
            format!("Show all {num} in the table"),
            [Action::Go(Screen::Data), search.into()],
        ));
    }
    entries
}
