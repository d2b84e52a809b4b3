//! Files whose lines end in another way than git would write them are the committed ones all the same.

mod kit;

use kit::TestRepo;

#[test]
fn markers_that_are_committed_are_settled_whatever_the_lines_end_with() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.write("sales/brief/acme.yaml", "title: Acme\n<<<<<<< a\namount: 1\n=======\namount: 2\n>>>>>>> b\n");
    repo.commit("With the markers of a merge");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.ok(&["resolve", "acme", "--take", "theirs"]);
    assert_eq!(repo.git(&["show", "HEAD:sales/brief/acme.yaml"]), "title: Acme\namount: 2\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}
