//! Dialogs: a head with title and close, a body, a foot with what will happen and the act by name.

use egui::{Align, Frame, Id, Key, Layout, Margin, Modal, Modifiers, ScrollArea, Sense, Ui, UiBuilder, Vec2};

use super::button::Button;
use super::icon;
use super::text::Text;
use super::theme::Theme;

/// How a dialog ended in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogEnd {
    StillOpen,
    /// Esc, Cancel, the cross, or a click beside it.
    Cancelled,
    /// The primary act, also by Ctrl Enter.
    Confirmed,
}

#[must_use = "call show"]
pub struct Dialog<'a> {
    id: &'static str,
    title: &'a str,
    remark: &'a str,
    icon: Option<icon::Icon>,
    is_wide: bool,
    primary: Option<(&'a str, Option<String>)>,
    is_dangerous: bool,
    cancel: &'a str,
    starts_at_cancel: bool,
}

impl<'a> Dialog<'a> {
    pub fn new(id: &'static str, title: &'a str) -> Self {
        Self {
            id,
            title,
            remark: "",
            icon: None,
            is_wide: false,
            primary: None,
            is_dangerous: false,
            cancel: "Cancel",
            starts_at_cancel: false,
        }
    }

    /// Faint, beside the title.
    pub fn remark(self, remark: &'a str) -> Self {
        Self { remark, ..self }
    }

    pub fn icon(self, icon: icon::Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// 1024 instead of 640.
    pub fn wide(self) -> Self {
        Self { is_wide: true, ..self }
    }

    /// The act by its name; a `reason` switches it off.
    pub fn primary(self, words: &'a str, reason: Option<impl Into<String>>) -> Self {
        Self { primary: Some((words, reason.map(Into::into))), ..self }
    }

    /// Other words than Cancel for leaving things as they are.
    pub fn cancel(self, words: &'a str) -> Self {
        Self { cancel: words, ..self }
    }

    /// Enter, without looking, leaves things as they are.
    pub fn careful(self) -> Self {
        Self { starts_at_cancel: true, ..self }
    }

    /// The act destroys something.
    pub fn danger(self, words: &'a str) -> Self {
        Self { primary: Some((words, None)), is_dangerous: true, ..self }
    }

    /// `body` fills the middle without padding of its own; `foot` says at the left what will happen.
    pub fn show<R>(
        self,
        ctx: &egui::Context,
        body: impl FnOnce(&mut Ui) -> R,
        foot: impl FnOnce(&mut Ui),
    ) -> (DialogEnd, R) {
        let theme = Theme::of_context(ctx);
        let room = ctx.content_rect().width() - 2.0 * theme.space.xxl;
        let width = self.width(theme).min(room);
        let frame = Frame::new()
            .fill(theme.surface.floating)
            .stroke(theme.line(theme.stroke.strong))
            .corner_radius(theme.rounding(theme.radius.dialog))
            .shadow(theme.shadow);
        let scrim = theme.surface.scrim.gamma_multiply(theme.scrim_opacity);
        let mut end = DialogEnd::StillOpen;
        let shown = Modal::new(Id::unique(self.id)).backdrop_color(scrim).frame(frame).show(ctx, |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, 0.0);
            if self.head(ui) {
                end = DialogEnd::Cancelled;
            }
            let inner = self.body(ui, width, body);
            let foot_end = self.foot(ui, foot);
            if foot_end != DialogEnd::StillOpen {
                end = foot_end;
            }
            inner
        });
        if shown.is_top_modal && self.is_enabled() && ctx.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter)) {
            end = DialogEnd::Confirmed;
        }
        if end == DialogEnd::StillOpen && shown.should_close() {
            end = DialogEnd::Cancelled;
        }
        (end, shown.inner)
    }

    /// The body; in a low or narrow window it scrolls between head and foot.
    fn body<R>(&self, ui: &mut Ui, width: f32, body: impl FnOnce(&mut Ui) -> R) -> R {
        let theme = Theme::of(ui);
        let (id, most) = (Id::unique((self.id, "too high for")), most_height(ui.ctx()));
        // In a scroll area a body may measure less than outside of one: what was once too high stays in it while the window is
        // no higher, or the two would take turns without an end.
        let too_high_for = ui.data(|data| data.get_temp::<f32>(id));
        let least = theme.size.dialog_least_width.min(self.width(theme));
        if width < least || too_high_for.is_some_and(|too_high_for| most <= too_high_for) {
            let scroll = ScrollArea::both().id_salt("body").max_height(most).auto_shrink([false, true]);
            let shown = scroll.min_scrolled_height(0.0).show(ui, |ui| {
                ui.set_width(width.max(least));
                ui.scope(body).inner
            });
            return shown.inner;
        }
        let shown = ui.scope(body);
        if shown.response.rect.height() > most {
            ui.data_mut(|data| data.insert_temp(id, most));
            ui.ctx().request_repaint();
        }
        shown.inner
    }

    fn width(&self, theme: &Theme) -> f32 {
        if self.is_wide { theme.size.dialog_wide_width } else { theme.size.dialog_width }
    }

    fn is_enabled(&self) -> bool {
        matches!(&self.primary, Some((_, None)))
    }

    /// It was not shown in the frame before.
    fn has_just_opened(&self, ctx: &egui::Context) -> bool {
        let (id, now) = (Id::unique((self.id, "last shown")), ctx.cumulative_frame_nr());
        let before = ctx.data_mut(|data| std::mem::replace(data.get_temp_mut_or(id, 0), now));
        before + 1 < now
    }

    fn head(&self, ui: &mut Ui) -> bool {
        let theme = Theme::of(ui);
        bar(ui, false, |ui| {
            if let Some(icon) = self.icon {
                icon.show(ui, theme.text.soft);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                // Its cross, not its frame, is at the edge of what is below it.
                ui.add_space(-(theme.size.control_height - theme.size.icon) / 2.0);
                let is_closed = ui.add(Button::icon_only(icon::X, "Close").key("Esc")).clicked();
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Text::title(self.title).one_line());
                    if !self.remark.is_empty() {
                        ui.add(Text::small(self.remark).one_line());
                    }
                });
                is_closed
            })
            .inner
        })
    }

    fn foot(&self, ui: &mut Ui, left: impl FnOnce(&mut Ui)) -> DialogEnd {
        let theme = Theme::of(ui);
        bar(ui, true, |ui| {
            let rest = ui.max_rect();
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let mut end = DialogEnd::StillOpen;
                if let Some((words, reason)) = &self.primary {
                    let button = if self.is_dangerous { Button::danger_solid(*words) } else { Button::primary(*words) };
                    if ui.add(button.key("Ctrl Enter").disabled_by(reason.clone())).clicked() {
                        end = DialogEnd::Confirmed;
                    }
                }
                let words = if self.primary.is_some() { self.cancel } else { "Close" };
                let cancel = ui.add(Button::secondary(words));
                if self.starts_at_cancel && self.has_just_opened(ui.ctx()) {
                    cancel.request_focus();
                }
                if cancel.clicked() {
                    end = DialogEnd::Cancelled;
                }
                // What is left of the buttons is cut before it runs under them.
                let rest = rest.with_max_x(ui.min_rect().left() - theme.space.m);
                let layout = Layout::left_to_right(Align::Center);
                let mut words = ui.new_child(UiBuilder::new().max_rect(rest).layout(layout));
                words.set_clip_rect(rest.intersect(ui.clip_rect()));
                left(&mut words);
                end
            })
            .inner
        })
    }
}

/// Head or foot: 56 high with a rule towards the body.
fn bar<R>(ui: &mut Ui, is_foot: bool, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    let (rect, _) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.dialog_head_height), Sense::hover());
    let y = if is_foot { rect.top() } else { rect.bottom() };
    ui.painter().hline(rect.x_range(), y, theme.line(theme.stroke.normal));
    let inner = rect.shrink2(Vec2::new(theme.pad.dialog_x, 0.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.pad.between_controls;
    content(&mut child)
}

/// So high a body can be that head and foot are in the window, too.
pub fn most_height(ctx: &egui::Context) -> f32 {
    let theme = Theme::of_context(ctx);
    ctx.content_rect().height() - 2.0 * (theme.size.dialog_head_height + theme.space.l)
}

/// The usual padding of a dialog's body.
pub fn body<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    Frame::new()
        .inner_margin(Margin::symmetric(theme.pad.dialog_x as i8, theme.pad.card_large as i8))
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = theme.space.s;
            content(ui)
        })
        .inner
}
