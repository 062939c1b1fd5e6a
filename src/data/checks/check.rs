//! What is looked for: one table of every check's name, words, severity and remedies.

use serde::{Deserialize, Serialize};

use super::remedy::Remedy::{self, KeepOne, MoveToOneSplit, Redact, Repair, SetAside, Trim};
use Severity::{MustFix, ShouldLook};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    ExactDuplicate,
    NearDuplicate,
    Contradiction,
    Leakage,
    EmptyTurn,
    RoleOrder,
    NothingTrained,
    TooLong,
    MissingEndOfTurn,
    DoubledBos,
    TemplateRefusal,
    TemplateOmission,
    InvalidJson,
    OtherShape,
    UnknownLabel,
    RareLabel,
    Imbalance,
    EncodingDamage,
    Secret,
    PersonalData,
    Refusal,
    OtherLanguage,
    LengthOutlier,
    OuterWhitespace,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Training on it teaches something wrong, or measures it wrongly.
    MustFix,
    /// It may be right; a person should look.
    ShouldLook,
}

struct Facts {
    check: Check,
    name: &'static str,
    title: &'static str,
    short_title: &'static str,
    explanation: &'static str,
    severity: Severity,
    remedies: &'static [Remedy],
    needs_model: bool,
}

const fn facts(
    check: Check,
    name: &'static str,
    [title, short_title]: [&'static str; 2],
    severity: Severity,
    remedies: &'static [Remedy],
    explanation: &'static str,
) -> Facts {
    Facts { check, name, title, short_title, explanation, severity, remedies, needs_model: false }
}

/// [`facts`] of a check that needs a model's tokenizer and template.
const fn facts_with_model(
    check: Check,
    name: &'static str,
    titles: [&'static str; 2],
    severity: Severity,
    remedies: &'static [Remedy],
    explanation: &'static str,
) -> Facts {
    Facts { needs_model: true, ..facts(check, name, titles, severity, remedies, explanation) }
}

/// All that is known of each check, in the order of [`Check`]: its name, its titles, how much it weighs, what can be done
/// about it, and why it matters.
const FACTS: [Facts; 24] = [
    facts(
        Check::ExactDuplicate,
        "exact_duplicate",
        ["Exact duplicates", "Duplicate"],
        MustFix,
        &[KeepOne, SetAside],
        "The same example several times counts several times, and the model learns it by heart.",
    ),
    facts(
        Check::NearDuplicate,
        "near_duplicate",
        ["Near-duplicates", "Near-duplicate"],
        ShouldLook,
        &[KeepOne, SetAside],
        "Prompts that differ only in a few words teach little more than one of them, and weigh as much as all.",
    ),
    facts(
        Check::Contradiction,
        "contradiction",
        ["Same prompt, different answers", "Contradicts"],
        MustFix,
        &[SetAside],
        "The model can't learn an answer where the data give several to the same prompt.",
    ),
    facts(
        Check::Leakage,
        "leakage",
        ["Train and held-out data overlap", "In two parts"],
        MustFix,
        &[MoveToOneSplit, SetAside],
        "A held-out prompt that was trained on, or nearly, makes the evaluation look better than the model is.",
    ),
    facts(
        Check::EmptyTurn,
        "empty_turn",
        ["Empty turns", "Empty turn"],
        MustFix,
        &[SetAside],
        "A turn without text teaches the model to say nothing, or to answer nothing.",
    ),
    facts(
        Check::RoleOrder,
        "role_order",
        ["Roles out of order", "Role order"],
        MustFix,
        &[Repair, SetAside],
        "A system turn comes first, user and assistant take turns, and an answer is last; many templates refuse anything else.",
    ),
    facts(
        Check::NothingTrained,
        "nothing_trained",
        ["Nothing to learn", "Untrained"],
        MustFix,
        &[SetAside],
        "No token of the example counts in the loss: there is no answer, its weight is 0, or it is cut off.",
    ),
    facts_with_model(
        Check::TooLong,
        "too_long",
        ["Longer than the limit", "Too long"],
        MustFix,
        &[SetAside],
        "An example beyond the limit is left out of training, cut or split, as the recipe's too_long says.",
    ),
    facts_with_model(
        Check::MissingEndOfTurn,
        "missing_end_of_turn",
        ["No end of turn", "No end"],
        MustFix,
        &[],
        "The last answer is not followed by the token that ends a turn, so the model doesn't learn to stop.",
    ),
    facts(
        Check::DoubledBos,
        "doubled_bos",
        ["Template marks in the text", "Template mark"],
        MustFix,
        &[Repair, SetAside],
        "The text brings a beginning-of-text or turn mark that the template writes, too, so that it stands there twice.",
    ),
    facts_with_model(
        Check::TemplateRefusal,
        "template_refusal",
        ["Refused by the model's template", "Refused"],
        MustFix,
        &[SetAside],
        "The model's chat template can't write the example, so that it is left out of training.",
    ),
    facts_with_model(
        Check::TemplateOmission,
        "template_omission",
        ["Left out by the model's template", "Left out"],
        ShouldLook,
        &[SetAside],
        "The model's chat template leaves out a part of the example or changes it: the model doesn't learn that part.",
    ),
    facts(
        Check::InvalidJson,
        "invalid_json",
        ["Broken JSON", "Broken JSON"],
        MustFix,
        &[Repair, SetAside],
        "Answers like it are JSON, and this one can't be read: the model learns to write broken JSON.",
    ),
    facts(
        Check::OtherShape,
        "other_shape",
        ["Another shape", "Other shape"],
        ShouldLook,
        &[Repair, SetAside],
        "Nearly all answers like it are JSON, and this one is text: the model learns to write both.",
    ),
    facts(
        Check::UnknownLabel,
        "unknown_label",
        ["Labels that are not in the set", "Unknown label"],
        MustFix,
        &[Repair, SetAside],
        "A label that is not one of the set, or is another spelling of one, is a class of its own to the model.",
    ),
    facts(
        Check::RareLabel,
        "rare_label",
        ["Rare labels", "Rare label"],
        ShouldLook,
        &[],
        "A label with so few examples is hardly learned, and can't be measured.",
    ),
    facts(
        Check::Imbalance,
        "imbalance",
        ["One label dominates", "Dominates"],
        ShouldLook,
        &[],
        "Where nearly all answers are the same, a model that always says it looks good.",
    ),
    facts(
        Check::EncodingDamage,
        "encoding_damage",
        ["Damaged characters", "Damaged"],
        MustFix,
        &[Repair, SetAside],
        "The text was read in a wrong encoding or lost characters, and the model learns to write it so.",
    ),
    facts(
        Check::Secret,
        "secret",
        ["Secrets", "Secret"],
        MustFix,
        &[Redact, SetAside],
        "A key or password that is trained on can be got out of the model again.",
    ),
    facts(
        Check::PersonalData,
        "personal_data",
        ["Personal data", "Personal data"],
        ShouldLook,
        &[Redact, SetAside],
        "Mail addresses, phone, account and card numbers can be learned by heart and told to anyone.",
    ),
    facts(
        Check::Refusal,
        "refusal",
        ["Boilerplate refusals", "Refusal"],
        ShouldLook,
        &[SetAside],
        "Answers such as \"As an AI language model, I can't\" teach the model to refuse.",
    ),
    facts(
        Check::OtherLanguage,
        "other_language",
        ["Another language", "Language"],
        ShouldLook,
        &[SetAside],
        "Nearly all of the data are in one language, and this example is in another.",
    ),
    facts(
        Check::LengthOutlier,
        "length_outlier",
        ["Unusual lengths", "Length"],
        ShouldLook,
        &[SetAside],
        "Much longer or shorter than the rest: often several rows in one, or a cut-off text.",
    ),
    facts(
        Check::OuterWhitespace,
        "outer_whitespace",
        ["White space around turns", "White space"],
        ShouldLook,
        &[Trim],
        "White space before or after a text becomes tokens of its own; an answer learns to begin or end with it.",
    ),
];

impl Check {
    pub const ALL: [Self; FACTS.len()] = {
        let mut all = [Self::ExactDuplicate; FACTS.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = FACTS[at].check;
            at += 1;
        }
        all
    };

    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// The name in files, on the command line and in the store; it never changes.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }

    /// A few words, for a list.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// One or two words, for a table's cell.
    pub fn short_title(self) -> &'static str {
        self.facts().short_title
    }

    /// One sentence: what it is, and what it does to the model.
    pub fn explanation(self) -> &'static str {
        self.facts().explanation
    }

    pub fn severity(self) -> Severity {
        self.facts().severity
    }

    /// What can be done with one click; the first is the one to offer.
    pub fn remedies(self) -> &'static [Remedy] {
        self.facts().remedies
    }

    /// Whether it needs a model's tokenizer and template.
    pub fn needs_model(self) -> bool {
        self.facts().needs_model
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde_and_all_are_listed() {
        for (index, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check as usize, index);
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
            assert_eq!(Check::from_name(check.name()), Some(check));
            assert!(check.explanation().ends_with('.') && !check.title().ends_with('.'));
        }
    }
}
