"""Text from elsewhere, made fit for a screen.

Names, keys and messages from files may hold anything: line breaks by the thousand, characters that
turn the text around, a hundred thousand letters, markup. On a screen they are one short line that
shows what it holds. Qt and napari guess whether a text is HTML; `untagged` leaves nothing to guess.
"""

import re
import unicodedata
from html import escape

from .wording import printable

# Most characters of a name, of a message, and of a text of several lines, and most of its lines.
NAME, MESSAGE, PAGE, LINES = 80, 400, 4000, 50
CUT = "…"
# A tag for Qt: letters after "<", with at most spaces and these signs between.
TAG = re.compile(r"<(?=[\s!/?]*[A-Za-z])")
ANGLE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
# Invisible, but words of some languages and many emoji need them.
JOINERS = "\u200c\u200d"
# Most marks above or below a letter; texts with more run into the lines around them.
MOST_MARKS = 4
# A longer word may be broken, at each so many letters: nothing else bounds the width of a label.
WORD, PIECE = 24, 12
BREAK = "\u200b"
STACKED = 10


def one_line(text: object, most: int = NAME) -> str:
    """Return a text in one line of at most so many characters, the middle left out if need be.

    Control characters, and those that change the direction of what follows, are shown by their
    codes.

    Examples:
        >>> one_line("left\\n\\n kidney"), one_line("kid\\x1bney"), one_line("a\\u202egnp.exe")
        ('left kidney', 'kid\\\\x1bney', 'a\\\\u202egnp.exe')
        >>> one_line("abcdefghijklmnopqrstuvwxyz", most=10)
        'abcdef…xyz'
    """
    # A first cut, so that a text of any length takes no time.
    whole = _cut(str(text), STACKED * most)
    return _cut(" ".join(_visible(whole).split()), most)


def some_lines(text: object, lines: int = LINES, most: int = PAGE) -> str:
    """Return a text of several lines, of which the last ones are left out if there are too many.

    Examples:
        >>> some_lines("a\\nb\\x07\\n\\nc", lines=3)
        'a\\nb\\\\x07\\n\\n…'
    """
    found = _cut(str(text), STACKED * most).replace("\r\n", "\n").split("\n", lines)
    if len(found) > lines:
        found[lines:] = [CUT]
    return _cut("\n".join(map(_visible, found)), most)


def as_code(text: str) -> str:
    """Return code in one line of ASCII that shows each character: all else by its code.

    Nothing is left out, since somebody decides by it whether the code may run. A backslash is
    doubled, as what it begins could be taken for such a code; of several spaces only the first is
    one, as many could push what follows out of sight.

    Examples:
        >>> as_code("$0 #\\n or evil()"), as_code("t\u043erch"), as_code("a   b")
        ('$0 #\\\\n or evil()', 't\\\\u043erch', 'a \\\\x20\\\\x20b')
    """
    return re.sub("(?<= ) ", r"\\x20", text.encode("unicode_escape").decode("ascii"))


def untagged(text: object, most: int = NAME) -> str:
    """Return a text in one line that nobody takes for HTML: another sign begins what was a tag.

    It is for texts that others show who guess what they are: napari's names of layers, its
    notifications, and its status bar.

    Examples:
        >>> untagged("lung < -500 HU"), "<" in untagged("<img src=x>")
        ('lung < -500 HU', False)
    """
    return TAG.sub(ANGLE, one_line(text, most)).replace("&lt;", "& lt;")


def markup(text: object, most: int = NAME) -> str:
    """Return a text as a part of a rich text, in one line, with all that means something escaped.

    A text from right to left leaves the order of what stands beside it as it is.

    Examples:
        >>> markup("<b>liver</b>")
        '&lt;b&gt;liver&lt;/b&gt;'
    """
    shown = escape(breakable(one_line(text, most)))
    return f"\u2068{shown}\u2069" if runs_left(shown) else shown


def breakable(text: str, word: int = WORD) -> str:
    """Return a text with invisible places to break its lines in words that are longer than `word`.

    Examples:
        >>> breakable("left kidney_" + "a" * 20).split(BREAK)
        ['left kidney_aaaaa', 'aaaaaaaaaaaa', 'aaa']
    """

    def broken(found: re.Match[str]) -> str:
        letters = found.group()
        return BREAK.join(letters[n : n + PIECE] for n in range(0, len(letters), PIECE))

    return re.sub(rf"\S{{{word + 1},}}", broken, text)


def runs_left(text: str) -> bool:
    """Return whether a text has letters that run from right to left.

    Examples:
        >>> runs_left("liver"), runs_left("כבד")
        (False, True)
    """
    return not text.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)


def _visible(text: str) -> str:
    """Return a text with codes in place of the characters that a screen would obey."""
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for letter in text:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks > MOST_MARKS:
            continue
        if letter.isspace():
            shown.append(" ")
        elif letter.isprintable() or letter in JOINERS:
            shown.append(letter)
        else:
            shown.append(printable(letter))
    return "".join(shown)


def _cut(text: str, most: int) -> str:
    """Return a text without its middle: names differ at their ends, messages end with a remedy."""
    if len(text) <= most:
        return text
    last = (most - 1) // 3
    return text[: most - 1 - last] + CUT + text[len(text) - last :]
