from kursi_local.schema import newest_revision_in


def migration(folder, revision: str, down: str) -> None:
    (folder / f"{revision}.py").write_text(f'revision: str = "{revision}"\ndown_revision = {down}\n')


def test_the_revision_that_nothing_follows_is_the_newest(home):
    migration(home, "0001", "None")
    migration(home, "0002", '"0001"')
    assert newest_revision_in(home) == "0002"


def test_two_heads_are_no_answer(home):
    migration(home, "0001", "None")
    migration(home, "0002a", '"0001"')
    migration(home, "0002b", '"0001"')
    assert newest_revision_in(home) is None


def test_without_migrations_there_is_no_newest_revision(home):
    assert newest_revision_in(home / "nowhere") is None
