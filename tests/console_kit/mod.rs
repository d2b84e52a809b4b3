//! Runs the `console` blocks of a Markdown page and holds the shown output equal.
//!
//! In a block that begins with ` ```console `, a line `$ …` is a command for the shell and the lines up to the next
//! command or blank line before one are what it prints, both streams together. A line `...` stands for any lines. Every
//! command must succeed, unless the fence says how the last one ends: ` ```console exit=1 `. All blocks of a page run in
//! one shell, one after the other. `TUSSOCK_BLESS=1` writes the page anew; between `...` each line that is no longer
//! printed gives way to the printed one that is most like it.

use std::path::Path;
use std::process::Command;

use crate::kit::TestRepo;

/// 2026-11-20T09:00:00Z, the morning after the last day of the example: the date of commits that a page makes.
const NOW: i64 = 1_795_165_200;

/// A command and what it shows, by line numbers of its page.
struct Step {
    /// Lines of the expected output: first, and one after the last.
    lines: (usize, usize),
    command: String,
    exit: i32,
}

/// Runs a page in a fresh folder.
///
/// # Errors
/// What the page shows wrongly.
pub fn check_page(page: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let lines: Vec<&str> = text.lines().collect();
    let steps = steps(&lines, page);
    if steps.is_empty() {
        return Ok(());
    }
    let printed = run(&steps);
    let mut wrong = String::new();
    let mut blessed: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
    for (step, (output, exit)) in steps.iter().zip(&printed).rev() {
        let shown = &lines[step.lines.0..step.lines.1];
        let output: Vec<&str> = output.trim_end().lines().map(str::trim_end).collect();
        if *exit == step.exit && matches(shown, &output) {
            continue;
        }
        let place = format!("{}:{}", page.display(), step.lines.0);
        wrong.insert_str(
            0,
            &format!(
                "{place}: $ {}\nends with {exit}, shown is {}; prints\n{}\n\n",
                step.command,
                step.exit,
                output.join("\n")
            ),
        );
        let anew = if shown.contains(&"...") { brought_up_to_date(shown, &output) } else { output };
        blessed.splice(step.lines.0..step.lines.1, anew.iter().map(|l| (*l).to_owned()));
    }
    if std::env::var_os("TUSSOCK_BLESS").is_some() {
        std::fs::write(page, blessed.join("\n") + "\n").expect("the page is written");
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn steps(lines: &[&str], page: &Path) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut exit = 0;
    let mut first_of_block = 0;
    for (at, line) in lines.iter().enumerate() {
        if !inside && let Some(info) = line.strip_prefix("```console") {
            inside = true;
            first_of_block = steps.len();
            exit = info.trim().strip_prefix("exit=").map_or(0, |code| code.parse().expect("exit=NUMBER"));
        } else if inside && *line == "```" {
            inside = false;
            let last = steps[first_of_block..]
                .last_mut()
                .unwrap_or_else(|| panic!("{}:{}: a console block without a command", page.display(), at + 1));
            last.exit = exit;
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { lines: (at + 1, at + 1), command: command.to_owned(), exit: 0 });
        } else if inside {
            steps.last_mut().expect("a block begins with a command").lines.1 = at + 1;
        }
    }
    assert!(!inside, "{}: a block is not closed", page.display());
    for step in &mut steps {
        // A blank line before the next command is for the eye.
        let next_is_command = lines.get(step.lines.1).is_some_and(|l| l.starts_with("$ "));
        if next_is_command && step.lines.1 > step.lines.0 && lines[step.lines.1 - 1].is_empty() {
            step.lines.1 -= 1;
        }
    }
    steps
}

fn run(steps: &[Step]) -> Vec<(String, i32)> {
    const MARK: &str = "@@ the end of a command:";
    let repo = TestRepo::without_git();
    repo.set_now(NOW);
    let mut script = String::from("exec 2>&1\n");
    for step in steps {
        let command = &step.command;
        script.push_str(&format!("{command}\nprintf '\\n{MARK} %s\\n' $?\n"));
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_tussock"));
    let folder = binary.parent().expect("the program lies in a folder").to_string_lossy();
    let script = format!("PATH=\"{folder}:$PATH\"\n{script}");
    let ran = repo.run(Command::new("sh").args(["-c", &script]));
    let mut results = Vec::new();
    let mut output = String::new();
    for line in ran.out.lines() {
        match line.strip_prefix(MARK) {
            Some(exit) => {
                results.push((std::mem::take(&mut output), exit.trim().parse().expect("an exit code")));
            }
            None => {
                output.push_str(line);
                output.push('\n');
            }
        }
    }
    assert_eq!(results.len(), steps.len(), "the shell stopped early:\n{}{}", ran.out, ran.err);
    results
}

/// What is shown, with printed lines in place of those that are not printed any more.
fn brought_up_to_date<'l>(shown: &[&'l str], output: &[&'l str]) -> Vec<&'l str> {
    let likeness = |a: &str, b: &str| similar::TextDiff::from_chars(a, b).ratio();
    let newest = |line: &&'l str| {
        if *line == "..." || output.contains(line) {
            return *line;
        }
        let others = output.iter().filter(|other| !shown.contains(other));
        others.max_by(|a, b| likeness(line, a).total_cmp(&likeness(line, b))).copied().unwrap_or(line)
    };
    shown.iter().map(newest).collect()
}

/// Whether output is as shown, where `...` stands for any lines.
fn matches(shown: &[&str], output: &[&str]) -> bool {
    match shown.split_first() {
        None => output.is_empty(),
        Some((&"...", rest)) => (0..=output.len()).any(|skip| matches(rest, &output[skip..])),
        Some((line, rest)) => output.first().is_some_and(|o| o == line) && matches(rest, &output[1..]),
    }
}
