//! `docs/commands.md`, made from the definitions that the program itself uses.

use clap::builder::StyledStr;
use clap::{Arg, Command};

use super::{EXIT_CODES, definition};

/// The page, as Markdown.
pub fn render() -> String {
    let root = definition();
    let mut page = String::from(
        "# Commands\n\n\
         This page is made from the definitions that `tussock --help` prints. `tussock COMMAND --help` says the same in the\n\
         terminal, and `tussock man COMMAND` makes a manual page of it.\n\n\
         | command | |\n| --- | --- |\n",
    );
    let commands: Vec<&Command> = root.get_subcommands().filter(|c| c.get_name() != "help").collect();
    for command in &commands {
        let name = command.get_name();
        page.push_str(&format!("| [{name}](#tussock-{name}) | {} |\n", plain(command.get_about())));
    }
    page.push_str("\n## Everywhere\n\nEvery command takes these, before or after its name.\n\n");
    root.get_arguments().filter(|arg| arg.is_global_set()).for_each(|arg| page.push_str(&line_of(arg)));
    page.push_str(&exit_codes());
    commands.iter().for_each(|command| page.push_str(&section(command)));
    page
}

fn exit_codes() -> String {
    let mut text = String::from(
        "\n## Exit codes\n\nThey mean the same everywhere, and a script may rely on them. Each command names those it can end with.\n\n\
         | code | meaning |\n| --- | --- |\n",
    );
    let list = EXIT_CODES.trim_start_matches("Exit codes: ");
    for (code, meaning) in list.split(" · ").filter_map(|entry| entry.split_once(' ')) {
        text.push_str(&format!("| {code} | {meaning} |\n"));
    }
    text
}

fn section(command: &Command) -> String {
    let name = command.get_name();
    let mut text = format!("\n## tussock {name}\n\n");
    let about = plain(command.get_long_about().or(command.get_about()));
    let (first, rest) = about.split_once('\n').unwrap_or((&about, ""));
    text.push_str(&format!("{}.\n", first.trim_end_matches('.')));
    if !rest.trim().is_empty() {
        text.push_str(&format!("\n{}\n", rest.trim()));
    }
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`tussock {alias}`")).collect();
    if !aliases.is_empty() {
        text.push_str(&format!("\nAlso: {}.\n", aliases.join(", ")));
    }
    let usage = command.clone().render_usage().to_string();
    text.push_str(&format!("\n```text\n{}\n```\n\n", usage.trim_start_matches("Usage: ").trim_end()));
    let own = |arg: &&Arg| {
        !arg.is_global_set() && !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
    };
    command.get_arguments().filter(own).for_each(|arg| text.push_str(&line_of(arg)));
    text.push_str(&examples(&plain(command.get_after_long_help())));
    text
}

/// Paragraphs after the options: a list of indented lines becomes a block, the rest stays text.
fn examples(after: &str) -> String {
    let mut text = String::new();
    for paragraph in after.split("\n\n").filter(|p| !p.trim().is_empty()) {
        let (heading, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let indented = !rest.is_empty() && rest.lines().all(|l| l.starts_with("  "));
        if indented && heading.ends_with(':') {
            let lines: Vec<&str> = rest.lines().map(|l| l.strip_prefix("  ").unwrap_or(l)).collect();
            text.push_str(&format!("\n{heading}\n\n```text\n{}\n```\n", lines.join("\n")));
        } else {
            text.push_str(&format!("\n{paragraph}\n"));
        }
    }
    text
}

fn line_of(arg: &Arg) -> String {
    let mut names = Vec::new();
    names.extend(arg.get_short().map(|short| format!("-{short}")));
    names.extend(arg.get_long().map(|long| format!("--{long}")));
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().filter(|_| takes_value).map(|values| {
        let values: Vec<String> =
            values.iter().map(|v| if arg.is_positional() { format!("{v}") } else { format!("<{v}>") }).collect();
        values.join(" ")
    });
    let mut head = names.join(", ");
    if let Some(value) = value {
        if !head.is_empty() {
            head.push(' ');
        }
        head.push_str(&value);
    }
    let mut text = format!("- `{head}`: {}", plain(arg.get_long_help().or(arg.get_help())).replace('\n', " "));
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|v| takes_value && !v.is_hide_set())
        .map(|v| match v.get_help() {
            Some(help) => format!("`{}` ({})", v.get_name(), plain(Some(help))),
            None => format!("`{}`", v.get_name()),
        })
        .collect();
    if !choices.is_empty() {
        text.push_str(&format!("; one of {}", choices.join(", ")));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|v| format!("`{}`", v.to_string_lossy())).collect();
    if takes_value && !defaults.is_empty() {
        text.push_str(&format!("; without it: {}", defaults.join(", ")));
    }
    if let Some(variable) = arg.get_env() {
        text.push_str(&format!("; from the environment: `{}`", variable.to_string_lossy()));
    }
    text.push('\n');
    text
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(|text| text.to_string()).unwrap_or_default()
}
