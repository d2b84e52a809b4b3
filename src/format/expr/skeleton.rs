//! The boolean skeleton of an expression: what is joined by `and`, `or`, `not` and comparisons.

use std::collections::BTreeSet;
use std::ops::Range;

use super::ExprError;
use super::engine::{Leaf, MAX_SOURCE};
use super::lexer::{Kind, Token, tokens};
use super::names::{Known, Type};
use super::shape;

/// Parentheses and `not`s inside each other.
const MAX_DEPTH: usize = 32;

/// A part of an expression.
#[derive(Debug)]
pub enum Part {
    /// All of these hold.
    And(Vec<Part>),
    /// One of these holds.
    Or(Vec<Part>),
    /// This does not hold.
    Not(Box<Part>, Range<usize>),
    /// The left side compares so with the right side.
    Compare { left: Leaf, op: Op, right: Leaf, range: Range<usize> },
    /// Decided by the condition: `then if condition else otherwise`.
    If { condition: Box<Part>, then: Box<Part>, otherwise: Box<Part> },
    /// minijinja says so.
    Plain(Leaf),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Part {
    /// Where the part stands in the source.
    pub fn range(&self) -> Range<usize> {
        let span = |parts: &[Part]| match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => first.range().start..last.range().end,
            _ => 0..0,
        };
        match self {
            Part::And(parts) | Part::Or(parts) => span(parts),
            Part::If { then, otherwise, .. } => then.range().start..otherwise.range().end,
            Part::Not(_, range) | Part::Compare { range, .. } => range.clone(),
            Part::Plain(leaf) => leaf.range.clone(),
        }
    }

    /// Visits every leaf.
    pub fn each_leaf(&self, visit: &mut impl FnMut(&Leaf)) {
        match self {
            Part::And(parts) | Part::Or(parts) => parts.iter().for_each(|p| p.each_leaf(visit)),
            Part::Not(part, _) => part.each_leaf(visit),
            Part::If { condition, then, otherwise } => {
                [condition, then, otherwise].into_iter().for_each(|p| p.each_leaf(visit));
            }
            Part::Compare { left, right, .. } => {
                visit(left);
                visit(right);
            }
            Part::Plain(leaf) => visit(leaf),
        }
    }

    /// The first words of all names in it.
    pub fn roots(&self) -> BTreeSet<String> {
        let mut roots = BTreeSet::new();
        self.each_leaf(&mut |leaf| {
            roots.extend(leaf.names.iter().map(|n| n.split('.').next().unwrap_or(n).to_owned()));
        });
        roots
    }
}

/// Parses and checks a whole source.
pub fn parse(source: &str, known: &Known<'_>) -> Result<Part, ExprError> {
    if source.len() > MAX_SOURCE {
        return Err(ExprError::new(0..source.len(), format!("the expression is over {MAX_SOURCE} bytes long")));
    }
    let tokens = tokens(source)?;
    if tokens.is_empty() {
        return Err(ExprError::new(0..source.len(), "the expression is empty"));
    }
    check_brackets(source, &tokens)?;
    let parser = Parser { source, known };
    let part = parser.or(&tokens, 0)?;
    shape::check(source, &tokens, known)?;
    Ok(part)
}

fn check_brackets(source: &str, tokens: &[Token]) -> Result<(), ExprError> {
    let mut open: Vec<&Token> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(token),
            Kind::Close => {
                let fits = |o: &Token| {
                    matches!(
                        (&source[o.range.clone()], &source[token.range.clone()]),
                        ("(", ")") | ("[", "]") | ("{", "}")
                    )
                };
                if !open.pop().is_some_and(fits) {
                    return Err(ExprError::new(token.range.clone(), "this bracket closes nothing"));
                }
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Err(ExprError::new(token.range.clone(), format!("brackets are nested over {MAX_DEPTH} deep")));
        }
    }
    match open.last() {
        Some(token) => Err(ExprError::new(token.range.clone(), "this bracket is never closed")),
        None => Ok(()),
    }
}

struct Parser<'s, 'k> {
    source: &'s str,
    known: &'s Known<'k>,
}

impl Parser<'_, '_> {
    fn word(&self, token: &Token) -> &str {
        &self.source[token.range.clone()]
    }

    fn is_keyword(&self, token: &Token, word: &str) -> bool {
        token.kind == Kind::Word && self.word(token) == word
    }

    /// The pieces between top-level occurrences of a keyword; `None` where one is empty.
    fn split<'t>(&self, tokens: &'t [Token], keyword: &str) -> Vec<&'t [Token]> {
        let mut pieces = Vec::new();
        let (mut depth, mut start) = (0usize, 0);
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 && self.word(token) == keyword => {
                    pieces.push(&tokens[start..i]);
                    start = i + 1;
                }
                _ => {}
            }
        }
        pieces.push(&tokens[start..]);
        pieces
    }

    fn or(&self, tokens: &[Token], depth: usize) -> Result<Part, ExprError> {
        if depth > MAX_DEPTH {
            let at = tokens.first().map_or(0..0, |t| t.range.clone());
            return Err(ExprError::new(at, format!("conditions are nested over {MAX_DEPTH} deep")));
        }
        // `x if y else z` binds weaker than `or`.
        if let [then, _, ..] = self.split(tokens, "if")[..] {
            let rest = &tokens[then.len() + 1..];
            let condition = self.split(rest, "else")[0];
            let otherwise = rest.get(condition.len() + 1..).unwrap_or(&[]);
            if then.is_empty() || condition.is_empty() || otherwise.is_empty() {
                return Err(ExprError::new(span(tokens), "this `if` is not complete")
                    .with_help("write: what holds if true `if` condition `else` what holds otherwise"));
            }
            let part = |tokens: &[Token]| self.or(tokens, depth + 1).map(Box::new);
            return Ok(Part::If { condition: part(condition)?, then: part(then)?, otherwise: part(otherwise)? });
        }
        self.joined(tokens, "or", depth, Part::Or, |piece, depth| {
            self.joined(piece, "and", depth, Part::And, |piece, depth| self.not(piece, depth))
        })
    }

    fn joined(
        &self,
        tokens: &[Token],
        keyword: &str,
        depth: usize,
        join: impl Fn(Vec<Part>) -> Part,
        inner: impl Fn(&[Token], usize) -> Result<Part, ExprError>,
    ) -> Result<Part, ExprError> {
        let pieces = self.split(tokens, keyword);
        if pieces.len() == 1 {
            return inner(tokens, depth);
        }
        if pieces.iter().any(|p| p.is_empty()) {
            let at = tokens.first().map_or(0..0, |t| t.range.start..tokens[tokens.len() - 1].range.end);
            return Err(ExprError::new(at, format!("something is missing beside `{keyword}`")));
        }
        Ok(join(pieces.into_iter().map(|p| inner(p, depth)).collect::<Result<_, _>>()?))
    }

    fn not(&self, tokens: &[Token], depth: usize) -> Result<Part, ExprError> {
        let whole = span(tokens);
        if depth > MAX_DEPTH {
            return Err(ExprError::new(whole, format!("conditions are nested over {MAX_DEPTH} deep")));
        }
        match tokens {
            [first, rest @ ..] if self.is_keyword(first, "not") => {
                if rest.is_empty() {
                    return Err(ExprError::new(whole, "something is missing after `not`"));
                }
                Ok(Part::Not(Box::new(self.not(rest, depth + 1)?), whole))
            }
            [first, inner @ .., last] if self.encloses(first, inner, last) => self.or(inner, depth + 1),
            _ => self.comparison(tokens),
        }
    }

    /// Whether the outermost parentheses of a piece belong together, and it is not a tuple.
    fn encloses(&self, first: &Token, inner: &[Token], last: &Token) -> bool {
        if self.word(first) != "(" || self.word(last) != ")" || inner.is_empty() {
            return false;
        }
        let mut depth = 1usize;
        for token in inner {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                Kind::Sign if depth == 1 && self.word(token) == "," => return false,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        true
    }

    fn comparison(&self, tokens: &[Token]) -> Result<Part, ExprError> {
        let mut found: Option<(usize, usize, Op)> = None;
        let mut depth = 0usize;
        let mut i = 0;
        while i < tokens.len() {
            let token = &tokens[i];
            let mut width = 1;
            let op = match (token.kind, self.word(token)) {
                (Kind::Open, _) => {
                    depth += 1;
                    None
                }
                (Kind::Close, _) => {
                    depth = depth.saturating_sub(1);
                    None
                }
                _ if depth > 0 => None,
                (Kind::Sign, "==") => Some(Op::Equal),
                (Kind::Sign, "!=") => Some(Op::NotEqual),
                (Kind::Sign, "<") => Some(Op::Less),
                (Kind::Sign, "<=") => Some(Op::LessOrEqual),
                (Kind::Sign, ">") => Some(Op::Greater),
                (Kind::Sign, ">=") => Some(Op::GreaterOrEqual),
                (Kind::Sign, "=") => {
                    return Err(ExprError::new(token.range.clone(), "a single `=` compares nothing")
                        .with_help("write == to compare"));
                }
                (Kind::Word, "in") if !self.after_is(tokens, i) => Some(Op::In),
                (Kind::Word, "not") if tokens.get(i + 1).is_some_and(|t| self.is_keyword(t, "in")) => {
                    width = 2;
                    (!self.after_is(tokens, i)).then_some(Op::NotIn)
                }
                _ => None,
            };
            if let Some(op) = op {
                if found.is_some() {
                    return Err(ExprError::new(span(tokens), "two comparisons follow each other")
                        .with_help("join them with `and`: 1 < x and x < 5"));
                }
                found = Some((i, width, op));
            }
            i += width;
        }
        let Some((at, width, op)) = found else { return self.leaf(tokens).map(Part::Plain) };
        let (left, right) = (&tokens[..at], &tokens[at + width..]);
        if left.is_empty() || right.is_empty() {
            return Err(ExprError::new(tokens[at].range.clone(), "one side of this comparison is missing"));
        }
        let (left, right) = (self.leaf(left)?, self.leaf(right)?);
        check_types(&left, op, &right, span(tokens))?;
        Ok(Part::Compare { left, op, right, range: span(tokens) })
    }

    /// Whether the word at `i` belongs to a test: `x is in [1, 2]`, `x is not in …`.
    fn after_is(&self, tokens: &[Token], i: usize) -> bool {
        let back = |n: usize| i.checked_sub(n).and_then(|at| tokens.get(at));
        back(1).is_some_and(|t| self.is_keyword(t, "is"))
            || (back(1).is_some_and(|t| self.is_keyword(t, "not")) && back(2).is_some_and(|t| self.is_keyword(t, "is")))
    }

    /// Whether the word at `i` ends `is not in`.
    fn after_not_is(&self, tokens: &[Token], i: usize) -> bool {
        i.checked_sub(1).is_some_and(|not| self.is_keyword(&tokens[not], "not") && self.after_is(tokens, not))
    }

    fn leaf(&self, tokens: &[Token]) -> Result<Leaf, ExprError> {
        let range = span(tokens);
        // Text times a number, and numbers to a power, are the only ways left to make something huge of something small.
        let times = tokens.iter().filter(|t| self.word(t) == "*").count();
        let compares = |i: usize, t: &Token| match self.word(t) {
            "==" | "!=" | "<" | "<=" | ">" | ">=" => t.kind == Kind::Sign,
            "in" => t.kind == Kind::Word && !self.after_is(tokens, i) && !self.after_not_is(tokens, i),
            _ => false,
        };
        // minijinja would compare different types without a word.
        if let Some((_, token)) = tokens.iter().enumerate().find(|(i, t)| compares(*i, t)) {
            return Err(ExprError::new(token.range.clone(), "a comparison cannot stand inside a value")
                .with_help("join comparisons with `and`, `or`, `not` and `x if y else z`, outside of other brackets"));
        }
        let banned = tokens.iter().find(|t| matches!(self.word(t), "**" | "~"));
        if let Some(token) = banned {
            return Err(ExprError::new(
                token.range.clone(),
                format!("`{}` is not part of the language", self.word(token)),
            ));
        }
        if times > 8 {
            return Err(ExprError::new(range, "more than eight multiplications in one part"));
        }
        Leaf::compile(self.source, range, self.known.type_of(self.source, tokens), self.known)
    }
}

fn span(tokens: &[Token]) -> Range<usize> {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => first.range.start..last.range.end,
        _ => 0..0,
    }
}

fn check_types(left: &Leaf, op: Op, right: &Leaf, range: Range<usize>) -> Result<(), ExprError> {
    if matches!(op, Op::In | Op::NotIn) {
        return Ok(());
    }
    let (Some(a), Some(b)) = (left.of, right.of) else { return Ok(()) };
    if a == b || a == Type::None || b == Type::None {
        return Ok(());
    }
    let mut error = ExprError::new(range, format!("{} is compared with {}, which is never true", a.word(), b.word()));
    if let Some(hint) = a.hint(b).or_else(|| b.hint(a)) {
        error = error.with_help(hint);
    }
    Err(error)
}
