"""segadv victims and segadv attacks: list the victims and the attacks."""

import json
from typing import Annotated

import typer

from ..arguments import example
from ..terminal import say

# Position among the commands in the help.
PLACE = 2


def add(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command(epilog=example("segadv victims"))(victims)
    app.command(epilog=example("segadv attacks --json"))(attacks)


def victims() -> None:
    """List the built-in victims and how good they are."""
    from ...samples import DEMO, bundle_facts

    for name, facts in bundle_facts().items():
        listed = ", ".join(f"{label} {value:.3f}" for label, value in facts.measured.items())
        say(f"{DEMO}{name}  {facts.task}", f"    on fresh phantoms: {listed}")


def attacks(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the attacks with their tasks and parameters."""
    from ...attacks import available
    from ...attacks.presets import NEUTRAL, first_preset
    from ...common.parameters import parameters

    if as_json:
        listed = [
            {
                "name": name,
                "title": attack.title,
                "source": attack.source,
                "tasks": list(attack.tasks),
                "starts_from": first_preset(attack).parameters,
                "parameters": [p.describe() for p in parameters(attack)],
            }
            for name, attack in available().items()
        ]
        say(*json.dumps(listed, indent=1).splitlines())
        return
    for name, attack in available().items():
        say(f"{name}  {attack.title} ({attack.source}; {', '.join(attack.tasks)})")
        declared, first = parameters(attack), first_preset(attack).parameters
        if any(p.default != first.get(p.name, p.default) for p in declared):
            given = ", ".join(f"{key}={json.dumps(value)}" for key, value in first.items())
            others = ", ".join(sorted(NEUTRAL))
            say(f"    segadv attack starts from {given}, unless you set anything but {others}")
        for p in declared:
            say(f"    {p.name} = {p.default}  {p.param.doc} [{p.expected()}]")
