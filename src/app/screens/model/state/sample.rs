//! The model's template on a sample conversation: the tokens that a run would see.

use serde_json::json;

use crate::app::start::Start;
use crate::data::{Example, Message, Role};
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Outcome, Reply};
use crate::recipe::{ModelRef, RenderSpec};
use crate::render::TokenView;

/// Which conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sample {
    #[default]
    Plain,
    Tools,
    Thinking,
}

impl Sample {
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Plain, "Plain"), (Self::Tools, "Tools"), (Self::Thinking, "Thinking")];

    fn example(self) -> Example {
        let system = Message::new(Role::System, "You help customers of a shop.");
        let user = Message::new(Role::User, "Where is order 1042?");
        let answer = |text: &str| Message::new(Role::Assistant, text);
        match self {
            Self::Plain => vec![system, user, answer("It comes on Tuesday.")].into(),
            Self::Thinking => {
                vec![system, user, answer("<think>\nShipped, two days left.\n</think>\n\nIt comes on Tuesday.")].into()
            }
            Self::Tools => {
                let call = json!({
                    "type": "function", "id": "call00001",
                    "function": {"name": "find_order", "arguments": {"number": 1042}},
                });
                let tool = json!({
                    "type": "function",
                    "function": {
                        "name": "find_order",
                        "description": "Finds an order",
                        "parameters": {
                            "type": "object",
                            "properties": {"number": {"type": "integer", "description": "Its number"}},
                            "required": ["number"],
                        },
                    },
                });
                let calling = Message { tool_calls: vec![call], ..answer("") };
                let told = Message {
                    name: Some("find_order".to_owned()),
                    tool_call_id: Some("call00001".to_owned()),
                    ..Message::new(Role::Tool, r#"{"arrives": "Tuesday"}"#)
                };
                let messages = vec![system, user, calling, told, answer("It comes on Tuesday.")];
                Example { tools: vec![tool], ..Example::from(messages) }
            }
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Rendering {
    pub sample: Sample,
    asked: Option<(JobId, ModelRef, Sample)>,
    shown: Option<(ModelRef, Sample, Result<TokenView, String>)>,
}

impl Rendering {
    /// What the template made of the sample, or why it refuses it; `None` while that isn't known.
    pub fn of(&self, model: &ModelRef) -> Option<&Result<TokenView, String>> {
        self.shown.as_ref().filter(|(of, sample, _)| of == model && *sample == self.sample).map(|(_, _, told)| told)
    }

    /// Asks, unless it is known or asked already.
    pub fn ask(&mut self, model: &ModelRef, jobs: &mut dyn Start) {
        let is_asked = self.asked.as_ref().is_some_and(|(_, of, sample)| of == model && *sample == self.sample);
        if is_asked || self.of(model).is_some() {
            return;
        }
        let (model, example, spec) = (model.clone(), self.sample.example(), RenderSpec::WHOLE);
        let job = jobs.start(JobSpec::Io(IoJob::RenderTokens { model: model.clone(), example, spec }));
        self.asked = Some((job, model, self.sample));
    }

    pub fn on_event(&mut self, job: JobId, event: &EventKind) {
        let told = match event {
            EventKind::Reply(reply) => match &**reply {
                Reply::Tokens(view) => Ok(view.clone()),
                _ => return,
            },
            EventKind::Finished(Outcome::Failed(failure)) => Err(failure.message.clone()),
            _ => return,
        };
        if let Some((_, model, sample)) = self.asked.take_if(|(asked, ..)| *asked == job) {
            self.shown = Some((model, sample, told));
        }
    }
}
