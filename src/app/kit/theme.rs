//! Colours and sizes, read from `assets/theme/tokens.toml`: nothing else in the window names a colour or a pixel.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use egui::epaint::FontColorTransferFunction;
use egui::style::{ScrollAnimation, ScrollFadeStyle, ScrollStyle, Selection, WidgetVisuals, Widgets};
use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Ui, Visuals};
use serde::{Deserialize, Deserializer};

use super::fonts;

/// The tokens that are in the program.
pub const TOKENS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/theme/tokens.toml"));

/// An opaque colour, written `#RRGGBB` (or with alpha, for shadows).
fn color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Color32, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_color(&text).map_err(serde::de::Error::custom)
}

fn colors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Color32>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parse_color(text).map_err(serde::de::Error::custom)).collect()
}

fn parse_color(text: &str) -> Result<Color32, String> {
    Color32::from_hex(text).map_err(|_| format!("{text} is not a colour such as #1E232B"))
}

/// A table of colours in the token file.
macro_rules! palette {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        pub struct $name {
            $(#[serde(deserialize_with = "color")] pub $field: Color32,)+
        }
    };
}

palette!(Surface { window, panel, card, input, hover, active, floating, selected, scrim });
palette!(Strokes { subtle, normal, strong });
palette!(Texts { normal, soft, faint, on_accent, disabled });
palette!(Accent { fill, fill_hover, fill_active, line, text });
palette!(Danger { fill, fill_hover });
palette!(Status { ok, ok_tint, warning, warning_tint, error, error_tint, running, running_tint });
palette!(
    /// Before is the base model, after the tuned one.
    Models { before, before_tint, after, after_tint }
);
palette!(Roles {
    role_system,
    role_system_tint,
    role_user,
    role_user_tint,
    role_assistant,
    role_assistant_tint,
    role_tool,
    role_tool_tint,
});
palette!(
    /// Neighbouring tokens alternate between the plain and the `_alt` fill.
    Tokens {
        trained_text, trained, trained_alt, untrained_text, untrained, untrained_alt, special_stroke, cut_text, cut,
    }
);
palette!(Chart {
    background,
    grid,
    axis,
    label,
    rising,
    train,
    train_raw,
    validation,
    best,
    crosshair,
    band_before,
    band_after,
    heat_0,
    heat_1,
    heat_2,
    heat_3,
    heat_wrong,
    heat_wrong_strong,
});

/// Runs on top of each other, in this order.
#[derive(Debug, Clone, Deserialize)]
pub struct Series {
    #[serde(deserialize_with = "colors")]
    pub colors: Vec<Color32>,
    /// `solid`, `dashed 6 4`, `dotted 4`.
    pub dash: Vec<String>,
}

/// A table of lengths in the token file, in points.
macro_rules! lengths {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        pub struct $name {
            $(pub $field: f32,)+
        }
    };
}

lengths!(
    /// Four text sizes and their line heights.
    TypeScale { small, mono, body, title, title_spacing, line_small, line_mono, line_body, line_title }
);
lengths!(Space { xxs, xs, s, m, l, xl, xxl });
lengths!(Radius { mark, badge, control, card, dialog });
lengths!(Pad {
    button_x,
    button_small_x,
    input_x,
    cell_x,
    badge_x,
    card,
    card_large,
    screen_x,
    screen_y,
    panel_x,
    dialog_x,
    between_cards,
    between_controls,
});
lengths!(Size {
    rail_width,
    rail_width_icons,
    rail_entry_height,
    top_bar_height,
    status_bar_height,
    screen_header_height,
    filter_bar_height,
    side_panel_width,
    side_panel_min,
    side_panel_max,
    side_panel_train_width,
    side_panel_first_width,
    side_panel_wide_width,
    held_out_width,
    control_height,
    control_height_small,
    control_height_large,
    badge_height,
    chip_height,
    field_button_width,
    switch_width,
    switch_height,
    dot,
    row_height,
    row_height_two_lines,
    table_header_height,
    icon,
    icon_small,
    progress_height,
    dialog_width,
    dialog_wide_width,
    dialog_head_height,
    empty_state_width,
    settings_row_height,
    settings_name_width,
    settings_control_width,
    fact_row_height,
    step_name_width,
    key_cap_height,
    tooltip_max_width,
    scroll_bar,
    window_wide,
    window_drawer,
    screen_least_width,
    screen_least_height,
    dialog_least_width,
});
lengths!(StrokeWidth { line, focus_ring, focus_gap, curve, curve_selected, series_marker_radius });

#[derive(Debug, Clone, Deserialize)]
struct ShadowTokens {
    offset_y: i8,
    blur: u8,
    spread: u8,
    #[serde(deserialize_with = "color")]
    color: Color32,
}

#[derive(Debug, Clone, Deserialize)]
struct Scrim {
    opacity: f32,
}

#[derive(Debug, Clone, Deserialize)]
struct Palette {
    surface: Surface,
    stroke: Strokes,
    text: Texts,
    accent: Accent,
    danger: Danger,
    status: Status,
    model: Models,
    role: Roles,
    token: Tokens,
    chart: Chart,
    series: Series,
}

#[derive(Debug, Clone, Deserialize)]
struct TokenFile {
    r#type: TypeScale,
    space: Space,
    radius: Radius,
    pad: Pad,
    size: Size,
    stroke_width: StrokeWidth,
    shadow_floating_dark: ShadowTokens,
    shadow_floating_light: ShadowTokens,
    scrim: Scrim,
    dark: Palette,
    light: Palette,
}

/// Everything a widget needs to know about looks; `Theme::of(ui)` gives the one in use.
#[derive(Debug, Clone)]
pub struct Theme {
    pub is_dark: bool,
    pub surface: Surface,
    pub stroke: Strokes,
    pub text: Texts,
    pub accent: Accent,
    pub danger: Danger,
    pub status: Status,
    pub model: Models,
    pub role: Roles,
    pub token: Tokens,
    pub chart: Chart,
    pub series: Series,
    pub type_scale: TypeScale,
    pub space: Space,
    pub radius: Radius,
    pub pad: Pad,
    pub size: Size,
    pub width: StrokeWidth,
    pub shadow: Shadow,
    pub scrim_opacity: f32,
}

static THEMES: LazyLock<[Theme; 2]> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
    let file: TokenFile = toml::from_str(TOKENS).expect("assets/theme/tokens.toml");
    [Theme::new(&file, true), Theme::new(&file, false)]
});

impl Theme {
    /// The theme that `ui` is painted in.
    pub fn of(ui: &Ui) -> &'static Self {
        Self::get(ui.visuals().dark_mode)
    }

    /// The theme in use, where there is no `Ui` at hand.
    pub fn of_context(ctx: &Context) -> &'static Self {
        Self::get(ctx.theme() == egui::Theme::Dark)
    }

    pub fn get(is_dark: bool) -> &'static Self {
        &THEMES[usize::from(!is_dark)]
    }

    fn new(file: &TokenFile, is_dark: bool) -> Self {
        let palette = if is_dark { &file.dark } else { &file.light }.clone();
        let shadow = if is_dark { &file.shadow_floating_dark } else { &file.shadow_floating_light };
        Self {
            is_dark,
            surface: palette.surface,
            stroke: palette.stroke,
            text: palette.text,
            accent: palette.accent,
            danger: palette.danger,
            status: palette.status,
            model: palette.model,
            role: palette.role,
            token: palette.token,
            chart: palette.chart,
            series: palette.series,
            type_scale: file.r#type.clone(),
            space: file.space.clone(),
            radius: file.radius.clone(),
            pad: file.pad.clone(),
            size: file.size.clone(),
            width: file.stroke_width.clone(),
            shadow: Shadow {
                offset: [0, shadow.offset_y],
                blur: shadow.blur,
                spread: shadow.spread,
                color: shadow.color,
            },
            scrim_opacity: file.scrim.opacity,
        }
    }

    pub fn body(&self) -> FontId {
        FontId::new(self.type_scale.body, FontFamily::Proportional)
    }

    pub fn small(&self) -> FontId {
        FontId::new(self.type_scale.small, FontFamily::Proportional)
    }

    pub fn mono(&self) -> FontId {
        FontId::new(self.type_scale.mono, FontFamily::Monospace)
    }

    pub fn strong(&self) -> FontId {
        FontId::new(self.type_scale.body, FontFamily::Name(fonts::STRONG.into()))
    }

    pub fn small_strong(&self) -> FontId {
        FontId::new(self.type_scale.small, FontFamily::Name(fonts::STRONG.into()))
    }

    pub fn title(&self) -> FontId {
        FontId::new(self.type_scale.title, FontFamily::Name(fonts::STRONG.into()))
    }

    /// A one-pixel edge.
    pub fn line(&self, color: Color32) -> Stroke {
        Stroke::new(self.width.line, color)
    }

    pub fn rounding(&self, radius: f32) -> CornerRadius {
        CornerRadius::from(radius)
    }

    fn visuals(&self) -> Visuals {
        let mut visuals = if self.is_dark { Visuals::dark() } else { Visuals::light() };
        visuals.widgets = Widgets {
            noninteractive: self.widget(self.surface.panel, self.stroke.normal, self.text.normal),
            inactive: self.widget(self.surface.card, self.stroke.strong, self.text.normal),
            hovered: self.widget(self.surface.hover, self.stroke.strong, self.text.normal),
            active: self.widget(self.surface.active, self.stroke.strong, self.text.normal),
            open: self.widget(self.surface.active, self.stroke.strong, self.text.normal),
        };
        // Nothing but the handles of scroll bars has this fill; buttons have the weak one.
        visuals.widgets.inactive.bg_fill = self.stroke.strong;
        visuals.widgets.hovered.bg_fill = self.text.disabled;
        visuals.widgets.active.bg_fill = self.text.faint;
        // Nothing but the edges between panels has this stroke, while the pointer is on them or drags them.
        visuals.widgets.hovered.fg_stroke = self.line(self.accent.line);
        visuals.widgets.active.fg_stroke = self.line(self.accent.line);
        visuals.selection = Selection { bg_fill: self.surface.selected, stroke: self.line(self.accent.line) };
        visuals.override_text_color = Some(self.text.normal);
        visuals.weak_text_color = Some(self.text.faint);
        visuals.hyperlink_color = self.accent.text;
        visuals.faint_bg_color = self.surface.card;
        visuals.extreme_bg_color = self.surface.input;
        visuals.text_edit_bg_color = Some(self.surface.input);
        visuals.code_bg_color = self.surface.input;
        visuals.warn_fg_color = self.status.warning;
        visuals.error_fg_color = self.status.error;
        visuals.window_corner_radius = self.rounding(self.radius.dialog);
        visuals.window_shadow = self.shadow;
        visuals.window_fill = self.surface.floating;
        visuals.window_stroke = self.line(self.stroke.normal);
        visuals.menu_corner_radius = self.rounding(self.radius.control);
        visuals.popup_shadow = self.shadow;
        visuals.panel_fill = self.surface.panel;
        visuals.text_cursor.stroke = Stroke::new(self.width.focus_ring, self.accent.line);
        visuals.striped = false;
        // Coverage as the rasterizer gives it: egui's own choice for dark themes makes text bolder than the design.
        visuals.text_options.color_transfer_function = FontColorTransferFunction::Off;
        visuals
    }

    fn widget(&self, fill: Color32, edge: Color32, text: Color32) -> WidgetVisuals {
        WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: self.line(edge),
            corner_radius: self.rounding(self.radius.control),
            fg_stroke: self.line(text),
            expansion: 0.0,
        }
    }

    fn style(&self) -> Style {
        let mut style = Style { visuals: self.visuals(), animation_time: 0.0, ..Style::default() };
        style.text_styles = BTreeMap::from([
            (TextStyle::Small, self.small()),
            (TextStyle::Body, self.body()),
            (TextStyle::Button, self.body()),
            (TextStyle::Monospace, self.mono()),
            (TextStyle::Heading, self.title()),
        ]);
        let spacing = &mut style.spacing;
        spacing.item_spacing = egui::vec2(self.pad.between_controls, self.space.xs);
        spacing.button_padding = egui::vec2(self.pad.button_x, self.space.xs);
        spacing.menu_margin = Margin::same(self.space.xs as i8);
        spacing.window_margin = Margin::ZERO;
        spacing.interact_size = egui::vec2(self.size.control_height, self.size.control_height);
        spacing.tooltip_width = self.size.tooltip_max_width;
        spacing.icon_width = self.size.icon;
        spacing.scroll = ScrollStyle {
            bar_width: self.size.scroll_bar,
            floating_width: self.size.scroll_bar,
            floating_allocated_width: 0.0,
            bar_outer_margin: self.space.xxs,
            fade: ScrollFadeStyle { strength: 0.0, ..ScrollFadeStyle::default() },
            foreground_color: false,
            dormant_handle_opacity: 1.0,
            active_handle_opacity: 1.0,
            interact_handle_opacity: 1.0,
            active_background_opacity: 0.0,
            interact_background_opacity: 0.0,
            ..ScrollStyle::floating()
        };
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.4;
        style.interaction.show_tooltips_only_when_still = true;
        style.scroll_animation = ScrollAnimation::none();
        style
    }
}

/// Gives a context the fonts and both themes; once, at the start.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts::definitions());
    for (theme, is_dark) in [(egui::Theme::Dark, true), (egui::Theme::Light, false)] {
        ctx.set_style_of(theme, Arc::new(Theme::get(is_dark).style()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color32) -> f64 {
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn linear(value: u8) -> f64 {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_status_colours_are_legible_on_everything_they_lie_on() {
        for is_dark in [true, false] {
            let t = Theme::get(is_dark);
            let s = &t.surface;
            let surfaces = [s.window, s.panel, s.card, s.input, s.hover, s.floating];
            let texts = [
                ("normal", t.text.normal),
                ("soft", t.text.soft),
                ("faint", t.text.faint),
                ("accent", t.accent.text),
                ("ok", t.status.ok),
                ("warning", t.status.warning),
                ("error", t.status.error),
                ("running", t.status.running),
                ("before", t.model.before),
                ("after", t.model.after),
            ];
            for (name, text) in texts {
                for surface in surfaces {
                    assert!(contrast(text, surface) >= 4.5, "{name} on {surface:?}, dark: {is_dark}");
                }
            }
            let tints = [
                ("ok", t.status.ok, t.status.ok_tint),
                ("warning", t.status.warning, t.status.warning_tint),
                ("error", t.status.error, t.status.error_tint),
                ("running", t.status.running, t.status.running_tint),
                ("before", t.model.before, t.model.before_tint),
                ("after", t.model.after, t.model.after_tint),
                ("trained", t.token.trained_text, t.token.trained),
                ("trained_alt", t.token.trained_text, t.token.trained_alt),
                ("untrained_alt", t.token.untrained_text, t.token.untrained_alt),
                ("cut", t.token.cut_text, t.token.cut),
                ("on accent", t.text.on_accent, t.accent.fill),
                ("on danger", t.text.on_accent, t.danger.fill),
                ("selected", t.text.normal, s.selected),
            ];
            for (name, text, tint) in tints {
                assert!(contrast(text, tint) >= 4.5, "{name} on its tint, dark: {is_dark}");
            }
        }
    }

    /// What a person sees who lacks one kind of cones (Machado 2009, severity 1), in linear light.
    const SIGHTS: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    /// CIE L*a*b* of a colour under one of the sights.
    fn lab(color: Color32, sight: &[[f64; 3]; 3]) -> [f64; 3] {
        let light = [color.r(), color.g(), color.b()].map(linear);
        let seen = sight.map(|row| (0..3).map(|i| row[i] * light[i]).sum::<f64>().clamp(0.0, 1.0));
        let xyz = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]]
            .map(|row| (0..3).map(|i| row[i] * seen[i]).sum::<f64>());
        let f = xyz.map(|v| if v > 216.0 / 24389.0 { v.cbrt() } else { (24389.0 / 27.0 * v + 16.0) / 116.0 });
        [116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])]
    }

    /// The smallest distance of two colours over all sights (CIE76).
    fn distance(a: Color32, b: Color32) -> f64 {
        let of = |sight| {
            let (a, b) = (lab(a, sight), lab(b, sight));
            (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
        };
        SIGHTS.iter().map(of).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn colours_that_mean_different_things_differ_for_every_sight() {
        for t in [Theme::get(true), Theme::get(false)] {
            assert!(distance(t.model.before, t.model.after) >= 30.0);
            assert!(distance(t.chart.train, t.chart.validation) >= 22.0);
            assert!(distance(t.status.ok, t.status.error) >= 15.0);
            assert!(distance(t.status.warning, t.status.error) >= 11.0);
            for (i, a) in t.series.colors.iter().enumerate() {
                for b in &t.series.colors[..i] {
                    assert!(distance(*a, *b) >= 19.0, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn only_four_sizes_of_text() {
        let style = Theme::get(true).style();
        let mut sizes: Vec<_> = style.text_styles.values().map(|font| font.size as i32).collect();
        sizes.sort_unstable();
        sizes.dedup();
        assert_eq!(sizes, [11, 12, 13, 20]);
    }
}
