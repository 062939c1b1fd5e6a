//! The window on a screen: eframe around the [`Shell`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use eframe::NativeOptions;
use egui::{IconData, ViewportBuilder};

use super::frame_stats::FrameStats;
use super::settings::AppSettings;
use super::shell::preferences;
use super::{Screen, Shell, kit, machine};
use crate::engine::Backend;

/// How the studio is opened.
#[derive(Debug, Clone, Default)]
pub struct StudioOptions {
    /// Opens this project's folder; else the one that was open last.
    pub project: Option<PathBuf>,
    /// Prints how long frames took, at the end.
    pub frame_stats: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(
        "There is no display here: neither WAYLAND_DISPLAY nor DISPLAY is set. On a machine with a desktop, start it \
         there; in a terminal, `tunewright quickstart` does the same work"
    )]
    NoDisplay,
    #[error("The window could not be opened: {0}")]
    Window(#[from] eframe::Error),
}

/// Sorting all frames' times is not for every frame.
const FRAMES_BETWEEN_SUMS: usize = 32;

/// Wakes the window, from any thread.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The window's size at first, and at least.
const SIZE: [f32; 2] = [1280.0, 800.0];
const SMALLEST: [f32; 2] = [1024.0, 680.0];

/// Shows the window until it is closed. `backend` is made once there is a window to wake.
///
/// # Errors
/// Where there is no display, or the window can't be opened.
pub fn run_with<F>(options: StudioOptions, backend: F) -> Result<(), AppError>
where
    F: FnOnce(Waker) -> Box<dyn Backend> + 'static,
{
    if !has_display() {
        return Err(AppError::NoDisplay);
    }
    let native = NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Tunewright")
            .with_app_id("tunewright")
            .with_inner_size(SIZE)
            .with_min_inner_size(SMALLEST)
            .with_icon(icon()),
        ..NativeOptions::default()
    };
    eframe::run_native(
        "Tunewright",
        native,
        Box::new(move |cc| Ok(Box::new(Studio::new(&cc.egui_ctx, options, backend)))),
    )?;
    Ok(())
}

/// Elsewhere than on X11 and Wayland there always is one.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos"))) || is_set("WAYLAND_DISPLAY") || is_set("DISPLAY")
}

struct Studio {
    shell: Shell,
    stats: FrameStats,
    prints_stats: bool,
    logic_secs: f32,
}

impl Studio {
    fn new(ctx: &egui::Context, options: StudioOptions, backend: impl FnOnce(Waker) -> Box<dyn Backend>) -> Self {
        kit::theme::install(ctx);
        let settings = AppSettings::load();
        preferences::apply_theme(ctx, settings.theme);
        ctx.set_zoom_factor(settings.text_size.factor());
        let waker: Waker = {
            let ctx = ctx.clone();
            Arc::new(move || ctx.request_repaint())
        };
        let mut shell = Shell::new(backend(waker.clone()), settings, waker);
        shell.start(ctx, options.project);
        shell.fonts.install(ctx);
        machine::watch(&shell.files);
        Self { shell, stats: FrameStats::default(), prints_stats: options.frame_stats, logic_secs: 0.0 }
    }
}

impl eframe::App for Studio {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        if let Some(painting) = frame.info().cpu_usage {
            // Known one frame later: how long the last one took, with its logic.
            self.stats.add(self.logic_secs + painting, &self.shell.state, ctx);
        }
        let is_shown = self.shell.state.screen == Screen::Settings;
        if is_shown
            && (self.shell.state.frames.is_empty() || self.stats.num_frames().is_multiple_of(FRAMES_BETWEEN_SUMS))
        {
            self.shell.state.frames = self.stats.summaries();
        }
        let start = Instant::now();
        self.shell.logic(ctx);
        self.logic_secs = start.elapsed().as_secs_f32();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.shell.ui(ui);
        let ctx = ui.ctx().clone();
        self.shell.apply_actions(&ctx);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        kit::Theme::get(visuals.dark_mode).surface.window.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        if self.prints_stats {
            self.stats.report();
        }
    }
}

/// The tuning fork of the rail, drawn into 64 × 64 pixels.
fn icon() -> IconData {
    const SIDE: usize = 64;
    let theme = kit::Theme::get(true);
    let (ink, ground) = (theme.accent.line, theme.surface.window);
    let mut rgba = Vec::with_capacity(SIDE * SIDE * 4);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (x, y) = (x as f32 + 0.5 - 32.0, y as f32 + 0.5 - 32.0);
            // Distance to the two prongs, the bow under them, and the stem.
            let prong = (x.abs() - 12.0).abs().max(((y + 13.0).abs() - 11.0).max(0.0));
            let bow = if y >= -2.0 { ((x * x + (y + 2.0) * (y + 2.0)).sqrt() - 12.0).abs() } else { f32::INFINITY };
            let stem = x.abs().max(((y - 17.0).abs() - 8.0).max(0.0));
            let cover = (3.5 - prong.min(bow).min(stem)).clamp(0.0, 1.0);
            let color = ground.lerp_to_gamma(ink, cover);
            rgba.extend([color.r(), color.g(), color.b(), 255]);
        }
    }
    IconData { rgba, width: SIDE as u32, height: SIDE as u32 }
}
