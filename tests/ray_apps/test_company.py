from __future__ import annotations

import asyncio

import pytest

from ray_apps.company import Company


class Party:
    """Guests that stay until they are told to go; ``log`` is who came and went."""

    def __init__(self) -> None:
        self.company = Company()
        self.log: list[str] = []
        self.go: dict[str, asyncio.Event] = {}

    def invite(self, name: str) -> asyncio.Task[None]:
        self.go[name] = asyncio.Event()
        return asyncio.ensure_future(self._stay(name))

    async def _stay(self, name: str) -> None:
        async with self.company.joined(lambda: name, lambda ticket: ticket.startswith("suspect")):
            self.log.append(f"{name} in")
            await self.go[name].wait()
            self.log.append(f"{name} out")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_most_are_side_by_side():
    async def run():
        party = Party()
        guests = [party.invite(name) for name in "abc"]
        await settle()
        assert party.log == ["a in", "b in", "c in"]
        for name in "cab":
            party.go[name].set()
        await asyncio.gather(*guests)
        assert party.log[3:] == ["c out", "a out", "b out"]

    asyncio.run(run())


def test_a_suspect_waits_for_all_and_all_wait_for_it():
    async def run():
        party = Party()
        guests = [party.invite(name) for name in ("a", "suspect", "b")]
        await settle()
        assert party.log == ["a in"]
        party.go["a"].set()
        await settle()
        assert party.log[1:] == ["a out", "suspect in"]
        party.go["suspect"].set()
        party.go["b"].set()
        await asyncio.gather(*guests)
        assert party.log[3:] == ["suspect out", "b in", "b out"]

    asyncio.run(run())


def test_suspects_go_one_by_one():
    async def run():
        party = Party()
        guests = [party.invite(name) for name in ("suspect 1", "suspect 2")]
        await settle()
        assert party.log == ["suspect 1 in"]
        for event in party.go.values():
            event.set()
        await asyncio.gather(*guests)
        assert party.log == ["suspect 1 in", "suspect 1 out", "suspect 2 in", "suspect 2 out"]

    asyncio.run(run())


@pytest.mark.parametrize("name", ["a", "suspect"])
def test_who_fails_or_is_cancelled_leaves_the_door_open(name):
    async def run():
        party = Party()
        lost = party.invite(name)
        await settle()
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)
        after = party.invite("suspect after")
        party.go["suspect after"].set()
        await after
        assert party.log[-1] == "suspect after out"

    asyncio.run(run())


def test_a_door_that_cannot_be_passed_stays_open_for_others():
    async def run():
        company = Company()

        def refuse() -> str:
            raise OSError("no store")

        with pytest.raises(OSError, match="no store"):
            async with company.joined(refuse, bool):
                pass
        async with company.joined(lambda: "a", lambda _: False) as ticket:
            assert ticket == "a"

    asyncio.run(run())
