//! `tussock init`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use dialoguer::Select;
use dialoguer::console::Term;

use crate::action::template::{self, TEMPLATES, Template};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::signals::Deferred;
use crate::cli::ui::Ui;
use crate::cli::workspace::current;
use crate::cli::write::commit_whole;
use crate::format::pipeline::{PIPELINE_FILE, PLACEHOLDER, Pipeline};
use crate::format::pipeline_file;
use crate::format::schema::{FieldSpec, FieldType};
use crate::repo::discover::Home;
use crate::repo::git::{Git, init_repository};
use crate::repo::transaction::{Action, FileChange};

/// Begin a pipeline
///
/// Writes a pipeline file and a folder for each stage, and commits them. Makes a git repository where there is none.
/// Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Templates:
  service-project   a service company with project production, ten stages
  simple-sites      simple sites and promotion, six stages
  six-stage         contact, qualification, meeting, proposal, closing, support
  fundraising       investors
  hiring            candidates

Examples:
  tussock init sales --template service-project
  tussock init sales --template service-project --lang ru
  tussock init --template six-stage --no-commit

Exit codes: 0 done · 2 there is a pipeline already, or no such template · 4 git does not know your name")]
pub struct Args {
    /// The pipeline's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The pipeline to begin with
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// The language of its texts
    #[arg(long, value_name = "LANG", value_enum)]
    lang: Option<Lang>,
    /// Write the files only, commit nothing
    #[arg(long)]
    no_commit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lang {
    /// English
    En,
    /// Russian
    Ru,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let folder = current(global)?.join(&args.dir);
    let named = |path: &str| match args.dir == Path::new(".") {
        true => path.to_owned(),
        false => args.dir.join(path).display().to_string(),
    };
    if folder.join(PIPELINE_FILE).symlink_metadata().is_ok() {
        return Err(CommandError::usage(format!("there is a pipeline already: {}", named(PIPELINE_FILE)))
            .hint("choose another folder; nothing was changed"));
    }
    let template = choose(ui, args)?;
    let lang = match args.lang {
        Some(lang) => lang,
        None if ui.interactive => match ask(ui, "Language of the texts", &["English", "Русский"])? {
            1 => Lang::Ru,
            _ => Lang::En,
        },
        None => Lang::En,
    };
    let text = if lang == Lang::Ru { template.russian } else { template.english };
    let (pipeline, _) = pipeline_file::read(text.as_bytes())
        .map_err(|_| CommandError::new(Exit::Io, format!("the template {} is damaged", template.name)))?;
    let mut files = vec![(PIPELINE_FILE.to_owned(), text.to_owned())];
    files.extend(pipeline.places().map(|p| (format!("{}/{PLACEHOLDER}", p.id()), String::new())));
    if let Some((taken, _)) = files.iter().find(|(path, _)| folder.join(path).symlink_metadata().is_ok()) {
        return Err(CommandError::usage(format!("{} exists already; nothing was changed", named(taken))));
    }
    let io =
        |what: &Path, e: std::io::Error| CommandError::new(Exit::Io, format!("cannot make {}: {e}", what.display()));
    std::fs::create_dir_all(&folder).map_err(|e| io(&folder, e))?;
    let mut home = Home::at(&folder)?;
    if home.repo.is_none() {
        init_repository(&folder)?;
        home = Home::at(&folder)?;
        ui.line(format!("made a git repository in {}", args.dir.display()));
    }
    let mut exit = Exit::Done;
    if args.no_commit {
        for (path, text) in &files {
            let full = folder.join(path);
            if let Some(parent) = full.parent() {
                std::fs::create_dir_all(parent).map_err(|e| io(parent, e))?;
            }
            std::fs::write(&full, text).map_err(|e| io(&full, e))?;
        }
    } else {
        let git = Git::new(&home)?;
        let action = Action {
            changes: files
                .iter()
                .map(|(path, text)| FileChange::create(home.in_repository(path), text.as_bytes()))
                .collect(),
            subject: format!("Set up the pipeline: {}", pipeline.title),
            ..Action::default()
        };
        (_, exit) = commit_whole(&home, &git, &action)?;
    }
    let stages: Vec<&str> = pipeline.stages.iter().map(|s| s.id.as_str()).collect();
    ui.line(format!("{} with {} stages: {}", pipeline.title, stages.len(), stages.join(" → ")));
    ui.line("");
    let prefix = if args.dir == Path::new(".") { String::new() } else { format!("-C {} ", args.dir.display()) };
    let sets: Vec<String> =
        first_fields(&pipeline).iter().map(|(name, value)| format!(" --set {name}={value}")).collect();
    ui.line(format!("Next:  tussock {prefix}new \"ACME site\"{}", sets.concat()));
    ui.line(format!("       open {} and make it yours", named(PIPELINE_FILE)));
    Ok(exit)
}

/// Fields to give the first deal, with a value that fits: those that are required, and the owner and the amount.
fn first_fields(pipeline: &Pipeline) -> Vec<(&str, &'static str)> {
    let wanted = |f: &&FieldSpec| f.name != "title" && (f.required || matches!(f.name.as_str(), "owner" | "amount"));
    let value = |f: &FieldSpec| match &f.of {
        FieldType::Person => Some("olga"),
        FieldType::Money | FieldType::Integer | FieldType::Number => Some("18000"),
        FieldType::Date => Some("today+30d"),
        FieldType::Text => Some("ACME"),
        _ => None,
    };
    pipeline.fields.iter().filter(wanted).filter_map(|f| Some((f.name.as_str(), value(f)?))).collect()
}

fn choose(ui: &mut Ui, args: &Args) -> Result<&'static Template, CommandError> {
    let names = || TEMPLATES.iter().map(|t| t.name).collect::<Vec<_>>().join(", ");
    match &args.template {
        Some(name) => template::find(name)
            .ok_or_else(|| CommandError::usage(format!("there is no template {name:?}; templates are {}", names()))),
        None if ui.interactive => {
            let lines: Vec<String> = TEMPLATES.iter().map(|t| format!("{} — {}", t.name, t.about)).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let chosen = ask(ui, "The pipeline nearest to yours", &lines)?;
            Ok(&TEMPLATES[chosen.min(TEMPLATES.len() - 1)])
        }
        None => Err(CommandError::usage(format!("name a template with --template: {}", names()))),
    }
}

/// Lets a person choose one of several answers; gives its number.
pub(super) fn ask(ui: &mut Ui, question: &str, answers: &[&str]) -> Result<usize, CommandError> {
    ui.flush();
    let stopped = || CommandError::new(Exit::Interrupted, "stopped; nothing was changed");
    let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot ask on this terminal: {e}"));
    // The list hides the cursor: a Ctrl-C that ended the program here would leave the terminal without one.
    let signals = Deferred::new().map_err(failed)?;
    let held = signals.hold();
    let answer = Select::new().with_prompt(question).items(answers).default(0).interact_opt();
    if answer.is_err() {
        Term::stderr().show_cursor().map_err(failed)?;
    }
    drop(held);
    match (answer, signals.came()) {
        (_, Some(exit)) => Err(CommandError { exit, ..stopped() }),
        (Ok(answer), None) => answer.ok_or_else(stopped),
        (Err(dialoguer::Error::IO(e)), None) => Err(failed(e)),
    }
}
