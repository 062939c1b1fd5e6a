//! What is to be trained: `recipe.toml` as written ([`Recipe`]), checked and resolved ([`Plan`]), and the one table of
//! every parameter ([`params`]) that the window's form, the command line's errors and the documentation come from.

pub mod choices;
mod error;
mod explain;
pub mod model_ref;
pub mod params;
pub mod plan;
mod recipe_file;
pub mod render_spec;
mod sections;
mod upgrade;

pub use error::RecipeError;
pub use model_ref::ModelRef;
pub use plan::{AdapterFrom, Plan, Validation};
pub use render_spec::{ChatFormat, RenderSpec, TemplateChoice, Thinking, TooLong, TrainOn};
pub use sections::{
    Data, DeviceChoice, EvalStrategy, Evaluation, GradientCheckpointing, Lora, LrSchedulerType, Precision, Recipe,
    TargetModules, Training,
};
