//! A window in which nothing is painted, driven by roles and accessible labels.
//!
//! [`Driven`] is what every window of the tests can do. Two kinds of engine stand behind it: a [`Window`] has a scripted
//! one, which the test answers by hand or a made-up [`World`] answers by itself; a [`Studio`] has the real one, and a
//! project in a folder of its own. [`made`] has the made-up data, [`states`] every screen in every state.

pub mod asked;
pub mod made;
mod real;
mod scripted;
pub mod states;
mod tree;
mod wake;
mod world;

use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::{Action, Shell, kit};

pub use real::{Studio, dialog};
pub use scripted::Window;
pub use tree::Control;
pub use wake::Wake;
pub use world::World;

/// No job on the tiny model takes longer, on a machine that does something else besides.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A window that a test drives.
pub struct Driven<E> {
    pub harness: Harness<'static, Shell>,
    /// What computes for the window. It goes after the window, which still asks it to end.
    pub engine: E,
    /// No single wait may take longer.
    pub patience: Duration,
    wake: Wake,
}

/// What can stand behind a window.
pub trait Behind: Sized {
    /// Lets the window show what an act did at once.
    fn show(window: &mut Driven<Self>);

    /// Lets what an act began come to its end.
    fn settle(window: &mut Driven<Self>);
}

/// The whole window without its frame, dark, of 1280 × 800 points.
pub fn harness(shell: Shell) -> Harness<'static, Shell> {
    let frame = |ui: &mut egui::Ui, shell: &mut Shell| {
        let ctx = ui.ctx().clone();
        shell.logic(&ctx);
        shell.ui(ui);
        shell.apply_actions(&ctx);
    };
    // What a file thread tells may come in any frame: rest may take a few more of them, but not for ever.
    let builder =
        Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_theme(egui::Theme::Dark).with_max_steps(40);
    builder.with_context_setup(kit::theme::install).build_ui_state(frame, shell)
}

/// What a person does.
impl<E: Behind> Driven<E> {
    /// Does what a control would ask for.
    pub fn act(&mut self, action: impl Into<Action>) {
        self.harness.state_mut().actions.push(action.into());
        E::show(self);
    }

    /// Clicks, and lets what comes of it come to its end.
    pub fn click(&mut self, role: Role, label: &str) {
        self.click_now(role, label);
        E::settle(self);
    }

    /// Clicks without waiting for what comes of it.
    pub fn click_now(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).click();
        E::show(self);
    }

    /// Clicks the first button of this label: a screen and the status bar may both have one, which do the same.
    pub fn press(&mut self, label: &str) {
        let button = self.harness.get_all_by_role_and_label(Role::Button, label).next();
        button.unwrap_or_else(|| panic!("no button {label}")).click();
        E::show(self);
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        E::show(self);
    }

    pub fn focus(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).focus();
        E::show(self);
    }

    /// Brings a control into view.
    pub fn scroll_to(&mut self, role: Role, label: &str) {
        self.harness.get_by_role_and_label(role, label).scroll_to_me();
        E::show(self);
    }

    /// Types over the whole text of a field of one line.
    pub fn type_into(&mut self, field: &str, text: &str) {
        self.type_over(Role::TextInput, field, text);
    }

    /// Types over the whole text of a field of several lines.
    pub fn multiline(&mut self, field: &str, text: &str) {
        self.type_over(Role::MultilineTextInput, field, text);
    }

    /// Types over the whole text of a field of one line, and leaves it by Enter.
    pub fn enter(&mut self, field: &str, text: &str) {
        self.type_into(field, text);
        self.key(Modifiers::NONE, Key::Enter);
    }

    fn type_over(&mut self, role: Role, field: &str, text: &str) {
        self.focus(role, field);
        self.key(Modifiers::COMMAND, Key::A);
        match text {
            "" => self.key(Modifiers::NONE, Key::Delete),
            text => self.harness.get_by_role_and_label(role, field).type_text(text),
        }
        E::show(self);
    }

    /// Somebody clicks the cross of the title bar; what the window asks of the system then.
    pub fn close(&mut self) -> Vec<ViewportCommand> {
        let input = self.harness.input_mut();
        input.viewports.entry(ViewportId::ROOT).or_default().events.push(ViewportEvent::Close);
        let commands = self.step();
        E::show(self);
        commands
    }

    /// One frame; what the window asks of the system in it.
    pub fn step(&mut self) -> Vec<ViewportCommand> {
        self.harness.step();
        let commands = self.harness.output().viewport_output.get(&ViewportId::ROOT).map(|out| out.commands.clone());
        commands.unwrap_or_default()
    }

    /// Lets what was begun come to its end.
    pub fn settle(&mut self) {
        E::settle(self);
    }

    /// Waits for the state to be so; engine and disk work meanwhile.
    pub fn wait(&mut self, what: &str, is_so: impl Fn(&Shell) -> bool) {
        self.until(what, |window| is_so(window.shell()));
    }

    /// Waits for the window to be so; engine and disk work meanwhile.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + self.patience;
        while !is_so(self) {
            let state = &self.shell().state;
            assert!(Instant::now() < deadline, "waited in vain for {what}; {}; {:?}", state.status, state.dialog);
            self.wake.wait();
            self.harness.step();
        }
        // What the last event changed is laid out, too.
        self.harness.run_steps(2);
    }
}

/// What is seen.
impl<E> Driven<E> {
    pub fn shell(&self) -> &Shell {
        self.harness.state()
    }

    /// Whether these words are part of what is shown anywhere.
    pub fn is_shown(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    /// How often exactly these words are shown.
    pub fn num_shown(&self, words: &str) -> usize {
        self.harness.query_all_by_label(words).count()
    }

    pub fn has(&self, role: Role, label: &str) -> bool {
        self.harness.query_all_by_role_and_label(role, label).next().is_some()
    }

    /// Whether a button is there and off.
    pub fn is_disabled(&self, button: &str) -> bool {
        self.harness.get_by_role_and_label(Role::Button, button).accesskit_node().is_disabled()
    }

    /// Whether a control is there and on.
    pub fn is_ready(&self, role: Role, label: &str) -> bool {
        let mut found = self.harness.query_all_by_role_and_label(role, label);
        found.next().is_some_and(|node| !node.accesskit_node().is_disabled())
    }

    /// What a field of one line holds.
    pub fn text_of(&self, field: &str) -> String {
        self.harness.get_by_role_and_label(Role::TextInput, field).accesskit_node().value().unwrap_or_default()
    }

    /// The rows of the table that are laid out, by their names.
    pub fn rows(&self) -> Vec<String> {
        let rows = self.harness.query_all_by_role(Role::ListBoxOption);
        rows.filter_map(|node| node.accesskit_node().label()).collect()
    }
}
