//! `init --editor`: tells an editor which schema belongs to which files. What a user has written is never overwritten.

use std::path::Path;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::exit::{CommandError, Exit};
use super::schemas::{self, Act, replace};
use super::ui::Ui;
use crate::format::json_schema::{FOLDER, associations};
use crate::format::pipeline::Pipeline;
use crate::output::terminal::plain;
use crate::repo::discover::Home;

mod settings;

/// An editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Editor {
    /// VS Code, with the extension redhat.vscode-yaml
    Vscode,
    /// Neovim, with yamlls of nvim-lspconfig
    Neovim,
    /// Helix, with yaml-language-server
    Helix,
    /// Zed
    Zed,
}

/// The sign of files that are tussock's alone.
const SIGN: &str = "written by `tussock init --editor`";

/// What became of the settings.
enum Outcome {
    Written,
    Merged,
    AsItWas,
    /// They are for the user to change.
    Left,
}

/// Writes the schemas and the settings of an editor, and says what was written. Commits nothing.
///
/// # Errors
/// When a file cannot be written.
pub fn set_up(ui: &mut Ui, home: &Home, pipeline: &Pipeline, editor: Editor) -> Result<(), CommandError> {
    let acts = schemas::write(&home.root, pipeline, false)?;
    let new = acts.iter().filter(|(_, act)| !matches!(act, Act::Kept)).count();
    let folder = home.in_repository(FOLDER);
    match new {
        0 => ui.line(plain(&format!("{folder}: the schemas are up to date"))),
        _ => ui.line(plain(&format!("{folder}: {new} schemas, which say what a deal may hold in each stage"))),
    }
    // Editors are opened on the whole repository, and look for their settings there.
    let top = home.repo.as_ref().and_then(|repo| repo.workdir.clone()).unwrap_or_else(|| home.root.clone());
    let prefix = home.in_repository("");
    let associations = associations(pipeline, &prefix);
    let path = editor.file();
    let text = editor.text(&associations);
    let outcome = match editor.path() {
        Some(keys) => merge(&top, path, keys, &map(&associations))?,
        None => own(&top, path, &text)?,
    };
    match outcome {
        Outcome::Written => ui.line(format!("{path}: which schema belongs to which folder")),
        Outcome::Merged => {
            ui.line(format!("{path}: added which schema belongs to which folder; the rest is as it was"))
        }
        Outcome::AsItWas => ui.line(format!("{path}: as it should be")),
        Outcome::Left => {
            ui.line(format!("{path} is yours and was left as it is. Add this to it:"));
            ui.line("");
            ui.line(plain_lines(&text));
        }
    }
    if editor == Editor::Vscode && top.join(EXTENSIONS).symlink_metadata().is_err() {
        write(&top, EXTENSIONS, &pretty(&json!({"recommendations": ["redhat.vscode-yaml"]})))?;
        ui.line(format!("{EXTENSIONS}: proposes the YAML extension to who opens the folder"));
    }
    ui.line("");
    ui.line(format!("Next:  {}", editor.next()));
    ui.line("       commit these files, so that everybody in the team has them");
    Ok(())
}

const EXTENSIONS: &str = ".vscode/extensions.json";

type Associations = [(String, Vec<String>)];

impl Editor {
    /// The file of its settings, from the top of the repository.
    fn file(self) -> &'static str {
        match self {
            Editor::Vscode => ".vscode/settings.json",
            Editor::Neovim => ".nvim.lua",
            Editor::Helix => ".helix/languages.toml",
            Editor::Zed => ".zed/settings.json",
        }
    }

    /// Where the schemas stand in settings of JSON.
    fn path(self) -> Option<&'static [&'static str]> {
        match self {
            Editor::Vscode => Some(&["yaml.schemas"]),
            Editor::Zed => Some(&["lsp", "yaml-language-server", "settings", "yaml", "schemas"]),
            Editor::Neovim | Editor::Helix => None,
        }
    }

    /// The settings, where there are no others.
    fn text(self, associations: &Associations) -> String {
        let quoted = |text: &String| Value::from(text.as_str()).to_string();
        let lists = |open: &str, close: &str| -> Vec<(String, String)> {
            let list = |files: &Vec<String>| files.iter().map(quoted).collect::<Vec<_>>().join(", ");
            associations.iter().map(|(file, files)| (named(file), format!("{open}{}{close}", list(files)))).collect()
        };
        match self {
            Editor::Vscode | Editor::Zed => {
                pretty(&settings::nested(self.path().unwrap_or_default(), Value::Object(map(associations))))
            }
            Editor::Neovim => {
                let mut text = format!("-- {SIGN}\nvim.lsp.config(\"yamlls\", {{\n  settings = {{\n    yaml = {{\n");
                text.push_str("      schemas = {\n");
                for (file, files) in lists("{ ", " }") {
                    text.push_str(&format!("        [{}] = {files},\n", quoted(&file)));
                }
                text.push_str("      },\n    },\n  },\n})\n");
                text
            }
            Editor::Helix => {
                let mut text = format!("# {SIGN}\n[language-server.yaml-language-server.config.yaml.schemas]\n");
                for (file, files) in lists("[", "]") {
                    text.push_str(&format!("{} = {files}\n", quoted(&file)));
                }
                text
            }
        }
    }

    /// What is to be done in the editor.
    fn next(self) -> &'static str {
        match self {
            Editor::Vscode => "open the top folder of the repository, and install the extension that VS Code proposes",
            Editor::Neovim => {
                "`:set exrc` in your init.lua lets Neovim read .nvim.lua; enable yamlls of nvim-lspconfig"
            }
            Editor::Helix => "install yaml-language-server (`npm install -g yaml-language-server`)",
            Editor::Zed => "open the top folder of the repository; Zed brings yaml-language-server along",
        }
    }
}

/// A schema's file as settings name it. Without `./`, a first folder that is called like the editor's own would be taken
/// for that.
fn named(file: &str) -> String {
    format!("./{file}")
}

fn map(associations: &Associations) -> Map<String, Value> {
    associations.iter().map(|(file, files)| (named(file), json!(files))).collect()
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Adds to settings of JSON, with their comments.
fn merge(top: &Path, path: &str, keys: &[&str], schemas: &Map<String, Value>) -> Result<Outcome, CommandError> {
    match there(top, path)? {
        There::Nothing => {
            write(top, path, &pretty(&settings::nested(keys, Value::Object(schemas.clone()))))?;
            Ok(Outcome::Written)
        }
        There::Foreign => Ok(Outcome::Left),
        There::Text(text) => match settings::merged(&text, keys, schemas) {
            None => Ok(Outcome::Left),
            Some(merged) if merged == text => Ok(Outcome::AsItWas),
            Some(merged) => {
                write(top, path, &merged)?;
                Ok(Outcome::Merged)
            }
        },
    }
}

/// Writes a file that is tussock's alone.
fn own(top: &Path, path: &str, text: &str) -> Result<Outcome, CommandError> {
    match there(top, path)? {
        There::Text(found) if found == text => Ok(Outcome::AsItWas),
        There::Text(found) if !found.lines().next().is_some_and(|line| line.ends_with(SIGN)) => Ok(Outcome::Left),
        There::Foreign => Ok(Outcome::Left),
        There::Text(_) | There::Nothing => {
            write(top, path, text)?;
            Ok(Outcome::Written)
        }
    }
}

/// What is at a path.
enum There {
    Nothing,
    Text(String),
    /// A link, or no text, or behind a link.
    Foreign,
}

fn there(top: &Path, path: &str) -> Result<There, CommandError> {
    let full = top.join(path);
    if full.parent().is_some_and(|folder| folder.symlink_metadata().is_ok_and(|about| !about.is_dir())) {
        return Ok(There::Foreign);
    }
    match full.symlink_metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(There::Nothing),
        Err(e) => Err(CommandError::new(Exit::Io, format!("cannot read {path}: {e}"))),
        Ok(about) if !about.is_file() => Ok(There::Foreign),
        Ok(_) => match std::fs::read(&full) {
            Ok(bytes) => Ok(String::from_utf8(bytes).map_or(There::Foreign, There::Text)),
            Err(e) => Err(CommandError::new(Exit::Io, format!("cannot read {path}: {e}"))),
        },
    }
}

fn write(top: &Path, path: &str, text: &str) -> Result<(), CommandError> {
    let full = top.join(path);
    let made = full.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| replace(&full, text))
        .map_err(|e| CommandError::new(Exit::Io, format!("cannot write {path}: {e}")))
}
