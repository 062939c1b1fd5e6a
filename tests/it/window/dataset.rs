//! A data set of the Hub through the window, from its name to its rows, over the real engine and a server on this machine.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use tunewright::app::OpenDialog;

use super::harness::Studio;
use crate::hub_dataset::{files, manners};
use crate::hub_server::{Hub, Manners, sources};

fn studio(hub: &Hub) -> Studio {
    Studio::open_with(None, |models| sources(hub, models))
}

/// The answer is a job of its own; it may take longer than a click.
fn look_up(studio: &mut Studio, name: &str) {
    studio.type_into("Name of the data set", name);
    studio.key(Modifiers::NONE, Key::Enter);
    studio.settle();
}

#[test]
fn a_data_set_is_looked_up_chosen_downloaded_and_mapped() {
    let hub = Hub::serve(&files(), manners());
    let mut studio = studio(&hub);
    assert!(studio.is_shown("Take a public data set"));
    studio.click(Role::Button, "From the Hub…");
    assert!(studio.is_shown("nothing of yours is uploaded") && hub.asked().is_empty());
    look_up(&mut studio, "org/banking");
    assert!(studio.is_shown("Licence cc-by-4.0") && studio.is_shown("80 rows"));
    assert!(studio.is_shown("Files that can't be read here are left out: 1 .arrow"));

    // One split fewer; the other one is split.
    studio.click(Role::CheckBox, "test");
    assert!(studio.is_shown("50 rows"));
    studio.click(Role::CheckBox, "test");
    studio.click(Role::ComboBox, "test goes to");
    studio.click(Role::MenuItem, "Validation");
    studio.click(Role::CheckBox, "Only the first rows of each split");
    studio.type_into("Rows of each split", "20");
    studio.key(Modifiers::NONE, Key::Tab);
    assert!(studio.is_shown("40 rows, at most"));
    studio.click(Role::Button, "Download 2 splits");
    studio.wait_for_preview();
    assert_eq!(studio.shell().state.dialog, Some(OpenDialog::Import));
    assert!(
        studio.is_shown("banking (main) · train (first 20) and 1 more") && studio.is_shown("As chosen for each split")
    );
    studio.confirm_import();
    let counts = studio.shell().state.project.as_ref().unwrap().counts;
    assert_eq!((counts.train, counts.validation, counts.test), (20, 20, 0));
}

#[test]
fn a_failure_stays_in_the_dialog_with_what_to_do() {
    let hub = Hub::serve(&files(), Manners { gate: Some("right"), ..manners() });
    let mut studio = studio(&hub);
    studio.click(Role::Button, "From the Hub…");
    look_up(&mut studio, "no name");
    assert!(studio.is_shown("isn't the name of a data set"));
    look_up(&mut studio, "org/banking");
    assert!(studio.is_shown("Gated: its owners want to know who downloads it"));
    studio.key(Modifiers::COMMAND, Key::Enter);
    studio.settle();
    assert!(studio.is_shown("Accept its conditions on") && studio.shell().state.dialog == Some(OpenDialog::Dataset));
    assert!(studio.shell().state.mapping.dialog.is_none());
    studio.key(Modifiers::NONE, Key::Escape);
    assert_eq!(studio.shell().state.dialog, None);
}
