//! A path that is typed, where the desktop has no file dialog: with what lies there as one types.

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers, ScrollArea, Ui};

use super::files::{PathAsked, PickKind, Then};
use super::kit::row::place;
use super::kit::{Dialog, DialogEnd, Text, TextInput, Theme, dialog, icon, menu_item};
use super::paths::{self, Completion};
use super::{Action as AnyAction, AppState, Cx, Drafts, OpenDialog};
use crate::data::files::examples_in;

/// What a person did in the dialog, and what the disk says to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The text is another one.
    Typed,
    Completed {
        text: String,
        found: Vec<Completion>,
    },
    /// Takes the path, also in place of a file that is there.
    Confirm,
    Refused(Refusal),
    Chosen(Vec<PathBuf>),
    Close,
}

/// Why a path can't be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    why: String,
    /// A file is there, and could be replaced.
    may_replace: bool,
}

/// What is typed, and what was found for it.
#[derive(Debug, Default)]
pub struct PathDraft {
    pub text: String,
    found: Vec<Completion>,
    /// Which of what was found the arrow keys are at.
    row: Option<usize>,
    refusal: Option<Refusal>,
    /// The dialog that asked.
    behind: Option<OpenDialog>,
}

impl PathDraft {
    /// Why the path can't be taken.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_ref().map(|refusal| refusal.why.as_str())
    }

    /// How the text may continue.
    pub fn found(&self) -> &[Completion] {
        &self.found
    }
}

pub fn open(state: &mut AppState, drafts: &mut Drafts, asked: PathAsked, cx: &Cx<'_>) {
    let text = match &asked.pick.kind {
        PickKind::Save { name } => format!("~/{name}"),
        _ => "~/".to_owned(),
    };
    drafts.path = PathDraft { text, behind: state.dialog.take(), ..PathDraft::default() };
    state.dialog = Some(OpenDialog::Path(asked));
    look(&drafts.path, cx);
}

/// What follows from a path that was taken is given back.
pub fn update(state: &mut AppState, drafts: &mut Drafts, action: Action, cx: &Cx<'_>) -> Option<AnyAction> {
    let Some(OpenDialog::Path(asked)) = &state.dialog else { return None };
    let draft = &mut drafts.path;
    match action {
        Action::Typed => {
            (draft.refusal, draft.row) = (None, None);
            look(draft, cx);
        }
        Action::Completed { text, found } if text == draft.text => draft.found = found,
        // It is for a text that has changed since.
        Action::Completed { .. } => {}
        Action::Confirm => {
            let (asked, path) = (asked.clone(), paths::meant(&draft.text));
            let replaces = draft.refusal.as_ref().is_some_and(|refusal| refusal.may_replace);
            cx.files.run(move || {
                Some(AnyAction::Path(match check(&asked, path, replaces) {
                    Ok(chosen) => Action::Chosen(chosen),
                    Err(refusal) => Action::Refused(refusal),
                }))
            });
        }
        Action::Refused(refusal) => draft.refusal = Some(refusal),
        Action::Close => state.dialog = draft.behind.take(),
        Action::Chosen(chosen) => {
            let then = asked.then;
            state.dialog = draft.behind.take();
            return match then {
                Then::One(then) => chosen.into_iter().next().map(then),
                Then::Several(then) => Some(then(chosen)),
            };
        }
    }
    None
}

fn look(draft: &PathDraft, cx: &Cx<'_>) {
    let text = draft.text.clone();
    cx.files.run(move || {
        let found = paths::complete(&text);
        Some(AnyAction::Path(Action::Completed { text, found }))
    });
}

/// The files that the path stands for. Looks at the disk: not for the window's thread.
fn check(asked: &PathAsked, path: PathBuf, replaces: bool) -> Result<Vec<PathBuf>, Refusal> {
    let refused = |why: String| Err(Refusal { why, may_replace: false });
    let shown = path.display();
    match &asked.pick.kind {
        PickKind::Save { .. } => match path.parent() {
            _ if path.is_dir() => refused("This is a folder: type the file's name, too".to_owned()),
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
                refused(format!("There is no folder {}", parent.display()))
            }
            _ if path.exists() && !replaces => {
                Err(Refusal { why: format!("{shown} is there already"), may_replace: true })
            }
            _ => Ok(vec![path]),
        },
        _ if !path.exists() => refused(format!("{shown} does not exist")),
        PickKind::Folder if !path.is_dir() => refused(format!("{shown} is a file, but a folder is needed")),
        PickKind::Open { .. } if path.is_dir() => match asked.then {
            Then::Several(_) => match examples_in(&path).files {
                files if files.is_empty() => refused(format!("{shown} has no files with examples in it")),
                files => Ok(files),
            },
            Then::One(_) => refused(format!("{shown} is a folder, but a file is needed")),
        },
        PickKind::Open { endings, .. } if !has_ending(&path, endings) => {
            refused(format!("Its name must end in {}", endings.join(", ")))
        }
        _ => Ok(vec![path]),
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    endings.is_empty() || endings.contains(&ending.as_str())
}

pub fn show(ui: &mut Ui, asked: &PathAsked, draft: &mut PathDraft, actions: &mut Vec<AnyAction>) {
    let may_replace = draft.refusal.as_ref().is_some_and(|refusal| refusal.may_replace);
    let words = match &asked.pick.kind {
        PickKind::Save { .. } if may_replace => "Replace",
        PickKind::Save { .. } => "Save",
        _ => "Open",
    };
    let refused = draft.refusal.as_ref().filter(|_| !may_replace).map(|refusal| refusal.why.clone());
    let reason = if draft.text.trim().is_empty() { Some("Type a path first".to_owned()) } else { refused };
    let frame = Dialog::new("path", asked.pick.title).icon(icon::FOLDER_OPEN).primary(words, reason);
    let mut mine = Vec::new();
    let (end, ()) = frame.show(ui.ctx(), |ui| dialog::body(ui, |ui| body(ui, draft, &mut mine)), |_| {});
    match end {
        DialogEnd::Confirmed => mine.push(Action::Confirm),
        DialogEnd::Cancelled => mine.push(Action::Close),
        DialogEnd::StillOpen => {}
    }
    actions.extend(mine.into_iter().map(AnyAction::Path));
}

fn body(ui: &mut Ui, draft: &mut PathDraft, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    ui.add(
        Text::body("This desktop has no file dialog. On Linux they come with xdg-desktop-portal or zenity.")
            .soft()
            .wrapped(),
    );
    let id = place("typed path");
    let has_focus = ui.memory(|memory| memory.has_focus(id));
    let chosen = if has_focus { take_keys(ui, draft) } else { None };
    let is_taken = chosen.is_some();
    if let Some(text) = chosen {
        draft.text = text;
        to_end(ui, id, draft.text.chars().count());
        actions.push(Action::Typed);
    }
    let refusal = draft.refusal.as_ref().map(|refusal| refusal.why.clone());
    let field = TextInput::new("Path", &mut draft.text).mono().id(id).error(refusal.as_deref()).show(ui);
    if field.changed() {
        actions.push(Action::Typed);
    }
    if field.has_focus() {
        // Tab leaves the field once there is nothing to complete.
        let tab = paths::common_start(&draft.text, &draft.found).is_some();
        let filter = egui::EventFilter { tab, horizontal_arrows: true, vertical_arrows: true, escape: false };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    }
    if field.lost_focus() && !is_taken && ui.input(|input| input.key_pressed(Key::Enter)) {
        actions.push(Action::Confirm);
        field.request_focus();
    } else if ui.memory(|memory| memory.focused().is_none()) {
        field.request_focus();
    }
    let height = theme.size.row_height * 6.0;
    ui.allocate_ui(egui::Vec2::new(ui.available_width(), height), |ui| {
        ui.set_min_height(height);
        ScrollArea::vertical().id_salt("found").auto_shrink(false).max_height(height).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for at in 0..draft.found.len() {
                if menu_item(ui, &draft.found[at].text, draft.row == Some(at)).clicked() {
                    draft.text = draft.found[at].text.clone();
                    to_end(ui, id, draft.text.chars().count());
                    field.request_focus();
                    actions.push(Action::Typed);
                }
            }
            if draft.found.is_empty() {
                ui.add(Text::small("Nothing there begins so").faint());
            }
        });
    });
}

/// Tab takes what all that was found begin with; the arrows go through it, and Enter takes one.
fn take_keys(ui: &Ui, draft: &mut PathDraft) -> Option<String> {
    let common = paths::common_start(&draft.text, &draft.found);
    let last = draft.found.len().checked_sub(1)?;
    ui.input_mut(|input| {
        if common.is_some() && input.consume_key(Modifiers::NONE, Key::Tab) {
            return common;
        }
        if input.consume_key(Modifiers::NONE, Key::ArrowDown) {
            draft.row = Some(draft.row.map_or(0, |row| (row + 1).min(last)));
        }
        if input.consume_key(Modifiers::NONE, Key::ArrowUp) {
            draft.row = draft.row.and_then(|row| row.checked_sub(1));
        }
        let row = draft.row.filter(|_| input.key_pressed(Key::Enter))?;
        input.consume_key(Modifiers::NONE, Key::Enter);
        draft.found.get(row).map(|found| found.text.clone())
    })
}

/// Puts the caret where the completion ends.
fn to_end(ui: &Ui, id: egui::Id, num_chars: usize) {
    let mut state = egui::TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
    let end = egui::text::CCursor::new(num_chars);
    state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
    state.store(ui.ctx(), id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::files::FilePick;

    fn asked(kind: PickKind, is_several: bool) -> PathAsked {
        let one = Then::One(AnyAction::OpenPath);
        let several = Then::Several(AnyAction::OpenPaths);
        PathAsked { pick: FilePick { title: "t", kind }, then: if is_several { several } else { one } }
    }

    #[test]
    fn a_path_is_taken_or_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        crate::fs::write_atomic(&file, b"x").unwrap();
        let why = |asked: &PathAsked, path: &Path| check(asked, path.to_owned(), false).unwrap_err().why;
        let table = asked(PickKind::Open { name: "Tables", endings: &["csv"] }, true);
        assert_eq!(check(&table, file.clone(), false), Ok(vec![file.clone()]));
        assert_eq!(check(&table, folder.path().to_owned(), false), Ok(vec![file.clone()]));
        assert!(why(&table, &folder.path().join("b.csv")).ends_with("b.csv does not exist"));
        let recipe = asked(PickKind::Open { name: "Recipes", endings: &["toml"] }, false);
        assert_eq!(why(&recipe, &file), "Its name must end in toml");
        assert!(why(&recipe, folder.path()).ends_with("is a folder, but a file is needed"));
        assert!(why(&asked(PickKind::Folder, false), &file).ends_with("is a file, but a folder is needed"));
        let save = asked(PickKind::Save { name: "b.csv".to_owned() }, false);
        assert_eq!(why(&save, folder.path()), "This is a folder: type the file's name, too");
        assert!(why(&save, &folder.path().join("no/b.csv")).starts_with("There is no folder"));
        let refusal = check(&save, file.clone(), false).unwrap_err();
        assert!(refusal.may_replace && refusal.why.ends_with("a.csv is there already"));
        assert_eq!(check(&save, file.clone(), true), Ok(vec![file]));
    }
}
