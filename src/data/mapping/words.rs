//! The words of a column's name, without case and accents: `Antwort_neu`, `RéponseClient`, `お問い合わせ内容`.

/// Lower case without accents, so that what people type one way and another is the same.
pub fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).filter(|c| !is_mark(*c)).map(plain).collect()
}

/// The words in order; languages that write none apart have one.
pub fn words(name: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for c in name.chars() {
        if was_lower && c.is_uppercase() {
            spaced.push(' ');
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        spaced.push(if is_separator(c) { ' ' } else { c });
    }
    spaced.split_whitespace().map(folded).filter(|word| !word.is_empty()).collect()
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_ascii_punctuation()
        || matches!(c, '\u{a0}'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{30fb}')
        || matches!(c, '\u{ff00}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '؟' | '،' | '؛' | '।')
}

/// Accents that are characters of their own, Arabic vowel signs, and the dot that Bengali and Hindi put below.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{655}' | '\u{670}' | '\u{640}' | '\u{9bc}' | '\u{93c}')
}

fn plain(c: char) -> char {
    const PLAIN: &[(char, &str)] = &[
        ('a', "àáâãäåāăąǎ"),
        ('c', "çćčĉ"),
        ('d', "ďđð"),
        ('e', "èéêëēĕėęěẽ"),
        ('g', "ğĝģ"),
        ('i', "ìíîïĩīįı"),
        ('l', "łľĺļ"),
        ('n', "ñńňņ"),
        ('o', "òóôõöøōőǒ"),
        ('r', "řŕ"),
        ('s', "śšşșŝ"),
        ('t', "ťţț"),
        ('u', "ùúûüũūŭůűų"),
        ('y', "ýÿ"),
        ('z', "źżž"),
        ('е', "ё"),
        ('и', "й"),
        ('ا', "أإآٱ"),
        ('ي', "ى"),
        ('و', "ؤ"),
        ('য', "\u{9df}"),
    ];
    match c.is_ascii() {
        true => c,
        false => PLAIN.iter().find(|(_, all)| all.contains(c)).map_or(c, |(plain, _)| *plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let check = |name: &str, expected: &[&str]| assert_eq!(words(name), expected, "{name}");
        check("Antwort_neu", &["antwort", "neu"]);
        check("customerMessage (2)", &["customer", "message", "2"]);
        check("RÉPONSE du client", &["reponse", "du", "client"]);
        // An accent of its own, as macOS writes file names.
        check("Re\u{301}ponse", &["reponse"]);
        check("الإجابة", &["الاجابة"]);
        check("お問い合わせ・内容", &["お問い合わせ", "内容"]);
        check("Odpowiedź", &["odpowiedz"]);
        check("বিষয়", &[folded("বিষয়").as_str()]);
        check("", &[]);
    }
}
