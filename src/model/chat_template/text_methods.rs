//! Methods of Python's `str`.

use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::format::format;
use super::print::is_printable;
use super::text_parts::{joined, lines, partition, replaced, split};
use super::values::{
    MAX_TEXT, Py, charge, charge_text, error, int, items, list, pairs, text, too_long, tuple, type_name,
};
use super::whitespace::is_space;

pub const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Methods of a text that is marked as safe; those that would put texts into it are refused.
pub fn call_safe(state: &State<'_, '_>, this: &str, name: &str, arguments: Arguments) -> Result<Value, Error> {
    let is_alike = ["strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "swapcase"].contains(&name);
    let is_question = name.starts_with("is") || ["startswith", "endswith", "find", "count"].contains(&name);
    if !is_alike && !is_question {
        return Err(error(format!("{name} of a text that is marked as safe can't be computed here")));
    }
    let value = call(state, this, name, arguments)?;
    Ok(if is_alike { Value::from_safe_string(value.as_str().unwrap_or_default().to_owned()) } else { value })
}

pub fn call(state: &State<'_, '_>, this: &str, name: &str, mut arguments: Arguments) -> Result<Value, Error> {
    charge_text(state, this.len())?;
    let value = match name {
        "format" => return format(state, this, arguments),
        "format_map" => {
            let given = arguments.next().ok_or_else(|| error("format_map needs a dictionary"))?;
            let named = pairs(state, &given)?.into_iter().map(|(key, value)| (key.to_string(), value));
            return format(state, this, Arguments::named(named.collect()));
        }
        "split" | "rsplit" => {
            let separator = arguments.take("sep").filter(|v| !v.is_none());
            let most = arguments.take_int("maxsplit")?.unwrap_or(-1);
            charge(state, this.len() / 8)?;
            let parts = split(this, separator.as_ref().map(as_text).transpose()?, most, name == "rsplit")?;
            list(state, parts.into_iter().map(Value::from).collect())?
        }
        "splitlines" => {
            let keeps_ends = arguments.take_true("keepends");
            charge(state, this.len() / 8)?;
            let lines = lines(this)
                .into_iter()
                .map(|(line, end)| if keeps_ends { [line, end].concat() } else { line.to_owned() });
            list(state, lines.map(Value::from).collect())?
        }
        "partition" | "rpartition" => {
            let parts = partition(this, &text_argument(&mut arguments, name)?, name == "rpartition")?;
            tuple(parts.into_iter().map(Value::from).collect())
        }
        "strip" | "lstrip" | "rstrip" => Value::from(stripped(this, name, &arguments.next())?),
        "removeprefix" => {
            let prefix = text_argument(&mut arguments, name)?;
            Value::from(this.strip_prefix(prefix.as_str()).unwrap_or(this))
        }
        "removesuffix" => {
            let suffix = text_argument(&mut arguments, name)?;
            Value::from(this.strip_suffix(suffix.as_str()).unwrap_or(this))
        }
        "replace" => {
            let (old, new) = (text_argument(&mut arguments, name)?, text_argument(&mut arguments, name)?);
            let most = arguments.take_int("count")?.unwrap_or(-1);
            text(replaced(this, &old, &new, most)?)?
        }
        "join" => {
            let given = arguments.next().ok_or_else(|| error("join needs texts"))?;
            let all = items(state, &given)?;
            let parts: Vec<&str> = all.iter().map(as_text).collect::<Result<_, _>>()?;
            if all.iter().any(Value::is_safe) {
                return Err(error("join of texts that are marked as safe can't be computed here"));
            }
            text(joined(this, &parts)?)?
        }
        "startswith" | "endswith" => Value::from(starts_or_ends(this, name, &mut arguments, state)?),
        "find" | "rfind" | "index" | "rindex" | "count" => searched(this, name, &mut arguments)?,
        "center" | "ljust" | "rjust" | "zfill" => text(widened(this, name, &mut arguments)?)?,
        "expandtabs" => text(with_spaces(this, arguments.take_int("tabsize")?.unwrap_or(8))?)?,
        "lower" => Value::from(this.to_lowercase()),
        "casefold" if this.is_ascii() => Value::from(this.to_ascii_lowercase()),
        "upper" => Value::from(this.to_uppercase()),
        "capitalize" => Value::from(capitalized(this)),
        "title" => Value::from(titled(this)),
        "swapcase" => Value::from(this.chars().map(swapped).collect::<String>()),
        _ if name.starts_with("is") => Value::from(is(this, name)?),
        _ => return Err(error(format!("the method {name} of texts can't be computed here"))),
    };
    arguments.finish()?;
    Ok(value)
}

fn as_text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| error(format!("a text is needed, not a value of type {}", type_name(value))))
}

fn text_argument(arguments: &mut Arguments, method: &str) -> Result<String, Error> {
    let value = arguments.next().ok_or_else(|| error(format!("{method} needs more arguments")))?;
    as_text(&value).map(str::to_owned)
}

/// Texts without white space, or without the given letters, at their ends.
pub fn stripped<'a>(this: &'a str, method: &str, letters: &Option<Value>) -> Result<&'a str, Error> {
    let letters = letters.as_ref().filter(|letters| !letters.is_none()).map(as_text).transpose()?;
    let is_unwanted = |c: char| letters.map_or(is_space(c), |letters| letters.contains(c));
    Ok(match method {
        "lstrip" => this.trim_start_matches(is_unwanted),
        "rstrip" => this.trim_end_matches(is_unwanted),
        _ => this.trim_matches(is_unwanted),
    })
}

/// The optional arguments `start` and `end`, as places in a sequence of this length.
pub fn bounds(arguments: &mut Arguments, len: usize) -> Result<(usize, usize), Error> {
    let mut bound = |default: usize| -> Result<usize, Error> {
        match arguments.next() {
            None => Ok(default),
            Some(value) if value.is_none() => Ok(default),
            Some(value) => {
                let at = Py::of(&value).as_int().ok_or_else(|| error("a place must be an integer"))?;
                let at = if at < 0 { at.saturating_add(len as i128).max(0) } else { at };
                // A start past the end finds nothing, not even an empty text.
                Ok(usize::try_from(at).unwrap_or(usize::MAX).min(len + 1))
            }
        }
    };
    let (start, end) = (bound(0)?, bound(len)?);
    Ok((start, end.min(len)))
}

/// The part of a text between two places that are counted in letters.
fn between(this: &str, start: usize, end: usize) -> Option<(&str, usize)> {
    let byte = |place: usize| this.char_indices().map(|(at, _)| at).chain([this.len()]).nth(place);
    let (from, to) = (byte(start)?, byte(end)?);
    this.get(from..to).map(|part| (part, from))
}

fn starts_or_ends(this: &str, method: &str, arguments: &mut Arguments, state: &State<'_, '_>) -> Result<bool, Error> {
    let wanted = arguments.next().ok_or_else(|| error(format!("{method} needs a text")))?;
    let wanted = if wanted.is_tuple() { items(state, &wanted)? } else { vec![wanted] };
    let (start, end) = bounds(arguments, this.chars().count())?;
    let Some((part, _)) = between(this, start, end) else { return Ok(false) };
    for wanted in &wanted {
        let wanted = as_text(wanted)?;
        if if method == "startswith" { part.starts_with(wanted) } else { part.ends_with(wanted) } {
            return Ok(true);
        }
    }
    Ok(false)
}

fn searched(this: &str, method: &str, arguments: &mut Arguments) -> Result<Value, Error> {
    let wanted = text_argument(arguments, method)?;
    let (start, end) = bounds(arguments, this.chars().count())?;
    let part = between(this, start, end);
    if method == "count" {
        return Ok(int(part.map_or(0, |(part, _)| part.matches(wanted.as_str()).count()) as i128));
    }
    let found = part.and_then(|(part, from)| {
        let at = if method.starts_with('r') { part.rfind(&wanted) } else { part.find(&wanted) };
        at.map(|at| this[..from + at].chars().count())
    });
    match found {
        Some(at) => Ok(int(at as i128)),
        None if method.ends_with("index") => Err(error(format!("{method} finds no such text"))),
        None => Ok(int(-1)),
    }
}

fn widened(this: &str, method: &str, arguments: &mut Arguments) -> Result<String, Error> {
    let width = arguments.need_int("width")?;
    let fill = match arguments.next() {
        Some(fill) if method != "zfill" => as_text(&fill)?.to_owned(),
        Some(_) => return Err(error("zfill takes a width only")),
        None => if method == "zfill" { "0" } else { " " }.to_owned(),
    };
    if fill.chars().count() != 1 {
        return Err(error("a text is filled with one letter"));
    }
    let len = this.chars().count();
    let width = usize::try_from(width.max(0)).map_err(|_| too_long())?;
    let missing = width.saturating_sub(len);
    if missing.saturating_mul(fill.len()) > MAX_TEXT {
        return Err(too_long());
    }
    let fill = |count: usize| fill.repeat(count);
    Ok(match method {
        "ljust" => format!("{this}{}", fill(missing)),
        "rjust" => format!("{}{this}", fill(missing)),
        "zfill" => {
            let (sign, digits) = this.split_at(usize::from(this.starts_with(['+', '-'])));
            format!("{sign}{}{digits}", fill(missing))
        }
        _ => {
            let left = missing / 2 + (missing & width & 1);
            format!("{}{this}{}", fill(left), fill(missing - left))
        }
    })
}

fn with_spaces(this: &str, tab: i128) -> Result<String, Error> {
    let tab = usize::try_from(tab.max(0)).map_err(|_| too_long())?;
    let mut out = String::new();
    let mut column = 0;
    for c in this.chars() {
        match c {
            '\t' if tab == 0 => {}
            '\t' => {
                let width = tab - column % tab;
                if out.len().saturating_add(width) > MAX_TEXT {
                    return Err(too_long());
                }
                out.extend(std::iter::repeat_n(' ', width));
                column += width;
            }
            _ => {
                out.push(c);
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(out)
}

fn swapped(c: char) -> String {
    if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
}

/// A letter as it begins a title.
fn title_case(c: char) -> String {
    match c {
        'Ǆ'..='ǆ' => "ǅ".to_owned(),
        'Ǉ'..='ǉ' => "ǈ".to_owned(),
        'Ǌ'..='ǌ' => "ǋ".to_owned(),
        'Ǳ'..='ǳ' => "ǲ".to_owned(),
        _ => {
            let mut upper = c.to_uppercase();
            upper.next().into_iter().chain(upper.flat_map(char::to_lowercase)).collect()
        }
    }
}

pub fn capitalized(this: &str) -> String {
    let mut rest = this.chars();
    rest.next().map(title_case).unwrap_or_default() + &rest.as_str().to_lowercase()
}

fn titled(this: &str) -> String {
    let is_cased = |c: char| c.is_uppercase() || c.is_lowercase();
    let mut follows_letter = false;
    let mut out = String::with_capacity(this.len());
    for c in this.chars() {
        if follows_letter {
            out.extend(c.to_lowercase())
        } else {
            out.push_str(&title_case(c))
        }
        follows_letter = is_cased(c);
    }
    out
}

fn is(this: &str, method: &str) -> Result<bool, Error> {
    let all = |is_so: &dyn Fn(char) -> bool| !this.is_empty() && this.chars().all(is_so);
    // Python's tables of digits and letters in other scripts aren't at hand.
    let only_ascii = |is_so: &dyn Fn(char) -> bool| {
        if this.is_ascii() {
            Ok(all(is_so))
        } else {
            Err(error(format!("{method} of other letters than ASCII's can't be computed here")))
        }
    };
    let is_cased = |c: char| c.is_uppercase() || c.is_lowercase();
    match method {
        "isascii" => Ok(this.is_ascii()),
        "isspace" => Ok(all(&is_space)),
        "isprintable" => Ok(this.chars().all(is_printable)),
        "islower" => Ok(this.chars().any(is_cased) && !this.chars().any(char::is_uppercase)),
        "isupper" => Ok(this.chars().any(is_cased) && !this.chars().any(char::is_lowercase)),
        "isalnum" => only_ascii(&|c| c.is_ascii_alphanumeric()),
        "isalpha" => only_ascii(&|c| c.is_ascii_alphabetic()),
        "isdecimal" | "isdigit" | "isnumeric" => only_ascii(&|c| c.is_ascii_digit()),
        "isidentifier" => {
            Ok(only_ascii(&|c| c.is_ascii_alphanumeric() || c == '_')?
                && !this.starts_with(|c: char| c.is_ascii_digit()))
        }
        "istitle" => {
            let mut follows_letter = false;
            let mut has_letter = false;
            for c in this.chars() {
                if (c.is_uppercase() && follows_letter) || (c.is_lowercase() && !follows_letter) {
                    return Ok(false);
                }
                follows_letter = is_cased(c);
                has_letter |= follows_letter;
            }
            Ok(has_letter)
        }
        _ => Err(error(format!("the method {method} of texts can't be computed here"))),
    }
}
