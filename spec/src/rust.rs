//! Rust source as far as citations need it: words, strings, signs and line comments, and which of them are tests.

/// A piece of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier, keyword or number.
    Word(String),
    /// A string literal, without its quotes, escapes as written.
    Text(String),
    /// A line comment, without its two slashes.
    Comment(String),
    /// Anything else.
    Sign(char),
}

/// A token and its place.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) token: Token,
    pub(crate) line: usize,
    /// Whether it is part of something that only tests compile.
    pub(crate) test: bool,
}

impl Spot {
    pub(crate) fn is(&self, sign: char) -> bool {
        self.token == Token::Sign(sign)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        if let Token::Word(word) = &self.token {
            Some(word)
        } else {
            None
        }
    }
}

/// Cuts source into tokens; block comments, characters and lifetimes are left out.
pub(crate) fn tokens(source: &str) -> Vec<Spot> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let (mut out, mut line, mut i) = (Vec::new(), 1, 0);
    while i < chars.len() {
        let (start, c) = (i, chars[i]);
        let mut token = None;
        if c == '/' && at(i + 1) == '/' {
            i += chars[i..].iter().take_while(|c| **c != '\n').count();
            token = Some(Token::Comment(chars[start + 2..i].iter().collect()));
        } else if c == '/' && at(i + 1) == '*' {
            i = block_comment(&chars, i);
        } else if let Some((from, to, next)) = string(&chars, i) {
            token = Some(Token::Text(chars[from..to].iter().collect()));
            i = next;
        } else if c.is_alphanumeric() || c == '_' {
            i += chars[i..]
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_')
                .count();
            token = Some(Token::Word(chars[start..i].iter().collect()));
        } else if c == '\'' {
            i = match (at(i + 1), at(i + 2)) {
                ('\\', _) => {
                    i + 3
                        + chars[(i + 3).min(chars.len())..]
                            .iter()
                            .take_while(|c| **c != '\'')
                            .count()
                        + 1
                }
                (_, '\'') => i + 3,
                _ => i + 1,
            };
        } else {
            i += 1;
            token = (!c.is_whitespace()).then_some(Token::Sign(c));
        }
        i = i.min(chars.len());
        out.extend(token.map(|token| Spot {
            token,
            line,
            test: false,
        }));
        line += chars[start..i].iter().filter(|c| **c == '\n').count();
    }
    mark_tests(&mut out);
    out
}

/// The end of a block comment; they nest.
fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0_usize, from);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// A string literal of any kind that begins here: its content, and where the source goes on.
fn string(chars: &[char], from: usize) -> Option<(usize, usize, usize)> {
    let prefix = chars[from..]
        .iter()
        .take(2)
        .take_while(|c| "bcr".contains(**c))
        .count();
    let raw = chars[from..from + prefix].contains(&'r');
    let hashes = if raw {
        chars[from + prefix..]
            .iter()
            .take_while(|c| **c == '#')
            .count()
    } else {
        0
    };
    let open = from + prefix + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let mut i = open + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' if !raw => i += 1,
            '"' if chars[i + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes =>
            {
                return Some((open + 1, i, i + 1 + hashes));
            }
            _ => {}
        }
        i += 1;
    }
    Some((open + 1, chars.len(), chars.len()))
}

/// The attribute that begins at `at`: the index behind it, its words before any bracket, and all its words.
pub(crate) fn attribute(spots: &[Spot], at: usize) -> Option<(usize, Vec<&str>, Vec<&str>)> {
    let inner = usize::from(spots.get(at + 1)?.is('!'));
    if !spots.get(at)?.is('#') || !spots.get(at + 1 + inner)?.is('[') {
        return None;
    }
    let end = closing(spots, at + 1 + inner);
    let body = spots.get(at + 2 + inner..end)?;
    let path = body
        .iter()
        .take_while(|s| !s.is('(') && !s.is('='))
        .filter_map(Spot::word)
        .collect();
    Some((end + 1, path, body.iter().filter_map(Spot::word).collect()))
}

/// The index of the bracket that closes the one at `open`, or the last index.
fn closing(spots: &[Spot], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, spot) in spots.iter().enumerate().skip(open) {
        match spot.token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return index;
        }
    }
    spots.len().saturating_sub(1)
}

/// Marks what stands under `#[cfg(test)]`.
fn mark_tests(spots: &mut [Spot]) {
    let mut at = 0;
    while at < spots.len() {
        let Some((after, path, words)) = attribute(spots, at) else {
            at += 1;
            continue;
        };
        let for_tests = path == ["cfg"] && words.contains(&"test") && !words.contains(&"not");
        let whole_file = spots[at + 1].is('!');
        if for_tests {
            let end = if whole_file {
                spots.len()
            } else {
                item_end(spots, after)
            };
            spots[at..end].iter_mut().for_each(|spot| spot.test = true);
            at = end;
        } else {
            at = after;
        }
    }
}

/// The index behind the item that begins at `from`.
fn item_end(spots: &[Spot], from: usize) -> usize {
    let mut at = from;
    while let Some(spot) = spots.get(at) {
        match spot.token {
            Token::Sign('{') => return closing(spots, at) + 1,
            Token::Sign('(' | '[') => at = closing(spots, at) + 1,
            Token::Sign(';') => return at + 1,
            Token::Sign(')' | ']' | '}') => return at,
            _ => at += 1,
        }
    }
    spots.len()
}

/// The modules that this file declares for tests only and keeps in files of their own: `#[cfg(test)] mod tests;`.
pub(crate) fn test_modules(spots: &[Spot]) -> impl Iterator<Item = &str> {
    spots.windows(3).filter_map(|window| match window {
        [keyword, name, end] if keyword.test && keyword.word() == Some("mod") && end.is(';') => {
            name.word()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words, strings in quotes, those for tests with a star.
    fn shown(source: &str) -> String {
        let show = |spot: &Spot| {
            let star = if spot.test { "*" } else { "" };
            match &spot.token {
                Token::Word(word) => Some(format!("{word}{star}")),
                Token::Text(text) => Some(format!("\"{text}\"{star}")),
                Token::Comment(text) => Some(format!("//{text}{star}")),
                Token::Sign(_) => None,
            }
        };
        tokens(source)
            .iter()
            .filter_map(show)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn strings_comments_and_characters_are_told_apart() {
        for (source, expected) in [
            (r#"a("x \" // y") b"#, r#"a "x \" // y" b"#),
            (r##"r#"x " \"# b"##, r#""x " \" b"#),
            (r"f('\'', 'x', '\u{1f}') g", "f g"),
            ("fn f<'a>(x: &'a str) // 'c", "fn f a x a str // 'c"),
            ("a /* b /* \" */ c */ d", "a d"),
            (r#"b"x" br"y" c"z" rb"#, r#""x" "y" "z" rb"#),
            ("\"open", "\"open\""),
        ] {
            assert_eq!(shown(source), expected, "{source}");
        }
        let lines: Vec<usize> = tokens("a\n\"x\ny\"\nb")
            .iter()
            .map(|spot| spot.line)
            .collect();
        assert_eq!(lines, [1, 2, 4]);
    }

    #[test]
    fn only_what_only_tests_compile_is_test() {
        for (source, expected) in [
            ("#[cfg(test)] mod a { b } c", "cfg* test* mod* a* b* c"),
            (
                "#[cfg(all(test, x))] #[y] fn a(b: [u8; 2]) {} c",
                "cfg* all* test* x* y* fn* a* b* u8* 2* c",
            ),
            ("#[cfg(test)] use a; b", "cfg* test* use* a* b"),
            ("#[cfg(not(test))] fn a() {} b", "cfg not test fn a b"),
            ("#![cfg(test)] a { } b", "cfg* test* a* b*"),
            ("x { #[cfg(test)] a } b", "x cfg* test* a* b"),
        ] {
            assert_eq!(shown(source), expected, "{source}");
        }
    }
}
