//! Import of several files, of the same file again, of a large file; export of the data: by their accessible labels.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use tunewright::app::screens::data;
use tunewright::app::screens::data::export_dialog::ExportAction;
use tunewright::data::read_all;
use tunewright::task::Unwatched;

use crate::window_data::Studio;

/// Opens the entry of the menu behind the header's dots.
fn from_menu(studio: &mut Studio, entry: &str) {
    studio.click(Role::Button, "More for the data");
    studio.click(Role::MenuItem, entry);
}

#[test]
fn what_the_filters_show_is_exported_and_what_the_shape_cant_hold_is_told() {
    let mut studio = Studio::with_examples(12, None);
    studio.type_into("Search text", "question 1");
    studio.wait("the rows", |shell| shell.state.data.rows.num_matching() == Some(4));
    studio.settle();
    from_menu(&mut studio, "Export data…");
    assert!(studio.is_shown("Export 4 examples…"), "question 1, 10, 11, 12");
    studio.click(Role::ComboBox, "Shape");
    studio.click(Role::MenuItem, "Prompt and completion (CSV)");
    studio.click(Role::RadioButton, "gzip");

    // The system's file dialog can't be clicked here: this is what it answers.
    let to = studio.write("shown.csv.gz", "in the way");
    studio.act(data::Action::Export(ExportAction::Write(to.clone())));
    studio.settle();
    assert!(studio.is_shown("4 examples written to"), "{}", studio.shell().state.status);
    let examples = read_all(&to, &Unwatched).unwrap();
    assert_eq!(
        examples.iter().map(|e| e.messages[1].content.as_str()).collect::<Vec<_>>(),
        ["question 1", "question 10", "question 11", "question 12"]
    );

    studio.click(Role::RadioButton, "All 12");
    studio.click(Role::ComboBox, "Shape");
    studio.click(Role::MenuItem, "Text and label (CSV)");
    studio.act(data::Action::Export(ExportAction::Write(to)));
    studio.settle();
    assert!(studio.is_shown("12 examples left out") && studio.is_shown("it has a system message"));
    studio.key(Modifiers::NONE, Key::Escape);
    assert!(studio.shell().state.data.export.is_none());
}
