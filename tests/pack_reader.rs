//! The reader of packs and loose objects beside `git cat-file`: the same objects, or none where git must be asked.

mod kit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kit::TestRepo;
use tussock::repo::objects::ObjectId;
use tussock::repo::pack::{Reader, Store};

/// Every object of a repository as `git` reads it: id, kind, bytes.
fn all(repository: &Path) -> BTreeMap<ObjectId, (String, Vec<u8>)> {
    let ran = Command::new("git")
        .args(["cat-file", "--batch-all-objects", "--batch", "--buffer"])
        .current_dir(repository)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success());
    let mut objects = BTreeMap::new();
    let mut rest = &ran.stdout[..];
    while !rest.is_empty() {
        let line = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let words: Vec<&str> = std::str::from_utf8(&rest[..line]).unwrap().split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        let bytes = rest[line + 1..line + 1 + size].to_vec();
        objects.insert(ObjectId::from_hex(words[0]).unwrap(), (words[1].to_owned(), bytes));
        rest = &rest[line + size + 2..];
    }
    objects
}

fn folder(repo: &TestRepo) -> PathBuf {
    repo.path().join(".git/objects")
}

fn read(reader: &mut Reader<'_>, id: ObjectId) -> Option<(String, Vec<u8>)> {
    reader.read(id).unwrap().map(|(kind, bytes)| (kind.name().to_owned(), bytes.to_vec()))
}

/// Compares all objects with git's, from the first id to the last, back, and in the order of storage; returns how many
/// lie in packs.
fn equal_to_git(repository: &Path, objects: &Path, id_len: usize) -> usize {
    let expected = all(repository);
    assert!(expected.len() > 2);
    let store = Store::open(objects, id_len);
    let mut reader = store.reader();
    let wanted = |object: &(String, Vec<u8>)| (object.0 != "tag").then(|| object.clone());
    for (id, object) in &expected {
        assert_eq!(read(&mut reader, *id), wanted(object), "{id}");
    }
    let mut reader = store.reader();
    for (id, object) in expected.iter().rev() {
        assert_eq!(read(&mut reader, *id), wanted(object), "{id}");
    }
    let mut reader = store.reader();
    let mut places: Vec<_> = expected.keys().filter_map(|id| Some((reader.place(*id)?, *id))).collect();
    places.sort();
    for (place, id) in &places {
        let found = reader.read_at(*id, *place).unwrap().map(|(kind, bytes)| (kind.name().to_owned(), bytes.to_vec()));
        assert_eq!(found, wanted(&expected[id]), "{id}");
    }
    places.len()
}

/// A history of many versions of a long list and of small files, with an empty file, a large one and a tag.
fn history(repo: &TestRepo, commits: usize) {
    let mut list: Vec<String> = (0..400).map(|n| format!("{n}: {}\n", n * n * 7919 % 1_000_003)).collect();
    for n in 0..commits {
        list[n * 37 % 400] = format!("changed in {n}\n");
        list.insert(n * 11 % 300, format!("new in {n}\n"));
        repo.write("sales/list.txt", list.concat()).write(&format!("sales/deal-{n}.yaml"), format!("amount: {n}\n"));
        if n == 0 {
            let noise: Vec<u8> = (0_u32..300_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            repo.write("empty", "").write("zeros", vec![0; 3_000_000]).write("noise", noise);
        }
        repo.commit(&format!("Change {n}"));
    }
    repo.git(&["tag", "-a", "-m", "A tag", &format!("v{commits}")]);
}

#[test]
fn loose_objects_are_read() {
    let repo = TestRepo::new();
    history(&repo, 12);
    assert_eq!(equal_to_git(&repo.path(), &folder(&repo), 20), 0);
}

#[test]
fn a_pack_is_read() {
    let repo = TestRepo::new();
    history(&repo, 30);
    repo.git(&["repack", "-adfq", "--depth=250", "--window=50"]);
    assert_eq!(equal_to_git(&repo.path(), &folder(&repo), 20), all(&repo.path()).len());
}

#[test]
fn several_packs_and_loose_objects_are_read() {
    let repo = TestRepo::new();
    for n in 1..4 {
        history(&repo, 6 + n);
        repo.git(&["repack", "-dq"]);
    }
    repo.write("last", "loose\n").commit("Leave this loose");
    let packed = equal_to_git(&repo.path(), &folder(&repo), 20);
    assert!(packed > 50 && packed < all(&repo.path()).len());
}
