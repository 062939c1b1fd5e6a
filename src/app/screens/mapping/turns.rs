//! How the turns of an example are made of columns: system message, prompt, answer, and other words for values.

use egui::{Align, Layout, Ui};

use super::edit::{self, AnswerForm};
use super::state::{ImportDialog, MappingAction};
use super::{AnyAction, Theme};
use crate::app::kit::row::to_column;
use crate::app::kit::{Button, Text, TextInput, checkbox, format, icon, line, segmented_small};
use crate::app::parts::role_look;
use crate::data::Role;
use crate::data::import::{ColumnRole, ImportPreview, Mapping};
use crate::data::mapping::shorten;

/// How much of a value is shown before its other word.
const SHOWN_CHARS: usize = 16;

/// Roles whose columns say something of a fixed list.
const RENAMED: [ColumnRole; 6] = [
    ColumnRole::Assistant,
    ColumnRole::Label,
    ColumnRole::Verdict,
    ColumnRole::Split,
    ColumnRole::User,
    ColumnRole::System,
];

fn heading(ui: &mut Ui, role: Role, name: &str, right: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height_small, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        let (mark, _, color) = role_look(theme, role);
        mark.show_sized(ui, theme.size.icon_small, color);
        ui.add(Text::caption(name).color(color));
        ui.with_layout(Layout::right_to_left(Align::Center), right);
    });
}

pub(super) fn system(ui: &mut Ui, dialog: &ImportDialog, actions: &mut Vec<AnyAction>) {
    heading(ui, Role::System, "System message", |ui| {
        ui.add(Text::small("Put before every example, may be empty"));
    });
    let mut text = dialog.request.system_message.clone();
    let field =
        TextInput::new("System message", &mut text).rows(2).hint("Such as: sort the ticket, answer with JSON only");
    if field.show(ui).changed() {
        actions.push(MappingAction::SystemMessage(text).into());
    }
}

pub(super) fn user(ui: &mut Ui, dialog: &ImportDialog, actions: &mut Vec<AnyAction>) {
    let Some(mapping) = dialog.mapping() else { return };
    let remark = match mapping.of(ColumnRole::User).count() {
        _ if !mapping.user_template.is_empty() => "A template: {column} stands for what the column says",
        0 => "Choose its column above",
        1 => "One column; a template joins several",
        _ => "Joined by line breaks; change it as you like",
    };
    heading(ui, Role::User, "User message", |ui| {
        ui.add(Text::small(remark));
    });
    let mut text = edit::user_template(mapping);
    let wrong = edit::wrong_name(mapping, &text);
    let field = TextInput::new("User message", &mut text).rows(2).mono().hint("{column}").error(wrong.as_deref());
    if field.show(ui).changed() {
        actions.push(MappingAction::UserTemplate(text).into());
    }
}

pub(super) fn answer(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let Some(mapping) = dialog.mapping() else { return };
    let form = dialog.answer_form();
    heading(ui, Role::Assistant, "Answer", |ui| {
        let options = [
            (AnswerForm::Plain, "Plain text"),
            (AnswerForm::Json, "JSON object"),
            (AnswerForm::Template, "Template"),
            (AnswerForm::ToCome, "None yet"),
        ];
        if let Some(form) = segmented_small(ui, "Answer as", &options, form) {
            actions.push(MappingAction::AnswerForm(form).into());
        }
    });
    match form {
        AnswerForm::Plain => {}
        AnswerForm::Json => drop(ui.add(Text::small("One object, the columns' names are its keys"))),
        AnswerForm::ToCome => drop(ui.add(Text::small("The prompts come in to be labelled here"))),
        AnswerForm::Template => {
            let mut text = mapping.answer_template.clone();
            let wrong = edit::wrong_name(mapping, &text);
            let field =
                TextInput::new("Answer template", &mut text).rows(2).mono().hint("{column}").error(wrong.as_deref());
            if field.show(ui).changed() {
                actions.push(MappingAction::AnswerTemplate(text).into());
            }
        }
    }
    for (column, values) in preview.columns.iter().zip(&preview.values) {
        let role = mapping.role_of(column);
        if RENAMED.contains(&role) && !values.is_empty() {
            of_column(ui, dialog, mapping, (column, values), actions);
        }
    }
}

/// A column's values, and their other words.
fn of_column(
    ui: &mut Ui,
    dialog: &ImportDialog,
    mapping: &Mapping,
    (column, values): (&str, &[(String, u64)]),
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let is_open = dialog.open_values.as_deref() == Some(column);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        let num = mapping.renames.iter().filter(|rename| rename.column == column).count();
        let words = match (is_open, num) {
            (true, _) => format!("Values of {column}"),
            (false, 0) => format!("Rename values of {column}…"),
            (false, num) => format!("Values of {column}, {num} renamed…"),
        };
        let caret = if is_open { icon::CARET_DOWN } else { icon::CARET_RIGHT };
        if ui.add(Button::link(words).icon(caret).small()).clicked() {
            let column = (!is_open).then(|| column.to_owned());
            actions.push(MappingAction::OpenValues(column).into());
        }
        if edit::are_yes_and_no(values) {
            let is_on = edit::are_booleans(mapping, column, values);
            if let Some(on) = checkbox(ui, &format!("Yes and no of {column} as true and false"), is_on) {
                actions.push(MappingAction::Booleans { column: column.to_owned(), on }.into());
            }
        }
    });
    if !is_open {
        return;
    }
    if mapping.answer_as_json && mapping.role_of(column) == ColumnRole::Assistant {
        ui.horizontal(|ui| {
            let x = ui.cursor().left() + theme.size.settings_name_width;
            ui.add(Text::small("Key in the answer"));
            to_column(ui, x);
            let mut key = mapping.key_of(column).to_owned();
            let name = format!("Key of {column}");
            if TextInput::new(&name, &mut key).mono().hint(column).show(ui).changed() {
                actions.push(MappingAction::Key { column: column.to_owned(), key }.into());
            }
        });
    }
    for (value, count) in values {
        ui.horizontal(|ui| {
            let x = ui.cursor().left() + theme.size.settings_name_width;
            ui.add(Text::body(shorten(value, SHOWN_CHARS)));
            ui.add(Text::small(format::thousands(*count)).faint());
            to_column(ui, x);
            let mut to = edit::renamed(mapping, column, value).to_owned();
            let name = format!("Other word for {value} in {column}");
            if TextInput::new(&name, &mut to).hint(value).show(ui).changed() {
                let (column, from) = (column.to_owned(), value.clone());
                actions.push(MappingAction::Rename { column, from, to }.into());
            }
        });
    }
}
