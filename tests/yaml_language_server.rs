//! What an editor shows with our schemas: yaml-language-server, which VS Code, Neovim, Helix and Zed use for YAML, is
//! driven over standard input as they do it.
//!
//! `TUSSOCK_YAML_LS` names its script (`…/yaml-language-server/bin/yaml-language-server`); without it, or without node, the
//! tests say so and pass.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tussock::cli::schemas::rule_words;
use tussock::format::json_schema;
use tussock::format::pipeline_file;

mod kit;

/// How long an answer may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server and the folder that it works in.
struct Server {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    folder: tempfile::TempDir,
    settings: Value,
    asked: i64,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server with the schemas of a pipeline, associated by folder as `init --editor` does it; `None` where there is none.
fn server(pipeline: &str) -> Option<Server> {
    let Some(script) = std::env::var_os("TUSSOCK_YAML_LS").map(PathBuf::from).filter(|script| script.is_file()) else {
        eprintln!("skipped: TUSSOCK_YAML_LS does not name yaml-language-server");
        return None;
    };
    // The server's patterns pass over folders that begin with a dot, as those of `tempdir` do.
    let folder = tempfile::Builder::new().prefix("editor").tempdir().unwrap();
    let (pipeline, _) = pipeline_file::read(pipeline.as_bytes()).unwrap();
    std::fs::create_dir(folder.path().join(".tussock")).unwrap();
    for (path, schema) in json_schema::files(&pipeline, &rule_words()) {
        std::fs::write(folder.path().join(path), json_schema::text(&schema)).unwrap();
    }
    let mut schemas = serde_json::Map::new();
    for (file, globs) in json_schema::associations(&pipeline, "") {
        schemas.insert(format!("./{file}"), json!(globs));
    }
    let settings = json!({"yaml": {"schemas": schemas, "schemaStore": {"enable": false}, "validate": true, "hover": true, "completion": true}});
    let child = Command::new("node")
        .arg(script)
        .arg("--stdio")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no node");
        return None;
    };
    let (send, messages) = channel();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        while let Some(message) = read_message(&mut output) {
            if send.send(message).is_err() {
                return;
            }
        }
    });
    let input = child.stdin.take().unwrap();
    let mut server = Server { child, input, messages, folder, settings, asked: 0 };
    let root = server.uri("").trim_end_matches('/').to_owned();
    server.ask(
        "initialize",
        json!({
            "processId": null,
            "rootUri": root,
            "workspaceFolders": [{"uri": root, "name": "sales"}],
            "capabilities": {
                "workspace": {"configuration": true, "didChangeConfiguration": {}},
                "textDocument": {
                    "completion": {"completionItem": {"snippetSupport": true, "documentationFormat": ["markdown"]}},
                    "hover": {"contentFormat": ["markdown"]},
                    "publishDiagnostics": {},
                },
            },
        }),
    );
    server.tell("initialized", json!({}));
    server.tell("workspace/didChangeConfiguration", json!({"settings": server.settings}));
    Some(server)
}

/// One message with its header; `None` at the end.
fn read_message(from: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

impl Server {
    fn uri(&self, path: &str) -> String {
        // No test has a character in a path that would have to be escaped.
        format!("file://{}/{path}", self.folder.path().canonicalize().unwrap().display())
    }

    fn send(&mut self, message: Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.wait(method, |message| message["id"] == id && message.get("method").is_none())["result"].take()
    }

    /// The next message of that kind. What the server asks meanwhile is answered.
    fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left).unwrap_or_else(|e| panic!("no answer to {what}: {e}"));
            if message.get("method").is_some() && message.get("id").is_some() {
                let section = |item: &Value| match item["section"].as_str() {
                    Some(name) => self.settings.get(name).cloned().unwrap_or_default(),
                    None => self.settings.clone(),
                };
                let items = message["params"]["items"].as_array();
                let answer = items.map(|items| items.iter().map(section).collect::<Value>());
                let id = message["id"].clone();
                self.send(json!({"jsonrpc": "2.0", "id": id, "result": answer}));
            } else if wanted(&message) {
                return message;
            }
        }
    }

    /// Opens a file and says what is marked in it: line, from character, and the words.
    fn open(&mut self, path: &str, text: &str) -> Vec<(i64, i64, String)> {
        let uri = self.uri(path);
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        let shown = self.wait(path, |m| m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri);
        self.tell("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
        let one = |d: &Value| {
            let start = &d["range"]["start"];
            let number = |name: &str| start[name].as_i64().unwrap();
            (number("line"), number("character"), d["message"].as_str().unwrap().to_owned())
        };
        shown["params"]["diagnostics"].as_array().unwrap().iter().map(one).collect()
    }

    /// The answer to a question about the place of a `§` in a text.
    fn at(&mut self, method: &str, path: &str, text: &str) -> Value {
        let offset = text.find('§').unwrap();
        let (line, character) =
            (text[..offset].matches('\n').count(), offset - text[..offset].rfind('\n').map_or(0, |n| n + 1));
        let uri = self.uri(path);
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text.replace('§', "")});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        // A question is about what the server has looked at.
        self.wait(path, |m| m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri);
        let place = json!({"line": line, "character": character});
        let answer = self.ask(method, json!({"textDocument": {"uri": uri}, "position": place}));
        self.tell("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
        answer
    }

    /// What is offered at the place of a `§`: each word with what it inserts.
    fn offered(&mut self, path: &str, text: &str) -> Vec<(String, String)> {
        let answer = self.at("textDocument/completion", path, text);
        let items = answer["items"].as_array().or_else(|| answer.as_array()).unwrap().clone();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        items.iter().map(|item| (text(item, "label"), text(item, "insertText"))).collect()
    }

    /// What is shown when the mouse rests at the place of a `§`.
    fn shown(&mut self, path: &str, text: &str) -> String {
        self.at("textDocument/hover", path, text)["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }
}

const PIPELINE: &str = "\
version: 1
currency: EUR
groups: {chiefs: [boss, olga]}
stages:
  - id: lead
    title: Lead
    exit:
      - {id: budget-known, text: The budget is known, require: [budget, inputs.goal]}
  - {id: offer, title: Offer}
ends: [{id: won, kind: won}, {id: lost, kind: lost}]
fields:
  title: {required: true}
  budget: {type: money, label: Budget, help: \"What they said, not what we hope\"}
  inputs: {goal: text, deadline: date}
  source: {enum: [referral, web, event]}
";

#[test]
fn fields_of_the_stage_and_words_of_a_choice_are_completed() {
    let Some(mut server) = server(PIPELINE) else { return };
    let labels = |offered: &[(String, String)]| offered.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
    let offered = server.offered("lead/a.yaml", "title: x\n§\n");
    assert!(labels(&offered).contains(&"close_date".to_owned()), "{offered:?}");
    assert!(!offered.iter().any(|(label, _)| label.starts_with("what ")), "{offered:?}");
    assert!(!labels(&offered).contains(&"title".to_owned()), "{offered:?}");

    // In the stage that needs them, all missing fields are offered at once, and the block with what is missing in it.
    let offered = server.offered("offer/a.yaml", "title: x\n§\n");
    let needed = offered.iter().find(|(label, _)| label.starts_with("what Offer needs: to leave Lead: The budget"));
    let inserted = &needed.unwrap_or_else(|| panic!("{offered:?}")).1;
    assert!(inserted.contains("budget:") && inserted.contains("inputs:") && inserted.contains("goal:"), "{inserted}");
    assert!(offered.iter().any(|(label, text)| label == "inputs" && text.contains("goal:")), "{offered:?}");

    assert_eq!(labels(&server.offered("lead/b.yaml", "title: x\nsource: §\n")), ["referral", "web", "event"]);
    assert_eq!(labels(&server.offered("lead/c.yaml", "title: x\nowner: §\n")), ["boss", "olga"]);
    assert_eq!(labels(&server.offered("lead/d.yaml", "title: x\ncategory: §\n")), ["pipeline", "best_case", "commit"]);
    assert_eq!(labels(&server.offered("lead/e.yaml", "title: §\n")), [""; 0]);
    let inner = server.offered("lead/f.yaml", "title: x\ninputs:\n  §\n");
    assert!(labels(&inner).contains(&"deadline".to_owned()), "{inner:?}");
    let waiver = server.offered("lead/g.yaml", "title: x\nwaivers:\n  - criterion: §\n");
    assert_eq!(labels(&waiver), ["budget-known"]);
    let kinds = server.offered("pipeline.yaml", "version: 1\nends:\n  - id: won\n    kind: §\n");
    assert_eq!(labels(&kinds), ["won", "lost", "recycled"]);
}

#[test]
fn the_help_of_a_field_is_shown_on_hover() {
    let Some(mut server) = server(PIPELINE) else { return };
    let shown = server.shown("offer/a.yaml", "title: x\nbud§get: 12\n");
    for words in ["Budget", "What they said, not what we hope", "18000.50 USD", "Asked for to leave Lead"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = server.shown("lead/a.yaml", "title: x\nnext_step:\n  du§e: 2026-11-25\n");
    assert!(shown.contains("Due") && shown.contains("Until when"), "{shown}");
    let shown = server.shown("lead/b.yaml", "title: x\nsou§rce: web\n");
    assert!(shown.contains("`referral`") && !shown.contains("null"), "{shown}");
    let shown = server.shown("pipeline.yaml", "version: 1\nwon§_at: offer\n");
    assert!(shown.contains("The first stage that counts as won"), "{shown}");
}

#[test]
fn what_is_wrong_is_marked_where_it_stands() {
    let Some(mut server) = server(PIPELINE) else { return };
    let marked = |words: &str, line, character| vec![(line, character, words.to_owned())];
    let money = "amount must be an amount (18000 or 18000 USD)";
    assert_eq!(server.open("lead/a.yaml", "title: x\namount: abc\n"), marked(money, 1, 8));
    assert_eq!(server.open("lead/b.yaml", "title: x\namount: 1_000\n"), marked(money, 1, 8));
    let source = "source must be one of referral, web, event";
    assert_eq!(server.open("lead/c.yaml", "title: x\nsource: wbe\n"), marked(source, 1, 8));
    let date = "close_date must be a date (YYYY-MM-DD)";
    assert_eq!(server.open("lead/d.yaml", "title: x\nclose_date: 31.12.2026\n"), marked(date, 1, 12));
    assert_eq!(server.open("lead/e.yaml", "title: x\nammount: 1\n"), marked("Property ammount is not allowed.", 1, 0));
    let missing = "Missing budget, inputs.goal (to leave Lead: The budget is known (budget-known))";
    assert_eq!(server.open("offer/a.yaml", "title: x\n"), marked(missing, 0, 0));
    assert_eq!(
        server.open("offer/b.yaml", "title: x\nbudget: 1\ninputs: {deadline: 2026-01-01}\n"),
        marked(missing, 2, 0)
    );
    assert_eq!(server.open("won/2026/a.yaml", "title: x\n"), marked(missing, 0, 0));
    assert_eq!(server.open("pipeline.yaml", "version: 1\ncurrency: euro\nstages: []\n").len(), 1);
    let fine = [
        "title: x\namount:\nsource:\nnext_step:\nowner:\nclose_date: ''\n",
        "title: 12\namount: 18000\nowner: 007\nx-mine: {a: [1]}\nsource: web\n",
        "# yaml-language-server: $schema=../.tussock/deal.schema.json\ntitle: x\n",
    ];
    for (n, fine) in fine.iter().enumerate() {
        assert_eq!(server.open(&format!("lead/fine-{n}.yaml"), fine), [], "{fine}");
    }
    // A first line that names a schema goes before the settings: the common one asks for nothing of a stage.
    let line = "# yaml-language-server: $schema=../.tussock/deal.schema.json\n";
    assert_eq!(server.open("offer/c.yaml", &format!("{line}title: x\n")), []);
    assert_eq!(server.open("offer/d.yaml", &format!("{line}title: x\namount: abc\n")), marked(money, 2, 8));
}

fn deals(folder: &Path, below: &str, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap()).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{below}{}", entry.file_name().display());
        if entry.path().is_dir() && !path.starts_with('.') {
            deals(&entry.path(), &format!("{path}/"), found);
        } else if path.ends_with(".yaml") && path.contains('/') {
            found.push((path, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[test]
fn nothing_is_marked_in_the_deals_of_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("example-pipeline");
    let pipeline = std::fs::read_to_string(root.join("pipeline.yaml")).unwrap();
    let Some(mut server) = server(&pipeline) else { return };
    let mut found = Vec::new();
    deals(&root, "", &mut found);
    assert!(found.len() > 20);
    assert_ne!(server.open("brief/wrong.yaml", "title: x\namount: abc\n"), []);
    for (path, text) in &found {
        assert_eq!(server.open(path, text), [], "{path}");
    }
    assert_eq!(server.open("pipeline.yaml", &pipeline), []);
}

#[test]
fn nothing_is_marked_in_the_templates_and_their_first_deals() {
    for name in ["service-project", "simple-sites", "six-stage", "fundraising", "hiring"] {
        for language in ["en", "ru"] {
            let repo = kit::TestRepo::new();
            repo.ok(&["init", "--template", name, "--lang", language]);
            let pipeline = repo.read("pipeline.yaml");
            let Some(mut server) = server(&pipeline) else { return };
            assert_eq!(server.open("pipeline.yaml", &pipeline), [], "{name}.{language}");
            let (read, _) = pipeline_file::read(pipeline.as_bytes()).unwrap();
            let stage = read.stages[0].id.to_string();
            let required: Vec<String> = read
                .fields
                .iter()
                .filter(|f| f.required && f.name != "title")
                .map(|f| format!("--set={}=olga", f.name))
                .collect();
            let mut command = vec!["new", "ACME"];
            command.extend(required.iter().map(String::as_str));
            repo.ok(&command);
            let deal = repo.read(&format!("{stage}/acme.yaml"));
            assert_ne!(server.open(&format!("{stage}/wrong.yaml"), "amount: abc\n"), []);
            assert_eq!(server.open(&format!("{stage}/acme.yaml"), &deal), [], "{name}.{language}\n{deal}");
        }
    }
}
