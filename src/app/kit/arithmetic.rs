//! Sums in number fields: `+ - * / ( )`, and numbers such as `2e-4`.

/// The value of `text`, or nothing where it isn't a sum with a finite result.
pub fn evaluate(text: &str) -> Option<f64> {
    let text = text.replace('−', "-").replace('×', "*").replace(',', "");
    if text.len() > 200 {
        return None;
    }
    let mut rest = text.trim();
    let value = sum(&mut rest, 0)?;
    (rest.is_empty() && value.is_finite()).then_some(value)
}

fn sum(rest: &mut &str, depth: usize) -> Option<f64> {
    let mut value = product(rest, depth)?;
    loop {
        if eat(rest, '+') {
            value += product(rest, depth)?;
        } else if eat(rest, '-') {
            value -= product(rest, depth)?;
        } else {
            return Some(value);
        }
    }
}

fn product(rest: &mut &str, depth: usize) -> Option<f64> {
    let mut value = factor(rest, depth)?;
    loop {
        if eat(rest, '*') {
            value *= factor(rest, depth)?;
        } else if eat(rest, '/') {
            value /= factor(rest, depth)?;
        } else {
            return Some(value);
        }
    }
}

fn factor(rest: &mut &str, depth: usize) -> Option<f64> {
    if depth > 32 {
        return None;
    }
    if eat(rest, '-') {
        return Some(-factor(rest, depth + 1)?);
    }
    if eat(rest, '(') {
        let value = sum(rest, depth + 1)?;
        return eat(rest, ')').then_some(value);
    }
    number(rest)
}

fn number(rest: &mut &str) -> Option<f64> {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let is_exponent_sign = matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
        if !(bytes[end].is_ascii_digit() || matches!(bytes[end], b'.' | b'e' | b'E') || is_exponent_sign) {
            break;
        }
        end += 1;
    }
    let value = rest[..end].parse().ok()?;
    *rest = rest[end..].trim_start();
    Some(value)
}

fn eat(rest: &mut &str, sign: char) -> bool {
    match rest.strip_prefix(sign) {
        Some(tail) => {
            *rest = tail.trim_start();
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn sums() {
        for (text, value) in [
            ("2e-4", Some(2e-4)),
            ("992*3 / 8", Some(372.0)),
            ("-(1 + 2) * 3", Some(-9.0)),
            ("1,240", Some(1240.0)),
            ("−1", Some(-1.0)),
            ("", None),
            ("3 x", None),
            ("1/0", None),
            ("(1", None),
        ] {
            assert_eq!(evaluate(text), value, "{text}");
        }
        assert_eq!(evaluate(&"(".repeat(150)), None);
    }
}
