//! Asks before held-out examples are trained on.

use egui::Context;

use crate::app::Action as AnyAction;
use crate::app::kit::{Dialog, DialogEnd, Text, dialog, format};
use crate::app::screens::data::action::DialogAction;

/// Examples on their way into training.
#[derive(Debug, Clone, PartialEq)]
pub struct Moving {
    pub ids: Vec<i64>,
    /// Among them; `None` until the store has counted them.
    pub num_held_out: Option<u64>,
}

pub(super) fn show(ctx: &Context, moving: &Moving, actions: &mut Vec<AnyAction>) {
    let Some(num) = moving.num_held_out.filter(|num| *num > 0) else { return };
    let who = match num {
        1 => "This example is held out: a score that was measured on it".to_owned(),
        n => format!("These {} are held out: a score that was measured on them", format::thousands(n)),
    };
    let text = format!("{who} before can't be compared with later ones any more.");
    let words = format!("Move {} into training", if moving.ids.len() == 1 { "it" } else { "them" });
    let dialog = Dialog::new("move", "Train on held-out examples?").careful();
    let (end, ()) = dialog.primary(&words, None::<&str>).show(
        ctx,
        |ui| dialog::body(ui, |ui| drop(ui.add(Text::body(text).wrapped()))),
        |ui| {
            let num_all = moving.ids.len() as u64;
            if num_all > num {
                let all = format::count(num_all, "example", "examples");
                ui.add(Text::body(format!("{} of {all} are held out", format::thousands(num))).soft());
            }
        },
    );
    match end {
        DialogEnd::Confirmed => actions.push(DialogAction::Move.into()),
        DialogEnd::Cancelled => actions.push(DialogAction::Close.into()),
        DialogEnd::StillOpen => {}
    }
}
