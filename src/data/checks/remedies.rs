//! What a remedy would do about findings. Every example is looked at as it is now: findings may be older than it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::digest::answer_key;
use super::labels::Respelling;
use super::privacy::{self, Found};
use super::{Action, Change, Check, Finding, Fix, Member, Remedy, Row, encoding, json, turns};
use crate::data::{Message, Role, Split};

/// Works a remedy out for the findings of a check. `row` gives an example as it is now, `None` if it takes no part any
/// more.
pub fn plan(check: Check, remedy: Remedy, findings: &[Finding], row: &mut dyn FnMut(i64) -> Option<Row>) -> Fix {
    let mut seen = HashSet::new();
    let own = findings.iter().filter(|finding| finding.check == check && seen.insert(finding.id));
    let found: Vec<(&Finding, Row)> = own.filter_map(|finding| Some((finding, row(finding.id)?))).collect();
    let changes: Vec<Change> = match remedy {
        Remedy::KeepOne => grouped(&found).into_values().flat_map(|group| copies(check, &group)).collect(),
        Remedy::MoveToOneSplit => grouped(&found).into_values().flat_map(|group| move_together(&group)).collect(),
        Remedy::SetAside if check == Check::Contradiction => {
            grouped(&found).into_values().flat_map(|group| outvoted(&group)).collect()
        }
        Remedy::SetAside if check == Check::Leakage => {
            let is_train = |(_, row): &&(&Finding, Row)| row.split == Split::Train;
            found.iter().filter(is_train).map(|(_, row)| change(row, Action::SetAside)).collect()
        }
        Remedy::SetAside if matches!(check, Check::ExactDuplicate | Check::NearDuplicate) => {
            let aside = |change: Change| Change { action: Action::SetAside, ..change };
            grouped(&found).into_values().flat_map(|group| copies(check, &group)).map(aside).collect()
        }
        Remedy::SetAside => found.iter().map(|(_, row)| change(row, Action::SetAside)).collect(),
        Remedy::Repair | Remedy::Redact | Remedy::Trim => {
            found.iter().filter_map(|(finding, row)| rewrite(finding, row)).collect()
        }
    };
    let changed: HashSet<i64> = changes.iter().map(|change| change.id).collect();
    let groups = grouped(&found).into_values();
    let groups = groups.filter(|group| group.iter().any(|row| changed.contains(&row.id)));
    let groups = groups.map(|group| group.into_iter().map(member).collect()).collect();
    Fix { check, remedy, changes, groups }
}

fn member(row: &Row) -> Member {
    Member { id: row.id, number: row.number, split: row.split, answer: answer_key(&row.example), is_fixed: false }
}

type Group<'a> = Vec<&'a Row>;

fn grouped<'a>(found: &'a [(&Finding, Row)]) -> BTreeMap<u32, Group<'a>> {
    let mut groups: BTreeMap<u32, Group<'a>> = BTreeMap::new();
    for (finding, row) in found {
        if let Some(group) = finding.group {
            groups.entry(group).or_default().push(row);
        }
    }
    groups
}

fn change(row: &Row, action: Action) -> Change {
    Change { id: row.id, number: row.number, action }
}

/// All but the first; of exact copies only those that still are.
fn copies(check: Check, group: &Group) -> Vec<Change> {
    let mut kept: Vec<&Row> = Vec::new();
    let mut changes = Vec::new();
    for row in group {
        let is_copy = |other: &&Row| check != Check::ExactDuplicate || is_same(other, row);
        if kept.iter().any(is_copy) {
            changes.push(change(row, Action::Delete));
        } else {
            kept.push(row);
        }
    }
    changes
}

fn is_same(a: &Row, b: &Row) -> bool {
    let prompt = |row: &Row| -> Vec<(Role, String)> {
        row.example.prompt().iter().map(|m| (m.role, super::text::collapse(&m.content))).collect()
    };
    prompt(a) == prompt(b) && answer_key(&a.example) == answer_key(&b.example)
}

/// Those that answer otherwise than most do; all, where no answer has more votes than every other.
fn outvoted(group: &Group) -> Vec<Change> {
    let mut votes: HashMap<Option<u64>, usize> = HashMap::new();
    for row in group {
        *votes.entry(answer_key(&row.example)).or_default() += 1;
    }
    if votes.len() < 2 {
        return Vec::new();
    }
    let most = votes.values().copied().max().unwrap_or_default();
    let mut leaders = votes.iter().filter(|(_, num)| **num == most).map(|(answer, _)| *answer);
    let winner = match (leaders.next(), leaders.next()) {
        (Some(leader), None) => Some(leader),
        _ => None,
    };
    let is_out = |row: &&&Row| Some(answer_key(&row.example)) != winner;
    group.iter().filter(is_out).map(|row| change(row, Action::SetAside)).collect()
}

/// To the test part if one of them is there, else to the validation part: what was held out stays so.
fn move_together(group: &Group) -> Vec<Change> {
    let has = |split: Split| group.iter().any(|row| row.split == split);
    let after = if has(Split::Test) { Split::Test } else { Split::Validation };
    if !has(after) || !has(Split::Train) {
        return Vec::new();
    }
    let moved = group.iter().filter(|row| row.split != after);
    moved.map(|row| change(row, Action::MoveTo { before: row.split, after })).collect()
}

/// The turns with their text mended; `None` where nothing can be.
fn rewrite(finding: &Finding, row: &Row) -> Option<Change> {
    let before = &row.example.messages;
    let after = match finding.check {
        // What is in order already was refused for its system turn.
        Check::RoleOrder if turns::disorder(before).is_none() => turns::with_system_folded(before)?,
        Check::RoleOrder => turns::in_order(before)?,
        Check::InvalidJson | Check::OtherShape => with_answer(before, json::repair)?,
        Check::UnknownLabel => {
            let respelling = Respelling::parse(&finding.detail)?;
            with_answer(before, |answer| respelling.mend(answer))?
        }
        Check::EncodingDamage => with_texts(before, encoding::repair),
        Check::DoubledBos => with_texts(before, turns::without_marks),
        Check::OuterWhitespace => with_texts(before, |text| text.trim().to_owned()),
        Check::Secret => with_texts(before, |text| redacted(text, privacy::secrets)),
        Check::PersonalData => with_texts(before, |text| redacted(text, privacy::personal_data)),
        _ => return None,
    };
    (after != *before).then(|| change(row, Action::SetMessages { before: before.clone(), after }))
}

fn redacted(text: &str, find: fn(&str) -> Vec<Found>) -> String {
    privacy::redact(text, &find(text))
}

fn with_texts(messages: &[Message], mend: impl Fn(&str) -> String) -> Vec<Message> {
    messages.iter().map(|m| Message { content: mend(&m.content), ..m.clone() }).collect()
}

fn with_answer(messages: &[Message], mend: impl Fn(&str) -> Option<String>) -> Option<Vec<Message>> {
    let mut messages = messages.to_vec();
    let answer = messages.iter_mut().rev().find(|m| m.role == Role::Assistant)?;
    answer.content = mend(&answer.content)?;
    Some(messages)
}
