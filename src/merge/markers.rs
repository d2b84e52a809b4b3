//! The versions that stand in one file between the markers of a merge.

/// The versions in a text with conflict markers: one side, the other, and what both began with where the markers tell
/// it (`|||||||`). `None` where there are no markers, or where they do not belong together.
pub fn split(text: &str) -> Option<(String, String, Option<String>)> {
    let (mut ours, mut theirs, mut base) = (String::new(), String::new(), String::new());
    let (mut part, mut conflicts, mut with_base) = (Part::Common, 0, 0);
    for line in text.split_inclusive('\n') {
        match (marker(line), part) {
            (Some('<'), Part::Common) => (part, conflicts) = (Part::Ours, conflicts + 1),
            (Some('|'), Part::Ours) => (part, with_base) = (Part::Base, with_base + 1),
            (Some('='), Part::Ours | Part::Base) => part = Part::Theirs,
            (Some('>'), Part::Theirs) => part = Part::Common,
            (Some('<' | '>'), _) => return None,
            (_, Part::Common) => [&mut ours, &mut theirs, &mut base].into_iter().for_each(|text| text.push_str(line)),
            (_, Part::Ours) => ours.push_str(line),
            (_, Part::Base) => base.push_str(line),
            (_, Part::Theirs) => theirs.push_str(line),
        }
    }
    (part == Part::Common && conflicts > 0).then(|| (ours, theirs, (with_base == conflicts).then_some(base)))
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Common,
    Ours,
    Base,
    Theirs,
}

/// The character of a marker line: seven or eight of it, at any indentation, alone or before a blank.
fn marker(line: &str) -> Option<char> {
    let line = line.trim_start_matches([' ', '\t']);
    let first = line.chars().next().filter(|c| matches!(c, '<' | '|' | '=' | '>'))?;
    let rest = line.trim_start_matches(first);
    let run = line.len() - rest.len();
    let ends = rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']);
    (matches!(run, 7 | 8) && ends).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_come_out_of_their_markers() {
        let text = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\nc: 4\n";
        assert_eq!(split(text), Some(("a: 1\nb: 2\nc: 4\n".into(), "a: 1\nb: 3\nc: 4\n".into(), None)));
        let text = "n: |\n  <<<<<<<< HEAD\n  two\n  |||||||| base\n  one\n  ========\n  >>>>>>>> x\r\n";
        let (ours, theirs, base) = split(text).unwrap();
        assert_eq!((ours.as_str(), theirs.as_str()), ("n: |\n  two\n", "n: |\n"));
        assert_eq!(base.as_deref(), Some("n: |\n  one\n"));
    }

    #[test]
    fn what_does_not_belong_together_is_not_guessed() {
        for text in [
            "a: 1\n",
            "<<<<<<< a\nb: 1\n",
            ">>>>>>> a\n",
            "<<<<<<< a\n<<<<<<< b\n=======\n>>>>>>> c\n",
            "<<<<<<< a\n>>>>>>> b\n",
        ] {
            assert_eq!(split(text), None, "{text:?}");
        }
    }
}
