//! The likelihood of each label of a list, with every prompt computed once and anew for each label, in turns.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{Common, median, peak_memory_mb};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model;
use crate::cli::progress::Progress;
use crate::data::{Example, Message, Role};
use crate::evaluate::{LabelScore, label_likelihoods, label_likelihoods_apart};
use crate::model::LanguageModel;
use crate::recipe::ChatFormat;

const THINGS: [&str; 11] = [
    "parcel",
    "invoice",
    "password",
    "refund",
    "subscription",
    "delivery",
    "voucher",
    "account",
    "warranty",
    "address",
    "order",
];

const TROUBLES: [&str; 8] =
    ["lost", "is_late", "change", "not_recognised", "charged_twice", "declined_by_shop", "how_to_cancel", "expired"];

#[derive(Debug, Args)]
pub struct LabelsBench {
    #[command(flatten)]
    common: Common,
    /// Labels in the list
    #[arg(long, value_name = "N", default_value_t = 77, value_parser = super::amount)]
    labels: usize,
    /// Prompts that are measured in turns; the ratio is the median's
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = super::amount)]
    prompts: usize,
}

pub fn run(args: &LabelsBench) -> Result<(), Ended> {
    args.common.start();
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.common.model, &interrupt)?;
    let model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.control))?;
    let labels: Vec<String> = (0..args.labels).map(label).collect();
    let (mut ratios, mut difference, mut num_equal) = (Vec::new(), 0.0f64, 0);
    let [mut shared_secs, mut apart_secs] = [0.0; 2];
    for at in 0..args.prompts {
        let examples = [example(at)];
        let format = ChatFormat::OF_MODEL;
        let started = Instant::now();
        let shared = label_likelihoods(&model, None, &examples, &labels, format, &interrupt.control)?;
        let secs = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let apart = label_likelihoods_apart(&model, None, &examples, &labels, format, &interrupt.control)?;
        let secs_apart = started.elapsed().as_secs_f64();
        (shared_secs, apart_secs) = (shared_secs + secs, apart_secs + secs_apart);
        ratios.push(secs_apart / secs);
        let both = shared.log_likelihood[0].iter().zip(&apart.log_likelihood[0]);
        difference = both.map(|(a, b)| (a - b).abs()).fold(difference, f64::max);
        num_equal += usize::from(shared.pick(0, LabelScore::Sum) == apart.pick(0, LabelScore::Sum));
    }
    args.common.print(json!({
        "labels": args.labels,
        "prompts": args.prompts,
        "shared_secs_per_prompt": shared_secs / args.prompts as f64,
        "apart_secs_per_prompt": apart_secs / args.prompts as f64,
        "ratio": median(ratios),
        "largest_difference_nats": difference,
        "equal_picks": num_equal,
        "peak_memory_mb": peak_memory_mb(),
        "precision": "f32",
    }));
    Ok(())
}

fn label(at: usize) -> String {
    let label = format!("{}_{}", THINGS[at % THINGS.len()], TROUBLES[at / THINGS.len() % TROUBLES.len()]);
    match at / (THINGS.len() * TROUBLES.len()) {
        0 => label,
        round => format!("{label}_{round}"),
    }
}

/// The question of a customer.
fn example(at: usize) -> Example {
    let [thing, other] = [at, 3 * at + 1].map(|at| THINGS[at % THINGS.len()]);
    let text =
        format!("I have waited for my {thing} for {} days now. Can you tell me what to do with my {other}?", at + 2);
    vec![Message::new(Role::User, text)].into()
}
