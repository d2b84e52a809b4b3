//! What is made for build servers and hooks, run as far as that goes without a forge.
#![cfg(unix)]

mod kit;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kit::{Ran, TestRepo};
use serde_yaml::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn yaml(file: &str) -> Value {
    serde_yaml::from_str(&read(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The blocks of the page about CI in a language.
fn blocks(language: &str) -> Vec<String> {
    let page = read("docs/ci.md");
    let fence = format!("\n```{language}\n");
    let begun = page.split(&fence).skip(1);
    begun.map(|rest| rest.split("\n```").next().unwrap().to_owned() + "\n").collect()
}

/// `PATH` with this tussock first.
fn path() -> std::ffi::OsString {
    let mut path = vec![Path::new(env!("CARGO_BIN_EXE_tussock")).parent().unwrap().to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    std::env::join_paths(path).unwrap()
}

fn run(repo: &TestRepo, command: &mut Command, variables: &[(&str, &str)]) -> Ran {
    repo.hermetic(command);
    command.env("PATH", path()).envs(variables.iter().copied());
    let out = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: out.status.code().unwrap_or(-1), out: text(out.stdout), err: text(out.stderr) }
}

/// A runner of GitHub's, as far as the action sees it.
struct Runner {
    repo: TestRepo,
    temp: tempfile::TempDir,
}

impl Runner {
    fn new(repo: TestRepo) -> Self {
        Runner { repo, temp: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    fn step(&self, step: &str, inputs: &[(&str, &str)]) -> Ran {
        let shown = |path: PathBuf| path.to_str().unwrap().to_owned();
        let (workspace, temp) = (shown(self.repo.path()), shown(self.temp.path().to_owned()));
        let files = ["output", "summary", "path"].map(|name| shown(self.file(name)));
        let mut variables = vec![
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTION_PATH", root().to_str().unwrap()),
            ("GITHUB_WORKSPACE", &workspace),
            ("RUNNER_TEMP", &temp),
            ("GITHUB_OUTPUT", &files[0]),
            ("GITHUB_STEP_SUMMARY", &files[1]),
            ("GITHUB_PATH", &files[2]),
            ("TUSSOCK_TODAY", "2026-06-01"),
            ("TUSSOCK_ACTION_BINARY", env!("CARGO_BIN_EXE_tussock")),
        ];
        variables.extend_from_slice(inputs);
        let _ = std::fs::remove_file(self.file("output"));
        run(&self.repo, Command::new("bash").args([root().join("ci/action.sh").to_str().unwrap(), step]), &variables)
    }

    /// The outputs. Each is a number, or true or false.
    fn outputs(&self) -> BTreeMap<String, String> {
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            assert!(["true", "false"].contains(&value) || value.parse::<u32>().is_ok(), "{line}");
            (name.to_owned(), value.to_owned())
        };
        self.text("output").lines().map(pair).collect()
    }
}

#[test]
fn the_action_annotates_counts_and_writes_the_summary() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    repo.write("sales/brief/borg.yaml", "title: x\nowner: o\nclose_date: 2026-01-01\n");
    let runner = Runner::new(repo);
    let ran = runner.step("check", &[("TUSSOCK_ACTION_SARIF", "out/tussock.sarif")]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("::error file=sales/brief/acme.yaml,line=3,"), "{}", ran.out);
    let expected = [
        ("clean", "false"),
        ("deals", "2"),
        ("errors", "1"),
        ("exit-code", "1"),
        ("infos", "0"),
        ("unreadable", "0"),
        ("warnings", "1"),
    ];
    let expected: BTreeMap<String, String> = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(runner.outputs(), expected);
    let summary = runner.text("summary");
    assert!(summary.starts_with("### tussock: 1 error, 1 warning in 2 files (2 deals checked)"), "{summary}");
    let sarif: serde_json::Value = serde_json::from_str(&runner.repo.read("out/tussock.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);

    let ran = runner.step("check", &[("TUSSOCK_ACTION_FAIL_ON", "never"), ("TUSSOCK_ACTION_PIPELINE", "sales")]);
    assert_eq!((ran.code, &*runner.outputs()["clean"]), (0, "true"));
    runner.repo.git(&["rm", "-qf", "--cached", "--ignore-unmatch", "sales/brief/acme.yaml"]);
    std::fs::remove_file(runner.repo.path().join("sales/brief/acme.yaml")).unwrap();
    let ran = runner.step("check", &[]);
    assert_eq!((ran.code, &*runner.outputs()["errors"], &*runner.outputs()["warnings"]), (0, "0", "1"));
    assert_eq!(runner.step("check", &[("TUSSOCK_ACTION_FAIL_ON", "warning")]).code, 1);
}

#[test]
fn the_action_tells_a_broken_pipeline_a_missing_one_and_a_wrong_input() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", "version: 1\nstages: 5\n");
    let runner = Runner::new(repo);
    let ran = runner.step("check", &[]);
    assert_eq!((ran.code, &*runner.outputs()["clean"], &*runner.outputs()["exit-code"]), (2, "false", "2"));
    assert!(ran.out.contains("::error file=sales/pipeline.yaml,"), "{}{}", ran.out, ran.err);
    assert!(runner.text("summary").contains("`sales/pipeline.yaml`"));

    let runner = Runner::new(TestRepo::new());
    let ran = runner.step("check", &[]);
    assert_eq!((ran.code, &*runner.outputs()["clean"], &*runner.outputs()["errors"]), (3, "false", "0"), "{}", ran.err);

    let ran = runner.step("check", &[("TUSSOCK_ACTION_FAIL_ON", "$(touch x)")]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.starts_with("::error ") && runner.text("output").is_empty(), "{}", ran.out);
    assert!(!runner.repo.has("x"));
}

#[test]
fn nothing_in_a_repository_becomes_an_output_of_the_action() {
    let repo = TestRepo::with_pipeline();
    let odd = "x\nerrors=99\nclean=true\n    \"errors\": 99,\nEOF";
    let quoted = serde_json::to_string(odd).unwrap();
    repo.write("sales/brief/acme.yaml", format!("title: {quoted}\nowner: {quoted}\namount: {quoted}\n{quoted}: 1\n"));
    repo.write("sales/brief/a\nerrors=99\n    \"errors\": 7,.yaml", "title: x\n");
    repo.write("odd\nname/x", "");
    let runner = Runner::new(repo);
    let ran = runner.step("check", &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let outputs = runner.outputs();
    let mut names: Vec<&str> = outputs.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["clean", "deals", "errors", "exit-code", "infos", "unreadable", "warnings"]);
    assert_eq!(runner.text("output").lines().count(), 7);
    let json: serde_json::Value = serde_json::from_str(&runner.text("tussock-findings.json")).unwrap();
    assert_eq!(outputs["errors"], json["summary"]["errors"].to_string());
    assert_ne!(outputs["errors"], "99");
}

#[test]
fn the_key_of_the_cache_changes_with_the_sources_and_a_program_from_the_cache_is_not_built_again() {
    let sources = tempfile::tempdir().unwrap();
    for file in ["Cargo.toml", "Cargo.lock", "src/main.rs", "templates/t", "example-pipeline/p"] {
        let file = sources.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "x").unwrap();
    }
    let runner = Runner::new(TestRepo::new());
    let key = || {
        let ran = runner.step("key", &[("GITHUB_ACTION_PATH", sources.path().to_str().unwrap())]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let output = runner.text("output");
        let key = output.strip_prefix("key=").unwrap().trim_end().to_owned();
        assert!(key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
        key
    };
    let before = key();
    assert_eq!(key(), before);
    std::fs::write(sources.path().join("src/main.rs"), "y").unwrap();
    assert_ne!(key(), before);

    let bin = runner.file("tussock-action/bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tussock"), bin.join("tussock")).unwrap();
    let ran = runner.step("install", &[("TUSSOCK_ACTION_BINARY", "")]);
    assert_eq!((ran.code, ran.out.starts_with("tussock ")), (0, true), "{}{}", ran.out, ran.err);
    assert_eq!(Path::new(runner.text("path").trim_end()), bin);
}

/// All values of a key, wherever it stands.
fn values<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Mapping(map) => {
            for (name, inner) in map {
                if name.as_str() == Some(key) {
                    found.push(inner);
                }
                values(inner, key, found);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| values(item, key, found)),
        _ => {}
    }
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    values(value, key, &mut found);
    found.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn the_action_takes_its_inputs_as_variables_alone_and_pins_what_it_uses() {
    let action = yaml("action.yml");
    let script = read("ci/action.sh");
    for run in texts(&action, "run") {
        assert!(!run.contains("${{"), "{run}");
        let step = run.strip_prefix("bash \"$GITHUB_ACTION_PATH/ci/action.sh\" ").unwrap();
        assert!(script.contains(&format!("\n{step}) {step} ;;")), "{step}");
    }
    for used in texts(&action, "uses") {
        assert!(is_pinned(&used), "{used}");
    }
    let text = read("action.yml");
    let inputs = action["inputs"].as_mapping().unwrap();
    for name in inputs.keys().map(|key| key.as_str().unwrap()) {
        assert!(text.contains(&format!("inputs.{name} ")), "{name} is never used");
        assert!(read("docs/ci.md").contains(&format!("| `{name}` |")), "docs/ci.md does not tell of {name}");
    }
    for variable in text.lines().filter_map(|line| line.trim().strip_prefix("TUSSOCK_ACTION_")) {
        let name = variable.split(':').next().unwrap();
        assert!(script.contains(&format!("TUSSOCK_ACTION_{name}")), "{name}");
    }
    for (name, output) in action["outputs"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        assert_eq!(output["value"].as_str(), Some(&*format!("${{{{ steps.check.outputs.{name} }}}}")));
        assert!(script.contains(name), "{name}");
    }
}

/// Whether an action is named by a commit.
fn is_pinned(used: &str) -> bool {
    used.rsplit_once('@').is_some_and(|(_, rev)| rev.len() == 40 && rev.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[test]
fn no_example_can_write_but_where_it_says_so_or_runs_what_a_pull_request_brings() {
    let examples = blocks("yaml");
    let workflows: Vec<&String> = examples.iter().filter(|text| text.starts_with("# .github/workflows/")).collect();
    assert_eq!(workflows.len(), 3);
    for text in workflows {
        let workflow: Value = serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert!(!text.contains("pull_request_target"), "{text}");
        let top = workflow["permissions"].as_mapping().expect("permissions at the top");
        assert!(top.values().all(|it| it.as_str() == Some("read")), "{text}");
        for used in texts(&workflow, "uses") {
            assert!(is_pinned(&used), "{used}");
        }
        for run in texts(&workflow, "run").into_iter().chain(texts(&workflow, "script")) {
            assert!(!run.contains("${{"), "a value becomes part of a command: {run}");
        }
        for (name, job) in workflow["jobs"].as_mapping().unwrap() {
            let writes = job["permissions"].as_mapping().is_some_and(|it| {
                it.iter().any(|(what, how)| what.as_str() != Some("security-events") && how.as_str() == Some("write"))
            });
            let checks_out = texts(job, "uses").iter().any(|used| used.starts_with("actions/checkout@"));
            assert!(!(writes && checks_out), "{name:?} can write and checks out");
            for step in job["steps"].as_sequence().unwrap() {
                if step["uses"].as_str().is_some_and(|used| used.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["fetch-depth"].as_u64(), Some(0), "{text}");
                    assert_eq!(step["with"]["persist-credentials"].as_bool(), Some(false), "{text}");
                }
            }
        }
    }
    for text in &examples {
        serde_yaml::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
}

#[test]
fn the_job_for_gitlab_leaves_both_reports() {
    let job = &yaml("ci/gitlab.yml")["tussock"];
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    let lines = |part: &str| -> Vec<String> {
        job[part].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let script = [lines("before_script"), lines("script")].concat().join("\n");
    let variables: Vec<(String, String)> = job["variables"]
        .as_mapping()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned()))
        .collect();
    let project = repo.path().to_str().unwrap().to_owned();
    let mut all = vec![("CI", "true"), ("GITLAB_CI", "true"), ("CI_PROJECT_DIR", &*project)];
    all.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let ran = run(&repo, Command::new("sh").args(["-e", "-c", &script]), &all);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("error[unknown-field]"), "{}", ran.out);
    let quality = job["artifacts"]["reports"]["codequality"].as_str().unwrap();
    let issues: serde_json::Value = serde_json::from_str(&repo.read(quality)).unwrap();
    assert_eq!(issues[0]["location"]["path"], "sales/brief/acme.yaml");
    let tests = repo.read(job["artifacts"]["reports"]["junit"].as_str().unwrap());
    assert!(tests.contains("failures=\"1\""), "{tests}");
    assert_eq!(job["variables"]["GIT_DEPTH"].as_str(), Some("0"));
}

#[test]
fn the_hooks_for_pre_commit_refuse_what_is_broken() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hooks = hooks.as_sequence().unwrap();
    assert_eq!(hooks.len(), 4);
    let repo = TestRepo::with_pipeline();
    let call = |hook: &Value, more: &[&str], variables: &[(&str, &str)]| {
        // pre-commit splits the entry as a shell would and adds the arguments.
        let command = format!("{} \"$@\"", hook["entry"].as_str().unwrap());
        run(&repo, Command::new("sh").args(["-c", &command, "sh"]).args(more), variables).code
    };
    let stage = |hook: &Value| hook["stages"][0].as_str().unwrap().to_owned();
    for hook in hooks {
        assert_eq!(hook["pass_filenames"].as_bool(), Some(false), "{hook:?}");
        assert_eq!(hook["always_run"].as_bool(), Some(true), "a deal that is removed has no file to match: {hook:?}");
        assert_eq!(call(hook, &["--pipeline=sales"], &[]), 0, "{hook:?}");
    }
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    repo.git(&["add", "-A"]);
    for hook in hooks.iter().filter(|hook| stage(hook) == "pre-commit") {
        assert_eq!(call(hook, &[], &[]), 1, "{hook:?}");
    }
    let bad = repo.commit("broken");
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\n");
    repo.commit("mended");
    for hook in hooks.iter().filter(|hook| stage(hook) == "pre-push") {
        assert_eq!(call(hook, &[], &[]), 0, "{hook:?}");
        assert_eq!(call(hook, &[], &[("PRE_COMMIT_TO_REF", &bad)]), 1, "{hook:?}");
    }
    let example = blocks("yaml").into_iter().find(|text| text.starts_with("# .pre-commit-config.yaml")).unwrap();
    let example: Value = serde_yaml::from_str(&example).unwrap();
    for id in texts(&example, "id") {
        assert!(hooks.iter().any(|hook| hook["id"].as_str() == Some(&id)), "{id}");
    }
}

/// A bare repository with the hook of the page, and a clone of it to push from.
fn server() -> (TestRepo, PathBuf) {
    let repo = TestRepo::with_pipeline();
    let server = repo.path().parent().unwrap().join("server.git");
    repo.git(&["clone", "-q", "--bare", ".", server.to_str().unwrap()]);
    let hook = server.join("hooks/pre-receive");
    std::fs::write(&hook, &blocks("sh")[0]).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    (repo, server)
}

fn push(repo: &TestRepo, args: &[&str]) -> Ran {
    run(repo, Command::new("git").args(["push", "-q", "origin"]).args(args), &[])
}

#[test]
fn the_hook_of_the_server_lets_good_deals_through_and_refuses_broken_ones() {
    let (repo, server) = server();
    let there = |name: &str| repo.try_git(&["-C", server.to_str().unwrap(), "rev-parse", "-q", "--verify", name]);
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\n");
    let good = repo.commit("good");
    let ran = push(&repo, &["main"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(there("main").out.trim(), good);

    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    repo.commit("broken");
    let ran = push(&repo, &["main"]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("there is no field `ammount`") && ran.err.contains("the push is refused"), "{}", ran.err);
    assert_eq!(there("main").out.trim(), good);
    assert_ne!(push(&repo, &["main:refs/heads/topic"]).code, 0, "a new branch");
    assert_ne!(there("topic").code, 0);
    // Beside a good branch nothing of the push is taken.
    assert_ne!(push(&repo, &["HEAD~1:refs/heads/fine", "main:refs/heads/topic"]).code, 0);
    assert_ne!(there("fine").code, 0);

    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\namount: 1\n");
    let mended = repo.commit("mended");
    assert_eq!(push(&repo, &["main", "main:refs/heads/topic"]).code, 0);
    assert_eq!(there("topic").out.trim(), mended);

    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    assert_ne!(push(&repo, &["--force", "main"]).code, 0, "forced to a broken commit");
    repo.git(&["reset", "-q", "--hard", &good]);
    assert_eq!(push(&repo, &["--force", "main"]).code, 0, "forced to a good one");
    assert_eq!(there("main").out.trim(), good);
    assert_eq!(push(&repo, &["--delete", "topic"]).code, 0, "a branch is deleted");
    repo.git(&["tag", "v1"]);
    assert_eq!(push(&repo, &["v1"]).code, 0, "a tag");
}

#[test]
fn the_hook_of_the_server_looks_at_pipelines_that_it_has_never_seen() {
    let (repo, server) = server();
    repo.write("part ners/Ü/pipeline.yaml", kit::SMALL_PIPELINE);
    repo.write("part ners/Ü/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    repo.commit("another pipeline");
    assert_ne!(push(&repo, &["main"]).code, 0);
    repo.write("part ners/Ü/brief/acme.yaml", "title: x\nowner: o\n");
    repo.commit("mended");
    let ran = push(&repo, &["main"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // The hook leaves nothing behind, neither what it looked at nor where it looked.
    assert!(repo.git(&["-C", server.to_str().unwrap(), "fsck", "--strict"]).is_empty());

    let empty = repo.path().parent().unwrap().join("empty.git");
    repo.git(&["init", "-q", "--bare", empty.to_str().unwrap()]);
    std::fs::copy(server.join("hooks/pre-receive"), empty.join("hooks/pre-receive")).unwrap();
    repo.git(&["remote", "set-url", "origin", empty.to_str().unwrap()]);
    repo.write("sales/brief/acme.yaml", "title: x\nowner: o\nammount: 1\n");
    repo.commit("broken");
    assert_ne!(push(&repo, &["main"]).code, 0, "the first push of all");
    assert_eq!(push(&repo, &["HEAD~1:refs/heads/main"]).code, 0);
}
