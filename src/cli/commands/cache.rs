//! `tussock cache`.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::current;
use crate::history::{Cache, CacheFile};
use crate::output::json;
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::revision::head;

/// Look at what is kept of history, or throw it away
///
/// Reports and `tussock log` keep what they read of history in the folder `tussock` of the git folder, so that the next
/// one reads only the commits that came since. All of it can be read from the repository again, and throwing it away
/// costs nothing but time. No other program needs it, git does not see it, and it is never committed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock cache info
  tussock cache info --format json
  tussock cache clear

Exit codes: 0 done · 4 not in a git repository · 8 a file cannot be read or removed")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what is kept, and up to which commit
    Info {
        /// How to print
        #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
        format: Format,
    },
    /// Remove it
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    // It belongs to the repository: any folder of it will do, whichever pipelines there are.
    let home = Home::at(&current(global)?)?;
    let folder = home.place()?.own_folder();
    let cache = Cache::at(&folder);
    let failed = |what: &str| {
        let at = folder.display().to_string();
        let what = what.to_owned();
        move |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot {what} in {at}: {e}"))
    };
    match &args.action {
        Action::Info { format } => {
            let files = cache.files().map_err(failed("read what is kept of history"))?;
            let tip = head(&home)?.and_then(|head| head.commit);
            match format {
                Format::Text if files.is_empty() => {
                    ui.line("nothing is kept yet; the first report or log keeps what it reads")
                }
                Format::Text => files.iter().for_each(|file| ui.line(told(file, tip))),
                Format::Json => {
                    let files: Vec<_> = files.iter().map(as_json).collect();
                    ui.print(json::write(&json!({"schema_version": 1, "kind": "cache", "files": files})));
                }
            }
        }
        Action::Clear => {
            let (files, bytes) = cache.clear().map_err(failed("remove what is kept of history"))?;
            ui.line(match files {
                0 => "nothing was kept".to_owned(),
                1 => format!("removed 1 file, {}", size(bytes)),
                n => format!("removed {n} files, {}", size(bytes)),
            });
        }
    }
    Ok(Exit::Done)
}

fn told(file: &CacheFile, tip: Option<crate::repo::objects::ObjectId>) -> String {
    let path = plain(&file.path.display().to_string()).to_string();
    let Some(held) = &file.held else {
        return format!("{path}: cannot be used and will be written anew ({})", size(file.bytes));
    };
    let pipeline = if held.folder.is_empty() { "the root".to_owned() } else { plain(&held.folder).to_string() };
    let whose =
        if Some(held.tip) == tip { "the commit that is checked out" } else { "not the one that is checked out" };
    let fields = match held.more_fields {
        0 => String::new(),
        1 => " with 1 more field".to_owned(),
        n => format!(" with {n} more fields"),
    };
    format!(
        "pipeline in {pipeline}: {} commits{fields} up to {} ({whose}), {} events, {} deals; {} in {path}",
        held.commits,
        held.tip.short(),
        held.events,
        held.deals,
        size(file.bytes),
    )
}

fn as_json(file: &CacheFile) -> serde_json::Value {
    let held = file.held.as_ref().map(|held| {
        json!({
            "folder": held.folder,
            "tip": held.tip.to_string(),
            "commits": held.commits,
            "more_fields": held.more_fields,
            "events": held.events,
            "deals": held.deals,
            "sections": held.sections,
        })
    });
    json!({"path": file.path.display().to_string(), "bytes": file.bytes, "held": held})
}

/// A size as people say it, in powers of ten.
fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} bytes"),
        1_000..=999_999 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        assert_eq!([size(12), size(1_950), size(18_640_000)], ["12 bytes", "1.9 kB", "18.6 MB"]);
    }
}
