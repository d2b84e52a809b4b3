//! `tussock init`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::action::template::{self, TEMPLATES, Template};
use crate::cli::Global;
use crate::cli::asking::choose as choose_one;
use crate::cli::editor::{Editor, set_up};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::{current, home, read_pipeline, work_tree};
use crate::cli::write::{commit_whole, typed};
use crate::format::pipeline::{PIPELINE_FILE, PLACEHOLDER, Pipeline};
use crate::format::pipeline_file;
use crate::format::schema::{FieldSpec, FieldType};
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::git::{Git, init_repository};
use crate::repo::state::knows_author;
use crate::repo::transaction::{Action, FileChange};

/// Begin a pipeline
///
/// Writes a pipeline file and a folder for each stage, and commits them. Makes a git repository where there is none, and
/// sets `merge.directoryRenames` to false in it, so that a merge never takes new deals along when all others leave their
/// stage. Nothing that exists is overwritten.
///
/// --editor writes JSON Schemas into .tussock and the settings by which an editor finds them, and commits neither.
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
  tussock init --editor vscode             in a pipeline that is there

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
    /// Tell an editor of the fields, so that it completes, explains and checks them; also in a pipeline that is there
    #[arg(long, value_name = "EDITOR", value_enum)]
    editor: Option<Editor>,
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
    if let (Some(editor), None) = (args.editor, &args.template)
        && let Some(home) = existing(global, args, &folder)?
    {
        return set_up_editor(ui, &home, &folder, editor);
    }
    if folder.join(PIPELINE_FILE).symlink_metadata().is_ok() {
        return Err(CommandError::usage(format!("there is a pipeline already: {}", named(PIPELINE_FILE)))
            .hint("choose another folder; nothing was changed"));
    }
    let template = choose(ui, args)?;
    let lang = match args.lang {
        Some(lang) => lang,
        None if ui.interactive => match choose_one(ui, "Language of the texts", &["English", "Русский"])? {
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
    if !args.no_commit {
        // Before anything is made: a repository without the pipeline would be a half-done thing.
        let above = folder.ancestors().find(|f| f.is_dir()).unwrap_or(&folder);
        knows_author(&Git::new(&Home::at(above)?)?)?;
    }
    std::fs::create_dir_all(&folder).map_err(|e| io(&folder, e))?;
    let mut home = Home::at(&folder)?;
    if home.repo.is_none() {
        init_repository(&folder)?;
        home = Home::at(&folder)?;
        ui.line(plain(&format!("made a git repository in {}", args.dir.display())));
        ui.line("set merge.directoryRenames to false in it, so that no merge takes new deals along to another stage");
    }
    let mut exit = Exit::Done;
    if args.no_commit {
        write_new(&folder, &files).map_err(|(path, e)| io(&path, e))?;
    } else {
        let git = Git::new(&home)?;
        let action = Action {
            changes: files
                .iter()
                .map(|(path, text)| FileChange::create(home.in_repository(path), text.as_bytes()))
                .collect(),
            subject: format!("Set up the pipeline: {}", pipeline.title),
            command: Some(typed()),
            ..Action::default()
        };
        let done;
        (done, exit) = commit_whole(&home, &git, &action)?;
        ui.remember(format!("commit {} is made", done.commit.short()));
    }
    let stages: Vec<&str> = pipeline.stages.iter().map(|s| s.id.as_str()).collect();
    ui.line(format!("{} with {} stages: {}", pipeline.title, stages.len(), stages.join(" → ")));
    ui.line("");
    let prefix = if args.dir == Path::new(".") { String::new() } else { format!("-C {} ", args.dir.display()) };
    let sets: Vec<String> =
        first_fields(&pipeline).iter().map(|(name, value)| format!(" --set {name}={value}")).collect();
    ui.line(format!("Next:  tussock {prefix}new \"ACME site\"{}", sets.concat()));
    ui.line(format!("       open {} and make it yours", named(PIPELINE_FILE)));
    if let Some(editor) = args.editor {
        ui.line("");
        set_up(ui, &home, &pipeline, editor)?;
    }
    Ok(exit)
}

/// The pipeline that is there already: in the folder that is named, else the one that any command would find.
fn existing(global: &Global, args: &Args, folder: &Path) -> Result<Option<Home>, CommandError> {
    if folder.join(PIPELINE_FILE).symlink_metadata().is_ok() {
        return Ok(Some(Home::at(folder)?));
    }
    if args.dir != Path::new(".") {
        return Ok(None);
    }
    match home(global) {
        Ok(home) => Ok(Some(home)),
        Err(error) if error.exit == Exit::NoPipeline => Ok(None),
        Err(error) => Err(error),
    }
}

fn set_up_editor(ui: &mut Ui, home: &Home, folder: &Path, editor: Editor) -> Result<Exit, CommandError> {
    let tree = work_tree(home, folder)?;
    let pipeline = read_pipeline(ui, &tree)?;
    set_up(ui, home, &pipeline, editor)?;
    Ok(Exit::Done)
}

/// Writes new files, all or none: what was written before one fails is taken away again. The pipeline file comes last,
/// so that no other command takes the folder for a pipeline before it is one.
fn write_new(folder: &Path, files: &[(String, String)]) -> Result<(), (PathBuf, std::io::Error)> {
    let mut made: Vec<PathBuf> = Vec::new();
    let mut write = |path: &Path, text: &str| -> std::io::Result<()> {
        let parent = path.parent().unwrap_or(folder);
        if !parent.is_dir() {
            std::fs::create_dir_all(parent)?;
            made.push(parent.to_owned());
        }
        let mut new = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        made.push(path.to_owned());
        std::io::Write::write_all(&mut new, text.as_bytes())?;
        new.sync_all()
    };
    for (path, text) in files.iter().rev() {
        let path = folder.join(path);
        if let Err(error) = write(&path, text) {
            for path in made.iter().rev() {
                // The error that is told is the one that stopped us.
                let _ = if path.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
            }
            return Err((path, error));
        }
    }
    Ok(())
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
            let chosen = choose_one(ui, "The pipeline nearest to yours", &lines)?;
            Ok(&TEMPLATES[chosen.min(TEMPLATES.len() - 1)])
        }
        None => Err(CommandError::usage(format!("name a template with --template: {}", names()))),
    }
}
