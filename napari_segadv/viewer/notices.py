"""What napari tells the user for us, in its notifications. The only place that calls them.

napari shows a notification in a label that guesses whether it is HTML, and prints it on the
console; a message may quote what a file holds. Needs no Qt.
"""

from collections.abc import Callable

from napari.utils import notifications

from ..common.screen import MESSAGE, untagged


def tell(message: object) -> None:
    """Tell something that went well, in one line."""
    notifications.show_info(untagged(message, MESSAGE))


def warn(message: object) -> None:
    """Warn of something that is not as the user may expect, in one line."""
    notifications.show_warning(untagged(message, MESSAGE))


def complain(message: object) -> None:
    """Tell what could not be done, in one line."""
    notifications.show_error(untagged(message, MESSAGE))


class Offer(notifications.Notification):
    """A message with a button. napari would name its own manager as the source beside it."""

    source = ""


def offer(message: object, button: str, act: Callable[..., None]) -> None:
    """Tell something with a button that does more."""
    notifications.notification_manager.dispatch(
        Offer(untagged(message, MESSAGE), "info", actions=[(button, act)])
    )
