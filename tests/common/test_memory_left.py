"""How much memory is left, also in a container."""

from napari_segadv.common import memory


def test_memory_of_a_container(tmp_path, monkeypatch):
    for name, value in (("max", "1000"), ("current", "400")):
        (tmp_path / name).write_text(value)
    files = [(str(tmp_path / "max"), str(tmp_path / "current"))]
    monkeypatch.setattr(memory, "CONTAINER", files)
    assert memory.available() == 600
    (tmp_path / "current").write_text("990")
    assert memory.available() == 250
    (tmp_path / "max").write_text("max")
    assert memory.available() > 1000
