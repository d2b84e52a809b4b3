//! `init --editor`: what is written for an editor, and that nothing of the user's is lost.

use serde_json::{Value, json};

mod kit;

use kit::TestRepo;

const PIPELINE: &str = "\
version: 1
currency: EUR
stages: [{id: lead}, {id: offer}]
ends: [{id: won, kind: won}]
";

/// A repository with a pipeline in the folder `sales`.
fn repository() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("sales/pipeline.yaml", PIPELINE);
    for stage in ["lead", "offer", "won"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    repo.commit("a pipeline");
    repo
}

fn associations() -> Value {
    json!({
        "./sales/.tussock/deal.lead.schema.json": ["sales/lead/*.yaml"],
        "./sales/.tussock/deal.offer.schema.json": ["sales/offer/*.yaml"],
        "./sales/.tussock/deal.won.schema.json": ["sales/won/*.yaml", "sales/won/*/*.yaml"],
        "./sales/.tussock/pipeline.schema.json": ["sales/pipeline.yaml"],
    })
}

fn read_json(repo: &TestRepo, path: &str) -> Value {
    serde_json::from_str(&repo.read(path)).unwrap()
}

#[test]
fn vs_code_gets_settings_at_the_top_of_the_repository() {
    let repo = repository();
    let said = repo.ok(&["init", "--editor", "vscode"]);
    assert_eq!(
        said,
        "sales/.tussock: 5 schemas, which say what a deal may hold in each stage\n\
         .vscode/settings.json: which schema belongs to which folder\n\
         .vscode/extensions.json: proposes the YAML extension to who opens the folder\n\
         \n\
         Next:  open the top folder of the repository, and install the extension that VS Code proposes\n       \
         commit these files, so that everybody in the team has them\n"
    );
    assert_eq!(read_json(&repo, ".vscode/settings.json"), json!({"yaml.schemas": associations()}));
    assert_eq!(read_json(&repo, ".vscode/extensions.json"), json!({"recommendations": ["redhat.vscode-yaml"]}));
    assert!(repo.has("sales/.tussock/deal.schema.json") && repo.has("sales/.tussock/pipeline.schema.json"));
    // Nothing is committed, and a second time nothing is to be done.
    assert_eq!(repo.git(&["log", "--oneline"]).lines().count(), 1);
    let again = repo.ok(&["init", "--editor", "vscode"]);
    assert!(
        again.starts_with("sales/.tussock: the schemas are up to date\n.vscode/settings.json: as it should be\n\nNext"),
        "{again}"
    );
}

#[test]
fn settings_that_are_there_keep_what_is_in_them() {
    let repo = repository();
    let mine = "{\n  // as wide as we like it\n  \"editor.rulers\": [120],\n}\n";
    repo.write(".vscode/settings.json", mine).write(".vscode/extensions.json", "mine");
    let said = repo.ok(&["init", "--editor", "vscode"]);
    assert!(
        said.contains(".vscode/settings.json: added which schema belongs to which folder; the rest is as it was\n")
    );
    let merged = repo.read(".vscode/settings.json");
    assert!(merged.ends_with(&mine[1..]) && merged.contains("./sales/.tussock/deal.lead.schema.json"), "{merged}");
    assert_eq!(repo.read(".vscode/extensions.json"), "mine");

    // What cannot be read, or says something else, is left and told.
    for foreign in ["{", "{\"yaml.schemas\": {\"./sales/.tussock/deal.lead.schema.json\": \"mine.yaml\"}}"] {
        repo.write(".vscode/settings.json", foreign);
        let said = repo.ok(&["init", "--editor", "vscode"]);
        assert!(said.contains(".vscode/settings.json is yours and was left as it is. Add this to it:\n"), "{said}");
        assert!(said.contains("\"sales/lead/*.yaml\""), "{said}");
        assert_eq!(repo.read(".vscode/settings.json"), foreign);
    }
}

#[test]
fn zed_helix_and_neovim_get_theirs() {
    let repo = repository();
    repo.ok(&["init", "--editor", "zed"]);
    let settings = read_json(&repo, ".zed/settings.json");
    assert_eq!(settings, json!({"lsp": {"yaml-language-server": {"settings": {"yaml": {"schemas": associations()}}}}}));
    repo.ok(&["init", "--editor", "helix"]);
    assert_eq!(
        repo.read(".helix/languages.toml"),
        "# written by `tussock init --editor`\n\
         [language-server.yaml-language-server.config.yaml.schemas]\n\
         \"./sales/.tussock/deal.lead.schema.json\" = [\"sales/lead/*.yaml\"]\n\
         \"./sales/.tussock/deal.offer.schema.json\" = [\"sales/offer/*.yaml\"]\n\
         \"./sales/.tussock/deal.won.schema.json\" = [\"sales/won/*.yaml\", \"sales/won/*/*.yaml\"]\n\
         \"./sales/.tussock/pipeline.schema.json\" = [\"sales/pipeline.yaml\"]\n"
    );
    repo.ok(&["init", "--editor", "neovim"]);
    let lua = repo.read(".nvim.lua");
    assert!(lua.starts_with("-- written by `tussock init --editor`\nvim.lsp.config(\"yamlls\", {\n"), "{lua}");
    assert!(
        lua.contains("        [\"./sales/.tussock/deal.lead.schema.json\"] = { \"sales/lead/*.yaml\" },\n"),
        "{lua}"
    );
    // A file of tussock's own is brought up to date, one of the user's is not.
    repo.write(".nvim.lua", "-- written by `tussock init --editor`\nold\n").write(".helix/languages.toml", "[mine]\n");
    assert!(repo.ok(&["init", "--editor", "neovim"]).contains(".nvim.lua: which schema belongs to which folder"));
    assert_eq!(repo.read(".nvim.lua"), lua);
    let said = repo.ok(&["init", "--editor", "helix"]);
    assert!(
        said.contains(".helix/languages.toml is yours and was left as it is. Add this to it:\n\n# written"),
        "{said}"
    );
    assert_eq!(repo.read(".helix/languages.toml"), "[mine]\n");
}

#[test]
fn a_new_pipeline_can_begin_with_its_editor() {
    let repo = TestRepo::new();
    let said = repo.ok(&["init", "--template", "six-stage", "--editor", "vscode"]);
    assert!(said.contains("\n.tussock: ") && said.contains(".vscode/settings.json: which schema"), "{said}");
    let schemas = &read_json(&repo, ".vscode/settings.json")["yaml.schemas"];
    assert_eq!(schemas["./.tussock/pipeline.schema.json"], json!(["pipeline.yaml"]));
    assert_eq!(repo.ok(&["validate"]), "");
    // Where there is neither a pipeline nor a template, there is nothing to tell an editor of.
    let empty = TestRepo::new();
    let ran = empty.tussock(&["init", "--editor", "zed"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("name a template with --template") && !empty.has(".zed"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn settings_behind_a_link_are_left() {
    let repo = repository();
    repo.write("elsewhere/settings.json", "{}");
    std::os::unix::fs::symlink(repo.path().join("elsewhere"), repo.path().join(".zed")).unwrap();
    let said = repo.ok(&["init", "--editor", "zed"]);
    assert!(said.contains(".zed/settings.json is yours and was left as it is"), "{said}");
    assert_eq!(repo.read("elsewhere/settings.json"), "{}");
}
