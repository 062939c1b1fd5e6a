//! The keyboard: the focus ring, shown once a key was used and gone with the next click; and who has the keyboard when
//! what had it is gone, so that the next key always does something.

use egui::{Context, Event, Id, Key, Order, Rect, Response, Stroke, StrokeKind, Ui, WidgetRect};

use super::theme::Theme;

fn memory_id() -> Id {
    Id::unique("focus shown by keyboard")
}

/// Called once a frame: learns whether the person works with keys or with the pointer.
pub fn track(ctx: &Context) {
    let by_key = ctx.input(|input| {
        input.events.iter().rev().find_map(|event| match event {
            Event::Key { key: Key::Tab | Key::ArrowUp | Key::ArrowDown | Key::ArrowLeft | Key::ArrowRight, .. } => {
                Some(true)
            }
            Event::PointerButton { pressed: true, .. } => Some(false),
            _ => None,
        })
    });
    if let Some(by_key) = by_key {
        ctx.data_mut(|data| data.insert_temp(memory_id(), by_key));
    }
    // Enter clicks the button that has the keyboard; with Ctrl it is meant for the main act alone.
    let is_main_act = ctx.input(|input| {
        let is_it = |event: &Event| matches!(event, Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if modifiers.command);
        input.events.iter().any(is_it)
    });
    if is_main_act && !ctx.text_edit_focused() {
        ctx.memory_mut(|memory| memory.focused().map(|id| memory.surrender_focus(id)));
    }
    let is_key = ctx.input(|input| {
        input.events.iter().rev().find_map(|event| match event {
            Event::Key { pressed: true, .. } => Some(true),
            Event::PointerButton { pressed: true, .. } => Some(false),
            _ => None,
        })
    });
    if let Some(by_key) = is_key {
        change(ctx, |kept| kept.by_key = by_key);
    }
}

/// Who has, had, and could have the keyboard.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// The last thing that was pressed is a key.
    by_key: bool,
    /// In the screen, not in a dialog or menu over it.
    last: Option<Id>,
    /// That was a text field, which Esc leaves.
    was_text: bool,
    /// A text field had the keyboard at the end of the last frame.
    is_typing: bool,
    /// Was given the keyboard for want of a main thing, which may come later.
    stopgap: Option<Id>,
    /// The main thing of the screen, and the frame that it was shown in.
    home: Option<(Id, u64)>,
}

fn change(ctx: &Context, with: impl FnOnce(&mut Kept)) {
    ctx.data_mut(|data| with(data.get_temp_mut_or_default(Id::unique("keyboard"))));
}

/// Offers the main thing of a screen, such as its table: it has the keyboard where nothing else has.
pub fn offer_home(ctx: &Context, id: Id) {
    let frame = ctx.cumulative_frame_nr();
    change(ctx, |kept| {
        if kept.home.is_none_or(|(_, shown)| shown < frame) {
            kept.home = Some((id, frame));
        }
    });
}

/// Whether a text field had the keyboard before the keys of this frame: Esc leaves it first.
pub fn was_typing(ctx: &Context) -> bool {
    let mut kept = Kept::default();
    change(ctx, |now| kept = *now);
    kept.is_typing
}

/// Called once a frame, at its end: whoever works with keys never loses them. After a dialog they are where they were
/// before, in a new one with its first control below the cross, and else with the main thing of the screen.
pub fn keep(ctx: &Context, screen: Rect) {
    let frame = ctx.cumulative_frame_nr();
    let (focused, modal) = ctx.memory(|memory| (memory.focused(), memory.top_modal_layer()));
    let is_text = ctx.text_edit_focused();
    let mut kept = Kept::default();
    change(ctx, |now| kept = *now);
    change(ctx, |kept| kept.is_typing = is_text);
    if let Some(id) = focused {
        let order = ctx.viewport(|viewport| viewport.this_pass.widgets.get(id).map(|widget| widget.layer_id.order));
        let is_of_screen = matches!(order, Some(Order::Background | Order::Middle));
        if modal.is_none() && is_of_screen {
            change(ctx, |kept| (kept.last, kept.was_text) = (Some(id), is_text));
        }
        let is_stopgap = kept.stopgap == Some(id) && modal.is_none();
        let home = kept.home.filter(|(_, shown)| is_stopgap && *shown == frame);
        if let Some((home, _)) = home {
            change(ctx, |kept| kept.stopgap = None);
            return ctx.memory_mut(|memory| memory.request_focus(home));
        }
        // Behind a dialog it is of no use.
        if modal.is_none() || !is_of_screen {
            return;
        }
    }
    // With Tab, egui itself is on the way to the next control.
    let is_tab = ctx.input(|input| input.key_down(Key::Tab) || input.key_pressed(Key::Tab));
    if !kept.by_key || is_tab {
        return;
    }
    let mut is_stopgap = false;
    let next = ctx.viewport(|viewport| {
        let widgets = &viewport.this_pass.widgets;
        let is_usable = |widget: &&WidgetRect| {
            widget.enabled && widget.visible && widget.sense.is_focusable() && widget.interact_rect.is_positive()
        };
        let usable = |id: Id| widgets.get(id).filter(is_usable).map(|widget| widget.id);
        if let Some(layer) = modal {
            let mut controls = widgets.get_layer(layer).filter(is_usable).map(|widget| widget.id);
            let cross = controls.next();
            return controls.next().or(cross);
        }
        let last = kept.last.filter(|_| !kept.was_text).and_then(usable);
        let home = kept.home.filter(|(_, shown)| *shown == frame).and_then(|(id, _)| usable(id));
        // Not a text field, in which letters would be text all at once.
        let is_plain = |widget: &&WidgetRect| !widget.sense.senses_drag() && screen.contains(widget.rect.center());
        let first = || widgets.layers().flat_map(|(_, all)| all).find(|widget| is_usable(widget) && is_plain(widget));
        last.or(home).or_else(|| {
            is_stopgap = true;
            first().map(|widget| widget.id)
        })
    });
    if let Some(next) = next {
        change(ctx, |kept| kept.stopgap = is_stopgap.then_some(next));
        ctx.memory_mut(|memory| memory.request_focus(next));
        ctx.request_repaint();
    }
}

/// Paints the ring around a control that has focus.
pub fn ring(ui: &Ui, response: &Response, radius: f32) {
    let by_key = ui.data(|data| data.get_temp::<bool>(memory_id())).unwrap_or(false);
    if by_key && response.has_focus() {
        ring_around(ui, response.rect, radius);
    }
}

/// Paints the ring without asking; text fields always show it.
pub fn ring_around(ui: &Ui, rect: egui::Rect, radius: f32) {
    let theme = Theme::of(ui);
    let width = theme.width.focus_ring;
    ui.painter().rect_stroke(
        rect.expand(theme.width.focus_gap),
        theme.rounding(radius + theme.width.focus_gap),
        Stroke::new(width, theme.accent.line),
        StrokeKind::Outside,
    );
}
