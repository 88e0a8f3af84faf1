"""A report read as a browser would: its elements, its text, its pictures."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image


class Page(HTMLParser):
    """The elements of a page.

    Attributes:
        tags: names of all elements, in order.
        attributes: (element, name, value) of all attributes.
        text: everything that a reader sees, in one line.
        styles: the contents of its style elements.
    """

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags, self.attributes, self.styles = [], [], []
        self._words, self._inside = [], ""
        self.feed(self.source)
        self.close()
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        (self.styles if self._inside == "style" else self._words).append(data)

    def values(self, name):
        return [value for _, found, value in self.attributes if found == name]

    @property
    def written(self):
        """The page without the bytes of its pictures."""
        return re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,", self.source)

    def picture(self, key):
        """The picture of an id, as an array; noise as RGB."""
        (address,) = re.findall(
            rf'<image id="{key}" href="data:image/png;base64,([^"]+)"', self.source
        )
        image = Image.open(io.BytesIO(base64.b64decode(address)))
        return np.asarray(image.convert("RGB") if image.mode == "P" else image)

    def fetches(self):
        """Addresses that a browser would fetch for it, or go to, apart from the page itself."""
        found = [*self.values("href"), *self.values("src"), *self.values("action")]
        found += re.findall(r"url\(([^)]*)\)", self.source)
        return [one for one in found if not one.startswith(("#", "data:image/png;base64,"))]

    def policy(self):
        """What the page allows, by directive."""
        (content,) = [
            v for t, n, v in self.attributes if t == "meta" and n == "content" and "-src" in v
        ]
        return {part.split()[0]: part.split()[1:] for part in content.split(";") if part.strip()}

    def check_safe(self):
        """Nothing of the page runs, and nothing is fetched."""
        assert not {"script", "iframe", "object", "embed", "link", "form", "img"} & set(self.tags)
        assert not [name for _, name, _ in self.attributes if name.startswith("on")]
        assert self.fetches() == []
        (style,) = self.styles
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = self.policy()
        assert policy["default-src"] == ["'none'"]
        assert policy["style-src"] == [f"'sha256-{digest}'"]
        assert policy["img-src"] == ["data:"]
        assert "script-src" not in policy
        # Styles outside of the style element are not applied.
        assert self.values("style") == []
