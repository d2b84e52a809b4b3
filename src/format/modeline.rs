//! The line at the top of a deal that names its schema to editors.
//!
//! `# yaml-language-server: $schema=../.tussock/deal.schema.json` is counted from the deal's own folder. It goes before
//! what an editor's settings say, so it can name only the schema that fits a deal in every stage.

use super::json_schema::{DEAL_FILE, FOLDER};

/// How such a line begins.
const SIGN: &str = "# yaml-language-server:";
const NAME: &str = "$schema=";

/// Whether a line tells an editor of a schema. It has to stay above the first field.
pub fn is_modeline(line: &str) -> bool {
    line.strip_prefix('#').map(str::trim_start).is_some_and(|rest| rest.starts_with("yaml-language-server:"))
}

/// The line for a deal at a path below the pipeline's folder, with its line end.
pub fn line(path: &str) -> String {
    format!("{SIGN} {NAME}{}{DEAL_FILE}\n", up(path))
}

/// The text of a deal that moves to another path: where its first line names a schema of the pipeline, the way there is
/// that from the new folder.
pub fn moved(text: &str, path: &str) -> String {
    let end = text.find('\n').unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    let Some(at) = first.find(NAME).filter(|_| is_modeline(first)).map(|at| at + NAME.len()) else {
        return text.to_owned();
    };
    let way = first[at..].split_whitespace().next().unwrap_or_default();
    let below = way.trim_start_matches("../");
    let ours = way.starts_with("../") && below.strip_prefix(FOLDER).is_some_and(|file| file.starts_with('/'));
    if !ours || first[at..].starts_with(char::is_whitespace) {
        return text.to_owned();
    }
    format!("{}{}{below}{}{rest}", &first[..at], up(path), &first[at + way.len()..])
}

/// The way from a deal's folder up to the pipeline's.
fn up(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modeline_leads_from_the_folder_of_the_deal_to_the_schema() {
        assert_eq!(line("lead/acme.yaml"), "# yaml-language-server: $schema=../.tussock/deal.schema.json\n");
        let text = line("lead/acme.yaml") + "title: ACME\n";
        let won = moved(&text, "won/2026/acme.yaml");
        assert_eq!(won, "# yaml-language-server: $schema=../../.tussock/deal.schema.json\ntitle: ACME\n");
        assert_eq!(moved(&won, "lead/acme.yaml"), text);
    }

    #[test]
    fn other_first_lines_stay_as_they_are() {
        for text in [
            "",
            "title: $schema=../.tussock/deal.schema.json\n",
            "# yaml-language-server: $schema=https://example.com/deal.json\n",
            "# yaml-language-server: $schema=../other/deal.json\n",
            "# yaml-language-server: $schema= ../.tussock/deal.schema.json\n",
            "# yaml-language-server: $schema=/.tussock/x.json",
            "# $schema=../.tussock/deal.schema.json\n",
        ] {
            assert_eq!(moved(text, "won/2026/acme.yaml"), text);
        }
        assert_eq!(
            moved("#yaml-language-server: $schema=../.tussock/mine.json # é\r\na: 1\r\n", "won/2026/a.yaml"),
            "#yaml-language-server: $schema=../../.tussock/mine.json # é\r\na: 1\r\n"
        );
    }
}
