"""What is left behind for the next start is read back, or taken for the worst."""

from rig.guard.kept import LeftBehind, forget, keep, kept_file, read_kept

LEFT = LeftBehind(("SN1", "SN2"), "/runs/r1", 4711, "2026-11-21T10:00:00+00:00")


def test_it_says_what_was_kept_until_it_is_forgotten(tmp_path):
    path = kept_file(tmp_path, "line-3")
    assert read_kept(path, ("SN1",)) is None
    keep(path, LEFT)
    assert read_kept(path, ()) == LEFT
    forget(path)
    forget(path)
    assert read_kept(path, ("SN1",)) is None


def test_benches_have_files_of_their_own(tmp_path):
    assert len({kept_file(tmp_path, name) for name in ("line-3", "Line-3", "line/3")}) == 3


def test_of_a_damaged_file_every_unit_may_be_delivering(tmp_path):
    path = kept_file(tmp_path, "line-3")
    for damaged in (b"", b"[]", b'{"units": ["SN1"]}', b"\xff\xfe", b'{"units": 3}'):
        path.write_bytes(damaged)
        left = read_kept(path, ("SN1", "SN9"))
        assert left == LeftBehind(("SN1", "SN9"), "", 0, "at an unknown time")
