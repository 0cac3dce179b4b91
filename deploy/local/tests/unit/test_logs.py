import pytest
from kursi_local.logs import ending, rotate


def test_a_log_that_grew_too_large_is_moved_and_its_writer_goes_on_in_the_same_file(home):
    log = home / "booking.log"
    with log.open("a") as writer:
        for line in ("first", "second", "third"):
            writer.write(line)
            writer.flush()
            rotate(log, largest_bytes=3)
        writer.write("now")
    assert log.read_text() == "now"
    assert (home / "booking.log.1").read_text() == "third"
    assert (home / "booking.log.3").read_text() == "first"


def test_a_small_log_is_left_alone(home):
    log = home / "booking.log"
    log.write_text("few")
    rotate(log, largest_bytes=3)
    assert not (home / "booking.log.1").exists()


def test_a_log_that_cannot_be_copied_stays_with_all_that_was_kept_before(home):
    log = home / "booking.log"
    log.write_text("now")
    (home / "booking.log.1").write_text("before")
    (home / "booking.log.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        rotate(log, largest_bytes=2)
    assert log.read_text() == "now"
    assert (home / "booking.log.1").read_text() == "before"


def test_the_ending_of_a_log_is_its_last_lines(home):
    log = home / "booking.log"
    log.write_text("one\ntwo\nthree\n")
    assert ending(log, lines=2) == "two\nthree"
