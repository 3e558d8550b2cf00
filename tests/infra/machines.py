"""The state machines of a stack, and their states: those inside of others, too."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from stack import Stack, Template


@dataclass(frozen=True)
class Machine:
    name: str
    properties: Template
    definition: Template

    def states(self) -> Iterator[tuple[str, Template]]:
        """Every state, wherever it is."""
        for _, level in levels(self.definition):
            yield from level["States"].items()

    def of_type(self, type_: str) -> Iterator[tuple[str, Template]]:
        return ((name, state) for name, state in self.states() if state["Type"] == type_)


def machines(stack: Stack) -> Iterator[Machine]:
    for name, properties in stack.of_type("AWS::StepFunctions::StateMachine"):
        yield Machine(name, properties, json.loads(properties["DefinitionString"]))


def levels(definition: Template, of: str = "") -> Iterator[tuple[str, Template]]:
    """The definition and, by the names of their Map states, those inside of it: whatever has `StartAt` and `States`."""
    yield of, definition
    for name, state in definition["States"].items():
        if "ItemProcessor" in state:
            yield from levels(state["ItemProcessor"], name)


def leads_to(state: Template) -> set[str]:
    """Where a state may go on."""
    nexts = [state.get("Next"), state.get("Default")]
    nexts += [branch["Next"] for branch in state.get("Catch", []) + state.get("Choices", [])]
    return {name for name in nexts if name}


def reached(level: Template) -> set[str]:
    """What is reached from the start, whether it exists or not."""
    found: set[str] = set()
    waiting = {level["StartAt"]}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= leads_to(level["States"].get(name, {})) - found
    return found
