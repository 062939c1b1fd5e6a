//! What a choice in the dialog changes of a mapping. Roles and templates say the same: a column that a template names is
//! a part of the turn, and one that it doesn't is none.

use crate::data::import::{ColumnRole, Mapping, Rename};
use crate::data::mapping::template::{Template, joined};
use crate::data::mapping::yes_or_no;

/// How answers are made of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    Plain,
    Json,
    Template,
    /// They are to be written here.
    ToCome,
}

pub fn form_of(mapping: &Mapping) -> AnswerForm {
    match mapping {
        _ if mapping.answers_to_come => AnswerForm::ToCome,
        _ if !mapping.answer_template.is_empty() => AnswerForm::Template,
        _ if mapping.answer_as_json => AnswerForm::Json,
        _ => AnswerForm::Plain,
    }
}

/// The prompt as a template, also where nobody wrote one.
pub fn user_template(mapping: &Mapping) -> String {
    match mapping.user_template.is_empty() {
        true => joined(mapping.of(ColumnRole::User)),
        false => mapping.user_template.clone(),
    }
}

pub fn set_role(mapping: &mut Mapping, column: usize, role: ColumnRole) {
    let Some((name, before)) = mapping.columns.get(column).cloned() else { return };
    if !role.may_be_several() {
        let others = mapping.columns.iter_mut().filter(|(_, known)| *known == role);
        others.for_each(|(_, known)| *known = ColumnRole::Unused);
    }
    mapping.columns[column].1 = role;
    if role == ColumnRole::Assistant {
        mapping.answers_to_come = false;
    }
    let turns = [(ColumnRole::User, &mut mapping.user_template), (ColumnRole::Assistant, &mut mapping.answer_template)];
    for (turn, template) in turns {
        let mark = format!("{{{name}}}");
        if template.is_empty() || before == role {
            continue;
        }
        if role == turn && !template.contains(&mark) {
            template.push('\n');
            template.push_str(&mark);
        } else if before == turn {
            // One column's line goes with it.
            *template = template.replace(&format!("\n{mark}"), "").replace(&mark, "");
            if template.trim().is_empty() {
                template.clear();
            }
        }
    }
}

pub fn set_user_template(mapping: &mut Mapping, text: String) {
    follow(mapping, &text, ColumnRole::User);
    mapping.user_template = text;
}

pub fn set_answer_template(mapping: &mut Mapping, text: String) {
    follow(mapping, &text, ColumnRole::Assistant);
    mapping.answer_template = text;
}

/// Columns get the roles that a template gives them; while it is half typed, nothing changes.
fn follow(mapping: &mut Mapping, text: &str, role: ColumnRole) {
    let columns: Vec<String> = mapping.columns.iter().map(|(name, _)| name.clone()).collect();
    let Ok(template) = Template::parse(text, &columns) else { return };
    let named = template.as_ref().map(Template::columns).unwrap_or_default();
    for (name, known) in &mut mapping.columns {
        match named.contains(&name.as_str()) {
            true if *known == ColumnRole::Unused => *known = role,
            false if *known == role => *known = ColumnRole::Unused,
            _ => {}
        }
    }
}

/// Why the template can't be filled.
pub fn wrong_name(mapping: &Mapping, text: &str) -> Option<String> {
    let columns: Vec<String> = mapping.columns.iter().map(|(name, _)| name.clone()).collect();
    let name = Template::parse(text, &columns).err()?;
    Some(format!("{{{name}}} isn't a column of this file"))
}

pub fn set_form(mapping: &mut Mapping, form: AnswerForm) {
    mapping.answers_to_come = form == AnswerForm::ToCome;
    mapping.answer_as_json = form == AnswerForm::Json;
    mapping.answer_template = match form {
        AnswerForm::Template => joined(mapping.of(ColumnRole::Assistant)),
        _ => String::new(),
    };
    if form == AnswerForm::ToCome {
        let answers = mapping.columns.iter_mut().filter(|(_, role)| *role == ColumnRole::Assistant);
        answers.for_each(|(_, role)| *role = ColumnRole::Unused);
    }
}

/// The other word for a value; empty for none.
pub fn renamed<'a>(mapping: &'a Mapping, column: &str, from: &str) -> &'a str {
    let found = mapping.renames.iter().find(|rename| rename.column == column && rename.from == from);
    found.map_or("", |rename| rename.to.as_str())
}

pub fn rename(mapping: &mut Mapping, column: &str, from: &str, to: String) {
    mapping.renames.retain(|rename| rename.column != column || rename.from != from);
    if !to.is_empty() {
        mapping.renames.push(Rename { column: column.to_owned(), from: from.to_owned(), to });
    }
}

/// A column's key in a JSON answer; its own name, or nothing, for none.
pub fn set_key(mapping: &mut Mapping, column: &str, key: String) {
    mapping.keys.retain(|(known, _)| known != column);
    if !key.is_empty() && key != column {
        mapping.keys.push((column.to_owned(), key));
    }
}

/// Whether a column says nothing but yes and no.
pub fn are_yes_and_no(values: &[(String, u64)]) -> bool {
    let known = values.iter().map(|(value, _)| yes_or_no(value));
    !values.is_empty() && known.clone().all(|known| known.is_some()) && values.iter().any(|(value, _)| !is_json(value))
}

fn is_json(value: &str) -> bool {
    matches!(value, "true" | "false")
}

/// Whether they are renamed to `true` and `false`.
pub fn are_booleans(mapping: &Mapping, column: &str, values: &[(String, u64)]) -> bool {
    values.iter().all(|(value, _)| is_json(value) || is_json(renamed(mapping, column, value)))
}

pub fn set_booleans(mapping: &mut Mapping, column: &str, values: &[(String, u64)], on: bool) {
    for (value, _) in values {
        let to = yes_or_no(value).filter(|_| on && !is_json(value));
        rename(mapping, column, value, to.map(|yes| yes.to_string()).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(roles: &[(&str, ColumnRole)]) -> Mapping {
        let columns = roles.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect();
        Mapping { columns, ..Mapping::default() }
    }

    #[test]
    fn roles_and_templates_say_the_same() {
        use ColumnRole::{Assistant, Date, Unused, User};
        let mut of = mapping(&[("Betreff", User), ("Text", User), ("Antwort", Assistant), ("Datum", Date)]);
        assert_eq!(user_template(&of), "{Betreff}\n{Text}");
        set_user_template(&mut of, "{Text} ({Datum})".to_owned());
        let roles = |of: &Mapping| of.columns.iter().map(|(_, role)| *role).collect::<Vec<_>>();
        assert_eq!(roles(&of), [Unused, User, Assistant, Date]);
        set_role(&mut of, 0, User);
        assert_eq!(of.user_template, "{Text} ({Datum})\n{Betreff}");
        set_role(&mut of, 0, Unused);
        assert_eq!(of.user_template, "{Text} ({Datum})");
        // Half typed.
        set_user_template(&mut of, "{Text} {Betr}".to_owned());
        assert_eq!(roles(&of)[..2], [Unused, User]);
        assert_eq!(wrong_name(&of, &of.user_template).as_deref(), Some("{Betr} isn't a column of this file"));
        set_role(&mut of, 1, Date);
        assert_eq!(roles(&of), [Unused, Date, Assistant, Unused], "one date at most");
    }

    #[test]
    fn answers_take_one_form() {
        use ColumnRole::{Assistant, Unused, User};
        let mut of = mapping(&[("q", User), ("a", Assistant), ("b", Assistant)]);
        for form in [AnswerForm::Json, AnswerForm::Template, AnswerForm::Plain] {
            set_form(&mut of, form);
            assert_eq!(form_of(&of), form);
        }
        set_form(&mut of, AnswerForm::ToCome);
        assert_eq!((form_of(&of), of.columns[1].1), (AnswerForm::ToCome, Unused));
        set_role(&mut of, 1, Assistant);
        assert_eq!(form_of(&of), AnswerForm::Plain);
    }

    #[test]
    fn yes_and_no_become_true_and_false_and_back() {
        let mut of = mapping(&[("human", ColumnRole::Assistant)]);
        let values = [("ja", 3), ("nein", 2)].map(|(value, count)| (value.to_owned(), count));
        assert!(are_yes_and_no(&values) && !are_booleans(&of, "human", &values));
        set_booleans(&mut of, "human", &values, true);
        assert!(are_booleans(&of, "human", &values) && renamed(&of, "human", "nein") == "false");
        set_booleans(&mut of, "human", &values, false);
        assert!(of.renames.is_empty() && !are_yes_and_no(&[]) && !are_yes_and_no(&[("x".to_owned(), 1)]));
        rename(&mut of, "human", "ja", "urgent".to_owned());
        set_key(&mut of, "human", "needs_human".to_owned());
        assert_eq!((renamed(&of, "human", "ja"), of.key_of("human")), ("urgent", "needs_human"));
        set_key(&mut of, "human", "human".to_owned());
        assert!(of.keys.is_empty());
    }
}
