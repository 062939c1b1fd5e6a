//! The one list of all screens, and what is made of it. Everything that has a line for each screen comes from here: the
//! window's state, its drafts and actions, the rail, the keys, and who hears of what.

use serde::{Deserialize, Serialize};

use super::{Part, Place, Rail};
use crate::app::jobs::Job;
use crate::app::kit::{Icon, Mark};
use crate::app::{Action, AppState, Cx, Drafts, screens};
use crate::engine::EventKind;

/// Hands the list to another macro: the screens in the order of the rail, or with the dialogs that have a state of their
/// own. A row is a name, a field of [`AppState`], and a module.
macro_rules! table {
    (screens => $then:ident $($more:tt)*) => {
        $then! {
            [
                Model { model: model }
                Data { data: data }
                Train { train: train }
                Evaluate { evaluate: evaluate }
                Compare { compare: compare }
                Export { export: export }
                Runs { runs: runs }
                Settings { settings_screen: settings }
            ]
            $($more)*
        }
    };
    (all => $then:ident $($more:tt)*) => {
        table! { screens => with_dialogs $then $($more)* }
    };
}

macro_rules! with_dialogs {
    ([$($screens:tt)*] $then:ident $($more:tt)*) => {
        $then! {
            [
                $($screens)*
                Dataset { dataset: dataset }
                Mapping { mapping: mapping }
            ]
            $($more)*
        }
    };
}

/// Adds a field for each screen and dialog to a struct: `with_screens! { State struct … }` one of its module's `State`.
macro_rules! with_screens {
    ($kind:ident $($rest:tt)*) => {
        table! { all => add_fields $kind $($rest)* }
    };
}

macro_rules! add_fields {
    (
        [$($name:ident { $field:ident: $module:ident })*] $kind:ident
        $(#[$meta:meta])* pub struct $Struct:ident { $($own:tt)* }
    ) => {
        $(#[$meta])*
        pub struct $Struct {
            $($own)*
            $(pub $field: $crate::app::screens::$module::$kind,)*
        }
    };
}

macro_rules! places {
    ([$($Name:ident { $field:ident: $module:ident })*]) => {
        /// The places of the rail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Screen {
            $($Name,)*
        }

        impl Screen {
            /// In the order of the rail.
            pub const ALL: &[Self] = &[$(Self::$Name,)*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Name => screens::$module::Logic::NAME,)*
                }
            }

            pub fn icon(self) -> Icon {
                match self {
                    $(Self::$Name => screens::$module::Logic::ICON,)*
                }
            }

            /// Where it stands in the rail.
            pub fn place(self) -> Rail {
                match self {
                    $(Self::$Name => screens::$module::Logic::RAIL,)*
                }
            }

            /// What the command field calls the act of Ctrl Enter.
            pub fn act(self) -> Option<&'static str> {
                match self {
                    $(Self::$Name => screens::$module::Logic::ACT,)*
                }
            }

            /// Paints it.
            pub fn show(self, ui: &mut egui::Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<Action>) {
                match self {
                    $(Self::$Name => screens::$module::Logic::show(ui, state, drafts, actions),)*
                }
            }

            /// Its state in words, and its mark.
            pub fn rail(self, state: &AppState) -> (String, Mark) {
                match self {
                    $(Self::$Name => screens::$module::Logic::rail(state),)*
                }
            }

            /// What Ctrl Enter does in it now.
            pub fn primary(self, state: &AppState) -> Option<Action> {
                match self {
                    $(Self::$Name => screens::$module::Logic::primary(state),)*
                }
            }

            /// Lets it ask for what it needs.
            pub fn refresh(self, state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
                match self {
                    $(Self::$Name => screens::$module::Logic::refresh(state, drafts, cx),)*
                }
            }
        }
    };
}

table! { screens => places }

impl Screen {
    /// The steps of the work, in the order of their number keys.
    pub fn steps() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|screen| screen.is_step())
    }

    pub fn is_step(self) -> bool {
        matches!(self.place(), Rail::Step(_))
    }
}

impl Default for Screen {
    /// The first step.
    fn default() -> Self {
        Self::ALL[0]
    }
}

macro_rules! actions {
    ([$($Name:ident { $field:ident: $module:ident })*]) => {
        /// What can be done in a screen or in a dialog with a state of its own.
        #[derive(Debug, Clone, PartialEq)]
        pub enum ScreenAction {
            $($Name(screens::$module::Action),)*
        }

        impl ScreenAction {
            /// Lets the screen apply it.
            pub fn apply(self, state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
                match self {
                    $(Self::$Name(action) => screens::$module::Logic::update(state, drafts, action, cx),)*
                }
            }
        }

        // Lets a screen push its own actions without naming the outer enums.
        $(impl From<screens::$module::Action> for Action {
            fn from(action: screens::$module::Action) -> Self {
                Self::Screen(ScreenAction::$Name(action))
            }
        })*

        /// What is said to every screen and dialog, whichever is shown.
        pub mod each {
            use super::*;

            /// What a job told; each takes what is its own.
            pub fn on_event(state: &mut AppState, drafts: &mut Drafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
                $(screens::$module::Logic::on_event(state, drafts, job, event, cx);)*
            }

            /// Another project is open.
            pub fn on_project(state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
                $(screens::$module::Logic::on_project(state, drafts, cx);)*
            }

            /// The project is closed.
            pub fn forget(state: &mut AppState, drafts: &mut Drafts) {
                $(screens::$module::Logic::forget(state, drafts);)*
            }

            /// The window is about to close.
            pub fn keep(state: &mut AppState, cx: &Cx<'_>) {
                $(screens::$module::Logic::keep(state, cx);)*
            }
        }
    };
}

table! { all => actions }
