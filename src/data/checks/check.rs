//! What is looked for: one table of every check's name, words, severity and remedies.

use serde::{Deserialize, Serialize};

use super::Remedy::{self, KeepOne, MoveToOneSplit, Redact, Repair, SetAside, Trim};
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
    name: &'static str,
    title: &'static str,
    explanation: &'static str,
    severity: Severity,
    remedies: &'static [Remedy],
}

impl Check {
    pub const ALL: [Self; 24] = [
        Self::ExactDuplicate,
        Self::NearDuplicate,
        Self::Contradiction,
        Self::Leakage,
        Self::EmptyTurn,
        Self::RoleOrder,
        Self::NothingTrained,
        Self::TooLong,
        Self::MissingEndOfTurn,
        Self::DoubledBos,
        Self::TemplateRefusal,
        Self::TemplateOmission,
        Self::InvalidJson,
        Self::OtherShape,
        Self::UnknownLabel,
        Self::RareLabel,
        Self::Imbalance,
        Self::EncodingDamage,
        Self::Secret,
        Self::PersonalData,
        Self::Refusal,
        Self::OtherLanguage,
        Self::LengthOutlier,
        Self::OuterWhitespace,
    ];

    /// As files, the command line and the store call it; never changes.
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
        match self {
            Self::ExactDuplicate => "Duplicate",
            Self::NearDuplicate => "Near-duplicate",
            Self::Contradiction => "Contradicts",
            Self::Leakage => "In two parts",
            Self::EmptyTurn => "Empty turn",
            Self::RoleOrder => "Role order",
            Self::NothingTrained => "Untrained",
            Self::TooLong => "Too long",
            Self::MissingEndOfTurn => "No end",
            Self::DoubledBos => "Template mark",
            Self::TemplateRefusal => "Refused",
            Self::TemplateOmission => "Left out",
            Self::InvalidJson => "Broken JSON",
            Self::OtherShape => "Other shape",
            Self::UnknownLabel => "Unknown label",
            Self::RareLabel => "Rare label",
            Self::Imbalance => "Dominates",
            Self::EncodingDamage => "Damaged",
            Self::Secret => "Secret",
            Self::PersonalData => "Personal data",
            Self::Refusal => "Refusal",
            Self::OtherLanguage => "Language",
            Self::LengthOutlier => "Length",
            Self::OuterWhitespace => "White space",
        }
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

    /// Whether it can only be told with a model's tokenizer and template.
    pub fn needs_model(self) -> bool {
        matches!(self, Self::TooLong | Self::MissingEndOfTurn | Self::TemplateRefusal | Self::TemplateOmission)
    }

    fn facts(self) -> Facts {
        let facts =
            |name, title, severity, remedies, explanation| Facts { name, title, explanation, severity, remedies };
        match self {
            Self::ExactDuplicate => facts(
                "exact_duplicate",
                "Exact duplicates",
                MustFix,
                &[KeepOne, SetAside],
                "The same example several times counts several times, and the model learns it by heart.",
            ),
            Self::NearDuplicate => facts(
                "near_duplicate",
                "Near-duplicates",
                ShouldLook,
                &[KeepOne, SetAside],
                "Prompts that differ only in a few words teach little more than one of them, and weigh as much as all.",
            ),
            Self::Contradiction => facts(
                "contradiction",
                "Same prompt, different answers",
                MustFix,
                &[SetAside],
                "The model can't learn an answer where the data give several to the same prompt.",
            ),
            Self::Leakage => facts(
                "leakage",
                "Train and held-out data overlap",
                MustFix,
                &[MoveToOneSplit, SetAside],
                "A held-out prompt that was trained on, or nearly, makes the evaluation look better than the model is.",
            ),
            Self::EmptyTurn => facts(
                "empty_turn",
                "Empty turns",
                MustFix,
                &[SetAside],
                "A turn without text teaches the model to say nothing, or to answer nothing.",
            ),
            Self::RoleOrder => facts(
                "role_order",
                "Roles out of order",
                MustFix,
                &[Repair, SetAside],
                "A system turn comes first, user and assistant take turns, and an answer is last; many templates refuse anything else.",
            ),
            Self::NothingTrained => facts(
                "nothing_trained",
                "Nothing to learn",
                MustFix,
                &[SetAside],
                "No token of the example counts in the loss: there is no answer, its weight is 0, or it is cut off.",
            ),
            Self::TooLong => facts(
                "too_long",
                "Longer than the limit",
                MustFix,
                &[SetAside],
                "An example beyond the limit is left out of training, cut or split, as the recipe's too_long says.",
            ),
            Self::MissingEndOfTurn => facts(
                "missing_end_of_turn",
                "No end of turn",
                MustFix,
                &[],
                "The last answer is not followed by the token that ends a turn, so the model doesn't learn to stop.",
            ),
            Self::DoubledBos => facts(
                "doubled_bos",
                "Template marks in the text",
                MustFix,
                &[Repair, SetAside],
                "The text brings a beginning-of-text or turn mark that the template writes, too, so that it stands there twice.",
            ),
            Self::TemplateRefusal => facts(
                "template_refusal",
                "Refused by the model's template",
                MustFix,
                &[SetAside],
                "The model's chat template can't write the example, so that it is left out of training.",
            ),
            Self::TemplateOmission => facts(
                "template_omission",
                "Left out by the model's template",
                ShouldLook,
                &[SetAside],
                "The model's chat template leaves out a part of the example or changes it: the model doesn't learn that part.",
            ),
            Self::InvalidJson => facts(
                "invalid_json",
                "Broken JSON",
                MustFix,
                &[Repair, SetAside],
                "Answers like it are JSON, and this one can't be read: the model learns to write broken JSON.",
            ),
            Self::OtherShape => facts(
                "other_shape",
                "Another shape",
                ShouldLook,
                &[Repair, SetAside],
                "Nearly all answers like it are JSON, and this one is text: the model learns to write both.",
            ),
            Self::UnknownLabel => facts(
                "unknown_label",
                "Labels that are not in the set",
                MustFix,
                &[Repair, SetAside],
                "A label that is not one of the set, or is another spelling of one, is a class of its own to the model.",
            ),
            Self::RareLabel => facts(
                "rare_label",
                "Rare labels",
                ShouldLook,
                &[],
                "A label with so few examples is hardly learned, and can't be measured.",
            ),
            Self::Imbalance => facts(
                "imbalance",
                "One label dominates",
                ShouldLook,
                &[],
                "Where nearly all answers are the same, a model that always says it looks good.",
            ),
            Self::EncodingDamage => facts(
                "encoding_damage",
                "Damaged characters",
                MustFix,
                &[Repair, SetAside],
                "The text was read in a wrong encoding or lost characters, and the model learns to write it so.",
            ),
            Self::Secret => facts(
                "secret",
                "Secrets",
                MustFix,
                &[Redact, SetAside],
                "A key or password that is trained on can be got out of the model again.",
            ),
            Self::PersonalData => facts(
                "personal_data",
                "Personal data",
                ShouldLook,
                &[Redact, SetAside],
                "Mail addresses, phone, account and card numbers can be learned by heart and told to anyone.",
            ),
            Self::Refusal => facts(
                "refusal",
                "Boilerplate refusals",
                ShouldLook,
                &[SetAside],
                "Answers such as \"As an AI language model, I can't\" teach the model to refuse.",
            ),
            Self::OtherLanguage => facts(
                "other_language",
                "Another language",
                ShouldLook,
                &[SetAside],
                "Nearly all of the data are in one language, and this example is in another.",
            ),
            Self::LengthOutlier => facts(
                "length_outlier",
                "Unusual lengths",
                ShouldLook,
                &[SetAside],
                "Much longer or shorter than the rest: often several rows in one, or a cut-off text.",
            ),
            Self::OuterWhitespace => facts(
                "outer_whitespace",
                "White space around turns",
                ShouldLook,
                &[Trim],
                "White space before or after a text becomes tokens of its own; an answer learns to begin or end with it.",
            ),
        }
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
