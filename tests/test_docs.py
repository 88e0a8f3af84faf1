"""The users' docs: the site builds without a warning, and everything that the pages name exists."""

import re
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from helpers import disc_image, mask_on
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

import napari_segadv as sa
from napari_segadv.cli import app
from napari_segadv.data.scan import Scan

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PICTURE = re.compile(r"images/([\w-]+)\.png")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as `make docs` does: a broken link or a page in no menu is an error."""
    folder = tmp_path_factory.mktemp("site")
    try:
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    except Abort as error:
        pytest.fail(f"make docs fails: {error}")
    return folder


class Fetched(HTMLParser):
    """The addresses that a browser fetches for a page on its own."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in ("script", "img", "iframe", "source"):
            self.found.append(given.get("src"))
        if tag == "link" and given.get("rel") != "canonical":
            self.found.append(given.get("href"))


def test_the_rooms_are_drawn_as_they_are(monkeypatch):
    """If it fails, run: python docs/architecture.py"""
    monkeypatch.syspath_prepend(DOCS)
    import architecture

    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.picture()
    assert architecture.PAGE.read_text(encoding="utf-8") == architecture.page()


def test_every_page_is_on_the_site(site):
    for page in DOCS.rglob("*.md"):
        assert (site / page.relative_to(DOCS).with_suffix(".html")).is_file()
    assert not list(site.rglob("*.py"))


def test_nothing_comes_from_another_host(site):
    pages = list(site.rglob("*.html"))
    assert pages
    for page in pages:
        fetched = [address for address in Fetched(page).found if address]
        assert fetched
        assert [a for a in fetched if re.match(r"(\w+:)?//", a)] == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text()), style.name


def test_pictures_are_shown_and_small():
    shown = {name for page in PAGES for name in PICTURE.findall(page.read_text(encoding="utf-8"))}
    there = {path.stem: path for path in (DOCS / "images").glob("*.png")}
    assert shown == set(there)
    assert {name for name, path in there.items() if path.stat().st_size > 300_000} == set()


def test_every_picture_is_made_by_a_script(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import formats_pictures
    import questions
    import real_pictures
    import screenshots

    made = {picture[0] for picture in screenshots.pictures()} | set(formats_pictures.x_rays())
    made |= {f"question-{name}" for name in questions.QUESTIONS} | set(real_pictures.NAMES)
    assert {path.stem for path in (DOCS / "images").glob("*.png")} <= made
    scripts = ("formats_pictures", "questions", "real_pictures", "screenshots")
    for name in (*scripts, "scenes", "session"):
        sys.modules.pop(name, None)


def commands():
    """Yield each line of the docs that runs segadv, with the name of its page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("segadv "):
                    yield page.name, line.partition("#")[0]
        for line in re.findall(r"`(segadv [^`]+)`", text):
            yield page.name, line


def found(words):
    """Return the command that some words begin with, and the words after its name."""
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"segadv has no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_commands_and_their_options_exist(page, line):
    command, words = found(shlex.split(line.removeprefix("segadv ")))
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known | {"--help"}, page


def leaves(command, name):
    """Return every command below one, with its whole name."""
    if not hasattr(command, "commands"):
        return [(name, command)]
    below = command.commands.items()
    return [leaf for word, child in below for leaf in leaves(child, f"{name} {word}")]


@pytest.mark.parametrize(
    ("name", "command"),
    leaves(typer.main.get_command(app), "segadv"),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_command_and_its_options_are_on_the_page(name, command):
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert name in text
    options = {o for p in command.params for o in p.opts if o.startswith("--")}
    assert {o for o in options if not re.search(rf"{o}\b", text)} == set()


def test_every_figure_is_explained(band_victim):
    scan = Scan.from_array(disc_image())
    target = band_victim.predict(scan).array.copy()
    target[20:30] = 0
    example = sa.craft(
        scan,
        band_victim,
        sa.attacks.PGD(epsilon=8.0, steps=1),
        target=mask_on(scan, target),
        truth=mask_on(scan, target),
    )
    text = (DOCS / "figures.md").read_text(encoding="utf-8")
    for name in [*example.measures, "succeeded", "passes", "curve", "measures_before_saving"]:
        assert f"`{name}" in text or name == "units", name
