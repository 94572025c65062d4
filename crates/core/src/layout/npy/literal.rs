//! The Python literals that the header of a `.npy` file can contain.

use super::MAX_LENGTH;

/// A value in a header's dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal<'a> {
    /// A string.
    Text(&'a str),
    /// `True` or `False`.
    Bool(bool),
    /// A tuple of non-negative integers up to [`MAX_LENGTH`].
    Tuple(Vec<u64>),
    /// A list, which NumPy uses for structures. Its contents do not matter.
    List,
}

/// Parses literals from the start of a text, which shrinks. Every method returns an error as a phrase.
pub(super) struct Reader<'a> {
    rest: &'a str,
}

type Read<T> = Result<T, &'static str>;

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Parses a dict that is the whole text, and returns its entries. Stops at the first list.
    pub(super) fn dict(&mut self) -> Read<Vec<(&'a str, Literal<'a>)>> {
        let mut entries = Vec::new();
        if !self.accept('{') {
            return Err("it does not start with a dict");
        }
        while !self.accept('}') {
            let key = self.text()?;
            if !self.accept(':') {
                return Err("a key has no value");
            }
            let value = self.value()?;
            let is_list = value == Literal::List;
            entries.push((key, value));
            if is_list {
                return Ok(entries);
            }
            if !self.accept(',') {
                if self.accept('}') {
                    break;
                }
                return Err("its dict does not end");
            }
        }
        if self.rest.trim_ascii().is_empty() { Ok(entries) } else { Err("something follows its dict") }
    }

    fn value(&mut self) -> Read<Literal<'a>> {
        self.skip();
        match self.rest.chars().next() {
            Some('\'' | '"') => self.text().map(Literal::Text),
            Some('(') => self.tuple().map(Literal::Tuple),
            Some('[') => Ok(Literal::List),
            _ => {
                for (word, value) in [("True", true), ("False", false)] {
                    if let Some(rest) = self.rest.strip_prefix(word) {
                        self.rest = rest;
                        return Ok(Literal::Bool(value));
                    }
                }
                Err("a value is neither text, bool nor tuple")
            }
        }
    }

    fn text(&mut self) -> Read<&'a str> {
        self.skip();
        let mut chars = self.rest.chars();
        let quote = chars.next().filter(|quote| matches!(quote, '\'' | '"')).ok_or("a text has no quotes")?;
        let body = chars.as_str();
        let (text, rest) = body.split_once(quote).ok_or("a text does not end")?;
        if text.contains('\\') || text.contains('\n') {
            return Err("a text has escapes");
        }
        self.rest = rest;
        Ok(text)
    }

    fn tuple(&mut self) -> Read<Vec<u64>> {
        let mut items = Vec::new();
        let mut has_comma = false;
        self.accept('(');
        while !self.accept(')') {
            if items.len() > super::MAX_DIMENSIONS {
                return Err("its shape has too many dimensions");
            }
            items.push(self.integer()?);
            let comma = self.accept(',');
            has_comma |= comma;
            if !comma {
                if self.accept(')') {
                    break;
                }
                return Err("its shape is not a tuple of integers");
            }
        }
        // In Python `(3)` is a number.
        if items.len() == 1 && !has_comma { Err("its shape is not a tuple of integers") } else { Ok(items) }
    }

    fn integer(&mut self) -> Read<u64> {
        self.skip();
        if self.rest.starts_with('-') {
            return Err("its shape has a negative length");
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        if number.is_empty() || (number.len() > 1 && number.starts_with('0')) {
            return Err("its shape is not a tuple of integers");
        }
        let value =
            number.parse().ok().filter(|value| *value <= MAX_LENGTH).ok_or("its shape has a length past 2^53 - 1")?;
        // Python 2 wrote long integers that way.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        Ok(value)
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn accept(&mut self, expected: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}
