//! How the train screen looks: the form or the run, and the question before it is stopped.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2};

use super::notes::{Note, NoteKind};
use super::standing::Standing;
use super::{Action, Run, chart, form};
use crate::app::kit::{
    Button, Card, Dialog, DialogEnd, Text, Theme, dialog, format, icon, line, main_area, progress, rule, screen_header,
};
use crate::app::shell::keys;
use crate::app::{AppState, Drafts, OpenDialog, Screen};

type Actions = Vec<crate::app::Action>;

pub fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    match &state.train.run {
        Some(run) if !state.train.is_form_shown => show_run(ui, state, run, actions),
        _ => form::show(ui, state, drafts, actions),
    }
}

fn show_run(ui: &mut Ui, state: &AppState, run: &Run, actions: &mut Actions) {
    let theme = Theme::of(ui);
    screen_header(
        ui,
        "Train",
        |ui| {
            ui.add(Standing::of(state, run).badge());
            ui.add(Text::body(run.name()).soft());
        },
        |ui| buttons(ui, state, run, actions),
    );
    main_area(ui, |ui| {
        let room = ui.available_rect_before_wrap().shrink2(Vec2::new(theme.pad.screen_x, theme.pad.screen_y));
        let mut child = ui.new_child(UiBuilder::new().max_rect(room).layout(Layout::top_down(Align::Min)));
        child.spacing_mut().item_spacing.y = theme.pad.between_cards;
        figures(&mut child, state, run);
        let rest = child.available_rect_before_wrap();
        let rest = Rect::from_min_max(rest.min, room.max - Vec2::new(0.0, theme.space.xs));
        charts_and_messages(&mut child, state, run, rest, actions);
    });
}

fn buttons(ui: &mut Ui, state: &AppState, run: &Run, actions: &mut Actions) {
    if run.is_over() {
        return buttons_after(ui, state, run, actions);
    }
    let stopping = run.stopping.map(|_| "It is stopping");
    if ui.add(Button::danger("Stop…").icon(icon::SQUARE).disabled_by(stopping)).clicked() {
        actions.push(crate::app::Action::ShowDialog(OpenDialog::StopTraining));
    }
    let (words, sign, action) = match run.is_paused {
        true => ("Go on", icon::PLAY, Action::GoOn),
        false => ("Pause", icon::PAUSE, Action::Pause),
    };
    if ui.add(Button::secondary(words).icon(sign).disabled_by(stopping)).clicked() {
        actions.push(action.into());
    }
    if ui.add(Button::quiet("Next run…").hint("Next run", "The form of the next run; this one goes on")).clicked() {
        actions.push(Action::ShowForm.into());
    }
}

/// What was cut short asks to be resumed; else what came of a run is looked at.
fn is_cut_short(run: &Run) -> bool {
    run.can_go_on() && (run.is_interrupted || run.was_closed())
}

fn filled(words: &str) -> Button {
    Button::primary(words).key(keys::PRIMARY.shown)
}

/// What the filled button does while a run that has ended is shown.
pub(super) fn filled_act(state: &AppState) -> Option<crate::app::Action> {
    let run = state.train.run.as_ref().filter(|run| run.is_over())?;
    if !is_cut_short(run) {
        return Some(crate::app::Action::Go(Screen::Compare));
    }
    state.jobs.training().is_none().then(|| Action::Resume.into())
}

/// What there is to do with a run that has ended.
fn buttons_after(ui: &mut Ui, state: &AppState, run: &Run, actions: &mut Actions) {
    let go_on = run.can_go_on().then(|| run.go_on_words());
    let is_cut_short = is_cut_short(run);
    let busy = state.jobs.training().map(|_| "Another run is training");
    if let Some(words) = &go_on {
        let button = if is_cut_short { filled(words) } else { Button::secondary(words) };
        if ui.add(button.icon(icon::PLAY).disabled_by(busy)).clicked() {
            actions.push(Action::Resume.into());
        }
    }
    let compare = if is_cut_short { Button::secondary("Compare") } else { filled("Compare") };
    if ui.add(compare.icon(icon::COLUMNS)).clicked() {
        actions.push(crate::app::Action::Go(Screen::Compare));
    }
    if ui.add(Button::secondary("New run")).clicked() {
        actions.push(Action::ShowForm.into());
    }
    if let Some(folder) = &run.run_dir
        && ui.add(Button::secondary("Show in folder").icon(icon::FOLDER_OPEN)).clicked()
    {
        actions.push(crate::app::Action::OpenFolder(folder.clone()));
    }
}

/// Step, epoch, time left, validation loss, speed, memory; under them how far it is.
fn figures(ui: &mut Ui, state: &AppState, run: &Run) {
    let theme = Theme::of(ui);
    let step = run.num_steps_done();
    let num_steps = run.num_steps();
    let epoch = run.steps.last().map_or(0.0, |step| step.epoch);
    let epochs = run.recipe.training.num_train_epochs;
    let of_steps = if num_steps > 0 { format!("of {}", format::thousands(num_steps as u64)) } else { String::new() };
    let now = run.evaluations.last().map_or_else(|| "–".to_owned(), |e| format::loss(e.eval_loss));
    let best = run.best().map_or_else(String::new, |best| format!("best {}", format::loss(best.eval_loss)));
    let (left_name, left) = match (run.is_over(), run.secs_left()) {
        (true, _) => ("Took", format::duration(run.secs())),
        (false, Some(secs)) => ("Left", format::time_left(secs)),
        (false, None) => ("Left", "–".to_owned()),
    };
    let speed = run.tokens_per_sec().map_or_else(|| "–".to_owned(), format::speed);
    // After the run, what the program takes is another matter.
    let memory = if run.is_over() { 0 } else { state.machine.memory_used };
    let estimate = state
        .train
        .preview
        .as_ref()
        .map_or_else(String::new, |p| format!("of {} GB estimated", format::gigabytes(p.memory.total())));
    let cells = [
        ("Step", format::thousands(step as u64), of_steps),
        ("Epoch", format!("{epoch:.2}"), format!("of {}", format::rate(epochs))),
        (left_name, left, String::new()),
        ("Validation loss", now, best),
        ("Speed", speed, "tokens/s".to_owned()),
        ("Memory", if memory > 0 { format!("{} GB", format::gigabytes(memory)) } else { "–".to_owned() }, estimate),
    ];
    Card::new().large().slim().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        spread(ui, &cells);
        ui.add_space(theme.space.s + theme.space.xxs);
        let share = (num_steps > 0).then(|| step as f32 / num_steps as f32);
        progress(ui, "Training", share, ui.available_width());
    });
}

/// Figures side by side, as wide as their words, with even gaps between them.
fn spread(ui: &mut Ui, cells: &[(&str, String, String)]) {
    let theme = Theme::of(ui);
    let height = theme.type_scale.line_small + theme.type_scale.line_title;
    let (row, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    // Widths of the last frame: they change only with the number of digits.
    let id = ui.scope_id().with("figures");
    let widths: Vec<f32> = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let taken: f32 = widths.iter().sum();
    let gap = ((row.width() - taken) / (cells.len() as f32 - 1.0)).max(theme.space.s);
    let mut left = row.left();
    let mut new = Vec::with_capacity(cells.len());
    for (i, (name, value, remark)) in cells.iter().enumerate() {
        let rect = Rect::from_min_max(egui::pos2(left, row.top()), row.max);
        let mut cell = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)).id_salt(i));
        cell.spacing_mut().item_spacing = Vec2::new(theme.space.s, 0.0);
        cell.add(Text::small(*name));
        let shown = cell.horizontal(|ui| {
            ui.set_height(theme.type_scale.line_title);
            ui.add(Text::title(value));
            if !remark.is_empty() {
                ui.add(Text::small(remark).faint());
            }
        });
        let width = shown.response.rect.width().ceil();
        new.push(width);
        left += widths.get(i).copied().unwrap_or(width) + gap;
    }
    if new != widths {
        ui.data_mut(|data| data.insert_temp(id, new));
        ui.ctx().request_repaint();
    }
}

/// The shares of the row: loss, the two small charts, messages.
fn charts_and_messages(ui: &mut Ui, state: &AppState, run: &Run, rect: Rect, actions: &mut Actions) {
    let theme = Theme::of(ui);
    let gap = theme.pad.between_cards;
    let messages = (rect.width() * 0.29).clamp(theme.size.side_panel_min - theme.space.l, theme.size.side_panel_width);
    let small = (rect.width() * 0.19).min(theme.size.side_panel_min);
    let loss = rect.width() - messages - small - 2.0 * gap;
    let place = |left: f32, width: f32| {
        Rect::from_min_size(egui::pos2(rect.left() + left, rect.top()), Vec2::new(width, rect.height()))
    };
    if loss < theme.size.side_panel_min {
        // No room for three: the small charts stand below the messages.
        let loss = rect.width() - messages - gap;
        chart::loss(ui, state, run, place(0.0, loss), actions);
        let (upper, lower) = place(loss + gap, messages).split_top_bottom_at_fraction(0.5);
        messages_card(ui, run, upper.with_max_y(upper.bottom() - gap / 2.0));
        let (left, right) = lower.with_min_y(lower.top() + gap / 2.0).split_left_right_at_fraction(0.5);
        chart::learning_rate(ui, run, left.with_max_x(left.right() - gap / 2.0));
        chart::gradient_norm(ui, run, right.with_min_x(right.left() + gap / 2.0));
        return;
    }
    chart::loss(ui, state, run, place(0.0, loss), actions);
    let column = place(loss + gap, small);
    let half = (column.height() - gap) / 2.0;
    let upper = Rect::from_min_size(column.min, Vec2::new(small, half));
    chart::learning_rate(ui, run, upper);
    chart::gradient_norm(ui, run, upper.translate(Vec2::new(0.0, half + gap)));
    messages_card(ui, run, place(loss + small + 2.0 * gap, messages));
}

fn messages_card(ui: &mut Ui, run: &Run, rect: Rect) {
    let theme = Theme::of(ui);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("messages"));
    Card::new().flush().min_height(rect.height()).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let inset = |ui: &mut Ui, content: &mut dyn FnMut(&mut Ui)| {
            let sides = egui::Margin::symmetric(theme.pad.card as i8, 0);
            egui::Frame::new().inner_margin(sides).show(ui, |ui| content(ui));
        };
        inset(ui, &mut |ui| {
            line(ui, theme.size.settings_row_height - theme.space.s, |ui| {
                ui.add(Text::strong("Messages"));
            })
        });
        rule(ui);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for (i, note) in run.notes.iter().enumerate() {
                if i > 0 {
                    rule(ui);
                }
                inset(ui, &mut |ui| message(ui, note));
            }
            if run.notes.is_empty() {
                ui.add_space(theme.space.s);
                inset(ui, &mut |ui| {
                    ui.add(Text::small("What happens in the run is told here").faint().wrapped());
                });
            }
        });
    });
}

fn message(ui: &mut Ui, note: &Note) {
    let theme = Theme::of(ui);
    let (sign, color) = match note.kind() {
        NoteKind::Rising | NoteKind::Warning | NoteKind::Interrupted => (icon::WARNING.filled(), theme.status.warning),
        NoteKind::Best => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        NoteKind::Ended => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        NoteKind::Failed => (icon::X_CIRCLE.filled(), theme.status.error),
        NoteKind::Started | NoteKind::WentOn | NoteKind::Checkpoint => (icon::INFO.filled(), theme.status.running),
    };
    ui.add_space(theme.space.s);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        sign.show(ui, color);
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            ui.add(Text::small(&note.at).faint());
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.add(Text::body(&note.title).wrapped());
                if !note.text.is_empty() {
                    ui.add(Text::small(&note.text).wrapped());
                }
            });
        });
    });
    ui.add_space(theme.space.s);
}

/// Go on, stop and keep, stop and discard.
pub fn stop_dialog(ui: &Ui, state: &AppState, actions: &mut Actions) {
    let run = state.train.run.as_ref();
    let step = run.map_or(0, Run::num_steps_done);
    let step = format::thousands(step as u64);
    let best = run.and_then(Run::best).filter(|best| best.step > 0);
    let mut discard = false;
    let (end, ()) = Dialog::new("stop training", "Stop training?").cancel("Go on").primary("Stop and keep", None::<&str>).show(
        ui.ctx(),
        |ui| {
            dialog::body(ui, |ui| {
                ui.add(Text::body(format!("The run has done {step} steps. What it learned can be kept: the weights of the last step are written, and the run can resume from them later")).soft().wrapped());
                if let Some(best) = best {
                    let words = format!("The best weights so far, of step {}, are on the disk either way", format::thousands(best.step));
                    ui.add(Text::body(words).soft().wrapped());
                }
            });
        },
        |ui| {
            let button = Button::danger("Stop and discard").hint("Stop and discard", "What was learned since the last checkpoint is dropped");
            discard = ui.add(button).clicked();
        },
    );
    if discard {
        actions.push(Action::Stop { save: false }.into());
    } else if end == DialogEnd::Confirmed {
        actions.push(Action::Stop { save: true }.into());
    } else if end == DialogEnd::Cancelled {
        actions.push(crate::app::Action::CloseDialog);
    }
}
