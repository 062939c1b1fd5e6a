//! What is to be trained: `recipe.toml` as written ([`Recipe`]), checked and resolved ([`Plan`]), and the one table of
//! every parameter ([`params`]) that the window's form, the command line's errors and the documentation come from.

mod choices;
mod explain;
pub mod model_ref;
pub mod params;
pub mod plan;
pub mod recipe_file;
pub mod render_spec;
pub mod run_mark;

pub use model_ref::ModelRef;
pub use plan::{Plan, Validation};
pub use recipe_file::{
    Data, EvalStrategy, Evaluation, GradientCheckpointing, Lora, LrSchedulerType, Precision, Recipe, RecipeError,
    TargetModules, TrainOn, Training,
};
pub use render_spec::{RenderSpec, TooLong};
