//! The import dialog for tables, files that can't be read, and paths that are typed, by their accessible labels.

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, PointerButton};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::files::{FilePick, PathAsked, PickKind, Then};
use tunewright::app::{Action, OpenDialog};
use tunewright::data::files::ENDINGS;
use tunewright::data::import::ColumnRole;
use tunewright::project::Project;

use super::harness::{Studio, dialog};

/// The preview is of what the dialog shows.
fn look(studio: &mut Studio) {
    studio.wait("the preview", |shell| {
        dialog(shell).is_some_and(|dialog| dialog.is_current() && dialog.preview.is_some())
    });
    studio.wait("the count", |shell| shell.state.jobs.iter().next().is_none());
}

fn open(studio: &mut Studio, name: &str, text: &str) {
    let path = studio.write(name, text);
    studio.act(Action::OpenPath(path));
    studio.wait("the dialog", |shell| dialog(shell).is_some());
    look(studio);
}

fn role(studio: &Studio, column: &str) -> Option<String> {
    studio.harness.get_by_role_and_label(Role::ComboBox, &format!("Role of {column}")).value()
}

fn choose(studio: &mut Studio, column: &str, role: &str) {
    studio.click_now(Role::ComboBox, &format!("Role of {column}"));
    studio.click_now(Role::MenuItem, role);
    look(studio);
}

/// Also what has to be scrolled to.
fn press(studio: &mut Studio, role: Role, label: &str) {
    studio.scroll_to(role, label);
    studio.click_now(role, label);
}

const ANFRAGEN: &str = "Nr,Kunde,Frage,Kategorie,Antwort,Datum,dringend\n\
    1,Meier,Wo ist mein Paket heute?,Lieferung,Es kommt morgen bei Ihnen an.,01.03.2026,ja\n\
    2,Meier,Wann kommt die Rechnung denn?,Rechnung,Sie ist in der Post.,02.03.2026,nein\n\
    3,Kunz,Kann ich mein Konto noch schließen?,Konto,Ja das können Sie.,03.03.2026,nein\n\
    4,Kunz,Wo ist mein anderes Paket?,Lieferung,Auch das kommt morgen.,04.03.2026,ja\n\
    5,Hinz,,Konto,Niemand hat gefragt.,05.03.2026,ja\n";

#[test]
fn a_german_table_needs_no_choice_and_takes_every_role() {
    let mut studio = Studio::open(None);
    open(&mut studio, "anfragen.csv", ANFRAGEN);
    for (column, expected) in [
        ("Nr", "Id"),
        ("Kunde", "Group"),
        ("Frage", "User"),
        ("Kategorie", "Label"),
        ("Antwort", "Answer"),
        ("Datum", "Date"),
        ("dringend", "Not used"),
    ] {
        assert_eq!(role(&studio, column).as_deref(), Some(expected), "{column}");
    }
    assert!(studio.is_shown("Guessed from names and content"));
    assert!(studio.is_shown("Left out: 1 row has no Frage"));
    assert!(!studio.is_disabled("Import 4 examples"));

    // A template, other words for values, and yes and no as true and false: shown as they are chosen.
    choose(&mut studio, "Kategorie", "Answer");
    choose(&mut studio, "dringend", "Answer");
    choose(&mut studio, "Antwort", "Note");
    studio.click_now(Role::RadioButton, "JSON object");
    look(&mut studio);
    press(&mut studio, Role::CheckBox, "Yes and no of dringend as true and false");
    press(&mut studio, Role::Button, "Rename values of Kategorie…");
    studio.type_into("Other word for Lieferung in Kategorie", "delivery");
    studio.type_into("Key of Kategorie", "topic");
    studio.multiline("User message", "Kunde {Kunde} fragt: {Frage}");
    look(&mut studio);
    assert!(studio.is_shown(r#"{"topic": "delivery", "dringend": true}"#), "the live example");
    assert!(studio.is_shown("Kunde Meier fragt: Wo ist mein Paket heute?"));
    assert_eq!(role(&studio, "Kunde").as_deref(), Some("Group"), "it is in the template, and still the group");
    assert!(dialog(studio.shell()).unwrap().request.keep_groups && studio.is_shown("Keep groups together"));
    studio.confirm_import();
    let stored = Project::open(&studio.project()).unwrap().example(1).unwrap();
    assert_eq!(stored.example.answer(), Some(r#"{"topic": "delivery", "dringend": true}"#));
    let beside = stored.annotations;
    assert_eq!((beside.row_id.as_deref(), beside.group.as_deref()), (Some("1"), Some("Meier")));
    assert_eq!(beside.notes, "Es kommt morgen bei Ihnen an.");
    assert!(studio.is_shown("Meier"), "the group stands beside the example");
}

#[test]
fn a_name_in_a_template_that_is_no_column_stops_the_import() {
    let mut studio = Studio::open(None);
    open(&mut studio, "anfragen.csv", ANFRAGEN);
    studio.multiline("User message", "{Frge}");
    assert!(studio.is_shown("{Frge} isn't a column of this file"));
    studio.wait("the answer", |shell| shell.state.jobs.iter().next().is_none());
    let problem = dialog(studio.shell()).unwrap().problem();
    assert_eq!(problem.as_deref(), Some("{Frge} isn't a column of this file"));
    studio.multiline("User message", "{Frage}");
    look(&mut studio);
    assert_eq!(dialog(studio.shell()).unwrap().problem(), None);
}

#[test]
fn what_is_unsure_is_left_open_and_the_button_is_off() {
    let mut studio = Studio::open(None);
    let row =
        |n: usize| format!("this is one text number {n},and this is another text number {n},{}\n", ["x", "y"][n % 2]);
    open(&mut studio, "odd.csv", &format!("alpha,beta,gamma\n{}", (0..8).map(row).collect::<String>()));
    assert_eq!(role(&studio, "alpha").as_deref(), Some("Not used"));
    assert_eq!(role(&studio, "gamma").as_deref(), Some("Label"), "few values that come again aren't an answer");
    assert!(studio.is_shown("Choose which column holds the prompt") && studio.is_disabled("Import 0 examples"));
    choose(&mut studio, "alpha", "User");
    assert!(studio.is_shown("Choose which column holds the answer") && studio.is_disabled("Import 8 examples"));
    // Prompts that are still to be labelled are a choice of their own.
    studio.click_now(Role::RadioButton, "None yet");
    look(&mut studio);
    assert!(!studio.is_disabled("Import 8 examples"));
    choose(&mut studio, "beta", "Answer");
    assert!(!studio.is_disabled("Import 8 examples"));
    assert!(dialog(studio.shell()).unwrap().mapping().unwrap().has(ColumnRole::Assistant));
}

#[test]
fn a_file_with_nothing_in_it_has_a_small_dialog_and_a_way_on() {
    let mut studio = Studio::open(None);
    for (name, bytes, words) in [
        ("empty.csv", "", "empty.csv is empty"),
        ("head.csv", "question,answer\n", "has a header (question, answer), but no rows"),
        ("picture.jsonl", "\u{89}PNG\r\n\u{1a}\n\0\0\0", "picture.jsonl"),
    ] {
        let path = studio.write(name, bytes);
        studio.act(Action::OpenPath(path));
        studio.wait("the failure", |shell| dialog(shell).is_some_and(|dialog| dialog.failure.is_some()));
        assert!(studio.is_shown(&format!("{name} can't be imported")) && studio.is_shown(words), "{name}");
        assert!(!studio.is_disabled("Other file…"), "{name}");
        assert!(studio.harness.query_by_role_and_label(Role::Button, "Import 0 examples").is_none());
        studio.key(Modifiers::NONE, Key::Escape);
        assert!(studio.shell().state.dialog.is_none());
    }
}

#[test]
fn where_there_is_no_file_dialog_a_path_is_typed() {
    let mut studio = Studio::open(None);
    let path = studio.write("fragen/anfragen.csv", ANFRAGEN);
    let folder = path.parent().unwrap().parent().unwrap().display().to_string();
    let pick = FilePick { title: "Import examples", kind: PickKind::Open { name: "Examples", endings: ENDINGS } };
    studio.act(Action::AskPath(PathAsked { pick, then: Then::Several(|files| Action::Import(files.into())) }));
    assert!(matches!(studio.shell().state.dialog, Some(OpenDialog::Path(_))));
    studio.type_into("Path", &format!("{folder}/nothing.csv"));
    studio.key(Modifiers::NONE, Key::Enter);
    studio.wait("the refusal", |shell| shell.drafts.path.refusal().is_some());
    assert!(studio.is_shown("nothing.csv does not exist"));
    // Tab goes on with what lies there; Enter opens it.
    studio.type_into("Path", &format!("{folder}/frag"));
    let completed = format!("{folder}/fragen/");
    studio.wait("what lies there", |shell| shell.drafts.path.found().iter().any(|found| found.text == completed));
    studio.key(Modifiers::NONE, Key::Tab);
    assert_eq!(studio.shell().drafts.path.text, completed);
    studio.type_into("Path", &path.display().to_string());
    studio.key(Modifiers::NONE, Key::Enter);
    studio.wait("the import dialog", |shell| dialog(shell).is_some());
    look(&mut studio);
    assert!(studio.is_shown("Import anfragen.csv"));
}

/// Press and release in one frame, as a tap on a touch pad.
fn tap(studio: &mut Studio, role: Role, label: &str) {
    let at = studio.harness.get_by_role_and_label(role, label).rect().center();
    let button =
        |pressed| Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE };
    studio.harness.input_mut().events.extend([Event::PointerMoved(at), button(true), button(false)]);
    studio.harness.step();
    studio.harness.run_steps(3);
}

#[test]
fn a_tap_opens_the_roles_of_a_column() {
    let mut studio = Studio::open(None);
    open(&mut studio, "anfragen.csv", ANFRAGEN);
    for (column, new) in [("dringend", "Note"), ("Nr", "Note")] {
        tap(&mut studio, Role::ComboBox, &format!("Role of {column}"));
        tap(&mut studio, Role::MenuItem, new);
        look(&mut studio);
        assert_eq!(role(&studio, column).as_deref(), Some(new));
    }
}

#[test]
fn esc_closes_one_thing_and_choices_come_back() {
    let mut studio = Studio::open(None);
    open(&mut studio, "anfragen.csv", ANFRAGEN);
    choose(&mut studio, "dringend", "Note");
    press(&mut studio, Role::Button, "Show");
    assert!(dialog(studio.shell()).unwrap().shows_rejected);
    studio.key(Modifiers::NONE, Key::Escape);
    assert!(dialog(studio.shell()).is_some_and(|dialog| !dialog.shows_rejected), "only the list is closed");
    studio.key(Modifiers::NONE, Key::Escape);
    assert!(dialog(studio.shell()).is_none());
    open(&mut studio, "anfragen.csv", ANFRAGEN);
    assert_eq!(role(&studio, "dringend").as_deref(), Some("Note"), "what was chosen is gone");
}
