//! git hooks that check deals: put beside the user's own, recognised again, and taken out.
//!
//! What is ours stands between two marks. Everything outside of them is somebody else's and stays to the byte.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::discover::Home;
use super::error::WriteError;
use super::git::{Git, GitError};
use super::state;

const BEGIN: &str = "# >>> tussock hooks >>>";
const END: &str = "# <<< tussock hooks <<<";

/// What both kinds of hook begin with: a function that reads the names of pipeline files, one a line, and validates
/// each pipeline. POSIX shell, because that is what git brings along everywhere.
const VALIDATE: &str = r#"# Checks deals with `tussock validate`. Written by `tussock hooks install`, taken out by
# `tussock hooks uninstall`; what stands between the two marks is replaced, all else is yours.
tussock_validate() {
    tussock_bad=0
    while IFS= read -r tussock_file; do
        case $tussock_file in
        .*/* | */.*/*) continue ;;
        esac
        if ! command -v tussock >/dev/null 2>&1; then
            echo "tussock is not on PATH, so the deals cannot be checked; install it, or skip this check once with --no-verify" >&2
            return 1
        fi
        tussock_folder=${tussock_file%pipeline.yaml}
        tussock_folder=${tussock_folder%/}
        tussock_folder=${tussock_folder:-.}
        tussock --pipeline="$tussock_folder" validate "$@" </dev/null && tussock_end=0 || tussock_end=$?
        case $tussock_end in
        0) ;;
        3) echo "tussock: the pipeline $tussock_folder is not in the work tree, so it is not checked" >&2 ;;
        *) tussock_bad=1 ;;
        esac
    done
    return "$tussock_bad"
}
"#;

/// For the hooks that look at what is to be committed.
const STAGED: &str = r"GIT_LITERAL_PATHSPECS=0 git -c core.quotePath=false ls-files --cached -- ':(top,glob)**/pipeline.yaml' |
    (tussock_validate --staged --changed) || exit 1
";

/// For the hook that looks at what is to be pushed: the tip of every branch. The list that git gives is handed on to
/// what comes after.
const PUSHED: &str = r#"tussock_refs=$(cat)
printf '%s\n' "$tussock_refs" | (
    tussock_all=0
    while read -r tussock_local tussock_id tussock_remote tussock_rest; do
        case $tussock_remote in
        refs/heads/*) ;;
        *) continue ;;
        esac
        case $tussock_id in
        *[!0]*) ;;
        *) continue ;;
        esac
        git -c core.quotePath=false ls-tree -r --name-only --full-tree "$tussock_id" |
            grep -E '(^|/)pipeline\.yaml$' |
            (tussock_validate --rev "$tussock_id") || tussock_all=1
    done
    exit "$tussock_all"
) || exit 1
if [ -n "$tussock_refs" ]; then
    exec <<TUSSOCK_REFS
$tussock_refs
TUSSOCK_REFS
else
    exec </dev/null
fi
"#;

/// The hooks, and what each does beside [`VALIDATE`].
const HOOKS: [(&str, &str); 3] = [("pre-commit", STAGED), ("pre-merge-commit", STAGED), ("pre-push", PUSHED)];

/// Why hooks were not put in place or taken out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// There are hooks already, and nobody said that they may be added to.
    #[error("there is a hook of yours already: {}", .0.join(", "))]
    Taken(Vec<String>),
    /// A hook that cannot be added to.
    #[error("{path} {why}, so nothing can be added to it")]
    Odd {
        /// The hook's file.
        path: String,
        /// What is odd about it.
        why: &'static str,
    },
    /// The repository or its files cannot be read or written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<GitError> for HookError {
    fn from(error: GitError) -> Self {
        HookError::Write(error.into())
    }
}

/// How a hook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Missing,
    /// It checks deals as this version of tussock does.
    Current,
    /// It checks deals, as another version of tussock did.
    Other,
    /// It checks deals, but git does not run it, because it is not executable.
    SwitchedOff,
    /// It is somebody else's and does not check deals.
    Foreign,
}

/// What was done to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is new.
    Installed,
    /// It was brought up to this version.
    Updated,
    /// It was added to a hook that was there.
    Added,
    /// It was taken out, and the file with it.
    Removed,
    /// It was taken out of a hook that stays.
    TakenOut,
    /// Nothing.
    Nothing,
}

/// A hook's file.
#[derive(Clone, Debug)]
pub struct HookFile {
    /// `pre-commit` and so on.
    pub name: &'static str,
    /// What messages call the file.
    pub shown: String,
    /// How it stands.
    pub standing: Standing,
    path: PathBuf,
    block: String,
    text: Option<String>,
    /// Why nothing may be added to it.
    odd: Option<&'static str>,
}

/// The hooks that check deals, as they stand in the folder where git looks for them.
///
/// # Errors
/// When there is no work tree, or the files cannot be read.
pub fn look(home: &Home, git: &Git) -> Result<Vec<HookFile>, HookError> {
    let (_, workdir) = state::work_tree(home)?;
    let folder = git.command("rev-parse").reading().args(["--git-path", "hooks"]).line()?;
    let folder = workdir.join(folder);
    HOOKS.iter().map(|(name, rest)| Ok(HookFile::read(name, rest, &folder, &workdir)?)).collect()
}

/// Puts the hooks in place, and brings those of other versions up to this one. `chain`: adds to hooks that are there,
/// at their beginning, so that nothing in them can pass the check by.
///
/// # Errors
/// See [`HookError`]. What can be told before anything is written, is.
pub fn install(files: &[HookFile], chain: bool) -> Result<Vec<Act>, HookError> {
    let foreign: Vec<&HookFile> = files.iter().filter(|f| f.standing == Standing::Foreign).collect();
    for file in &foreign {
        if let Some(why) = file.odd {
            return Err(HookError::Odd { path: file.shown.clone(), why });
        }
    }
    if !foreign.is_empty() && !chain {
        return Err(HookError::Taken(foreign.iter().map(|f| f.shown.clone()).collect()));
    }
    files.iter().map(HookFile::install).collect::<Result<_, WriteError>>().map_err(Into::into)
}

/// Takes the hooks out, and nothing else.
///
/// # Errors
/// When a file cannot be written.
pub fn uninstall(files: &[HookFile]) -> Result<Vec<Act>, HookError> {
    files.iter().map(HookFile::uninstall).collect::<Result<_, WriteError>>().map_err(Into::into)
}

impl HookFile {
    fn read(name: &'static str, rest: &str, folder: &Path, workdir: &Path) -> Result<HookFile, WriteError> {
        let path = folder.join(name);
        let shown = path.strip_prefix(workdir).unwrap_or(&path).display().to_string();
        let block = format!("{BEGIN}\n{VALIDATE}{rest}{END}\n");
        let file = |standing, text, odd| HookFile {
            name,
            shown: shown.clone(),
            standing,
            path: path.clone(),
            block: block.clone(),
            text,
            odd,
        };
        let about = match path.symlink_metadata() {
            Ok(about) => about,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(file(Standing::Missing, None, None)),
            Err(e) => return Err(WriteError::io("look at", &path)(e)),
        };
        if !about.is_file() {
            return Ok(file(Standing::Foreign, None, Some("is a link or no file")));
        }
        let bytes = std::fs::read(&path).map_err(WriteError::io("read", &path))?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(file(Standing::Foreign, None, Some("is no text")));
        };
        let executable = is_executable(&about);
        let (standing, odd) = match parts(&text) {
            Some((_, own, _)) if own != block => (Standing::Other, None),
            Some(_) if !executable => (Standing::SwitchedOff, None),
            Some(_) => (Standing::Current, None),
            None if text.contains(BEGIN) => {
                (Standing::Foreign, Some("has the first of tussock's marks and not the last"))
            }
            None if !is_shell(&text) => (Standing::Foreign, Some("is no shell script")),
            None if !executable => (Standing::Foreign, Some("is switched off (not executable)")),
            None => (Standing::Foreign, None),
        };
        Ok(file(standing, Some(text), odd))
    }

    fn install(&self) -> Result<Act, WriteError> {
        let text = self.text.as_deref().unwrap_or_default();
        match (self.standing, parts(text)) {
            (Standing::Current, _) => Ok(Act::Nothing),
            (Standing::Missing, _) => self.write(&format!("#!/bin/sh\n{}", self.block)).map(|()| Act::Installed),
            (_, Some((before, _, after))) => {
                self.write(&format!("{before}{}{after}", self.block)).map(|()| Act::Updated)
            }
            (_, None) => {
                let (first, rest) = text.split_at(text.find('\n').map_or(text.len(), |end| end + 1));
                let gap = if first.ends_with('\n') { "" } else { "\n" };
                self.write(&format!("{first}{gap}{}{rest}", self.block)).map(|()| Act::Added)
            }
        }
    }

    fn uninstall(&self) -> Result<Act, WriteError> {
        let Some((before, _, after)) = self.text.as_deref().and_then(parts) else { return Ok(Act::Nothing) };
        let rest = format!("{before}{after}");
        if rest.lines().all(|line| line.trim().is_empty() || line.starts_with("#!")) {
            std::fs::remove_file(&self.path).map_err(WriteError::io("remove", &self.path))?;
            return Ok(Act::Removed);
        }
        self.write(&rest).map(|()| Act::TakenOut)
    }

    /// Writes the file whole beside its place and then puts it there.
    fn write(&self, text: &str) -> Result<(), WriteError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(WriteError::io("create", folder))?;
        let failed = || WriteError::io("write", &self.path);
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
        file.write_all(text.as_bytes()).map_err(failed())?;
        make_executable(file.path(), &self.path).map_err(failed())?;
        file.as_file().sync_all().map_err(failed())?;
        file.persist(&self.path).map_err(|e| failed()(e.error))?;
        Ok(())
    }
}

/// What stands before our marks, what stands between them (with them), and what stands after.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let line = |mark: &str, from: usize| {
        let at = from + text.get(from..)?.find(mark)?;
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        Some((at, end))
    };
    let (begin, inside) = line(BEGIN, 0)?;
    let (_, end) = line(END, inside)?;
    Some((&text[..begin], &text[begin..end], &text[end..]))
}

/// Whether the first line says that a shell runs it.
fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let Some(command) = first.strip_prefix("#!") else { return false };
    let mut words = command.split_whitespace().map(|word| word.rsplit(['/', '\\']).next().unwrap_or(word));
    let program = match words.next() {
        Some("env") => words.find(|word| !word.starts_with('-')),
        program => program,
    };
    program.is_some_and(|p| ["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(&p.trim_end_matches(".exe")))
}

#[cfg(unix)]
fn is_executable(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

/// Gives a new file the permissions of the one it replaces, and makes it one that can be run.
#[cfg(unix)]
fn make_executable(new: &Path, old: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = old.metadata().map_or(0o755, |about| about.permissions().mode() | 0o100);
    std::fs::set_permissions(new, std::fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
}

#[cfg(not(unix))]
fn make_executable(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_told_from_other_programs() {
        for shell in
            ["#!/bin/sh", "#!/bin/sh -e", "#!/usr/bin/env bash", "#! /usr/bin/env -S zsh -f", "#!C:/git/sh.exe"]
        {
            assert!(is_shell(shell), "{shell}");
        }
        for other in ["#!/usr/bin/python3", "#!/usr/bin/env node", "echo no first line", "", "#!"] {
            assert!(!is_shell(other), "{other}");
        }
    }

    #[test]
    fn what_is_outside_of_the_marks_is_kept_to_the_byte() {
        let text = format!("#!/bin/sh\r\n# mine\n{BEGIN} x\nours\n{END}\n\n  exit 0");
        let (before, own, after) = parts(&text).unwrap();
        assert_eq!((before, after), ("#!/bin/sh\r\n# mine\n", "\n  exit 0"));
        assert!(own.starts_with(BEGIN) && own.ends_with("<<<\n"));
        assert_eq!(parts(&format!("{BEGIN}\nno end")), None);
        assert_eq!(parts(&format!("{END}\n{BEGIN}\n")), None);
    }
}
