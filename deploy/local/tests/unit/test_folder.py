import pytest
from kursi_local.folder import DataFolder, NotOurFolder


def test_a_folder_with_other_content_is_neither_used_nor_deleted(home):
    (home / "thesis.txt").write_text("years of work")
    folder = DataFolder(home)
    with pytest.raises(NotOurFolder):
        folder.create()
    with pytest.raises(NotOurFolder):
        folder.remove()
    assert (home / "thesis.txt").exists()


def test_others_may_pass_through_the_folder_but_not_look_around(home):
    folder = DataFolder(home / "data")
    folder.create()
    assert folder.path.stat().st_mode & 0o777 == 0o711
    assert folder.logs.stat().st_mode & 0o777 == 0o700
