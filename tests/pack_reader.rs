//! The reader of packs and loose objects beside `git cat-file`: the same objects, or none where git must be asked.

mod kit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use kit::TestRepo;
use proptest::prelude::*;
use tussock::repo::objects::ObjectId;
use tussock::repo::pack::{Reader, Store};

/// Objects by their ids: kind and bytes.
type Known = BTreeMap<ObjectId, (String, Vec<u8>)>;

/// Every object of a repository as `git` reads it: id, kind, bytes.
fn all(repository: &Path) -> Known {
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

#[test]
fn sha_256_objects_are_read() {
    let repo = TestRepo::without_git();
    repo.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    history(&repo, 8);
    assert_eq!(equal_to_git(&repo.path(), &folder(&repo), 32), 0);
    repo.git(&["repack", "-adfq"]);
    assert!(equal_to_git(&repo.path(), &folder(&repo), 32) > 0);
    // Ids of the other length are nowhere.
    let sha_1 = ObjectId::from_bytes(&[1; 20]).unwrap();
    let store = Store::open(&folder(&repo), 32);
    assert_eq!(store.reader().place(sha_1), None);
    assert_eq!(store.reader().read(sha_1).unwrap(), None);
}

#[test]
fn a_pack_of_differences_by_id_is_read() {
    let repo = TestRepo::new();
    history(&repo, 20);
    repo.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"]);
    assert!(equal_to_git(&repo.path(), &folder(&repo), 20) > 0);
}

#[test]
fn a_thin_pack_that_was_completed_is_read() {
    let repo = TestRepo::new();
    history(&repo, 10);
    repo.git(&["clone", "-q", "--bare", "--no-local", ".", "../repo/copy.git"]);
    for n in 0..10 {
        let list = repo.read("sales/list.txt").replace("changed", &format!("again in {n}, changed"));
        repo.write("sales/list.txt", list).git(&["commit", "-qam", "Change"]);
    }
    let script = "printf 'main\\n^main~10\\n' | git pack-objects -q --revs --thin --stdout >thin && \
                  git -C copy.git index-pack --stdin --fix-thin <thin";
    assert_eq!(repo.run(Command::new("sh").args(["-c", script])).code, 0);
    let copy = repo.path().join("copy.git");
    assert!(equal_to_git(&copy, &copy.join("objects"), 20) > 60);
}

#[test]
fn old_indexes_are_left_to_git() {
    let repo = TestRepo::new();
    history(&repo, 5);
    repo.git(&["-c", "pack.indexVersion=1", "repack", "-adfq"]);
    let store = Store::open(&folder(&repo), 20);
    let mut reader = store.reader();
    for id in all(&repo.path()).keys() {
        assert_eq!(reader.read(*id).unwrap(), None);
        assert_eq!(reader.place(*id), None);
    }
}

#[test]
fn objects_are_borrowed_through_alternates() {
    let repo = TestRepo::new();
    history(&repo, 6);
    repo.git(&["repack", "-adfq"]);
    repo.write("last", "loose\n").commit("Leave this loose");
    repo.git(&["clone", "-q", "--shared", ".", "one"]);
    repo.git(&["clone", "-q", "--shared", "one", "two"]);
    repo.git(&["-C", "two", "commit", "-q", "--allow-empty", "-m", "Of its own"]);
    let two = repo.path().join("two");
    let alternates = |at: &str, text: &str| {
        std::fs::write(repo.path().join(at).join(".git/objects/info/alternates"), text).unwrap();
    };
    let count = |expected: usize| {
        assert_eq!(all(&two).len(), expected);
        equal_to_git(&two, &two.join(".git/objects"), 20)
    };
    let expected = all(&two).len();
    let packed = count(expected);
    assert!(packed > 0 && packed < expected);
    // Relative to each folder, beside a comment and one that is not there; and round in a circle.
    alternates("two", "# from where\n/not/there\n../../../one/.git/objects\n");
    alternates("one", "../../../.git/objects\n");
    assert_eq!(count(expected), packed);
    std::fs::create_dir_all(folder(&repo).join("info")).unwrap();
    std::fs::write(folder(&repo).join("info/alternates"), "../../two/.git/objects\n../../one/.git/objects\n").unwrap();
    let store = Store::open(&two.join(".git/objects"), 20);
    let mut reader = store.reader();
    for (id, object) in all(&two) {
        assert_eq!(read(&mut reader, id), (object.0 != "tag").then_some(object), "{id}");
    }
}

#[test]
fn packs_that_come_and_go_while_reading_do_no_harm() {
    let repo = TestRepo::new();
    history(&repo, 8);
    let loose = all(&repo.path());
    let store = Store::open(&folder(&repo), 20);
    let (mut reader, mut late) = (store.reader(), store.reader());
    // Loose when the store was opened, packed when they are read.
    repo.git(&["repack", "-adfq"]);
    for (id, object) in loose.iter().filter(|(_, object)| object.0 != "tag") {
        assert_eq!(read(&mut reader, *id).as_ref(), Some(object), "{id}");
    }
    // New commits, and a new pack in the place of the one that is open.
    repo.write("new", "new\n").commit("New");
    repo.git(&["repack", "-adfq", "--depth=2"]);
    assert_eq!(
        std::fs::read_dir(folder(&repo).join("pack"))
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().unwrap() == "pack")
            .count(),
        1
    );
    let now = all(&repo.path());
    assert!(now.len() > loose.len());
    for (id, object) in now.iter().filter(|(_, object)| object.0 != "tag") {
        assert_eq!(read(&mut reader, *id).as_ref(), Some(object), "{id}");
        assert_eq!(read(&mut late, *id).as_ref(), Some(object), "{id}");
    }
}

#[test]
fn readers_of_several_threads_read_the_same() {
    let repo = TestRepo::new();
    history(&repo, 20);
    repo.git(&["repack", "-adfq"]);
    let expected = all(&repo.path());
    let store = Store::open(&folder(&repo), 20);
    std::thread::scope(|scope| {
        for turn in 0..4 {
            let (store, expected) = (&store, &expected);
            scope.spawn(move || {
                let mut reader = store.reader();
                for (id, object) in expected.iter().skip(turn * 7).filter(|(_, object)| object.0 != "tag") {
                    assert_eq!(read(&mut reader, *id).as_ref(), Some(object), "{id}");
                }
            });
        }
    });
}

/// A packed repository whose files can be changed: the paths of its pack and index, and its objects.
fn packed() -> (TestRepo, PathBuf, PathBuf, Known) {
    let repo = TestRepo::new();
    for n in 0..12 {
        let text: String = (0..60).map(|line| format!("{line}: {}\n", if line % 12 == n { n } else { line })).collect();
        repo.write("sales/list.txt", text).write(&format!("sales/{n}"), format!("{n}\n")).commit("Change");
    }
    repo.git(&["repack", "-adfq"]);
    let find = |kind: &str| {
        let listing = std::fs::read_dir(folder(&repo).join("pack")).unwrap();
        listing.map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == kind)).unwrap()
    };
    let (pack, index) = (find("pack"), find("idx"));
    for path in [&pack, &index] {
        let bytes = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let objects = all(&repo.path());
    (repo, pack, index, objects)
}

/// Reads everything; counts what is right, and what is wrong without being noticed. Sizes of the latter are right.
fn survey(repo: &TestRepo, objects: &Known, same_size: bool) -> (usize, usize) {
    let store = Store::open(&folder(repo), 20);
    let mut reader = store.reader();
    let (mut right, mut wrong) = (0, 0);
    for (id, object) in objects {
        if let Ok(Some((kind, bytes))) = reader.read(*id) {
            if (kind.name(), &*bytes) == (object.0.as_str(), &object.1) {
                right += 1;
            } else {
                assert!(!same_size || bytes.len() == object.1.len(), "{id}");
                wrong += 1;
            }
        }
    }
    (right, wrong)
}

#[test]
fn a_changed_byte_of_a_pack_is_noticed() {
    let (repo, pack, _, objects) = packed();
    let bytes = std::fs::read(&pack).unwrap();
    let (mut hit, mut unnoticed) = (0, 0);
    let tried = (0..bytes.len()).step_by(3);
    let all = tried.len();
    for at in tried {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at * 7 % 8);
        std::fs::write(&pack, changed).unwrap();
        let (right, wrong) = survey(&repo, &objects, true);
        hit += usize::from(right < objects.len());
        unnoticed += usize::from(wrong > 0);
    }
    assert!(hit > all * 9 / 10, "{hit} of {all}");
    // A kind that became another, or a distance to a base of the same size: git does not notice these either.
    assert!(unnoticed < all / 40, "{unnoticed} of {all}");
}

#[test]
fn a_changed_byte_of_an_index_does_no_harm() {
    let (repo, _, index, objects) = packed();
    let bytes = std::fs::read(&index).unwrap();
    let mut hit = 0;
    for at in (0..bytes.len()).filter(|at| *at < 40 || (*at > 1020 && at % 2 == 0) || at % 32 == 7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at * 5 % 8);
        std::fs::write(&index, changed).unwrap();
        hit += usize::from(survey(&repo, &objects, false).0 < objects.len());
    }
    assert!(hit > objects.len() * 5, "{hit}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_into_a_pack_or_index_does_no_harm(
        in_index in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        static PACKED: OnceLock<Mutex<(TestRepo, PathBuf, PathBuf, Known)>> = OnceLock::new();
        let held = PACKED.get_or_init(|| Mutex::new(packed())).lock().unwrap();
        let (repo, pack, index, objects) = &*held;
        let path = if in_index { index } else { pack };
        let bytes = std::fs::read(path).unwrap();
        let mut changed = bytes.clone();
        for (at, to) in &changes {
            let at = at.index(changed.len());
            changed[at] = *to;
        }
        if let Some(cut) = cut {
            changed.truncate(cut.index(changed.len()));
        }
        std::fs::write(path, changed).unwrap();
        survey(repo, objects, !in_index);
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_pack_that_is_cut_short_while_open_is_no_crash() {
    let (repo, pack, _, objects) = packed();
    let len = std::fs::metadata(&pack).unwrap().len();
    let store = Store::open(&folder(&repo), 20);
    let mut before = usize::MAX;
    for cut in (0..len).rev().step_by(97) {
        let file = std::fs::OpenOptions::new().write(true).open(&pack).unwrap();
        file.set_len(cut).unwrap();
        let mut reader = store.reader();
        let right = objects.iter().filter(|(id, object)| {
            let found = reader.read(**id).ok().flatten();
            found.is_some_and(|(_, bytes)| *bytes == object.1)
        });
        let right = right.count();
        assert!(right <= before);
        before = right;
    }
    assert_eq!(before, 0);
}

#[test]
fn damaged_loose_objects_are_left_to_git() {
    let repo = TestRepo::new();
    repo.write("a", "some text that is long enough to be packed, packed, packed\n").commit("One");
    let objects = all(&repo.path());
    for (id, object) in &objects {
        let name = id.to_string();
        let path = folder(&repo).join(&name[..2]).join(&name[2..]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let store = Store::open(&folder(&repo), 20);
        let mut reader = store.reader();
        assert_eq!(read(&mut reader, *id), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            for bytes in [&bytes[..at], &changed] {
                std::fs::write(&path, bytes).unwrap();
                let found = reader.read(*id).ok().flatten();
                assert!(found.is_none_or(|(_, bytes)| *bytes == object.1), "{id} {at}");
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&mut reader, *id).as_ref(), Some(object));
    }
}

#[test]
fn a_generated_pipeline_is_read() {
    let Some(generator) = kit::shared("tools/gen_repo.py") else { return };
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("small");
    let ran = Command::new("python3")
        .arg(generator)
        .arg(&target)
        .args(["--deals", "60", "--commits", "400", "--years", "1", "--shard", "year", "--full-repack"])
        .output();
    let Some(ran) = ran.ok() else { return println!("skipped: there is no Python here") };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(equal_to_git(&target, &target.join(".git/objects"), 20) > 1000);
}
